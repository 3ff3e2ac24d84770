//! What was used during some runs: medians over the runs, each the mean of its nodes.

use serde::Serialize;

use crate::results::run::{NodeUse, Run, ServiceRole};
use crate::results::statistics::Spread;

/// What was used during runs of one level: medians over the blocks, each the mean of the nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ResourceUse {
    /// CPU of the nodes, as a percentage of their quota; without quota, of one core.
    pub cpu_percent: Option<f64>,
    /// Share of quota periods in which a node was throttled.
    pub throttled_percent: Option<f64>,
    /// Busy pool threads.
    pub pool_percent: Option<f64>,
    /// Jobs waiting for a thread, a node.
    pub pool_queued: Option<f64>,
    /// I/O wait of the nodes' machines.
    pub iowait_percent: Option<f64>,
    /// CPU of the balancer, in percent of one core; where there is one at the edge, too, of the busier one.
    pub balancer_cpu_percent: Option<f64>,
    /// CPU of the generator, in percent of one core.
    pub generator_cpu_percent: Option<f64>,
    /// CPU of the machine that neither nodes, balancer, generator nor bench used, in cores. `None` where it is not known.
    pub foreign_cores: Option<f64>,
    /// Processors of that machine.
    pub machine_cores: Option<f64>,
}

/// CPU that the nodes used in a run, as a percentage of their quota; without quota, of one core.
pub fn cpu_percent(run: &Run) -> Option<f64> {
    let used = sum(&run.nodes, |node| node.cpu_cores)?;
    Some(100.0 * used / sum(&run.nodes, |node| node.quota_cores).unwrap_or(1.0))
}

/// What was used in some runs of one level.
pub fn used(runs: &[&Run]) -> ResourceUse {
    ResourceUse {
        cpu_percent: median(runs, cpu_percent),
        throttled_percent: median(runs, |run| mean(&run.nodes, |node| node.throttled_percent)),
        pool_percent: median(runs, |run| mean(&run.nodes, |node| node.pool_percent)),
        pool_queued: median(runs, |run| mean(&run.nodes, |node| node.pool_queued)),
        iowait_percent: median(runs, |run| mean(&run.nodes, |node| node.iowait_percent)),
        balancer_cpu_percent: median(runs, |run| Some(100.0 * busiest_balancer(run)?)),
        foreign_cores: median(runs, |run| run.machine.foreign_cores),
        machine_cores: median(runs, |run| run.machine.cores),
        generator_cpu_percent: median(runs, |run| run.load.generator.cpu_percent),
    }
}

/// Cores of the balancer, or of the one at the edge, whichever used more.
fn busiest_balancer(run: &Run) -> Option<f64> {
    let edge = run.services.iter().filter(|service| service.role == ServiceRole::Edge);
    let all = run.balancer.iter().map(|balancer| balancer.cpu_cores).chain(edge.map(|edge| edge.cpu_cores));
    all.flatten().reduce(f64::max)
}

/// The median of what some runs have; `None` where none has it.
pub fn median(runs: &[&Run], value: impl Fn(&Run) -> Option<f64>) -> Option<f64> {
    Spread::of(runs.iter().filter_map(|run| value(run))).map(|spread| spread.median)
}

/// The sum over nodes that all have it.
pub fn sum(nodes: &[NodeUse], value: fn(&NodeUse) -> Option<f64>) -> Option<f64> {
    if nodes.is_empty() { None } else { nodes.iter().map(value).sum() }
}

fn mean(nodes: &[NodeUse], value: fn(&NodeUse) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = nodes.iter().filter_map(value).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
