//! Why a simulation ends without a result.

use std::fmt;

use super::model_error::ModelError;

/// Why a run gave no result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SimulationError {
    /// The model cannot be simulated.
    Model(ModelError),
    /// More waited than fits: the load is above what the system can do, and its queues have no limit.
    Overflow {
        /// How many waited.
        waiting: u32,
        /// Simulated seconds until then.
        seconds: f64,
    },
}

impl fmt::Display for SimulationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(error) => write!(f, "{error}"),
            Self::Overflow { waiting, seconds } => write!(
                f,
                "after {seconds:.0} simulated seconds {waiting} tasks wait, and no end: the system cannot do this load. \
                 Lower the rate, add nodes, or limit the queue"
            ),
        }
    }
}

impl std::error::Error for SimulationError {}

impl From<ModelError> for SimulationError {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}
