//! Sleeping coroutines, and the one thread that wakes them.
//!
//! The sleep of `may` is not safe (see `worker`), and the coroutine goes on upon the timer's thread. This one ends on the
//! worker that it began on.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use may::coroutine;

use crate::lock::lock;
use crate::worker::{IoWaker, Waiter};

/// None when there was no thread for it.
static TIMER: OnceLock<Option<Arc<TimerThread>>> = OnceLock::new();

/// A longer sleep is several entries of the timer.
const LONGEST_PART: Duration = Duration::from_secs(30);

#[derive(Default)]
struct TimerThread {
    sleepers: Mutex<BinaryHeap<Sleeper>>,
    /// Told when a sleeper comes before all others.
    sooner: Condvar,
}

struct Sleeper {
    end: Instant,
    target: SleepingTask,
}

/// Who is woken.
enum SleepingTask {
    Waiter(Waiter),
    Io(IoWaker),
}

/// Sleeps at least that long: a coroutine without holding a thread, unless there was none for the timer.
pub fn sleep(duration: Duration) {
    sleep_unless(duration, || false);
}

/// Sleeps like [`sleep`], but ends early where the coroutine is woken by somebody else and `interrupted` says yes.
pub fn sleep_unless(duration: Duration, interrupted: impl Fn() -> bool) {
    if !coroutine::is_coroutine() || duration.is_zero() {
        return std::thread::sleep(duration);
    }
    let Some(timer) = TIMER.get_or_init(TimerThread::start) else { return std::thread::sleep(duration) };
    let end = Instant::now() + duration;
    let waiter = Waiter::current();
    // In parts: whoever ends early leaves its entry with the timer until the part is over.
    let mut part_end = Instant::now();
    loop {
        let now = Instant::now();
        if now >= end || interrupted() {
            return;
        }
        if now >= part_end {
            part_end = end.min(now + LONGEST_PART);
            timer.add(Sleeper { end: part_end, target: SleepingTask::Waiter(waiter.clone()) });
        }
        waiter.wait();
    }
}

/// Wakes when `end` has come.
///
/// # Errors
/// When there is no thread for the timer.
pub(crate) fn wake_at(end: Instant, waker: IoWaker) -> io::Result<()> {
    let timer =
        TIMER.get_or_init(TimerThread::start).as_ref().ok_or_else(|| io::Error::other("no thread for the timer"))?;
    timer.add(Sleeper { end, target: SleepingTask::Io(waker) });
    Ok(())
}

impl TimerThread {
    fn start() -> Option<Arc<TimerThread>> {
        let timer = Arc::<TimerThread>::default();
        let inside = timer.clone();
        match std::thread::Builder::new().name("timer".into()).spawn(move || inside.run()) {
            Ok(_) => Some(timer),
            Err(error) => {
                log::error!("no thread for the timer, so that every sleep holds one: {error}");
                None
            }
        }
    }

    fn add(&self, sleeper: Sleeper) {
        let end = sleeper.end;
        let mut sleepers = lock(&self.sleepers);
        let first = sleepers.peek().is_none_or(|next| end < next.end);
        sleepers.push(sleeper);
        drop(sleepers);
        if first {
            self.sooner.notify_one();
        }
    }

    /// Wakes every sleeper in its time, for ever.
    fn run(&self) {
        let mut due = Vec::new();
        let mut sleepers = lock(&self.sleepers);
        loop {
            let now = Instant::now();
            while sleepers.peek().is_some_and(|next| next.end <= now) {
                due.extend(sleepers.pop());
            }
            if !due.is_empty() {
                // Waking takes a while: meanwhile others may add themselves, so the lock is not held.
                drop(sleepers);
                due.drain(..).for_each(|sleeper: Sleeper| sleeper.target.wake());
                sleepers = lock(&self.sleepers);
                continue;
            }
            sleepers = match sleepers.peek().map(|next| next.end - now) {
                None => self.sooner.wait(sleepers).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.sooner.wait_timeout(sleepers, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }
}

impl SleepingTask {
    fn wake(&self) {
        match self {
            SleepingTask::Waiter(waiter) => waiter.wake(),
            SleepingTask::Io(waker) => waker.wake(),
        }
    }
}

// The heap has its greatest on top: that is who wakes first.
impl Ord for Sleeper {
    fn cmp(&self, other: &Sleeper) -> Ordering {
        other.end.cmp(&self.end)
    }
}

impl PartialOrd for Sleeper {
    fn partial_cmp(&self, other: &Sleeper) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sleeper {
    fn eq(&self, other: &Sleeper) -> bool {
        self.end == other.end
    }
}

impl Eq for Sleeper {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_wakes_early_and_everybody_wakes() {
        crate::worker::start().unwrap();
        let sleepers: Vec<_> = (0..2_000_u64)
            .map(|number| {
                may::go!(move || {
                    for turn in 0..5 {
                        // Long, short and none at all, so that each comes before and after others.
                        let duration = Duration::from_micros((number * 7 + turn * 13) % 20 * 500);
                        let start = Instant::now();
                        sleep(duration);
                        assert!(start.elapsed() >= duration);
                    }
                })
            })
            .collect();
        for sleeper in sleepers {
            sleeper.join().unwrap();
        }
    }

    #[test]
    fn the_next_to_wake_is_the_one_with_the_least_left() {
        let start = Instant::now();
        let at = |seconds| Sleeper {
            end: start + Duration::from_secs(seconds),
            target: SleepingTask::Waiter(Waiter::current()),
        };
        let mut heap: BinaryHeap<Sleeper> = [3, 1, 2].map(at).into();
        let order = std::iter::from_fn(|| heap.pop()).map(|sleeper| (sleeper.end - start).as_secs());
        assert_eq!(order.collect::<Vec<_>>(), [1, 2, 3]);
    }
}
