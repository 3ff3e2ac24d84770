//! How well sizes followed a load that changes: against each other, against the smallest fixed size that would have held, and
//! against one that knows the load. Pure functions of a results folder.

pub mod capacity;
pub mod figures;
mod simulated;
pub mod text;
pub mod timeline;
pub mod verdict;

use serde::Serialize;

use super::analysis::Point;
use super::invalid;
use super::spanish;
use crate::autoscale::elasticity::{self, Curve, Elasticity, Resolution, SpeedupBound};
use crate::design::Text;
use crate::results::arm::Arm;
use crate::results::folder::Results;
use crate::results::number::percent;
use crate::results::plan::{Ladder, PlannedProfile};
use crate::results::run::Run;
use crate::results::scaling::Scaling;
use crate::results::statistics::Spread;
use capacity::Capacity;
use timeline::Second;

/// What a load that changes told of each arm.
#[derive(Clone, Debug, Serialize)]
pub struct Followed {
    /// The load.
    pub profile: PlannedProfile,
    /// What so many units hold.
    pub capacity: Capacity,
    /// Units times seconds of a size that knows the load: the fewest units of each second that hold the objective.
    pub least_unit_seconds: f64,
    /// The smallest fixed size that would have held the objective all the time.
    pub smallest_units: u32,
    /// What that would have cost, in units times seconds.
    pub smallest_unit_seconds: f64,
    /// The arms, in the plan's order.
    pub arms: Vec<FollowedArm>,
}

/// One arm: figures of several runs are medians, counts of requests are sums.
#[derive(Clone, Debug, Serialize)]
pub struct FollowedArm {
    /// Its name.
    pub arm: String,
    /// What sentences call it.
    pub label: Text,
    /// True: it has no autoscaler.
    pub fixed: bool,
    /// Runs behind the figures.
    pub runs: usize,
    /// Length of the load, in seconds.
    pub seconds: f64,
    /// Seconds in which the objective was missed or a request failed.
    pub seconds_outside: f64,
    /// Requests of all runs.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Units times seconds that were paid, those that started and drained among them.
    pub unit_seconds: f64,
    /// The same by the simulation of this autoscaler. `None` for a fixed size, or where it cannot be simulated.
    pub simulated_unit_seconds: Option<f64>,
    /// How often the number of ready units changed.
    pub changes: f64,
    /// How well supply followed demand; of several runs the mean.
    pub elasticity: Option<Elasticity>,
    /// Elastic speedup over the smallest fixed size. `None` for that one, or where there is none.
    pub speedup: Option<f64>,
    /// How it is to be read.
    pub speedup_bound: Option<SpeedupBound>,
    /// Whether all runs are valid.
    pub valid: bool,
    /// Why not.
    pub reasons: Vec<Text>,
    /// What is shown second by second: the last run.
    #[serde(skip)]
    pub timeline: Vec<Second>,
    /// Its decisions and notices.
    #[serde(skip)]
    pub scaling: Scaling,
}

impl Followed {
    /// `None` for an experiment without such a load, or before the ceilings and a run of it were measured.
    pub fn of(results: &Results, points: &[Point]) -> Option<Self> {
        let plan = &results.manifest.plan;
        let profile = plan.profile?;
        let capacity = Capacity::of(results, points)?;
        let arms: Vec<FollowedArm> =
            plan.arms.iter().filter_map(|arm| FollowedArm::of(results, arm, &capacity)).collect();
        let needed: Vec<u32> = arms.first()?.timeline.iter().map(|second| second.needed).collect();
        let smallest_units = needed.iter().copied().max()?;
        let mut followed = Self {
            profile,
            capacity,
            least_unit_seconds: needed.iter().map(|units| f64::from(*units)).sum(),
            smallest_units,
            smallest_unit_seconds: f64::from(smallest_units) * needed.len() as f64,
            arms,
        };
        followed.compare();
        Some(followed)
    }

    /// The speedups over the smallest fixed size.
    fn compare(&mut self) {
        let Some(smallest) = self.smallest_fixed() else { return };
        let (name, baseline, most) = (smallest.arm.clone(), smallest.elasticity, f64::from(self.smallest_units));
        let (runs, length) = (smallest.runs, smallest.seconds);
        for arm in self.arms.iter_mut().filter(|arm| arm.arm != name) {
            // Figures are means: of two runs each second counts half.
            let seconds = length * runs.min(arm.runs) as f64;
            let speedup = Resolution::of_seconds(seconds, most)
                .zip(baseline.zip(arm.elasticity))
                .and_then(|(resolution, (baseline, own))| elasticity::speedup(&baseline, &own, resolution));
            arm.speedup = speedup.map(|speedup| speedup.value);
            arm.speedup_bound = speedup.map(|speedup| speedup.bound);
        }
    }

    /// The fixed arm that costs least.
    pub fn smallest_fixed(&self) -> Option<&FollowedArm> {
        let fixed = self.arms.iter().filter(|arm| arm.fixed);
        fixed.min_by(|a, b| a.unit_seconds.total_cmp(&b.unit_seconds))
    }

