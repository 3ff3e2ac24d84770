//! From a histogram of nanoseconds to the percentiles and the spectrum of a result.

use hdrhistogram::Histogram;

use crate::results::load::{Percentiles, SpectrumStep};

/// Nanoseconds as milliseconds, to the tenth of a microsecond: that is what three digits of a histogram hold.
fn milliseconds(nanoseconds: f64) -> f64 {
    (nanoseconds / 100.0).round() / 10_000.0
}

/// A figure for people and JSON: to the thousandth.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Reads a histogram of nanoseconds; `None` when nothing was recorded.
pub(super) fn percentiles(histogram: &Histogram<u64>) -> Option<Percentiles> {
    let at = |quantile| milliseconds(histogram.value_at_quantile(quantile) as f64);
    (!histogram.is_empty()).then(|| Percentiles {
        mean: milliseconds(histogram.mean()),
        p50: at(0.50),
        p90: at(0.90),
        p95: at(0.95),
        p99: at(0.99),
        p99_9: at(0.999),
        max: milliseconds(histogram.max() as f64),
    })
}

/// Steps each time the distance to 100 % is halved.
const TICKS_PER_HALVING: u32 = 4;

/// The full spectrum of a histogram of nanoseconds.
pub(super) fn spectrum(histogram: &Histogram<u64>) -> Vec<SpectrumStep> {
    histogram
        .iter_quantiles(TICKS_PER_HALVING)
        .scan(0, |count, step| {
            *count += step.count_since_last_iteration();
            Some(SpectrumStep {
                percentile: (step.quantile_iterated_to() * 1e8).round() / 1e6,
                milliseconds: milliseconds(step.value_iterated_to().min(histogram.max()) as f64),
                count: *count,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_known_histogram() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        assert_eq!(percentiles(&histogram), None);
        assert!(spectrum(&histogram).is_empty());
        (1..=1000u64).for_each(|milliseconds| histogram.record(milliseconds * 1_000_000).unwrap());
        let got = percentiles(&histogram).unwrap();
        for (value, expected) in [
            (got.mean, 500.5),
            (got.p50, 500.0),
            (got.p90, 900.0),
            (got.p99, 990.0),
            (got.p99_9, 999.0),
            (got.max, 1000.0),
        ] {
            assert!((value - expected).abs() <= expected * 1e-3, "{value} {expected}");
        }
        let steps = spectrum(&histogram);
        assert!(
            steps.windows(2).all(|pair| pair[0].milliseconds <= pair[1].milliseconds && pair[0].count <= pair[1].count)
        );
        let last = steps.last().unwrap();
        assert_eq!((last.percentile, last.count), (100.0, 1000));
        assert!((last.milliseconds - 1000.0).abs() <= 1.0);
    }
}
