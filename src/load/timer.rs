//! A precise timer for coroutines.
//!
//! A sleep goes through a second thread and back, and the event loop of `may` counts in whole milliseconds. A timerfd
//! is a descriptor like any connection: the kernel's high-resolution timer wakes the event loop itself, on the thread that
//! will send. Its slack is zero, where that of a sleep is 50 µs.

use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::worker::{self, IoWaker};

/// A one-shot timer that a coroutine waits for.
pub(super) struct PreciseTimer(worker::Registered<OwnedFd>);

impl PreciseTimer {
    /// A timer for a coroutine on that worker.
    pub fn new(worker: usize) -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        worker::Registered::new(worker::move_descriptor(timer, worker)).map(Self)
    }

    /// What wakes the coroutine before its time.
    pub fn waker(&self) -> IoWaker {
        IoWaker::new(&*self.0)
    }

    /// Waits about that long; may return early, never late by design.
    pub fn wait(&self, nanoseconds: u64) -> io::Result<()> {
        const NANOSECONDS: u64 = 1_000_000_000;
        // Zero would disarm the timer.
        let nanoseconds = nanoseconds.max(1);
        let value = Timespec {
            tv_sec: i64::try_from(nanoseconds / NANOSECONDS).unwrap_or(i64::MAX),
            tv_nsec: (nanoseconds % NANOSECONDS) as _,
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(self.0.inner(), TimerfdTimerFlags::empty(), &once)?;
        worker::wait(&*self.0);
        Ok(())
    }
}
