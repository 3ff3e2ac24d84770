//! One possible truth: runs drawn again, refitted, and what follows from them for each tier.

use super::curve::ThroughputCurve;
use super::error::PlanError;
use super::evidence::ArmEvidence;
use super::goal::Goal;
use super::measurement::StoreMeasurement;
use super::random::Draws;
use super::resample::Resample;
use super::size::{self, Because, CellCapacity};

/// What one draw asks for.
#[derive(Clone, Debug)]
pub struct Draw {
    /// What nodes can do within the objective.
    pub capacity: CellCapacity,
    /// Share of the ceiling that meets the objective.
    pub fraction: f64,
    /// Nodes, and why so many.
    pub nodes: (u32, Because),
    /// What one balancer can do, in requests a second, and how many there must be. `None` where its cost was not measured.
    pub balancers: Option<(f64, u32)>,
    /// The same of the store.
    pub stores: Option<(f64, u32)>,
}

impl Draw {
    /// Draw `number` of the plan. `held`: a size that is taken to be known exactly.
    ///
    /// # Errors
    /// [`PlanError::TooLarge`].
    pub fn of(
        evidence: &ArmEvidence,
        goal: &Goal,
        fraction: f64,
        number: u64,
        held: Option<usize>,
    ) -> Result<Self, PlanError> {
        let resample = Resample::draw(evidence, &mut Draws::new(SEED, number), held);
        let curve = ThroughputCurve::through(&resample.points());
        let capacity = CellCapacity::new(&curve, evidence.cell().nodes, fraction);
        let tier = |ceiling: Option<f64>| match ceiling {
            None => Ok(None),
            Some(ceiling) => size::servers(ceiling, goal).map(|count| Some((ceiling, count))),
        };
        let store = |run: &StoreMeasurement| Some(run.seconds / run.quota_cores.unwrap_or(1.0));
        Ok(Self {
            nodes: size::nodes(&capacity, goal)?,
            balancers: tier(resample.at_busiest(|run| run.balancer_seconds).map(|cost| BALANCER_CORES / cost))?,
            stores: tier(resample.at_busiest(|run| store(run.store.as_ref()?)).map(|cost| 1.0 / cost))?,
            capacity,
            fraction,
        })
    }
}

/// Equal folders and goals give equal plans.
pub const SEED: u64 = 21;
/// A balancer has one core: the products have more threads, but none of this project's configurations uses them.
pub const BALANCER_CORES: f64 = 1.0;
