//! The autoscaler on the simulator's clock: it settles on any constant load, follows a day, and a week takes little time.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use webapp::autoscale::autoscaler::Autoscaler;
use webapp::autoscale::elasticity::{Curve, judge};
use webapp::autoscale::simulated::{ScaledResource, Simulated};
use webapp::autoscale::{Config, DecisionHistory};
use webapp::results::profile::Shape;
use webapp::simulate::{
    ArrivalProcess, Policy, RateProfile, ServiceTime, SimulationOutcome, SystemModel, simulate_with,
};

fn autoscaler(metrics: &[&str], max: u32, start: u32) -> Autoscaler {
    let targets = metrics.iter().map(|metric| metric.parse().unwrap()).collect();
    Autoscaler::new(Config::new(targets, max), None, DecisionHistory::starting(0.0, start))
}

/// Every 15 s, as Kubernetes does.
const INTERVAL: f64 = 15.0;

fn run(model: &SystemModel, autoscaler: Autoscaler) -> (SimulationOutcome, Simulated) {
    let mut controller = Simulated::new(autoscaler, INTERVAL, ScaledResource::Nodes);
    let outcome = simulate_with(model, &mut controller).unwrap();
    (outcome, controller)
}

/// When the size was changed, in simulated seconds.
fn changes(controller: &Simulated) -> Vec<f64> {
    let changed = controller.steps().iter().filter(|(_, step)| step.decision.wanted != step.decision.size);
    changed.map(|(at, _)| *at).collect()
}

#[test]
fn a_constant_load_changes_the_size_at_most_once_in_ten_minutes() {
    const MAX: u32 = 6;
    const A_NODE: f64 = 50.0;
    // 100 % is what the largest size holds at its target. 70 % and its neighbours lie beside a threshold of 4 to 5 nodes.
    for percent in [10.0, 17.0, 25.0, 33.0, 34.0, 41.0, 50.0, 58.0, 66.5, 67.0, 75.0, 83.0, 84.0, 92.0, 100.0] {
        let rate = A_NODE * 0.7 * f64::from(MAX) * percent / 100.0;
        let seconds = 1800.0;
        let mut model =
            SystemModel::new(rate, ServiceTime::Fixed { seconds: 1.0 / A_NODE }, 1, (rate * seconds) as u64);
        (model.balancer, model.warmup, model.start_seconds) = (Policy::RoundRobin, 0, 2.0);
        let (_, controller) = run(&model, autoscaler(&["cpu=70"], MAX, 1));
        // It begins with one node and has to find its size first.
        let settled: Vec<f64> = changes(&controller).into_iter().filter(|at| *at > 600.0).collect();
        let close = settled.windows(2).find(|pair| pair[1] - pair[0] < 600.0);
        assert!(close.is_none(), "{percent} %: {settled:?}");
        let size = controller.steps().last().unwrap().1.decision.wanted;
        let least = rate / (A_NODE * 0.7 * 1.1);
        assert!(f64::from(size) >= least.floor().max(1.0), "{percent} %: {size} nodes for {rate}/s");
    }
}

/// A day's load for nodes of one request a second each: on average 1.5 requests a second.
fn day(days: f64) -> SystemModel {
    let points = Shape::Day.profile().scaled(1.0, 0.025).unwrap().points().to_vec();
    let arrivals = ArrivalProcess::Profile(RateProfile::new(points).unwrap());
    let requests = (arrivals.mean_rate() * days * 86_400.0) as u64;
    let plain = SystemModel::new(1.0, ServiceTime::Fixed { seconds: 1.0 }, 3, requests);
    SystemModel { arrivals, balancer: Policy::RoundRobin, warmup: 0, start_seconds: 20.0, ..plain }
}

#[test]
fn follows_a_day_for_less_than_the_largest_size() {
    let (outcome, controller) = run(&day(1.0), autoscaler(&["cpu=60"], 8, 3));
    assert_eq!(outcome.lost_total(), 0);
    let steps = controller.steps();
    let supply = steps.iter().map(|(at, step)| (*at, f64::from(step.decision.wanted))).collect();
    let supply = Curve::new(supply).unwrap();
    // At most 60 % of each node.
    let load = Shape::Day.profile().scaled(1.0, 0.025).unwrap();
    let demand = steps.iter().map(|(at, _)| (*at, (load.rate(*at) / 0.6).ceil().max(1.0))).collect();
    let found = judge(&Curve::new(demand).unwrap(), &supply, INTERVAL, 86_400.0, 60.0).unwrap();
    assert!(outcome.node_seconds < 0.8 * 8.0 * outcome.simulated_seconds, "{}", outcome.node_seconds);
    assert!(found.under_time_share < 0.2 && found.under_accuracy < 0.3, "{found:?}");
}

#[test]
fn a_week_is_soon_over() {
    let begun = Instant::now();
    let (outcome, controller) = run(&day(7.0), autoscaler(&["cpu=60", "queue=4"], 8, 3));
    let took = begun.elapsed();
    assert!(outcome.simulated_seconds > 6.9 * 86_400.0);
    assert!(controller.steps().len() as f64 >= 6.9 * 86_400.0 / INTERVAL);
    println!("a week of {} requests and {} decisions took {took:?}", outcome.requests, controller.steps().len());
    // 2 s are the promise of a release build on a quiet machine; this only guards against another order of growth.
    assert!(took < Duration::from_secs(120), "{took:?}");
}
