//! Response times of a cluster from what its requests cost, on the simulator.
//!
//! What is in the model: nodes with as many threads as their quota has whole cores (as the pool of a node chooses them), the quota with its
//! periods of 100 ms, the measured work with its spread, the balancer's choice, arrivals at equal gaps or at random, and on top of each
//! time what a request costs at the balancer and at its client. While a bench looks at the nodes, it takes CPU from the requests
//! that meet the look; that is in the model where a bench is predicted, and not where a system is planned.

use statrs::distribution::{ContinuousCDF, Normal};

use super::evidence::ArmEvidence;
use super::measurement::{Measurement, PERIOD_SECONDS, Work};
use crate::results::load::Arrivals as Gaps;
use crate::results::objective::{LatencyFigure, Objective};
use crate::results::statistics::Spread;
use crate::simulate::{
    self, ArrivalProcess, Discipline, DistributionStep, Policy, ServiceTime, SimulatedQuota, SimulatedServer, Steps,
    SystemModel, TimeSummary,
};

/// What is simulated.
#[derive(Clone, Debug)]
pub struct LatencyModel {
    nodes: u32,
    server: SimulatedServer,
    policy: Policy,
    service: ServiceTime,
    /// CPU of a request at its node, in seconds.
    pub cpu_seconds: f64,
    /// Spent outside the nodes by each request, in seconds.
    path_seconds: f64,
}

/// A node whose work takes this many times its CPU waits for something else; then CPU says nothing about its response times.
const MOSTLY_WAITING: f64 = 2.0;
/// Steps of the distribution of work.
const STEPS: usize = 100;
/// While the bench looks, it computes on one core and a node answers it on another.
const CORES_OF_A_LOOK: f64 = 2.0;

impl LatencyModel {
    /// A cluster of `nodes` that reaches `ceiling` requests a second; `bench`: with the disturbance by the bench's looks. `None` where the
    /// time of a request is not mainly CPU, or not known.
    pub fn of(evidence: &ArmEvidence, nodes: u32, ceiling: f64, bench: bool) -> Option<Self> {
        let each = |of: fn(&Measurement) -> Option<f64>| {
            median(evidence.sizes.iter().flat_map(|size| &size.runs).filter_map(of))
        };
        let work = |of: fn(&Work) -> Option<f64>| {
            median(evidence.sizes.iter().flat_map(|size| &size.runs).filter_map(|run| of(&run.work)))
        };
        if work(|work| work.median_seconds)? > MOSTLY_WAITING * each(|run| run.node_seconds)? {
            return None;
        }
        let cell = evidence.cell();
        let quota = median(cell.runs.iter().filter_map(|run| Some(run.quota_cores? / f64::from(cell.nodes))));
        let cores = quota.unwrap_or(1.0);
        let mean = f64::from(nodes) * cores / ceiling;
        let deviation = work(|work| work.log_deviation).unwrap_or(0.0);
        let looks =
            (work(|work| work.look_every_seconds), work(|work| work.look_seconds), work(|work| work.machine_cores));
        let disturbance = match looks {
            (Some(every), Some(seconds), Some(cores)) if bench => Disturbance {
                share: ((seconds + mean) / every * CORES_OF_A_LOOK.min(cores) / cores).min(1.0),
                seconds,
                mean,
            },
            _ => Disturbance { share: 0.0, seconds: 0.0, mean },
        };
        let of_cell = |of: fn(&Measurement) -> Option<f64>| median(cell.runs.iter().filter_map(of)).unwrap_or(0.0);
        Some(Self {
            nodes,
            server: match quota {
                Some(cores) => SimulatedServer {
                    threads: cores.ceil().max(1.0) as u32,
                    queue: None,
                    discipline: Discipline::Fcfs,
                    quota: Some(SimulatedQuota { cores, period_seconds: PERIOD_SECONDS }),
                },
                None => SimulatedServer { threads: 1, queue: None, discipline: Discipline::Ps, quota: None },
            },
            policy: evidence.policy,
            cpu_seconds: mean,
            service: ServiceTime::Measured(Steps::new(steps(mean, deviation, &disturbance)).ok()?),
            path_seconds: of_cell(|run| run.balancer_seconds) + of_cell(|run| run.generator_seconds),
        })
    }

    /// Response times at a rate; `None` where the load never ends.
    pub fn times(&self, rate: f64, gaps: Gaps, requests: u64, seed: u64) -> Option<TimeSummary> {
        let arrivals = match gaps {
            Gaps::Constant => ArrivalProcess::Even { rate },
            Gaps::Poisson => ArrivalProcess::Poisson { rate },
        };
        let model = SystemModel {
            arrivals,
            server: self.server.clone(),
            balancer: self.policy,
            seed,
            ..SystemModel::new(rate, self.service.clone(), self.nodes as usize, requests)
        };
        simulate::simulate(&model).ok()?.time_in_system
    }

    /// One figure of these times, with what is spent outside the nodes, in milliseconds.
    pub fn milliseconds(&self, times: &TimeSummary, figure: LatencyFigure) -> f64 {
        let seconds = match figure {
            LatencyFigure::Mean => times.mean.value,
            LatencyFigure::P50 => times.p50.value,
            LatencyFigure::P90 => times.p90.value,
            LatencyFigure::P95 => times.p95.value,
            LatencyFigure::P99 => times.p99.value,
            LatencyFigure::P999 => times.p99_9.value,
            LatencyFigure::Max => times.max,
        };
        1e3 * (seconds + self.path_seconds)
    }

