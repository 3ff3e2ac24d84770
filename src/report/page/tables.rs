//! The tables of the page: every figure behind the charts.

use maud::{Markup, html};

use super::{figure, heads, panel};
use crate::design::{Text, both};
use crate::report::Report;
use crate::report::analysis::Point;
use crate::report::columns::{self, AddressRow, Column, EventRow};
use crate::report::figures::number_of;
use crate::report::findings::objective_words;
use crate::report::invalid;
use crate::report::scaling::{self, Followed};
use crate::report::words;
use crate::results::arm::{Machines, PointKey};
use crate::results::number::{milliseconds, or_dash, percent, plain, price, signed_percent};
use crate::results::plan::Plan;
use crate::results::run::{Level, Run};
use crate::results::scaling::Scaling;

/// The heads of the table of runs.
pub const RUNS: [&str; 13] = [
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
/// Those of the table of costs.
pub const COSTS: [&str; 6] =
    ["units", "vertical an hour", "horizontal an hour", "vertical a million", "horizontal a million", "difference"];
/// Those of an autoscaler's decisions.
pub const CHANGES: [&str; 3] = ["seconds", "units", "why"];

/// A cell as the page shows it.
pub struct Cell {
    pub(super) shown: Markup,
    /// What it is sorted by.
    pub(super) plain: String,
}

impl Cell {
    /// What is shown, and what that is without markup.
    pub fn of(shown: Markup, plain: &str) -> Self {
        Self { shown, plain: plain.to_owned() }
    }
}

/// A row, and which run it is of.
struct TableRow {
    run: Option<usize>,
    cells: Vec<Cell>,
}

/// Rows that belong together, with the id that links lead to.
struct TableBody {
    id: Option<String>,
    rows: Vec<TableRow>,
}

/// A table in a frame that scrolls by itself; `words` are the columns that are no figures.
fn framed(heads: &[&str], words: &[usize], bodies: Vec<TableBody>) -> Markup {
    let decimals: Vec<usize> = (0..heads.len())
        .map(|column| {
            let cells = bodies.iter().flat_map(|body| &body.rows).filter_map(|row| row.cells.get(column));
            cells.map(|cell| decimals_of(&cell.plain)).max().unwrap_or(0)
        })
        .collect();
    let called = Text::join(heads.iter().map(|column| heads::head(column).0), ", ");
    html! {
        div.scroll tabindex="0" role="group" aria-label=(called.en()) data-es=(called.es()) {
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
pub fn decimals_of(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, rest)| rest.chars().take_while(char::is_ascii_digit).count())
}

/// Room behind a figure with fewer decimals than others of its column, so that the points stand below each other.
pub fn padding(text: &str, decimals: usize) -> Markup {
    let own = decimals_of(text);
    let missing = match (own, decimals) {
        (own, most) if own >= most => return html! {},
        (0, most) => format!(".{}", "0".repeat(most)),
        (own, most) => "0".repeat(most - own),
    };
    html! { i.pad data-pad=(missing) {} }
}

/// A table of texts; the first and the last column are words, and every other without a digit.
pub fn table(heads: &[&str], rows: impl Iterator<Item = Vec<Text>>) -> Markup {
    let rows: Vec<Vec<Text>> = rows.collect();
    let is_figure = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).any(|cell| cell.en().contains(|sign: char| sign.is_ascii_digit()))
    };
    let words: Vec<usize> =
        (0..heads.len()).filter(|&column| column == 0 || column + 1 == heads.len() || !is_figure(column)).collect();
    of_cells(heads, &words, rows.iter().map(|row| row.iter().map(said).collect()))
}

/// A table of cells; `words` are the columns that are no figures.
pub fn of_cells(heads: &[&str], words: &[usize], rows: impl Iterator<Item = Vec<Cell>>) -> Markup {
    framed(heads, words, vec![TableBody { id: None, rows: rows.map(|cells| TableRow { run: None, cells }).collect() }])
}

