//! Counts and times the answers of every address.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::recent::Recent;
use crate::stats::EndpointReading;

use super::routes::ROUTES;

/// What was answered, by route.
pub struct AnswerRecorder {
    /// In the order of the route table.
    routes: Vec<EndpointCounters>,
    /// Answers to addresses that do not exist.
    unknown: AtomicU64,
}

#[derive(Default)]
struct EndpointCounters {
    count: AtomicU64,
    errors: AtomicU64,
    recent: Recent,
}

impl Default for AnswerRecorder {
    fn default() -> Self {
        Self { routes: ROUTES.iter().map(|_| EndpointCounters::default()).collect(), unknown: AtomicU64::new(0) }
    }
}

impl AnswerRecorder {
    /// Counts one answer of the route at `index`, or of an address that does not exist.
    pub fn record(&self, index: Option<usize>, took: Duration, now: Instant, status: u16) {
        let Some(counted) = index.and_then(|index| self.routes.get(index)) else {
            self.unknown.fetch_add(1, Ordering::Relaxed);
            return;
        };
        counted.count.fetch_add(1, Ordering::Relaxed);
        if status >= 400 {
            // A refusal is quick; among the answers it would make them look quicker than they are.
            counted.errors.fetch_add(1, Ordering::Relaxed);
        } else {
            counted.recent.record(took, now);
        }
    }

    /// Requests answered since the start.
    pub fn total(&self) -> u64 {
        let counted: u64 = self.routes.iter().map(|counted| counted.count.load(Ordering::Relaxed)).sum();
        counted + self.unknown.load(Ordering::Relaxed)
    }

    /// One reading a route.
    pub fn endpoints(&self) -> Vec<EndpointReading> {
        let now = Instant::now();
        let reading = |(route, counted): (&super::Route, &EndpointCounters)| {
            let [p50, p90, p99] = counted.recent.quantiles([0.5, 0.9, 0.99], now);
            EndpointReading {
                path: route.path,
                kind: route.kind,
                count: counted.count.load(Ordering::Relaxed),
                errors: counted.errors.load(Ordering::Relaxed),
                p50,
                p90,
                p99,
            }
        };
        ROUTES.iter().zip(&self.routes).map(reading).collect()
    }
}
