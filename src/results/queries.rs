//! Questions to the runs of a results folder that `bench` asks while it measures and `report` asks afterwards.

use std::collections::BTreeMap;

use super::arm::{PointKey, Scale};
use super::comparison::{self, Comparison};
use super::ladder;
use super::load::LoadOutcome;
use super::objective::Objective;
use super::plan::Plan;
use super::run::{Level, Run};
use super::statistics::median_of_sorted;

/// A run whose failed requests exceed this share misses the objective, whatever its percentiles say.
pub const ALLOWED_ERRORS: f64 = 0.001;
/// A run that answers less than this share of what was offered does not sustain the rate.
pub const SUSTAINED: f64 = 0.95;

/// Arms whose ceilings differ by less than this share are offered the same rates, so that their latencies stand
/// side by side.
pub const ALIKE: f64 = 0.25;
/// Share of the lower ceiling that is offered to all arms, however much their ceilings differ.
const COMMON: f64 = 0.7;

/// Connections at which the ceiling of a point is measured: the same for all arms of its scale, the higher of
/// what their first ladders found, so that their response times can be compared. An arm that breaks down there
/// keeps its own.
pub fn ceiling_connections(plan: &Plan, runs: &[Run], point: &PointKey) -> Option<u32> {
    let first_ladder = |arm: &str| closed_ladder(at(runs, &point.of_arm(arm)).filter(|run| run.block == 1));
    let ladder = first_ladder(&point.arm);
    let own = ladder::ceiling_level(&ladder);
    let others = plan.arms.iter().filter_map(|arm| ladder::ceiling_level(&first_ladder(&arm.name)));
    let common = others.chain(own).max()?;
    let breaks_down = own.is_some_and(|own| ladder::loses(&ladder, own, common));
    if breaks_down { own } else { Some(common) }
}

/// The rates of a point's open ladder, rising, with their share of what counts as 100 %: the lower ceiling of the
/// arms where they are [`ALIKE`], else the point's own, with one rate more that all are offered. Empty before
/// the point has a ceiling.
pub fn open_rates(plan: &Plan, runs: &[Run], point: &PointKey) -> Vec<(f64, f64)> {
    let Some((whole, lowest)) = whole_and_lowest(plan, runs, point) else { return Vec::new() };
    let mut rates: Vec<(f64, f64)> = plan.fractions.iter().map(|&fraction| (fraction, fraction * whole)).collect();
    if whole > lowest {
        rates.push((COMMON * lowest / whole, COMMON * lowest));
    }
    rates.sort_by(|a, b| a.0.total_cmp(&b.0));
    rates.dedup_by(|a, b| a.0 == b.0);
    rates
}

/// The rate that counts as 100 % at a point, and the lower ceiling of the arms at its scale.
pub fn whole_and_lowest(plan: &Plan, runs: &[Run], point: &PointKey) -> Option<(f64, f64)> {
    let ceiling_of = |arm: &str| ceiling(plan, runs, &point.of_arm(arm));
    let own = ceiling_of(&point.arm)?;
    let lowest = plan.arms.iter().filter_map(|arm| ceiling_of(&arm.name)).fold(own, f64::min);
    Some((if own < lowest * (1.0 + ALIKE) { lowest } else { own }, lowest))
}

/// The runs at a point, in order.
pub fn at<'a, 'b>(runs: &'a [Run], point: &'b PointKey) -> impl Iterator<Item = &'a Run> + Clone + use<'a, 'b> {
    runs.iter().filter(move |run| run.point == *point)
}

/// Connections and goodput of the closed runs among `runs`. A run that was not valid counts only where no valid one
/// was had at that level.
pub fn closed_ladder<'a>(runs: impl Iterator<Item = &'a Run> + Clone) -> Vec<(u32, f64)> {
    let closed = runs.filter_map(|run| match run.level {
        Level::Closed { connections } => Some((connections, run)),
        Level::Open { .. } | Level::Death { .. } | Level::Profile { .. } => None,
    });
    let has_valid = |level: u32| closed.clone().any(|(connections, run)| connections == level && run.verdict.valid);
    closed
        .clone()
        .filter(|(connections, run)| run.verdict.valid || !has_valid(*connections))
        .map(|(connections, run)| (connections, run.load.throughput_per_second))
        .collect()
}

