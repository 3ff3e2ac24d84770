//! The two topologies, as the arms of a plan.

use std::fmt;

use serde::Serialize;

use super::analysis::Point;
use crate::results::arm::{PointKey, Scale};
use crate::results::plan::Plan;

/// How the units of CPU are given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// One big node has all units.
    Vertical,
    /// A node each unit, behind a balancer.
    Horizontal,
}

impl Topology {
    /// The name of its arm.
    pub fn arm(self) -> &'static str {
        match self {
            Self::Vertical => "vertical",
            Self::Horizontal => "horizontal",
        }
    }

    /// Its point with so many units.
    pub fn at(self, units: u32) -> PointKey {
        PointKey::new(self.arm(), units)
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.arm())
    }
}

impl Point {
    /// The topology that its arm is.
    pub fn topology(&self) -> Topology {
        if self.key.arm == Topology::Vertical.arm() { Topology::Vertical } else { Topology::Horizontal }
    }

    /// Its units of CPU.
    pub fn units(&self) -> u32 {
        self.key.scale.whole().unwrap_or(1)
    }
}

/// The whole numbers among `scales`.
pub fn units(scales: &[Scale]) -> impl Iterator<Item = u32> + '_ {
    scales.iter().filter_map(Scale::whole)
}

/// Most units of any point.
pub fn most_units(plan: &Plan) -> u32 {
    units(&plan.scales).max().unwrap_or(1)
}
