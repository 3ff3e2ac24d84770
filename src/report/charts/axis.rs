//! From values to places along an axis, and which values are written there.

/// One axis of a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Value at its begin.
    pub low: f64,
    /// Value at its end.
    pub high: f64,
    /// True: it grows by factors.
    pub log: bool,
}

impl Axis {
    /// Where a value stands, from 0 to 1; what lies outside stands at the end.
    pub fn place(&self, value: f64) -> f64 {
        let (low, high) = (self.low, self.high);
        let share = if self.log {
            (value.max(f64::MIN_POSITIVE) / low).ln() / (high / low).ln()
        } else {
            (value - low) / (high - low)
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Values to write along it, at most about `most`, rising; whole ones alone where `whole`.
    pub fn ticks(&self, most: usize, whole: bool) -> Vec<f64> {
        if self.log { self.factors(most) } else { self.steps(most, whole) }
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    fn steps(&self, most: usize, whole: bool) -> Vec<f64> {
        let rough = (self.high - self.low) / most.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let nice = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
        let step = nice.unwrap_or(10.0 * power).max(if whole { 1.0 } else { 0.0 });
        if !(step.is_finite() && step > 0.0) {
            return vec![self.low];
        }
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (first..=last.min(first + 50)).map(|number| number as f64 * step).collect()
    }

    /// Powers of ten, with 2 and 5 times of them where there is room.
    fn factors(&self, most: usize) -> Vec<f64> {
        let powers = |factors: &[f64]| {
            let (from, to) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
            let all = (from..=to).flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)));
            all.filter(|value| (self.low..=self.high).contains(value)).collect::<Vec<_>>()
        };
        let fine = powers(&[1.0, 2.0, 5.0]);
        if fine.len() <= most { fine } else { powers(&[1.0]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let linear = |low, high, whole| Axis { low, high, log: false }.ticks(5, whole);
        assert_eq!(linear(0.0, 620.0, false), [0.0, 200.0, 400.0, 600.0]);
        assert_eq!(linear(0.9, 4.1, true), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(linear(1.0, 1.5, true), [1.0], "no halves");
        let log = |low, high| Axis { low, high, log: true }.ticks(6, false);
        assert_eq!(log(2.5, 1200.0), [10.0, 100.0, 1000.0]);
        assert_eq!(log(8.0, 60.0), [10.0, 20.0, 50.0]);
    }

    #[test]
    fn places_are_within_the_chart() {
        let axis = Axis { low: 1.0, high: 100.0, log: true };
        assert_eq!([0.0, 1.0, 10.0, 100.0, 1e9].map(|value| axis.place(value)), [0.0, 0.0, 0.5, 1.0, 1.0]);
        assert_eq!(axis.place(f64::NAN), 0.0);
        assert_eq!(Axis { low: 0.0, high: 8.0, log: false }.place(2.0), 0.25);
    }
}
