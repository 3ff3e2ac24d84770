//! How much of a cluster's ceiling meets the objective.

use serde::Serialize;

use super::curve::ThroughputCurve;
use super::draw::SEED;
use super::error::PlanError;
use super::evidence::ArmEvidence;
use super::goal::Goal;
use super::latency::{LEAST_FRACTION, LatencyModel};
use super::random::Draws;
use super::resample::Resample;
use super::{Effort, resample};
use crate::results::objective::LatencyFigure;

/// Shares of the ceiling that meet the objective, equally likely, and where they are from.
#[derive(Clone, Debug, PartialEq)]
pub struct Usable {
    /// One or more.
    pub fractions: Vec<f64>,
    /// What decided.
    pub source: UsableSource,
}

/// What decided how much of the ceiling is usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UsableSource {
    /// The simulator, at random arrivals.
    Simulated,
    /// The open ladder: it failed below what the simulator allows.
    Ladder,
    /// The open ladder alone, where CPU does not tell the response time.
    LadderAlone,
    /// Nothing that was measured.
    Assumed,
}

/// Where nothing tells how response time grows with load: at 70 % of its ceiling, a single server with random arrivals answers in three
/// to four times its idle time.
const ASSUMED: f64 = 0.7;

impl Usable {
    /// Of the cell, for an objective.
    ///
    /// # Errors
    /// [`PlanError::Unreachable`].
    pub fn of(evidence: &ArmEvidence, goal: &Goal, effort: &Effort) -> Result<Self, PlanError> {
        let ladder = ladder(evidence, goal)?;
        let cell = evidence.cell();
        let one = |number: u64| {
            let resample = Resample::draw(evidence, &mut Draws::new(SEED, number), None);
            let ceiling = ThroughputCurve::through(&resample.points()).throughput(f64::from(cell.nodes));
            let model = LatencyModel::of(evidence, cell.nodes, ceiling, false)?;
            Some(model.usable_fraction(ceiling, &goal.objective, effort.requests, number + 1))
        };
        let simulated: Option<Result<Vec<f64>, f64>> = (0..effort.simulations.max(1)).map(one).collect();
        match (simulated, ladder) {
            (Some(Err(least_milliseconds)), _) => Err(unreachable(goal, LEAST_FRACTION, least_milliseconds)),
            (Some(Ok(fractions)), None) => Ok(Self { fractions, source: UsableSource::Simulated }),
            (Some(Ok(fractions)), Some(most)) => {
                let source = if fractions.iter().any(|fraction| *fraction <= most) {
                    UsableSource::Simulated
                } else {
                    UsableSource::Ladder
                };
                Ok(Self { fractions: fractions.into_iter().map(|fraction| fraction.min(most)).collect(), source })
            }
            (None, Some(most)) => Ok(Self { fractions: vec![most], source: UsableSource::LadderAlone }),
            (None, None) => Ok(Self { fractions: vec![ASSUMED], source: UsableSource::Assumed }),
        }
    }
}

fn unreachable(goal: &Goal, fraction: f64, milliseconds: f64) -> PlanError {
    PlanError::Unreachable { objective: goal.objective.to_string(), fraction, milliseconds }
}

/// The highest share of the ceiling at which the measured ladder met the objective, where it failed beyond. `None` where it did not
/// fail, or was not climbed, or has no such figure.
fn ladder(evidence: &ArmEvidence, goal: &Goal) -> Result<Option<f64>, PlanError> {
    let figure = |point: &super::evidence::OpenPoint| match goal.objective.figure {
        LatencyFigure::P50 => Some(point.p50_milliseconds),
        LatencyFigure::P99 => Some(point.p99_milliseconds),
        other => (other == evidence.plan.objective.figure).then_some(point.objective_milliseconds),
    };
    let known: Vec<(f64, f64)> =
        evidence.open.iter().filter_map(|point| Some((point.rate_per_second, figure(point)?))).collect();
    let Some(failed) = known.iter().position(|(_, milliseconds)| *milliseconds > goal.objective.milliseconds) else {
        return Ok(None);
    };
    let ceiling = resample::rate(evidence.cell());
    match known[..failed].last() {
        Some((rate, _)) => Ok(Some((rate / ceiling).min(1.0))),
        None => Err(unreachable(goal, known[failed].0 / ceiling, known[failed].1)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::results::objective::Objective;

    const EFFORT: Effort = Effort { draws: 20, simulations: 2, requests: 1000 };

    fn goal(milliseconds: f64) -> Goal {
        let objective = Objective { figure: LatencyFigure::P99, milliseconds };
        Goal { rate_per_second: 1000.0, peak_to_mean: 1.0, objective, headroom: 0.3, survive: 1, zones: 1 }
    }

    #[test]
    fn the_simulator_the_ladder_or_a_rule() {
        let plain = sample::evidence(&[(1, 100.0), (2, 200.0), (4, 400.0)], 0.01);
        let simulated = Usable::of(&plain, &goal(250.0), &EFFORT).unwrap();
        assert_eq!((simulated.source, simulated.fractions.len()), (UsableSource::Simulated, 2));
        // A ladder that fails at 60 % of the ceiling is believed before the simulator.
        let ladder = [(0.5, 3.0, 20.0), (0.6, 3.0, 300.0), (0.7, 3.0, 20.0)];
        let measured = Usable::of(&sample::with_ladder(plain.clone(), 400.0, &ladder), &goal(250.0), &EFFORT).unwrap();
        assert_eq!(measured.source, UsableSource::Ladder);
        assert!((measured.fractions[0] - 0.5).abs() < 0.01);
        let mut waiting = plain.clone();
        waiting.sizes.iter_mut().flat_map(|size| &mut size.runs).for_each(|run| run.work.median_seconds = Some(1.0));
        let assumed = Usable::of(&waiting, &goal(250.0), &EFFORT).unwrap();
        assert_eq!((assumed.source, assumed.fractions), (UsableSource::Assumed, vec![ASSUMED]));
        let alone = Usable::of(&sample::with_ladder(waiting, 400.0, &ladder), &goal(250.0), &EFFORT).unwrap();
        assert_eq!(alone.source, UsableSource::LadderAlone);
    }

    #[test]
    fn an_objective_below_the_work_is_refused() {
        let plain = sample::evidence(&[(1, 100.0), (2, 200.0), (4, 400.0)], 0.01);
        let error = Usable::of(&plain, &goal(1.0), &EFFORT).unwrap_err();
        assert!(matches!(error, PlanError::Unreachable { .. }) && error.to_string().contains("--slo"), "{error}");
        let slow = sample::with_ladder(plain, 400.0, &[(0.5, 200.0, 300.0)]);
        assert!(Usable::of(&slow, &goal(250.0), &EFFORT).is_err());
    }
}
