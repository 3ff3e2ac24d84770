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
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::{Arc, Mutex, OnceLock};

use may::coroutine::{self, Coroutine};
use may::io::{CoIo, WaitIo};
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
    waiting: Mutex<Vec<Coroutine>>,
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
pub(crate) fn go_home(descriptor: RawFd) {
    let Some(doors) = DOORS.get() else { return };
    let home = descriptor as usize % doors.len();
    // Again when the coroutine was woken before it slept, and so stayed where it was.
    while here() != home {
        doors[home].pass();
    }
}

/// Takes the calling coroutine back to the worker it was on before a wait, which then is done with that wait.
pub(crate) fn return_to(worker: usize) {
    let Some(door) = DOORS.get().and_then(|doors| doors.get(worker)) else { return };
    while here() != worker {
        door.pass();
    }
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
            for coroutine in std::mem::take(&mut *lock(&self.waiting)) {
                coroutine.unpark();
            }
        }
    }

    fn let_in(&self, coroutine: Coroutine) {
        let first = {
            let mut waiting = lock(&self.waiting);
            waiting.push(coroutine);
            waiting.len() == 1
        };
        if first {
            // Fails only when the bell rings already.
            let _ = self.bell.inner().write(&1_u64.to_ne_bytes());
        }
    }

    fn pass(&self) {
        self.let_in(coroutine::current());
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
            Waiter::Behind(door, coroutine) => door.let_in(coroutine.clone()),
            Waiter::Apart(blocker) => blocker.unpark(),
        }
    }
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
}
