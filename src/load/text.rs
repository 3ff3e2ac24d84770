//! The outcome for people.

use std::fmt::{Result, Write};

use super::warning::warnings;
use crate::results::load::{Arrivals, LoadMode, LoadOutcome, Percentiles, Subtotal, TargetInfo, Validity};
use crate::results::number::{figure, grouped, percent, rate};

/// Writes an outcome as a short text, line by line.
pub fn text(outcome: &LoadOutcome) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = render(outcome, &mut out);
    out
}

fn render(outcome: &LoadOutcome, out: &mut String) -> Result {
    headline(outcome, out)?;
    writeln!(out)?;
    goodput(outcome, out)?;
    errors(outcome, out)?;
    sessions(outcome, out)?;
    versions(outcome, out)?;
    caching(outcome, out)?;
    tls(outcome, out)?;
    times(outcome, out)?;
    parts(outcome, out)?;
    generators(outcome, out)?;
    writeln!(out)?;
    let verdict = match outcome.generator.verdict {
        Validity::Valid => "valid",
        Validity::GeneratorBound => "GENERATOR-BOUND, so nothing here is the node's ceiling",
    };
    paragraph(out, "Generator", &format!("{verdict}: {}", outcome.generator.reason))?;
    for warning in warnings(outcome) {
        writeln!(out)?;
        paragraph(out, "Warning", &warning.to_string())?;
    }
    Ok(())
}

/// A label, and a text that is broken between words where the line is full.
fn paragraph(out: &mut String, label: &str, text: &str) -> Result {
    const WIDTH: usize = 100;
    let mut line = format!("  {label:<LABEL$}");
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.len() + 1 + word.len() > WIDTH {
            writeln!(out, "{line}")?;
            (line, empty) = (" ".repeat(2 + LABEL), true);
        }
        line.push_str(if empty { "" } else { " " });
        line.push_str(word);
        empty = false;
    }
    writeln!(out, "{line}")
}

/// Width of the first column, and of the columns of figures.
const LABEL: usize = 13;
const CELL: usize = 10;

/// With a space behind it; nothing for GET.
fn method(target: &TargetInfo) -> String {
    target.method.as_ref().map(|method| format!("{method} ")).unwrap_or_default()
}

fn headline(outcome: &LoadOutcome, out: &mut String) -> Result {
    match &*outcome.targets {
        [one] => writeln!(out, "{}{}", method(one), one.url)?,
        many => many.iter().try_for_each(|one| writeln!(out, "{}{}:{}", method(one), one.weight, one.url))?,
    }
    match outcome.mode {
        LoadMode::Closed => {
            write!(out, "  closed loop: {} connections", grouped(outcome.connections.unwrap_or(0) as u64))?
        }
        LoadMode::Open => {
            let gaps = match outcome.arrivals {
                Some(Arrivals::Poisson) => "random",
                Some(Arrivals::Constant) | None => "even",
            };
            let rate = outcome.rate.unwrap_or_default();
            let rate = if rate.fract() == 0.0 { grouped(rate as u64) } else { rate.to_string() };
            match &outcome.profile {
                None => write!(out, "  open loop: {rate} requests/s at {gaps} gaps")?,
                Some(points) => {
                    let (least, most) = points
                        .iter()
                        .fold((f64::INFINITY, 0.0_f64), |(least, most), point| (least.min(point.1), most.max(point.1)));
                    let mean = outcome.rate.unwrap_or_default();
                    write!(
                        out,
                        "  open loop: from {least:.1} to {most:.1} requests/s, {mean:.1} on average, at {gaps} gaps"
                    )?;
                }
            }
        }
    }
    let (window, warmup) = (outcome.duration_seconds, outcome.warmup_seconds);
    writeln!(out, ", measured for {window:.1} s after {warmup:.1} s of warm-up")?;
    if outcome.interrupted {
        writeln!(out, "  INTERRUPTED: these are the figures of the {window:.1} s until then")?;
    }
    Ok(())
}

fn goodput(outcome: &LoadOutcome, out: &mut String) -> Result {
    writeln!(
        out,
        "  {:<LABEL$}{} correct answers/s   ({} of {} requests)",
        "Goodput",
        rate(outcome.throughput_per_second),
        grouped(outcome.requests_ok),
        grouped(outcome.requests_total)
    )
}

