use super::*;
use crate::report::{Report, sample};
use crate::results::load::{LittlesLaw, Percentiles};
use crate::results::run::Level;

/// The sample with enough blocks that nothing is to be said.
fn calm() -> Results {
    let mut results = sample::results();
    let more: Vec<Run> = results
        .runs
        .iter()
        .filter(|run| run.block > 1 && matches!(run.level, Level::Closed { .. }))
        .map(|run| Run { block: run.block + 3, ..run.clone() })
        .collect();
    results.runs.extend(more);
    results.manifest.plan.blocks = 7;
    results
}

fn found(change: impl Fn(&mut Results)) -> Vec<Doubt> {
    let mut results = calm();
    change(&mut results);
    Report::of(&results, None).unwrap().cautions
}

fn closed(results: &mut Results) -> impl Iterator<Item = &mut Run> {
    results.runs.iter_mut().filter(|run| matches!(run.level, Level::Closed { .. }))
}

/// Makes results doubtful.
type Change = fn(&mut Results);

#[test]
fn a_calm_bench_has_none() {
    assert_eq!(found(|_| {}), []);
}

#[test]
fn each_doubt_is_found_where_its_figures_are() {
    let late = Percentiles { p99: 12.0, ..Percentiles::default() };
    let four = || PointKey::new("horizontal", 4);
    let cases: [(&str, Change, Doubt); 6] = [
        (
            "few blocks",
            |results| {
                results.runs.retain(|run| run.block <= 4);
                results.manifest.plan.blocks = 4;
            },
            Doubt::FewBlocks { places: [1, 2, 4].map(|units| PointKey::new("horizontal", units)).to_vec(), blocks: 4 },
        ),
        (
            "no level above the best",
            |results| {
                let four = PointKey::new("horizontal", 4);
                results.runs.retain(|run| run.point != four || run.level != Level::Closed { connections: 32 });
                results.manifest.plan.connections = vec![4];
            },
            Doubt::LowerBound { points: vec![four()] },
        ),
        (
            "a busy generator",
            |results| {
                for run in closed(results).filter(|run| run.point == PointKey::new("horizontal", 4)) {
                    run.load.generator.busiest_thread_percent = Some(82.0);
                }
            },
            Doubt::GeneratorBusy { place: four(), percent: 82.0 },
        ),
        (
            "others at work",
            |results| {
                for run in closed(results) {
                    let busy = run.point == PointKey::new("horizontal", 4);
                    run.machine.cores = Some(2.0);
                    run.machine.foreign_cores = Some(if busy { 0.1 } else { 0.02 });
                }
            },
            Doubt::ForeignCpu { place: four(), percent: 5.0 },
        ),
        (
            "a queue that grew",
            |results| {
                for run in closed(results).filter(|run| run.block == 2) {
                    run.load.littles_law = LittlesLaw { holds: Some(false), ..LittlesLaw::default() };
                }
            },
            Doubt::Unsteady { runs: 6, of: 42 },
        ),
        (
            "a machine that changed its pace",
            |results| {
                for run in results.runs.iter_mut().filter(|run| run.block > 4) {
                    run.machine.speed_per_second = Some(54_000.0);
                }
            },
            Doubt::Pace { percent: 20.0 },
        ),
    ];
    for (what, change, expected) in cases {
        assert_eq!(found(change), [expected], "{what}");
    }
    let lateness = found(|results| {
        for run in results.runs.iter_mut().filter(|run| matches!(run.level, Level::Open { .. })) {
            run.load.generator.dispatch_lag_milliseconds = Some(late);
        }
    });
    let [Doubt::Late { late_milliseconds, p99_milliseconds, .. }] = &lateness[..] else { panic!("{lateness:?}") };
    assert_eq!((*late_milliseconds, *p99_milliseconds), (12.0, 60.0), "the worst share of a response time");
}

#[test]
fn the_heaviest_comes_first() {
    let doubts = found(|results| {
        results.runs.retain(|run| run.block <= 4);
        for run in &mut results.runs {
            run.load.generator.busiest_thread_percent = Some(75.0);
        }
        for run in results.runs.iter_mut().filter(|run| run.point == PointKey::new("vertical", 1)) {
            run.verdict.valid = false;
            run.verdict.reasons = vec!["something".to_owned()];
        }
    });
    let weights: Vec<Weight> = doubts.iter().map(Doubt::weight).collect();
    assert_eq!(weights, [Weight::Unusable, Weight::Shifted, Weight::Unsure]);
    let Doubt::NotValid { further, .. } = &doubts[0] else { panic!("{doubts:?}") };
    assert_eq!(*further, 0, "the same reason again is not a further one");
}

#[test]
fn blocks_that_scatter_are_explained_by_the_machine() {
    let mut results = sample::results();
    for run in results.runs.iter_mut().filter(|run| run.block == 2) {
        run.load.throughput_per_second *= 0.7;
        run.machine.speed_per_second = Some(31_500.0);
    }
    let words = |results: &Results| {
        let doubts = Report::of(results, None).unwrap().cautions;
        doubts.iter().find(|doubt| matches!(doubt, Doubt::Spread { .. })).unwrap().words()
    };
    let said = words(&results);
    let caution = said.en();
    assert!(caution.contains("spread by up to 31 %") && caution.contains("changed by 30 %"), "{caution}");
    assert!(caution.contains("every run used 99 % of its quota or more"), "{caution}");
    assert!(said.es().contains("cada corrida usó el 99 % de su cuota o más"), "{}", said.es());
    // One run that left most of its quota: then the machine does not explain everything.
    results.runs.iter_mut().rfind(|run| run.block == 4).unwrap().nodes[0].cpu_cores = Some(0.05);
    let said = words(&results);
    let caution = said.en();
    assert!(caution.contains("; the nodes used ") && !caution.contains("CPU second goes"), "{caution}");
}
