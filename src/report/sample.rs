//! Made-up results that follow a known law, for the tests of this room.

use std::collections::BTreeMap;

use crate::results::arm::PointKey;
use crate::results::folder::Results;
use crate::results::load::{ErrorKind, GeneratorUse, LoadOutcome, Percentiles, Validity};
use crate::results::manifest::Manifest;
use crate::results::plan::Plan;
use crate::results::run::{Killed, Level, MachineUse, NodeUse, Run, RunVerdict};
use crate::stats::{Bottleneck, Resource};

/// A valid closed run of the vertical topology.
pub fn closed(block: u32, units: u32, connections: u32, goodput: f64) -> Run {
    run(block, "vertical", units, Level::Closed { connections }, goodput, 50.0)
}

/// A valid run whose nodes use up a quota of a quarter core each unit.
pub fn run(block: u32, arm: &str, units: u32, level: Level, goodput: f64, p99: f64) -> Run {
    let seconds = 2.0;
    let answers = (goodput * seconds) as u64;
    let count = if arm == "vertical" { 1 } else { units };
    let quota = f64::from(units) * 0.25 / f64::from(count);
    let nodes = (1..=count).map(|number| NodeUse {
        name: format!("node{number}"),
        quota_cores: Some(quota),
        cpu_cores: Some(quota * 0.99),
        cpu_seconds_per_request: None,
        throttled_percent: Some(90.0),
        pool_percent: Some(100.0),
        pool_queued: Some(3.0),
        iowait_percent: Some(0.0),
        store_connections: None,
        store_response_milliseconds: None,
        bottleneck: Some(Bottleneck {
            resource: Resource::CpuQuota,
            evidence: "throttled".into(),
            ..Bottleneck::default()
        }),
    });
    Run {
        block,
        point: PointKey::new(arm, units),
        level,
        started_at: "2026-01-01T00:00:00Z".into(),
        load: LoadOutcome {
            duration_seconds: seconds,
            requests_total: answers,
            requests_ok: answers,
            throughput_per_second: goodput,
            latency_milliseconds: Some(Percentiles { p50: p99 / 2.0, p99, ..Percentiles::default() }),
            nodes: (1..=count).map(|number| (format!("node{number}"), answers / u64::from(count))).collect(),
            generator: GeneratorUse { verdict: Validity::Valid, cpu_percent: Some(4.0), ..GeneratorUse::default() },
            ..LoadOutcome::default()
        },
        killed: None,
        scaling: None,
        nodes: nodes.collect(),
        balancer: None,
        services: vec![],
        machine: MachineUse { speed_per_second: Some(45_000.0), ..MachineUse::default() },
        samples: Vec::new(),
        verdict: RunVerdict { valid: true, reasons: Vec::new() },
    }
}

/// A complete quick bench: 90 requests a second a unit when vertical, 5 % contention when horizontal; latency fails the
/// objective from the ceiling on; a death takes all of the big node.
pub fn results() -> Results {
    let plan = Plan { blocks: 4, further_blocks: 0, ..Plan::quick() };
    let mut runs = Vec::new();
    let ceiling = |arm: &str, units: u32| {
        let n = f64::from(units);
        if arm == "vertical" { 90.0 * n } else { 90.0 * n / (1.0 + 0.05 * (n - 1.0)) }
    };
    for arm in ["vertical", "horizontal"] {
        for units in [1, 2, 4] {
            for connections in [4 * units, 8 * units, 8 * units] {
                runs.push(run(1, arm, units, Level::Closed { connections }, ceiling(arm, units), 80.0));
            }
            for block in 2..=plan.blocks {
                let goodput = ceiling(arm, units) * [1.01, 0.99, 1.0][block as usize % 3];
                runs.push(run(block, arm, units, Level::Closed { connections: 4 * units }, goodput, 80.0));
            }
        }
        let whole = ceiling("horizontal", 4);
        for (fraction, p99) in
            [(0.5, 60.0), (0.7, 80.0), (0.8, 100.0), (0.9, 150.0), (1.0, 400.0), (1.0, 420.0), (1.1, 900.0)]
        {
            let rate_per_second = fraction * whole;
            let level = Level::Open { fraction, rate_per_second };
            runs.push(run(1, arm, 4, level, rate_per_second.min(whole), p99));
        }
        let rate_per_second = 0.7 * whole;
        let level = Level::Death { fraction: 0.7, rate_per_second, killed_at_seconds: 1.5 };
        let mut death = run(1, arm, 4, level, rate_per_second, 95.0);
        death.killed = Some(Killed {
            node: death.nodes.last().map(|node| node.name.clone()).unwrap_or_default(),
            at_seconds: 1.5,
        });
        if arm == "vertical" {
            death.load.requests_ok /= 3;
            death.load.errors =
                BTreeMap::from([(ErrorKind::Refused, death.load.requests_total - death.load.requests_ok)]);
        }
        runs.push(death);
    }
    let manifest = Manifest {
        format: crate::results::manifest::FORMAT,
        started_at: "2026-01-01T00:00:00Z".into(),
        machine: crate::bench::machine::describe(),
        limited: None,
        versions: BTreeMap::from([("webapp".into(), "0.1.0".into())]),
        git: None,
        plan,
        prices: None,
    };
    Results { manifest, runs }
}
