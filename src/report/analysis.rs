//! From runs to figures: what each point did, how its latency grew, what a death cost. Pure functions of a results folder.

use std::collections::BTreeMap;

use serde::Serialize;

use super::addresses::{self, AddressUse};
use super::answer_cpu::AnswerCpu;
use super::binding::{self, Binding};
use super::invalid;
use super::store_cause::{self, StoreFinding};
use super::usage::{self, ResourceUse, median, sum};
use super::usl::{self, Fit};
use crate::design::Text;
use crate::results::arm::{Arm, PointKey, Scale};
use crate::results::folder::Results;
use crate::results::ladder;
use crate::results::load::{CachingOutcome, ErrorKind, Percentiles, SessionsOutcome, VersionsOutcome};
use crate::results::queries;
use crate::results::run::{Level, Run};
use crate::results::statistics::Spread;

/// What was found at one point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Arm and scale.
    #[serde(flatten)]
    pub key: PointKey,
    /// Goodput at the ceiling's level, over the blocks, in requests a second.
    pub ceiling_per_second: Spread,
    /// Goodput of each block (the median where it has several runs), in requests a second; valid runs alone, where any is.
    pub blocks_per_second: BTreeMap<u32, f64>,
    /// The range of the blocks as a percentage of their median.
    pub spread_percent: f64,
    /// Connections of that level.
    pub connections: u32,
    /// True when more connections were tried and brought no more; else the ceiling is a lower bound.
    pub is_limit: bool,
    /// Median response time there, over the blocks, in milliseconds.
    pub p50_milliseconds: Option<f64>,
    /// Its 99th percentile.
    pub p99_milliseconds: Option<f64>,
    /// What was used at the ceiling.
    #[serde(flatten)]
    pub used: ResourceUse,
    /// CPU all nodes together may use, in cores. `None` without a limit.
    pub quota_cores: Option<f64>,
    /// CPU milliseconds of the nodes for each answer (service demand), over the blocks.
    pub demand_milliseconds: Option<Spread>,
    /// CPU of an answer at the ceiling, by who used it.
    pub answer_cpu: AnswerCpu,
    /// Quota divided by demand: the ceiling that the CPU allows, in requests a second.
    pub predicted_per_second: Option<f64>,
    /// Goodput against as much of the first scale's of the same arm as the scale's number asks, in percent. `None` where the
    /// scale is not a number, or does not count what serves.
    pub efficiency_percent: Option<f64>,
    /// Answers of each node, over all blocks.
    pub served: BTreeMap<String, u64>,
    /// What each address of a mix did; empty where one alone was asked.
    pub addresses: Vec<AddressUse>,
    /// What the store did that the nodes share. `None` where there is none, or none that could be watched.
    pub store: Option<StoreFinding>,
    /// What stopped it.
    pub binding: Binding,
    /// The machine's own speed during these runs, in fixed computations for each CPU second.
    pub machine_speed_per_second: Option<Spread>,
    /// The same in each block.
    #[serde(skip)]
    pub machine_speed_by_block: BTreeMap<u32, f64>,
    /// Latency over load, rising; empty where only the ceiling was measured.
    pub latency: Vec<LatencyPoint>,
    /// The limit by the objective.
    pub objective: ObjectiveLimit,
    /// What a node's death did. `None` where it was not measured.
    pub death: Option<DeathResult>,
    /// How old answers were that told the version of their row. `None` where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<VersionsOutcome>,
    /// What the cache nearest to the client did. `None` where no answer told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caching: Option<CachingOutcome>,
    /// Of all good answers, those to writes among them, the share that this cache had, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_cache_percent: Option<f64>,
    /// True when all runs behind the ceiling are valid.
    pub valid: bool,
    /// Why not.
    pub reasons: Vec<Text>,
}

impl Point {
    /// Goodput of each block that has a valid run, requests a second.
    pub fn valid_blocks(&self) -> BTreeMap<u32, f64> {
        if self.valid { self.blocks_per_second.clone() } else { BTreeMap::new() }
    }
}

