//! What all coroutines of a run share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::caching::Caching;
use super::deadlines::{DeadlineMonitor, NEVER};
use super::exchange::{ExchangeContext, ExchangeProgress};
use super::handshake::Handshake;
use super::recorder::{EndedRequest, MeasuredWindow};
use super::recorders::Recorders;
use super::semaphore::Semaphore;
use super::session::SessionChange;
use super::versions::{VersionedRequest, Versions};
use crate::results::load::SessionsOutcome;

/// The state of a run, from its preparation to its summary.
pub(super) struct RunContext {
    pub exchange: ExchangeContext,
    /// The order in which the targets are asked: indices into them, repeated without end.
    pub pattern: Vec<u16>,
    pub recorders: Recorders,
    pub deadlines: DeadlineMonitor,
    /// Nanoseconds.
    pub timeout: u64,
    started_at: AtomicU64,
    window_start: AtomicU64,
    window_end: AtomicU64,
    /// Lets everybody through when the clock starts.
    pub start: Semaphore,
    /// Coroutines that are ready for the start.
    pub ready: AtomicUsize,
    /// Open loop: coroutines that hand out requests and have not ended.
    pub dispatchers: AtomicUsize,
    /// Tells them to end, even where requests are left that were due.
    pub stop_dispatching: AtomicBool,
    /// Whether one of them ended with requests left.
    pub dispatch_incomplete: AtomicBool,
    /// Coroutines that have not ended.
    pub coroutines: AtomicUsize,
    sessions: SessionCounts,
    pub versions: Versions,
    pub caching: Caching,
    connections: AtomicUsize,
    pub connections_peak: AtomicUsize,
    pub connections_opened: AtomicU64,
}

/// Counts of the users' sessions.
#[derive(Default)]
struct SessionCounts {
    users: AtomicU64,
    users_that_lost: AtomicU64,
    lost: AtomicU64,
}

impl RunContext {
    /// A run that has not begun. `timeout` is that of a request.
    pub fn new(
        exchange: ExchangeContext,
        pattern: Vec<u16>,
        recorders: Recorders,
        deadlines: DeadlineMonitor,
        timeout: Duration,
    ) -> Self {
        Self {
            exchange,
            pattern,
            recorders,
            deadlines,
            timeout: nanoseconds(timeout),
            started_at: AtomicU64::new(0),
            window_start: AtomicU64::new(NEVER),
            window_end: AtomicU64::new(NEVER),
            start: Semaphore::default(),
            ready: AtomicUsize::new(0),
            dispatchers: AtomicUsize::new(0),
            stop_dispatching: AtomicBool::new(false),
            dispatch_incomplete: AtomicBool::new(false),
            coroutines: AtomicUsize::new(0),
            sessions: SessionCounts::default(),
            versions: Versions::default(),
            caching: Caching::default(),
            connections: AtomicUsize::new(0),
            connections_peak: AtomicUsize::new(0),
            connections_opened: AtomicU64::new(0),
        }
    }

    /// Starts the clock: fixes the measured window, and lets the coroutines begin.
    pub fn begin(&self, warmup: Duration, duration: Duration) {
        let start = self.exchange.clock.now();
        self.started_at.store(start, Ordering::Release);
        let from = start + nanoseconds(warmup);
        self.window_end.store(from + nanoseconds(duration), Ordering::Release);
        self.window_start.store(from, Ordering::Release);
        self.start.release_all();
    }

    /// Ends the measured window at `now`, or where it begins if that is later.
    pub fn end_window(&self, now: u64) {
        self.window_end.store(now.max(self.window().start), Ordering::Release);
    }

    /// The measured window; empty until the clock starts.
    pub fn window(&self) -> MeasuredWindow {
        MeasuredWindow {
            start: self.window_start.load(Ordering::Acquire),
            end: self.window_end.load(Ordering::Acquire),
        }
    }

    /// When the clock started; known once `start` lets through.
    pub fn started_at(&self) -> u64 {
        self.started_at.load(Ordering::Acquire)
    }

