//! Evidence for the tests of this room.

use super::evidence::{ArmEvidence, ClusterSize, OpenPoint};
use super::measurement::{Measurement, StoreMeasurement, Work};
use crate::design::Text;
use crate::results::load::Arrivals;
use crate::results::plan::Plan;
use crate::simulate::Policy;

/// Four runs at each size, `noise` and twice that beside the middle; nodes of a quarter of a core.
pub fn evidence(sizes: &[(u32, f64)], noise: f64) -> ArmEvidence {
    let size = |&(nodes, per_second): &(u32, f64)| ClusterSize {
        nodes,
        scale: nodes.into(),
        runs: [-2.0, -1.0, 1.0, 2.0].map(|step| run(nodes, per_second * (noise * step).exp())).to_vec(),
        is_limit: true,
        evidence: Text::name("the nodes used 99 % of their quota"),
    };
    ArmEvidence {
        arm: "horizontal".to_owned(),
        sizes: sizes.iter().map(size).collect(),
        left_out: Vec::new(),
        node_units: 1,
        policy: Policy::RoundRobin,
        open: Vec::new(),
        plan: Plan::quick(),
    }
}

fn run(nodes: u32, per_second: f64) -> Measurement {
    let quota = 0.25 * f64::from(nodes);
    Measurement {
        per_second,
        node_seconds: Some(quota / per_second),
        quota_cores: Some(quota),
        balancer_seconds: Some(0.2e-3),
        generator_seconds: Some(0.1e-3),
        store: None,
        work: Work {
            median_seconds: Some(0.95 * quota / per_second),
            log_deviation: Some(0.1),
            look_every_seconds: Some(0.25),
            look_seconds: Some(0.002),
            machine_cores: Some(2.0),
        },
    }
}

/// The same with a store of 0.1 cores that takes `seconds` of CPU for each answer.
pub fn with_store(mut evidence: ArmEvidence, seconds: f64) -> ArmEvidence {
    for run in evidence.sizes.iter_mut().flat_map(|size| &mut size.runs) {
        run.store = Some(StoreMeasurement { name: "store1 (mariadb)".to_owned(), seconds, quota_cores: Some(0.1) });
    }
    evidence
}

/// The same with an open ladder: share of the ceiling, p50, p99.
pub fn with_ladder(mut evidence: ArmEvidence, ceiling: f64, ladder: &[(f64, f64, f64)]) -> ArmEvidence {
    evidence.open = ladder
        .iter()
        .map(|&(fraction, p50_milliseconds, p99_milliseconds)| OpenPoint {
            fraction,
            rate_per_second: fraction * ceiling,
            arrivals: Arrivals::Constant,
            p50_milliseconds,
            p99_milliseconds,
            objective_milliseconds: p99_milliseconds,
            node_seconds: Some(2.5e-3),
            requests: 500,
        })
        .collect();
    evidence
}