/// One rate of the open ladder: medians over its runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LatencyPoint {
    /// Share of what counts as the ceiling.
    pub fraction: f64,
    /// Requests offered a second.
    pub rate_per_second: f64,
    /// Correct answers a second.
    pub goodput_per_second: f64,
    /// Median response time from the intended send time.
    pub p50_milliseconds: Option<f64>,
    /// Its 99th percentile.
    pub p99_milliseconds: Option<f64>,
    /// The percentile that the objective names.
    pub objective_milliseconds: Option<f64>,
    /// Requests that failed, in percent.
    pub failed_percent: f64,
    /// Whether one of its runs met the objective.
    pub met: bool,
    /// What was used.
    #[serde(flatten)]
    pub used: ResourceUse,
    /// False where none of its runs was valid.
    pub valid: bool,
}

/// The limit by the objective, in requests a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ObjectiveLimit {
    /// The highest rate that met it.
    pub last_success_per_second: Option<f64>,
    /// The lowest that missed it each time. `None`: what stands above is a lower bound.
    pub first_failure_per_second: Option<f64>,
    /// False where no valid run stands behind one of the two.
    pub valid: bool,
}

/// What the death of one node did to an open load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeathResult {
    /// Which node died.
    pub node: String,
    /// When, in seconds from the begin of the measured window.
    pub at_seconds: f64,
    /// Length of the window.
    pub window_seconds: f64,
    /// Requests offered a second.
    pub rate_per_second: f64,
    /// Share of the ceiling.
    pub fraction: f64,
    /// Requests in the window.
    pub requests: u64,
    /// Those that failed; lost sessions are counted apart.
    pub failed: u64,
    /// What became of the users' sessions. `None` where users had none.
    pub sessions: Option<SessionsOutcome>,
    /// 99th percentile of the response time of those that were answered.
    pub p99_milliseconds: Option<f64>,
    /// Nodes of the cluster before.
    pub nodes: usize,
    /// Whether the figures may be used: failed requests are what is measured here, all else must be in order.
    pub valid: bool,
}

/// All points of a results folder that have a ceiling, scale by scale, the arms in the plan's order.
pub fn points(results: &Results) -> Vec<Point> {
    let keys = results.manifest.plan.points();
    let mut points: Vec<Point> = keys.iter().filter_map(|key| point(results, key)).collect();
    let first: BTreeMap<String, (f64, f64)> = points
        .iter()
        .rev()
        .filter_map(|point| Some((point.key.arm.clone(), (point.key.scale.number()?, point.ceiling_per_second.median))))
        .collect();
    let plan = &results.manifest.plan;
    let grows = |point: &Point| plan.law && plan.arm(&point.key.arm).is_some_and(Arm::grows);
    for point in points.iter_mut().filter(|point| grows(point)) {
        let Some((scale, &(smallest, ceiling))) = point.key.scale.number().zip(first.get(&point.key.arm)) else {
            continue;
        };
        let ideal = ceiling / smallest * scale;
        point.efficiency_percent =
            (ideal.is_finite() && ideal > 0.0).then(|| 100.0 * point.ceiling_per_second.median / ideal);
    }
    points
}

