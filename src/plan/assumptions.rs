//! What a plan takes for granted, and what it cannot know: plain words.

use super::evidence::ArmEvidence;
use super::figure::Class;
use super::limits;
use super::proposal::CapacityPlan;
use super::size::TIER_USE;
use super::usable::UsableSource;
use crate::results::number::{counted, percent, significant};
use crate::results::prices::Prices;

/// What must be so for the plan to hold.
pub fn assumes(evidence: &ArmEvidence, plan: &CapacityPlan) -> Vec<String> {
    let mut all = vec![format!(
        "requests and answers are like those that were measured ({})",
        evidence.plan.work.iter().map(|request| request.path.as_str()).collect::<Vec<_>>().join(", ")
    )];
    let cores = plan.node_cores.map_or_else(
        || "nodes are like those that were measured, without a CPU limit of their own".to_owned(),
        |cores| format!("a node has {} cores, as fast as those that were measured", significant(cores, 2)),
    );
    all.push(cores);
    if plan.nodes.interval_95[1] > f64::from(plan.cell_nodes) {
        all.push(format!(
            "beyond {} the nodes stand in cells of that size, which share nothing but balancers{}; the fitted law is used within a cell only",
            counted(plan.cell_nodes, "node"),
            if plan.stores.is_some() { " and the store" } else { "" }
        ));
    }
    all.push(match plan.usable_source {
        UsableSource::Simulated => {
            "users act independently of each other (random arrivals); response times are simulated with the measured work and the CPU \
             quota's periods"
                .to_owned()
        }
        UsableSource::Ladder | UsableSource::LadderAlone => {
            "response times grow with load as the open ladder measured them, at its equal gaps; random arrivals are worse".to_owned()
        }
        UsableSource::Assumed => "70 % of the ceiling meets the objective: nothing that was measured tells".to_owned(),
    });
    if plan.balancers.is_some() {
        all.push(format!(
            "a balancer has one core, is used up to {} %, and costs as much CPU for a request as in the busiest run; at high rates it \
             usually costs less",
            percent(100.0 * TIER_USE)
        ));
    }
    if plan.balancers.is_some_and(|balancers| balancers.interval_95[1] > 1.0) {
        all.push(
            "several balancers share the load evenly; what stands before them (DNS, layer 4) was not measured"
                .to_owned(),
        );
    }
    if plan.stores.is_some_and(|stores| stores.interval_95[1] > 1.0) {
        all.push(
            "several stores share the requests evenly; no request needs two of them, and copying between them is free"
                .to_owned(),
        );
    }
    all.push(format!(
        "at the peak {} may be dead{} and one node in 100 (one at least) restarts; they may use up the headroom",
        counted(plan.goal.survive, "node"),
        if plan.goal.zones > 1 { format!(", or one of {} zones,", plan.goal.zones) } else { String::new() }
    ));
    all
}

/// What these runs do not tell.
pub fn cannot_know(evidence: &ArmEvidence, plan: &CapacityPlan, prices: Option<&Prices>) -> Vec<String> {
    let mut all = Vec::new();
    let sizes: Vec<String> = evidence.sizes.iter().map(|size| size.nodes.to_string()).collect();
    match evidence.sizes.len() {
        1 => all.push(
            "one size of node was measured side by side with no other: whether several of them share anything is not known".to_owned(),
        ),
        2 => all.push(format!(
            "only two sizes ({} nodes) were measured: they cannot tell contention from coherency, so whether and where a larger cell would \
             bend is not known; a third size would tell",
            sizes.join(" and ")
        )),
        _ => {}
    }
    for left in &evidence.left_out {
        all.push(format!(
            "at {} the limit was not the nodes ({}), so these runs say nothing about nodes there",
            counted(left.size.nodes, "node"),
            left.size.evidence
        ));
    }
    for size in evidence.sizes.iter().filter(|size| !size.is_limit) {
        all.push(format!(
            "at {} more connections might have brought more: its ceiling is a lower bound",
            counted(size.nodes, "node")
        ));
    }
    if plan.nodes.class == Class::Scenario {
        all.push(
            "a scenario's interval holds the chance of the measured runs alone, not what nobody measured: networks, discovery, deployments \
             and logs of that many nodes"
                .to_owned(),
        );
    }
    if plan.balancers.is_none() {
        all.push("no balancer was measured with these nodes, so none is counted".to_owned());
    }
    if limits::store_name(evidence).is_none() {
        all.push("the nodes shared no store: a store, where the real service has one, is missing here".to_owned());
    } else if evidence.store_runs().all(|(_, store)| store.quota_cores.is_none()) {
        all.push("the store had no CPU limit; it is counted as if it had one core".to_owned());
    }
    if prices.is_some() && plan.cost.is_none() {
        let store = if plan.stores.is_some() { format!(" or of {}", evidence.store_units()) } else { String::new() };
        all.push(format!(
            "the prices know no machine of {}{store}, so no cost is told",
            counted(evidence.node_units, "unit")
        ));
    }
    all
}
