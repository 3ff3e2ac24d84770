//! The tables of the page: every figure behind the charts.

use maud::{Markup, html};

use super::{claim, figure, heads, hero, panel};
use crate::design::Text;
use crate::report::Report;
use crate::report::analysis::Point;
use crate::report::columns::{self, Column};
use crate::report::findings::objective_words;
use crate::report::scaling::{self, Followed};
use crate::report::words;
use crate::results::number::{milliseconds, or_dash, percent, plain, price, signed_percent};
use crate::results::plan::Plan;
use crate::results::run::{Level, Run};
use crate::results::scaling::Scaling;

/// A cell as the page shows it.
struct Cell {
    shown: Markup,
    /// What it is sorted by.
    plain: String,
}

/// A row, and which run it is of.
struct Row {
    run: Option<usize>,
    cells: Vec<Cell>,
}

/// Rows that belong together, with the id that links lead to.
struct Body {
    id: Option<String>,
    rows: Vec<Row>,
}

/// A table in a frame that scrolls by itself; `words` are the columns that are no figures.
fn framed(heads: &[&str], words: &[usize], bodies: Vec<Body>) -> Markup {
    let decimals: Vec<usize> = (0..heads.len())
        .map(|column| {
            let cells = bodies.iter().flat_map(|body| &body.rows).filter_map(|row| row.cells.get(column));
            cells.map(|cell| decimals_of(&cell.plain)).max().unwrap_or(0)
        })
        .collect();
    html! {
        div.scroll tabindex="0" role="group" aria-label=(heads.join(", ")) {
            table data-sortable {
                thead { tr { @for (column, name) in heads.iter().enumerate() { (head(name, words.contains(&column))) } } }
                @for body in bodies {
                    tbody id=[body.id] {
                        @for row in body.rows {
                            tr data-run=[row.run] {
                                @for (column, cell) in row.cells.into_iter().enumerate() {
                                    @if column == 0 { th scope="row" { (cell.shown) } }
                                    @else if words.contains(&column) { td.words { (cell.shown) } }
                                    @else { td { (cell.shown) (padding(&cell.plain, decimals[column])) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn head(name: &str, words: bool) -> Markup {
    if name.is_empty() {
        return html! { td {} };
    }
    let (name, unit) = heads::head(name);
    html! {
        th scope="col" class=[words.then_some("words")] {
            (name) @if let Some(unit) = unit { span.unit { (unit) } }
        }
    }
}

/// Signs behind the decimal point of a figure.
fn decimals_of(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, rest)| rest.chars().take_while(char::is_ascii_digit).count())
}

/// Room behind a figure with fewer decimals than others of its column, so that the points stand below each other.
fn padding(text: &str, decimals: usize) -> Markup {
    let own = decimals_of(text);
    let missing = match (own, decimals) {
        (own, most) if own >= most => return html! {},
        (0, most) => format!(".{}", "0".repeat(most)),
        (own, most) => "0".repeat(most - own),
    };
    html! { i.pad data-pad=(missing) {} }
}

/// A table of texts, all of them figures but the first and the last column.
pub fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Markup {
    let last = heads.len().saturating_sub(1);
    let rows = rows.map(|row| {
        let cells = row.into_iter().enumerate();
        let cells =
            cells.map(|(column, text)| if column == 0 || column == last { worded(&text) } else { figure_cell(&text) });
        Row { run: None, cells: cells.collect() }
    });
    framed(heads, &[0, last], vec![Body { id: None, rows: rows.collect() }])
}

fn figure_cell(text: &str) -> Cell {
    Cell { shown: html! { (Text::figure(text)) }, plain: text.to_owned() }
}

fn worded(text: &str) -> Cell {
    Cell { shown: html! { (heads::cell(text)) }, plain: text.to_owned() }
}

/// The same figure, as a link to the runs that it was made from.
fn linked(text: &str, point: usize) -> Cell {
    Cell { shown: html! { a href={ "#runs-" (point) } { (Text::figure(text)) } }, plain: text.to_owned() }
}

/// Every column of a table.
pub fn full_table<T>(columns: &[Column<T>], rows: &[T]) -> Markup {
    table_with(columns, rows, |_, _| None)
}

/// Every column of a table; `special` may make a cell of its own from a row and the column's head.
fn table_with<T>(columns: &[Column<T>], rows: &[T], special: impl Fn(&T, &str) -> Option<Cell>) -> Markup {
    let heads: Vec<&str> = columns.iter().map(|column| column.head).collect();
    let words: Vec<usize> = (0..columns.len()).filter(|&column| columns[column].words).collect();
    let cell = |row: &T, column: &Column<T>| {
        let plain = || (column.cell)(row).trim().to_owned();
        special(row, column.head).unwrap_or_else(|| if column.words { worded(&plain()) } else { figure_cell(&plain()) })
    };
    let rows =
        rows.iter().map(|row| Row { run: None, cells: columns.iter().map(|column| cell(row, column)).collect() });
    framed(&heads, &words, vec![Body { id: None, rows: rows.collect() }])
}

/// A ceiling leads to its runs.
fn ceiling_link(report: &Report, point: &Point, head: &str) -> Option<Cell> {
    let number = report.manifest.plan.points().iter().position(|key| *key == point.key)?;
    matches!(head, "requests/s" | "reached/s").then(|| linked(&columns::ceiling(point), number))
}

/// What stopped each point, with its evidence.
pub fn limits(report: &Report) -> Markup {
    table_with(columns::LIMITS, &report.points, |point, head| {
        if head != "stopped by" {
            return ceiling_link(report, point, head);
        }
        let name = point.binding.resource.name();
        let shown = html! {
            span.long { i class={ "swatch r-" (name) } {} " " b { (claim::limit(point.binding.resource)) } ". " (hero::evidence(point)) }
        };
        Some(Cell { shown, plain: name.to_owned() })
    })
}

/// The table of all points, and the comparisons made of it.
pub fn points_section(report: &Report) -> Markup {
    html! {
        (table_with(columns::POINTS, &report.points, |point, head| ceiling_link(report, point, head)))
        p.note { (Text::new(
            "≥ marks a lower bound: the highest level that was tried was still the best one. Each comparison is made block by block. A figure with a line below it leads to its runs.",
            "≥ marca una cota inferior: el nivel más alto que se probó seguía siendo el mejor. Cada comparación se hace bloque por bloque. Una cifra subrayada lleva a sus corridas."
        )) }
        @if !report.valid { p.note { (Text::new(columns::NOT_VALID, "✗ marca una cifra que no es válida: no hay ninguna corrida válida detrás.")) } }
        ul.prose lang="en" { @for comparison in &report.comparisons { li { (words::sentence(comparison, &report.manifest.plan)) } } }
    }
}

/// How sizes followed a load that changes: tables, then each arm second by second.
pub fn followed(report: &Report, followed: &Followed) -> Markup {
    let rows = scaling::text::rows(followed);
    let objective = report.manifest.plan.objective;
    html! {
        (panel("followed", "wide", &Text::new("A load that changes", "Una carga que cambia"), &html! {
            (full_table(scaling::text::COST, &rows))
            (full_table(scaling::text::ELASTICITY, &rows))
            p.note lang="en" { (scaling::text::ELASTICITY_NOTE) }
            @for arm in &followed.arms {
                h3 { (arm.arm) }
                div.charts { @for chart in scaling::figures::charts(followed, arm, objective) { (figure(&chart)) } }
                @if !arm.scaling.decisions.is_empty() { (decisions(&arm.scaling)) }
            }
        }))
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
            summary { (Text::new("Changes, and why", "Cambios, y por qué")) }
            (table(&["seconds", "units", "why"], cells))
        }
    }
}

/// The limit by the objective of each point, in words.
pub fn objectives(report: &Report) -> Markup {
    html! {
        ul.prose lang="en" {
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

/// Every run, point by point: each point has a body of its own, which the figures lead to.
pub fn runs_table(plan: &Plan, runs: &[Run]) -> Markup {
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
    let bodies = plan.points().into_iter().enumerate().map(|(number, key)| {
        let of_point = runs.iter().enumerate().filter(|(_, run)| run.point == key);
        let rows = of_point.map(|(at, run)| Row { run: Some(at), cells: run_cells(run) });
        Body { id: Some(format!("runs-{number}")), rows: rows.collect() }
    });
    framed(&heads, &[0, 1, 4, 12], bodies.collect())
}

fn run_cells(run: &Run) -> Vec<Cell> {
    let latency = run.load.latency_milliseconds;
    let failed = run.load.requests_total - run.load.requests_ok.min(run.load.requests_total);
    vec![
        worded(&run.started_at),
        worded(&run.point.arm),
        figure_cell(run.point.scale.as_str()),
        figure_cell(&run.block.to_string()),
        worded(&level(&run.level)),
        figure_cell(&plain(run.load.throughput_per_second)),
        figure_cell(&or_dash(latency.map(|latency| latency.p50), milliseconds)),
        figure_cell(&or_dash(latency.map(|latency| latency.p99), milliseconds)),
        figure_cell(&run.load.requests_total.to_string()),
        figure_cell(&failed.to_string()),
        figure_cell(&or_dash(run.machine.busy_percent, percent)),
        figure_cell(&or_dash(run.machine.steal_percent, percent)),
        worded(&if run.verdict.valid { "yes".to_owned() } else { run.verdict.reasons.join("; ") }),
    ]
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