    /// Records a request that the generator does not send, because it is too late for it.
    pub fn give_up(&self, target: usize, intended: u64, now: u64) {
        let counters = self.recorders.counters();
        counters.begun.fetch_add(1, Ordering::Relaxed);
        self.recorders.mine().give_up(target, intended, now, self.window());
        counters.ended.fetch_add(1, Ordering::Release);
    }

    /// Records a handshake, on whatever thread it ended.
    pub fn record_handshake(&self, handshake: Handshake) {
        self.recorders.mine().handshakes.record(handshake);
    }

    /// Records the end of a request, on whatever thread it ended.
    pub fn record(&self, request: EndedRequest<'_>, exchange: ExchangeProgress) {
        let counters = self.recorders.counters();
        if exchange.sent {
            counters.sent.fetch_add(1, Ordering::Relaxed);
        }
        if exchange.answered {
            counters.answered.fetch_add(1, Ordering::Relaxed);
        }
        if request.failure.is_none() {
            counters.good.fetch_add(1, Ordering::Relaxed);
        }
        if exchange.opened {
            self.connections_opened.fetch_add(1, Ordering::Relaxed);
        }
        match exchange.session {
            Some(SessionChange::Begun) => drop(self.sessions.users.fetch_add(1, Ordering::Relaxed)),
            Some(SessionChange::Lost { first }) => {
                self.sessions.users_that_lost.fetch_add(u64::from(first), Ordering::Relaxed);
                self.sessions.lost.fetch_add(1, Ordering::Relaxed);
            }
            None => {}
        }
        if let Some(version) = request.answer.and_then(|answer| answer.fields.version) {
            let reads = !self.exchange.requests[request.target].is_write;
            let (sent, ended) = (request.sent, request.ended);
            self.versions.note(
                version,
                VersionedRequest { sent, ended, counts: reads && self.window().holds(request.intended) },
            );
        }
        let told = request.answer.filter(|_| request.failure.is_none()).and_then(|answer| answer.fields.cache_hit);
        if let Some(hit) = told.filter(|_| self.window().holds(request.intended)) {
            self.caching.note(hit);
        }
        if let Some(handshake) = exchange.handshake {
            self.record_handshake(handshake);
        }
        self.recorders.mine().record(request, self.window());
        counters.ended.fetch_add(1, Ordering::Release);
    }

    /// What became of the users' sessions; `None` where nobody had one.
    pub fn sessions(&self) -> Option<SessionsOutcome> {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let SessionCounts { users, users_that_lost, lost } = &self.sessions;
        let sessions = SessionsOutcome { users: of(users), users_that_lost: of(users_that_lost), lost_total: of(lost) };
        (sessions.users > 0).then_some(sessions)
    }
}

/// Whole nanoseconds, the largest number where they are more.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Counts a coroutine from its start to its end, however it ends.
pub(super) struct CoroutineGuard {
    context: Arc<RunContext>,
    connection: bool,
}

impl CoroutineGuard {
    /// A coroutine without a connection of its own.
    pub fn new(context: &Arc<RunContext>) -> Self {
        context.coroutines.fetch_add(1, Ordering::AcqRel);
        Self { context: Arc::clone(context), connection: false }
    }

    /// A coroutine that is a connection.
    pub fn of_connection(context: &Arc<RunContext>) -> Self {
        let now = context.connections.fetch_add(1, Ordering::Relaxed) + 1;
        context.connections_peak.fetch_max(now, Ordering::Relaxed);
        context.coroutines.fetch_add(1, Ordering::AcqRel);
        Self { context: Arc::clone(context), connection: true }
    }
}

impl Drop for CoroutineGuard {
    fn drop(&mut self) {
        if self.connection {
            self.context.connections.fetch_sub(1, Ordering::Relaxed);
        }
        self.context.coroutines.fetch_sub(1, Ordering::AcqRel);
    }
}
