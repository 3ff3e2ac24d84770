//! The plan as plain data: what is said for a goal.

use serde::Serialize;

use super::advice::Advice;
use super::check::Check;
use super::figure::Figure;
use super::goal::Goal;
use super::limits::TierLimit;
use super::size::Because;
use super::usable::UsableSource;
use crate::design::Text;

/// A size for a goal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CapacityPlan {
    /// What was asked for.
    pub goal: Goal,
    /// Requests a second at the busiest moment.
    pub peak_per_second: f64,
    /// The arm that it is planned from.
    pub arm: String,
    /// Nodes of a cell: the largest size at which the nodes were the limit.
    pub cell_nodes: u32,
    /// CPU that a node may use, in cores. `None` without a limit.
    pub node_cores: Option<f64>,
    /// Share of the ceiling that meets the objective.
    pub usable_fraction: Figure,
    /// Where that is from.
    pub usable_source: UsableSource,
    /// Nodes of the whole system.
    pub nodes: Figure,
    /// Why so many.
    pub because: Because,
    /// `None` where no balancer was measured.
    pub balancers: Option<Figure>,
    /// `None` where the nodes share no store that was measured.
    pub stores: Option<Figure>,
    /// Where one of each tier gives way, the lowest first.
    pub limits: Vec<TierLimit>,
    /// `None` without prices.
    pub cost: Option<PlannedCost>,
    /// What would narrow it, the most useful first.
    pub advice: Vec<Advice>,
    /// What it takes for granted.
    pub assumes: Vec<Text>,
    /// What it cannot know from these runs.
    pub cannot_know: Vec<Text>,
    /// What so many nodes can do at most, from one to beyond the plan.
    pub curve: Vec<CurvePoint>,
    /// What was measured at each size.
    pub measured: Vec<MeasuredSize>,
    /// Predictions from the small sizes, against what was measured. `None` where there is nothing to check.
    pub check: Option<Check>,
}

/// What it costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedCost {
    /// Name of the currency.
    pub currency: String,
    /// All machines, an hour.
    pub per_hour: Figure,
    /// For each million requests at the average rate.
    pub per_million: Figure,
    /// Where the prices are from.
    pub about: Text,
}

/// Throughput of so many nodes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Nodes.
    pub nodes: u32,
    /// The most they can do, in requests a second.
    pub per_second: Figure,
}

/// A size that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MeasuredSize {
    /// Nodes.
    pub nodes: u32,
    /// The middle of its runs, requests a second.
    pub per_second: f64,
    /// Whether the nodes were the limit.
    pub nodes_were_the_limit: bool,
}
