//! What the node tells the sampler about its cache.

/// The node's cache.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CacheReading {
    /// `memory`, `redis` or `memcached`.
    pub kind: String,
    /// Where it is, without user and password.
    pub url: String,
    /// Why it cannot be used now.
    pub problem: Option<String>,
    /// Answers that it had.
    pub hits_total: u64,
    /// Answers that were worked out, as it had them not.
    pub misses_total: u64,
    /// Answers of requests that waited for another one's.
    pub collapsed_total: u64,
    /// Questions to a server that it did not answer.
    pub errors_total: u64,
    /// Entries, where it is in the node.
    pub entries: Option<u64>,
    /// What they take, where it is in the node.
    pub bytes: Option<u64>,
    /// Entries that had to go for want of room, where it is in the node.
    pub evicted_total: Option<u64>,
}
