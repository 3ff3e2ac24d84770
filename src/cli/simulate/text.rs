//! The outcome for people.

use std::fmt::{Result, Write};

use crate::report::table::WIDTH;
use crate::results::number::{counted, plain, significant};
use crate::simulate::{
    ArrivalProcess, Discipline, Estimate, NodeOutcome, Policy, RequestFailure, ServiceTime, SimulatedServer,
    SimulationOutcome, SystemModel, TimeSummary,
};

/// Nodes that are shown one by one; of more, the range.
const NODES_SHOWN: usize = 16;
const LABEL: usize = 15;
const CELL: usize = 10;

/// Writes a model and what came of it, in at most 100 columns. `elapsed` is what the simulation took, in seconds.
pub(super) fn text(model: &SystemModel, outcome: &SimulationOutcome, notes: &[String], elapsed: f64) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = render(model, outcome, notes, elapsed, &mut out);
    out
}

fn render(
    model: &SystemModel,
    outcome: &SimulationOutcome,
    notes: &[String],
    elapsed: f64,
    out: &mut String,
) -> Result {
    headline(model, out)?;
    writeln!(out)?;
    requests(outcome, out)?;
    times(outcome, out)?;
    writeln!(out)?;
    used(model, outcome, out)?;
    if is_unsteady(model, outcome) {
        timeline(outcome, out)?;
    }
    writeln!(out)?;
    let speed = outcome.events as f64 / elapsed.max(1e-9) / 1e6;
    let events = count(outcome.events);
    paragraph(
        out,
        "Engine",
        &format!("{events} events in {elapsed:.2} s: {} million a second", significant(speed, 3)),
    )?;
    for note in notes {
        paragraph(out, "Note", note)?;
    }
    for warning in warnings(model, outcome) {
        paragraph(out, "Warning", &warning)?;
    }
    Ok(())
}

/// A label, and a text that is broken between words where the line is full.
fn paragraph(out: &mut String, label: &str, text: &str) -> Result {
    lines(out, &format!("  {label:<LABEL$}"), LABEL + 2, text)
}

/// A text behind `begin`, its further lines indented.
fn lines(out: &mut String, begin: &str, indent: usize, text: &str) -> Result {
    let mut line = begin.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > usize::from(WIDTH) {
            writeln!(out, "{line}")?;
            (line, empty) = (" ".repeat(indent), true);
        }
        line.push_str(if empty { "" } else { " " });
        line.push_str(word);
        empty = false;
    }
    writeln!(out, "{line}")
}

fn headline(model: &SystemModel, out: &mut String) -> Result {
    let policy = match model.balancer {
        Policy::Random => "at random",
        Policy::RoundRobin => "in turn",
        Policy::LeastConnections => "the one with the fewest open requests",
        Policy::TwoChoices => "the better of two random ones",
    };
    let nodes = format!("{} {}", count(model.nodes as u64), if model.nodes == 1 { "node" } else { "nodes" });
    let chosen = if model.nodes == 1 { String::new() } else { format!("; the balancer takes {policy}") };
    lines(out, "", 2, &format!("{nodes}, {}{chosen}", server(&model.server)))?;
    let rate = significant(model.arrivals.mean_rate(), 4);
    let arrivals = match &model.arrivals {
        ArrivalProcess::Poisson { .. } => format!("{rate} requests/s at random gaps"),
        ArrivalProcess::Even { .. } => format!("{rate} requests/s at even gaps"),
        ArrivalProcess::Profile(profile) => {
            format!("{rate} requests/s on average, by a profile of {} s", significant(profile.duration(), 4))
        }
        ArrivalProcess::Recorded(gaps) => {
            format!("{rate} requests/s on average, at {} recorded gaps", count(gaps.len() as u64))
        }
    };
    let tasks = if model.fork == 1 { String::new() } else { format!(", each of {} tasks", model.fork) };
    let load = percent(model.load());
    let line = format!("{arrivals}{tasks}; service {}: {load} of what the nodes can do", service(&model.service));
    lines(out, "  ", 4, &line)?;
    if let (Some(store), Some(load)) = (&model.store, model.store_load()) {
        let stores = counted(u32::try_from(store.count).unwrap_or(u32::MAX), "store");
        let share = percent(store.share);
        let line = format!(
            "{stores}, {}, for {share} of the requests; service {}: {} of what the stores can do",
            server(&store.server),
            service(&store.service),
            percent(load)
        );
        lines(out, "  ", 4, &line)?;
    }
    Ok(())
}

