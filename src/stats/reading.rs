//! What the node tells the sampler about itself. The sampler finds the rest.

use std::net::SocketAddr;
use std::time::Duration;

/// What the node is called and how it runs.
#[derive(Clone, Debug)]
pub struct Identity {
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
    pub identity: Identity,
    /// The address that the node listens on, as bound.
    pub listen: SocketAddr,
}

/// Percentiles of a recent stretch of time; `None` where nothing was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quantiles {
    /// Half were at most this.
    pub p50: Option<f64>,
    /// 99 in 100 were at most this.
    pub p99: Option<f64>,
}

/// The worker pool. Totals run since the node started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PoolReading {
    /// Threads it has.
    pub threads: u64,
    /// Threads at work now.
    pub active: u64,
    /// Jobs waiting now.
    pub queued: u64,
    /// Jobs that may wait.
    pub queue_capacity: u64,
    /// Most threads that were ever at work at once.
    pub peak_active: u64,
    /// Jobs done.
    pub completed_total: u64,
    /// Jobs refused because the queue was full.
    pub rejected_total: u64,
    /// Jobs dropped unrun: their client had gone, or their deadline had passed.
    pub expired_total: u64,
    /// Thread time spent on jobs, summed over threads, jobs under way included.
    pub busy_seconds_total: f64,
    /// Time in which every thread was at work and jobs waited.
    pub saturated_seconds_total: f64,
    /// Time that jobs waited for a thread, over the last minute.
    pub queue_wait_milliseconds: Quantiles,
    /// The same since the node started, by length.
    pub queue_waits: crate::pool::Histogram,
}

/// The node's client connections.
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
}

/// The requests of one address.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointReading {
    /// The route, such as `/fib`: never what a client wrote.
    pub path: &'static str,
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
    /// Under way now.
    pub in_flight: u64,
    /// Answered since the node started.
    pub total: u64,
    /// Of them, answered with 500 because their handler panicked.
    pub panics_total: u64,
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
}
