//! What the pool counts: how many threads work, for how long they all do, and what happened to jobs.

use std::time::Instant;

/// The state of a pool at one moment, and its totals since it started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PoolReading {
    /// Threads of the pool.
    pub threads: u64,
    /// Threads at work.
    pub active: u64,
    /// Jobs waiting.
    pub queued: u64,
    /// Jobs that may wait.
    pub queue_capacity: u64,
    /// Whether every thread works and jobs wait.
    pub saturated: bool,
    /// Most threads at work at once.
    pub peak_active: u64,
    /// Jobs run to their end, panics included.
    pub completed_total: u64,
    /// Jobs refused because the queue was full.
    pub rejected_total: u64,
    /// Jobs dropped unrun: waited too long, or nobody waited for them any more.
    pub expired_total: u64,
    /// Thread-seconds at work.
    pub busy_seconds_total: f64,
    /// Seconds during which the pool was saturated.
    pub saturated_seconds_total: f64,
    /// Median wait in the queue over the last minute, ms.
    pub queue_wait_p50_milliseconds: Option<f64>,
    /// 99th percentile of the wait in the queue over the last minute, ms.
    pub queue_wait_p99_milliseconds: Option<f64>,
    /// Waits in the queue since the start.
    pub queue_waits: super::WaitHistogram,
}

impl PoolReading {
    /// Two pools as if they were one: added up, with the percentiles of the one where jobs wait longer.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let longer = |left: Option<f64>, right: Option<f64>| left.into_iter().chain(right).reduce(f64::max);
        Self {
            threads: self.threads + other.threads,
            active: self.active + other.active,
            queued: self.queued + other.queued,
            queue_capacity: self.queue_capacity + other.queue_capacity,
            saturated: self.saturated || other.saturated,
            peak_active: self.peak_active + other.peak_active,
            completed_total: self.completed_total + other.completed_total,
            rejected_total: self.rejected_total + other.rejected_total,
            expired_total: self.expired_total + other.expired_total,
            busy_seconds_total: self.busy_seconds_total + other.busy_seconds_total,
            saturated_seconds_total: self.saturated_seconds_total + other.saturated_seconds_total,
            queue_wait_p50_milliseconds: longer(self.queue_wait_p50_milliseconds, other.queue_wait_p50_milliseconds),
            queue_wait_p99_milliseconds: longer(self.queue_wait_p99_milliseconds, other.queue_wait_p99_milliseconds),
            queue_waits: self.queue_waits.and(other.queue_waits),
        }
    }
}

/// Adds up over time what the pool does. It is told of every change, under the pool's lock.
pub(super) struct Accounting {
    totals: PoolReading,
    since: Instant,
}

impl Accounting {
    pub fn new(threads: u64, now: Instant) -> Self {
        Self { totals: PoolReading { threads, ..PoolReading::default() }, since: now }
    }

    pub fn active(&self) -> u64 {
        self.totals.active
    }

    /// Adds the time since the last change, then sets the state that holds from now on.
    pub fn changed(&mut self, queued: u64, now: Instant) {
        let totals = &mut self.totals;
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        totals.busy_seconds_total += seconds * totals.active as f64;
        if totals.saturated {
            totals.saturated_seconds_total += seconds;
        }
        totals.queued = queued;
        totals.saturated = totals.active == totals.threads && queued > 0;
        self.since = self.since.max(now);
    }

    /// A thread has begun to work, on one job or several.
    pub fn started(&mut self, queued: u64, now: Instant) {
        self.changed(queued, now);
        self.totals.active += 1;
        self.totals.peak_active = self.totals.peak_active.max(self.totals.active);
        self.totals.saturated = self.totals.active == self.totals.threads && queued > 0;
    }

    /// A thread is done: it ran so many jobs, and dropped so many unrun.
    pub fn ended(&mut self, ran: u64, dropped: u64, queued: u64, now: Instant) {
        self.changed(queued, now);
        self.totals.active -= 1;
        self.totals.saturated = false;
        self.totals.completed_total += ran;
        self.totals.expired_total += dropped;
    }

    pub fn rejected(&mut self, queued: u64, now: Instant) {
        self.changed(queued, now);
        self.totals.rejected_total += 1;
    }

    pub fn reading(&mut self, queued: u64, queue_capacity: u64, now: Instant) -> PoolReading {
        self.changed(queued, now);
        PoolReading { queue_capacity, ..self.totals.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_is_added_up_by_state() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut accounting = Accounting::new(2, start);
        accounting.started(0, at(1)); // one of two works from 1 on
        accounting.started(0, at(3)); // both work from 3 on
        accounting.changed(1, at(4)); // and one job waits from 4 on: saturated
        accounting.started_again_after_end(at(7));
        let reading = accounting.reading(0, 8, at(9));
        assert_eq!(reading.busy_seconds_total, 2.0 + 2.0 + 6.0 + 4.0);
        assert_eq!(reading.saturated_seconds_total, 3.0);
        assert_eq!((reading.active, reading.peak_active, reading.completed_total), (2, 2, 1));
        assert!(!reading.saturated);
    }

    impl Accounting {
        /// One job ends and the waiting one takes its place.
        fn started_again_after_end(&mut self, now: Instant) {
            self.ended(1, 0, 1, now);
            self.started(0, now);
        }
    }
}
