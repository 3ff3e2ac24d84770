//! The same autoscaler on the same load, simulated: what it should have cost.

use crate::autoscale::args::{self, RuleArgs};
use crate::autoscale::dimension::Dimension;
use crate::autoscale::simulated::{ScaledResource, Simulated};
use crate::results::arm::Arm;
use crate::results::folder::Results;
use crate::results::plan::Ladder;
use crate::results::run::Run;
use crate::results::scaling::Scaling;
use crate::simulate::{
    ArrivalProcess, Policy, RateProfile, ServiceTime, SimulatedQuota, SimulatedServer, SystemModel, simulate_with,
};

/// The kernel's period of a CPU quota.
const PERIOD_SECONDS: f64 = 0.1;

/// Units times seconds of this arm, simulated: the CPU that an answer costs as the largest fixed size had it under this
/// load, the time from one decision to the next and from an order to a ready node as the run had them. `None` for a fixed
/// size, without a quota, where no fixed size met the load, or on machines that nobody adds to: nodes that share one cannot be
/// simulated.
pub fn unit_seconds(results: &Results, arm: &Arm, run: &Run) -> Option<f64> {
    let plan = &results.manifest.plan;
    let rules = args::read(&arm.autoscale).ok().filter(|_| !arm.is_fixed())?;
    let scaling = run.scaling.as_ref()?;
    if rules.machines().is_none() && scaling.at(0.0)?.machines.is_some() {
        return None;
    }
    let demand = demand_seconds(results)?;
    let unit_cores = f64::from(plan.unit_cpu_percent?) / 100.0;
    let start = scaling.at(0.0)?.ready;
    let profile = RateProfile::new(rising(run.load.profile.as_ref()?)).ok()?;
    let seconds = run.load.duration_seconds;
    let arrivals = ArrivalProcess::Profile(profile);
    let layout = rules.dimension().layout(start);
    let requests = (arrivals.mean_rate() * seconds) as u64;
    let quota = SimulatedQuota { cores: unit_cores * layout.units_each, period_seconds: PERIOD_SECONDS };
    let threads = run.machine.cores.map_or(1, |cores| cores.round().max(1.0) as u32);
    let mut model = SystemModel::new(1.0, ServiceTime::Fixed { seconds: demand }, layout.nodes as usize, requests);
    model.arrivals = arrivals;
    model.balancer = Policy::RoundRobin;
    model.server = SimulatedServer { threads, quota: Some(quota), ..SimulatedServer::default() };
    model.start_seconds = start_seconds(scaling);
    model.warmup = 0;
    let mut controller = controller(&rules, start, unit_cores, interval_seconds(scaling, &rules));
    simulate_with(&model, &mut controller).ok()?;
    Some(paid(&controller, &rules, f64::from(start), seconds))
}

/// CPU seconds of an answer in the run of the largest fixed size under this load. At a ceiling an answer costs less: the
/// nodes are never idle there, and what they do besides is shared out over more answers.
fn demand_seconds(results: &Results) -> Option<f64> {
    let fixed = |run: &&Run| results.manifest.plan.arm(&run.point.arm).is_some_and(Arm::is_fixed);
    let under_load = results.runs.iter().filter(|run| run.level.ladder() == Ladder::Profile).filter(fixed);
    let ready = |run: &&Run| Some(run.scaling.as_ref()?.at(0.0)?.ready);
    let largest = under_load.max_by_key(ready)?;
    let cores = largest.nodes.iter().map(|node| node.cpu_cores).sum::<Option<f64>>()?;
    let answers = largest.load.requests_ok;
    (answers > 0 && cores > 0.0).then(|| cores * largest.load.duration_seconds / answers as f64)
}

/// The points of a load for the simulator, which knows no jumps: a microsecond is short enough.
fn rising(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut rising: Vec<(f64, f64)> = Vec::with_capacity(points.len());
    for &(at, rate) in points {
        let after = rising.last().map_or(at, |(last, _)| at.max(last + 1e-6));
        rising.push((after, rate));
    }
    rising
}

fn controller(rules: &RuleArgs, start: u32, unit_cores: f64, interval: f64) -> Simulated {
    let change = match rules.dimension() {
        Dimension::Nodes => ScaledResource::Nodes,
        dimension @ (Dimension::Quota | Dimension::Both { .. }) => {
            ScaledResource::Quota { dimension, units: start, unit_cores }
        }
    };
    Simulated::new(rules.autoscaler(start, 0.0), interval, change)
}

/// Units from their order to their end; machines, where there are some, with all their room.
fn paid(controller: &Simulated, rules: &RuleArgs, start: f64, end: f64) -> f64 {
    let units_each = rules.machines().map_or(1, |machines| machines.units);
    let mut steps = vec![(0.0, start)];
    steps.extend(controller.steps().iter().map(|(at, step)| {
        let machines = step.placement.map(|placement| (placement.machines + placement.booting) * units_each);
        (*at, f64::from(machines.unwrap_or(step.decision.wanted)))
    }));
    let until = steps.iter().skip(1).map(|(at, _)| *at).chain([end]);
    steps.iter().zip(until).map(|((at, units), until)| units * (until.min(end) - at.min(end)).max(0.0)).sum()
}

/// From one decision to the next, as it was.
fn interval_seconds(scaling: &Scaling, rules: &RuleArgs) -> f64 {
    let asked = rules.interval.as_secs_f64();
    match (&*scaling.decisions, scaling.decisions.len()) {
        ([first, .., last], count) => ((last.at_seconds - first.at_seconds) / (count - 1) as f64).max(asked),
        _ => asked,
    }
}

/// From an order to a ready unit, on average.
fn start_seconds(scaling: &Scaling) -> f64 {
    let starts: Vec<f64> = scaling
        .supply
        .windows(2)
        .filter(|pair| pair[0].starting > 0)
        .map(|pair| pair[1].at_seconds - pair[0].at_seconds)
        .collect();
    if starts.is_empty() { 0.0 } else { starts.iter().sum::<f64>() / starts.len() as f64 }
}
