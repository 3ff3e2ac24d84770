//! The tables of the page: every figure behind the charts.

use maud::{Markup, html};

use crate::report::Report;
use crate::report::findings::{bounded, objective_words};
use crate::results::number::{milliseconds, or_dash, percent, plain, price, signed_percent};
use crate::results::run::{Level, Run};
use crate::results::statistics::Spread;

/// A table that scrolls by itself on a narrow screen.
fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Markup {
    html! {
        div.table tabindex="0" {
            table {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
            }
        }
    }
}

/// What each point did.
pub fn points_table(report: &Report) -> Markup {
    let heads = [
        "topology",
        "units",
        "req/s",
        "lowest",
        "highest",
        "connections",
        "p50 ms",
        "p99 ms",
        "CPU %",
        "throttled %",
        "pool %",
        "balancer CPU %",
        "efficiency %",
        "served by each",
    ];
    let rows = report.points.iter().map(|point| {
        let ceiling = &point.ceiling_per_second;
        vec![
            point.topology().to_string(),
            point.units().to_string(),
            bounded(point.is_limit, ceiling.median),
            plain(ceiling.low),
            plain(ceiling.high),
            point.connections.to_string(),
            or_dash(point.p50_milliseconds, milliseconds),
            or_dash(point.p99_milliseconds, milliseconds),
            or_dash(point.used.cpu_percent, percent),
            or_dash(point.used.throttled_percent, percent),
            or_dash(point.used.pool_percent, percent),
            or_dash(point.used.balancer_cpu_percent, percent),
            or_dash(point.efficiency_percent, percent),
            point.served.iter().map(|(node, answers)| format!("{node} {answers}")).collect::<Vec<_>>().join(", "),
        ]
    });
    html! {
        (table(&heads, rows))
        p.note { "≥ marks a lower bound: the highest level that was tried was still the best one." }
        ul { @for pair in &report.pairs { li { (pair.sentence()) } } }
    }
}

/// What stopped each point, and the ceiling that its CPU allows.
pub fn limits_table(report: &Report) -> Markup {
    let heads = [
        "topology",
        "units",
        "CPU ms a request",
        "lowest",
        "highest",
        "CPU allows/s",
        "reached/s",
        "stopped by",
        "because",
    ];
    let rows = report.points.iter().map(|point| {
        let demand = |of: fn(&Spread) -> f64| or_dash(point.demand_milliseconds.as_ref().map(of), milliseconds);
        vec![
            point.topology().to_string(),
            point.units().to_string(),
            demand(|demand| demand.median),
            demand(|demand| demand.low),
            demand(|demand| demand.high),
            or_dash(point.predicted_per_second, plain),
            bounded(point.is_limit, point.ceiling_per_second.median),
            point.binding.resource.clone(),
            point.binding.evidence.clone(),
        ]
    });
    table(&heads, rows)
}

/// Response time over load.
pub fn latency_table(report: &Report) -> Markup {
    let heads = [
        "topology",
        "units",
        "load %",
        "offered/s",
        "answered/s",
        "p50 ms",
        "p99 ms",
        "failed %",
        "CPU %",
        "throttled %",
        "pool %",
        "objective",
    ];
    let rows = report.points.iter().flat_map(|point| {
        point.latency.iter().map(move |at| {
            vec![
                point.topology().to_string(),
                point.units().to_string(),
                percent(100.0 * at.fraction),
                plain(at.rate_per_second),
                plain(at.goodput_per_second),
                or_dash(at.p50_milliseconds, milliseconds),
                or_dash(at.p99_milliseconds, milliseconds),
                percent(at.failed_percent),
                or_dash(at.used.cpu_percent, percent),
                or_dash(at.used.throttled_percent, percent),
                or_dash(at.used.pool_percent, percent),
                if at.met { "met" } else { "missed" }.to_owned(),
            ]
        })
    });
    html! {
        (table(&heads, rows))
        ul {
            @for point in report.points.iter().filter(|point| !point.latency.is_empty()) {
                li { (point.topology()) " with " (point.units()) ": " (objective_words(point)) }
            }
        }
    }
}

/// What a dead node costs: as it was measured, and by arithmetic.
pub fn death_section(report: &Report) -> Markup {
    let rows: Vec<Vec<String>> = report
        .points
        .iter()
        .filter_map(|point| Some((point, point.death.as_ref()?)))
        .map(|(point, death)| {
            vec![
                point.topology().to_string(),
                point.units().to_string(),
                death.node.clone(),
                plain(death.rate_per_second),
                format!("{:.1} of {:.1}", death.at_seconds, death.window_seconds),
                death.requests.to_string(),
                death.failed.to_string(),
                or_dash(death.p99_milliseconds, milliseconds),
            ]
        })
        .collect();
    let heads = ["topology", "units", "killed", "offered/s", "after s", "requests", "failed", "p99 ms of the rest"];
    html! {
        @if !report.pairs.is_empty() {
            section {
                h2 { "When a node dies" }
                @if !rows.is_empty() { (table(&heads, rows.into_iter())) }
                (one_dead_table(report))
            }
        }
    }
}

