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
}
