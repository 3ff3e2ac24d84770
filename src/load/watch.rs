//! Deadlines of many connections at the cost of one thread: each connection states when its request is due, and the
//! watchman nudges those that are late. (A timer set for each read costs about a tenth of the throughput.)

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::worker::Nudge;

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

/// What a connection tells the watchman.
pub(super) struct Watch {
    deadline: AtomicU64,
    gone: AtomicBool,
    nudge: Mutex<Option<Nudge>>,
    latest: Arc<AtomicU64>,
}

impl Watch {
    /// This deadline, or the latest of the run if that is earlier.
    pub fn latest(&self, deadline: u64) -> u64 {
        deadline.min(self.latest.load(Ordering::Acquire))
    }

    /// States when to nudge, [`NEVER`] for not at all.
    pub fn set_deadline(&self, nanoseconds: u64) {
        self.deadline.store(nanoseconds, Ordering::Release);
    }

    /// States whom to nudge.
    pub fn set_nudge(&self, nudge: Nudge) {
        *lock(&self.nudge) = Some(nudge);
    }

    /// Wakes the connection; a spurious wake-up is harmless, it looks at the clock and waits on.
    pub fn nudge(&self) {
        if let Some(nudge) = &*lock(&self.nudge) {
            nudge.give();
        }
    }

    /// The connection is over; the watchman forgets it.
    pub fn end(&self) {
        self.gone.store(true, Ordering::Release);
    }
}

struct Shared {
    watches: Mutex<Vec<Arc<Watch>>>,
    /// Every deadline is at most this (a run that was interrupted does not wait for its timeouts).
    latest: Arc<AtomicU64>,
    stop: AtomicBool,
}

/// The thread that looks after the deadlines; it ends when dropped.
pub(super) struct Watchman {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Deadlines are kept to this share of the timeout, within the bounds below.
const TICK_SHARE: u32 = 50;
const SHORTEST_TICK: Duration = Duration::from_millis(1);
const LONGEST_TICK: Duration = Duration::from_millis(50);

impl Watchman {
    /// Starts the thread. Deadlines are on `clock`; requests take at most `timeout`.
    pub fn start(clock: Clock, timeout: Duration) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            watches: Mutex::new(Vec::new()),
            latest: Arc::new(AtomicU64::new(NEVER)),
            stop: AtomicBool::new(false),
        });
        let tick = (timeout / TICK_SHARE).clamp(SHORTEST_TICK, LONGEST_TICK);
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("load-watchman".into()).spawn(move || {
            while !of_thread.stop.load(Ordering::Acquire) {
                std::thread::park_timeout(tick);
                sweep(&of_thread, clock.now());
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// A new connection to look after.
    pub fn enlist(&self) -> Arc<Watch> {
        let watch = Arc::new(Watch {
            deadline: AtomicU64::new(NEVER),
            gone: AtomicBool::new(false),
            nudge: Mutex::new(None),
            latest: Arc::clone(&self.shared.latest),
        });
        lock(&self.shared.watches).push(Arc::clone(&watch));
        watch
    }

    /// Brings every deadline forward to this time at the latest.
    pub fn set_latest(&self, nanoseconds: u64) {
        self.shared.latest.store(nanoseconds, Ordering::Release);
    }
}

impl Watchman {
    /// Wakes everyone: what they waited for may have changed.
    pub fn nudge_all(&self) {
        lock(&self.shared.watches).iter().for_each(|watch| watch.nudge());
    }
}

impl Drop for Watchman {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn sweep(shared: &Shared, now: u64) {
    let latest = shared.latest.load(Ordering::Acquire);
    let late = |watch: &Watch| watch.deadline.load(Ordering::Acquire).min(latest) <= now;
    let mut watches = lock(&shared.watches);
    watches.retain(|watch| !watch.gone.load(Ordering::Acquire));
    watches.iter().filter(|watch| late(watch)).for_each(|watch| watch.nudge());
}