/// Fraction and whether the objective was met, of the open runs among `runs`; invalid ones as in [`closed_ladder`].
pub fn open_ladder<'a>(runs: impl Iterator<Item = &'a Run> + Clone, objective: &Objective) -> Vec<(f64, bool)> {
    let open = runs.filter_map(|run| match run.level {
        Level::Open { fraction, rate_per_second } => Some((fraction, rate_per_second, run)),
        Level::Closed { .. } | Level::Death { .. } | Level::Profile { .. } => None,
    });
    let has_valid = |level: f64| open.clone().any(|(fraction, _, run)| fraction == level && run.verdict.valid);
    open.clone()
        .filter(|(fraction, _, run)| run.verdict.valid || !has_valid(*fraction))
        .map(|(fraction, rate, run)| (fraction, meets(&run.load, rate, objective)))
        .collect()
}

/// The median goodput of a point at its [`ceiling_connections`], over all blocks so far.
pub fn ceiling(plan: &Plan, runs: &[Run], point: &PointKey) -> Option<f64> {
    let level = ceiling_connections(plan, runs, point)?;
    let ladder = closed_ladder(at(runs, point));
    // A ladder may have ended below the other arm's level, and no repeat have come yet.
    let level = if ladder.iter().any(|&(connections, _)| connections == level) {
        level
    } else {
        ladder::ceiling_level(&ladder)?
    };
    let mut goodput: Vec<f64> =
        ladder.into_iter().filter(|&(connections, _)| connections == level).map(|(_, goodput)| goodput).collect();
    goodput.sort_by(f64::total_cmp);
    Some(median_of_sorted(&goodput)).filter(|ceiling| *ceiling > 0.0)
}

/// The goodput of a point at its [`ceiling_connections`] by block, of valid runs alone: what comparisons are made of. Where
/// a block has several, their median.
pub fn by_block(plan: &Plan, runs: &[Run], point: &PointKey) -> BTreeMap<u32, f64> {
    let Some(level) = ceiling_connections(plan, runs, point) else { return BTreeMap::new() };
    goodput_by_block(
        at(runs, point).filter(|run| run.level == Level::Closed { connections: level } && run.verdict.valid),
    )
}

/// The median goodput of these runs in each block.
pub fn goodput_by_block<'a>(runs: impl IntoIterator<Item = &'a Run>) -> BTreeMap<u32, f64> {
    median_by_block(runs, |run| Some(run.load.throughput_per_second))
}

/// The median of a figure of these runs in each block that has one.
pub fn median_by_block<'a>(
    runs: impl IntoIterator<Item = &'a Run>,
    figure: impl Fn(&Run) -> Option<f64>,
) -> BTreeMap<u32, f64> {
    let mut blocks: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for run in runs {
        blocks.entry(run.block).or_default().extend(figure(run));
    }
    let median = |(block, mut figures): (u32, Vec<f64>)| {
        figures.sort_by(f64::total_cmp);
        (!figures.is_empty()).then(|| (block, median_of_sorted(&figures)))
    };
    blocks.into_iter().filter_map(median).collect()
}

/// The ceilings of all arms but the first at this scale, each compared with the first, in the order of the arms.
pub fn comparisons(plan: &Plan, runs: &[Run], scale: &Scale) -> Vec<Comparison> {
    let mut figures = plan.arms.iter().map(|arm| by_block(plan, runs, &PointKey::new(&*arm.name, scale.clone())));
    let Some(baseline) = figures.next() else { return Vec::new() };
    let arms: Vec<BTreeMap<u32, f64>> = figures.collect();
    comparison::compare(&baseline, &arms.iter().collect::<Vec<_>>(), plan.smallest_effect_percent)
}

/// Whether a run at `rate_per_second` met the objective: the percentile holds, hardly a request failed, and the rate
/// was sustained.
pub fn meets(load: &LoadOutcome, rate_per_second: f64, objective: &Objective) -> bool {
    let failed: u64 = load.errors.values().sum();
    let latency = load.latency_milliseconds.as_ref().map(|latency| objective.figure.of(latency));
    latency.is_some_and(|latency| latency <= objective.milliseconds)
        && failed as f64 <= ALLOWED_ERRORS * load.requests_total as f64
        && load.throughput_per_second >= SUSTAINED * rate_per_second
}