fn point(results: &Results, key: &PointKey) -> Option<Point> {
    let runs = ceiling_runs(results, key);
    let connections = runs.first().and_then(|run| match run.level {
        Level::Closed { connections } => Some(connections),
        Level::Open { .. } | Level::Death { .. } | Level::Profile { .. } => None,
    })?;
    let ceiling = Spread::of(runs.iter().map(|run| run.load.throughput_per_second))?;
    let demand = Spread::of(runs.iter().filter_map(|run| demand_milliseconds(run)));
    let quota = runs.first().and_then(|run| sum(&run.nodes, |node| node.quota_cores));
    let mut served = BTreeMap::new();
    for (node, answers) in runs.iter().flat_map(|run| &run.load.nodes) {
        *served.entry(node.clone()).or_insert(0) += answers;
    }
    let reasons = runs.iter().flat_map(|run| invalid::reasons(run)).collect();
    let used = usage::used(&runs);
    let latency = latency_points(results, key);
    let caching = runs.iter().filter_map(|run| run.load.caching).reduce(CachingOutcome::and);
    Some(Point {
        key: key.clone(),
        ceiling_per_second: ceiling,
        blocks_per_second: queries::goodput_by_block(runs.iter().copied()),
        spread_percent: ceiling.percent(),
        connections,
        is_limit: is_limit(results, key, connections),
        p50_milliseconds: latency_median(&runs, |latency| latency.p50),
        p99_milliseconds: latency_median(&runs, |latency| latency.p99),
        addresses: addresses::of(&runs),
        store: store_cause::finding(&runs),
        binding: binding::of(&runs, &used, quota),
        used,
        quota_cores: quota,
        predicted_per_second: quota.zip(demand).map(|(quota, demand)| 1e3 * quota / demand.median),
        demand_milliseconds: demand,
        answer_cpu: AnswerCpu::of(&runs),
        efficiency_percent: None,
        served,
        machine_speed_by_block: queries::median_by_block(runs.iter().copied(), |run| run.machine.speed_per_second),
        machine_speed_per_second: Spread::of(runs.iter().filter_map(|run| run.machine.speed_per_second)),
        objective: objective_limit(results, key, &latency),
        latency,
        death: death(results, key),
        versions: runs.iter().filter_map(|run| run.load.versions).reduce(VersionsOutcome::and),
        caching,
        from_cache_percent: caching.map(|caching| {
            let answers: u64 = runs.iter().map(|run| run.load.requests_ok).sum();
            100.0 * caching.hits as f64 / answers.max(1) as f64
        }),
        valid: runs.iter().all(|run| run.verdict.valid),
        reasons,
    })
}

/// The runs behind a point's ceiling: those of its level, the valid ones where there are any.
pub fn ceiling_runs<'a>(results: &'a Results, key: &PointKey) -> Vec<&'a Run> {
    let ladder = queries::closed_ladder(queries::at(&results.runs, key));
    let common = queries::ceiling_connections(&results.manifest.plan, &results.runs, key)
        .filter(|common| ladder.iter().any(|(connections, _)| connections == common));
    let Some(connections) = common.or_else(|| ladder::ceiling_level(&ladder)) else { return Vec::new() };
    valid_or_all(queries::at(&results.runs, key).filter(|run| run.level == Level::Closed { connections }).collect())
}

fn valid_or_all(runs: Vec<&Run>) -> Vec<&Run> {
    let valid: Vec<&Run> = runs.iter().copied().filter(|run| run.verdict.valid).collect();
    if valid.is_empty() { runs } else { valid }
}

/// Whether more connections were tried and brought no more, or the point's own ladder ended below the common level.
fn is_limit(results: &Results, key: &PointKey, connections: u32) -> bool {
    let ladder = queries::closed_ladder(queries::at(&results.runs, key));
    let own = ladder::ceiling_level(&ladder);
    own.is_some_and(|own| own < connections) || ladder.iter().any(|&(level, _)| level > connections)
}

fn latency_points(results: &Results, key: &PointKey) -> Vec<LatencyPoint> {
    let objective = &results.manifest.plan.objective;
    let open: Vec<(f64, &Run)> = queries::at(&results.runs, key)
        .filter_map(|run| match run.level {
            Level::Open { fraction, .. } => Some((fraction, run)),
            Level::Closed { .. } | Level::Death { .. } | Level::Profile { .. } => None,
        })
        .collect();
    let mut fractions: Vec<f64> = open.iter().map(|&(fraction, _)| fraction).collect();
    fractions.sort_by(f64::total_cmp);
    fractions.dedup();
    let at = |fraction: f64| {
        let runs = valid_or_all(open.iter().filter(|(other, _)| *other == fraction).map(|&(_, run)| run).collect());
        let Level::Open { rate_per_second, .. } = runs.first()?.level else { return None };
        let failed = |run: &Run| {
            let failed: u64 = run.load.errors.values().sum();
            (run.load.requests_total > 0).then(|| 100.0 * failed as f64 / run.load.requests_total as f64)
        };
        Some(LatencyPoint {
            fraction,
            rate_per_second,
            goodput_per_second: median(&runs, |run| Some(run.load.throughput_per_second))?,
            p50_milliseconds: latency_median(&runs, |latency| latency.p50),
            p99_milliseconds: latency_median(&runs, |latency| latency.p99),
            objective_milliseconds: latency_median(&runs, |latency| objective.figure.of(latency)),
            failed_percent: median(&runs, failed).unwrap_or(100.0),
            met: runs.iter().any(|run| queries::meets(&run.load, rate_per_second, objective)),
            used: usage::used(&runs),
            valid: runs.iter().any(|run| run.verdict.valid),
        })
    };
    fractions.into_iter().filter_map(at).collect()
}

