//! A server of the store, as `/stats` tells it.

use serde::{Deserialize, Serialize};

/// One server of the store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreTarget {
    /// `memory`, `sqlite`, `mysql`, `redis` or `memcached`.
    pub kind: String,
    /// Its URL, without user and password.
    pub url: String,
    /// Whether it answered the last time it was asked.
    pub up: bool,
    /// Why it did not.
    pub problem: Option<String>,
    /// `shard` where several servers hold a part of the rows each; `primary` or `replica` where all have the same.
    pub role: Option<String>,
    /// Of a replica: it had every write that was acknowledged so long before it was last asked. Asking takes a moment, so that this
    /// is never quite 0.
    pub lag_milliseconds: Option<f64>,
    /// Connections that may be open at once; 0 where the store is in the node.
    pub connections: u64,
    /// Of them, those that wait for the server, at the sample.
    pub in_use: u64,
    /// Requests waiting for a connection, at the sample.
    pub waiting: u64,
    /// Time of the window in which every connection was in use and requests waited for one.
    pub saturated_percent: Option<f64>,
    /// Time in which that was so since the node started.
    pub saturated_seconds_total: f64,
    /// Time that the server took for an answer, without the wait for a connection.
    pub response_milliseconds: StoreResponse,
    /// Questions without an answer since the node started.
    pub errors_total: u64,
    /// Reads answered since the node started.
    pub reads_total: u64,
    /// Writes answered since the node started, those of sessions included.
    pub writes_total: u64,
    /// Number of the last write that it acknowledged to this node, where it numbers those of all nodes (`redis://`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_write: Option<u64>,
}

/// Response times of the last minute, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreResponse {
    /// Half took at most this.
    pub p50: Option<f64>,
    /// 99 in 100 took at most this.
    pub p99: Option<f64>,
}
