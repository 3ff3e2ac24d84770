//! Keeps a coroutine on one worker thread: where it may wait, how it gets there and how it stays there.
//!
//! `may` 0.3.51 has two races that end in a use after free; this file keeps them out (docs/may.md describes them). `may`
//! watches a descriptor from worker `descriptor % workers`, and resumes what waited for a pool or for a timer on any
//! worker. A coroutine must not wait for its socket on another worker than the one that watches it: while that worker is
//! still inside `RawIoBlock::subscribe` (io/sys/unix/wait_io.rs), the watching worker may already run the coroutine to its
//! end, and free what `subscribe` reads last. And `Sleep::subscribe` (sleep.rs) writes to the coroutine's data after it
//! has handed the coroutine to the timer, as `Park::subscribe` (park.rs) does for a coroutine that waits with a
//! `Blocker`: again to memory that another worker may have freed.
//!
//! So a coroutine stays on its worker. Each worker has a [`WakeQueue`] that only this worker watches; everybody wakes a
//! coroutine through the queue of its worker, which reads it only after it has left `subscribe`. This holds because work
//! stealing is off (Cargo.toml), and because a descriptor is watched by worker `descriptor % workers`: a rule that `may`
//! does not promise, so [`start`] checks it.
//!
//! The queue also lets others go first: `yield_now` of `may` returns before the worker has looked at any socket, so a
//! coroutine with endless work would keep the worker to itself.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::panic::catch_unwind;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use may::coroutine::{self, Coroutine};
use may::io::{CoIo, WaitIo, WaitIoWaker};
use may::net::TcpStream;
use may::sync::Blocker;
use rustix::event::{EventfdFlags, eventfd};

use crate::lock::lock;

/// One a worker; none when they could not be made.
static QUEUES: OnceLock<Vec<Arc<WakeQueue>>> = OnceLock::new();

thread_local! {
    static WORKER: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Which of so many workers watches a descriptor.
type Rule = fn(RawFd, usize) -> usize;

/// The rule of `may` 0.3.51 (io/sys/unix/epoll.rs).
fn worker_of(descriptor: RawFd, workers: usize) -> usize {
    descriptor as usize % workers
}

/// The coroutines that a worker is to wake.
pub(crate) struct WakeQueue {
    /// An eventfd(2) that this worker watches; written to when the queue is not empty any more.
    event: Registered<File>,
    waiting: Mutex<Vec<Wakeup>>,
}

/// How a coroutine in a queue is woken.
enum Wakeup {
    /// It is parked.
    Unpark(Coroutine),
    /// It waits for its descriptor.
    Io(Arc<WaitIoWaker>),
}

/// Makes the queues, once a process.
///
/// # Errors
/// When the kernel gives no descriptor, or when `may` does not watch descriptors by the rule that this file needs.
pub(crate) fn start() -> io::Result<()> {
    static STARTING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = lock(&STARTING);
    if QUEUES.get().is_none() {
        let _ = QUEUES.set(open(may::config().get_workers(), worker_of)?);
    }
    Ok(())
}

/// How long the check of the rule may take on a machine that is busy with other things.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens a queue for each worker, and has each worker check that it watches its own.
fn open(workers: usize, rule: Rule) -> io::Result<Vec<Arc<WakeQueue>>> {
    let events = events(workers, rule)?;
    let (report, reports) = mpsc::channel();
    let mut queues = Vec::new();
    for (worker, [event, probe]) in events.into_iter().enumerate() {
        let queue = Arc::new(WakeQueue { event: Registered::new(event)?, waiting: Mutex::default() });
        queues.push(queue.clone());
        // Registered right after the other one: a rule that deals descriptors out in turn would give it to another worker.
        let probe = Registered::new(probe)?;
        let report = report.clone();
        let builder = coroutine::Builder::new().name(format!("wake-queue-{worker}")).id(worker);
        may::go!(builder, move || queue.attend(worker, probe, report))?;
    }
    drop(report);
    for _ in 0..workers {
        let checked = reports.recv_timeout(CHECK_TIMEOUT).unwrap_or(Err(Broken { descriptor: None }));
        checked.map_err(|broken| io::Error::other(broken.to_string()))?;
    }
    Ok(queues)
}

/// Two events for each worker, on descriptors that the rule gives to it.
fn events(workers: usize, rule: Rule) -> io::Result<Vec<[File; 2]>> {
    let mut events: Vec<Vec<File>> = (0..workers).map(|_| Vec::new()).collect();
    // Descriptors are given lowest first, so soon each worker has its own; the surplus is kept open until then, and closed.
    let mut surplus = Vec::new();
    while events.iter().any(|events| events.len() < 2) {
        let event = event()?;
        match events.get_mut(rule(event.as_raw_fd(), workers)) {
            Some(events) if events.len() < 2 => events.push(event),
            _ => surplus.push(event),
        }
    }
    Ok(events.into_iter().filter_map(|events| events.try_into().ok()).collect())
}

fn event() -> io::Result<File> {
    Ok(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?.into())
}

/// The rule is broken: another worker watches the descriptor, or none does.
struct Broken {
    descriptor: Option<RawFd>,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.descriptor {
            Some(descriptor) => write!(out, "the coroutine library may watches descriptor {descriptor} from another")?,
            None => write!(out, "the coroutine library may watches a descriptor from no")?,
        }
        write!(
            out,
            " worker than the one that connections rely on; build webapp with the version of may that its Cargo.toml pins \
             (docs/may.md says how to move to another one)"
        )
    }
}

