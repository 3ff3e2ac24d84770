//! What a visit measures next: policy on what has been measured so far, without a clock.

use std::collections::BTreeMap;

use crate::results::comparison::{Comparison, are_narrow};
use crate::results::ladder::{self, NextLevel};
use crate::results::load::ErrorKind;
use crate::results::plan::{Ladder, Plan, PlannedProfile, Visit};
use crate::results::queries::{
    at, ceiling, ceiling_connections, closed_ladder, comparisons, open_ladder, open_rates, whole_and_lowest,
};
use crate::results::run::{Level, Run};

/// The node dies when this share of the measured window is over.
const DEATH_AT: f64 = 1.0 / 3.0;

/// The next level of this visit, `None` when it is complete. `runs` are all that were measured, also in earlier visits;
/// a visit that was interrupted goes on where it ended.
pub fn next_level(plan: &Plan, visit: &Visit, runs: &[Run]) -> Option<Level> {
    let here: Vec<&Run> =
        at(runs, &visit.point).filter(|run| run.block == visit.block && run.level.ladder() == visit.ladder).collect();
    if let Some(again) = invalid_once(&here) {
        return Some(again);
    }
    match visit.ladder {
        Ladder::Closed => next_closed(plan, visit, runs, &here),
        Ladder::Open => next_open(plan, visit, runs, &here).or_else(|| death(plan, visit, runs, &here)),
        Ladder::Profile if here.is_empty() => profile(plan, visit, runs),
        Ladder::Profile => None,
    }
}

/// A run that was not valid is measured again, once: a busy moment of the machine is not a limit of the point.
fn invalid_once(here: &[&Run]) -> Option<Level> {
    let last = here.last().filter(|run| !run.verdict.valid && !matches!(run.level, Level::Death { .. }))?;
    let tries = here.iter().filter(|run| run.level == last.level && !run.verdict.valid).count();
    (tries == 1).then_some(last.level)
}

fn next_closed(plan: &Plan, visit: &Visit, runs: &[Run], here: &[&Run]) -> Option<Level> {
    let closed = |connections| Some(Level::Closed { connections });
    let measured = closed_ladder(here.iter().copied());
    if visit.block == 1 {
        let levels = plan.connections_at(&visit.point);
        return match ladder::next_closed(&levels, &measured) {
            NextLevel::Measure(connections) => closed(connections),
            NextLevel::Stop => None,
        };
    }
    let connections = ceiling_connections(plan, runs, &visit.point)?;
    if measured.is_empty() { closed(connections) } else { None }
}

fn next_open(plan: &Plan, visit: &Visit, runs: &[Run], here: &[&Run]) -> Option<Level> {
    let rates = open_rates(plan, runs, &visit.point);
    let measured = open_ladder(here.iter().copied(), &plan.objective);
    let fractions: Vec<f64> = rates.iter().map(|&(fraction, _)| fraction).collect();
    let next = ladder::next_open(&fractions, &measured)?;
    let (fraction, rate_per_second) = rates.into_iter().find(|&(fraction, _)| fraction == next)?;
    Some(Level::Open { fraction, rate_per_second })
}

fn death(plan: &Plan, visit: &Visit, runs: &[Run], here: &[&Run]) -> Option<Level> {
    let event = plan.event_at(visit)?;
    if here.iter().any(|run| matches!(run.level, Level::Death { .. })) {
        return None;
    }
    let (whole, _) = whole_and_lowest(plan, runs, &visit.point)?;
    let killed_at_seconds = event.seconds * DEATH_AT;
    Some(Level::Death { fraction: event.fraction, rate_per_second: event.fraction * whole, killed_at_seconds })
}

/// The load that changes, as high as the highest ceiling allows. `None` where none was measured.
fn profile(plan: &Plan, visit: &Visit, runs: &[Run]) -> Option<Level> {
    let PlannedProfile { shape, peak, seconds, .. } = plan.profile?;
    let fixed = plan.arms.iter().filter(|arm| arm.is_fixed());
    let ceilings = fixed.filter_map(|arm| ceiling(plan, runs, &visit.point.of_arm(&arm.name)));
    let highest = ceilings.reduce(f64::max)?;
    Some(Level::Profile { shape, peak_per_second: peak * highest, seconds })
}

