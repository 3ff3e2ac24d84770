//! How many of each tier: arithmetic on plain figures.

use serde::Serialize;

use super::curve::ThroughputCurve;
use super::error::PlanError;
use super::goal::Goal;

/// What nodes can do within the objective: cells of one size, side by side, and the rest as the curve has it.
#[derive(Clone, Debug)]
pub struct CellCapacity {
    /// Requests a second of 0, 1, … nodes of a cell.
    cell: Vec<f64>,
}

impl CellCapacity {
    /// Cells of `nodes`, of which `fraction` of the ceiling meets the objective. A node more is never taken for less.
    pub fn new(curve: &ThroughputCurve, nodes: u32, fraction: f64) -> Self {
        let mut cell = vec![0.0];
        for n in 1..=nodes.max(1) {
            let most = cell.last().copied().unwrap_or(0.0);
            cell.push(f64::max(most, fraction * curve.throughput(f64::from(n))));
        }
        Self { cell }
    }

    /// Nodes of a whole cell.
    pub fn cell_nodes(&self) -> u32 {
        self.cell.len() as u32 - 1
    }

    /// Requests a second of a whole cell.
    pub fn cell_per_second(&self) -> f64 {
        self.cell[self.cell.len() - 1]
    }

    /// Requests a second of so many nodes.
    pub fn per_second(&self, nodes: u32) -> f64 {
        let (cells, rest) = (nodes / self.cell_nodes(), nodes % self.cell_nodes());
        f64::from(cells) * self.cell_per_second() + self.cell[rest as usize]
    }
}

/// Why there are as many nodes as there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Because {
    /// With fewer, less than the headroom would stay unused.
    Headroom,
    /// With fewer, those that are left after failures and during a restart could not carry the peak.
    Failures,
}

/// The fewest nodes that reach the goal.
///
/// # Errors
/// [`PlanError::TooLarge`] where more are needed than can be counted.
pub fn nodes(capacity: &CellCapacity, goal: &Goal) -> Result<(u32, Because), PlanError> {
    let peak = goal.peak_per_second();
    let roomy = |nodes: u32| (1.0 - goal.headroom) * capacity.per_second(nodes) >= peak;
    let safe = |nodes: u32| capacity.per_second(nodes - goal.away(nodes)) >= peak;
    let (by_headroom, by_failures) = (fewest(roomy)?, fewest(safe)?);
    Ok(if by_failures > by_headroom { (by_failures, Because::Failures) } else { (by_headroom, Because::Headroom) })
}

/// The least number from 1 that is enough. What is enough stays enough with more, but for steps of one.
fn fewest(enough: impl Fn(u32) -> bool) -> Result<u32, PlanError> {
    let mut most = 1u32;
    while !enough(most) {
        most = most.checked_mul(2).ok_or(PlanError::TooLarge)?;
    }
    let mut least = most / 2;
    while most - least > 1 {
        let middle = least + (most - least) / 2;
        if enough(middle) {
            most = middle;
        } else {
            least = middle;
        }
    }
    Ok(most)
}

/// A single server of a tier is planned to be used up to here: at random arrivals a request then waits four times its own work (M/M/1).
pub const TIER_USE: f64 = 0.8;

/// Balancers, or stores, of which each can do `per_second` at most. One more where one may fail; a lost zone takes its share.
///
/// # Errors
/// As [`nodes`].
pub fn servers(per_second: f64, goal: &Goal) -> Result<u32, PlanError> {
    let peak = goal.peak_per_second();
    let usable = TIER_USE * per_second;
    let away = |count: u32| {
        let zone = if goal.zones > 1 { count.div_ceil(goal.zones) } else { 0 };
        zone.max(goal.survive.min(1)).min(count)
    };
    fewest(|count| {
        (1.0 - goal.headroom) * usable * f64::from(count) >= peak && usable * f64::from(count - away(count)) >= peak
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::objective::{LatencyFigure, Objective};

    fn goal(rate_per_second: f64, headroom: f64, survive: u32, zones: u32) -> Goal {
        let objective = Objective { figure: LatencyFigure::P99, milliseconds: 250.0 };
        Goal { rate_per_second, peak_to_mean: 1.0, objective, headroom, survive, zones }
    }

    /// 100 a second for one node, 360 for four.
    fn capacity() -> CellCapacity {
        CellCapacity::new(&ThroughputCurve::Straight(vec![(1.0, 100.0), (4.0, 90.0)]), 4, 1.0)
    }

    #[test]
    fn cells_stand_side_by_side() {
        let capacity = capacity();
        for (nodes, per_second) in [(0, 0.0), (1, 100.0), (4, 360.0), (5, 460.0), (8, 720.0), (4_000_000, 3.6e8)] {
            assert!((capacity.per_second(nodes) - per_second).abs() < 1e-6, "{nodes}");
        }
        // A cluster that loses throughput with its last node: it is not counted.
        let bent = CellCapacity::new(&ThroughputCurve::Straight(vec![(1.0, 100.0), (2.0, 90.0), (3.0, 50.0)]), 3, 0.5);
        assert_eq!((bent.per_second(3), bent.cell_nodes()), (90.0, 3));
    }

    #[test]
    fn nodes_for_a_goal() {
        for (rate, headroom, survive, zones, expected, because) in [
            // One restarts, none may die: 4 + 1.
            (360.0, 0.0, 0, 1, 5, Because::Failures),
            (360.0, 0.0, 1, 1, 6, Because::Failures),
            (360.0, 0.0, 2, 1, 7, Because::Failures),
            // 360 of at least 720 are used.
            (360.0, 0.5, 1, 1, 8, Because::Headroom),
            // A third of n, and one that restarts, are away.
            (360.0, 0.0, 1, 3, 8, Because::Failures),
            (36_000.0, 0.0, 1, 1, 406, Because::Failures),
            (36_000.0, 0.3, 1, 1, 572, Because::Headroom),
            (9e6, 0.0, 1, 1, 101_012, Because::Failures),
        ] {
            let found = nodes(&capacity(), &goal(rate, headroom, survive, zones));
            assert_eq!(found, Ok((expected, because)), "{rate} {headroom} {survive} {zones}");
        }
        assert_eq!(nodes(&capacity(), &goal(1e15, 0.0, 0, 1)), Err(PlanError::TooLarge));
    }

    #[test]
    fn servers_of_a_tier() {
        for (rate, headroom, survive, zones, expected) in [
            (700.0, 0.0, 0, 1, 1),
            (700.0, 0.0, 1, 1, 2),
            (700.0, 0.0, 3, 1, 2),
            (801.0, 0.0, 0, 1, 2),
            (800.0, 0.5, 0, 1, 2),
            (8000.0, 0.0, 1, 1, 11),
            (8000.0, 0.0, 0, 3, 15),
        ] {
            assert_eq!(
                servers(1000.0, &goal(rate, headroom, survive, zones)),
                Ok(expected),
                "{rate} {headroom} {survive} {zones}"
            );
        }
    }
}
