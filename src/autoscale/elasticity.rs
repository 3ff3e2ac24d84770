//! How well the supply of nodes followed the demand for them.
//!
//! Source: N. Herbst et al., *Ready for Rain? A View from SPEC Research on the Future of Cloud Metrics*, SPEC-RG-2016-01;
//! N. Herbst, S. Kounev, R. Reussner, *Elasticity in Cloud Computing: What It Is, and What It Is Not*, ICAC 2013.
//! Demand is the fewest nodes that hold the objective at the load of that moment. Shares are 0 to 1 (the paper prints
//! percent); times are seconds.

use serde::Serialize;

/// A number of units over time, which holds from each moment to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve(Vec<(f64, f64)>);

impl Curve {
    /// A curve from its steps: moments in seconds, rising, each with a number of units that is not negative.
    ///
    /// # Errors
    /// What is wrong with the steps.
    pub fn new(steps: Vec<(f64, f64)>) -> Result<Self, String> {
        if steps.is_empty() {
            return Err("a curve needs at least one step".to_owned());
        }
        if let Some((at, units)) =
            steps.iter().find(|(at, units)| !at.is_finite() || !units.is_finite() || *units < 0.0)
        {
            return Err(format!("{units} units at {at} s: both must be numbers, and the units not negative"));
        }
        if let Some(pair) = steps.windows(2).find(|pair| pair[1].0 <= pair[0].0) {
            return Err(format!("the step at {} s does not come after the one at {} s", pair[1].0, pair[0].0));
        }
        Ok(Self(steps))
    }

    /// The units at a moment; before the first step, those of the first.
    pub fn at(&self, moment: f64) -> f64 {
        let after = self.0.partition_point(|(at, _)| *at <= moment);
        self.0[after.saturating_sub(1)].1
    }

    /// Units times seconds between two moments.
    pub fn unit_seconds(&self, start: f64, end: f64) -> f64 {
        pieces(&[self], start, end).iter().map(|(from, to)| self.at(*from) * (to - from)).sum()
    }

    /// All that it moved after `start` and up to `end`, both ways.
    fn moved(&self, start: f64, end: f64) -> f64 {
        let steps = self.0.windows(2).filter(|pair| pair[1].0 > start && pair[1].0 <= end);
        steps.map(|pair| (pair[1].1 - pair[0].1).abs()).sum()
    }
}

/// The figures of one curve of supply against one of demand.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Elasticity {
    /// Under-provisioning: units that were missing, on average over the time.
    pub under_accuracy: f64,
    /// Over-provisioning: units that were too many, on average over the time.
    pub over_accuracy: f64,
    /// The same by the demand of each moment. `None` where there was a moment of no demand.
    pub under_accuracy_normalized: Option<f64>,
    /// Likewise of what was too much.
    pub over_accuracy_normalized: Option<f64>,
    /// Share of the time in which units were missing.
    pub under_time_share: f64,
    /// Share of the time in which there were too many.
    pub over_time_share: f64,
    /// Changes of the supply less changes of the demand, in units a second: above 0 it moves more than it must.
    pub jitter: f64,
    /// Share of the time in which supply and demand do not move in the same direction.
    pub instability: f64,
}

/// Judges `supply` against `demand` from `start` to `end`, with the directions of both taken every `step` seconds.
///
/// # Errors
/// When the end does not come after the start, or the step is not above 0.
pub fn judge(demand: &Curve, supply: &Curve, start: f64, end: f64, step: f64) -> Result<Elasticity, String> {
    if !(end > start && step > 0.0 && (end - start).is_finite()) {
        return Err(format!("nothing to judge from {start} s to {end} s in steps of {step} s"));
    }
    let time = end - start;
    let pieces = pieces(&[demand, supply], start, end);
    let mean = |of: &dyn Fn(f64, f64) -> f64| {
        let sum: f64 = pieces.iter().map(|(from, to)| of(demand.at(*from), supply.at(*from)) * (to - from)).sum();
        sum / time
    };
    let always_demanded = pieces.iter().all(|(from, _)| demand.at(*from) > 0.0);
    let normalized = |of: &dyn Fn(f64, f64) -> f64| always_demanded.then(|| mean(of));
    Ok(Elasticity {
        under_accuracy: mean(&|demand, supply| (demand - supply).max(0.0)),
        over_accuracy: mean(&|demand, supply| (supply - demand).max(0.0)),
        under_accuracy_normalized: normalized(&|demand, supply| (demand - supply).max(0.0) / demand),
        over_accuracy_normalized: normalized(&|demand, supply| (supply - demand).max(0.0) / demand),
        under_time_share: mean(&|demand, supply| f64::from(demand > supply)),
        over_time_share: mean(&|demand, supply| f64::from(supply > demand)),
        jitter: (supply.moved(start, end) - demand.moved(start, end)) / time,
        instability: instability(demand, supply, start, end, step),
    })
}

