//! Throughput over nodes as bars of text, for a terminal: measured, predicted and scenario by a sign each, and where a tier gives way.

use super::figure::{Class, Figure, plain_count};
use super::limits::PlanTier;
use super::proposal::{CapacityPlan, CurvePoint};
use crate::report::table;
use crate::results::number::plain;

/// Signs of the longest bar.
const WIDTH: f64 = 40.0;
/// Rows at most, without the lines of what gives way.
const ROWS: usize = 10;
/// A bar of the smallest throughput still has this share of the longest.
const SHORTEST: f64 = 0.05;

/// A row for some of the curve's points, which lie evenly on a log axis, and a line wherever a tier gives way, or the peak is.
pub fn bars(plan: &CapacityPlan) -> String {
    let some: Vec<&CurvePoint> = shown(plan);
    let rates = || some.iter().map(|point| point.per_second.value);
    let (low, high) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
    if !(low > 0.0 && high > low) {
        return String::new();
    }
    let mut lines = marks(plan);
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut lines = lines.into_iter().peekable();
    let width = some.iter().map(|point| plain_count(f64::from(point.nodes)).len()).max().unwrap_or(0);
    let mut out = table::wrap(TITLE, 0) + "\n";
    for point in &some {
        let rate = point.per_second.value;
        while let Some((_, line)) = lines.next_if(|(at, _)| *at < rate) {
            out += &line;
        }
        let share = SHORTEST + (1.0 - SHORTEST) * (rate / low).ln() / (high / low).ln();
        let bar = String::from(sign(point.per_second.class)).repeat((WIDTH * share).round() as usize);
        let rate = with_interval(&point.per_second, plain);
        out += &format!("  {:>width$}  {bar} {rate}\n", plain_count(f64::from(point.nodes)));
    }
    lines.fold(out, |out, (_, line)| out + &line)
}

const TITLE: &str =
    "Most requests a second (95 % interval) over nodes, log scales: █ measured, ▓ predicted, ░ scenario";

/// `949 (907 to 1027)`: its class is told apart.
fn with_interval(figure: &Figure, number: impl Fn(f64) -> String) -> String {
    let [low, high] = figure.interval_95.map(&number);
    format!("{} ({low} to {high})", number(figure.value))
}

fn sign(class: Class) -> char {
    match class {
        Class::Measured => '█',
        Class::Predicted => '▓',
        Class::Scenario => '░',
    }
}

/// Points of the curve from the first to the last, nearest to its place on a log axis.
fn shown(plan: &CapacityPlan) -> Vec<&CurvePoint> {
    let (Some(first), Some(last)) = (plan.curve.first(), plan.curve.last()) else { return Vec::new() };
    let place = |nodes: u32| f64::from(nodes.max(1)).ln();
    let step = (place(last.nodes) - place(first.nodes)) / (ROWS - 1) as f64;
    let mut rows: Vec<&CurvePoint> = (0..ROWS)
        .filter_map(|row| {
            let wanted = place(first.nodes) + row as f64 * step;
            let far = |point: &CurvePoint| (place(point.nodes) - wanted).abs();
            plan.curve.iter().min_by(|a, b| far(a).total_cmp(&far(b)))
        })
        .collect();
    // Each class is shown, where the curve has it.
    let last_of = |class| plan.curve.iter().rev().find(|point| point.per_second.class == class);
    rows.extend([Class::Measured, Class::Predicted, Class::Scenario].into_iter().filter_map(last_of));
    rows.sort_by_key(|point| point.nodes);
    rows.dedup_by_key(|point| point.nodes);
    rows
}

/// Lines between the rows, with the throughput at which they stand.
fn marks(plan: &CapacityPlan) -> Vec<(f64, String)> {
    let tiers = plan.limits.iter().filter(|limit| matches!(limit.tier, PlanTier::Balancer | PlanTier::Store));
    let gives_way = tiers.map(|limit| {
        let (at, name) = (&limit.per_second, limit.name.en());
        let rate = with_interval(at, plain);
        (at.value, format!("  -- {name} gives way at {rate} requests/s, {}\n", at.class.name().en()))
    });
    let peak = plan.peak_per_second;
    let (nodes, class) = (with_interval(&plan.nodes, plain_count), plan.nodes.class.name());
    let asked = format!("  -- asked: {}/s, for which {nodes} nodes are planned, {}\n", plain(peak), class.en());
    gives_way.chain([(peak, asked)]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::goal::Goal;
    use super::super::{Effort, planner, sample};
    use super::*;
    use crate::results::objective::{LatencyFigure, Objective};

    fn plan(rate_per_second: f64) -> CapacityPlan {
        let evidence = sample::evidence(&[(1, 100.0), (2, 195.0), (4, 370.0)], 0.02);
        let evidence = sample::with_store(sample::with_ladder(evidence, 370.0, &[(0.5, 2.9, 4.4)]), 0.1e-3);
        let goal = Goal::usual(rate_per_second, Objective { figure: LatencyFigure::P99, milliseconds: 250.0 });
        planner::plan(&evidence, &goal, None, &Effort { draws: 12, simulations: 1, requests: 1000 }).unwrap()
    }

    #[test]
    fn bars_grow_change_their_sign_and_show_what_gives_way() {
        let text = bars(&plan(1e5));
        let rows: Vec<&str> =
            text.lines().filter(|line| line.contains(['█', '▓', '░']) && !line.contains("log")).collect();
        assert!((5..=ROWS + 2).contains(&rows.len()), "{text}");
        let length = |row: &&str| row.chars().filter(|letter| "█▓░".contains(*letter)).count();
        assert!(rows.windows(2).all(|pair| length(&pair[0]) < length(&pair[1])), "{text}");
        assert!(rows[0].contains('█') && rows[rows.len() - 1].contains('░') && text.contains('▓'), "{text}");
        let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("no '{word}' in {text}"));
        assert!(at("gives way at") < at("-- asked: 100,000/s"), "{text}");
        assert!(rows.iter().all(|row| row.contains(" to ") && row.ends_with(')')), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= usize::from(table::WIDTH)), "{text}");
    }
}
