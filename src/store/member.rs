//! A server of a store, and what was asked of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::client::{Client, Failure};
use super::error::Error;
use super::health::Health;
use super::server::{Asked, Server};
use crate::stats::{StoreReading, StoreResponse, StoreTarget};

/// What a question is counted as.
#[derive(Clone, Copy)]
pub(super) enum Operation {
    Read,
    Write,
}

/// What was asked, and how it ended.
#[derive(Default)]
pub(super) struct Counters {
    reads_total: AtomicU64,
    writes_total: AtomicU64,
    errors_total: AtomicU64,
}

impl Counters {
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
    server: Server,
    url: String,
    counters: Counters,
}

impl Member {
    pub fn new(server: Server) -> Self {
        let url = server.target().to_string();
        Self { server, url, counters: Counters::default() }
    }

    /// Without secrets.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Why it does not answer, as the end of a sentence; `None` when it does.
    pub fn problem(&self) -> Option<String> {
        match self.server.health() {
            Health::Up => None,
            Health::Unknown => Some("has not answered yet".to_owned()),
            Health::Away { why, .. } => Some(format!("is away: {why}")),
        }
    }

    /// Asks, and does not wait yet.
    pub fn start<T, F, A>(&self, operation: Operation, question: F, abandoned: A) -> Result<Waited<'_, T>, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Client, Instant) -> Result<T, Failure> + Send + 'static,
        A: Fn() -> bool + Send + Sync + 'static,
    {
        match self.server.start_asking(question, abandoned) {
            Ok(asked) => Ok(Waited { asked, operation, counters: &self.counters }),
            Err(error) => {
                self.counters.count::<T>(operation, &Err(error.clone()));
                Err(error)
            }
        }
    }

    /// What `/stats` is told of it.
    pub fn reading(&self, role: Option<&str>) -> StoreReading {
        let pool = self.server.pool().reading();
        let [p50, p99] = self.server.answers().quantiles([0.5, 0.99], Instant::now());
        let problem = self.problem();
        let reading = self.counters.reading(StoreTarget {
            kind: self.server.target().kind().name().to_owned(),
            url: self.url.clone(),
            up: problem.is_none(),
            problem: problem.map(|problem| format!("the store {} {problem}", self.url)),
            role: role.map(str::to_owned),
            connections: pool.threads,
            in_use: pool.active,
            waiting: pool.queued,
            saturated_seconds_total: pool.saturated_seconds_total,
            response_milliseconds: StoreResponse { p50, p99 },
            ..StoreTarget::default()
        });
        StoreReading { pool, response_p50_milliseconds: p50, response_p99_milliseconds: p99, ..reading }
    }
}

/// A question that was asked.
pub(super) struct Waited<'a, T> {
    asked: Asked<T>,
    operation: Operation,
    counters: &'a Counters,
}

impl<T> Waited<'_, T> {
    /// Waits for the answer, and counts it.
    pub fn answer(self) -> Result<crate::pool::Done<T>, Error> {
        let outcome = self.asked.answer();
        self.counters.count(self.operation, &outcome);
        outcome
    }
}