/// How often the rule is checked for a descriptor.
const ROUNDS: usize = 3;

/// Whether `worker`, on which the caller is, watches `event`.
fn watches(worker: usize, event: &CoIo<File>) -> bool {
    (0..ROUNDS).all(|_| {
        noted_events(event);
        let _ = event.inner().write(&1_u64.to_ne_bytes());
        // The watching worker cannot note an event while it runs this: whoever did so already is another one.
        if noted_events(event) != 0 {
            return false;
        }
        event.wait_io();
        let _ = event.inner().read(&mut [0; 8]);
        current() == worker
    })
}

/// What the event loop has noted about `io` since the last look. Costs no system call.
#[allow(deprecated)] // `reset_io` is the only way to read it without waiting
pub(crate) fn noted_events(io: &impl WaitIo) -> usize {
    io.reset_io()
}

/// Takes the calling coroutine to the worker that watches `descriptor`, if it is not there.
fn move_to_worker_of(descriptor: RawFd) {
    let Some(queues) = QUEUES.get() else { return };
    let worker = worker_of(descriptor, queues.len());
    // Again when the coroutine was woken before it was parked, and so stayed where it was.
    while current() != worker {
        queues[worker].pass_through();
    }
}

/// Waits for events of `io`, or for its [`IoWaker`], on the worker that watches it; gives the events (epoll_ctl(2)).
pub(crate) fn wait(io: &(impl WaitIo + AsRawFd)) -> usize {
    move_to_worker_of(io.as_raw_fd());
    io.wait_io()
}

/// Lets every other coroutine of the worker that watches `descriptor` go first, and lets it look at its sockets.
pub(crate) fn let_others_go_first(descriptor: RawFd) {
    if let Some(queues) = QUEUES.get() {
        queues[worker_of(descriptor, queues.len())].pass_through();
    }
}

/// The worker that runs the caller; a number that no worker has where there are no queues.
/// Never inlined: a coroutine may change threads between two calls.
#[inline(never)]
pub(crate) fn current() -> usize {
    WORKER.get()
}

#[inline(never)]
fn set_current(worker: usize) {
    WORKER.set(worker);
}

impl WakeQueue {
    /// Runs on the queue's worker for ever, after it has checked the rule: wakes those in the queue, which makes them run
    /// there.
    fn attend(self: Arc<Self>, worker: usize, probe: Registered<File>, report: Sender<Result<(), Broken>>) {
        set_current(worker);
        for event in [&self.event, &probe] {
            if !watches(worker, event) {
                let _ = report.send(Err(Broken { descriptor: Some(event.as_raw_fd()) }));
                // Another worker may still read this coroutine's memory, so it never ends. The process is about to fail.
                loop {
                    coroutine::park();
                }
            }
        }
        let _ = report.send(Ok(()));
        drop(probe);
        loop {
            self.event.wait_io();
            let _ = self.event.inner().read(&mut [0; 8]);
            for wakeup in std::mem::take(&mut *lock(&self.waiting)) {
                match wakeup {
                    Wakeup::Unpark(coroutine) => coroutine.unpark(),
                    Wakeup::Io(waker) => waker.wakeup(),
                }
            }
        }
    }

    fn push(&self, wakeup: Wakeup) {
        if self.add(wakeup) {
            self.tell();
        }
    }

    /// Puts it into the queue; whether the worker is to be told, as the queue was empty.
    fn add(&self, wakeup: Wakeup) -> bool {
        let mut waiting = lock(&self.waiting);
        waiting.push(wakeup);
        waiting.len() == 1
    }

    /// Tells the worker that its queue is not empty any more.
    fn tell(&self) {
        // Fails only when the event is set already.
        let _ = self.event.inner().write(&1_u64.to_ne_bytes());
    }

    fn pass_through(&self) {
        self.push(Wakeup::Unpark(coroutine::current()));
        coroutine::park();
    }
}