fn figure_cell(text: &str) -> Cell {
    Cell { shown: html! { (heads::figure(text)) }, plain: text.to_owned() }
}

fn worded(text: &str) -> Cell {
    Cell { shown: html! { (heads::cell(text)) }, plain: text.to_owned() }
}

/// A cell of words in both languages.
fn said(text: &Text) -> Cell {
    Cell { shown: html! { (text) }, plain: text.en().to_owned() }
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
        rows.iter().map(|row| TableRow { run: None, cells: columns.iter().map(|column| cell(row, column)).collect() });
    framed(&heads, &words, vec![TableBody { id: None, rows: rows.collect() }])
}

/// A ceiling leads to its runs.
fn ceiling_link(report: &Report, point: &Point, head: &str) -> Option<Cell> {
    let number = number_of(report, &point.key)?;
    matches!(head, "requests/s" | "reached/s").then(|| linked(&columns::ceiling(point), number))
}

/// A table of which one column leads to the runs of the row's point.
fn traced<T>(report: &Report, columns: &[Column<T>], rows: &[T], key: fn(&T) -> &PointKey, traced: &str) -> Markup {
    let link = |row: &T, head: &str| {
        let column = columns.iter().find(|column| column.head == head && head == traced)?;
        Some(linked((column.cell)(row).trim(), number_of(report, key(row))?))
    };
    table_with(columns, rows, link)
}

/// Response times over load; each leads to its runs.
pub fn latency(report: &Report) -> Markup {
    let rows = columns::latency_rows(&report.points);
    traced(report, columns::LATENCY, &rows, |row| &row.key, "p99 ms")
}

/// The CPU of an answer, by who used it.
pub fn answer_cpu(report: &Report) -> Markup {
    traced(report, columns::ANSWER_CPU, &report.points, |point| &point.key, "all that serve µs")
}

/// What each address of a mix did.
pub fn addresses(report: &Report, rows: &[AddressRow]) -> Markup {
    traced(report, columns::ADDRESSES, rows, |row| &row.key, "answered/s")
}

/// What a node's death did.
pub fn events(report: &Report, rows: &[EventRow]) -> Markup {
    traced(report, columns::EVENTS, rows, |row| &row.key, "failed")
}

