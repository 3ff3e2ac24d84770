//! Means and percentiles with intervals, by batch means.
//!
//! Answers that follow each other in a queue resemble each other, so their plain standard error says far too little. The run is
//! cut into batches; the means of long batches are nearly independent, and Student's t on them gives an honest interval (Law,
//! "Simulation Modeling and Analysis", section 9.5.3). Where neighbouring batches still resemble each other, pairs of them are
//! joined, down to eight; when that is not enough either, the estimate says so.
//!
//! A run is by chance a little busier or idler than its model: its arrivals come faster, its work is longer than the means that
//! were asked for. At 90 % of the capacity, 0.1 % more work makes requests stay 1 % longer. This chance is known exactly, so its
//! effect is taken out: it is the control variate of a linear regression over the batches (Lavenberg, Welch, "A perspective on
//! the use of control variables to increase the efficiency of Monte Carlo simulations", Management Science 27, 1981).

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Batches of a run.
pub(super) const BATCHES: usize = 32;
/// Joining ends here: fewer make the interval itself uncertain.
const FEWEST_BATCHES: usize = 8;
/// One-sided 5 % of the correlation of neighbours among n independent values: 1.64 / √n.
const CORRELATION: f64 = 1.64;
/// Largest standard deviation of the batches' excess.
const MOST_EXCESS: f64 = 0.02;

/// A figure of a run, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Its 95 % interval; absent when the run was too short for one.
    pub interval_95: Option<[f64; 2]>,
    /// Whether the batches depended on each other, so that the interval is too narrow.
    pub correlated: bool,
}

impl Estimate {
    /// `value` is of the whole run, `batches` are the same figure of each batch, `excess` (where it is known) how much more
    /// work each batch brought than was to be expected, as a share.
    pub(super) fn new(value: f64, batches: &[f64], excess: Option<&[f64]>) -> Self {
        if batches.len() < FEWEST_BATCHES {
            return Self { value, interval_95: None, correlated: false };
        }
        let excess = excess.filter(|excess| excess.len() == batches.len()).unwrap_or_default();
        let effect = if excess.is_empty() { 0.0 } else { slope(batches, excess) };
        let value = value - effect * mean(excess);
        let mut batches: Vec<f64> = match effect {
            0.0 => batches.to_vec(),
            _ => batches.iter().zip(excess).map(|(batch, excess)| batch - effect * excess).collect(),
        };
        let parameters = if effect == 0.0 { 1.0 } else { 2.0 };
        let is_correlated = |batches: &[f64]| correlation(batches) > CORRELATION / (batches.len() as f64).sqrt();
        while is_correlated(&batches) && batches.len() / 2 >= FEWEST_BATCHES {
            batches = batches.chunks_exact(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
        }
        let count = batches.len() as f64;
        let (_, variance) = moments(&batches);
        let variance = variance * (count - 1.0) / (count - parameters);
        let half = t_quantile_95(count - parameters) * (variance / count).sqrt();
        Self { value, interval_95: Some([value - half, value + half]), correlated: is_correlated(&batches) }
    }

    /// Whether a value lies within the interval.
    pub fn covers(&self, value: f64) -> bool {
        self.interval_95.is_some_and(|[low, high]| (low..=high).contains(&value))
    }
}

/// What a share of excess adds to a figure; 0 where the batches do not show that it does (twice the standard error of a
/// correlation of 0), or where the excess is so large that its effect is no straight line.
fn slope(values: &[f64], excess: &[f64]) -> f64 {
    let ((value, value_variance), (middle, variance)) = (moments(values), moments(excess));
    if variance <= 0.0 || value_variance <= 0.0 || variance.sqrt() > MOST_EXCESS {
        return 0.0;
    }
    let products: f64 = values.iter().zip(excess).map(|(a, b)| (a - value) * (b - middle)).sum();
    let covariance = products / (values.len() as f64 - 1.0);
    let correlation = covariance / (variance * value_variance).sqrt();
    if correlation.abs() > 2.0 / (values.len() as f64).sqrt() { covariance / variance } else { 0.0 }
}

/// 0 of none.
fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Mean, and variance with n − 1.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0))
}

/// Correlation of neighbours; 0 when all are equal.
fn correlation(values: &[f64]) -> f64 {
    let (mean, variance) = moments(values);
    if variance <= 0.0 {
        return 0.0;
    }
    let products: f64 = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    products / (variance * (values.len() as f64 - 1.0))
}

fn t_quantile_95(degrees_of_freedom: f64) -> f64 {
    // Always positive here, so the distribution always is one.
    StudentsT::new(0.0, 1.0, degrees_of_freedom).map_or(f64::INFINITY, |t| t.inverse_cdf(0.975))
}

/// The percentiles that are told.
pub(super) const QUANTILES: [f64; 5] = [0.50, 0.90, 0.95, 0.99, 0.999];
/// Values beyond a percentile that a run needs for an interval of it.
const VALUES_BEYOND: f64 = 50.0;