fn one_dead_table(report: &Report) -> Markup {
    let rows = report.pairs.iter().map(|pair| {
        vec![
            pair.units.to_string(),
            plain(pair.vertical_per_second),
            plain(pair.one_dead.vertical_left_per_second),
            plain(pair.horizontal_per_second),
            plain(pair.one_dead.horizontal_left_per_second),
            percent(pair.one_dead.horizontal_lost_percent),
        ]
    });
    html! {
        p { "By arithmetic, from the ceilings: requests a second with all nodes, and with one dead." }
        (table(&["units", "vertical", "one dead", "horizontal", "one dead", "lost %"], rows))
    }
}

/// What a million requests cost.
pub fn cost_table(report: &Report) -> Markup {
    let rows = report.cost.iter().flat_map(|cost| &cost.rows).map(|row| {
        let difference = row.vertical_per_million.zip(row.horizontal_per_million).map(|(v, h)| 100.0 * (h / v - 1.0));
        vec![
            row.units.to_string(),
            or_dash(row.vertical_per_hour, price),
            or_dash(row.horizontal_per_hour, price),
            or_dash(row.vertical_per_million, price),
            or_dash(row.horizontal_per_million, price),
            or_dash(difference, signed_percent),
        ]
    });
    let heads =
        ["units", "vertical an hour", "horizontal an hour", "vertical a million", "horizontal a million", "difference"];
    table(&heads, rows)
}

/// Every run, in order.
pub fn runs_table(runs: &[Run]) -> Markup {
    let heads = [
        "started",
        "topology",
        "units",
        "repeat",
        "level",
        "answered/s",
        "p50 ms",
        "p99 ms",
        "requests",
        "failed",
        "machine busy %",
        "steal %",
        "valid",
    ];
    let rows = runs.iter().map(|run| {
        let latency = run.load.latency_milliseconds;
        vec![
            run.started_at.clone(),
            run.point.arm.to_string(),
            run.point.scale.to_string(),
            run.block.to_string(),
            level(&run.level),
            plain(run.load.throughput_per_second),
            or_dash(latency.map(|latency| latency.p50), milliseconds),
            or_dash(latency.map(|latency| latency.p99), milliseconds),
            run.load.requests_total.to_string(),
            (run.load.requests_total - run.load.requests_ok.min(run.load.requests_total)).to_string(),
            or_dash(run.machine.busy_percent, percent),
            or_dash(run.machine.steal_percent, percent),
            if run.verdict.valid { "yes".to_owned() } else { run.verdict.reasons.join("; ") },
        ]
    });
    table(&heads, rows)
}

fn level(level: &Level) -> String {
    match level {
        Level::Closed { connections } => format!("{connections} connections"),
        Level::Open { fraction, rate_per_second } => {
            format!("{}/s ({} %)", plain(*rate_per_second), percent(100.0 * fraction))
        }
        Level::Death { rate_per_second, .. } => format!("{}/s, a node dies", plain(*rate_per_second)),
    }
}

/// Where, with what and how it was measured.
pub fn manifest(report: &Report) -> Markup {
    let manifest = &report.manifest;
    let machine = &manifest.machine;
    let unknown = || "unknown".to_owned();
    let mut rows = vec![
        ("started".to_owned(), manifest.started_at.clone()),
        ("machine".to_owned(), machine.hostname.clone().unwrap_or_else(unknown)),
        ("system".to_owned(), machine.system.clone().unwrap_or_else(unknown)),
        ("kernel".to_owned(), machine.kernel.clone().unwrap_or_else(unknown)),
        ("processors".to_owned(), format!("{} × {}", machine.cpus, machine.cpu_model.clone().unwrap_or_else(unknown))),
        (
            "memory".to_owned(),
            machine.memory_bytes.map_or_else(unknown, |bytes| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))),
        ),
    ];
    rows.extend(
        manifest
            .limited
            .iter()
            .map(|limited| ("limited by".to_owned(), limited.mechanism.clone().unwrap_or_else(unknown))),
    );
    rows.extend(manifest.versions.iter().map(|(name, version)| (name.clone(), version.clone())));
    rows.extend(
        manifest.git.iter().map(|git| {
            ("source".to_owned(), format!("{}{}", git.revision, if git.modified { ", modified" } else { "" }))
        }),
    );
    rows.extend(report.machine_speed_per_second.iter().map(|speed| {
        (
            "speed of the machine".to_owned(),
            format!(
                "{} computations a CPU second, from {} to {}",
                plain(speed.median),
                plain(speed.low),
                plain(speed.high)
            ),
        )
    }));
    let plan = serde_json::to_value(&manifest.plan).unwrap_or_default();
    let settings =
        plan.as_object().into_iter().flatten().map(|(name, value)| (name.replace('_', " "), value.to_string()));
    html! {
        dl { @for (name, value) in rows.into_iter().chain(settings) { div { dt { (name) } dd { (value) } } } }
    }
}
