//! Every sentence and every branch of the headline, on results made for it.

use std::collections::BTreeMap;

use super::*;
use crate::report::sample;
use crate::results::folder::Results;
use crate::results::load::ErrorKind;
use crate::results::plan::Plan;
use crate::results::prices::Prices;
use crate::results::run::{Level, RunVerdict};

/// The sample with the goodput of `horizontal` at 4 units changed block by block, in percent of `vertical`'s.
fn with(percents: &[f64]) -> Results {
    let mut results = sample::results();
    results.manifest.plan.blocks = percents.len() as u32;
    results.runs.retain(|run| run.point.scale != 4.into() || !matches!(run.level, Level::Closed { .. }));
    for (block, percent) in (1..).zip(percents) {
        for (arm, goodput) in [("vertical", 360.0), ("horizontal", 360.0 * (1.0 + percent / 100.0))] {
            let levels = if block == 1 { vec![16, 32, 32] } else { vec![16] };
            for connections in levels {
                results.runs.push(sample::run(block, arm, 4, Level::Closed { connections }, goodput, 80.0));
            }
        }
    }
    results
}

fn report(results: &Results) -> Report {
    Report::of(results, None).unwrap()
}

#[test]
fn every_branch_of_the_headline() {
    let different = [-13.0, -12.8, -13.2, -13.1, -12.9, -13.0];
    let more = [12.0, 12.8, 13.2, 13.1, 12.9, 13.0];
    let equivalent = [0.5, -0.4, 0.2, -0.6, 0.3, 0.1];
    let undecided = [9.0, -8.0, 7.0, -6.0, 4.0, 0.0];
    let wild = [30.0, -18.0, 28.0, -15.0];
    for (percents, answer, words) in [
        (
            &different[..],
            AnswerKind::Different,
            "At 4 units, 13 % fewer requests are answered with many small nodes than with one big node (95 %: -13.1 % to -12.9 %).",
        ),
        (
            &more,
            AnswerKind::Different,
            "At 4 units, 13 % more requests are answered with many small nodes than with one big node",
        ),
        (
            &equivalent,
            AnswerKind::Equivalent,
            "At 4 units, as many requests are answered with many small nodes as with one big node, within 5 % (90 %: -0.3 % to +0.4 %).",
        ),
        (
            &undecided,
            AnswerKind::Undecided,
            "At 4 units, it is undecided whether many small nodes or one big node answers more requests (95 %: ",
        ),
        (&wild, AnswerKind::Undecided, "The spread of the blocks is too wide to say how many more would decide"),
    ] {
        let report = report(&with(percents));
        assert_eq!(report.answer, answer, "{percents:?}: {:?}", report.headline);
        assert!(report.headline.en().contains(words), "no '{words}' in: {:?}", report.headline);
        let dies = "When a node dies, 67 % of the requests fail with one big node and 0 % of the requests fail with many small nodes (over 2.0 s, a third of them before its death).";
        assert!(report.headline.en().contains(dies), "no '{dies}' in {:?}", report.headline);
        assert_eq!(
            report.headline.en().contains("further blocks should decide"),
            percents == undecided,
            "{:?}",
            report.headline
        );
        // Whatever is found: without prices nothing is said about cost.
        for word in ["cost", "less", "cheap", "price"] {
            assert!(
                !report.headline.en().contains(word) && !report.verdict.en().contains(" cost less"),
                "{:?}",
                report.headline
            );
        }
    }
}

#[test]
fn runs_that_may_not_be_used_carry_no_claim() {
    let mut results = sample::results();
    for run in results.runs.iter_mut().filter(|run| run.point.scale == 4.into()) {
        run.verdict.valid = false;
        run.verdict.reasons = vec!["other processes used 0.9 cores meanwhile".into()];
    }
    let report = report(&results);
    assert_eq!(report.answer, AnswerKind::NotValid);
    assert_eq!(report.headline.en(), "Not valid, so nothing is claimed: other processes used 0.9 cores meanwhile.");
    assert!(
        report.verdict.en().contains("(not valid)") && report.verdict.en().contains("not valid: no claim"),
        "{:?}",
        report.verdict
    );
}