/// The smallest figures that a run can tell from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolution {
    /// Of a normalized accuracy.
    pub accuracy: f64,
    /// Of a share of the time.
    pub time_share: f64,
}

impl Resolution {
    /// Of figures over `seconds` that were taken every second, at a demand of up to `most_units` units: one unit for one second,
    /// and one second. `None` where there is no time or no demand.
    pub fn of_seconds(seconds: f64, most_units: f64) -> Option<Self> {
        let known = seconds > 0.0 && most_units > 0.0;
        known.then(|| Self { accuracy: 1.0 / (seconds * most_units), time_share: 1.0 / seconds })
    }
}

/// How a speedup is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeedupBound {
    /// All figures were above what the run can tell from 0.
    Exact,
    /// A figure of the scaled system was 0: it is at least so much better.
    AtLeast,
    /// A figure of the baseline was 0: it is at most so much better.
    AtMost,
    /// Both happened, in different figures.
    Rough,
}

/// How many times better one system follows its demand than another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speedup {
    /// Above 1: better.
    pub value: f64,
    /// How to read it.
    pub bound: SpeedupBound,
}

/// Elastic speedup (SPEC-RG-2016-01, the metrics of elasticity): how many times better `scaled` follows its demand than
/// `baseline` does, as the geometric mean of four ratios,
/// `(θU,base / θU · θO,base / θO · τU,base / τU · τO,base / τO) ^ 1/4`, with the normalized accuracies θ and the time shares τ.
///
/// The formula has no value where a figure is 0: a good autoscaler never lacks a unit, and a small fixed size never has one too
/// many. Here a figure below `resolution` counts as that, and the bound says what follows; where both figures of a ratio lie
/// below it, the ratio is 1. `None` where a normalized accuracy is not known.
pub fn speedup(baseline: &Elasticity, scaled: &Elasticity, resolution: Resolution) -> Option<Speedup> {
    let Resolution { accuracy, time_share } = resolution;
    let figures = |of: &Elasticity| {
        Some([
            (of.under_accuracy_normalized?, accuracy),
            (of.over_accuracy_normalized?, accuracy),
            (of.under_time_share, time_share),
            (of.over_time_share, time_share),
        ])
    };
    let (mut product, mut at_least, mut at_most) = (1.0, false, false);
    for ((baseline, least), (scaled, _)) in figures(baseline)?.into_iter().zip(figures(scaled)?) {
        product *= baseline.max(least) / scaled.max(least);
        at_least |= scaled < least && baseline >= least;
        at_most |= baseline < least && scaled >= least;
    }
    let bound = match (at_least, at_most) {
        (false, false) => SpeedupBound::Exact,
        (true, false) => SpeedupBound::AtLeast,
        (false, true) => SpeedupBound::AtMost,
        (true, true) => SpeedupBound::Rough,
    };
    Some(Speedup { value: f64::powf(product, 0.25), bound })
}

/// `min(|sgn d' - sgn s'|, 1)` over the time.
fn instability(demand: &Curve, supply: &Curve, start: f64, end: f64, step: f64) -> f64 {
    let steps = ((end - start) / step).ceil() as u64;
    let moment = |number: u64| (start + number as f64 * step).min(end);
    let direction = |curve: &Curve, number: u64| curve.at(moment(number + 1)).total_cmp(&curve.at(moment(number)));
    let apart = |number: &u64| direction(demand, *number) != direction(supply, *number);
    let seconds: f64 = (0..steps).filter(apart).map(|number| moment(number + 1) - moment(number)).sum();
    seconds / (end - start)
}

