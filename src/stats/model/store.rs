//! The node's store: its connections as a resource, and how long the store takes to answer.

use serde::{Deserialize, Serialize};

use crate::stats::store_target::{StoreResponse, StoreTarget};

use super::node::QueueWait;

/// The store's part of `/stats`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreStats {
    /// The servers.
    pub targets: Vec<StoreTarget>,
    /// Connections that may be open at once; 0 where the store is in the node.
    pub connections: u64,
    /// Of them, those that wait for the store, at the sample.
    pub in_use: u64,
    /// Requests waiting for a connection, at the sample.
    pub waiting: u64,
    /// Connection time in use, of the connection time there was.
    pub utilization: Option<f64>,
    /// Time of the window in which every connection to a server was in use and requests waited for one: of the server with the most.
    pub saturated_percent: Option<f64>,
    /// Time in which that was so since the node started.
    pub saturated_seconds_total: f64,
    /// Connection time in use since the node started.
    pub busy_seconds_total: f64,
    /// Time that requests waited for a connection.
    pub queue_wait_milliseconds: QueueWait,
    /// Time that the store took for an answer, without the wait for a connection.
    pub response_milliseconds: StoreResponse,
    /// Of the time from asking for a connection to the answer, the part that the store took, over the window.
    pub response_percent: Option<f64>,
    /// Questions without an answer since the node started.
    pub errors_total: u64,
    /// Of them, in this window.
    pub errors: Option<u64>,
    /// Questions refused because too many waited for a connection, since the node started.
    pub rejected_total: u64,
    /// Of them, in this window.
    pub rejected: Option<u64>,
    /// Reads answered since the node started.
    pub reads_total: u64,
    /// Writes answered since the node started, those of sessions included.
    pub writes_total: u64,
    /// Which list of its shards the node follows: one higher with each change. Absent where it is told of none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}
