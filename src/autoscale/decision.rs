//! A decision and its reason, as a person reads it.

use std::fmt;

use super::config::{Metric, Rules, Select};
use super::proposal::Proposal;

/// What stopped a size from being what the windows left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeBound {
    /// Nothing.
    None,
    /// The policies of its direction.
    Policy,
    /// The smallest size.
    Min,
    /// The largest size.
    Max,
}

/// How many nodes there shall be, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The size before.
    pub size: u32,
    /// The size that there shall be.
    pub wanted: u32,
    /// What the metrics wanted, before windows and policies: the history's next entry. `None` where they said nothing.
    pub proposed: Option<u32>,
    /// Why.
    pub reason: DecisionReason,
}

/// Why a size was chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum DecisionReason {
    /// The cluster has no nodes: somebody switched it off.
    Off,
    /// The size lay outside the limits, whatever the metrics say.
    Outside(SizeLimit),
    /// No metric could be read.
    Unreadable(Vec<Metric>),
    /// A metric could not be read, and the others want fewer nodes.
    Blocked {
        /// The metrics that could not be read.
        unreadable: Vec<Metric>,
        /// The largest of the other proposals.
        proposal: Proposal,
    },
    /// The metrics decided.
    Metrics {
        /// The largest proposal.
        proposal: Proposal,
        /// The metrics that could not be read.
        unreadable: Vec<Metric>,
        /// What the windows left, where that is not the proposal.
        stabilized: Option<Stabilized>,
        /// What held the size, where something did.
        held: Option<HeldBy>,
    },
}

/// The smallest or the largest size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeLimit {
    /// The smallest.
    Min(u32),
    /// The largest.
    Max(u32),
}

/// A window's say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stabilized {
    /// The size that it leaves.
    pub size: u32,
    /// Its length.
    pub window_seconds: f64,
    /// It is the one for growing.
    pub up: bool,
}

/// What held the size.
#[derive(Clone, Debug, PartialEq)]
pub enum HeldBy {
    /// The policies for this direction, and by how much they let the size change.
    Policy {
        /// The change that they allowed now.
        change: i64,
        /// They forbid this direction.
        disabled: bool,
        /// The policies, as they were written.
        policies: String,
    },
    /// The smallest or largest size.
    Limit(SizeLimit),
}

impl HeldBy {
    /// What held a size back that was to change from `size` and now becomes `wanted`.
    pub(super) fn by(bound: SizeBound, rules: &Rules, size: u32, wanted: u32) -> Option<Self> {
        match bound {
            SizeBound::None => None,
            SizeBound::Min => Some(Self::Limit(SizeLimit::Min(wanted))),
            SizeBound::Max => Some(Self::Limit(SizeLimit::Max(wanted))),
            SizeBound::Policy => Some(Self::Policy {
                change: i64::from(wanted) - i64::from(size),
                disabled: rules.select == Select::Disabled,
                policies: rules.policies.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            }),
        }
    }
}

impl fmt::Display for SizeLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Min(size) => write!(formatter, "the smallest size, {size}"),
            Self::Max(size) => write!(formatter, "the largest size, {size}"),
        }
    }
}

impl fmt::Display for HeldBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(formatter, "held to {limit}"),
            Self::Policy { disabled: true, .. } => write!(formatter, "this direction is disabled"),
            Self::Policy { change: 0, policies, .. } => {
                write!(formatter, "held: the policy {policies} is used up for now")
            }
            Self::Policy { change, policies, .. } => {
                write!(formatter, "held to {change:+} a period (policy {policies})")
            }
        }
    }
}

impl fmt::Display for Stabilized {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, window_seconds, up } = self;
        let direction = if *up { "growing" } else { "shrinking" };
        write!(formatter, "{size} by the window of {window_seconds} s for {direction}")
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (metric, target) = (self.target.metric, self.target.value);
        write!(formatter, "{} {}{}", metric.name(), short(self.value), metric.unit())?;
        if metric == Metric::Cpu && self.value >= 99.0 {
            write!(formatter, " (all of the quota: the need may be larger than it shows)")?;
        }
        if let Some(adjusted) = self.adjusted {
            write!(formatter, " ({} with the nodes that start or gave no sample)", short(adjusted))?;
        }
        write!(formatter, ", target {}, wanted {}", short(target), self.wanted)
    }
}

impl fmt::Display for DecisionReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => write!(formatter, "the cluster has no nodes, so scaling is off; start one to switch it on"),
            Self::Outside(limit) => write!(formatter, "the size was outside {limit}"),
            Self::Unreadable(metrics) => write!(formatter, "no node gave a sample of {}: size kept", names(metrics)),
            Self::Blocked { unreadable, proposal } => {
                write!(formatter, "{proposal}, but no fewer while no node gives a sample of {}", names(unreadable))
            }
            Self::Metrics { proposal, unreadable, stabilized, held } => {
                write!(formatter, "{proposal}")?;
                if let Some(stabilized) = stabilized {
                    write!(formatter, ", {stabilized}")?;
                }
                if let Some(held) = held {
                    write!(formatter, ", {held}")?;
                }
                if !unreadable.is_empty() {
                    write!(formatter, "; no node gave a sample of {}", names(unreadable))?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} -> {}: {}", self.size, self.wanted, self.reason)
    }
}

fn names(metrics: &[Metric]) -> String {
    metrics.iter().map(|metric| metric.name()).collect::<Vec<_>>().join(" or ")
}

/// At most one decimal, and two below 1.
fn short(value: f64) -> String {
    let scale = if value.abs() < 1.0 { 100.0 } else { 10.0 };
    format!("{}", (value * scale).round() / scale)
}
