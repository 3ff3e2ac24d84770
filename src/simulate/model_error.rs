//! Why a model cannot be simulated.

use std::fmt;

/// The most nodes, stores, or tasks of a request: each takes memory before anything has happened.
pub const MOST_NODES: usize = 10_000_000;

/// Why a model cannot be simulated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ModelError {
    /// No rate of arrivals.
    Rate(f64),
    /// No profile.
    Profile,
    /// Recorded gaps of which none is above 0.
    Gaps,
    /// No mean service time.
    Service(f64),
    /// No coefficient of variation.
    Variation(f64),
    /// No measured distribution.
    Steps,
    /// Too few or too many nodes.
    Nodes(usize),
    /// Too few or too many stores.
    Stores(usize),
    /// More tasks than nodes, or none.
    Fork {
        /// Tasks of a request.
        fork: usize,
        /// Nodes.
        nodes: usize,
    },
    /// A server without a thread.
    Threads,
    /// A quota or period that is not above 0.
    Quota,
    /// A share that is none.
    StoreShare(f64),
    /// Threads cannot wait for a store where there is none for each request.
    HeldThreads,
    /// A time that is negative or no number.
    Seconds(&'static str, f64),
    /// A retry budget that is negative or no number.
    RetryBudget(f64),
    /// A death of a node that is not there.
    DeadNode {
        /// Its number, from 1.
        node: usize,
        /// How many there are.
        nodes: usize,
    },
    /// No request, or more than can be counted.
    Requests,
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(rate) => write!(f, "the rate {rate} is not above 0"),
            Self::Profile => {
                write!(f, "a profile needs two points or more: times that rise, rates of 0 or more, one above 0")
            }
            Self::Gaps => write!(f, "the gaps must be 0 or more seconds, and one of them above 0"),
            Self::Service(mean) => write!(f, "the mean service time of {mean} s is not above 0"),
            Self::Variation(cv) => write!(f, "the coefficient of variation {cv} is not 0 or more"),
            Self::Steps => write!(f, "a measured distribution needs times of 0 or more seconds, and one at least"),
            Self::Nodes(nodes) => write!(f, "{nodes} nodes: from 1 to {MOST_NODES} can be simulated"),
            Self::Stores(stores) => write!(f, "{stores} stores: from 1 to {MOST_NODES} can be simulated"),
            Self::Fork { fork, nodes } => {
                write!(
                    f,
                    "a request of {fork} tasks, each on a node of its own, does not fit {nodes} nodes: 1 to {nodes}"
                )
            }
            Self::Threads => write!(f, "a server needs one thread or more"),
            Self::Quota => write!(f, "a quota and its period must be above 0"),
            Self::StoreShare(share) => write!(f, "the share {share} of requests that need a store is not from 0 to 1"),
            Self::HeldThreads => write!(
                f,
                "with processor sharing there is no thread that could wait for the store: use first come first served"
            ),
            Self::Seconds(what, seconds) => write!(f, "the {what} time of {seconds} s is not allowed"),
            Self::RetryBudget(budget) => write!(f, "the retry budget {budget} is not 0 or more"),
            Self::DeadNode { node, nodes } => write!(f, "node {node} cannot die: there are {nodes}, counted from 1"),
            Self::Requests => write!(f, "the number of requests must be above 0 and below 2^64"),
        }
    }
}

impl std::error::Error for ModelError {}
