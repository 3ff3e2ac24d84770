//! The node's cache: what it spared, and what it holds.

use serde::{Deserialize, Serialize};

/// The cache's part of `/stats`; every figure is `null` or 0 where the node has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CacheStats {
    /// `memory`, `redis` or `memcached`; `null` where the node has no cache.
    pub kind: Option<String>,
    /// Where it is, without user and password.
    pub url: Option<String>,
    /// Why it cannot be used now.
    pub problem: Option<String>,
    /// Answers that it had, since the node started.
    pub hits_total: u64,
    /// Answers that were worked out, as it had them not, since the node started.
    pub misses_total: u64,
    /// Answers of requests that waited for another one's, since the node started.
    pub collapsed_total: u64,
    /// Of the answers of this window, those that were not worked out for their own request.
    pub hit_percent: Option<f64>,
    /// Entries that it holds.
    pub entries: Option<u64>,
    /// What they take.
    pub bytes: Option<u64>,
    /// Entries that had to go for want of room, since the node started.
    pub evicted_total: Option<u64>,
    /// Questions to a server that it did not answer, since the node started: each is a miss.
    pub errors_total: u64,
}