    /// The highest share of the ceiling at which random arrivals meet the objective, from [`LEAST_FRACTION`] to [`STEADY`].
    ///
    /// # Errors
    /// Its value at the least share, in milliseconds, when even that misses it.
    pub fn usable_fraction(&self, ceiling: f64, objective: &Objective, requests: u64, seed: u64) -> Result<f64, f64> {
        let at = |fraction: f64| {
            let times = self.times(fraction * ceiling, Gaps::Poisson, requests, seed);
            times.map_or(f64::INFINITY, |times| self.milliseconds(&times, objective.figure))
        };
        let least = at(LEAST_FRACTION);
        if least > objective.milliseconds {
            return Err(least);
        }
        let (mut good, mut bad) = (LEAST_FRACTION, STEADY);
        while bad - good > FINENESS {
            let middle = (good + bad) / 2.0;
            if at(middle) <= objective.milliseconds {
                good = middle;
            } else {
                bad = middle;
            }
        }
        Ok(good)
    }
}

/// Above this share of the ceiling, response times depend on how long the load lasts.
pub const STEADY: f64 = 0.95;
/// Below this share of its ceiling a cluster has nothing to do.
pub const LEAST_FRACTION: f64 = 0.1;
const FINENESS: f64 = 0.01;

fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    Spread::of(values).map(|spread| spread.median)
}

/// Other work on the machine that delays a share of the requests.
struct Disturbance {
    share: f64,
    /// Of the other work.
    seconds: f64,
    /// Of a request's own.
    mean: f64,
}

/// Log-normal work with this mean. Of the requests that meet a disturbance, those that come while it lasts wait for its rest, and
/// those that it meets wait for all of it.
fn steps(mean: f64, deviation: f64, disturbance: &Disturbance) -> Vec<DistributionStep> {
    let normal = Normal::standard();
    let middle = mean * (-deviation.powi(2) / 2.0).exp();
    // The outermost steps end where one in a thousand of them begins.
    let at = |place: f64| {
        middle * (deviation * normal.inverse_cdf(place.clamp(1e-3 / STEPS as f64, 1.0 - 1e-3 / STEPS as f64))).exp()
    };
    let Disturbance { share, seconds, mean } = *disturbance;
    let while_it_lasts = if seconds > 0.0 { seconds / (seconds + mean) } else { 0.0 };
    let mut steps = Vec::new();
    for step in 0..STEPS {
        let (from, to) = (at(step as f64 / STEPS as f64), at((step + 1) as f64 / STEPS as f64));
        steps.push(DistributionStep { from, to, weight: 1.0 - share });
        if share > 0.0 {
            steps.push(DistributionStep { from, to: to + seconds, weight: share * while_it_lasts });
            steps.push(DistributionStep {
                from: from + seconds,
                to: to + seconds,
                weight: share * (1.0 - while_it_lasts),
            });
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    const REQUESTS: u64 = 2000;

    #[test]
    fn an_idle_cluster_takes_the_work_and_the_way() {
        // A quarter of a core each, 100/s a node: 2.5 ms of work, 0.3 ms outside.
        let evidence = sample::evidence(&[(1, 100.0), (4, 400.0)], 0.01);
        let model = LatencyModel::of(&evidence, 4, 400.0, false).unwrap();
        let times = model.times(40.0, Gaps::Constant, REQUESTS, 1).unwrap();
        let p50 = model.milliseconds(&times, LatencyFigure::P50);
        assert!((p50 - 2.8).abs() < 0.1, "{p50}");
        let disturbed = LatencyModel::of(&evidence, 4, 400.0, true).unwrap();
        let times = disturbed.times(40.0, Gaps::Constant, REQUESTS, 1).unwrap();
        let p99 = disturbed.milliseconds(&times, LatencyFigure::P99);
        assert!((4.0..5.5).contains(&p99), "looks of 2 ms meet some requests: {p99}");
    }

    #[test]
    fn the_objective_decides_how_much_of_the_ceiling_is_usable() {
        let evidence = sample::evidence(&[(1, 100.0), (4, 400.0)], 0.01);
        let model = LatencyModel::of(&evidence, 4, 400.0, false).unwrap();
        let usable = |milliseconds| {
            let objective = Objective { figure: LatencyFigure::P99, milliseconds };
            model.usable_fraction(400.0, &objective, REQUESTS, 1)
        };
        let (strict, relaxed) = (usable(5.0).unwrap(), usable(500.0).unwrap());
        assert!(LEAST_FRACTION <= strict && strict < relaxed && relaxed < STEADY, "{strict} {relaxed}");
        assert!(usable(2.0).is_err_and(|least| least > 2.5));
    }

    #[test]
    fn what_waits_is_not_told_from_its_cpu() {
        let mut evidence = sample::evidence(&[(1, 100.0), (4, 400.0)], 0.01);
        for run in evidence.sizes.iter_mut().flat_map(|size| &mut size.runs) {
            run.work.median_seconds = Some(0.05);
        }
        assert!(LatencyModel::of(&evidence, 4, 400.0, false).is_none());
    }

    #[test]
    fn steps_have_their_mean() {
        let none = Disturbance { share: 0.0, seconds: 0.0, mean: 2.0 };
        let mean = |steps: Vec<DistributionStep>| {
            let weight: f64 = steps.iter().map(|step| step.weight).sum();
            steps.iter().map(|step| step.weight * (step.from + step.to) / 2.0).sum::<f64>() / weight
        };
        assert!((mean(steps(2.0, 0.1, &none)) - 2.0).abs() < 0.01);
        let some = Disturbance { share: 0.1, seconds: 1.0, mean: 1.0 };
        assert!((mean(steps(2.0, 0.0, &some)) - (2.0 + 0.1 * 0.75)).abs() < 0.01);
    }
}
