//! What watches over connections: limits, counters, the registry, and the reaper of overdue ones.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::net::{Shutdown, shutdown};

use super::presence;
use super::problem::Problem;
use super::response::Response;
use crate::lock::lock;
use crate::worker::Waiter;

/// How often the reaper looks for overdue connections; the precision of every limit in [`Limits`].
const SWEEP: Duration = Duration::from_millis(100);
/// Every so many sweeps it looks whether the clients that wait for an answer are still there.
const SWEEPS_A_LOOK: u64 = 5;
const SHARDS: usize = 16;

/// What a connection may take. Times are kept to about 0.1 s.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once; one more is answered 503 and closed.
    pub max_connections: usize,
    /// From the first byte of a request to the end of its head.
    pub header_timeout: Duration,
    /// Between an answer and the next request.
    pub idle_timeout: Duration,
    /// For the whole body of a request.
    pub body_timeout: Duration,
    /// Without progress while an answer is written.
    pub write_timeout: Duration,
    /// Size of a request head, bytes.
    pub max_head_bytes: usize,
    /// Size of a request line, bytes.
    pub max_line_bytes: usize,
    /// Size of a request body, bytes.
    pub max_body_bytes: u64,
    /// Requests answered before the answers are written; more wait in the socket.
    pub max_pipeline: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_connections: 10_000,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            max_head_bytes: 16 * 1024,
            max_line_bytes: 8 * 1024,
            max_body_bytes: 1024 * 1024,
            max_pipeline: 64,
        }
    }
}

/// What happened to connections since the start.
#[derive(Debug, Default)]
pub struct ConnectionCounters {
    /// Open now.
    pub open: AtomicUsize,
    /// Most open at once.
    pub peak: AtomicUsize,
    /// Taken from the listening socket.
    pub accepted_total: AtomicU64,
    /// Answered 503 because too many were open.
    pub rejected_total: AtomicU64,
    /// Failures to accept (out of file descriptors, out of memory).
    pub accept_errors_total: AtomicU64,
    /// Requests being answered now.
    pub in_flight: AtomicUsize,
    /// Panics caught in handlers.
    pub panics_total: AtomicU64,
}

impl ConnectionCounters {
    /// Counts a panic of a handler; gives the answer to the client.
    pub(super) fn panicked(&self) -> Response {
        self.panics_total.fetch_add(1, Ordering::Relaxed);
        Problem::new(500, "the handler of this address failed; the log says where").into()
    }
}

/// What a connection does, as far as its deadline is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ConnectionPhase {
    /// Connected, and no request yet.
    Fresh,
    /// Between requests.
    Idle,
    /// Inside a request's head.
    Head,
    /// Inside a request's body.
    Body,
    /// The answer is being made; no limit of ours.
    Answer,
    /// The kernel takes no more of the answer for now.
    Write,
    /// The answer is out; reading what the client still sends.
    Linger,
}

/// One connection, as the reaper sees it, and whoever works for it.
pub(super) struct ConnectionControl {
    fd: RawFd,
    /// Its coroutine.
    waiter: Waiter,
    /// The client has left, or the connection has ended.
    gone: AtomicBool,
    phase: AtomicU8,
    /// In ticks of the registry's clock, ms; 0 for none.
    deadline: AtomicU64,
    expired: AtomicBool,
    slot: AtomicUsize,
}

impl ConnectionControl {
    /// Whether the client has left, or the connection has ended.
    pub fn client_is_gone(&self) -> bool {
        // SAFETY: the descriptor is open as long as the connection lives. If it ends just now, another file may be looked
        // at instead: then nobody waits for this answer any more, whatever is seen.
        self.gone.load(Ordering::Acquire) || !presence::gone(&[unsafe { BorrowedFd::borrow_raw(self.fd) }]).is_empty()
    }

    fn shutdown(&self, how: Shutdown) {
        // SAFETY: the descriptor is open: a connection leaves the registry, under the shard's lock that the
        // caller holds, before it closes it.
        let socket = unsafe { BorrowedFd::borrow_raw(self.fd) };
        // Fails only where the client has already gone.
        let _ = shutdown(socket, how);
    }
}

/// A connection's place in the registry. Must be dropped before the descriptor is closed, or the reaper would shut
/// down whatever gets its number next.
pub(super) struct Registration<'r> {
    registry: &'r Registry,
    control: Arc<ConnectionControl>,
}

impl Registration<'_> {
    /// Whether the reaper has ended a wait of this connection.
    pub fn is_expired(&self) -> bool {
        self.control.expired.load(Ordering::Acquire)
    }

    /// What others may know of the connection.
    pub fn control(&self) -> &Arc<ConnectionControl> {
        &self.control
    }

    /// Whether the reaper saw that the client has left while its answer was made.
    pub fn client_has_left(&self) -> bool {
        self.control.gone.load(Ordering::Acquire)
    }

    /// Says what the connection does from now on, and sets its deadline accordingly.
    pub fn enter(&self, phase: ConnectionPhase) {
        self.registry.enter(&self.control, phase);
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.registry.remove(&self.control);
        self.control.gone.store(true, Ordering::Release);
    }
}

/// All open connections, and the clock they are measured by.
pub(super) struct Registry {
    shards: [Mutex<Vec<Arc<ConnectionControl>>>; SHARDS],
    start: Instant,
    /// Milliseconds since `start`, moved on by the reaper: cheap to read, as exact as a sweep.
    now: AtomicU64,
    draining: AtomicBool,
    pub limits: Limits,
    pub counters: Arc<ConnectionCounters>,
}

