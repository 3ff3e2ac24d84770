//! The autoscaler's decision on tables. Each row names its source; files without a path are those of Kubernetes'
//! pkg/controller/podautoscaler. Rows "as the rule" are computed by hand from the rule that the source states.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use webapp::autoscale::config::{MetricTarget, Rules, Select};
use webapp::autoscale::sample::{SampledNode, SampledState};
use webapp::autoscale::{Config, Decision, DecisionHistory, Metric, Samples, decide};

/// Nodes of a row, as in Kubernetes' tests: what each uses of a request of 1000 (`1010/900`: of 900), or the plain
/// figure of another metric. Before it: `U` not ready, started 30 s ago; `H` ready, but its sample reaches back before
/// that; `N` not ready any more, `V` never ready, both started long ago; `P` starting; `D` draining; `F` failed.
/// `M`: no sample; `UM`: neither ready nor a sample.
fn nodes(metric: Metric, text: &str) -> Vec<SampledNode> {
    text.split_whitespace().enumerate().map(|(number, token)| node(metric, number, token)).collect()
}

fn node(metric: Metric, number: usize, token: &str) -> SampledNode {
    let letters = token.trim_end_matches(|letter: char| !letter.is_alphabetic());
    let figure = &token[letters.len()..];
    let mut node = SampledNode::ready(&format!("node{number}"));
    node.age_seconds = Some(400.0);
    for letter in letters.chars() {
        match letter {
            'U' => {
                node.state = SampledState::Running { ready: false };
                (node.age_seconds, node.was_ready) = (Some(30.0), false);
            }
            'H' => {
                (node.age_seconds, node.since_seconds, node.sample_seconds) = (Some(60.0), Some(30.0), Some(60.0));
            }
            'N' => node.state = SampledState::Running { ready: false },
            'V' => (node.state, node.was_ready) = (SampledState::Running { ready: false }, false),
            'P' => node.state = SampledState::Starting,
            'D' => node.state = SampledState::Draining,
            'F' => node.state = SampledState::Failed,
            'M' => {}
            other => panic!("{other} in {token}"),
        }
    }
    node.quota = 1000.0;
    if !figure.is_empty() {
        let (used, request) = figure.split_once('/').unwrap_or((figure, "1000"));
        let (used, request): (f64, f64) = (used.parse().unwrap(), request.parse().unwrap());
        let value = match metric {
            Metric::Cpu | Metric::Memory => used / request * 100.0,
            Metric::Rate | Metric::Queue | Metric::P99 => used,
        };
        node.quota = request;
        node.readings = BTreeMap::from([(metric, value)]);
    }
    node
}

/// Nothing but the metrics decides: no window, no policy that binds.
fn open(targets: Vec<MetricTarget>) -> Config {
    let mut config = Config::new(targets, 1000);
    config.up.policies = vec!["1000/15s".parse().unwrap()];
    config.down.window = Duration::ZERO;
    config
}