fn errors(outcome: &LoadOutcome, out: &mut String) -> Result {
    let failed: u64 = outcome.errors.values().sum();
    if failed == 0 {
        return writeln!(out, "  {:<LABEL$}none", "Errors");
    }
    let share = |count: u64| format!("{:.2} %", count as f64 / outcome.requests_total.max(1) as f64 * 100.0);
    writeln!(out, "  {:<LABEL$}{} ({})", "Errors", grouped(failed), share(failed))?;
    for (kind, count) in &outcome.errors {
        let example = outcome.error_examples.get(kind).map_or("", String::as_str);
        writeln!(out, "    {:<18}{:>CELL$}{:>CELL$}   {example}", kind.words(), grouped(*count), share(*count))?;
    }
    let codes: Vec<_> = outcome.status.iter().map(|(code, count)| format!("{code}: {}", grouped(*count))).collect();
    if codes.is_empty() { Ok(()) } else { writeln!(out, "  {:<LABEL$}{}", "Status", codes.join("   ")) }
}

fn sessions(outcome: &LoadOutcome, out: &mut String) -> Result {
    let Some(sessions) = outcome.sessions else { return Ok(()) };
    let users = grouped(sessions.users);
    let lost = match sessions.users_that_lost {
        0 => "none was lost".to_owned(),
        lost => format!(
            "{} of them ({} %) lost theirs, {} times in all",
            grouped(lost),
            percent(sessions.lost_percent()),
            grouped(sessions.lost_total)
        ),
    };
    writeln!(out, "  {:<LABEL$}{users} users had one; {lost}", "Sessions")
}

fn versions(outcome: &LoadOutcome, out: &mut String) -> Result {
    let Some(versions) = outcome.versions else { return Ok(()) };
    let (answers, stale) = (grouped(versions.answers), grouped(versions.stale));
    let share = percent(versions.stale_percent());
    writeln!(out, "  {:<LABEL$}{stale} of {answers} answers ({share} %) were older than one seen before", "Stale")
}

fn caching(outcome: &LoadOutcome, out: &mut String) -> Result {
    let Some(caching) = outcome.caching else { return Ok(()) };
    let (answers, hits, share) = (grouped(caching.answers), grouped(caching.hits), percent(caching.hit_percent()));
    writeln!(out, "  {:<LABEL$}{hits} of {answers} answers ({share} %) were hits of the nearest cache", "Cache")
}

fn tls(outcome: &LoadOutcome, out: &mut String) -> Result {
    let Some(tls) = &outcome.tls else { return Ok(()) };
    let versions: Vec<&str> = tls.versions.keys().map(String::as_str).collect();
    let by = if versions.is_empty() { String::new() } else { format!(" ({})", versions.join(" and ")) };
    let resumed = match (tls.handshakes_total, tls.resumption) {
        (0, _) => "none came to its end".to_owned(),
        (_, false) => "each of them whole, as asked".to_owned(),
        (_, true) => format!("{} of them resumed a session", grouped(tls.resumed_total)),
    };
    let unverified = if tls.verified { "" } else { "; NO CERTIFICATE WAS VERIFIED (--insecure)" };
    let text = format!("{} handshakes{by}, {resumed}{unverified}", grouped(tls.handshakes_total));
    paragraph(out, "TLS", &text)
}