/// The times between `start` and `end` in which none of the curves moves.
fn pieces(curves: &[&Curve], start: f64, end: f64) -> Vec<(f64, f64)> {
    let inside = curves.iter().flat_map(|curve| &curve.0).map(|(at, _)| *at).filter(|at| *at > start && *at < end);
    let mut moments: Vec<f64> = std::iter::once(start).chain(inside).chain(std::iter::once(end)).collect();
    moments.sort_by(f64::total_cmp);
    moments.dedup();
    moments.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(steps: &[(f64, f64)]) -> Curve {
        Curve::new(steps.to_vec()).unwrap()
    }

    /// Demand, supply; then under and over accuracy, the same normalized, time shares, jitter, instability of 10 s in
    /// steps of 1 s.
    type Row = (&'static [(f64, f64)], &'static [(f64, f64)], [f64; 8]);

    const ROWS: &[Row] = &[
        // Supply is demand.
        (&[(0.0, 2.0), (5.0, 4.0)], &[(0.0, 2.0), (5.0, 4.0)], [0.0; 8]),
        // Half of what is needed, all the time.
        (&[(0.0, 4.0)], &[(0.0, 2.0)], [2.0, 0.0, 0.5, 0.0, 1.0, 0.0, 0.0, 0.0]),
        // Three times what is needed, all the time.
        (&[(0.0, 2.0)], &[(0.0, 6.0)], [0.0, 4.0, 0.0, 2.0, 0.0, 1.0, 0.0, 0.0]),
        // It follows 2 s late: 2 of 4 are missing for 2 s, and in two steps one moves and the other does not.
        (&[(0.0, 2.0), (5.0, 4.0)], &[(0.0, 2.0), (7.0, 4.0)], [0.4, 0.0, 0.1, 0.0, 0.2, 0.0, 0.0, 0.2]),
        // Demand falls, supply rises, in the same step.
        (&[(0.0, 4.0), (5.0, 2.0)], &[(0.0, 4.0), (5.0, 6.0)], [0.0, 2.0, 0.0, 1.0, 0.0, 0.5, 0.0, 0.1]),
        // Supply oscillates by 1 around a constant demand: 4 changes in 10 s, too many of them.
        (
            &[(0.0, 2.0)],
            &[(0.0, 2.0), (2.0, 3.0), (4.0, 2.0), (6.0, 3.0), (8.0, 2.0)],
            [0.0, 0.4, 0.0, 0.2, 0.0, 0.4, 0.4, 0.4],
        ),
        // Supply does not move although demand does, up and down by 3: jitter is below 0.
        (&[(0.0, 1.0), (3.0, 4.0), (6.0, 1.0)], &[(0.0, 2.0)], [0.6, 0.7, 0.15, 0.7, 0.3, 0.7, -0.6, 0.2]),
    ];

    #[test]
    fn figures() {
        for (number, (demand, supply, expected)) in ROWS.iter().enumerate() {
            let found = judge(&curve(demand), &curve(supply), 0.0, 10.0, 1.0).unwrap();
            let found = [
                found.under_accuracy,
                found.over_accuracy,
                found.under_accuracy_normalized.unwrap(),
                found.over_accuracy_normalized.unwrap(),
                found.under_time_share,
                found.over_time_share,
                found.jitter,
                found.instability,
            ];
            for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert!((found - expected).abs() < 1e-12, "row {number}, figure {place}: {found} is not {expected}");
            }
        }
    }

    #[test]
    fn no_demand_has_no_share_of_it() {
        let none = judge(&curve(&[(0.0, 0.0)]), &curve(&[(0.0, 2.0)]), 0.0, 10.0, 1.0).unwrap();
        assert_eq!((none.over_accuracy, none.over_accuracy_normalized), (2.0, None));
    }

    #[test]
    fn a_part_of_the_time() {
        let supply = curve(&[(0.0, 2.0), (5.0, 4.0)]);
        assert_eq!(supply.unit_seconds(0.0, 10.0), 30.0);
        assert_eq!(supply.unit_seconds(4.0, 6.0), 6.0);
        let late = judge(&curve(&[(0.0, 4.0)]), &supply, 4.0, 6.0, 0.5).unwrap();
        assert_eq!((late.under_accuracy, late.jitter, late.instability), (1.0, 1.0, 0.25));
    }

    /// Normalized accuracies and time shares: under, over; under, over.
    fn figures_of([under, over, share_under, share_over]: [f64; 4]) -> Elasticity {
        Elasticity {
            under_accuracy: 0.0,
            over_accuracy: 0.0,
            under_accuracy_normalized: Some(under),
            over_accuracy_normalized: Some(over),
            under_time_share: share_under,
            over_time_share: share_over,
            jitter: 0.0,
            instability: 0.0,
        }
    }

    #[test]
    fn elastic_speedup() {
        // 100 s at up to 4 units.
        let resolution = Resolution::of_seconds(100.0, 4.0).unwrap();
        assert_eq!(resolution, Resolution { accuracy: 0.0025, time_share: 0.01 });
        for (baseline, scaled, value, bound) in [
            ([0.4, 0.8, 0.4, 0.5], [0.4, 0.8, 0.4, 0.5], 1.0, SpeedupBound::Exact),
            // 2 · 4 · 2 · 1 = 16.
            ([0.4, 0.8, 0.4, 0.5], [0.2, 0.2, 0.2, 0.5], 2.0, SpeedupBound::Exact),
            // 0.5 · 0.5 · 0.5 · 0.5.
            ([0.4, 0.8, 0.4, 0.5], [0.8, 1.6, 0.8, 1.0], 0.5, SpeedupBound::Exact),
            // It never lacks a unit: 0.4 / 0.0025 · 1 · 0.4 / 0.01 · 1 = 6400.
            ([0.4, 0.8, 0.4, 0.5], [0.0, 0.8, 0.0, 0.5], 6400_f64.powf(0.25), SpeedupBound::AtLeast),
            // The baseline never has one too many: 1 · 0.0025 / 0.25 · 1 · 0.01 / 1 = 0.0001.
            ([0.4, 0.0, 0.4, 0.0], [0.4, 0.25, 0.4, 1.0], 0.1, SpeedupBound::AtMost),
            // Neither has: only the other two ratios count, 4 · 4.
            ([0.4, 0.0, 0.4, 0.0], [0.1, 0.0, 0.1, 0.0], 2.0, SpeedupBound::Exact),
            // One never has too many, the other never too few: 160 · 0.01 · 40 · 0.01.
            ([0.4, 0.0, 0.4, 0.0], [0.0, 0.25, 0.0, 1.0], 0.64_f64.powf(0.25), SpeedupBound::Rough),
        ] {
            let found = speedup(&figures_of(baseline), &figures_of(scaled), resolution).unwrap();
            assert!((found.value - value).abs() < 1e-9, "{baseline:?} {scaled:?}: {} is not {value}", found.value);
            assert_eq!(found.bound, bound, "{baseline:?} {scaled:?}");
        }
        let known = figures_of([0.1; 4]);
        let unknown = Elasticity { over_accuracy_normalized: None, ..known };
        assert_eq!(speedup(&known, &unknown, resolution), None);
        assert_eq!((Resolution::of_seconds(0.0, 4.0), Resolution::of_seconds(10.0, 0.0)), (None, None));
    }

    #[test]
    fn what_is_no_curve() {
        for steps in [vec![], vec![(0.0, 1.0), (0.0, 2.0)], vec![(1.0, 1.0), (0.0, 2.0)], vec![(0.0, -1.0)]] {
            assert!(Curve::new(steps.clone()).is_err(), "{steps:?}");
        }
        let flat = curve(&[(0.0, 1.0)]);
        for (start, end, step) in [(0.0, 0.0, 1.0), (5.0, 4.0, 1.0), (0.0, 5.0, 0.0), (0.0, f64::INFINITY, 1.0)] {
            assert!(judge(&flat, &flat, start, end, step).is_err(), "{start} {end} {step}");
        }
    }
}
