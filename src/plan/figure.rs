//! A figure of a plan: never without its interval and its class.

use serde::Serialize;

use crate::design::Text;
use crate::results::number::plain;

/// How far a figure is from what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Within what was measured.
    Measured,
    /// Beyond it, up to twice as far.
    Predicted,
    /// Farther: what would be if nothing else came in between.
    Scenario,
}

/// Up to so many times what was measured, a figure is a prediction.
pub const PREDICTED_TO: f64 = 2.0;

impl Class {
    /// Of a size, or a rate, where the largest measured one is `measured_to`.
    pub fn of(at: f64, measured_to: f64) -> Self {
        // What was read back from a decimal number may be off in the last digit.
        let within = |most: f64| at <= most * (1.0 + 1e-9);
        if within(measured_to) {
            Self::Measured
        } else if within(PREDICTED_TO * measured_to) {
            Self::Predicted
        } else {
            Self::Scenario
        }
    }

    /// As it is printed.
    pub fn name(self) -> Text {
        match self {
            Self::Measured => Text::new("measured", "medido"),
            Self::Predicted => Text::new("predicted", "predicho"),
            Self::Scenario => Text::new("scenario", "hipotético"),
        }
    }
}

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// The middle of what was simulated.
    pub value: f64,
    /// From the 2.5 % to the 97.5 % quantile.
    pub interval_95: [f64; 2],
    /// How far it is from what was measured.
    pub class: Class,
}

impl Figure {
    /// Of equally likely values; `None` of none.
    pub fn of(values: &[f64], class: Class) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| quantile(&sorted, share);
        Some(Self { value: at(0.5)?, interval_95: [at(0.025)?, at(0.975)?], class })
    }

    /// The same of whole things: each end is one of the values.
    pub fn of_counts(values: &[u32], class: Class) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let at = |share: f64| {
            let index = (share * sorted.len() as f64).floor() as usize;
            sorted.get(index.min(sorted.len().saturating_sub(1))).map(|count| f64::from(*count))
        };
        Some(Self { value: at(0.5)?, interval_95: [at(0.025)?, at(0.975)?], class })
    }

    /// The width of the interval as a share of the value.
    pub fn relative_width(&self) -> f64 {
        if self.value == 0.0 { 0.0 } else { (self.interval_95[1] - self.interval_95[0]) / self.value }
    }
}

/// Linear between the neighbours; `None` of no values.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    Some(if part == 0.0 { low } else { low + part * (high - low) })
}

/// A whole number: `12`, `12,345`.
pub fn plain_count(value: f64) -> String {
    if value < 100.0 { format!("{value:.0}") } else { plain(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_by_distance() {
        for (at, class) in [
            (1.0, Class::Measured),
            (4.0, Class::Measured),
            (4.1, Class::Predicted),
            (8.0, Class::Predicted),
            (8.1, Class::Scenario),
            (1e6, Class::Scenario),
        ] {
            assert_eq!(Class::of(at, 4.0), class, "{at}");
        }
        assert!(Class::Measured < Class::Predicted && Class::Predicted < Class::Scenario);
    }

    #[test]
    fn figures_of_draws() {
        let values: Vec<f64> = (0..=1000).rev().map(f64::from).collect();
        let figure = Figure::of(&values, Class::Predicted).unwrap();
        assert_eq!((figure.value, figure.interval_95), (500.0, [25.0, 975.0]));
        assert!((figure.relative_width() - 1.9).abs() < 1e-12);
        let counts = Figure::of_counts(&[3, 3, 4, 4, 9], Class::Measured).unwrap();
        assert_eq!((counts.value, counts.interval_95), (4.0, [3.0, 9.0]));
        assert_eq!(Figure::of(&[], Class::Measured), None);
        assert_eq!(Figure::of(&[f64::NAN], Class::Measured), None);
        assert_eq!(Figure::of_counts(&[], Class::Measured), None);
    }
}
