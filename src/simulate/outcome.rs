//! What a simulation found, exactly as it is written as JSON. Times are in seconds; `null` is "none", never 0.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::statistics::{Estimate, TimeSummary};

/// Why a try got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestFailure {
    /// The node's queue was full.
    QueueFull,
    /// The client's timeout.
    TimedOut,
    /// The node died while it had the request.
    NodeDied,
    /// The node was dead, and the balancer did not know yet.
    NodeDead,
    /// The balancer knew no living node, or too few for a forked request.
    NoNode,
    /// The store's queue was full.
    StoreFull,
}

impl RequestFailure {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 6] =
        [Self::QueueFull, Self::TimedOut, Self::NodeDied, Self::NodeDead, Self::NoNode, Self::StoreFull];

    /// In words, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::QueueFull => "queue full",
            Self::TimedOut => "timed out",
            Self::NodeDied => "node died",
            Self::NodeDead => "node dead",
            Self::NoNode => "no node",
            Self::StoreFull => "store queue full",
        }
    }
}

/// The result of a simulation. Its figures are of the requests that arrived after the warm-up; each of them was answered or lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimulationOutcome {
    /// Measured requests.
    pub requests: u64,
    /// Those that were answered.
    pub completed: u64,
    /// Those that were not, by why their last try failed.
    pub lost: BTreeMap<RequestFailure, u64>,
    /// Tries of all of them: `requests` when nothing was sent twice.
    pub tries: u64,
    /// Tries that failed, by why.
    pub failed_tries: BTreeMap<RequestFailure, u64>,
    /// Events of the whole run, the warm-up included.
    pub events: u64,
    /// From the first measured arrival to the last.
    pub simulated_seconds: f64,
    /// Measured arrivals a second.
    pub arrivals_per_second: f64,
    /// Of the measured requests, answered a second.
    pub goodput_per_second: f64,
    /// From a request's first try to its answer.
    pub time_in_system: Option<TimeSummary>,
    /// What a task waited at its node: its time there without the work itself.
    pub time_in_queue: Option<TimeSummary>,
    /// What a task waited at its store.
    pub time_in_store_queue: Option<TimeSummary>,
    /// Share of the threads (of the CPU, with processor sharing or a quota) that was used, 0 to 1, over all nodes.
    pub utilization: Option<Estimate>,
    /// Each node.
    pub nodes: Vec<NodeOutcome>,
    /// Each store.
    pub stores: Vec<NodeOutcome>,
    /// Seconds of all nodes, from their order until they were gone.
    pub node_seconds: f64,
    /// The run in slices of equally many arrivals, the warm-up first.
    pub timeline: Vec<Slice>,
}

impl SimulationOutcome {
    /// Requests that were not answered.
    pub fn lost_total(&self) -> u64 {
        self.lost.values().sum()
    }
}

/// What one node, or one store, did after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeOutcome {
    /// Share of its threads or CPU that was used while it was there, 0 to 1.
    pub utilization: f64,
    /// Tasks that it finished, also those that nobody waited for any more.
    pub completed: u64,
    /// With a quota: share of the periods with work in which it was stopped, 0 to 1, over the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<f64>,
}

/// A part of the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Simulated seconds from the start of the warm-up.
    pub begin_seconds: f64,
    /// Its end.
    pub end_seconds: f64,
    /// Whether it is behind the warm-up.
    pub measured: bool,
    /// Requests that arrived.
    pub arrived: u64,
    /// Tries, the first of each request too.
    pub tries: u64,
    /// Requests answered.
    pub completed: u64,
    /// Requests lost.
    pub lost: u64,
    /// Mean time in the system of those answered.
    pub mean_seconds: Option<f64>,
    /// Median.
    pub p50_seconds: Option<f64>,
    /// 99 % took at most this.
    pub p99_seconds: Option<f64>,
    /// Use of all nodes, 0 to 1.
    pub utilization: Option<f64>,
    /// Nodes that the balancer gave requests, at its end.
    pub nodes: usize,
}
