//! A precise timer for coroutines.
//!
//! A sleep goes through a second thread and back, and the event loop of `may` counts in whole milliseconds. A timerfd
//! is a descriptor like any connection: the kernel's high-resolution timer wakes the event loop itself, on the thread that
//! will send. Its slack is zero, where that of a sleep is 50 µs.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use may::io::{CoIo, WaitIo, WaitIoWaker};

/// A one-shot timer that a coroutine waits for.
pub(super) struct Timer(CoIo<OwnedFd>);

impl Timer {
    /// A timer that wakes its coroutine on worker `lane` of `lanes`: `may` gives descriptor `n` to worker `n % workers`.
    pub fn new(lane: usize, lanes: usize) -> io::Result<Self> {
        // SAFETY: no pointers are passed.
        let first = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        let mut descriptor = owned(first)?;
        while descriptor.as_raw_fd() as usize % lanes.max(1) != lane {
            let next = descriptor.as_raw_fd() + 1;
            // SAFETY: the descriptor is open, and the call takes plain numbers.
            descriptor = owned(unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, next) })?;
        }
        CoIo::new(descriptor).map(Self).map_err(io::Error::from)
    }

    /// What wakes the coroutine before its time.
    pub fn waker(&self) -> WaitIoWaker {
        self.0.waker()
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
        self.0.wait_io();
        Ok(())
    }
}

fn owned(descriptor: libc::c_int) -> io::Result<OwnedFd> {
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave this descriptor to us, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
