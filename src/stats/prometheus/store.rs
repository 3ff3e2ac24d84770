//! The store: the whole of it, and each of its servers.

use super::{PrometheusText, count, ratio, seconds};
use crate::stats::model::StoreStats;
use crate::stats::store_target::StoreTarget;

pub(super) fn families(out: &mut PrometheusText, store: &StoreStats) {
    let series = store
        .targets
        .iter()
        .map(|target| (vec![("kind", &*target.kind), ("url", &*target.url)], Some(f64::from(u8::from(target.up)))));
    out.family("webapp_store_up", "gauge", "1 when the store answered the last time it was asked.", series);
    let of_each = |value: fn(&StoreTarget) -> Option<f64>| {
        store.targets.iter().map(move |target| (vec![("url", &*target.url)], value(target)))
    };
    let lag = of_each(|target| seconds(target.lag_milliseconds));
    let help = "How far a replica was behind the primary when it was last asked, at most.";
    out.family("webapp_store_server_lag_seconds", "gauge", help, lag);
    let waiting = of_each(|target| count(target.waiting));
    out.family("webapp_store_server_waiting_requests", "gauge", "Requests waiting for a connection to it.", waiting);
    let saturated = of_each(|target| ratio(target.saturated_percent));
    let help = "Time with no connection to it free and requests waiting.";
    out.family("webapp_store_server_saturated_ratio", "gauge", help, saturated);
    let reads = of_each(|target| count(target.reads_total));
    out.family("webapp_store_server_reads_total", "counter", "Reads that it answered.", reads);
    let writes = of_each(|target| count(target.writes_total));
    out.family("webapp_store_server_writes_total", "counter", "Writes that it answered.", writes);
    let errors = of_each(|target| count(target.errors_total));
    out.family("webapp_store_server_errors_total", "counter", "Questions that it did not answer.", errors);
    out.gauge("webapp_store_connections", "Connections that may be open at once.", count(store.connections));
    out.gauge("webapp_store_in_use_connections", "Connections that wait for the store.", count(store.in_use));
    out.gauge("webapp_store_waiting_requests", "Requests waiting for a connection.", count(store.waiting));
    out.gauge("webapp_store_used_ratio", "Connection time in use, of all.", ratio(store.utilization));
    let saturated = ratio(store.saturated_percent);
    out.gauge("webapp_store_saturated_ratio", "Time with no connection free and requests waiting.", saturated);
    out.counter("webapp_store_busy_seconds_total", "Connection time in use.", Some(store.busy_seconds_total));
    let saturated = Some(store.saturated_seconds_total);
    out.counter(
        "webapp_store_saturated_seconds_total",
        "Time with no connection free and requests waiting.",
        saturated,
    );
    out.counter("webapp_store_reads_total", "Reads answered.", count(store.reads_total));
    out.counter("webapp_store_writes_total", "Writes answered.", count(store.writes_total));
    out.counter("webapp_store_errors_total", "Questions without an answer.", count(store.errors_total));
    out.counter("webapp_store_rejected_total", "Questions refused: too many waited.", count(store.rejected_total));
    let wait = &store.queue_wait_milliseconds;
    out.histogram("webapp_store_queue_wait_seconds", "Wait of requests for a connection.", wait);
    let response = &store.response_milliseconds;
    let series = [("0.5", response.p50), ("0.99", response.p99)]
        .map(|(percentile, time)| (vec![("percentile", percentile)], seconds(time)));
    out.family("webapp_store_response_seconds", "gauge", "Time that the store took, last minute.", series);
}