#[test]
fn when_nothing_was_answered_that_is_all_it_says() {
    let mut results = sample::results();
    for run in &mut results.runs {
        run.load.throughput_per_second = 0.0;
        run.load.requests_ok = 0;
        run.load.requests_total = 1;
        run.load.errors = BTreeMap::from([(ErrorKind::TimedOut, 1)]);
        run.verdict.valid = false;
        run.verdict.reasons = vec!["no request was answered correctly".into()];
    }
    let report = report(&results);
    assert_eq!((report.answer, report.verdict.en()), (AnswerKind::NothingAnswered, ""));
    assert_eq!(
        report.headline.en(),
        "No request was answered correctly, so nothing was measured: the arm vertical answered none of 26 requests correctly (26 timed out). Asked was /fib?number=28."
    );
    let text = crate::report::findings::text(&report);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], report.question, "that is all it says: {text}");
    assert!(lines[1].starts_with("No request was answered") && lines.len() < 6, "{text}");
    assert!(!serde_json::to_string(&report).unwrap().contains("NaN"));
}

#[test]
fn a_rate_that_no_valid_run_stands_behind_is_marked() {
    let mut results = sample::results();
    for run in results.runs.iter_mut().filter(|run| matches!(run.level, Level::Open { .. } | Level::Death { .. })) {
        run.verdict = RunVerdict { valid: false, reasons: vec!["other processes used 1.2 cores meanwhile".into()] };
    }
    let report = report(&results);
    assert_eq!(
        report.verdict.en().matches("(not valid)").count(),
        4,
        "two objectives, two deaths: {:?}",
        report.verdict
    );
    let text = crate::report::findings::text(&report);
    assert!(text.contains("/s (not valid)"), "{text}");
    let page = crate::report::page::render(&report, &results.runs, None);
    assert!(page.contains("% ✗</a></b>"), "a tile");
}

#[test]
fn one_arm_alone() {
    let mut results = sample::results();
    results.runs.retain(|run| run.point.arm == "vertical");
    let report = report(&results);
    assert_eq!(report.answer, AnswerKind::OneArm);
    assert!(
        report.headline.en().starts_with("vertical at 4: 360 requests a second, stopped by the CPU quota: "),
        "{:?}",
        report.headline
    );
}

#[test]
fn several_arms_are_each_judged() {
    let mut results = with(&[-13.0, -12.8, -13.2, -13.1, -12.9, -13.0]);
    let mut third = Plan::quick().arms[1].clone();
    (third.name, third.label) = ("third".into(), None);
    results.manifest.plan.arms.push(third);
    let third: Vec<_> = results.runs.iter().filter(|run| run.point.arm == "vertical").cloned().collect();
    results.runs.extend(third.into_iter().map(|mut run| {
        run.point.arm = "third".into();
        run
    }));
    let report = report(&results);
    assert_eq!(report.answer, AnswerKind::Different);
    assert!(
        report.headline.en().contains("than with one big node")
            && report.headline.en().contains("; as many requests are answered with third as with one big node"),
        "{:?}",
        report.headline
    );
}

#[test]
fn a_scale_that_counts_no_servers_has_no_law() {
    let mut results = sample::results();
    let report = Report::of(&results, None).unwrap();
    assert!(!report.laws.is_empty() && report.points.iter().any(|point| point.efficiency_percent.is_some()));
    results.manifest.plan.law = false;
    let report = Report::of(&results, None).unwrap();
    assert!(report.laws.is_empty() && report.points.iter().all(|point| point.efficiency_percent.is_none()));
    let words = "From 1 to 4 units, throughput changed: vertical to 400 % and horizontal to 3";
    assert!(report.verdict.en().contains(words), "{:?}", report.verdict);
}

#[test]
fn the_paragraph_says_what_was_found() {
    let report = Report::of(&sample::results(), Some(&Prices::example())).unwrap();
    for words in [
        "At 4 units (1.0 cores), requests answered a second: 360 with one big node and 313 with many small nodes.",
        "horizontal against vertical: different: -13.0 %",
        "Both were stopped by the CPU quota: the nodes used 99 % of their 1.0 cores",
        "From 1 to 4 units, throughput grew: vertical 4.0-fold and horizontal 3.5-fold.",
        "At the same load of 250 requests a second",
        "The objective p99 ≤ 250 ms held up to 282/s and failed at 313/s for vertical",
        "horizontal: node4 is killed under 219 requests a second, 0 of 438 requests fail, and 3 of 4 nodes are left, by arithmetic 235/s.",
        "vertical: node1 is killed under 219 requests a second, 292 of 438 requests fail, and no node is left.",
        "At your prices a million requests cost",
        "A request costs less on the one big machine at every unit count measured.",
    ] {
        assert!(report.verdict.en().contains(words), "no '{words}' in: {:?}", report.verdict);
    }
}
