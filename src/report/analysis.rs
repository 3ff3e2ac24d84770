//! From runs to findings: what each point did, and what binds it. Pure functions of a results folder.

use std::collections::BTreeMap;

use serde::Serialize;

use super::statistics::Spread;
use super::usl::{self, Fit};
use crate::bench::folder::Results;
use crate::bench::ladder;
use crate::bench::plan::{PointKey, Topology};
use crate::bench::record::{Bottleneck, Latency, Level, NodeUse, Run};
use crate::bench::steps;

/// What was found at one point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Topology and units.
    #[serde(flatten)]
    pub key: PointKey,
    /// Goodput at the ceiling's level, over the repeats, in requests a second.
    pub ceiling_per_second: Spread,
    /// The range of the repeats as a percentage of their median.
    pub spread_percent: f64,
    /// Connections of that level.
    pub connections: u32,
    /// True when more connections were tried and brought no more; else the ceiling is a lower bound.
    pub is_limit: bool,
    /// Median response time there, over the repeats, in milliseconds.
    pub p50_milliseconds: Option<f64>,
    /// Its 99th percentile.
    pub p99_milliseconds: Option<f64>,
    /// CPU the nodes used, as a percentage of their quota; without quota, of one core.
    pub cpu_percent: Option<f64>,
    /// Share of quota periods in which a node was throttled, mean of the nodes.
    pub throttled_percent: Option<f64>,
    /// Busy pool threads, mean of the nodes.
    pub pool_percent: Option<f64>,
    /// CPU the balancer used, in percent of one core.
    pub balancer_cpu_percent: Option<f64>,
    /// CPU milliseconds of the nodes for each answer.
    pub demand_milliseconds: Option<f64>,
    /// Quota divided by demand: the ceiling that the CPU allows.
    pub predicted_per_second: Option<f64>,
    /// Goodput against so many times the first unit's, in percent.
    pub efficiency_percent: Option<f64>,
    /// Answers of each node, over all repeats.
    pub served: BTreeMap<String, u64>,
    /// What the nodes named as their bottleneck most often.
    pub bottleneck: Option<Bottleneck>,
    /// Fraction of the ceiling that met the objective last, and the one that failed it first.
    pub objective: ObjectiveLimit,
    /// True when all runs behind these figures are valid.
    pub valid: bool,
    /// Why not.
    pub reasons: Vec<String>,
}

/// The limit by the objective, in requests a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ObjectiveLimit {
    /// The highest rate that met it.
    pub last_success_per_second: Option<f64>,
    /// The lowest that missed it each time. `None`: what stands above is a lower bound.
    pub first_failure_per_second: Option<f64>,
}

/// All points of a results folder that have a ceiling, in order of units, vertical first.
pub fn points(results: &Results) -> Vec<Point> {
    let plan = &results.manifest.plan;
    let mut points: Vec<Point> = Vec::new();
    for &units in &plan.units {
        for &topology in &[Topology::Vertical, Topology::Horizontal] {
            points.extend(point(results, PointKey { topology, units }));
        }
    }
    for index in 0..points.len() {
        let own = |point: &&Point| point.key.topology == points[index].key.topology;
        let first = points.iter().filter(own).min_by_key(|point| point.key.units);
        let ideal = first.map(|first| {
            first.ceiling_per_second.median / f64::from(first.key.units) * f64::from(points[index].key.units)
        });
        points[index].efficiency_percent =
            ideal.filter(|ideal| *ideal > 0.0).map(|ideal| 100.0 * points[index].ceiling_per_second.median / ideal);
    }
    points
}