/// Times of one kind: mean and percentiles, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeSummary {
    /// How many were measured.
    pub count: u64,
    /// Arithmetic mean; as all figures but `max`, without the chance of this run's arrivals and work.
    pub mean: Estimate,
    /// Median.
    pub p50: Estimate,
    /// 90 % are at most this.
    pub p90: Estimate,
    /// 95 % are at most this.
    pub p95: Estimate,
    /// 99 % are at most this.
    pub p99: Estimate,
    /// 99.9 % are at most this.
    pub p99_9: Estimate,
    /// The longest.
    pub max: f64,
}

/// Records times: in histograms with three significant digits (the mean is exact).
pub(super) struct Meter {
    batch: Histogram<u64>,
    total: Histogram<u64>,
    sum: f64,
    batch_sum: f64,
    means: Vec<f64>,
    /// What each measured batch recorded: values and how many of each, rising.
    batches: Vec<Vec<(u64, u64)>>,
}

/// What a histogram counts in: nanoseconds.
const UNIT: f64 = 1e-9;

impl Meter {
    pub fn new() -> Self {
        // From 1 ns to 36 years; the bounds and digits are ones that the crate takes.
        let empty = Histogram::new_with_bounds(1, 1 << 60, 3).unwrap_or_else(|_| unreachable!("the bounds are valid"));
        let total = empty.clone();
        Self { batch: empty, total, sum: 0.0, batch_sum: 0.0, means: Vec::new(), batches: Vec::new() }
    }

    #[inline]
    pub fn record(&mut self, seconds: f64) {
        self.batch.saturating_record((seconds / UNIT) as u64);
        self.batch_sum += seconds;
    }

    /// Figures of the present batch: mean, median, 99 %.
    pub fn batch_figures(&self) -> Option<[f64; 3]> {
        let count = self.batch.len();
        (count > 0).then(|| [self.batch_sum / count as f64, quantile(&self.batch, 0.5), quantile(&self.batch, 0.99)])
    }

    /// Ends a batch; one that is not measured is forgotten.
    pub fn end_batch(&mut self, measured: bool) {
        let count = self.batch.len();
        if measured {
            if count > 0 {
                self.means.push(self.batch_sum / count as f64);
            }
            let steps = self.batch.iter_recorded();
            self.batches.push(steps.map(|step| (step.value_iterated_to(), step.count_at_value())).collect());
            // Both have the same bounds.
            let _ = self.total.add(&self.batch);
            self.sum += self.batch_sum;
        }
        self.batch.reset();
        self.batch_sum = 0.0;
    }

    /// Of all measured batches, with their excess of work where it is known; `None` when nothing was recorded.
    pub fn times(&self, excess: Option<&[f64]>) -> Option<TimeSummary> {
        let count = self.total.len();
        // Without a figure of each batch there is no interval.
        let complete = self.batches.iter().all(|batch| !batch.is_empty());
        let (means, excess) = if complete { (&*self.means, excess) } else { (&[][..], None) };
        let at = |index: usize| self.percentile(QUANTILES[index], excess, complete);
        (count > 0).then(|| TimeSummary {
            count,
            mean: Estimate::new(self.sum / count as f64, means, excess),
            p50: at(0),
            p90: at(1),
            p95: at(2),
            p99: at(3),
            p99_9: at(4),
            max: self.total.max() as f64 * UNIT,
        })
    }

    /// A percentile: how sure it is, is how sure the share below it is (Law, section 9.5.3, after Heidelberger and Lewis). The
    /// percentiles of batches themselves would lean to the low side: most batches have no part in the worst times.
    fn percentile(&self, at: f64, excess: Option<&[f64]>, complete: bool) -> Estimate {
        let limit = self.total.value_at_quantile(at);
        let count = self.total.len() as f64;
        if !complete || count * (1.0 - at) < VALUES_BEYOND {
            return Estimate::new(quantile(&self.total, at), &[], None);
        }
        let shares: Vec<f64> = self.batches.iter().map(|batch| share_up_to(batch, limit)).collect();
        let share = Estimate::new(mean(&shares), &shares, excess);
        let value = quantile(&self.total, at + mean(&shares) - share.value);
        let interval_95 = share.interval_95.map(|[low, high]| {
            let (below, above) = (share.value - low, high - share.value);
            [at - below, at + above].map(|end| quantile(&self.total, end + mean(&shares) - share.value))
        });
        Estimate { value, interval_95, correlated: share.correlated }
    }
}

/// Which share of a batch's values is at most `limit`.
fn share_up_to(batch: &[(u64, u64)], limit: u64) -> f64 {
    let all: u64 = batch.iter().map(|step| step.1).sum();
    let below: u64 = batch.iter().take_while(|step| step.0 <= limit).map(|step| step.1).sum();
    below as f64 / all as f64
}