fn times(outcome: &LoadOutcome, out: &mut String) -> Result {
    let open = outcome.mode == LoadMode::Open;
    let rows = [
        (if open { "corrected" } else { "all" }, &outcome.latency_milliseconds),
        ("uncorrected", &outcome.latency_uncorrected_milliseconds),
        ("node, queue", &outcome.queue_milliseconds),
        ("node, work", &outcome.work_milliseconds),
        ("handshake", &outcome.handshake_milliseconds),
    ];
    if rows.iter().all(|(_, row)| row.is_none()) {
        return Ok(());
    }
    head(out, "Latency, ms", &["mean", "p50", "p90", "p99", "p99.9", "max"])?;
    for (name, row) in rows {
        if let Some(Percentiles { mean, p50, p90, p99, p99_9, max, .. }) = *row {
            line(out, name, LABEL, &[mean, p50, p90, p99, p99_9, max].map(figure))?;
        }
    }
    if outcome.latency_uncorrected_milliseconds.is_some() {
        let line = "corrected: from when a request was due; uncorrected: from when it was sent, which hides waiting";
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

fn parts(outcome: &LoadOutcome, out: &mut String) -> Result {
    let answers: u64 = outcome.nodes.values().sum();
    for (title, count, parts, least) in
        [("Node", "answers", &outcome.node_details, 1), ("Address", "requests", &outcome.endpoints, 2)]
    {
        if parts.len() < least {
            continue;
        }
        let widest = parts.keys().map(|name| name.chars().count() + 2).max().unwrap_or(0).max(LABEL);
        writeln!(out)?;
        line(out, title, widest, &[count, "share", "correct", "p50", "p99"].map(str::to_owned))?;
        let all = if title == "Node" { answers } else { outcome.requests_total };
        for (name, part) in parts {
            line(out, name, widest, &cells(part, all))?;
        }
    }
    Ok(())
}

/// Each of several generators, and how well they began together.
fn generators(outcome: &LoadOutcome, out: &mut String) -> Result {
    let Some(widest) = outcome.generators.iter().map(|one| one.name.chars().count() + 2).max() else { return Ok(()) };
    let widest = widest.max(LABEL);
    writeln!(out)?;
    line(
        out,
        "Generators",
        widest,
        &["requests", "correct/s", "p50", "p99", "late, ms", "clock, ms"].map(str::to_owned),
    )?;
    for one in &outcome.generators {
        let at = |value: fn(&Percentiles) -> f64| {
            one.latency_milliseconds.as_ref().map_or_else(|| "-".to_owned(), |latency| figure(value(latency)))
        };
        let late = one.start.map_or_else(|| "-".to_owned(), |start| figure(start.late_milliseconds));
        let clock = one.start.and_then(|start| start.node_clock);
        let clock = clock.map_or_else(|| "-".to_owned(), |clock| format!("{:+.0}", clock.milliseconds));
        let (p50, p99) = (at(|latency| latency.p50), at(|latency| latency.p99));
        let cells = [grouped(one.requests_total), rate(one.throughput_per_second), p50, p99, late, clock];
        line(out, &one.name, widest, &cells)?;
    }
    writeln!(out, "  late: after the moment named by --at; clock: of the answering node, minus the generator's own")
}

fn cells(part: &Subtotal, all: u64) -> [String; 5] {
    let at = |value: fn(&Percentiles) -> f64| {
        part.latency_milliseconds.as_ref().map_or_else(|| "-".to_owned(), |latency| figure(value(latency)))
    };
    let share = format!("{:.1} %", part.requests as f64 / all.max(1) as f64 * 100.0);
    [grouped(part.requests), share, grouped(part.ok), at(|latency| latency.p50), at(|latency| latency.p99)]
}

fn head(out: &mut String, title: &str, columns: &[&str; 6]) -> Result {
    writeln!(out)?;
    line(out, title, LABEL, &columns.map(str::to_owned))
}

fn line(out: &mut String, label: &str, width: usize, cells: &[String]) -> Result {
    write!(out, "  {label:<width$}")?;
    cells.iter().try_for_each(|cell| write!(out, "{cell:>CELL$}"))?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::fixture::outcome;
    use crate::results::load::ErrorKind;

    #[test]
    fn columns_stand_below_each_other() {
        let mut outcome = outcome();
        let latency = outcome.latency_milliseconds;
        let part = |requests, ok| Subtotal { requests, ok, latency_milliseconds: latency, histogram: None };
        outcome.node_details =
            [("a".to_owned(), part(900, 900)), ("a-long-name-of-a-node".to_owned(), part(90, 0))].into();
        outcome.nodes = [("a".to_owned(), 900), ("a-long-name-of-a-node".to_owned(), 90)].into();
        let text = text(&outcome);
        let table: Vec<_> = text.lines().skip_while(|line| !line.starts_with("  Node")).take(3).collect();
        assert!(table.iter().all(|line| line.len() == table[0].len()), "{text}");
        assert!(
            text.contains("at even gaps")
                && text.contains("Errors       none")
                && text.contains("from when it was sent")
        );
    }

    #[test]
    fn what_went_wrong_is_shown() {
        let mut outcome = outcome();
        outcome.interrupted = true;
        outcome.errors = [(ErrorKind::UnexpectedStatus, 10)].into();
        outcome.error_examples = [(ErrorKind::UnexpectedStatus, "status 503".to_owned())].into();
        outcome.status = [(200, 990), (503, 10)].into();
        outcome.generator.verdict = Validity::GeneratorBound;
        outcome.generator.reason = "a long story ".repeat(30);
        let text = text(&outcome);
        assert!(text.lines().all(|line| line.len() <= 100 && line.trim_end() == line), "{text}");
        for part in ["INTERRUPTED", "10 (1.00 %)", "unexpected status", "status 503", "503: 10", "GENERATOR-BOUND"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
