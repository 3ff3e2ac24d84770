//! What is said of the points of a chart, and titles in Spanish.

use crate::design::{Text, spanish_numbers};
use crate::report::Report;
use crate::report::analysis::{LatencyPoint, Point};
use crate::report::charts::{Note, phrase};
use crate::report::columns;
use crate::report::comparison::Comparison;
use crate::results::arm::PointKey;
use crate::results::comparison::{Verdict, range};
use crate::results::number::{milliseconds, or_dash, percent, plain, signed_percent};

/// A comparison in one Spanish sentence.
pub fn comparison_es(comparison: &Comparison) -> String {
    let goodput = &comparison.goodput;
    let verdict = match goodput.verdict {
        _ if !comparison.valid => "no válido",
        Verdict::Different => "diferente",
        Verdict::Equivalent => "equivalente",
        Verdict::Undecided { .. } => "sin decidir",
    };
    let difference = goodput.difference_percent().filter(|_| comparison.valid).map_or_else(String::new, |difference| {
        let interval = goodput
            .interval_95
            .map_or_else(String::new, |interval| format!("95 %: {}, ", range(interval).replace(" to ", " a ")));
        format!(": {} ({interval}{} bloques)", signed_percent(difference), goodput.blocks)
    });
    spanish_numbers(&format!(
        "Escala {}: {} {}/s, {} {}/s; {verdict}{difference}",
        comparison.scale,
        comparison.arm,
        plain(comparison.arm_per_second),
        comparison.baseline,
        plain(comparison.baseline_per_second)
    ))
}

/// The number of a point in the plan.
fn number_of(report: &Report, key: &PointKey) -> Option<usize> {
    report.manifest.plan.points().iter().position(|point| point == key)
}

/// What is said of a ceiling: its blocks, and what was the limit.
pub fn ceiling_note(report: &Report, point: &Point) -> Note {
    let [low, high] = [point.ceiling_per_second.low, point.ceiling_per_second.high].map(plain);
    let count = point.blocks_per_second.len();
    let limit = phrase(point.binding.resource.name());
    Note {
        value: Text::figure(format!("{}/s", columns::ceiling(point))),
        detail: Text::counted(
            format!("{low} to {high} in {count} blocks; limit: {}", limit.en()),
            format!("{low} a {high} en {count} bloques; límite: {}", limit.es()),
        ),
        point: number_of(report, &point.key),
    }
}

/// What is said of a difference.
pub fn difference_note(report: &Report, difference: f64, comparison: &Comparison) -> Note {
    let goodput = &comparison.goodput;
    let (verdict, veredicto) = match goodput.verdict {
        Verdict::Different => ("different", "diferente"),
        Verdict::Equivalent => ("equivalent", "equivalente"),
        Verdict::Undecided { .. } => ("undecided", "sin decidir"),
    };
    let interval = goodput.interval_95.map_or_else(|| "-".to_owned(), range);
    let blocks = goodput.blocks;
    Note {
        value: Text::figure(signed_percent(difference)),
        detail: Text::counted(
            format!("95 %: {interval}; {blocks} blocks; {verdict}"),
            format!("95 %: {}; {blocks} bloques; {veredicto}", interval.replace(" to ", " a ")),
        ),
        point: number_of(report, &PointKey::new(&comparison.arm, comparison.scale.clone())),
    }
}

/// What is said of one rate of the open ladder.
pub fn latency_note(report: &Report, point: &Point, at: &LatencyPoint) -> Note {
    let (p50, p99) = (or_dash(at.p50_milliseconds, milliseconds), or_dash(at.p99_milliseconds, milliseconds));
    let (load, failed) = (percent(100.0 * at.fraction), percent(at.failed_percent));
    Note {
        value: Text::figure(format!("p99 {p99} ms")),
        detail: Text::counted(
            format!(
                "p50 {p50} ms; {load} % of the ceiling; {failed} % failed; objective {}",
                if at.met { "met" } else { "missed" }
            ),
            format!(
                "p50 {p50} ms; {load} % del techo; {failed} % fallidas; objetivo {}",
                if at.met { "cumplido" } else { "no cumplido" }
            ),
        ),
        point: number_of(report, &point.key),
    }
}

/// The fullest resource of a point at a rate, as a Spanish title.
pub fn fullest_es(key: &PointKey, rate_per_second: f64, (used, name): (f64, &String)) -> String {
    spanish_numbers(&format!(
        "{key}: a {}/s lo más lleno es {} ({} %)",
        plain(rate_per_second),
        phrase(name).es(),
        percent(used)
    ))
}