    /// The fixed arm that costs most.
    pub fn largest_fixed(&self) -> Option<&FollowedArm> {
        let fixed = self.arms.iter().filter(|arm| arm.fixed);
        fixed.max_by(|a, b| a.unit_seconds.total_cmp(&b.unit_seconds))
    }

    /// What an arm cost, in percent of the largest fixed size.
    pub fn percent_of_largest(&self, arm: &FollowedArm) -> Option<f64> {
        let largest = self.largest_fixed()?.unit_seconds;
        (largest > 0.0).then(|| 100.0 * arm.unit_seconds / largest)
    }

    /// The same in percent of the least that was possible.
    pub fn percent_of_least(&self, arm: &FollowedArm) -> Option<f64> {
        (self.least_unit_seconds > 0.0).then(|| 100.0 * arm.unit_seconds / self.least_unit_seconds)
    }
}

impl FollowedArm {
    fn of(results: &Results, arm: &Arm, capacity: &Capacity) -> Option<Self> {
        let plan = &results.manifest.plan;
        let of_arm = |run: &&Run| run.point.arm == arm.name && run.level.ladder() == Ladder::Profile;
        let all: Vec<&Run> = results.runs.iter().filter(of_arm).collect();
        let runs: Vec<&Run> = timeline::settled(&all);
        let (last, scaling) = runs.iter().rev().find_map(|run| Some((*run, run.scaling.clone()?)))?;
        let timelines: Vec<Vec<Second>> =
            runs.iter().map(|run| timeline::seconds(run, capacity, plan.objective)).collect();
        let outside = |seconds: &Vec<Second>| seconds.iter().filter(|second| second.is_outside()).count() as f64;
        let paid = |run: &&Run| Some(run.scaling.as_ref()?.unit_seconds(run.load.duration_seconds));
        Some(Self {
            arm: arm.name.clone(),
            label: spanish::label(plan, &arm.name),
            fixed: arm.is_fixed(),
            runs: runs.len(),
            seconds: last.load.duration_seconds,
            seconds_outside: Spread::of(timelines.iter().map(outside))?.median,
            requests: runs.iter().map(|run| run.load.requests_total).sum(),
            failed: runs.iter().map(|run| run.load.requests_total - run.load.requests_ok).sum(),
            unit_seconds: Spread::of(runs.iter().filter_map(paid))?.median,
            simulated_unit_seconds: simulated::unit_seconds(results, arm, last),
            changes: Spread::of(runs.iter().filter_map(|run| Some(run.scaling.as_ref()?.changes() as f64)))?.median,
            elasticity: mean(runs.iter().zip(&timelines).filter_map(|(run, seconds)| judged(run, seconds))),
            speedup: None,
            speedup_bound: None,
            valid: runs.iter().all(|run| run.verdict.valid),
            reasons: runs.iter().flat_map(|run| invalid::reasons(run)).collect(),
            timeline: timelines.into_iter().last()?,
            scaling,
        })
    }

    /// Requests that failed, in percent, as a table shows it.
    pub fn failed_words(&self) -> String {
        match self.failed {
            0 => "0".to_owned(),
            failed => format!("{failed} ({} %)", percent(100.0 * failed as f64 / self.requests.max(1) as f64)),
        }
    }
}

/// Directions of supply and demand are compared over so many seconds: about what a change takes.
const DIRECTION_SECONDS: f64 = 2.0;

/// Supply against demand over a run. `None` where the run ended at once.
fn judged(run: &Run, seconds: &[Second]) -> Option<Elasticity> {
    let demand = Curve::new(seconds.iter().map(|second| (second.at, f64::from(second.needed))).collect()).ok()?;
    let mut steps: Vec<(f64, f64)> = Vec::new();
    for step in &run.scaling.as_ref()?.supply {
        // Of several steps at one moment the last counts.
        steps.retain(|(at, _)| *at < step.at_seconds);
        steps.push((step.at_seconds, f64::from(step.ready)));
    }
    let supply = Curve::new(steps).ok()?;
    elasticity::judge(&demand, &supply, 0.0, run.load.duration_seconds, DIRECTION_SECONDS).ok()
}

fn mean(all: impl Iterator<Item = Elasticity>) -> Option<Elasticity> {
    let all: Vec<Elasticity> = all.collect();
    let mean = |of: fn(&Elasticity) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    let known =
        |of: fn(&Elasticity) -> Option<f64>| all.iter().map(of).sum::<Option<f64>>().map(|sum| sum / all.len() as f64);
    (!all.is_empty()).then(|| Elasticity {
        under_accuracy: mean(|one| one.under_accuracy),
        over_accuracy: mean(|one| one.over_accuracy),
        under_accuracy_normalized: known(|one| one.under_accuracy_normalized),
        over_accuracy_normalized: known(|one| one.over_accuracy_normalized),
        under_time_share: mean(|one| one.under_time_share),
        over_time_share: mean(|one| one.over_time_share),
        jitter: mean(|one| one.jitter),
        instability: mean(|one| one.instability),
    })
}

#[cfg(test)]
mod tests;
