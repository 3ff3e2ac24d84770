//! The store, over the window.

use super::node::queue_wait;
use super::{Notes, Span, percent, round};
use crate::pool::PoolReading;
use crate::stats::model::StoreStats;
use crate::stats::sample::Sample;
use crate::stats::store::StoreReading;
use crate::stats::store_target::{StoreResponse, StoreTarget};

pub fn store(span: Option<&Span<'_>>, after: &Sample, notes: &mut Notes) -> StoreStats {
    let store = &after.node.store;
    if store.response_p50_milliseconds.is_none() {
        notes.add("store.response_milliseconds", "the store answered nothing over a connection in the last minute");
    }
    if store.pool.queue_wait_p50_milliseconds.is_none() {
        notes.add("store.queue_wait_milliseconds", "no request asked for a connection in the last minute");
    }
    if store.pool.threads == 0 {
        let reason = "the store is in the node: there are no connections";
        notes.add_each(["store.utilization", "store.saturated_percent", "store.response_percent"], reason);
    }
    let growth = |counter: fn(&StoreReading) -> u64| {
        span.and_then(|span| span.growth(|sample| Some(counter(&sample.node.store))))
    };
    let seconds = |total: fn(&PoolReading) -> f64| {
        let span = span?;
        Some((total(&span.after.node.store.pool) - total(&span.before.node.store.pool)).max(0.0))
    };
    let share = |total: fn(&PoolReading) -> f64, parts: f64| {
        percent(seconds(total)?, span?.seconds * parts).map(|share| share.min(100.0))
    };
    let (busy, waited) =
        (seconds(|pool| pool.busy_seconds_total), seconds(|pool| pool.queue_waits.sum_milliseconds / 1e3));
    let response_percent = busy.zip(waited).and_then(|(busy, waited)| percent(busy, busy + waited));
    if store.pool.threads > 0 && span.is_some() && response_percent.is_none() {
        notes.add("store.response_percent", "the store was asked nothing in this window");
    }
    let pool = &store.pool;
    let targets: Vec<StoreTarget> = store.targets.iter().map(|one| target(span, one)).collect();
    // The server that is saturated most: a hot shard stops the node though the others have room.
    let most_saturated = targets.iter().filter_map(|one| one.saturated_percent).reduce(f64::max);
    StoreStats {
        targets,
        connections: pool.threads,
        in_use: pool.active,
        waiting: pool.queued,
        utilization: share(|pool| pool.busy_seconds_total, pool.threads as f64),
        saturated_percent: most_saturated,
        saturated_seconds_total: round(pool.saturated_seconds_total, 6),
        busy_seconds_total: round(pool.busy_seconds_total, 6),
        queue_wait_milliseconds: queue_wait(pool),
        response_milliseconds: StoreResponse {
            p50: store.response_p50_milliseconds.map(|time| round(time, 3)),
            p99: store.response_p99_milliseconds.map(|time| round(time, 3)),
        },
        response_percent,
        errors_total: store.errors_total,
        errors: growth(|store| store.errors_total),
        rejected_total: pool.rejected_total,
        rejected: growth(|store| store.pool.rejected_total),
        reads_total: store.reads_total,
        writes_total: store.writes_total,
        generation: store.generation,
    }
}

/// One server over the window.
fn target(span: Option<&Span<'_>>, now: &StoreTarget) -> StoreTarget {
    let saturated = span.filter(|_| now.connections > 0).and_then(|span| {
        let before = span.before.node.store.targets.iter().find(|one| one.url == now.url)?;
        percent((now.saturated_seconds_total - before.saturated_seconds_total).max(0.0), span.seconds)
    });
    let rounded = |time: Option<f64>| time.map(|time| round(time, 3));
    StoreTarget {
        saturated_percent: saturated.map(|share| share.min(100.0)),
        saturated_seconds_total: round(now.saturated_seconds_total, 6),
        lag_milliseconds: rounded(now.lag_milliseconds),
        response_milliseconds: StoreResponse {
            p50: rounded(now.response_milliseconds.p50),
            p99: rounded(now.response_milliseconds.p99),
        },
        ..now.clone()
    }
}
