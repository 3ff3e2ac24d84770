//! One recorder for each generator thread, merged at the end. A coroutine records into the recorder of the thread it is
//! on, so two threads never wait for each other there.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;

use super::histograms::{add, histogram};
use super::recorder::ThreadRecorder;
use super::timeline::Timeline;
use crate::lock::lock;

/// ThreadCounters of a thread that others read while the run lasts.
#[derive(Default)]
#[repr(align(128))] // two cache lines: threads do not disturb each other
pub(super) struct ThreadCounters {
    /// Requests that are due: their intended time has come.
    pub begun: AtomicU64,
    /// Requests that ended, one way or another.
    pub ended: AtomicU64,
    /// Those with a correct answer.
    pub good: AtomicU64,
    /// Requests written to a connection.
    pub sent: AtomicU64,
    /// Whole answers.
    pub answered: AtomicU64,
}

/// One recorder a thread.
pub(super) struct Recorders {
    slots: Vec<(ThreadCounters, Mutex<ThreadRecorder>)>,
}

/// What the counters say, over all threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RequestCounts {
    pub begun: u64,
    pub ended: u64,
    pub good: u64,
    pub sent: u64,
    pub answered: u64,
}

impl RequestCounts {
    /// Requests that have begun and not ended.
    pub fn in_flight(self) -> u64 {
        self.begun.saturating_sub(self.ended)
    }
}

impl Recorders {
    /// `threads` generator threads, and one more for whatever else runs a coroutine.
    pub fn new(threads: usize, targets: usize, open_loop: bool, live: bool) -> Self {
        let slot = || (ThreadCounters::default(), Mutex::new(ThreadRecorder::new(targets, open_loop, live)));
        Self { slots: (0..=threads).map(|_| slot()).collect() }
    }

    /// Also keeps what became of the requests of each second.
    pub fn keep_timeline(&mut self) {
        for (_, recorder) in &mut self.slots {
            recorder.get_mut().unwrap_or_else(PoisonError::into_inner).timeline = Some(Timeline::default());
        }
    }

    /// The counters of the thread that asks.
    pub fn counters(&self) -> &ThreadCounters {
        &self.slots[thread_index() % self.slots.len()].0
    }

    /// The recorder of the thread that asks. It must be given back before the coroutine switches.
    pub fn mine(&self) -> MutexGuard<'_, ThreadRecorder> {
        lock(&self.slots[thread_index() % self.slots.len()].1)
    }

    /// Sums of all counters.
    pub fn counts(&self) -> RequestCounts {
        // What ended is read before what began, so that none seems to end before it began.
        let sum = |read: fn(&ThreadCounters) -> &AtomicU64| {
            self.slots.iter().map(|(counters, _)| read(counters).load(Ordering::Acquire)).sum()
        };
        let (ended, good, answered) = (sum(|c| &c.ended), sum(|c| &c.good), sum(|c| &c.answered));
        RequestCounts { ended, good, answered, sent: sum(|c| &c.sent), begun: sum(|c| &c.begun) }
    }

    /// Takes the response times since the last call.
    pub fn take_recent(&self) -> Histogram<u64> {
        let mut all = histogram();
        for (_, recorder) in &self.slots {
            let mut spare = histogram();
            std::mem::swap(&mut spare, &mut lock(recorder).recent);
            add(&mut all, &spare);
        }
        all
    }

    /// Everything, once the run is over.
    pub fn merged(&self, targets: usize, open_loop: bool) -> ThreadRecorder {
        let mut all = ThreadRecorder::new(targets, open_loop, false);
        for (_, recorder) in &self.slots {
            all.merge(&lock(recorder));
        }
        all
    }
}

/// A number for the thread that runs this. Not inlined: a coroutine may come back on another thread, and the compiler
/// must not keep the address of the old thread's variable across the switch.
#[inline(never)]
fn thread_index() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! { static INDEX: Cell<usize> = const { Cell::new(usize::MAX) } }
    INDEX.with(|index| {
        if index.get() == usize::MAX {
            index.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        index.get()
    })
}

#[cfg(test)]
mod tests {
    use super::super::recorder::tests::{WINDOW, sample};
    use super::*;

    #[test]
    fn threads_are_merged() {
        let recorders = Recorders::new(3, 1, false, true);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    (0..100).for_each(|_| recorders.mine().record(sample(1_000, 1_100), WINDOW));
                    recorders.counters().ended.fetch_add(100, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(recorders.counts().ended, 800);
        let merged = recorders.merged(1, false);
        assert_eq!((merged.targets[0].ok, merged.latency().len()), (800, 800));
        assert_eq!(recorders.take_recent().len(), 800);
        assert_eq!(recorders.take_recent().len(), 0);
    }
}
