//! Small statistics of repeated measurements.

use serde::Serialize;

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
    fn middle_and_range() {
        let spread = Spread::of([110.0, 90.0, 100.0]).unwrap();
        assert_eq!((spread.median, spread.low, spread.high, spread.count), (100.0, 90.0, 110.0, 3));
        assert_eq!(spread.percent(), 20.0);
        assert_eq!(Spread::of([1.0, 3.0]).unwrap().median, 2.0);
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN]), None);
    }
}
