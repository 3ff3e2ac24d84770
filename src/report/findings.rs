//! The findings in words and tables, for a terminal.

use super::analysis::Point;
use super::number::{milliseconds, or_dash, percent, plain};
use super::table;
use super::usl::{Fit, FitError};
use crate::bench::folder::Results;
use crate::bench::plan::Topology;

/// The table of all points, within 100 columns.
pub fn point_table(points: &[Point]) -> String {
    let heads = [
        "topology",
        "units",
        "req/s",
        "±%",
        "p50 ms",
        "p99 ms",
        "CPU %",
        "throttled %",
        "pool %",
        "eff. %",
        "  served by each",
    ];
    let rows: Vec<Vec<String>> = points
        .iter()
        .map(|point| {
            vec![
                point.key.topology.to_string(),
                point.key.units.to_string(),
                format!("{}{}", if point.is_limit { "" } else { "≥ " }, plain(point.ceiling_per_second.median)),
                format!("{:.1}", point.spread_percent / 2.0),
                or_dash(point.p50_milliseconds, milliseconds),
                or_dash(point.p99_milliseconds, milliseconds),
                or_dash(point.cpu_percent, percent),
                or_dash(point.throttled_percent, percent),
                or_dash(point.pool_percent, percent),
                or_dash(point.efficiency_percent, percent),
                served(point),
            ]
        })
        .collect();
    table::render_with_gap(&heads, &[0, 10], &rows, 1)
}

fn served(point: &Point) -> String {
    let counts: Vec<String> = point.served.values().map(u64::to_string).collect();
    format!("  {}", counts.join(" "))
}

/// What the two ways do with the same units, and what took the difference.
pub fn comparison(points: &[Point]) -> String {
    let mut out = String::new();
    for vertical in points.iter().filter(|point| point.key.topology == Topology::Vertical) {
        let other =
            |point: &&Point| point.key.topology == Topology::Horizontal && point.key.units == vertical.key.units;
        if let Some(horizontal) = points.iter().find(other) {
            out += &table::wrap(&compare(vertical, horizontal), 2);
            out.push('\n');
        }
    }
    out
}

fn compare(vertical: &Point, horizontal: &Point) -> String {
    let units = vertical.key.units;
    let (v, h) = (vertical.ceiling_per_second.median, horizontal.ceiling_per_second.median);
    let difference = 100.0 * (h / v - 1.0);
    let mut words = format!(
        "{units} {}: horizontal {}/s against vertical {}/s ({difference:+.1} %)",
        if units == 1 { "unit" } else { "units" },
        plain(h),
        plain(v)
    );
    let used = vertical.cpu_percent.zip(horizontal.cpu_percent);
    let demand = vertical.demand_milliseconds.zip(horizontal.demand_milliseconds);
    if let (true, Some((used_v, used_h)), Some((demand_v, demand_h))) = (difference.abs() >= 5.0, used, demand) {
        let by_use = 100.0 * (used_h / used_v - 1.0);
        let by_demand = 100.0 * (demand_v / demand_h - 1.0);
        words += &if by_use.abs() >= by_demand.abs() {
            format!("; the nodes used {used_h:.0} % of the quota, the big one {used_v:.0} %")
        } else {
            format!("; an answer cost {demand_h:.2} ms of CPU, on the big node {demand_v:.2} ms")
        };
    }
    words
}

/// A fit in one or two sentences.
pub fn law(topology: Topology, fit: &Result<Fit, FitError>) -> String {
    let words = match fit {
        Err(error) => format!("{topology}: no law fitted: {error}"),
        Ok(fit) => {
            let parameter = |estimate: &super::usl::Estimate| {
                let interval =
                    estimate.interval_95.map_or_else(String::new, |[low, high]| format!(" [{low:.4}, {high:.4}]"));
                format!("{:.4}{interval}", estimate.value)
            };
            let notes: Vec<String> = fit.notes.iter().map(ToString::to_string).collect();
            format!(
                "{topology}: contention {}, coherency {}, {}/s a unit. {}",
                parameter(&fit.contention),
                parameter(&fit.coherency),
                plain(fit.scale.value),
                notes.join(". ")
            )
        }
    };
    table::wrap(&words, 2)
}

/// How much of the plan was measured, where it is not all.
pub fn incomplete(results: &Results) -> Option<String> {
    let plan = &results.manifest.plan;
    let visits = plan.visits();
    let done =
        visits.iter().filter(|visit| crate::bench::steps::next_level(plan, visit, &results.runs).is_none()).count();
    (done < visits.len()).then(|| format!("incomplete: {done} of {} visits were measured to their end", visits.len()))
}
