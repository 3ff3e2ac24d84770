//! Small statistics of repeated measurements.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Repeated measurements of one thing: their middle and their range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// How many.
    pub count: usize,
}

impl Spread {
    /// Of some measurements; `None` of none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (&low, &high) = (sorted.first()?, sorted.last()?);
        Some(Self { median: median_of_sorted(&sorted), low, high, count: sorted.len() })
    }

    /// The range as a percentage of the median; 0 where the median is 0.
    pub fn percent(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { 100.0 * (self.high - self.low) / self.median }
    }
}

/// How one thing compares with another that was measured next to it, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// The geometric mean of the pairs' ratios.
    pub mean: f64,
    /// Its 95 % interval, by Student's t on the logarithms. `None` with fewer than two pairs.
    pub interval_95: Option<[f64; 2]>,
    /// How many pairs.
    pub count: usize,
}

impl Ratio {
    /// Of pairs (measured, reference), all above 0; others are left out. `None` of none.
    pub fn of_pairs(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let positive = |&(measured, reference): &(f64, f64)| measured > 0.0 && reference > 0.0;
        let logarithms: Vec<f64> =
            pairs.into_iter().filter(positive).map(|(measured, reference)| (measured / reference).ln()).collect();
        let count = logarithms.len();
        if count == 0 {
            return None;
        }
        let mean = logarithms.iter().sum::<f64>() / count as f64;
        let interval_95 = t_quantile_95(count - 1).map(|t| {
            let squares: f64 = logarithms.iter().map(|logarithm| (logarithm - mean).powi(2)).sum();
            let error = (squares / (count - 1) as f64 / count as f64).sqrt();
            [(mean - t * error).exp(), (mean + t * error).exp()]
        });
        Some(Self { mean: mean.exp(), interval_95, count })
    }

    /// Whether the interval leaves out 1: then the difference is more than chance.
    pub fn is_distinct(&self) -> bool {
        self.interval_95.is_some_and(|[low, high]| low > 1.0 || high < 1.0)
    }
}

/// The two-sided 95 % quantile of Student's t. `None` without a degree of freedom.
pub fn t_quantile_95(degrees_of_freedom: usize) -> Option<f64> {
    let t = StudentsT::new(0.0, 1.0, degrees_of_freedom as f64).ok()?;
    Some(t.inverse_cdf(0.975))
}

/// The median of rising values; 0 of none.
pub fn median_of_sorted(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[length / 2],
        length => (sorted[length / 2 - 1] + sorted[length / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_of_pairs() {
        let same = Ratio::of_pairs([(80.0, 100.0), (40.0, 50.0), (8.0, 10.0)]).unwrap();
        assert!((same.mean - 0.8).abs() < 1e-12 && same.is_distinct() && same.count == 3);
        // Logarithms -0.1, 0, 0.1: mean 0, standard error 0.1 / sqrt(3), t(2) = 4.303.
        let chance = Ratio::of_pairs([-0.1f64, 0.0, 0.1].map(|logarithm| (logarithm.exp(), 1.0))).unwrap();
        let [low, high] = chance.interval_95.unwrap();
        assert!((high.ln() - 0.2484).abs() < 1e-3 && (low.ln() + 0.2484).abs() < 1e-3, "{low} {high}");
        assert!(!chance.is_distinct());
        let one = Ratio::of_pairs([(2.0, 1.0), (0.0, 1.0)]).unwrap();
        assert_eq!((one.mean, one.interval_95, one.is_distinct()), (2.0, None, false));
        assert_eq!(Ratio::of_pairs([]), None);
    }

    #[test]
    fn middle_and_range() {
        let spread = Spread::of([110.0, 90.0, 100.0]).unwrap();
        assert_eq!((spread.median, spread.low, spread.high, spread.count), (100.0, 90.0, 110.0, 3));
        assert_eq!(spread.percent(), 20.0);
        assert_eq!(Spread::of([1.0, 3.0]).unwrap().median, 2.0);
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN]), None);
    }
}
