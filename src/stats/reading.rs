//! What the node tells the sampler about itself. The sampler finds the rest.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::http::ConnectionCounters;
use crate::pool::PoolReading;

use super::cache::CacheReading;
use super::endpoint::EndpointKind;
use super::store::StoreReading;

/// What the node is called and how it runs.
#[derive(Clone, Debug)]
pub struct NodeIdentity {
    /// The node's name, as in `X-Node`.
    pub name: String,
    /// `async` or `sync`.
    pub model: String,
    /// `strict` or `minihttp`.
    pub engine: String,
}

/// How to sample.
#[derive(Clone, Debug)]
pub struct SamplerConfig {
    /// Time from one sample to the next, so the length of a window.
    pub interval: Duration,
    /// Who is sampled.
    pub identity: NodeIdentity,
    /// The address that the node listens on, as bound.
    pub listen: SocketAddr,
}

/// The node's client connections, as the server counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionsReading {
    /// Open now.
    pub open: u64,
    /// Most that were ever open at once.
    pub peak: u64,
    /// Accepted since the node started.
    pub accepted_total: u64,
    /// Turned away since the node started.
    pub rejected_total: u64,
    /// Failures to accept one since the node started.
    pub accept_errors_total: u64,
    /// Requests being answered now.
    pub in_flight: u64,
    /// Requests answered with 500 because their handler panicked, since the node started.
    pub panics_total: u64,
}

impl From<&ConnectionCounters> for ConnectionsReading {
    fn from(counters: &ConnectionCounters) -> Self {
        Self {
            open: counters.open.load(Ordering::Relaxed) as u64,
            peak: counters.peak.load(Ordering::Relaxed) as u64,
            accepted_total: counters.accepted_total.load(Ordering::Relaxed),
            rejected_total: counters.rejected_total.load(Ordering::Relaxed),
            accept_errors_total: counters.accept_errors_total.load(Ordering::Relaxed),
            in_flight: counters.in_flight.load(Ordering::Relaxed) as u64,
            panics_total: counters.panics_total.load(Ordering::Relaxed),
        }
    }
}

/// The requests of one address.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointReading {
    /// The route, such as `/fib`: never what a client wrote.
    pub path: &'static str,
    /// What the address is for.
    pub kind: EndpointKind,
    /// Answered since the node started.
    pub count: u64,
    /// Of them, answered with 4xx or 5xx.
    pub errors: u64,
    /// Median response time of the last minute, in milliseconds.
    pub p50: Option<f64>,
    /// 90th percentile, likewise.
    pub p90: Option<f64>,
    /// 99th percentile, likewise.
    pub p99: Option<f64>,
}

/// The node's requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestsReading {
    /// Answered since the node started.
    pub total: u64,
    /// The same by address.
    pub endpoints: Vec<EndpointReading>,
}

/// All that the node tells, read at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeReading {
    /// The worker pool.
    pub pool: PoolReading,
    /// Client connections.
    pub connections: ConnectionsReading,
    /// Requests.
    pub requests: RequestsReading,
    /// The store.
    pub store: StoreReading,
    /// The cache, where the node has one.
    pub cache: Option<CacheReading>,
}
