//! The one worker of a coroutine: where it may wait, and how it gets there and stays there.
//!
//! Two faults of `may` 0.3.51 are kept out here. It watches a descriptor from worker `descriptor % workers`, and resumes
//! what waited for a pool or for a timer on any worker. A coroutine that waits for its socket on a foreign worker is in a
//! race: while that one is still inside `RawIoBlock::subscribe` (io/sys/unix/wait_io.rs), the watching worker may already
//! run the coroutine to its end, and free what `subscribe` looks at last. And `Sleep::subscribe` (sleep.rs) writes to the
//! coroutine's data after it has handed it to the timer, as `Park::subscribe` (park.rs) does to that of a coroutine whose
//! waker still holds the `Blocker`: again to memory that another worker may have freed.
//!
//! So a coroutine stays on its worker. Whoever wakes it does so through a door that this worker watches, and the worker
//! cannot answer the door before it has left `subscribe`. This holds because work stealing is off (Cargo.toml).
//!
//! The door also is the way to let others go first: `yield_now` comes back before the worker has looked at any
//! socket, so that a coroutine with endless work would keep the worker to itself.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, OnceLock};

use may::coroutine::{self, Coroutine};
use may::io::{CoIo, WaitIo, WaitIoWaker};
use may::net::TcpStream;
use may::sync::Blocker;

use crate::lock::lock;

/// The doors, one a worker; none when they could not be made.
static DOORS: OnceLock<Vec<Arc<Door>>> = OnceLock::new();

