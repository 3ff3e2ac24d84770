//! What a visit measures next: policy on what has been measured so far, without a clock.

use super::ladder::{self, Next};
use super::plan::{Objective, Plan, PointKey, Visit};
use super::record::{Latency, Level, LoadResult, Run};

/// A run whose failed requests exceed this share misses the objective, whatever its percentiles say.
pub const ALLOWED_ERRORS: f64 = 0.001;
/// A run that answers less than this share of what was offered does not sustain the rate.
pub const SUSTAINED: f64 = 0.95;

/// The next level of this visit, `None` when it is complete. `runs` are all that were measured, also in earlier visits;
/// a visit that was interrupted goes on where it ended.
pub fn next_level(plan: &Plan, visit: &Visit, runs: &[Run]) -> Option<Level> {
    let here: Vec<&Run> =
        runs.iter().filter(|run| run.repeat == visit.repeat && point_of(run) == visit.point).collect();
    if let Some(again) = invalid_once(&here) {
        return Some(again);
    }
    next_closed(plan, visit, runs, &here).or_else(
        || {
            if visit.open { next_open(plan, visit, runs, &here) } else { None }
        },
    )
}

/// The point that a run belongs to.
pub fn point_of(run: &Run) -> PointKey {
    PointKey { topology: run.topology, units: run.units }
}

/// A run that was not valid is measured again, once: a busy moment of the machine is no limit of the point.
fn invalid_once(here: &[&Run]) -> Option<Level> {
    let last = here.last().filter(|run| !run.verdict.valid)?;
    let tries = here.iter().filter(|run| run.level == last.level && !run.verdict.valid).count();
    (tries == 1).then_some(last.level)
}

fn next_closed(plan: &Plan, visit: &Visit, runs: &[Run], here: &[&Run]) -> Option<Level> {
    let closed = |connections| Some(Level::Closed { connections });
    let measured = closed_ladder(here.iter().copied());
    if visit.repeat == 1 {
        let levels: Vec<u32> = plan.connections_per_unit.iter().map(|per_unit| per_unit * visit.point.units).collect();
        return match ladder::next_closed(&levels, &measured) {
            Next::Measure(connections) => closed(connections),
            Next::Stop => None,
        };
    }
    let ceiling = ladder::ceiling_level(&closed_ladder(at(runs, visit.point)))?;
    if measured.is_empty() { closed(ceiling) } else { None }
}

fn next_open(plan: &Plan, visit: &Visit, runs: &[Run], here: &[&Run]) -> Option<Level> {
    let ceiling = ceiling(runs, visit.point)?;
    let measured = open_ladder(here.iter().copied(), &plan.objective);
    let fraction = ladder::next_open(&plan.fractions, &measured)?;
    Some(Level::Open { fraction, rate_per_second: fraction * ceiling })
}

/// The runs at a point, in order.
pub fn at(runs: &[Run], point: PointKey) -> impl Iterator<Item = &Run> + Clone {
    runs.iter().filter(move |run| point_of(run) == point)
}

/// Connections and goodput of the closed runs among `runs`. A run that was not valid counts only where no valid one
/// was had at that level.
pub fn closed_ladder<'a>(runs: impl Iterator<Item = &'a Run> + Clone) -> Vec<(u32, f64)> {
    let closed = runs.filter_map(|run| match run.level {
        Level::Closed { connections } => Some((connections, run)),
        Level::Open { .. } => None,
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
        Level::Closed { .. } => None,
    });
    let has_valid = |level: f64| open.clone().any(|(fraction, _, run)| fraction == level && run.verdict.valid);
    open.clone()
        .filter(|(fraction, _, run)| run.verdict.valid || !has_valid(*fraction))
        .map(|(fraction, rate, run)| (fraction, meets(&run.load, rate, objective)))
        .collect()
}

/// The median goodput at the ceiling's level of a point, over all repeats so far.
pub fn ceiling(runs: &[Run], point: PointKey) -> Option<f64> {
    let ladder = closed_ladder(at(runs, point));
    let level = ladder::ceiling_level(&ladder)?;
    let mut goodput: Vec<f64> =
        ladder.into_iter().filter(|&(connections, _)| connections == level).map(|(_, goodput)| goodput).collect();
    goodput.sort_by(f64::total_cmp);
    Some(crate::report::statistics::median_of_sorted(&goodput)).filter(|ceiling| *ceiling > 0.0)
}

