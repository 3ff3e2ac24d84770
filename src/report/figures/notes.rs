//! What is said of the points of a chart.

use crate::design::{Text, both};
use crate::report::Report;
use crate::report::analysis::{LatencyPoint, Point};
use crate::report::charts::PointNote;
use crate::report::columns;
use crate::report::comparison::ArmComparison;
use crate::report::words;
use crate::results::arm::PointKey;
use crate::results::comparison::{difference, range};
use crate::results::number::{milliseconds, or_dash, percent, plain};

/// The number of a point in the plan.
pub fn number_of(report: &Report, key: &PointKey) -> Option<usize> {
    report.manifest.plan.points().iter().position(|point| point == key)
}

/// What is said of a ceiling: its blocks, and what was the limit.
pub fn ceiling_note(report: &Report, point: &Point) -> PointNote {
    let [low, high] = [point.ceiling_per_second.low, point.ceiling_per_second.high].map(plain);
    let count = point.blocks_per_second.len();
    let limit = words::limit(point.binding.resource);
    PointNote {
        value: Text::figure(format!("{}/s", columns::ceiling(point))),
        detail: Text::counted(
            format!("{low} to {high} in {count} blocks; limit: {}", limit.en()),
            format!("{low} a {high} en {count} bloques; límite: {}", limit.es()),
        ),
        point: number_of(report, &point.key),
    }
}

/// What is said of a difference.
pub fn difference_note(report: &Report, comparison: &ArmComparison) -> PointNote {
    let goodput = &comparison.goodput;
    PointNote {
        value: goodput.ratio.map_or_else(|| Text::name("–"), difference),
        detail: both!(
            "95 %: {interval}; {blocks} blocks; {verdict}",
            "95 %: {interval}; {blocks} bloques; {verdict}",
            interval = goodput.interval_95.map_or_else(|| Text::name("-"), range),
            blocks = goodput.blocks,
            verdict = words::verdict(goodput.verdict)
        ),
        point: number_of(report, &PointKey::new(&comparison.arm, comparison.scale.clone())),
    }
}

/// What is said of one rate of the open ladder.
pub fn latency_note(report: &Report, point: &Point, at: &LatencyPoint) -> PointNote {
    let (p50, p99) = (or_dash(at.p50_milliseconds, milliseconds), or_dash(at.p99_milliseconds, milliseconds));
    let (load, failed) = (percent(100.0 * at.fraction), percent(at.failed_percent));
    PointNote {
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
