//! From what was measured to a size for another load: nodes, balancers and stores, each with its interval and its class.
//!
//! | file | what it does |
//! | --- | --- |
//! | `goal` | the load, and what must hold under it |
//! | `evidence`, `measurement` | what a results folder tells, of one arm and of one run |
//! | `resample`, `random` | whole runs, drawn again |
//! | `curve` | throughput over nodes, as far as it was measured |
//! | `latency`, `usable` | response times on the simulator; how much of the ceiling meets the objective |
//! | `size` | how many of each tier |
//! | `draw` | one possible truth: all of this once |
//! | `planner` | many draws together |
//! | `proposal` | the plan as plain data |
//! | `limits`, `advice`, `assumptions` | what gives way first; what would narrow the plan; what it takes for granted |
//! | `check` | predictions from the small sizes against what was measured |
//! | `text`, `bars`, `chart`, `page` | the plan for a terminal and for a browser |
//! | `figure`, `error` | a figure with its class; why there is no plan |

pub mod advice;
pub mod assumptions;
mod bars;
pub mod chart;
pub mod check;
pub mod curve;
pub mod draw;
pub mod error;
pub mod evidence;
pub mod figure;
pub mod goal;
pub mod latency;
pub mod limits;
pub mod measurement;
pub mod page;
pub mod planner;
pub mod proposal;
pub mod random;
pub mod resample;
#[cfg(test)]
mod sample;
pub mod size;
pub mod text;
pub mod usable;

/// How much is computed: more makes the ends of the intervals steadier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Times that the runs are drawn again and refitted.
    pub draws: u64,
    /// Of these, how many are simulated.
    pub simulations: u64,
    /// Requests of each simulated load.
    pub requests: u64,
}

impl Effort {
    /// About a second on one core.
    pub const SHORT: Self = Self { draws: 200, simulations: 12, requests: 10_000 };
}

impl Default for Effort {
    /// Some seconds on one core.
    fn default() -> Self {
        Self { draws: 500, simulations: 24, requests: 20_000 }
    }
}
