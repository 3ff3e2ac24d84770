//! Waiting for what other processes do, and the signals that end the wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use signal_hook::SigId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::stop::Stop;

/// The first pause between two looks; each is half as long again as the one before, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Signals that ask to stop, while something runs that has to be undone then.
#[derive(Debug, Default)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
    handlers: Vec<SigId>,
}

impl Interrupt {
    /// From now on SIGINT, SIGTERM and SIGHUP are noted instead of ending the process, until this is dropped. One that
    /// comes while things are undone changes nothing.
    ///
    /// # Errors
    /// When the handlers cannot be set.
    pub fn watch() -> anyhow::Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        let register = |number: i32| {
            signal_hook::flag::register_usize(number, Arc::clone(&signal), number as usize)
                .context("cannot watch for signals")
        };
        let handlers = [SIGINT, SIGTERM, SIGHUP].into_iter().map(register).collect::<anyhow::Result<_>>()?;
        Ok(Self { signal, handlers })
    }

    /// # Errors
    /// [`Stop::Signal`] once a signal has come.
    pub fn check(&self) -> Result<(), Stop> {
        match self.signal.load(Ordering::Relaxed) {
            0 => Ok(()),
            number => Err(Stop::Signal(number as i32)),
        }
    }

    /// Looks again and again until `done` or the time is over; tells which.
    ///
    /// # Errors
    /// [`Stop::Signal`] once a signal has come.
    pub fn wait(&self, limit: Duration, mut done: impl FnMut() -> bool) -> Result<bool, Stop> {
        let deadline = Instant::now() + limit;
        let mut pause = FIRST_PAUSE;
        loop {
            self.check()?;
            if done() {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            std::thread::sleep(pause);
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        for handler in self.handlers.drain(..) {
            signal_hook::low_level::unregister(handler);
        }
    }
}

/// The same where no signal is watched for.
pub fn until(limit: Duration, done: impl FnMut() -> bool) -> bool {
    Interrupt::default().wait(limit, done).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_what_comes_and_gives_up_on_what_does_not() {
        let mut looks = 0;
        assert!(until(Duration::from_secs(60), || {
            looks += 1;
            looks == 5
        }));
        assert_eq!(looks, 5);
        assert!(!until(Duration::from_millis(5), || false));
    }

    #[test]
    fn a_signal_ends_the_wait() {
        let interrupt = Interrupt::default();
        interrupt.signal.store(15, Ordering::Relaxed);
        assert_eq!(interrupt.wait(Duration::from_secs(60), || false), Err(Stop::Signal(15)));
    }
}
