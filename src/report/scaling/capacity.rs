//! What so many units hold, from the ceilings and response times of the fixed sizes.

use serde::Serialize;

use crate::report::analysis::Point;
use crate::results::folder::Results;
use crate::results::plan::Ladder;

/// Requests a second that a number of units holds within the objective: measured at the fixed sizes, straight between them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Capacity {
    /// Units, and requests a second; rising in units.
    measured: Vec<(f64, f64)>,
}

impl Capacity {
    /// From the fixed arms that were measured: the highest rate that met the objective, or the ceiling where no rates were
    /// offered. `None` where there is no such arm, or none of known size.
    pub fn of(results: &Results, points: &[Point]) -> Option<Self> {
        let fixed = results.manifest.plan.arms.iter().filter(|arm| arm.is_fixed());
        let measured = fixed.filter_map(|arm| {
            let point = points.iter().find(|point| point.key.arm == arm.name)?;
            let profile =
                |run: &&crate::results::run::Run| run.point.arm == arm.name && run.level.ladder() == Ladder::Profile;
            let units = results.runs.iter().filter(profile).find_map(|run| run.scaling.as_ref()?.at(0.0))?.ready;
            let held = point.objective.last_success_per_second;
            let held = if point.latency.is_empty() { Some(point.ceiling_per_second.median) } else { held };
            Some((f64::from(units), held?))
        });
        Self::new(measured.collect())
    }

    /// From units and requests a second. `None` without a point above 0.
    pub fn new(mut measured: Vec<(f64, f64)>) -> Option<Self> {
        measured.retain(|(units, rate)| *units > 0.0 && *rate > 0.0);
        // Of two arms of one size, the lower.
        measured.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        measured.dedup_by(|later, first| later.0 == first.0);
        (!measured.is_empty()).then_some(Self { measured })
    }

    /// Requests a second that `units` hold. Below the smallest measured size, and above the largest, in proportion to it.
    pub fn per_second(&self, units: f64) -> f64 {
        let after = self.measured.partition_point(|(measured, _)| *measured < units);
        match (after.checked_sub(1).map(|before| self.measured[before]), self.measured.get(after)) {
            (Some((low, rate)), Some((high, above))) => rate + (above - rate) * (units - low) / (high - low),
            (Some((measured, rate)), None) | (None, Some(&(measured, rate))) => rate * units / measured,
            (None, None) => 0.0,
        }
    }

    /// The fewest units that hold a rate, at least one.
    pub fn needed(&self, rate: f64) -> u32 {
        let most = self.measured.last().map_or(1.0, |(units, held)| (units * (rate / held).max(1.0)).ceil() + 1.0);
        (1..=most as u32).find(|units| self.per_second(f64::from(*units)) >= rate).unwrap_or(most as u32)
    }

    /// Requests a second of one unit, as the largest measured size has it.
    pub fn of_a_unit(&self) -> f64 {
        self.measured.last().map_or(0.0, |(units, rate)| rate / units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_between_what_was_measured() {
        let capacity = Capacity::new(vec![(8.0, 560.0), (2.0, 200.0), (2.0, 180.0)]).unwrap();
        for (units, rate) in [(1.0, 90.0), (2.0, 180.0), (5.0, 370.0), (8.0, 560.0), (16.0, 1120.0)] {
            assert!((capacity.per_second(units) - rate).abs() < 1e-9, "{units}: {}", capacity.per_second(units));
        }
        for (rate, units) in [(0.0, 1), (90.0, 1), (91.0, 2), (180.0, 2), (181.0, 3), (560.0, 8), (561.0, 9)] {
            assert_eq!(capacity.needed(rate), units, "{rate}/s");
        }
        assert_eq!(capacity.of_a_unit(), 70.0);
        assert_eq!(Capacity::new(vec![(0.0, 10.0), (2.0, 0.0)]), None);
    }
}
