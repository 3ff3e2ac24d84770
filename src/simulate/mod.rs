//! Discrete events: arrivals, a balancer, nodes with queues, stores, clients that try again. Knows no clock and no file.
//!
//! ```
//! use webapp::simulate::{Model, Service, simulate};
//! // M/M/1 at 80 %: on average a request spends 1 / (1 - 0.8) = 5 service times in the system.
//! let outcome = simulate(&Model::new(0.8, Service::Exponential { mean: 1.0 }, 1, 200_000))?;
//! let mean = outcome.time_in_system.unwrap().mean;
//! assert!((mean.value - 5.0).abs() < 0.5 && mean.interval_95.is_some());
//! # Ok::<(), webapp::simulate::SimulationError>(())
//! ```
//!
//! | file | what it does |
//! | --- | --- |
//! | `model` | the system and the load, as plain data |
//! | `engine` | the loop: what comes first happens |
//! | `engine/client`, `fleet`, `usage` | parts of the engine: retries; starts, deaths and orders; what was used |
//! | `arrivals`, `service`, `random` | when requests come, how long they take, from one seed |
//! | `balancer`, `connections` | who gets a request |
//! | `tier`, `shared`, `task` | servers with their queues; processor sharing and quotas; requests and tasks |
//! | `heap`, `event` | what is to come |
//! | `memory` | hints to the machine: cache lines ahead of their use, large pages |
//! | `error` | why a run gave no result |
//! | `recorder`, `statistics`, `outcome` | what happened, with intervals |
//! | `controller` | an autoscaler on the simulated clock |

mod arrivals;
mod balancer;
mod connections;
mod controller;
mod engine;
mod error;
mod event;
mod heap;
mod memory;
mod model;
mod model_error;
mod outcome;
mod random;
mod recorder;
mod service;
mod shared;
mod statistics;
mod task;
mod tier;

pub use arrivals::{ArrivalProcess, RateProfile};
pub use controller::{ControlSample, Controller, LifeState, Orders, SimulatedNode};
pub use error::SimulationError;
pub use model::{ClientModel, Death, Discipline, Policy, SimulatedQuota, SimulatedServer, StoreModel, SystemModel};
pub use model_error::{MOST_NODES, ModelError};
pub use outcome::{NodeOutcome, RequestFailure, SimulationOutcome, Slice};
pub use service::{DistributionStep, ServiceTime, Steps};
pub use statistics::{Estimate, TimeSummary};

/// Simulates a model: equal models give equal outcomes.
///
/// # Errors
/// [`SimulationError`] when the model makes no sense, or when its queues grow beyond the memory.
pub fn simulate(model: &SystemModel) -> Result<SimulationOutcome, SimulationError> {
    engine::SimulationEngine::new(model, None)?.run()
}

/// The same, with a controller that changes the number of nodes.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_with(
    model: &SystemModel,
    controller: &mut dyn Controller,
) -> Result<SimulationOutcome, SimulationError> {
    engine::SimulationEngine::new(model, Some(controller))?.run()
}