type Row = (&'static str, u32, &'static str, &'static str, u32);

const CALCULATOR: &[Row] = &[
    // Source; size; target; nodes; wanted.
    ("replica_calculator_test.go ScaleUp", 3, "cpu=30", "300 500 700", 5),
    ("replica_calculator_test.go ScaleUpUnreadyLessScale", 3, "cpu=30", "U300 500 700", 4),
    ("replica_calculator_test.go ScaleUpHotCpuLessScale", 3, "cpu=30", "H300 500 700", 4),
    ("replica_calculator_test.go ScaleUpUnreadyNoScale", 3, "cpu=30", "400 U500 U700", 3),
    ("replica_calculator_test.go ScaleHotCpuNoScale", 3, "cpu=30", "400 H500 H700", 3),
    ("replica_calculator_test.go ScaleUpIgnoresFailedPods", 2, "cpu=30", "500 700 F F", 4),
    ("replica_calculator_test.go ScaleUpIgnoresDeletionPods", 2, "cpu=30", "500 700 D D", 4),
    ("replica_calculator_test.go ScaleUpCM", 3, "rate=15", "20 10 30", 4),
    ("replica_calculator_test.go ScaleUpCMUnreadyHotCpuNoLessScale", 3, "rate=15", "50 10 U30", 6),
    ("replica_calculator_test.go ScaleUpCMUnreadyHotCpuScaleWouldScaleDown", 3, "rate=15", "U50 15 U30", 7),
    ("replica_calculator_test.go ScaleUpCMExternal", 1, "rate=4.4", "8.6", 2),
    ("replica_calculator_test.go ScaleDown", 5, "cpu=50", "100 300 500 250 250", 3),
    ("replica_calculator_test.go ScaleDownCM", 5, "rate=20", "12 12 12 12 12", 3),
    ("replica_calculator_test.go ScaleDownIncludeUnreadyPods", 5, "cpu=50", "100 300 500 U250 U250", 2),
    ("replica_calculator_test.go ScaleDownExcludeUnscheduledPods", 5, "cpu=50", "100 P P P P", 1),
    ("replica_calculator_test.go ScaleDownIgnoreHotCpuPods", 5, "cpu=50", "100 300 500 H250 H250", 2),
    ("replica_calculator_test.go ScaleDownIgnoresFailedPods", 5, "cpu=50", "100 300 500 250 250 F F", 3),
    ("replica_calculator_test.go ScaleDownIgnoresDeletionPods", 5, "cpu=50", "100 300 500 250 250 D D", 3),
    ("replica_calculator_test.go Tolerance", 3, "cpu=100", "1010/900 1030/1000 1020/1100", 3),
    ("replica_calculator_test.go ToleranceCM", 3, "rate=20", "20 21 21", 3),
    ("replica_calculator_test.go SuperfluousMetrics", 4, "cpu=100", "4000 9500 3000 7000", 24),
    ("replica_calculator_test.go MissingMetrics", 4, "cpu=100", "400 95 M M", 3),
    ("replica_calculator_test.go MissingMetricsNoChangeEq", 2, "cpu=100", "1000 M", 2),
    ("replica_calculator_test.go MissingMetricsNoChangeGt", 2, "cpu=100", "1900 M", 2),
    ("replica_calculator_test.go MissingMetricsNoChangeLt", 2, "cpu=100", "600 M", 2),
    ("replica_calculator_test.go MissingMetricsUnreadyChange", 3, "cpu=50", "U100 450 M", 3),
    ("replica_calculator_test.go MissingMetricsHotCpuNoChange", 3, "cpu=50", "H100 450 M", 3),
    ("replica_calculator_test.go MissingMetricsUnreadyScaleUp", 3, "cpu=50", "U100 2000 M", 4),
    ("replica_calculator_test.go MissingMetricsHotCpuScaleUp", 3, "cpu=50", "H100 2000 M", 4),
    ("replica_calculator_test.go MissingMetricsUnreadyScaleDown", 4, "cpu=50", "U100 100 100 M", 3),
    ("replica_calculator_test.go DuringRollingUpdateWithMaxSurge", 2, "cpu=50", "100 100 M", 2),
    ("replica_calculator_test.go GroupPods, once ready", 2, "cpu=50", "900 N900", 4),
    ("replica_calculator_test.go GroupPods, never ready", 2, "cpu=50", "900 V900", 2),
    ("replica_calculator.go groupPods: a missing sample before readiness", 2, "cpu=50", "900 UM", 2),
    ("replica_calculator.go groupPods: readiness matters for CPU alone", 2, "memory=50", "900 U900", 4),
    ("replica_calculator.go: whole percents, 559 of 1000 is 55", 10, "cpu=50", "559", 10),
    ("replica_calculator.go: ratio 1.1 is tolerated", 10, "cpu=50", "550 550 550 550 550 550 550 550 550 550", 10),
    ("replica_calculator.go: ratio 1.12 is not", 10, "cpu=50", "560 560 560 560 560 560 560 560 560 560", 12),
    ("replica_calculator.go: ratio 0.9 is tolerated", 10, "cpu=50", "450 450 450 450 450 450 450 450 450 450", 10),
    ("replica_calculator.go: ratio 0.88 is not", 10, "cpu=50", "440 440 440 440 440 440 440 440 440 440", 9),
    ("replica_calculator.go: weighed by request", 2, "cpu=50", "900/1000 300/3000", 2),
    ("kubernetes#126386: a missing sample counts as the target above 100 %", 2, "cpu=200", "900 M", 2),
    ("replica_calculator.go: no use at all, one short of none", 4, "cpu=50", "10 0 0 0", 1),
    ("replica_calculator.go: no use at all is no node", 4, "cpu=50", "0 0 0 0", 1),
    (
        "replica_calculator.go: censored at 100 %, growth is 1 / target",
        7,
        "cpu=70",
        "1000 1000 1000 1000 1000 1000 1000",
        10,
    ),
    ("replica_calculator.go: a queue is not censored", 2, "queue=2", "40 44", 42),
    ("replica_calculator.go calcPlainMetricReplicas: a missing sample is at the target", 4, "queue=2", "0 0 0 M", 1),
    ("as the rule: missing, more wanted", 3, "queue=2", "9 9 M", 9),
    ("as the rule: starting nodes count as idle: none is ordered twice", 4, "queue=2", "4 4 P P", 4),
    ("as the rule: starting nodes count as idle, more is wanted all the same", 4, "queue=2", "8 8 P P", 8),
    ("as the rule: exactly at the target nothing is assumed", 2, "queue=2", "2 M", 2),
    ("as the rule: p99 of the slowest", 2, "p99=100", "50 300", 6),
    ("as the rule: p99 below the target", 4, "p99=100", "20 10 50 20", 2),
];

#[test]
fn a_metric_wants_what_kubernetes_wants() {
    for (source, size, target, text, wanted) in CALCULATOR {
        let target: MetricTarget = target.parse().unwrap();
        let samples = Samples { size: *size, nodes: nodes(target.metric, text), ..Samples::default() };
        let decision = decide(&open(vec![target]), &samples, &DecisionHistory::default(), 0.0);
        assert_eq!(decision.wanted, *wanted, "{source}: {text}: {decision}");
        assert_eq!(decision.size, *size);
    }
}

/// Source; size; total; target of a node; wanted.
const TOTALS: &[(&str, u32, f64, f64, u32)] = &[
    ("replica_calculator_test.go ScaleUpPerPodCMExternal", 3, 8600.0, 2150.0, 4),
    ("replica_calculator_test.go ScaleDownPerPodCMExternal", 5, 8600.0, 2867.0, 3),
    ("replica_calculator_test.go TolerancePerPodCMExternal", 3, 8600.0, 2900.0, 3),
    ("replica_calculator_test.go ScaleUpCMPerPodObject", 3, 20000.0, 5000.0, 4),
    ("replica_calculator_test.go ScaleDownPerPodCMObject", 5, 6000.0, 2000.0, 3),
    ("replica_calculator_test.go TolerancePerPodCMObject", 4, 20166.0, 5000.0, 4),
];

#[test]
fn a_total_is_shared_out() {
    for (source, size, total, value, wanted) in TOTALS {
        let target = MetricTarget { metric: Metric::Rate, value: *value };
        let samples = Samples { size: *size, totals: BTreeMap::from([(Metric::Rate, *total)]), ..Samples::default() };
        let decision = decide(&open(vec![target]), &samples, &DecisionHistory::default(), 0.0);
        assert_eq!(decision.wanted, *wanted, "{source}: {decision}");
    }
}

/// Samples that want exactly `wanted` of any size: a total against a target of 1.
fn wanting(size: u32, wanted: u32) -> Samples {
    Samples { size, totals: BTreeMap::from([(Metric::Rate, f64::from(wanted))]), ..Samples::default() }
}

fn exact(min: u32, max: u32) -> Config {
    let mut config = Config::new(vec![MetricTarget { metric: Metric::Rate, value: 1.0 }], max);
    config.min = min;
    (config.up.tolerance, config.down.tolerance) = (0.0, 0.0);
    config
}

struct Speed {
    source: &'static str,
    size: u32,
    proposed: u32,
    limits: (u32, u32),
    /// Policies for growing and for shrinking; empty: the defaults.
    policies: [&'static str; 2],
    select: Select,
    /// Seconds ago, and by how much the size changed.
    changes: &'static [(f64, i64)],
    wanted: u32,
}

fn speed(source: &'static str, size: u32, proposed: u32, policies: [&'static str; 2], wanted: u32) -> Speed {
    Speed { source, size, proposed, limits: (1, 1000), policies, select: Select::Max, changes: &[], wanted }
}

const UP_15: &[(f64, i64)] = &[(1.0, 1), (60.0, 5), (119.0, 9), (121.0, 42)];
const DOWN_15: &[(f64, i64)] = &[(1.0, -1), (60.0, -5), (119.0, -9), (121.0, -42)];
const DOWN_12: &[(f64, i64)] = &[(1.0, -2), (60.0, -4), (119.0, -6)];
const DOWN_30: &[(f64, i64)] = &[(1.0, -10), (60.0, -10), (119.0, -10)];

fn speeds() -> Vec<Speed> {
    let rules = "horizontal_test.go ScalingWithRules";
    let (min, disabled) = (Select::Min, Select::Disabled);
    vec![
        speed(rules, 10, 50, ["", ""], 20),
        speed(rules, 10, 500, ["100/60s,100%/60s", ""], 110),
        speed(rules, 10, 500, ["2/60s,100%/60s", ""], 20),
        speed(rules, 10, 50, ["100/60s", ""], 50),
        speed(rules, 10, 50, ["10000%/60s", ""], 50),
        speed(rules, 10, 50, ["30/60s", ""], 40),
        speed(rules, 10, 50, ["200%/60s", ""], 30),
        speed(rules, 10, 5, ["", ""], 5),
        speed(rules, 100, 2, ["", "20/60s,1%/60s"], 80),
        speed(rules, 100, 2, ["", "2/60s,1%/60s"], 98),
        speed(rules, 10, 0, ["", "100/60s"], 1),
        Speed { limits: (5, 1000), ..speed(rules, 10, 2, ["", "100%/60s"], 5) },
        speed(rules, 10, 2, ["", "5/60s"], 5),
        speed(rules, 10, 5, ["", "50%/60s"], 5),
        Speed { limits: (1, 200), changes: UP_15, ..speed(rules, 100, 500, ["300/60s", ""], 200) },
        Speed { limits: (1, 200), changes: UP_15, ..speed(rules, 100, 500, ["10000%/60s", ""], 200) },
        Speed { changes: UP_15, ..speed(rules, 100, 500, ["5/120s", ""], 100) },
        Speed { changes: UP_15, ..speed(rules, 100, 500, ["150/120s", ""], 235) },
        Speed { changes: UP_15, ..speed(rules, 100, 500, ["200%/120s", ""], 255) },
        Speed { changes: &[(10.0, 4), (20.0, -2)], ..speed(rules, 6, 24, ["300%/300s", ""], 16) },
        Speed { changes: DOWN_15, ..speed(rules, 100, 0, ["", "115/120s"], 1) },
        Speed { changes: DOWN_15, ..speed(rules, 100, 2, ["", "5/120s"], 100) },
        Speed { changes: DOWN_12, ..speed(rules, 100, 0, ["", "50%/120s"], 56) },
        Speed { changes: DOWN_30, ..speed(rules, 100, 0, ["", "10%/120s"], 100) },
        Speed { changes: DOWN_30, ..speed(rules, 10, 5, ["", "1000%/120s"], 5) },
        Speed { changes: &[(10.0, 2), (20.0, -4)], ..speed(rules, 6, 1, ["", "50%/180s"], 4) },
        // KEP-853 and as the rule.
        speed("KEP-853: from 5 with 4 nodes", 5, 100, ["4/60s", ""], 9),
        speed("KEP-853: from 10 with 50 %", 10, 100, ["50%/60s", ""], 15),
        speed("KEP-853: from 10 down with 20 %", 10, 1, ["", "20%/60s"], 8),
        speed("defaults.go: 4 nodes are more than 100 % of 1", 1, 100, ["", ""], 5),
        speed("horizontal.go: percent up is rounded up", 1, 100, ["10%/60s", ""], 2),
        speed("horizontal.go: percent down is cut off", 3, 1, ["", "50%/60s"], 1),
        Speed { select: min, ..speed("KEP-853: the smallest change", 10, 500, ["2/60s,100%/60s", ""], 12) },
        Speed { select: min, ..speed("KEP-853: the smallest change", 100, 2, ["", "20/60s,1%/60s"], 99) },
        Speed { select: disabled, ..speed("KEP-853: disabled", 10, 500, ["", ""], 10) },
        Speed { select: disabled, ..speed("KEP-853: disabled", 10, 2, ["", ""], 10) },
        Speed { changes: &[(15.0, 4)], ..speed("horizontal.go: 15 s ago is over", 5, 9, ["4/15s", ""], 9) },
        Speed { changes: &[(14.0, 4)], ..speed("horizontal.go: 14 s ago is not", 5, 9, ["4/15s", ""], 5) },
        Speed { limits: (1, 8), ..speed("horizontal.go: above max, at once to max", 20, 19, ["", "1/60s"], 8) },
        Speed { limits: (3, 8), ..speed("horizontal.go: below min, at once to min", 1, 1, ["1/60s", ""], 3) },
        Speed { limits: (1, 8), ..speed("horizontal_test.go: max", 5, 20, ["", ""], 8) },
        Speed { limits: (2, 8), ..speed("horizontal_test.go: min", 3, 1, ["", ""], 2) },
        speed("horizontal.go: no nodes, scaling is off", 0, 7, ["", ""], 0),
    ]
}

#[test]
fn policies_and_limits() {
    for row in speeds() {
        let mut config = exact(row.limits.0, row.limits.1);
        config.down.window = Duration::ZERO;
        for (rules, text) in [(&mut config.up, row.policies[0]), (&mut config.down, row.policies[1])] {
            if !text.is_empty() {
                rules.policies = text.split(',').map(|policy| policy.parse().unwrap()).collect();
            }
            rules.select = row.select;
        }
        let mut history = DecisionHistory::default();
        for (ago, change) in row.changes {
            let (from, to) = if *change > 0 { (0, change.unsigned_abs()) } else { (change.unsigned_abs(), 0) };
            history.change(1000.0 - ago, from as u32, to as u32);
        }
        let decision = decide(&config, &wanting(row.size, row.proposed), &history, 1000.0);
        assert_eq!(decision.wanted, row.wanted, "{}: {} wants {}: {decision}", row.source, row.size, row.proposed);
    }
}

/// Source; size; proposed; seconds of the windows for growing and shrinking; earlier proposals (minutes ago, nodes);
/// wanted.
type Window = (&'static str, u32, u32, (u64, u64), &'static [(f64, u32)], u32);

const WINDOWS: &[Window] = &[
    ("horizontal_test.go NormalizeDesiredReplicas, empty", 100, 5, (0, 300), &[], 5),
    ("… simple scale down", 100, 3, (0, 300), &[(2.0, 4), (1.0, 5)], 5),
    ("… simple scale up", 1, 7, (150, 300), &[(2.0, 4), (1.0, 5)], 4),
    ("… no scale down stabilization", 100, 3, (0, 300), &[(2.0, 1), (1.0, 2)], 3),
    ("… no scale up stabilization", 1, 3, (150, 300), &[(2.0, 4), (1.0, 5)], 3),
    ("… old proposals, down", 100, 3, (0, 300), &[(10.0, 10), (9.0, 9)], 3),
    ("… old proposals, up", 1, 100, (60, 300), &[(10.0, 10), (9.0, 9)], 100),
    ("… some old, down", 100, 3, (0, 150), &[(10.0, 10), (9.0, 9), (2.0, 5), (1.0, 4)], 5),
    ("… some old, up", 1, 100, (150, 300), &[(100.0, 10), (3.0, 9), (2.0, 5), (1.0, 6)], 5),
    ("… both ways, it goes down", 2, 1, (300, 300), &[(100.0, 2), (3.0, 3)], 2),
    ("… both ways, it goes up", 2, 3, (300, 300), &[(100.0, 2), (3.0, 1)], 2),
    ("horizontal.go: exactly 300 s ago is over", 8, 3, (0, 300), &[(5.0, 8)], 3),
    ("horizontal.go: a moment less is not", 8, 3, (0, 300), &[(4.99, 8)], 8),
    ("horizontal.go: a window holds, it never grows", 5, 3, (0, 300), &[(2.0, 9)], 5),
];

#[test]
fn stabilization_windows() {
    for (source, size, proposed, (up, down), proposals, wanted) in WINDOWS {
        let mut config = exact(1, 1000);
        config.up = Rules { policies: vec!["1000/15s".parse().unwrap()], ..config.up };
        (config.up.window, config.down.window) = (Duration::from_secs(*up), Duration::from_secs(*down));
        let mut history = DecisionHistory::default();
        for (minutes, nodes) in *proposals {
            history.propose(10_000.0 - minutes * 60.0, *nodes);
        }
        let decision = decide(&config, &wanting(*size, *proposed), &history, 10_000.0);
        assert_eq!(decision.wanted, *wanted, "{source}: {decision}");
        assert_eq!(decision.proposed, Some(*proposed), "{source}: the history holds what the metrics wanted");
    }
}

fn two_metrics(cpu: &str, queue: &str) -> Decision {
    let mut all = nodes(Metric::Cpu, cpu);
    for (node, other) in all.iter_mut().zip(nodes(Metric::Queue, queue)) {
        node.readings.extend(other.readings);
    }
    let targets = vec!["cpu=50".parse().unwrap(), "queue=2".parse().unwrap()];
    let samples = Samples { size: all.len() as u32, nodes: all, ..Samples::default() };
    decide(&open(targets), &samples, &DecisionHistory::default(), 0.0)
}

#[test]
fn several_metrics() {
    // Source; CPU; queue; wanted.
    for (source, cpu, queue, wanted) in [
        ("horizontal.go computeReplicasForMetrics: the largest", "700 700 700 700", "1 1 1 1", 6),
        ("horizontal.go: the largest", "100 100 100 100", "5 5 5 5", 10),
        ("horizontal.go: the largest of two that go down", "100 100 100 100", "1 1 1 1", 2),
        ("horizontal_test.go ScaleUpOneMetricEmpty", "700 700 700 700", "M M M M", 6),
        ("horizontal_test.go NoScaleDownOneMetricEmpty", "100 100 100 100", "M M M M", 4),
        ("horizontal.go: no metric at all", "M M M M", "M M M M", 4),
        ("horizontal.go: no ready node has a sample", "U900 U900 U900 U900", "M M M M", 4),
    ] {
        let decision = two_metrics(cpu, queue);
        assert_eq!(decision.wanted, wanted, "{source}: {decision}");
    }
    let nothing = two_metrics("M M", "M M");
    assert_eq!(nothing.proposed, None, "what nobody could read is no proposal");
    assert_eq!(two_metrics("100 100", "M M").proposed, None, "nor is what must not be followed");
}

#[test]
fn a_tolerance_for_each_direction() {
    // KEP-4951.
    for (up, down, percent, wanted) in
        [(0.5, 0.1, 70, 10), (0.5, 0.1, 80, 16), (0.0, 0.1, 51, 11), (0.1, 0.5, 30, 10), (0.1, 0.5, 20, 4)]
    {
        let mut config = open(vec!["cpu=50".parse().unwrap()]);
        (config.up.tolerance, config.down.tolerance) = (up, down);
        let each = nodes(Metric::Cpu, &format!("{} ", percent * 10).repeat(10));
        let samples = Samples { size: 10, nodes: each, ..Samples::default() };
        assert_eq!(decide(&config, &samples, &DecisionHistory::default(), 0.0).wanted, wanted, "{up} {down} {percent}");
    }
}

#[test]
fn the_reason_says_what_happened() {
    let mut config = Config::new(vec!["queue=2".parse().unwrap()], 20);
    config.up.policies = vec!["2/15s".parse().unwrap()];
    let nodes = nodes(Metric::Queue, "3.4 3.4 3.4 3.4");
    let samples = Samples { size: 4, nodes, ..Samples::default() };
    let decision = decide(&config, &samples, &DecisionHistory::default(), 0.0);
    assert_eq!(
        decision.to_string(),
        "4 -> 6: queue 3.4 a node, target 2, wanted 7, held to +2 a period (policy 2/15s)"
    );
    let cpu = two_metrics("1000 1000", "M M").to_string();
    assert!(
        cpu.contains("all of the quota: the need may be larger") && cpu.ends_with("no node gave a sample of queue")
    );
    let held = decide(&exact(1, 9), &wanting(5, 2), &DecisionHistory::starting(0.0, 5), 10.0).to_string();
    assert_eq!(held, "5 -> 5: rate 0.4/s a node, target 1, wanted 2, 5 by the window of 300 s for shrinking");
}

#[test]
fn at_least_sixty_rows() {
    assert!(CALCULATOR.len() + TOTALS.len() + speeds().len() + WINDOWS.len() >= 60);
}