fn objective_limit(results: &Results, key: &PointKey, latency: &[LatencyPoint]) -> ObjectiveLimit {
    let ladder = queries::open_ladder(queries::at(&results.runs, key), &results.manifest.plan.objective);
    let (success, failure) = ladder::objective_limit(&ladder);
    let at = |wanted: Option<f64>| latency.iter().find(|point| Some(point.fraction) == wanted);
    let (success, failure) = (at(success), at(failure));
    ObjectiveLimit {
        last_success_per_second: success.map(|point| point.rate_per_second),
        first_failure_per_second: failure.map(|point| point.rate_per_second),
        valid: success.into_iter().chain(failure).all(|point| point.valid),
    }
}

fn death(results: &Results, key: &PointKey) -> Option<DeathResult> {
    let run = queries::at(&results.runs, key).filter(|run| run.killed.is_some()).last()?;
    let (Level::Death { fraction, rate_per_second, .. }, Some(killed)) = (run.level, &run.killed) else {
        return None;
    };
    Some(DeathResult {
        node: killed.node.clone(),
        at_seconds: killed.at_seconds,
        window_seconds: run.load.duration_seconds,
        rate_per_second,
        fraction,
        requests: run.load.requests_total,
        failed: failed(run),
        sessions: run.load.sessions,
        p99_milliseconds: run.load.latency_milliseconds.map(|latency| latency.p99),
        nodes: run.nodes.len(),
        valid: run.verdict.valid,
    })
}

/// Requests without a correct answer, except those whose answer only tells that the session was lost.
fn failed(run: &Run) -> u64 {
    let lost = run.load.errors.get(&ErrorKind::SessionLost).copied().unwrap_or_default();
    run.load.requests_total.saturating_sub(run.load.requests_ok + lost)
}

fn demand_milliseconds(run: &Run) -> Option<f64> {
    let used = sum(&run.nodes, |node| node.cpu_cores)? * run.load.duration_seconds;
    let answers: u64 = run.load.nodes.values().sum();
    (answers > 0).then(|| 1e3 * used / answers as f64)
}

fn latency_median(runs: &[&Run], of: impl Fn(&Percentiles) -> f64) -> Option<f64> {
    median(runs, |run| run.load.latency_milliseconds.as_ref().map(&of))
}

/// The law fitted to every measurement of an arm's ceilings, or why there is none. Scales that are not numbers, and runs that
/// are not valid, are left out.
///
/// # Errors
/// As [`usl::fit`].
pub fn fit(results: &Results, arm: &str) -> Result<Fit, usl::FitError> {
    let numbered = |scale: &Scale| scale.number().map(|number| (number, PointKey::new(arm, scale.clone())));
    let table: Vec<usl::Observation> = results
        .manifest
        .plan
        .scales
        .iter()
        .filter_map(numbered)
        .flat_map(|(n, key)| {
            let valid = ceiling_runs(results, &key).into_iter().filter(|run| run.verdict.valid);
            valid.map(move |run| usl::Observation { n, throughput: run.load.throughput_per_second })
        })
        .filter(|point| point.throughput > 0.0 && point.n > 0.0)
        .collect();
    usl::fit(&table)
}