impl Registry {
    /// # Errors
    /// When there is no thread for the reaper.
    pub fn new(limits: Limits, counters: Arc<ConnectionCounters>) -> io::Result<Arc<Registry>> {
        let registry = Arc::new(Registry {
            shards: Default::default(),
            start: Instant::now(),
            now: AtomicU64::new(1),
            draining: AtomicBool::new(false),
            limits,
            counters,
        });
        let weak = Arc::downgrade(&registry);
        let reaper = move || {
            for turn in 1_u64.. {
                std::thread::sleep(SWEEP);
                let Some(registry) = weak.upgrade() else { return };
                registry.sweep();
                if turn.is_multiple_of(SWEEPS_A_LOOK) {
                    registry.let_go();
                }
            }
        };
        std::thread::Builder::new().name("reaper".into()).spawn(reaper)?;
        Ok(registry)
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Enters the connection that the calling coroutine serves.
    pub fn add(&self, fd: RawFd) -> Registration<'_> {
        let control = Arc::new(ConnectionControl {
            fd,
            waiter: Waiter::current(),
            gone: AtomicBool::new(false),
            phase: AtomicU8::new(ConnectionPhase::Fresh as u8),
            deadline: AtomicU64::new(self.after(self.limits.header_timeout)),
            expired: AtomicBool::new(false),
            slot: AtomicUsize::new(0),
        });
        let mut shard = self.shard(fd);
        control.slot.store(shard.len(), Ordering::Relaxed);
        shard.push(control.clone());
        Registration { registry: self, control }
    }

    fn remove(&self, control: &ConnectionControl) {
        let mut shard = self.shard(control.fd);
        let slot = control.slot.load(Ordering::Relaxed);
        shard.swap_remove(slot);
        if let Some(moved) = shard.get(slot) {
            moved.slot.store(slot, Ordering::Relaxed);
        }
    }

    fn enter(&self, control: &ConnectionControl, phase: ConnectionPhase) {
        let limit = match phase {
            ConnectionPhase::Fresh | ConnectionPhase::Head => Some(self.limits.header_timeout),
            ConnectionPhase::Idle => Some(self.limits.idle_timeout),
            ConnectionPhase::Body => Some(self.limits.body_timeout),
            ConnectionPhase::Write => Some(self.limits.write_timeout),
            ConnectionPhase::Linger => Some(Duration::from_secs(2)),
            ConnectionPhase::Answer => None,
        };
        control.deadline.store(limit.map_or(0, |limit| self.after(limit)), Ordering::Relaxed);
        // Only the step to rest must be in one order with the start of a drain: one of the two sees the other.
        let order = if phase == ConnectionPhase::Idle { Ordering::SeqCst } else { Ordering::Release };
        control.phase.store(phase as u8, order);
    }

    /// Lets go of idle connections, and of every other one after its answer.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        for shard in &self.shards {
            for control in lock(shard).iter() {
                match control.phase.load(Ordering::SeqCst) {
                    phase if phase == ConnectionPhase::Idle as u8 => control.shutdown(Shutdown::Read),
                    // Its first request may be on the way: a second for it.
                    phase if phase == ConnectionPhase::Fresh as u8 => {
                        control.deadline.fetch_min(self.after(Duration::from_secs(1)), Ordering::Relaxed);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Ends the waits that are overdue. The coroutine wakes, sees that it expired, and says so to the client.
    fn sweep(&self) {
        let now = (self.start.elapsed().as_millis() as u64).max(1);
        self.now.store(now, Ordering::Relaxed);
        for shard in &self.shards {
            for control in lock(shard).iter() {
                let deadline = control.deadline.load(Ordering::Relaxed);
                if deadline == 0 || deadline > now {
                    continue;
                }
                // The connection may have gone on to its next phase in between, with a deadline of its own.
                if control.deadline.compare_exchange(deadline, 0, Ordering::Relaxed, Ordering::Relaxed).is_err() {
                    continue;
                }
                control.expired.store(true, Ordering::Release);
                let phase = control.phase.load(Ordering::SeqCst);
                let write = phase == ConnectionPhase::Write as u8 || phase == ConnectionPhase::Linger as u8;
                control.shutdown(if write { Shutdown::Both } else { Shutdown::Read });
            }
        }
    }

    /// Wakes the coroutines whose client has left while its answer is being made.
    fn let_go(&self) {
        for shard in &self.shards {
            let shard = lock(shard);
            let answering: Vec<_> = shard
                .iter()
                .filter(|control| control.phase.load(Ordering::Relaxed) == ConnectionPhase::Answer as u8)
                .filter(|control| !control.gone.load(Ordering::Relaxed))
                .collect();
            // SAFETY: open, as in `shutdown`: the shard is locked.
            let sockets: Vec<_> =
                answering.iter().map(|control| unsafe { BorrowedFd::borrow_raw(control.fd) }).collect();
            for index in presence::gone(&sockets) {
                answering[index].gone.store(true, Ordering::Release);
                answering[index].waiter.wake();
            }
        }
    }

    fn after(&self, limit: Duration) -> u64 {
        self.now.load(Ordering::Relaxed) + limit.as_millis() as u64
    }

    fn shard(&self, fd: RawFd) -> MutexGuard<'_, Vec<Arc<ConnectionControl>>> {
        lock(&self.shards[fd as usize % SHARDS])
    }
}