fn server(server: &SimulatedServer) -> String {
    let threads = counted(server.threads, "thread");
    let quota = server.quota.map_or_else(String::new, |quota| {
        format!(
            " under a quota of {} cores, {} ms periods",
            significant(quota.cores, 3),
            significant(quota.period_seconds * 1e3, 3)
        )
    });
    let order = match server.discipline {
        Discipline::Fcfs => "first come first served",
        Discipline::Ps => "all at once",
    };
    let queue = server.queue.map_or_else(String::new, |queue| format!(", at most {} waiting", count(u64::from(queue))));
    format!("{threads} each{quota}, {order}{queue}")
}

fn service(service: &ServiceTime) -> String {
    let mean = format!("{} s", significant(service.mean(), 4));
    match service {
        ServiceTime::Exponential { .. } => format!("exponential, {mean}"),
        ServiceTime::Fixed { .. } => format!("always {mean}"),
        ServiceTime::LogNormal { cv, .. } => format!("log-normal, {mean}, coefficient of variation {cv}"),
        ServiceTime::Measured(_) => {
            format!("as measured, {mean}, coefficient of variation {}", significant(service.variation(), 3))
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A count: all its digits, in groups.
fn count(count: u64) -> String {
    if count < 100 { count.to_string() } else { plain(count as f64) }
}

fn requests(outcome: &SimulationOutcome, out: &mut String) -> Result {
    let all = outcome.requests as f64;
    let rate = significant(outcome.goodput_per_second, 4);
    let seconds = significant(outcome.simulated_seconds, 4);
    let (all_text, completed) = (count(outcome.requests), count(outcome.completed));
    paragraph(
        out,
        "Answered",
        &format!("{completed} of {all_text} requests, {rate}/s in {seconds} simulated seconds"),
    )?;
    let list = |counts: &std::collections::BTreeMap<RequestFailure, u64>| {
        let parts: Vec<String> =
            counts.iter().map(|(kind, number)| format!("{} {}", kind.words(), count(*number))).collect();
        parts.join(", ")
    };
    let lost = outcome.lost_total();
    let lost = if lost == 0 {
        "none".to_owned()
    } else {
        format!("{} ({}): {}", count(lost), percent(lost as f64 / all), list(&outcome.lost))
    };
    paragraph(out, "Lost", &lost)?;
    if outcome.tries > outcome.requests {
        let tries = significant(outcome.tries as f64 / all, 3);
        paragraph(out, "Sent again", &format!("{tries} tries a request; failed: {}", list(&outcome.failed_tries)))?;
    }
    Ok(())
}

fn times(outcome: &SimulationOutcome, out: &mut String) -> Result {
    let Some(system) = outcome.time_in_system else { return Ok(()) };
    let (unit, factor) = if system.p50.value >= 0.5 { ("s", 1.0) } else { ("ms", 1e3) };
    writeln!(out)?;
    write!(out, "  {:<LABEL$}", format!("Time, {unit}"))?;
    ["mean", "p50", "p90", "p95", "p99", "p99.9", "max"].iter().try_for_each(|head| write!(out, "{head:>CELL$}"))?;
    writeln!(out)?;
    rows("in the system", &system, factor, out)?;
    let queues = [("in the queue", outcome.time_in_queue), ("store's queue", outcome.time_in_store_queue)];
    queues.into_iter().try_for_each(|(label, queue)| queue.map_or(Ok(()), |times| rows(label, &times, factor, out)))
}

/// A line of figures, and the ends of their intervals below.
fn rows(label: &str, times: &TimeSummary, factor: f64, out: &mut String) -> Result {
    let all = [times.mean, times.p50, times.p90, times.p95, times.p99, times.p99_9];
    let figure = |value: f64| significant(value * factor, 4);
    let row = |out: &mut String, label: &str, cells: Vec<String>| {
        let line = cells.iter().fold(format!("  {label:<LABEL$}"), |line, cell| format!("{line}{cell:>CELL$}"));
        writeln!(out, "{}", line.trim_end())
    };
    let mut values: Vec<String> = all.iter().map(|estimate| figure(estimate.value)).collect();
    values.push(figure(times.max));
    row(out, label, values)?;
    let ends = |end: usize| -> Vec<String> {
        let cell = |estimate: &Estimate| estimate.interval_95.map_or("-".to_owned(), |ends| figure(ends[end].max(0.0)));
        all.iter().map(cell).collect()
    };
    if all.iter().all(|estimate| estimate.interval_95.is_none()) {
        return Ok(());
    }
    row(out, "  95 % from", ends(0))?;
    row(out, "       to", ends(1))
}

fn used(model: &SystemModel, outcome: &SimulationOutcome, out: &mut String) -> Result {
    let of = if model.server.quota.is_some() { "of the quota" } else { "of the threads" };
    if let Some(all) = outcome.utilization {
        let ends = all
            .interval_95
            .map_or_else(String::new, |[low, high]| format!(" (95 %: {} to {})", percent(low.max(0.0)), percent(high)));
        paragraph(out, "Nodes use", &format!("{} {of}{ends}", percent(all.value)))?;
    }
    each("Each node", &outcome.nodes, out)?;
    if outcome.stores.is_empty() { Ok(()) } else { each("Each store", &outcome.stores, out) }
}

fn each(label: &str, all: &[NodeOutcome], out: &mut String) -> Result {
    let throttled: Vec<f64> = all.iter().filter_map(|node| node.throttled).collect();
    if all.len() <= NODES_SHOWN {
        let shares: Vec<String> = all.iter().map(|node| percent(node.utilization)).collect();
        paragraph(out, label, &shares.join(", "))?;
    } else {
        let mut sorted: Vec<f64> = all.iter().map(|node| node.utilization).collect();
        sorted.sort_by(f64::total_cmp);
        let (low, middle, high) = (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
        paragraph(out, label, &format!("{} to {}, half above {}", percent(low), percent(high), percent(middle)))?;
    }
    if throttled.is_empty() {
        return Ok(());
    }
    let mean = throttled.iter().sum::<f64>() / throttled.len() as f64;
    paragraph(out, "Throttled", &format!("in {} of the quota's periods with work", percent(mean)))
}

/// Whether the run is a story that a table of its slices tells, and no steady state.
fn is_unsteady(model: &SystemModel, outcome: &SimulationOutcome) -> bool {
    let profile = matches!(model.arrivals, ArrivalProcess::Profile(_));
    profile || !model.deaths.is_empty() || outcome.lost_total() > 0 || outcome.tries > outcome.requests
}

fn timeline(outcome: &SimulationOutcome, out: &mut String) -> Result {
    writeln!(out)?;
    let heads = ["from s", "nodes", "arrive/s", "tries/s", "answer/s", "lost/s", "p50 s", "p99 s", "use"];
    heads.iter().try_for_each(|head| write!(out, "{head:>CELL$}"))?;
    writeln!(out)?;
    for slice in &outcome.timeline {
        let seconds = slice.end_seconds - slice.begin_seconds;
        let a_second = |count: u64| if seconds > 0.0 { significant(count as f64 / seconds, 3) } else { "-".to_owned() };
        let time = |time: Option<f64>| time.map_or("-".to_owned(), |time| significant(time, 3));
        let begin = format!("{}{}", significant(slice.begin_seconds, 4), if slice.measured { "" } else { "*" });
        let use_text = slice.utilization.map_or("-".to_owned(), percent);
        let cells = [
            begin,
            slice.nodes.to_string(),
            a_second(slice.arrived),
            a_second(slice.tries),
            a_second(slice.completed),
            a_second(slice.lost),
            time(slice.p50_seconds),
            time(slice.p99_seconds),
            use_text,
        ];
        cells.iter().try_for_each(|cell| write!(out, "{cell:>CELL$}"))?;
        writeln!(out)?;
    }
    writeln!(out, "{:>CELL$}", "* warm-up")
}

fn warnings(model: &SystemModel, outcome: &SimulationOutcome) -> Vec<String> {
    let mut warnings = Vec::new();
    let parts = [
        ("nodes", Some(model.load()), &model.server),
        ("stores", model.store_load(), model.store.as_ref().map_or(&model.server, |store| &store.server)),
    ];
    for (what, load, server) in parts {
        if load.is_some_and(|load| load >= 1.0) && server.queue.is_none() {
            warnings.push(format!(
                "more comes than the {what} can do, so their queues grow as long as the run lasts: the times depend on its \
                 length, and are no property of the system. Lower --rate, add nodes or threads, or limit the queue"
            ));
        }
    }
    if is_unsteady(model, outcome) {
        warnings.push(
            "the load, the nodes or the queues change while it runs: the intervals hold for a steady state only, the table shows \
             what happened"
                .to_owned(),
        );
    }
    let all = outcome.time_in_system.iter().flat_map(|times| [times.mean, times.p50, times.p99]);
    if all.into_iter().any(|estimate| estimate.correlated) {
        warnings.push(
            "parts of the run depend on each other, so the intervals are too narrow: ask for more --requests"
                .to_owned(),
        );
    }
    if outcome.time_in_system.is_some_and(|times| times.mean.interval_95.is_none()) {
        warnings.push("the run is too short for intervals: ask for more --requests".to_owned());
    }
    warnings
}