/// Runs of an arm without a single correct answer, after which more of them would tell nothing.
const ENOUGH_NOTHING: usize = 2;

/// The arm that has answered nothing correctly so far, though it was asked more than once, and what came instead. Then the
/// work or the service is wrong, and there is nothing to measure.
pub fn answers_nothing(plan: &Plan, runs: &[Run]) -> Option<String> {
    plan.arms.iter().find_map(|arm| {
        let here: Vec<&Run> = runs.iter().filter(|run| run.point.arm == arm.name).collect();
        if here.len() < ENOUGH_NOTHING || here.iter().any(|run| run.load.requests_ok > 0) {
            return None;
        }
        let total = |of: fn(&Run) -> u64| here.iter().map(|run| of(run)).sum::<u64>();
        let mut came: Vec<String> = Vec::new();
        let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
        for (status, count) in here.iter().flat_map(|run| &run.load.status) {
            *statuses.entry(*status).or_default() += count;
        }
        came.extend(statuses.iter().map(|(status, count)| format!("{count} with status {status}")));
        let mut errors: BTreeMap<ErrorKind, u64> = BTreeMap::new();
        for (kind, count) in here.iter().flat_map(|run| &run.load.errors) {
            *errors.entry(*kind).or_default() += count;
        }
        errors.remove(&ErrorKind::UnexpectedStatus);
        came.extend(errors.iter().map(|(kind, count)| format!("{count} {}", kind.words())));
        Some(format!(
            "the arm {} answered none of {} requests correctly ({})",
            arm.name,
            total(|run| run.load.requests_total),
            came.join(", ")
        ))
    })
}

