//! What one run tells a plan: throughput, and what each request cost at the nodes, at the balancer and at the store.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::report::{store_cause, usage};
use crate::results::run::{Level, Run};

/// One run at the ceiling of its size. Costs are CPU seconds for each answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Correct answers a second.
    pub per_second: f64,
    /// CPU of all nodes.
    pub node_seconds: Option<f64>,
    /// CPU that all nodes may use, in cores.
    pub quota_cores: Option<f64>,
    /// CPU of the balancer.
    pub balancer_seconds: Option<f64>,
    /// CPU of the load generator.
    pub generator_seconds: Option<f64>,
    /// The store nearest to its limit.
    pub store: Option<StoreMeasurement>,
    /// Whether a request's work is CPU, how its length varies, and what disturbed it.
    pub work: Work,
}

/// The store of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreMeasurement {
    /// Its name and kind.
    pub name: String,
    /// CPU for each answer that clients got.
    pub seconds: f64,
    /// CPU it may use, in cores. `None` without a limit.
    pub quota_cores: Option<f64>,
}

/// What the work of a request is like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// The median of what nodes told of their work, in seconds.
    pub median_seconds: Option<f64>,
    /// Standard deviation of the logarithm of the work that no quota interrupted.
    pub log_deviation: Option<f64>,
    /// Between two looks of the bench at the nodes, in seconds.
    pub look_every_seconds: Option<f64>,
    /// CPU seconds of the bench for one such look.
    pub look_seconds: Option<f64>,
    /// Processors of the machine that everything ran on.
    pub machine_cores: Option<f64>,
}

/// Length of the quota's period: the kernel's default, in seconds.
pub const PERIOD_SECONDS: f64 = 0.1;

impl Measurement {
    /// Of a run that is valid and has answers.
    pub fn of(run: &Run) -> Option<Self> {
        let load = &run.load;
        let per_second = Some(load.throughput_per_second).filter(|rate| *rate > 0.0)?;
        let answers: u64 = load.nodes.values().sum();
        let cpu = usage::sum(&run.nodes, |node| node.cpu_cores);
        let used = store_cause::used(&[run]);
        Some(Self {
            per_second,
            node_seconds: cpu.filter(|_| answers > 0).map(|cpu| cpu * load.duration_seconds / answers as f64),
            quota_cores: usage::sum(&run.nodes, |node| node.quota_cores),
            balancer_seconds: run.balancer.as_ref().and_then(|balancer| balancer.cpu_cores).map(|cpu| cpu / per_second),
            generator_seconds: load.generator.cpu_percent.map(|percent| percent / 100.0 / per_second),
            store: used.service.zip(used.cpu_milliseconds).map(|(service, milliseconds)| StoreMeasurement {
                name: service.name,
                seconds: milliseconds / 1e3,
                quota_cores: service.quota_cores,
            }),
            work: Work::of(run),
        })
    }
}

impl Work {
    fn of(run: &Run) -> Self {
        let work = run.load.work_milliseconds.as_ref();
        let looks = Looks::of(run);
        Self {
            median_seconds: work.map(|work| work.p50 / 1e3),
            log_deviation: work.and_then(|work| log_deviation(work.p50, work.p90, interrupted(run)?)),
            look_every_seconds: looks.as_ref().map(|looks| looks.every),
            look_seconds: looks.map(|looks| looks.cpu),
            machine_cores: run.machine.cores,
        }
    }
}

/// Share of the requests that a quota stopped in the middle: about one a throttled period and thread. `None` where that is not
/// known, or where the run is not of the closed loop, which keeps every thread busy.
fn interrupted(run: &Run) -> Option<f64> {
    let Level::Closed { .. } = run.level else { return None };
    let throttled = run.nodes.iter().map(|node| node.throttled_percent).sum::<Option<f64>>()? / 100.0;
    let periods = throttled * run.load.duration_seconds / PERIOD_SECONDS;
    (run.load.requests_ok > 0).then(|| periods / run.load.requests_ok as f64)
}

/// The highest quantile, among undisturbed requests, that the 90th percentile of all is still taken for.
const HIGHEST_QUANTILE: f64 = 0.992;

/// From the median and the 90th percentile of all work. Those that were `interrupted` are the longest, so that the percentiles of
/// the others lie higher: at `p / (1 - interrupted)`. `None` where too many were.
fn log_deviation(p50: f64, p90: f64, interrupted: f64) -> Option<f64> {
    let normal = Normal::standard();
    let quantile = |share: f64| {
        let share = share / (1.0 - interrupted);
        (interrupted < 1.0 && share < HIGHEST_QUANTILE).then(|| normal.inverse_cdf(share))
    };
    let width = quantile(0.9)? - quantile(0.5)?;
    (p50 > 0.0 && p90 >= p50).then(|| (p90 / p50).ln() / width)
}

/// The bench's looks at the nodes.
struct Looks {
    every: f64,
    cpu: f64,
}

impl Looks {
    fn of(run: &Run) -> Option<Self> {
        let (first, last) = (run.samples.first()?, run.samples.last()?);
        let count = (run.samples.len() - 1) as f64;
        let probe = first.speed.zip(last.speed).map_or(0.0, |(first, last)| last.1 - first.1);
        let cpu = last.bench_cpu_seconds? - first.bench_cpu_seconds? - probe;
        let every = (last.t_seconds - first.t_seconds) / count;
        (count > 0.0 && every > 0.0).then(|| Self { every, cpu: (cpu / count).max(0.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_work_without_those_that_were_stopped() {
        // Log-normal with deviation 0.2; a tenth of all was stopped and lies above. The median of all is the 55.6 % quantile of
        // the rest; nine tenths of all would be all of the rest, which says nothing.
        let normal = Normal::standard();
        let at = |share: f64| 2.0 * (0.2 * normal.inverse_cdf(share)).exp();
        for interrupted in [0.0, 0.05, 0.08] {
            let (p50, p90) = (at(0.5 / (1.0 - interrupted)), at(0.9 / (1.0 - interrupted)));
            assert!((log_deviation(p50, p90, interrupted).unwrap() - 0.2).abs() < 1e-9, "{interrupted}");
        }
        assert_eq!(log_deviation(2.0, 2.5, 0.1), None);
        assert_eq!(log_deviation(2.0, 2.5, 1.5), None);
        assert_eq!(log_deviation(0.0, 2.5, 0.0), None);
    }
}
