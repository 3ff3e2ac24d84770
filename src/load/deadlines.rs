//! Deadlines of many connections at the cost of one thread: each connection states when its request must have ended, and
//! the monitor wakes those that are late. (A timer for each read would cost about a tenth of the throughput.)

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::worker::IoWaker;

/// No deadline is set.
pub(super) const NEVER: u64 = u64::MAX;

/// The clock of a run: nanoseconds since its start. Before the start it stands at 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(pub Instant);

impl Clock {
    pub fn now(&self) -> u64 {
        u64::try_from(Instant::now().saturating_duration_since(self.0).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The deadline of one connection.
pub(super) struct Deadline {
    /// Nanoseconds on the clock of the run.
    at: AtomicU64,
    ended: AtomicBool,
    waker: Mutex<Option<IoWaker>>,
    latest: Arc<AtomicU64>,
}

impl Deadline {
    /// This deadline, or the latest of the run if that is earlier.
    pub fn latest(&self, deadline: u64) -> u64 {
        deadline.min(self.latest.load(Ordering::Acquire))
    }

    /// States when to wake, [`NEVER`] for not at all.
    pub fn set(&self, nanoseconds: u64) {
        self.at.store(nanoseconds, Ordering::Release);
    }

    /// States what to wake.
    pub fn set_waker(&self, waker: IoWaker) {
        *lock(&self.waker) = Some(waker);
    }

    /// Wakes the connection; a spurious wake-up is harmless, it looks at the clock and waits on.
    pub fn wake(&self) {
        if let Some(waker) = &*lock(&self.waker) {
            waker.wake();
        }
    }

    /// The connection has ended; the monitor forgets it.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

/// What the thread and its handle share.
struct MonitorState {
    deadlines: Mutex<Vec<Arc<Deadline>>>,
    /// Every deadline is at most this (a run that was interrupted does not wait for its timeouts).
    latest: Arc<AtomicU64>,
    stop: AtomicBool,
}

/// The thread that watches the deadlines; it ends when this is dropped.
pub(super) struct DeadlineMonitor {
    state: Arc<MonitorState>,
    thread: Option<JoinHandle<()>>,
}

/// Deadlines are kept to this share of the timeout, within the bounds below.
const TICK_SHARE: u32 = 50;
const SHORTEST_TICK: Duration = Duration::from_millis(1);
const LONGEST_TICK: Duration = Duration::from_millis(50);

impl DeadlineMonitor {
    /// Starts the thread. Deadlines are on `clock`; requests take at most `timeout`.
    pub fn start(clock: Clock, timeout: Duration) -> std::io::Result<Self> {
        let state = Arc::new(MonitorState {
            deadlines: Mutex::new(Vec::new()),
            latest: Arc::new(AtomicU64::new(NEVER)),
            stop: AtomicBool::new(false),
        });
        let tick = (timeout / TICK_SHARE).clamp(SHORTEST_TICK, LONGEST_TICK);
        let of_thread = Arc::clone(&state);
        let thread = std::thread::Builder::new().name("load-deadlines".into()).spawn(move || {
            while !of_thread.stop.load(Ordering::Acquire) {
                std::thread::park_timeout(tick);
                sweep(&of_thread, clock.now());
            }
        })?;
        Ok(Self { state, thread: Some(thread) })
    }

    /// The deadline of a new connection.
    pub fn register(&self) -> Arc<Deadline> {
        let deadline = Arc::new(Deadline {
            at: AtomicU64::new(NEVER),
            ended: AtomicBool::new(false),
            waker: Mutex::new(None),
            latest: Arc::clone(&self.state.latest),
        });
        lock(&self.state.deadlines).push(Arc::clone(&deadline));
        deadline
    }

    /// Brings every deadline forward to this time at the latest.
    pub fn set_latest(&self, nanoseconds: u64) {
        self.state.latest.store(nanoseconds, Ordering::Release);
    }

    /// Wakes every connection: what it waited for may have changed.
    pub fn wake_all(&self) {
        lock(&self.state.deadlines).iter().for_each(|deadline| deadline.wake());
    }
}

impl Drop for DeadlineMonitor {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn sweep(state: &MonitorState, now: u64) {
    let latest = state.latest.load(Ordering::Acquire);
    let late = |deadline: &Deadline| deadline.at.load(Ordering::Acquire).min(latest) <= now;
    let mut deadlines = lock(&state.deadlines);
    deadlines.retain(|deadline| !deadline.ended.load(Ordering::Acquire));
    deadlines.iter().filter(|deadline| late(deadline)).for_each(|deadline| deadline.wake());
}
