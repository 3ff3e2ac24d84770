//! A load that changes, and the arms that follow it.

use std::ops::Range;

use toml::Spanned;

use super::super::Sizes;
use super::super::file::ProfileTable;
use super::{Checked, Checker};
use crate::results::arm::Arm;
use crate::results::objective::Objective;
use crate::results::profile::Shape;

/// Highest rate of the load, as a share of the highest ceiling: the largest size then holds it with some room.
const PEAK: f64 = 0.75;

impl Checker<'_> {
    pub(super) fn profile(&self, profile: Spanned<ProfileTable>, arms: &[Arm]) -> Checked<(Shape, f64)> {
        let at = profile.span();
        let profile = profile.into_inner();
        let shapes = Shape::ALL.map(Shape::name);
        let shape = self.one_of(profile.shape, "shape", &shapes)?.and_then(Shape::named);
        let shape = shape.ok_or_else(|| {
            self.error(&at, format!("the profile has no shape; write shape = \"day\" (or {})", shapes[1..].join(", ")))
        })?;
        if let Some(arm) = arms.iter().find(|arm| arm.target.is_some()) {
            return Err(self.error(
                &at,
                format!(
                    "the arm {} runs already, so nobody knows how many units it has; leave [profile] out",
                    arm.name
                ),
            ));
        }
        self.ensure(arms.iter().any(Arm::is_fixed), &at, || {
            "every arm has an autoscaler; add one of fixed size, whose ceiling says how high the load shall be"
                .to_owned()
        })?;
        Ok((shape, self.within(profile.peak, 0.05..=2.0, "peak")?.unwrap_or(PEAK)))
    }

    /// Seconds have two figures of their response times.
    pub(super) fn objective_of_seconds(&self, at: &Range<usize>, objective: Objective) -> Checked<()> {
        self.ensure(objective.is_of_seconds(), at, || {
            format!(
                "with a [profile] the objective is of p50 or p99, the figures of each second, not of {}",
                objective.figure.name()
            )
        })
    }

    /// Without a load that changes there is nothing to follow.
    pub(super) fn no_profile(&self, at: &Range<usize>, arms: &[Arm]) -> Checked<()> {
        match arms.iter().find(|arm| !arm.is_fixed()) {
            None => Ok(()),
            Some(arm) => Err(self.error(
                at,
                format!(
                    "the arm {} has an autoscaler, but the load does not change; add [profile] with a shape",
                    arm.name
                ),
            )),
        }
    }

    /// Each arm meets the load once a block: a scale has no place.
    pub(super) fn one_step(&self, at: &Range<usize>, sizes: [&Sizes; 2]) -> Checked<()> {
        self.ensure(sizes.iter().all(|sizes| sizes.scales.len() == 1), at, || {
            "with a [profile] the scale has one step: say the sizes in the arms".to_owned()
        })
    }
}
