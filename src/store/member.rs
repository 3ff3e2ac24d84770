//! A server of a store, and what was asked of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use super::error::Error;
use super::health::Health;
use super::server::{PendingQuestion, StoreServer};
use super::target::Target;
use crate::stats::{StoreReading, StoreResponse, StoreTarget};

/// What a question is counted as.
#[derive(Clone, Copy)]
pub(super) enum Operation {
    Read,
    Write,
}

/// What was asked, and how it ended.
#[derive(Default)]
pub(super) struct MemberCounters {
    reads_total: AtomicU64,
    writes_total: AtomicU64,
    errors_total: AtomicU64,
}

impl MemberCounters {
    /// Counts one question with its outcome.
    pub fn count<T>(&self, operation: Operation, outcome: &Result<T, Error>) {
        let total = match (outcome, operation) {
            (Ok(_), Operation::Read) => &self.reads_total,
            (Ok(_), Operation::Write) => &self.writes_total,
            (Err(_), _) => &self.errors_total,
        };
        total.fetch_add(1, Ordering::Relaxed);
    }

    /// The totals beside `target`, of which they are, too.
    pub fn reading(&self, mut target: StoreTarget) -> StoreReading {
        let load = |total: &AtomicU64| total.load(Ordering::Relaxed);
        target.reads_total = load(&self.reads_total);
        target.writes_total = load(&self.writes_total);
        target.errors_total = load(&self.errors_total);
        StoreReading {
            reads_total: target.reads_total,
            writes_total: target.writes_total,
            errors_total: target.errors_total,
            targets: vec![target],
            ..StoreReading::default()
        }
    }
}

/// One server.
pub(super) struct Member {
    server: StoreServer,
    url: Arc<str>,
    counters: MemberCounters,
    /// Questions that were asked and are not answered yet.
    in_flight: AtomicUsize,
}

impl Member {
    pub fn new(server: StoreServer) -> Self {
        let url = server.target().to_string().into();
        Self { server, url, counters: MemberCounters::default(), in_flight: AtomicUsize::new(0) }
    }

    /// Without secrets.
    pub fn url(&self) -> Arc<str> {
        Arc::clone(&self.url)
    }

    /// Whether it is that server.
    pub fn is(&self, target: &Target) -> bool {
        self.server.target() == target
    }

    /// Why it does not answer, as the end of a sentence; `None` when it does.
    pub fn problem(&self) -> Option<String> {
        match self.server.health() {
            Health::Up => None,
            Health::Unknown => Some("has not answered yet".to_owned()),
            Health::Away { why, .. } => Some(format!("is away: {why}")),
        }
    }

    /// Whether it is known not to answer.
    pub fn is_away(&self) -> bool {
        self.server.is_away()
    }

    /// Questions under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Asks by `start`, and does not wait yet.
    pub fn start<T>(
        &self,
        operation: Operation,
        start: impl FnOnce(&StoreServer) -> Result<PendingQuestion<T>, Error>,
    ) -> Result<Waited<'_, T>, Error> {
        match start(&self.server) {
            Ok(asked) => {
                self.in_flight.fetch_add(1, Ordering::Relaxed);
                let in_flight = InFlight(&self.in_flight);
                Ok(Waited { asked, operation, counters: &self.counters, _in_flight: in_flight })
            }
            Err(error) => {
                self.counters.count::<T>(operation, &Err(error.clone()));
                Err(error)
            }
        }
    }

    /// What `/stats` is told of it, without its part among the others. `problem` is the end of a sentence.
    pub fn reading(&self, problem: Option<String>) -> StoreReading {
        let pool = self.server.pool_reading();
        let [p50, p99] = self.server.answers().quantiles([0.5, 0.99], Instant::now());
        let reading = self.counters.reading(StoreTarget {
            kind: self.server.target().kind().name().to_owned(),
            url: self.url.as_ref().to_owned(),
            up: self.problem().is_none(),
            problem: problem.map(|problem| format!("the store {} {problem}", self.url)),
            connections: pool.threads,
            in_use: pool.active,
            waiting: pool.queued,
            saturated_seconds_total: pool.saturated_seconds_total,
            response_milliseconds: StoreResponse { p50, p99 },
            last_write: self.server.last_write(),
            ..StoreTarget::default()
        });
        StoreReading { pool, response_p50_milliseconds: p50, response_p99_milliseconds: p99, ..reading }
    }
}

/// A question that was asked.
pub(super) struct Waited<'a, T> {
    asked: PendingQuestion<T>,
    operation: Operation,
    counters: &'a MemberCounters,
    _in_flight: InFlight<'a>,
}

/// One question less when it is dropped, answered or not.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T> Waited<'_, T> {
    /// Waits for the answer, and counts it.
    pub fn answer(self) -> Result<crate::pool::Done<T>, Error> {
        let outcome = self.asked.answer();
        self.counters.count(self.operation, &outcome);
        outcome
    }
}
