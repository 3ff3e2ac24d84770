//! The tables of the page: every figure behind the charts.

use maud::{Markup, html};

use super::figure;
use crate::report::Report;
use crate::report::columns::{self, Column};
use crate::report::findings::objective_words;
use crate::report::scaling::{self, Followed};
use crate::report::words;
use crate::results::number::{milliseconds, or_dash, percent, plain, price, signed_percent};
use crate::results::run::{Level, Run};
use crate::results::scaling::Scaling;

/// A table that scrolls by itself on a narrow screen.
pub fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Markup {
    html! {
        div.table tabindex="0" {
            table {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
            }
        }
    }
}

/// Every column of a table.
pub fn full_table<T>(columns: &[Column<T>], rows: &[T]) -> Markup {
    let heads: Vec<&str> = columns.iter().map(|column| column.head).collect();
    table(&heads, rows.iter().map(|row| columns.iter().map(|column| (column.cell)(row).trim().to_owned()).collect()))
}

/// The table of all points, and the comparisons made of it.
pub fn points_section(report: &Report) -> Markup {
    html! {
        (full_table(columns::POINTS, &report.points))
        p.note { "≥ marks a lower bound: the highest level that was tried was still the best one. Each comparison is made block by block." }
        @if !report.valid { p.note { (columns::NOT_VALID) } }
        ul { @for comparison in &report.comparisons { li { (words::sentence(comparison, &report.manifest.plan)) } } }
    }
}

/// How sizes followed a load that changes: tables, then each arm second by second.
pub fn followed(report: &Report, followed: &Followed) -> Markup {
    let rows = scaling::text::rows(followed);
    let objective = report.manifest.plan.objective;
    html! {
        section {
            h2 { "A load that changes" }
            (full_table(scaling::text::COST, &rows))
            (full_table(scaling::text::ELASTICITY, &rows))
            p.note { (scaling::text::ELASTICITY_NOTE) }
            @for arm in &followed.arms {
                h3 { (arm.arm) }
                @for chart in scaling::figures::charts(followed, arm, objective) { (figure(&chart)) }
                @if !arm.scaling.decisions.is_empty() { (decisions(&arm.scaling)) }
            }
        }
    }
}

/// Decisions that changed something, with their reasons, and what went wrong.
fn decisions(scaling: &Scaling) -> Markup {
    let changing = scaling.decisions.iter().filter(|decision| decision.wanted != decision.units);
    let changes = changing.map(|decision| {
        (decision.at_seconds, format!("{} → {}", decision.units, decision.wanted), decision.reason.clone())
    });
    let notices = scaling.notices.iter().map(|notice| (notice.at_seconds, String::new(), notice.text.clone()));
    let mut rows: Vec<(f64, String, String)> = changes.chain(notices).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let cells = rows.into_iter().map(|(at, change, reason)| vec![format!("{at:.1}"), change, reason]);
    html! {
        details {
            summary { "Changes, and why" }
            (table(&["seconds", "units", "why"], cells))
        }
    }
}

/// The limit by the objective of each point, in words.
pub fn objectives(report: &Report) -> Markup {
    html! {
        ul {
            @for point in report.points.iter().filter(|point| !point.latency.is_empty()) {
                li { (point.key) ": " (objective_words(point)) }
            }
        }
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
        "arm",
        "scale",
        "block",
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
        Level::Profile { shape, peak_per_second, .. } => {
            format!("{}, at most {}/s", shape.name(), plain(*peak_per_second))
        }
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