thread_local! {
    static WORKER: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Where a worker lets coroutines in.
pub(crate) struct Door {
    /// An eventfd(2) that this worker watches.
    bell: CoIo<File>,
    waiting: Mutex<Vec<Visitor>>,
}

/// Who is to be woken by a door.
enum Visitor {
    /// One that is parked.
    Parked(Coroutine),
    /// One that waits for its descriptor.
    AtSocket(Arc<WaitIoWaker>),
}

/// Makes the doors; once a process.
///
/// # Errors
/// When the kernel gives no descriptor.
pub(crate) fn open_doors() -> io::Result<()> {
    static OPENING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = lock(&OPENING);
    if DOORS.get().is_some() {
        return Ok(());
    }
    let workers = may::config().get_workers();
    let mut bells: Vec<Option<File>> = (0..workers).map(|_| None).collect();
    // Descriptors are given lowest first, so that soon each worker has its own; the surplus is closed.
    let mut surplus = Vec::new();
    while bells.iter().any(Option::is_none) {
        let bell = event()?;
        let place = &mut bells[bell.as_raw_fd() as usize % workers];
        surplus.extend(place.replace(bell));
    }
    let mut doors = Vec::new();
    for (worker, bell) in bells.into_iter().flatten().enumerate() {
        let door = Arc::new(Door { bell: CoIo::new(bell)?, waiting: Mutex::default() });
        doors.push(door.clone());
        may::go!(coroutine::Builder::new().name(format!("door-{worker}")).id(worker), move || door.attend(worker))?;
    }
    let _ = DOORS.set(doors);
    Ok(())
}

fn event() -> io::Result<File> {
    // SAFETY: eventfd(2) takes no pointer.
    let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just opened, and owned by nobody else.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

/// Takes the calling coroutine to the worker that watches `descriptor`, if it is not there.
fn go_home(descriptor: RawFd) {
    let Some(doors) = DOORS.get() else { return };
    let home = descriptor as usize % doors.len();
    // Again when the coroutine was woken before it slept, and so stayed where it was.
    while here() != home {
        doors[home].pass();
    }
}

/// Waits for events of `io`, or a [`Nudge`], on the worker that watches it; gives the events (epoll_ctl(2)).
pub(crate) fn wait(io: &(impl WaitIo + AsRawFd)) -> usize {
    go_home(io.as_raw_fd());
    io.wait_io()
}

/// Lets every other coroutine of the worker that watches `descriptor` go first, and its sockets be looked at.
pub(crate) fn let_others_go_first(descriptor: RawFd) {
    if let Some(doors) = DOORS.get() {
        doors[descriptor as usize % doors.len()].pass();
    }
}

/// The worker that runs the caller; a number that no worker has where there are no doors.
/// Never inlined: a coroutine may change threads between two calls.
#[inline(never)]
pub(crate) fn here() -> usize {
    WORKER.get()
}

#[inline(never)]
fn mark(worker: usize) {
    WORKER.set(worker);
}

impl Door {
    /// Runs on the door's worker for ever: wakes those who came, which makes them run there.
    fn attend(&self, worker: usize) {
        mark(worker);
        loop {
            self.bell.wait_io();
            let _ = self.bell.inner().read(&mut [0; 8]);
            for visitor in std::mem::take(&mut *lock(&self.waiting)) {
                match visitor {
                    Visitor::Parked(coroutine) => coroutine.unpark(),
                    Visitor::AtSocket(waker) => waker.wakeup(),
                }
            }
        }
    }

    fn let_in(&self, visitor: Visitor) {
        let first = {
            let mut waiting = lock(&self.waiting);
            waiting.push(visitor);
            waiting.len() == 1
        };
        if first {
            // Fails only when the bell rings already.
            let _ = self.bell.inner().write(&1_u64.to_ne_bytes());
        }
    }

    fn pass(&self) {
        self.let_in(Visitor::Parked(coroutine::current()));
        coroutine::park();
    }
}

/// Somebody who waits, in the hands of whoever is to wake it.
#[derive(Clone)]
pub(crate) enum Waiter {
    /// A coroutine on a worker with a door, by which it is woken; it goes on where it was.
    Behind(Arc<Door>, Coroutine),
    /// A thread, or a coroutine where there are no doors.
    Apart(Arc<Blocker>),
}

impl Waiter {
    /// The caller.
    pub fn current() -> Waiter {
        match DOORS.get().and_then(|doors| doors.get(here())) {
            Some(door) if coroutine::is_coroutine() => Waiter::Behind(door.clone(), coroutine::current()),
            _ => Waiter::Apart(Blocker::current()),
        }
    }

    /// Waits until woken. May end early: look whether it was time, and wait again.
    pub fn wait(&self) {
        match self {
            Waiter::Behind(..) => coroutine::park(),
            Waiter::Apart(blocker) => drop(blocker.park(None)),
        }
    }

    /// Ends its wait, or the next one if it does not wait yet.
    pub fn wake(&self) {
        match self {
            Waiter::Behind(door, coroutine) => door.let_in(Visitor::Parked(coroutine.clone())),
            Waiter::Apart(blocker) => blocker.unpark(),
        }
    }
}

/// Ends a wait for a descriptor (`wait_io`), or the next one if there is none now, from any thread. The one who waited
/// must look why it was woken.
#[derive(Clone)]
pub(crate) struct Nudge {
    descriptor: RawFd,
    waker: Arc<WaitIoWaker>,
}

impl Nudge {
    /// For whoever waits for `io`.
    pub fn new(io: &(impl WaitIo + AsRawFd)) -> Nudge {
        Nudge { descriptor: io.as_raw_fd(), waker: Arc::new(io.waker()) }
    }

    /// Ends the wait.
    pub fn give(&self) {
        if let Some(doors) = DOORS.get() {
            let home = self.descriptor as usize % doors.len();
            if here() != home {
                return doors[home].let_in(Visitor::AtSocket(self.waker.clone()));
            }
        }
        // The worker itself, which has left `subscribe` if it can come here.
        self.waker.wakeup();
    }
}

/// Gives a file a descriptor that `worker` watches; leaves it as it is where there is no such worker, or no descriptor.
pub(crate) fn place(mut file: OwnedFd, worker: usize) -> OwnedFd {
    let workers = may::config().get_workers();
    while worker < workers && file.as_raw_fd() as usize % workers != worker {
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
pub(crate) fn watch(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    let descriptor = stream.into_raw_fd();
    // SAFETY: the descriptor comes straight from the stream, which gave up its ownership.
    let watched = || unsafe { TcpStream::from_raw_fd(descriptor) };
    catch_unwind(watched).map_err(|_| io::Error::other("the kernel watches no more descriptors"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coroutines_come_home_from_wherever_they_are() {
        open_doors().unwrap();
        let workers = may::config().get_workers();
        let travellers: Vec<_> = (0..500_usize)
            .map(|number| {
                may::go!(move || {
                    for descriptor in number..number + 20 {
                        go_home(descriptor as RawFd);
                        assert_eq!(here(), descriptor % workers);
                        let_others_go_first(descriptor as RawFd);
                    }
                })
            })
            .collect();
        for traveller in travellers {
            traveller.join().unwrap();
        }
    }

    #[test]
    fn who_waits_on_a_worker_goes_on_there() {
        open_doors().unwrap();
        let (hand_over, wakers) = std::sync::mpsc::channel::<Waiter>();
        let waker = std::thread::spawn(move || wakers.iter().for_each(|waiter| waiter.wake()));
        let waiters: Vec<_> = (0..500_usize)
            .map(|number| {
                let hand_over = hand_over.clone();
                may::go!(coroutine::Builder::new().id(number), move || {
                    let home = number % may::config().get_workers();
                    for _ in 0..20 {
                        go_home(home as RawFd);
                        let waiter = Waiter::current();
                        assert!(matches!(waiter, Waiter::Behind(..)));
                        hand_over.send(waiter.clone()).unwrap();
                        waiter.wait();
                        assert_eq!(here(), home);
                    }
                })
                .unwrap()
            })
            .collect();
        drop(hand_over);
        for waiter in waiters {
            waiter.join().unwrap();
        }
        waker.join().unwrap();
    }

    #[test]
    fn files_get_the_descriptor_of_a_worker() {
        let workers = may::config().get_workers();
        for worker in 0..workers {
            assert_eq!(place(event().unwrap().into(), worker).as_raw_fd() as usize % workers, worker);
        }
        let file = OwnedFd::from(event().unwrap());
        let descriptor = file.as_raw_fd();
        assert_eq!(place(file, usize::MAX).as_raw_fd(), descriptor);
    }

    #[test]
    fn nudges_from_anywhere_end_a_wait_where_it_began() {
        open_doors().unwrap();
        let workers = may::config().get_workers();
        let (hand_over, nudges) = std::sync::mpsc::channel::<Nudge>();
        let nudger = std::thread::spawn(move || nudges.iter().for_each(|nudge| nudge.give()));
        let waiters: Vec<_> = (0..200_usize)
            .map(|number| {
                let hand_over = hand_over.clone();
                may::go!(move || {
                    go_home(number as RawFd);
                    let silent = CoIo::new(place(event().unwrap().into(), number % workers)).unwrap();
                    go_home(silent.as_raw_fd());
                    let home = here();
                    // What the event loop says first: that it can be written.
                    silent.wait_io();
                    let mine = Nudge::new(&silent);
                    for _ in 0..20 {
                        hand_over.send(mine.clone()).unwrap();
                        silent.wait_io();
                        assert_eq!(here(), home);
                    }
                    // By the worker itself, ahead of the wait.
                    mine.give();
                    silent.wait_io();
                })
            })
            .collect();
        drop(hand_over);
        for waiter in waiters {
            waiter.join().unwrap();
        }
        nudger.join().unwrap();
    }
}
