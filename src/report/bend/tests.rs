use super::*;
use crate::report::{Report, sample};
use crate::results::arm::{Arm, PointKey};
use crate::results::run::{Level, ServiceRole, ServiceUse};

fn cost(quota: f64, milliseconds: f64) -> RequestCost {
    RequestCost { quota_cores: Some(quota), cpu_milliseconds: Some(milliseconds) }
}

#[test]
fn predictions_of_a_table() {
    for (node, shared, nodes) in [
        (cost(0.1, 0.191), cost(0.1, 0.0838), 2.279),
        (cost(0.25, 0.3), cost(0.25, 0.094), 3.191),
        (cost(0.1, 0.2), cost(0.4, 0.2), 4.0),
        (cost(0.5, 0.05), cost(0.1, 0.1), 0.1),
    ] {
        let predicted = predict(node, shared, "store1 (mariadb)").unwrap();
        assert!((predicted - nodes).abs() < 1e-3, "{node:?} {shared:?}: {predicted}");
    }
}

#[test]
fn what_is_missing_is_said() {
    let whole = cost(0.1, 0.2);
    let unlimited = RequestCost { quota_cores: None, ..whole };
    let unmeasured = RequestCost { cpu_milliseconds: None, ..whole };
    for (node, shared, words) in [
        (unlimited, whole, "a node has no CPU quota"),
        (whole, unlimited, "store1 (redis) has no CPU quota"),
        (unmeasured, whole, "the CPU that a request costs a node was not measured"),
        (whole, unmeasured, "the CPU that a request costs store1 (redis) was not measured"),
        (whole, cost(0.1, 0.0), "the CPU that a request costs store1 (redis) was not measured"),
    ] {
        assert_eq!(predict(node, shared, "store1 (redis)").unwrap_err().en(), words);
    }
}

#[test]
fn agreement_is_within_a_node_or_beyond_the_measured() {
    for (law, predicted, expected) in [
        (2.3, 2.3, true),
        (2.3, 3.3, true),
        (2.3, 3.4, false),
        (9.0, 20.0, true),
        (7.5, 20.0, false),
        (20.0, 5.0, false),
    ] {
        assert_eq!(agree(law, predicted, 8.0), expected, "{law} {predicted}");
    }
}

/// 1, 2, 4 and 8 nodes of 0.1 cores that share a store of 0.1 cores; a request costs a node 0.2 ms, and the store `shared` ms.
fn results(shared: f64, quota: Option<f64>) -> Results {
    let mut results = sample::results();
    let plan = &mut results.manifest.plan;
    plan.arms = vec![Arm { name: "horizontal".into(), label: Some("one store".into()), ..Arm::default() }];
    plan.scales = [1, 2, 4, 8].map(Scale::from).to_vec();
    plan.scale_name = "nodes".into();
    (plan.blocks, plan.further_blocks, plan.connections) = (3, 0, vec![8]);
    let most = 1e3 * 0.1 / shared;
    let ceiling = |n: u32| (500.0 * f64::from(n)).min(most) * if n == 8 { 0.95 } else { 1.0 };
    let one = |block: u32, n: u32| {
        let rate = ceiling(n) * (1.0 + 0.002 * f64::from(block));
        let mut run = sample::run(block, "horizontal", n, Level::Closed { connections: 8 * n }, rate, 50.0);
        for node in &mut run.nodes {
            node.quota_cores = Some(0.1);
            node.cpu_cores = Some(0.2e-3 * rate / f64::from(n));
        }
        run.services = vec![ServiceUse {
            name: "store1".into(),
            kind: "mariadb".into(),
            role: ServiceRole::Primary,
            quota_cores: quota,
            cpu_cores: Some(shared / 1e3 * rate),
            throttled_percent: Some(if rate >= 0.9 * most { 100.0 } else { 5.0 }),
            memory_bytes: None,
        }];
        run
    };
    results.runs = (1..=3).flat_map(|block| [1, 2, 4, 8].map(|n| one(block, n))).collect();
    results
}

#[test]
fn the_headline_tells_both_bends_and_what_stops_the_nodes() {
    let report = Report::of(&results(0.08, Some(0.1)), None).unwrap();
    let bend = &report.bends[0];
    assert!((bend.predicted_nodes.unwrap() - 2.5).abs() < 0.01, "{bend:?}");
    let law = bend.law.unwrap();
    assert!((law.n - 2.5).abs() < 0.6 && law.interval_95.unwrap()[0] < law.n, "{law:?}");
    assert_eq!(bend.stopped_at, [4.into(), 8.into()] as [Scale; 2]);
    for words in [
        "With one store, throughput bends at 2.",
        "by the law, and at 2.5 nodes by the CPU costs of one node's run: the two agree within one node.",
        "The store stops it at 4 (1255 requests a second) and 8 (1192 requests a second) nodes: store1 (mariadb) used",
        "of its 0.10 cores, throttled in 100 % of periods.",
    ] {
        assert!(report.headline.en().contains(words), "'{words}' in {:?}", report.headline);
    }
    let text = crate::report::findings::text(&report);
    assert!(text.contains("where the nodes use up what they share"), "{text}");
    assert_eq!(serde_json::to_value(&report).unwrap()["bends"][0]["service"], "store1 (mariadb)");
}

#[test]
fn a_store_that_is_large_enough_bends_nothing() {
    let report = Report::of(&results(0.01, Some(0.1)), None).unwrap();
    assert_eq!(report.bends[0].predicted_nodes.map(f64::round), Some(20.0));
    let words = "throughput does not bend up to the 8 nodes that were measured, as the CPU costs of one node's run predict (20 nodes)";
    assert!(report.headline.en().contains(words), "{:?}", report.headline);
    let unlimited = Report::of(&results(0.08, None), None).unwrap();
    assert!(
        unlimited.headline.en().contains("by the law (no prediction: store1 (mariadb) has no CPU quota)"),
        "{:?}",
        unlimited.headline
    );
}

#[test]
fn nothing_is_said_of_nodes_that_share_nothing_or_of_another_scale() {
    assert!(Report::of(&sample::results(), None).unwrap().bends.is_empty());
    let mut rows = results(0.08, Some(0.1));
    for run in &mut rows.runs {
        run.nodes.truncate(1);
    }
    assert!(Report::of(&rows, None).unwrap().bends.is_empty(), "the scale does not count nodes");
    let mut one = results(0.08, Some(0.1));
    one.runs.retain(|run| run.point == PointKey::new("horizontal", 1));
    assert!(Report::of(&one, None).unwrap().bends.is_empty(), "one size has no bend");
}