/// What stopped each point, with its evidence.
pub fn limits(report: &Report) -> Markup {
    table_with(columns::LIMITS, &report.points, |point, head| {
        if head != "stopped by" {
            return ceiling_link(report, point, head);
        }
        let name = point.binding.resource.name();
        let shown = html! {
            span.long { i class={ "swatch r-" (name) } {} " " b { (words::limit(point.binding.resource)) } ". " (point.binding.words().upper_first()) }
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
        ul.prose { @for comparison in &report.comparisons { li { (words::sentence(comparison, &report.manifest.plan)) } } }
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
            p.note { (scaling::text::elasticity_note()) }
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
        let units = Text::name(format!("{} → {}", decision.units, decision.wanted));
        (decision.at_seconds, units, Text::as_written(&decision.reason))
    });
    let notices =
        scaling.notices.iter().map(|notice| (notice.at_seconds, Text::default(), Text::as_written(&notice.text)));
    let mut rows: Vec<(f64, Text, Text)> = changes.chain(notices).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let cells = rows.into_iter().map(|(at, change, reason)| vec![Text::figure(format!("{at:.1}")), change, reason]);
    html! {
        details {
            summary { (Text::new("Changes, and why", "Cambios, y por qué")) }
            (table(&CHANGES, cells))
        }
    }
}

/// The limit by the objective of each point, in words.
pub fn objectives(report: &Report) -> Markup {
    html! {
        ul.prose {
            @for point in report.points.iter().filter(|point| !point.latency.is_empty()) {
                li { (words::place(&point.key)) ": " (objective_words(point)) }
            }
        }
    }
}

/// What a million requests cost.
pub fn cost_table(report: &Report) -> Markup {
    let rows = report.cost.iter().flat_map(|cost| &cost.rows).map(|row| {
        let difference = row.vertical_per_million.zip(row.horizontal_per_million).map(|(v, h)| 100.0 * (h / v - 1.0));
        // A cost rests on a ceiling, and leads to the runs of that.
        let traced = |machines: Machines, cost: Option<f64>| {
            let text = or_dash(cost, price);
            match number_at(report, machines, row.units).filter(|_| cost.is_some()) {
                Some(point) => linked(&text, point),
                None => figure_cell(&text),
            }
        };
        vec![
            figure_cell(&row.units.to_string()),
            figure_cell(&or_dash(row.vertical_per_hour, price)),
            figure_cell(&or_dash(row.horizontal_per_hour, price)),
            traced(Machines::OneBig, row.vertical_per_million),
            traced(Machines::ManySmall, row.horizontal_per_million),
            figure_cell(&or_dash(difference, signed_percent)),
        ]
    });
    of_cells(&COSTS, &[0], rows)
}

/// The number of the point that was bought this way, with so many units.
fn number_at(report: &Report, machines: Machines, units: u32) -> Option<usize> {
    let bought = report.manifest.plan.arms.iter().find(|arm| arm.machines == Some(machines))?;
    let there = |point: &&Point| point.key.arm == bought.name && point.key.scale.whole() == Some(units);
    number_of(report, &report.points.iter().find(there)?.key)
}

/// Every run, point by point: each point has a body of its own, which the figures lead to.
pub fn runs_table(plan: &Plan, runs: &[Run]) -> Markup {
    let bodies = plan.points().into_iter().enumerate().map(|(number, key)| {
        let of_point = runs.iter().enumerate().filter(|(_, run)| run.point == key);
        let rows = of_point.map(|(at, run)| TableRow { run: Some(at), cells: run_cells(run) });
        TableBody { id: Some(format!("runs-{number}")), rows: rows.collect() }
    });
    framed(&RUNS, &[0, 1, 4, 12], bodies.collect())
}

fn run_cells(run: &Run) -> Vec<Cell> {
    let latency = run.load.latency_milliseconds;
    let failed = run.load.requests_total - run.load.requests_ok.min(run.load.requests_total);
    vec![
        worded(&run.started_at),
        worded(&run.point.arm),
        figure_cell(run.point.scale.as_str()),
        figure_cell(&run.block.to_string()),
        said(&level(&run.level)),
        figure_cell(&plain(run.load.throughput_per_second)),
        figure_cell(&or_dash(latency.map(|latency| latency.p50), milliseconds)),
        figure_cell(&or_dash(latency.map(|latency| latency.p99), milliseconds)),
        figure_cell(&run.load.requests_total.to_string()),
        figure_cell(&failed.to_string()),
        figure_cell(&or_dash(run.machine.busy_percent, percent)),
        figure_cell(&or_dash(run.machine.steal_percent, percent)),
        validity(run),
    ]
}

fn validity(run: &Run) -> Cell {
    if run.verdict.valid {
        return worded("yes");
    }
    said(&Text::join(invalid::reasons(run), "; "))
}

fn level(level: &Level) -> Text {
    match level {
        Level::Closed { connections: 1 } => Text::new("1 connection", "1 conexión"),
        Level::Closed { connections } => both!("{connections} connections", "{connections} conexiones", connections),
        Level::Open { fraction, rate_per_second } => {
            Text::figure(format!("{}/s ({} %)", plain(*rate_per_second), percent(100.0 * fraction)))
        }
        Level::Death { rate_per_second, .. } => {
            both!("{rate}/s, a node dies", "{rate}/s, muere un nodo", rate = plain(*rate_per_second))
        }
        Level::Profile { shape, peak_per_second, .. } => both!(
            "{shape}, at most {rate}/s",
            "{shape}, a lo sumo {rate}/s",
            shape = words::shape(*shape),
            rate = plain(*peak_per_second)
        ),
    }
}