/// Whether every comparison is known to within `percent` to either side, from blocks enough. False where there is nothing
/// to compare.
pub fn is_precise(plan: &Plan, runs: &[Run], percent: f64) -> bool {
    let comparisons: Vec<Comparison> = plan.scales.iter().flat_map(|scale| comparisons(plan, runs, scale)).collect();
    !comparisons.is_empty() && are_narrow(&comparisons, percent)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::results::arm::{Arm, PointKey};
    use crate::results::load::{LoadOutcome, Percentiles};
    use crate::results::objective::{LatencyFigure, Objective};
    use crate::results::profile::Shape;
    use crate::results::queries::meets;
    use crate::results::run::{MachineUse, RunVerdict};

    /// A run of the arm `vertical` at 2.
    pub fn run(block: u32, level: Level, goodput: f64, p99: f64, valid: bool) -> Run {
        Run {
            block,
            point: PointKey::new("vertical", 2),
            level,
            started_at: String::new(),
            load: LoadOutcome {
                requests_total: 1000,
                requests_ok: 1000,
                throughput_per_second: goodput,
                latency_milliseconds: Some(Percentiles { p99, ..Percentiles::default() }),
                ..LoadOutcome::default()
            },
            killed: None,
            scaling: None,
            nodes: vec![],
            balancer: None,
            services: vec![],
            machine: MachineUse::default(),
            samples: vec![],
            verdict: RunVerdict { valid, reasons: vec![] },
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
        let plan = Plan { fractions: vec![0.5, 1.0], arms: Plan::quick().arms[..1].to_vec(), ..Plan::quick() };
        let point = PointKey::new("vertical", 2);
        let first = Visit { block: 1, point, ladder: Ladder::Closed };
        let second = Visit { block: 2, ..first.clone() };
        let third = Visit { ladder: Ladder::Open, ..first.clone() };
        let mut runs = vec![];
        let mut step = |visit: &Visit, expected: Option<Level>, goodput: f64, p99: f64, valid: bool| {
            assert_eq!(next_level(&plan, visit, &runs), expected);
            runs.extend(expected.map(|level| run(visit.block, level, goodput, p99, valid)));
        };
        step(&first, Some(closed(8)), 200.0, 50.0, true);
        step(&first, Some(closed(16)), 150.0, 90.0, false); // a busy moment: again
        step(&first, Some(closed(16)), 202.0, 90.0, true); // a breach: again
        step(&first, Some(closed(16)), 201.0, 90.0, true);
        step(&first, None, 0.0, 0.0, true);
        step(&second, Some(closed(8)), 202.0, 50.0, true);
        step(&second, None, 0.0, 0.0, true);
        step(&third, Some(open(0.5, 100.5)), 100.0, 60.0, true);
        step(&third, Some(open(1.0, 201.0)), 180.0, 100.0, true); // rate not sustained: again
        step(&third, Some(open(1.0, 201.0)), 200.0, 400.0, true); // too slow: failed twice
        let death = Level::Death { fraction: 0.7, rate_per_second: 0.7 * 201.0, killed_at_seconds: 3.0 / 3.0 };
        step(&third, Some(death), 50.0, 60.0, false); // never again: the cluster is broken
        step(&third, None, 0.0, 0.0, true);
        let ladder = open_ladder(runs.iter(), &plan.objective);
        assert_eq!(ladder, vec![(0.5, true), (1.0, false), (1.0, false)]);
    }

    #[test]
    fn all_arms_meet_the_same_levels() {
        let plan = Plan { fractions: vec![0.5, 1.0], ..Plan::quick() };
        let key = |arm: &str| PointKey::new(arm, 2);
        let with =
            |arm, connections, goodput| Run { point: key(arm), ..run(1, closed(connections), goodput, 1.0, true) };
        let mut runs = vec![
            with("vertical", 8, 200.0),
            with("vertical", 16, 201.0),
            with("vertical", 16, 202.0),
            with("horizontal", 8, 120.0),
            with("horizontal", 16, 180.0),
            with("horizontal", 32, 182.0),
        ];
        for arm in ["vertical", "horizontal"] {
            assert_eq!(ceiling_connections(&plan, &runs, &key(arm)), Some(16), "the higher of 8 and 16");
        }
        let second = Visit { block: 2, point: key("vertical"), ladder: Ladder::Closed };
        assert_eq!(next_level(&plan, &second, &runs), Some(closed(16)));
        let mut broken = runs.clone();
        for run in &mut broken[1..3] {
            run.load.throughput_per_second = 150.0;
        }
        assert_eq!(ceiling_connections(&plan, &broken, &key("vertical")), Some(8), "it breaks down at 16");
        // 201.5 and 180 are alike: both are offered shares of 180.
        for arm in ["vertical", "horizontal"] {
            assert_eq!(open_rates(&plan, &runs, &key(arm)), vec![(0.5, 90.0), (1.0, 180.0)]);
        }
        // 201.5 and 100 are not: each its own, and one rate in common.
        for run in &mut runs[3..] {
            run.load.throughput_per_second *= 100.0 / 180.0;
        }
        assert_eq!(open_rates(&plan, &runs, &key("horizontal")), vec![(0.5, 50.0), (1.0, 100.0)]);
        let rates = open_rates(&plan, &runs, &key("vertical"));
        assert_eq!(rates.iter().map(|&(_, rate)| rate).collect::<Vec<_>>(), vec![70.0, 100.75, 201.5]);
        assert!(open_rates(&plan, &[], &key("vertical")).is_empty());
    }

    #[test]
    fn a_load_that_changes_is_as_high_as_the_largest_fixed_size_allows() {
        let changing = PlannedProfile { shape: Shape::Day, peak: 0.5, seconds: 60.0, blocks: 1 };
        let mut plan = Plan { profile: Some(changing), scales: vec![2.into()], ..Plan::quick() };
        let scaled = Arm { name: "scaled".into(), autoscale: vec!["--vertical".into()], ..plan.arms[1].clone() };
        plan.arms.push(scaled);
        let of_scaled = |visit: &&Visit| visit.point.arm == "scaled";
        let ladders: Vec<Ladder> = plan.visits().iter().filter(of_scaled).map(|visit| visit.ladder).collect();
        assert_eq!(ladders, [Ladder::Profile], "an arm whose size changes has no ceiling");
        let visit = Visit { block: 1, point: PointKey::new("scaled", 2), ladder: Ladder::Profile };
        assert_eq!(next_level(&plan, &visit, &[]), None, "no ceiling yet");
        let mut runs = vec![run(1, closed(8), 100.0, 1.0, true)];
        runs.push(Run { point: PointKey::new("horizontal", 2), ..run(1, closed(8), 400.0, 1.0, true) });
        let level = next_level(&plan, &visit, &runs).unwrap();
        assert_eq!(level, Level::Profile { shape: Shape::Day, peak_per_second: 200.0, seconds: 60.0 });
        runs.push(Run { point: visit.point.clone(), ..run(1, level, 100.0, 1.0, true) });
        assert_eq!(next_level(&plan, &visit, &runs), None);
    }

    #[test]
    fn an_invalid_level_is_tried_twice_at_most() {
        let plan = Plan::quick();
        let visit = Visit { block: 1, point: PointKey::new("vertical", 2), ladder: Ladder::Closed };
        let mut runs = vec![run(1, closed(8), 100.0, 1.0, false)];
        assert_eq!(next_level(&plan, &visit, &runs), Some(closed(8)));
        runs.push(run(1, closed(8), 100.0, 1.0, false));
        assert_eq!(next_level(&plan, &visit, &runs), Some(closed(16)));
    }

    #[test]
    fn an_arm_that_answers_nothing_ends_the_bench() {
        let plan = Plan::quick();
        let mut nothing = run(1, closed(8), 0.0, 1.0, false);
        nothing.load = LoadOutcome {
            requests_total: 300,
            errors: BTreeMap::from([(ErrorKind::UnexpectedStatus, 290), (ErrorKind::Reset, 10)]),
            status: BTreeMap::from([(404, 290)]),
            ..LoadOutcome::default()
        };
        assert_eq!(answers_nothing(&plan, &[nothing.clone()]), None, "once may be a start");
        let said = answers_nothing(&plan, &[nothing.clone(), nothing.clone()]).unwrap();
        assert_eq!(said, "the arm vertical answered none of 600 requests correctly (580 with status 404, 20 reset)");
        let other = Run { point: PointKey::new("horizontal", 2), ..nothing.clone() };
        assert_eq!(answers_nothing(&plan, &[nothing.clone(), other]), None);
        assert_eq!(answers_nothing(&plan, &[nothing.clone(), run(1, closed(8), 5.0, 1.0, true), nothing]), None);
    }

    #[test]
    fn blocks_are_added_until_all_comparisons_are_narrow() {
        let plan = Plan { scales: vec![2.into(), 4.into()], ..Plan::quick() };
        let figures = |scale: u32, noise: f64| {
            (1..=6).flat_map(move |block| {
                let shake = 1.0 + noise * f64::from(block % 2);
                ["vertical", "horizontal"].map(|arm| Run {
                    point: PointKey::new(arm, scale),
                    ..run(block, closed(8), if arm == "vertical" { 100.0 } else { 90.0 * shake }, 1.0, true)
                })
            })
        };
        let both: Vec<Run> = figures(2, 0.02).chain(figures(4, 0.02)).collect();
        assert!(is_precise(&plan, &both, 3.0) && !is_precise(&plan, &both, 0.5));
        let one: Vec<Run> = figures(2, 0.02).chain(figures(4, 0.2)).collect();
        assert!(!is_precise(&plan, &one, 3.0), "the widest counts");
        assert!(!is_precise(&plan, &both[..2], 3.0) && !is_precise(&plan, &[], 100.0));
    }

    #[test]
    fn objectives_count_errors_and_lost_rate() {
        let objective = Objective { figure: LatencyFigure::P99, milliseconds: 250.0 };
        let good = run(1, open(0.5, 100.0), 99.0, 200.0, true).load;
        assert!(meets(&good, 100.0, &objective));
        assert!(!meets(&good, 120.0, &objective));
        let mut failed = good.clone();
        failed.errors.insert(ErrorKind::UnexpectedStatus, 2);
        assert!(!meets(&failed, 100.0, &objective));
        let silent = LoadOutcome { latency_milliseconds: None, ..good };
        assert!(!meets(&silent, 100.0, &objective));
    }
}