/// Whether a run at `rate_per_second` met the objective: the percentile holds, hardly a request failed, and the rate
/// was sustained.
pub fn meets(load: &LoadResult, rate_per_second: f64, objective: &Objective) -> bool {
    let failed: u64 = load.errors.values().sum();
    let latency = load.latency_milliseconds.as_ref().and_then(|latency| percentile(latency, objective.percentile));
    latency.is_some_and(|latency| latency <= objective.milliseconds)
        && failed as f64 <= ALLOWED_ERRORS * load.requests_total as f64
        && load.throughput_per_second >= SUSTAINED * rate_per_second
}

/// The percentile that an objective names.
pub fn percentile(latency: &Latency, percentile: f64) -> Option<f64> {
    match percentile {
        50.0 => latency.p50,
        90.0 => latency.p90,
        95.0 => latency.p95,
        99.0 => latency.p99,
        _ => latency.p99_9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::plan::Topology;
    use crate::bench::record::{MachineUse, Verdict};

    fn run(repeat: u32, level: Level, goodput: f64, p99: f64, valid: bool) -> Run {
        Run {
            repeat,
            topology: Topology::Vertical,
            units: 2,
            level,
            started_at: String::new(),
            load: LoadResult {
                requests_total: 1000,
                requests_ok: 1000,
                throughput_per_second: goodput,
                latency_milliseconds: Some(Latency { p99: Some(p99), ..Latency::default() }),
                ..LoadResult::default()
            },
            nodes: vec![],
            balancer: None,
            machine: MachineUse::default(),
            samples: vec![],
            verdict: Verdict { valid, reasons: vec![] },
        }
    }

    fn closed(connections: u32) -> Level {
        Level::Closed { connections }
    }

    fn open(fraction: f64, rate_per_second: f64) -> Level {
        Level::Open { fraction, rate_per_second }
    }

    #[test]
    fn a_whole_point() {
        let mut plan = Plan::quick();
        plan.fractions = vec![0.5, 1.0];
        let point = PointKey { topology: Topology::Vertical, units: 2 };
        let first = Visit { repeat: 1, point, open: false };
        let second = Visit { repeat: 2, point, open: true };
        let mut runs = vec![];
        let mut step = |visit: &Visit, expected: Option<Level>, goodput: f64, p99: f64, valid: bool| {
            assert_eq!(next_level(&plan, visit, &runs), expected);
            runs.extend(expected.map(|level| run(visit.repeat, level, goodput, p99, valid)));
        };
        step(&first, Some(closed(8)), 200.0, 50.0, true);
        step(&first, Some(closed(16)), 150.0, 90.0, false); // a busy moment: again
        step(&first, Some(closed(16)), 202.0, 90.0, true); // a breach: again
        step(&first, Some(closed(16)), 201.0, 90.0, true);
        step(&first, None, 0.0, 0.0, true);
        step(&second, Some(closed(8)), 202.0, 50.0, true);
        step(&second, Some(open(0.5, 100.5)), 100.0, 60.0, true);
        step(&second, Some(open(1.0, 201.0)), 180.0, 100.0, true); // rate not sustained: again
        step(&second, Some(open(1.0, 201.0)), 200.0, 400.0, true); // too slow: failed twice
        step(&second, None, 0.0, 0.0, true);
        let ladder = open_ladder(runs.iter(), &plan.objective);
        assert_eq!(ladder, vec![(0.5, true), (1.0, false), (1.0, false)]);
    }

    #[test]
    fn an_invalid_level_is_tried_twice_at_most() {
        let plan = Plan::quick();
        let visit = Visit { repeat: 1, point: PointKey { topology: Topology::Vertical, units: 2 }, open: false };
        let mut runs = vec![run(1, closed(8), 100.0, 1.0, false)];
        assert_eq!(next_level(&plan, &visit, &runs), Some(closed(8)));
        runs.push(run(1, closed(8), 100.0, 1.0, false));
        assert_eq!(next_level(&plan, &visit, &runs), Some(closed(16)));
    }

    #[test]
    fn objectives_count_errors_and_lost_rate() {
        let objective = Objective { percentile: 99.0, milliseconds: 250.0 };
        let good = run(1, open(0.5, 100.0), 99.0, 200.0, true).load;
        assert!(meets(&good, 100.0, &objective));
        assert!(!meets(&good, 120.0, &objective));
        let mut failed = good.clone();
        failed.errors.insert("status".into(), 2);
        assert!(!meets(&failed, 100.0, &objective));
        let silent = LoadResult { latency_milliseconds: None, ..good };
        assert!(!meets(&silent, 100.0, &objective));
    }
}
