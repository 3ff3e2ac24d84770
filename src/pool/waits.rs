//! How long jobs waited for a thread, since the pool started: a histogram with fixed bounds, so that those of several
//! nodes can be added up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in milliseconds: from "a thread was free" to the default patience of the queue.
const BOUNDS_MILLISECONDS: [f64; 13] =
    [0.1, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 5_000.0, 30_000.0];

/// Counts waits; shared by the threads of a pool.
#[derive(Default)]
pub(super) struct Waits {
    /// By bucket; the last one is for what exceeds every bound.
    counts: [AtomicU64; BOUNDS_MILLISECONDS.len() + 1],
    microseconds: AtomicU64,
}

/// The waits so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WaitHistogram {
    /// Upper bound in milliseconds, and how many waited at most that long: each bucket counts those before it as well.
    pub at_most: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// How long they waited together, in milliseconds.
    pub sum_milliseconds: f64,
}

impl WaitHistogram {
    /// Both added up. One without any bucket, of a pool that is none, adds nothing.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        if self.at_most.is_empty() {
            return other;
        }
        for ((_, count), (_, more)) in self.at_most.iter_mut().zip(other.at_most) {
            *count += more;
        }
        self.count += other.count;
        self.sum_milliseconds += other.sum_milliseconds;
        self
    }
}

impl Waits {
    pub fn record(&self, wait: Duration) {
        let milliseconds = wait.as_secs_f64() * 1e3;
        let bucket = BOUNDS_MILLISECONDS.partition_point(|bound| *bound < milliseconds);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(wait.as_micros() as u64, Ordering::Relaxed);
    }

    pub fn reading(&self) -> WaitHistogram {
        let mut count = 0;
        let mut below = |bucket: &AtomicU64| {
            count += bucket.load(Ordering::Relaxed);
            count
        };
        let at_most = BOUNDS_MILLISECONDS.iter().zip(&self.counts).map(|(bound, bucket)| (*bound, below(bucket)));
        let at_most = at_most.collect();
        let count = below(&self.counts[BOUNDS_MILLISECONDS.len()]);
        WaitHistogram { at_most, count, sum_milliseconds: self.microseconds.load(Ordering::Relaxed) as f64 / 1e3 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_counted_up_to_each_bound() {
        let waits = Waits::default();
        for microseconds in [0, 100, 1_000, 1_001, 400_000, 60_000_000] {
            waits.record(Duration::from_micros(microseconds));
        }
        let WaitHistogram { at_most, count, sum_milliseconds } = waits.reading();
        let upto = |bound: f64| at_most.iter().find(|(at_most, _)| *at_most == bound).map(|(_, count)| *count);
        assert_eq!([0.1, 1.0, 2.5, 250.0, 500.0, 30_000.0].map(upto), [2, 3, 4, 4, 5, 5].map(Some));
        assert_eq!((count, sum_milliseconds), (6, 60_402.101));
        let both = waits.reading().and(WaitHistogram::default());
        let both = WaitHistogram::default().and(both).and(waits.reading());
        assert_eq!((both.count, both.at_most[0], both.sum_milliseconds), (12, (0.1, 4), 2.0 * 60_402.101));
    }
}
