//! Every arm at the last scale, for the first screen of a bench with many: a table where there is room, and a block an arm on a phone.

use maud::{Markup, html};

use super::claim;
use super::heads;
use super::tables::{self, Cell};
use crate::design::Text;
use crate::report::Report;
use crate::report::analysis::Point;
use crate::report::columns;
use crate::report::comparison::ArmComparison;
use crate::report::figures::number_of;
use crate::report::spanish::label;
use crate::report::stale;
use crate::report::verdict::AnswerKind;
use crate::report::words;
use crate::results::number::percent;

/// The heads of the table.
pub const HEADS: [&str; 7] = ["arm", "requests/s", "difference", "interval", "stale answers %", "answer", "stopped by"];
/// Those of them whose cells are words.
const WORDS: [usize; 3] = [0, 5, 6];
/// The one that is there where some arm gave stale answers.
const STALE: usize = 4;

/// What each arm answered, how that differs from the first and how sure it is, and what stopped it. `runs_in` is the page that has the
/// runs, empty where it is this one.
pub fn each<'a>(report: &Report, points: impl Iterator<Item = &'a Point>, runs_in: &str) -> Markup {
    let points: Vec<&Point> = points.collect();
    let has_stale = stale::any(points.iter().copied());
    let columns: Vec<usize> = (0..HEADS.len()).filter(|column| has_stale || *column != STALE).collect();
    let rows: Vec<Vec<Cell>> = points.iter().map(|point| cells(report, point, runs_in)).collect();
    let decimals: Vec<usize> = (0..HEADS.len())
        .map(|column| rows.iter().map(|row| tables::decimals_of(&row[column].plain)).max().unwrap_or(0))
        .collect();
    let called = Text::join(columns.iter().map(|column| heads::head(HEADS[*column]).0), ", ");
    // The roles are what the elements have by themselves; a block an arm, which is no table to the style sheet, keeps them so.
    html! {
        div.each.stale[has_stale] {
            div.scroll tabindex="0" role="group" aria-label=(called.en()) data-es=(called.es()) {
                table role="table" data-sortable {
                    thead role="rowgroup" { tr role="row" { @for column in &columns { (head(*column)) } } }
                    tbody role="rowgroup" {
                        @for row in rows {
                            tr role="row" {
                                @for column in &columns { (one(*column, &row[*column], decimals[*column])) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn is_words(column: usize) -> Option<&'static str> {
    WORDS.contains(&column).then_some("words")
}

fn head(column: usize) -> Markup {
    let (name, unit) = heads::head(HEADS[column]);
    html! {
        th scope="col" role="columnheader" class=[is_words(column)] {
            (name) @if let Some(unit) = unit { span.unit { (unit) } }
        }
    }
}

/// A cell, with the name of its column for where no head stands above it.
fn one(column: usize, cell: &Cell, decimals: usize) -> Markup {
    if column == 0 {
        return html! { th scope="row" role="rowheader" { (cell.shown) } };
    }
    let (name, unit) = heads::head(HEADS[column]);
    let unit = unit.filter(|_| !cell.plain.is_empty());
    html! {
        td role="cell" class=[is_words(column)] data-empty[cell.plain.is_empty()] {
            span.what { (name) @if let Some(unit) = unit { ", " (unit) } }
            span.value { (cell.shown) @if is_words(column).is_none() { (tables::padding(&cell.plain, decimals)) } }
        }
    }
}

fn cells(report: &Report, point: &Point, runs_in: &str) -> Vec<Cell> {
    let plan = &report.manifest.plan;
    let here = |comparison: &&ArmComparison| comparison.arm == point.key.arm && comparison.scale == point.key.scale;
    let there = claim::largest(report).into_iter().find(here);
    let sure = there.filter(|comparison| comparison.valid);
    let (difference, interval) = sure.map_or_else(Default::default, claim::difference_and_range);
    let answer = match there {
        Some(comparison) => {
            comparison.verdict().map_or_else(|| claim::class(AnswerKind::NotValid, 0.0).0, words::verdict)
        }
        None if plan.baseline().is_some_and(|baseline| baseline.name == point.key.arm) => {
            Text::new("baseline", "referencia")
        }
        None => Text::default(),
    };
    let ceiling = Text::figure(columns::ceiling(point));
    let resource = point.binding.resource;
    let stopped = html! { i class={ "swatch r-" (resource.name()) } {} " " (words::limit(resource)) };
    let answered = match number_of(report, &point.key) {
        Some(number) => html! { a href={ (runs_in) "#runs-" (number) } { (ceiling) } },
        None => html! { (ceiling) },
    };
    let name = label(plan, &point.key.arm);
    let stale = point.versions.map_or_else(Text::default, |versions| Text::figure(percent(versions.stale_percent())));
    vec![
        Cell::of(html! { (name) }, name.en()),
        Cell::of(answered, ceiling.en()),
        Cell::of(html! { (difference) }, difference.en()),
        Cell::of(html! { (interval) }, interval.en()),
        Cell::of(html! { (stale) }, stale.en()),
        Cell::of(html! { (answer) }, answer.en()),
        Cell::of(stopped, resource.name()),
    ]
}
