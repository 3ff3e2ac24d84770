//! The node itself: what it counts of its pool, its connections and its requests.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::stats::endpoint::EndpointKind;

/// The node's worker pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolStats {
    /// Threads it has.
    pub threads: u64,
    /// Threads at work, at the sample.
    pub active: u64,
    /// Jobs waiting, at the sample.
    pub queued: u64,
    /// Jobs that may wait.
    pub queue_capacity: u64,
    /// Thread time at work, of the thread time there was: the mean over the window of `active / threads`.
    pub utilization: Option<f64>,
    /// Every thread at work and jobs waiting, at the sample.
    pub saturated: bool,
    /// Time of the window in which that was so.
    pub saturated_percent: Option<f64>,
    /// Time in which that was so since the node started.
    pub saturated_seconds_total: f64,
    /// Thread time at work since the node started.
    pub busy_seconds_total: f64,
    /// Most threads ever at work at once.
    pub peak_active: u64,
    /// Jobs done.
    pub completed_total: u64,
    /// Jobs refused because the queue was full.
    pub rejected_total: u64,
    /// Of them, in this window.
    pub rejected: Option<u64>,
    /// Jobs dropped unrun.
    pub expired_total: u64,
    /// Of them, in this window.
    pub expired: Option<u64>,
    /// Time that jobs waited for a thread.
    pub queue_wait_milliseconds: QueueWait,
}

/// Waiting times, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueWait {
    /// Half waited at most this, over the last minute.
    pub p50: Option<f64>,
    /// 99 in 100 waited at most this, over the last minute.
    pub p99: Option<f64>,
    /// Jobs that a thread took up since the node started, those it then dropped unrun included.
    pub count: u64,
    /// How long they waited together.
    pub sum: f64,
    /// How many of them waited at most how long: each bucket counts those before it as well.
    pub histogram: Vec<Bucket>,
}

/// A bucket of a histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bucket {
    /// Upper bound, in milliseconds.
    pub at_most: f64,
    /// How many waited at most that long.
    pub count: u64,
}

/// The node's client connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionStats {
    /// Open now.
    pub open: u64,
    /// Most ever open at once.
    pub peak: u64,
    /// Accepted since the node started.
    pub accepted_total: u64,
    /// Turned away since the node started.
    pub rejected_total: u64,
    /// Of them, in this window.
    pub rejected: Option<u64>,
    /// Failures to accept one (out of file descriptors or memory) since the node started.
    pub accept_errors_total: u64,
}

/// The node's requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestStats {
    /// Under way now.
    pub in_flight: u64,
    /// Answered since the node started.
    pub total: u64,
    /// Of them, answered with 500 because their handler panicked.
    pub panics_total: u64,
    /// Answered in this window.
    pub per_second: Option<f64>,
    /// Of them, with 4xx or 5xx.
    pub errors_per_second: Option<f64>,
    /// By address.
    pub endpoints: Vec<Endpoint>,
}

/// The requests of one address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// The route.
    pub path: Cow<'static, str>,
    /// What the address is for.
    pub kind: EndpointKind,
    /// Answered since the node started.
    pub count: u64,
    /// Of them, with 4xx or 5xx.
    pub errors: u64,
    /// Response time of the last minute, in milliseconds: median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
}