fn point(results: &Results, key: PointKey) -> Option<Point> {
    let ladder = steps::closed_ladder(steps::at(&results.runs, key));
    let connections = ladder::ceiling_level(&ladder)?;
    let runs = ceiling_runs(&results.runs, key, connections);
    let ceiling = Spread::of(runs.iter().map(|run| run.load.throughput_per_second))?;
    let median = |value: &dyn Fn(&Run) -> Option<f64>| {
        Spread::of(runs.iter().filter_map(|run| value(run))).map(|spread| spread.median)
    };
    let latency =
        |of: fn(&Latency) -> Option<f64>| median(&|run: &Run| run.load.latency_milliseconds.as_ref().and_then(of));
    let demand = median(&demand_milliseconds);
    let quota = runs.first().and_then(|run| sum(&run.nodes, |node| node.quota_cores));
    let mut served = BTreeMap::new();
    for (node, answers) in runs.iter().flat_map(|run| &run.load.nodes) {
        *served.entry(node.clone()).or_insert(0) += answers;
    }
    let reasons: Vec<String> = runs.iter().flat_map(|run| run.verdict.reasons.clone()).collect();
    Some(Point {
        key,
        ceiling_per_second: ceiling,
        spread_percent: ceiling.percent(),
        connections,
        is_limit: ladder::ceiling_is_limit(&ladder),
        p50_milliseconds: latency(|latency| latency.p50),
        p99_milliseconds: latency(|latency| latency.p99),
        cpu_percent: median(&|run| {
            let used = sum(&run.nodes, |node| node.cpu_cores)?;
            Some(100.0 * used / sum(&run.nodes, |node| node.quota_cores).unwrap_or(1.0))
        }),
        throttled_percent: median(&|run| mean(&run.nodes, |node| node.throttled_percent)),
        pool_percent: median(&|run| mean(&run.nodes, |node| node.pool_percent)),
        balancer_cpu_percent: median(&|run| Some(100.0 * run.balancer.as_ref()?.cpu_cores?)),
        demand_milliseconds: demand,
        predicted_per_second: quota.zip(demand).map(|(quota, demand)| 1e3 * quota / demand),
        efficiency_percent: None,
        served,
        bottleneck: runs.iter().flat_map(|run| &run.nodes).rev().find_map(|node| node.bottleneck.clone()),
        objective: objective_limit(results, key),
        valid: reasons.is_empty(),
        reasons,
    })
}

fn ceiling_runs(runs: &[Run], key: PointKey, connections: u32) -> Vec<&Run> {
    let at_level: Vec<&Run> = steps::at(runs, key).filter(|run| run.level == Level::Closed { connections }).collect();
    let valid: Vec<&Run> = at_level.iter().copied().filter(|run| run.verdict.valid).collect();
    if valid.is_empty() { at_level } else { valid }
}

fn objective_limit(results: &Results, key: PointKey) -> ObjectiveLimit {
    let ladder = steps::open_ladder(steps::at(&results.runs, key), &results.manifest.plan.objective);
    let (success, failure) = ladder::objective_limit(&ladder);
    let rate = |wanted: Option<f64>| {
        steps::at(&results.runs, key).find_map(|run| match run.level {
            Level::Open { fraction, rate_per_second } if Some(fraction) == wanted => Some(rate_per_second),
            _ => None,
        })
    };
    ObjectiveLimit { last_success_per_second: rate(success), first_failure_per_second: rate(failure) }
}

fn demand_milliseconds(run: &Run) -> Option<f64> {
    let used = sum(&run.nodes, |node| node.cpu_cores)? * run.load.duration_seconds;
    let answers: u64 = run.load.nodes.values().sum();
    (answers > 0).then(|| 1e3 * used / answers as f64)
}

fn sum(nodes: &[NodeUse], value: fn(&NodeUse) -> Option<f64>) -> Option<f64> {
    if nodes.is_empty() { None } else { nodes.iter().map(value).sum() }
}

fn mean(nodes: &[NodeUse], value: fn(&NodeUse) -> Option<f64>) -> Option<f64> {
    Spread::of(nodes.iter().filter_map(value)).map(|_| {
        let values: Vec<f64> = nodes.iter().filter_map(value).collect();
        values.iter().sum::<f64>() / values.len() as f64
    })
}

/// The law fitted to every valid measurement of a topology's ceilings, or why there is none.
pub fn fit(results: &Results, topology: Topology) -> Result<Fit, usl::FitError> {
    let mut table = Vec::new();
    for &units in &results.manifest.plan.units {
        let key = PointKey { topology, units };
        let Some(connections) = ladder::ceiling_level(&steps::closed_ladder(steps::at(&results.runs, key))) else {
            continue;
        };
        table.extend(
            ceiling_runs(&results.runs, key, connections)
                .iter()
                .map(|run| usl::Point { n: f64::from(units), throughput: run.load.throughput_per_second })
                .filter(|point| point.throughput > 0.0),
        );
    }
    usl::fit(&table)
}
