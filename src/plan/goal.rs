//! What shall be planned for.

use serde::Serialize;

use super::error::PlanError;
use crate::results::objective::Objective;

/// The load, and what must hold under it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Goal {
    /// Requests a second, on average.
    pub rate_per_second: f64,
    /// The busiest moment over the average.
    pub peak_to_mean: f64,
    /// What counts as good enough.
    pub objective: Objective,
    /// Share of what meets the objective that stays unused at the peak, while nothing is broken.
    pub headroom: f64,
    /// Nodes that may die at the peak.
    pub survive: u32,
    /// Zones that the nodes are spread over evenly, one of which may be lost at the peak; 1 is none.
    pub zones: u32,
}

/// A rolling restart takes one node in so many away at a time, and one at least.
const RESTARTED_AT_ONCE: u32 = 100;

/// Stays unused at the peak, where nothing else is said.
const USUAL_HEADROOM: f64 = 0.3;

impl Goal {
    /// A steady load, 30 % to spare, and one node that may die: what `webapp plan` takes where nothing else is said.
    pub fn usual(rate_per_second: f64, objective: Objective) -> Self {
        Self { rate_per_second, peak_to_mean: 1.0, objective, headroom: USUAL_HEADROOM, survive: 1, zones: 1 }
    }

    /// Requests a second at the busiest moment.
    pub fn peak_per_second(&self) -> f64 {
        self.rate_per_second * self.peak_to_mean
    }

    /// Nodes of `nodes` that may be away at the same time: those that died, and those that a rolling restart takes away. The
    /// loss of a zone and the death of single nodes are not expected on one day: the worse of the two counts.
    pub fn away(&self, nodes: u32) -> u32 {
        let zone = if self.zones > 1 { nodes.div_ceil(self.zones) } else { 0 };
        self.survive.max(zone).saturating_add(nodes.div_ceil(RESTARTED_AT_ONCE)).min(nodes)
    }

    /// # Errors
    /// [`PlanError::Goal`] with the number that cannot be used.
    pub fn check(&self) -> Result<(), PlanError> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let wrong = |what| Err(PlanError::Goal(what));
        match () {
            () if !positive(self.rate_per_second) => wrong("--rate must be above 0: requests a second, on average"),
            () if !(positive(self.peak_to_mean) && self.peak_to_mean >= 1.0) => {
                wrong("--peak-to-mean must be 1 or more: the busiest moment over the average")
            }
            () if !(0.0..1.0).contains(&self.headroom) => wrong("--headroom must be from 0 to below 100 %"),
            () if !positive(self.objective.milliseconds) => wrong("--slo must be above 0, for instance p99=250ms"),
            () if self.zones == 0 => wrong("--zones must be 1 or more"),
            () => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::objective::LatencyFigure;

    fn goal() -> Goal {
        Goal {
            rate_per_second: 1000.0,
            peak_to_mean: 3.0,
            objective: Objective { figure: LatencyFigure::P99, milliseconds: 250.0 },
            headroom: 0.3,
            survive: 1,
            zones: 1,
        }
    }

    #[test]
    fn who_may_be_away() {
        for (survive, zones, nodes, away) in [
            (0, 1, 10, 1),
            (1, 1, 10, 2),
            (2, 1, 150, 4),
            (1, 3, 10, 5),
            (9, 3, 10, 10),
            (0, 2, 2, 2),
            (1, 1, 1000, 11),
        ] {
            assert_eq!(Goal { survive, zones, ..goal() }.away(nodes), away, "{survive} {zones} {nodes}");
        }
        assert_eq!(goal().peak_per_second(), 3000.0);
    }

    #[test]
    fn wrong_goals_are_refused() {
        assert_eq!(goal().check(), Ok(()));
        for (wrong, word) in [
            (Goal { rate_per_second: 0.0, ..goal() }, "--rate"),
            (Goal { rate_per_second: f64::NAN, ..goal() }, "--rate"),
            (Goal { peak_to_mean: 0.5, ..goal() }, "--peak-to-mean"),
            (Goal { headroom: 1.0, ..goal() }, "--headroom"),
            (Goal { zones: 0, ..goal() }, "--zones"),
        ] {
            assert!(wrong.check().unwrap_err().to_string().contains(word), "{wrong:?}");
        }
    }
}
