use super::*;
use crate::report::{Report, findings, page, sample, table};
use crate::results::arm::PointKey;
use crate::results::load::{ErrorKind, TimelineSecond};
use crate::results::plan::Plan;
use crate::results::profile::Shape;
use crate::results::run::Level;
use crate::results::scaling::{Decided, Supply};

const SECONDS: u64 = 20;

/// 100/s for 10 s, then 300/s for 10 s.
fn offered(second: u64) -> u64 {
    if second < 10 { 100 } else { 300 }
}

/// A run of an arm over that load: outside the objective in the seconds `late`.
fn followed_run(arm: &str, scaling: Scaling, late: std::ops::Range<u64>, failed_at: Option<u64>) -> Run {
    let level = Level::Profile { shape: Shape::Steps, peak_per_second: 300.0, seconds: SECONDS as f64 };
    let mut run = sample::run(1, arm, 1, level, 200.0, 50.0);
    run.point = PointKey::new(arm, 1);
    run.load.duration_seconds = SECONDS as f64;
    run.load.profile = Some(vec![(0.0, 100.0), (10.0, 100.0), (10.0, 300.0), (20.0, 300.0)]);
    run.load.requests_total = 4000;
    run.load.requests_ok = 4000 - u64::from(failed_at.is_some());
    run.load.timeline = (0..SECONDS)
        .map(|second| TimelineSecond {
            second,
            offered: offered(second),
            answered: offered(second),
            errors: failed_at.filter(|at| *at == second).map(|_| (ErrorKind::Reset, 1)).into_iter().collect(),
            p50_milliseconds: Some(10.0),
            p99_milliseconds: Some(if late.contains(&second) { 900.0 } else { 40.0 }),
            ..TimelineSecond::default()
        })
        .collect();
    run.scaling = Some(scaling);
    run
}

/// One unit holds 100/s. The autoscaler is 3 s late, one second of which its nodes start.
fn results() -> Results {
    let mut results = sample::results();
    let arm = |name: &str, words: &[&str]| Arm {
        name: name.into(),
        up: vec!["--units".into()],
        autoscale: words.iter().map(|word| (*word).to_owned()).collect(),
        ..Arm::default()
    };
    results.manifest.plan = Plan {
        arms: vec![
            arm("smallest", &[]),
            arm("largest", &[]),
            arm("scaled", &["--metric", "cpu=75", "--max", "4", "--interval", "1s"]),
        ],
        scales: vec![1.into()],
        open_scales: vec![1.into()],
        connections: vec![8],
        fractions: vec![],
        blocks: 1,
        further_blocks: 0,
        event: None,
        profile: Some(PlannedProfile { shape: Shape::Steps, peak: 0.75, seconds: SECONDS as f64, blocks: 1 }),
        ..Plan::quick()
    };
    let closed = |arm: &str, goodput: f64| {
        let level = Level::Closed { connections: 8 };
        Run { point: PointKey::new(arm, 1), ..sample::run(1, arm, 1, level, goodput, 40.0) }
    };
    let mut scaling = Scaling::fixed(1);
    scaling.decisions.push(Decided { at_seconds: 12.0, units: 1, wanted: 3, reason: "queue 9".into() });
    scaling.note(Supply { at_seconds: 12.0, ready: 1, starting: 2, ..Supply::default() });
    scaling.note(Supply { at_seconds: 13.0, ready: 3, ..Supply::default() });
    results.runs = vec![
        closed("smallest", 100.0),
        closed("largest", 400.0),
        followed_run("smallest", Scaling::fixed(1), 10..20, Some(15)),
        followed_run("largest", Scaling::fixed(4), 0..0, None),
        followed_run("scaled", scaling, 10..13, None),
    ];
    results
}

