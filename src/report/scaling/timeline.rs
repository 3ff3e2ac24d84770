//! A run second by second: load, size, and whether the objective held.

use super::capacity::Capacity;
use crate::results::load::TimelineSecond;
use crate::results::objective::{LatencyFigure, Objective};
use crate::results::run::Run;
use crate::results::scaling::{Scaling, Supply};

/// One second of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Second {
    /// When it began.
    pub at: f64,
    /// Requests that were due.
    pub offered: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// The figure that the objective bounds, in milliseconds. `None` where nothing was answered.
    pub milliseconds: Option<f64>,
    /// Whether it was within the objective; true where nothing was answered.
    pub in_time: bool,
    /// The fewest units that hold the objective at this load.
    pub needed: u32,
    /// Units that were there in its middle.
    pub supply: Supply,
    /// Requests a second that the ready ones hold.
    pub capacity: f64,
    /// Units that were wanted.
    pub wanted: u32,
}

impl Second {
    /// Whether a user had reason to complain.
    pub fn is_outside(&self) -> bool {
        self.failed > 0 || !self.in_time
    }
}

/// The runs whose figures count: of each block the last that was measured, and where some are valid, those.
pub fn settled<'a>(runs: &[&'a Run]) -> Vec<&'a Run> {
    let valid: Vec<&Run> = runs.iter().copied().filter(|run| run.verdict.valid).collect();
    if valid.is_empty() { runs.to_vec() } else { valid }
}

/// The seconds of a run.
pub fn seconds(run: &Run, capacity: &Capacity, objective: Objective) -> Vec<Second> {
    let Some(scaling) = &run.scaling else { return Vec::new() };
    let length = run.load.duration_seconds;
    let whole = run.load.timeline.iter().filter(|second| (second.second as f64) < length);
    whole.map(|second| one(second, run, scaling, capacity, objective)).collect()
}

fn one(second: &TimelineSecond, run: &Run, scaling: &Scaling, capacity: &Capacity, objective: Objective) -> Second {
    let at = second.second as f64;
    let milliseconds = match objective.figure {
        LatencyFigure::P50 => second.p50_milliseconds,
        LatencyFigure::Mean
        | LatencyFigure::P90
        | LatencyFigure::P95
        | LatencyFigure::P99
        | LatencyFigure::P999
        | LatencyFigure::Max => second.p99_milliseconds,
    };
    let supply = scaling.at(at + 0.5).copied().unwrap_or_default();
    let before = scaling.decisions.partition_point(|decision| decision.at_seconds <= at + 0.5);
    let wanted = before.checked_sub(1).map(|last| scaling.decisions[last].wanted);
    Second {
        at,
        offered: second.offered,
        failed: second.errors.values().sum(),
        milliseconds,
        in_time: milliseconds.is_none_or(|milliseconds| milliseconds <= objective.milliseconds),
        needed: capacity.needed(rate(run, at + 0.5).unwrap_or(second.offered as f64)),
        capacity: capacity.per_second(f64::from(supply.ready)),
        wanted: wanted.unwrap_or(supply.ready),
        supply,
    }
}

/// The rate that was meant at a moment, from the points of the load.
fn rate(run: &Run, seconds: f64) -> Option<f64> {
    let points = run.load.profile.as_ref()?;
    let after = points.partition_point(|(at, _)| *at <= seconds);
    let (from, to) = (points.get(after.checked_sub(1)?)?, points.get(after)?);
    Some(from.1 + (to.1 - from.1) * (seconds - from.0) / (to.0 - from.0))
}