/// In seconds, from the middle of the histogram's step.
fn quantile(histogram: &Histogram<u64>, at: f64) -> f64 {
    let value = histogram.value_at_quantile(at.clamp(0.0, 1.0));
    histogram.median_equivalent(value).min(histogram.max()) as f64 * UNIT
}

#[cfg(test)]
mod tests {
    use super::super::random::{Random, Streams, uniform};
    use super::*;

    /// A chain in which each value keeps `memory` of the last; its mean is 0.
    fn chain(random: &mut Random, memory: f64, length: usize) -> Vec<f64> {
        let mut value = 0.0;
        let mut next = || {
            value = memory * value + uniform(random) - 0.5;
            value
        };
        (0..length).map(|_| next()).collect()
    }

    fn coverage(memory: f64, length: usize) -> (f64, f64) {
        let mut random = Streams::new(9).service;
        let (mut covered, mut correlated) = (0, 0);
        for _ in 0..1000 {
            let values = chain(&mut random, memory, length);
            let batches: Vec<f64> = values.chunks_exact(length / BATCHES).map(|batch| moments(batch).0).collect();
            let estimate = Estimate::new(moments(&values).0, &batches, None);
            covered += u32::from(estimate.covers(0.0));
            correlated += u32::from(estimate.correlated);
        }
        (f64::from(covered) / 1000.0, f64::from(correlated) / 1000.0)
    }

    #[test]
    fn the_interval_covers_the_truth_as_often_as_it_says() {
        // 950 of 1000 are expected, with a standard deviation of 7.
        let (covered, correlated) = coverage(0.0, 32 * 4);
        assert!((0.925..=0.975).contains(&covered) && correlated < 0.1, "{covered} {correlated}");
        let (covered, _) = coverage(0.9, 32 * 400);
        assert!((0.925..=0.975).contains(&covered), "{covered}");
        // A memory as long as a batch: it knows that the interval is too narrow more often than not, or joins batches.
        let (covered, _) = coverage(0.9, 32 * 20);
        assert!(covered > 0.85, "{covered}");
    }

    #[test]
    fn dependent_batches_are_told() {
        let ramp: Vec<f64> = (0..32).map(f64::from).collect();
        assert!(Estimate::new(15.5, &ramp, None).correlated);
        assert_eq!(
            Estimate::new(1.0, &[1.0; 32], None),
            Estimate { value: 1.0, interval_95: Some([1.0; 2]), correlated: false }
        );
        assert_eq!(Estimate::new(1.0, &[1.0; 7], None).interval_95, None);
        assert_eq!(Estimate::new(1.0, &[], None).interval_95, None);
    }

    #[test]
    fn known_chance_is_taken_out() {
        let mut random = Streams::new(21).service;
        let (mut covered, mut squares, mut plain_squares) = (0, 0.0, 0.0);
        for _ in 0..1000 {
            let excess: Vec<f64> = (0..32).map(|_| (uniform(&mut random) - 0.5) * 0.02).collect();
            let values: Vec<f64> = excess.iter().map(|x| 10.0 + 90.0 * x + uniform(&mut random) - 0.5).collect();
            let value = mean(&values);
            let estimate = Estimate::new(value, &values, Some(&excess));
            covered += u32::from(estimate.covers(10.0));
            squares += (estimate.value - 10.0).powi(2);
            plain_squares += (value - 10.0).powi(2);
        }
        assert!((925..=975).contains(&covered) && squares < plain_squares / 1.5, "{covered} {squares} {plain_squares}");
        // Without a connection, and where the excess is no small one, the plain mean stays.
        let values: Vec<f64> = (0..32).map(|index| f64::from(index % 2)).collect();
        let unrelated: Vec<f64> = (0..32).map(|index| f64::from(index % 4 / 2) * 0.001).collect();
        let large: Vec<f64> = values.iter().map(|value| value * 0.5).collect();
        for excess in [unrelated, large] {
            assert_eq!(Estimate::new(0.5, &values, Some(&excess)), Estimate::new(0.5, &values, None));
        }
    }

    #[test]
    fn a_meter_tells_what_was_recorded() {
        let mut meter = Meter::new();
        meter.record(99.0);
        meter.end_batch(false);
        for batch in 0..BATCHES {
            for value in 1..=100 {
                meter.record(f64::from(value) + if batch % 2 == 0 { 0.25 } else { -0.25 });
            }
            assert!(meter.batch_figures().is_some());
            meter.end_batch(true);
        }
        let times = meter.times(None).unwrap();
        assert_eq!(times.count, 3200);
        assert!((times.mean.value - 50.5).abs() < 1e-9 && times.mean.covers(50.5));
        assert!((times.p50.value - 50.0).abs() < 0.5 && times.p90.interval_95.is_some());
        // 3200 values have 32 beyond their 99 %: too few.
        assert!((times.p99.value - 99.0).abs() < 0.5 && times.p99.interval_95.is_none());
        assert_eq!(Meter::new().times(None), None);
    }
}
