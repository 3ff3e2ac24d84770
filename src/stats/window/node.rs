//! What the node told about itself, over the window.

use std::borrow::Cow;

use super::{Notes, Span, percent, round};
use crate::pool::PoolReading;
use crate::stats::model::{Bucket, ConnectionStats, Endpoint, PoolStats, QueueWait, RequestStats};
use crate::stats::sample::Sample;

pub fn pool(span: Option<&Span<'_>>, after: &Sample, notes: &mut Notes) -> PoolStats {
    let pool = &after.node.pool;
    if pool.queue_wait_p50_milliseconds.is_none() {
        notes.add("pool.queue_wait_milliseconds", "no job was taken up in the last minute");
    }
    let growth =
        |counter: fn(&PoolReading) -> u64| span.and_then(|span| span.growth(|sample| Some(counter(&sample.node.pool))));
    let share = |seconds: fn(&PoolReading) -> f64, parts: f64| {
        let span = span?;
        let growth = (seconds(&span.after.node.pool) - seconds(&span.before.node.pool)).max(0.0);
        percent(growth, span.seconds * parts).map(|share| share.min(100.0))
    };
    PoolStats {
        threads: pool.threads,
        active: pool.active,
        queued: pool.queued,
        queue_capacity: pool.queue_capacity,
        // Before the first window ends, the moment is all there is.
        utilization: share(|pool| pool.busy_seconds_total, pool.threads as f64)
            .or_else(|| percent(pool.active as f64, pool.threads as f64)),
        saturated: pool.saturated,
        saturated_percent: share(|pool| pool.saturated_seconds_total, 1.0),
        saturated_seconds_total: round(pool.saturated_seconds_total, 6),
        busy_seconds_total: round(pool.busy_seconds_total, 6),
        peak_active: pool.peak_active,
        completed_total: pool.completed_total,
        rejected_total: pool.rejected_total,
        rejected: growth(|pool| pool.rejected_total),
        expired_total: pool.expired_total,
        expired: growth(|pool| pool.expired_total),
        queue_wait_milliseconds: queue_wait(pool),
    }
}

/// How long jobs waited for a thread of a pool.
pub fn queue_wait(pool: &PoolReading) -> QueueWait {
    QueueWait {
        p50: pool.queue_wait_p50_milliseconds.map(|wait| round(wait, 3)),
        p99: pool.queue_wait_p99_milliseconds.map(|wait| round(wait, 3)),
        count: pool.queue_waits.count,
        sum: round(pool.queue_waits.sum_milliseconds, 3),
        histogram: pool.queue_waits.at_most.iter().map(|&(at_most, count)| Bucket { at_most, count }).collect(),
    }
}

pub fn connections(span: Option<&Span<'_>>, after: &Sample) -> ConnectionStats {
    let connections = &after.node.connections;
    ConnectionStats {
        open: connections.open,
        peak: connections.peak,
        accepted_total: connections.accepted_total,
        rejected_total: connections.rejected_total,
        rejected: span.and_then(|span| span.growth(|sample| Some(sample.node.connections.rejected_total))),
        accept_errors_total: connections.accept_errors_total,
    }
}

pub fn requests(span: Option<&Span<'_>>, after: &Sample, notes: &mut Notes) -> RequestStats {
    let requests = &after.node.requests;
    if requests.endpoints.iter().any(|endpoint| endpoint.p50.is_none()) {
        notes.add(
            "requests.endpoints",
            "null times: that address answered nothing but errors, or nothing, in the last minute",
        );
    }
    let errors = |sample: &Sample| Some(sample.node.requests.endpoints.iter().map(|endpoint| endpoint.errors).sum());
    RequestStats {
        in_flight: after.node.connections.in_flight,
        total: requests.total,
        panics_total: after.node.connections.panics_total,
        per_second: span.and_then(|span| span.rate(|sample| Some(sample.node.requests.total))),
        errors_per_second: span.and_then(|span| span.rate(errors)),
        endpoints: requests
            .endpoints
            .iter()
            .map(|endpoint| Endpoint {
                path: Cow::Borrowed(endpoint.path),
                kind: endpoint.kind,
                count: endpoint.count,
                errors: endpoint.errors,
                p50: endpoint.p50.map(|time| round(time, 3)),
                p90: endpoint.p90.map(|time| round(time, 3)),
                p99: endpoint.p99.map(|time| round(time, 3)),
            })
            .collect(),
    }
}