#[test]
fn arms_against_fixed_sizes_and_against_one_that_knows_the_load() {
    let report = Report::of(&results(), None).unwrap();
    let followed = report.followed.as_ref().unwrap();
    assert_eq!((followed.least_unit_seconds, followed.smallest_units), (10.0 + 30.0, 3));
    assert_eq!(followed.smallest_unit_seconds, 60.0);
    let figures: Vec<(f64, u64, f64, f64)> =
        followed.arms.iter().map(|arm| (arm.seconds_outside, arm.failed, arm.unit_seconds, arm.changes)).collect();
    // The scaled one: 12 s of one, then three of which two start at first.
    assert_eq!(figures, [(10.0, 1, 20.0, 0.0), (0.0, 0, 80.0, 0.0), (3.0, 0, 12.0 + 3.0 + 21.0, 1.0)]);
    let scaled = &followed.arms[2];
    let elasticity = scaled.elasticity.unwrap();
    // Two of three units are missing for 3 of 20 s.
    assert!((elasticity.under_accuracy - 0.3).abs() < 1e-9 && (elasticity.under_time_share - 0.15).abs() < 1e-9);
    assert_eq!(elasticity.over_accuracy, 0.0);
    // Missing: half of the time 2 of 3 units against 3 of 20 s. Neither has too many.
    let ratio = 10.0 / 3.0;
    assert!((scaled.speedup.unwrap() - f64::powf(ratio * ratio, 0.25)).abs() < 1e-9, "{:?}", scaled.speedup);
    assert_eq!((scaled.speedup_bound, followed.arms[0].speedup), (Some(SpeedupBound::Exact), None));
    assert_eq!(followed.percent_of_largest(scaled), Some(45.0));
    assert_eq!(followed.percent_of_least(scaled), Some(90.0));
    assert!(scaled.simulated_unit_seconds.unwrap() > 20.0, "{:?}", scaled.simulated_unit_seconds);
    assert_eq!(followed.arms[0].simulated_unit_seconds, None, "a fixed size is not simulated");
    assert_eq!(report.headline, verdict::headline(followed));
    assert!(
        report.headline.en().starts_with(
            "With scaled, 3 of 20 s missed the objective and no request failed, for 45 % of the unit-seconds of largest."
        ),
        "{:?}", report.headline
    );
    assert!(report.comparisons.is_empty(), "ceilings of sizes are not the question");
}

#[test]
fn what_is_not_valid_is_said() {
    let mut results = results();
    for run in results.runs.iter_mut().filter(|run| run.point.arm == "scaled") {
        run.verdict.valid = false;
        run.verdict.reasons = vec!["other processes used 0.5 cores meanwhile".into()];
    }
    let report = Report::of(&results, None).unwrap();
    assert!(!report.valid && report.headline.en().contains("(not valid)"), "{:?}", report.headline);
    assert!(report.cautions.iter().any(|caution| caution.words().en().contains("0.5 cores")), "{:?}", report.cautions);
}

#[test]
fn the_terminal_shows_curves_within_its_width() {
    let report = Report::of(&results(), None).unwrap();
    let text = findings::text(&report);
    for line in text.lines() {
        assert!(line.chars().count() <= usize::from(table::WIDTH), "{line}");
    }
    for words in [
        "load      ▃▃▃▃▃▃▃▃▃▃██████████  up to 300/s",
        "needed    11111111113333333333",
        "wanted    11111111111133333333",
        "ready     11111111111113333333",
        "starting              2\n",
        "outside   ··········xxx·······",
        "xxxxxFxxxx",
        "% largest",
        "speedup",
    ] {
        assert!(text.contains(words), "no '{words}' in\n{text}");
    }
    assert!(
        !text.contains("draining  ") && !text.contains("booting") && !text.contains("no room"),
        "what never was is not shown:\n{text}"
    );
}

#[test]
fn the_page_draws_each_arm() {
    let results = results();
    let page = page::render(&Report::of(&results, None).unwrap(), &results.runs, None).replace('\u{a0}', " ");
    // Two charts of each fixed size, three of the other.
    assert_eq!(page.matches("<svg").count(), 7);
    for words in ["A load that changes", "3 of 20 s outside the objective", "unit-seconds paid", "queue 9"] {
        assert!(page.contains(words), "no '{words}'");
    }
}

#[test]
fn before_its_runs_there_is_nothing_to_tell() {
    let mut results = results();
    results.runs.truncate(2);
    let report = Report::of(&results, None).unwrap();
    assert!(report.followed.is_none() && report.incomplete.is_some());
}