/// A coroutine or thread that waits, in the hands of whoever is to wake it.
#[derive(Clone)]
pub(crate) enum Waiter {
    /// A coroutine on a worker with a queue, by which it is woken; it goes on where it was.
    OnWorker(Arc<WakeQueue>, Coroutine),
    /// A thread, or a coroutine where there are no queues.
    Elsewhere(Arc<Blocker>),
}

impl Waiter {
    /// The caller.
    pub fn current() -> Waiter {
        match QUEUES.get().and_then(|queues| queues.get(current())) {
            Some(queue) if coroutine::is_coroutine() => Waiter::OnWorker(queue.clone(), coroutine::current()),
            _ => Waiter::Elsewhere(Blocker::current()),
        }
    }

    /// Waits until woken. May end early: look whether it was time, and wait again.
    pub fn wait(&self) {
        match self {
            Waiter::OnWorker(..) => coroutine::park(),
            Waiter::Elsewhere(blocker) => drop(blocker.park(None)),
        }
    }

    /// Ends its wait, or the next one if it does not wait yet.
    pub fn wake(&self) {
        match self {
            Waiter::OnWorker(queue, coroutine) => queue.push(Wakeup::Unpark(coroutine.clone())),
            Waiter::Elsewhere(blocker) => blocker.unpark(),
        }
    }
}

/// Wakes them all. Each worker is told once, when all of its own are in its queue: told at the first one, it would run on another
/// core, and have to be told again at the next.
pub(crate) fn wake_all(waiters: Vec<Waiter>) {
    let mut to_tell: Vec<Arc<WakeQueue>> = Vec::new();
    for waiter in waiters {
        match waiter {
            Waiter::OnWorker(queue, coroutine) => {
                if queue.add(Wakeup::Unpark(coroutine)) {
                    to_tell.push(queue);
                }
            }
            Waiter::Elsewhere(blocker) => blocker.unpark(),
        }
    }
    to_tell.iter().for_each(|queue| queue.tell());
}

/// Ends a wait for a descriptor ([`wait`]), or the next one if there is none now, from any thread. The one who waited
/// must look why it was woken.
#[derive(Clone)]
pub(crate) struct IoWaker {
    descriptor: RawFd,
    waker: Arc<WaitIoWaker>,
}

impl IoWaker {
    /// For whoever waits for `io`.
    pub fn new(io: &(impl WaitIo + AsRawFd)) -> IoWaker {
        IoWaker { descriptor: io.as_raw_fd(), waker: Arc::new(io.waker()) }
    }

    /// Ends the wait.
    pub fn wake(&self) {
        if let Some(queues) = QUEUES.get() {
            let worker = worker_of(self.descriptor, queues.len());
            if current() != worker {
                return queues[worker].push(Wakeup::Io(self.waker.clone()));
            }
        }
        // The worker itself, which has left `subscribe` if it can come here.
        self.waker.wakeup();
    }
}

/// Gives a file a descriptor that `worker` watches; leaves it as it is where there is no such worker, or no descriptor.
pub(crate) fn move_descriptor(mut file: OwnedFd, worker: usize) -> OwnedFd {
    let workers = may::config().get_workers();
    while worker < workers && worker_of(file.as_raw_fd(), workers) != worker {
        match rustix::io::fcntl_dupfd_cloexec(&file, file.as_raw_fd() + 1) {
            Ok(next) => file = next,
            Err(_) => break,
        }
    }
    file
}

/// Hands a connection to the event loop.
///
/// # Errors
/// When the kernel refuses to watch it, at which `may` panics.
pub(crate) fn register(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    let descriptor = stream.into_raw_fd();
    // SAFETY: the descriptor comes straight from the stream, which gave up its ownership.
    let registered = || unsafe { TcpStream::from_raw_fd(descriptor) };
    catch_unwind(registered).map_err(|_| io::Error::other("the kernel watches no more descriptors"))
}

/// A file that the event loop watches, which leaves it before it is closed. A `CoIo` that is dropped closes its descriptor
/// first and deregisters the number then, which may belong to another file by that time (docs/may.md).
pub(crate) struct Registered<T: AsRawFd>(Option<CoIo<T>>);

impl<T: AsRawFd> Registered<T> {
    /// Hands a file to the event loop.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn new(file: T) -> io::Result<Self> {
        CoIo::new(file).map(|io| Self(Some(io))).map_err(io::Error::from)
    }
}

impl<T: AsRawFd> std::ops::Deref for Registered<T> {
    type Target = CoIo<T>;

    fn deref(&self) -> &CoIo<T> {
        match &self.0 {
            Some(io) => io,
            None => unreachable!("taken only when dropped"),
        }
    }
}

impl<T: AsRawFd> Drop for Registered<T> {
    fn drop(&mut self) {
        drop(self.0.take().map(CoIo::into_inner));
    }
}
