//! The last five minutes, one point a window, for the charts.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use super::bottleneck::Resource;
use super::endpoint::EndpointKind;
use super::model::Stats;

/// Points that are kept: five minutes at one a second.
pub const POINTS: usize = 300;

/// One window in short. `null` where unknown.
#[derive(Serialize)]
struct HistoryPoint {
    /// When the window ended, in seconds since 1970.
    t: f64,
    user: Option<f64>,
    nice: Option<f64>,
    system: Option<f64>,
    iowait: Option<f64>,
    irq: Option<f64>,
    softirq: Option<f64>,
    steal: Option<f64>,
    idle: Option<f64>,
    busy: Option<f64>,
    throttled_percent: Option<f64>,
    memory_used_percent: Option<f64>,
    pool_active: u64,
    pool_queued: u64,
    in_flight: u64,
    requests_per_second: Option<f64>,
    errors_per_second: Option<f64>,
    /// The highest 99th percentile of the demo addresses.
    p99_milliseconds: Option<f64>,
    /// Over all interfaces but the loopback.
    receive_bytes_per_second: Option<f64>,
    transmit_bytes_per_second: Option<f64>,
    /// Through the loopback, where a load from the same machine comes in.
    loopback_bytes_per_second: Option<f64>,
    /// Of the busiest disk.
    disk_utilization: Option<f64>,
    bottleneck: Resource,
}

impl From<&Stats> for HistoryPoint {
    fn from(stats: &Stats) -> Self {
        let window = &stats.window;
        let shares = window.cpu.shares;
        let interfaces = || window.network.iter().flatten();
        let outside = || interfaces().filter(|interface| interface.interface != "lo");
        let demo = window.requests.endpoints.iter().filter(|endpoint| endpoint.kind == EndpointKind::Demo);
        Self {
            t: stats.raw.unix_seconds,
            user: shares.user,
            nice: shares.nice,
            system: shares.system,
            iowait: shares.iowait,
            irq: shares.irq,
            softirq: shares.softirq,
            steal: shares.steal,
            idle: shares.idle,
            busy: shares.busy,
            throttled_percent: window.cgroup.throttled_percent,
            memory_used_percent: window.memory.used_percent,
            pool_active: window.pool.active,
            pool_queued: window.pool.queued,
            in_flight: window.requests.in_flight,
            requests_per_second: window.requests.per_second,
            errors_per_second: window.requests.errors_per_second,
            p99_milliseconds: demo.filter_map(|endpoint| endpoint.p99).reduce(f64::max),
            receive_bytes_per_second: outside().filter_map(|interface| interface.receive_bytes_per_second).reduce(sum),
            transmit_bytes_per_second: outside()
                .filter_map(|interface| interface.transmit_bytes_per_second)
                .reduce(sum),
            loopback_bytes_per_second: interfaces()
                .find(|interface| interface.interface == "lo")
                .and_then(|interface| interface.transmit_bytes_per_second),
            disk_utilization: window.disks.iter().flatten().filter_map(|disk| disk.utilization).reduce(f64::max),
            bottleneck: stats.bottleneck.resource,
        }
    }
}

fn sum(left: f64, right: f64) -> f64 {
    left + right
}

/// The points, each already written as JSON, so that a reader costs a copy and no more.
pub struct History {
    interval_seconds: f64,
    points: VecDeque<Vec<u8>>,
    /// The whole document, until the next point comes.
    document: Option<Arc<[u8]>>,
}

impl History {
    pub fn new(interval_seconds: f64) -> Self {
        Self { interval_seconds, points: VecDeque::with_capacity(POINTS), document: None }
    }

    /// Adds the window of `stats`, and forgets the oldest beyond [`POINTS`].
    pub fn push(&mut self, stats: &Stats) {
        // A first snapshot has no window yet, and is not a point.
        if stats.window.window_seconds.is_none() {
            return;
        }
        let Ok(point) = serde_json::to_vec(&HistoryPoint::from(stats)) else { return };
        if self.points.len() == POINTS {
            self.points.pop_front();
        }
        self.points.push_back(point);
        self.document = None;
    }

    /// `{"interval_seconds":1,"points":[…]}`, oldest first.
    pub fn json(&mut self) -> Arc<[u8]> {
        if let Some(document) = &self.document {
            return Arc::clone(document);
        }
        let mut text = format!("{{\"interval_seconds\":{},\"points\":[", self.interval_seconds).into_bytes();
        text.reserve(self.points.iter().map(|point| point.len() + 1).sum::<usize>() + 2);
        for (index, point) in self.points.iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            text.extend_from_slice(point);
        }
        text.extend_from_slice(b"]}");
        let document: Arc<[u8]> = text.into();
        self.document = Some(Arc::clone(&document));
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::model::Endpoint;

    fn stats(t: f64) -> Stats {
        let mut stats = Stats::default();
        stats.raw.unix_seconds = t;
        stats.window.window_seconds = Some(1.0);
        stats
    }

    #[test]
    fn the_last_points_oldest_first() {
        let mut history = History::new(1.0);
        assert_eq!(&*history.json(), br#"{"interval_seconds":1,"points":[]}"#);
        history.push(&Stats::default());
        for second in 0..POINTS + 5 {
            history.push(&stats(second as f64));
        }
        let document: serde_json::Value = serde_json::from_slice(&history.json()).unwrap();
        let points = document["points"].as_array().unwrap();
        assert_eq!(points.len(), POINTS);
        assert_eq!(points[0]["t"], 5.0);
        assert_eq!(points[POINTS - 1]["t"], (POINTS + 4) as f64);
        assert_eq!(points[0]["bottleneck"], "none");
        assert!(points[0]["user"].is_null());
    }

    #[test]
    fn the_response_time_is_that_of_demo_addresses() {
        let endpoint = |kind, p99| Endpoint { kind, p99, ..Endpoint::default() };
        let mut stats = stats(1.0);
        stats.window.requests.endpoints = vec![
            endpoint(EndpointKind::Demo, Some(4.0)),
            endpoint(EndpointKind::Demo, Some(7.0)),
            endpoint(EndpointKind::Demo, None),
            endpoint(EndpointKind::Monitoring, Some(90.0)),
            endpoint(EndpointKind::Page, Some(80.0)),
        ];
        assert_eq!(HistoryPoint::from(&stats).p99_milliseconds, Some(7.0));
    }

    #[test]
    fn the_document_is_made_once_a_point() {
        let mut history = History::new(0.5);
        history.push(&stats(1.0));
        let first = history.json();
        assert!(Arc::ptr_eq(&first, &history.json()));
        history.push(&stats(2.0));
        assert!(!Arc::ptr_eq(&first, &history.json()));
    }
}
