//! A precise timer for coroutines.
//!
//! A sleep goes through a second thread and back, and the event loop of `may` counts in whole milliseconds. A timerfd
//! is a descriptor like any connection: the kernel's high-resolution timer wakes the event loop itself, on the thread that
//! will send. Its slack is zero, where that of a sleep is 50 µs.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use may::io::CoIo;

use crate::worker::{self, IoWaker};

/// A one-shot timer that a coroutine waits for.
pub(super) struct PreciseTimer(CoIo<OwnedFd>);

impl PreciseTimer {
    /// A timer for a coroutine on that worker.
    pub fn new(worker: usize) -> io::Result<Self> {
        // SAFETY: no pointers are passed.
        let descriptor = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave this descriptor to us, and nobody else has it.
        let timer = unsafe { OwnedFd::from_raw_fd(descriptor) };
        CoIo::new(worker::move_descriptor(timer, worker)).map(Self).map_err(io::Error::from)
    }

    /// What wakes the coroutine before its time.
    pub fn waker(&self) -> IoWaker {
        IoWaker::new(&self.0)
    }

    /// Waits about that long; may return early, never late by design.
    pub fn wait(&self, nanoseconds: u64) -> io::Result<()> {
        const NANOSECONDS: u64 = 1_000_000_000;
        // Zero would disarm the timer.
        let nanoseconds = nanoseconds.max(1);
        let value = libc::timespec {
            tv_sec: i64::try_from(nanoseconds / NANOSECONDS).unwrap_or(i64::MAX),
            tv_nsec: (nanoseconds % NANOSECONDS) as i64,
        };
        let once = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        // SAFETY: the descriptor is an open timer, `once` is read only, and no old value is asked for.
        if unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &once, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        worker::wait(&self.0);
        Ok(())
    }
}
