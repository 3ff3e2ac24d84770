//! The outcome for people.

use std::fmt::Write;

use super::outcome::{Mode, Outcome, Percentiles, Verdict};

/// Writes an outcome as a short text, line by line.
pub fn text(outcome: &Outcome) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = render(outcome, &mut out);
    out
}

fn render(outcome: &Outcome, out: &mut String) -> std::fmt::Result {
    writeln!(out, "{}", headline(outcome))?;
    if outcome.interrupted {
        writeln!(
            out,
            "  interrupted after {:.1} s of measuring: figures are of that time only",
            outcome.duration_seconds
        )?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "  goodput      {} correct answers/s   ({} of {} requests correct)",
        figure(outcome.throughput_per_second),
        outcome.requests_ok,
        outcome.requests_total
    )?;
    errors(outcome, out)?;
    writeln!(out)?;
    times(outcome, out)?;
    parts(outcome, out)?;
    guard(outcome, out)
}

fn headline(outcome: &Outcome) -> String {
    let what = match &*outcome.targets {
        [one] => one.url.clone(),
        many => many.iter().map(|target| format!("{}:{}", target.weight, target.url)).collect::<Vec<_>>().join(" "),
    };
    let how = match outcome.mode {
        Mode::Closed => format!("closed loop, {} connections", outcome.connections.unwrap_or_default()),
        Mode::Open => format!(
            "open loop, {} requests/s ({} arrivals), at most {} connections",
            outcome.rate.unwrap_or_default(),
            outcome.arrivals.as_deref().unwrap_or("constant"),
            outcome.max_connections.unwrap_or_default()
        ),
    };
    format!("{what}\n  {how}, {:.1} s after {:.1} s of warm-up", outcome.duration_seconds, outcome.warmup_seconds)
}

fn errors(outcome: &Outcome, out: &mut String) -> std::fmt::Result {
    for (kind, count) in &outcome.errors {
        let share = *count as f64 / outcome.requests_total.max(1) as f64 * 100.0;
        write!(out, "  {:<12} {count} ({share:.2} %)", kind.words())?;
        match outcome.error_examples.get(kind) {
            Some(example) => writeln!(out, ", first: {example}")?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

fn times(outcome: &Outcome, out: &mut String) -> std::fmt::Result {
    let rows = [
        ("latency", &outcome.latency_milliseconds),
        ("uncorrected", &outcome.latency_uncorrected_milliseconds),
        ("node: queue", &outcome.queue_milliseconds),
        ("node: work", &outcome.work_milliseconds),
    ];
    if rows.iter().all(|(_, row)| row.is_none()) {
        return Ok(());
    }
    writeln!(out, "  {:<12}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}", "ms", "mean", "p50", "p90", "p99", "p99.9", "max")?;
    for (name, row) in rows {
        if let Some(row) = row {
            writeln!(out, "  {name:<12}{}", cells(row))?;
        }
    }
    if outcome.latency_uncorrected_milliseconds.is_some() {
        writeln!(
            out,
            "  latency runs from the moment a request was due, uncorrected only from when it was sent: \
             what lies between is waiting that a slow node caused"
        )?;
    }
    Ok(())
}

fn cells(row: &Percentiles) -> String {
    [row.mean, row.p50, row.p90, row.p99, row.p99_9, row.max].map(|value| format!("{:>10}", figure(value))).concat()
}

/// Three or four digits, without a false precision.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn parts(outcome: &Outcome, out: &mut String) -> std::fmt::Result {
    let total: u64 = outcome.nodes.values().sum();
    for (title, rows, least) in [("node", &outcome.node_details, 1), ("address", &outcome.endpoints, 2)] {
        if rows.len() < least {
            continue;
        }
        writeln!(out)?;
        for (name, part) in rows {
            let latency = part.latency_milliseconds.as_ref();
            let at = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{} ms", figure(value)));
            let share = part.requests as f64 / total.max(1) as f64 * 100.0;
            let share = if title == "node" { format!(" ({share:.1} %)") } else { String::new() };
            writeln!(
                out,
                "  {title} {name}: {} answers{share}, p50 {}, p99 {}",
                part.requests,
                at(latency.map(|latency| latency.p50)),
                at(latency.map(|latency| latency.p99))
            )?;
        }
    }
    Ok(())
}

fn guard(outcome: &Outcome, out: &mut String) -> std::fmt::Result {
    let generator = &outcome.generator;
    writeln!(out)?;
    match generator.verdict {
        Verdict::Valid => writeln!(out, "  valid: {}", generator.reason),
        Verdict::GeneratorBound => writeln!(out, "  GENERATOR-BOUND, no ceiling of the node: {}", generator.reason),
    }
}
