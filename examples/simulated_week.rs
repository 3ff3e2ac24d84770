//! A week of a day's load under the autoscaler, on the simulator's clock: how many seconds that takes. The figure of
//! `scripts/perf.sh autoscale`.
//!
//! A node answers one request a second, the load is 0.5 to 2.5 requests a second, and every 15 s the number of nodes is
//! decided. Output: one line `SECONDS REQUESTS DECISIONS`.

use std::time::Instant;

use anyhow::{Context, ensure};
use webapp::autoscale::autoscaler::Autoscaler;
use webapp::autoscale::simulated::{ScaledResource, Simulated};
use webapp::autoscale::{Config, DecisionHistory};
use webapp::results::profile::Shape;
use webapp::simulate::{ArrivalProcess, Policy, RateProfile, ServiceTime, SystemModel, simulate_with};

const WEEK_SECONDS: f64 = 7.0 * 86_400.0;
/// As Kubernetes has it.
const INTERVAL_SECONDS: f64 = 15.0;

fn main() -> anyhow::Result<()> {
    let load = Shape::Day.profile().scaled(1.0, 0.025)?;
    let profile = RateProfile::new(load.points().to_vec()).ok().context("the day is not a load")?;
    let arrivals = ArrivalProcess::Profile(profile);
    let requests = (arrivals.mean_rate() * WEEK_SECONDS) as u64;
    let plain = SystemModel::new(1.0, ServiceTime::Fixed { seconds: 1.0 }, 3, requests);
    let model = SystemModel { arrivals, balancer: Policy::RoundRobin, warmup: 0, start_seconds: 20.0, ..plain };
    let targets = ["cpu=60", "queue=4"].map(|target| target.parse().map_err(anyhow::Error::msg));
    let config = Config::new(targets.into_iter().collect::<Result<_, _>>()?, 8);
    let autoscaler = Autoscaler::new(config, None, DecisionHistory::starting(0.0, 3));
    let mut controller = Simulated::new(autoscaler, INTERVAL_SECONDS, ScaledResource::Nodes);

    let begun = Instant::now();
    let outcome = simulate_with(&model, &mut controller).ok().context("the model cannot be simulated")?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(outcome.simulated_seconds > 0.98 * WEEK_SECONDS, "only {} s were simulated", outcome.simulated_seconds);
    println!("{seconds:.3} {} {}", outcome.requests, controller.steps().len());
    Ok(())
}
