//! The CPU of a server whose tasks do not simply run from start to end: processor sharing, and a quota.
//!
//! All tasks that run progress at the same speed. So one number tells how far they are: the work that each of them has got since
//! the server was last idle. A task is done when this number reaches what it was at its start plus its own work; only the speed
//! changes as tasks come and go, never the order of these targets.

use super::heap::Heap;
use super::model::SimulatedQuota;

/// What happens next.
#[derive(Clone, Copy, PartialEq)]
enum NextChange {
    Nothing,
    Finish,
    Exhausted,
    Period,
}

/// The CPU of one server.
pub(super) struct SharedCpu {
    /// CPU seconds a second that the threads can use together.
    threads: f64,
    quota: Option<SimulatedQuota>,
    /// Work that each running task got since the server was idle, at `at`.
    work: f64,
    at: f64,
    /// Running tasks by the work at which they are done.
    targets: Heap<u32>,
    running: u32,
    /// CPU time that is left of this period, and the period's end.
    budget: f64,
    period_end: f64,
    next: NextChange,
    /// When that is. An event of another time is not true any more.
    due: f64,
    /// CPU seconds used.
    pub used: f64,
    /// Periods in which a task ran, and those in which the quota stopped it.
    pub periods: u64,
    pub throttled: u64,
    counted: bool,
}

impl SharedCpu {
    /// `phase` is when its first period ends.
    pub fn new(threads: u32, quota: Option<SimulatedQuota>, phase: f64) -> Self {
        Self {
            threads: f64::from(threads),
            quota,
            work: 0.0,
            at: 0.0,
            targets: Heap::new(),
            running: 0,
            budget: quota.map_or(f64::INFINITY, |quota| quota.cores * quota.period_seconds),
            period_end: quota.map_or(f64::INFINITY, |_| phase),
            next: NextChange::Nothing,
            due: f64::INFINITY,
            used: 0.0,
            periods: 0,
            throttled: 0,
            counted: false,
        }
    }

    /// When something happens by itself.
    pub fn due(&self) -> f64 {
        self.due
    }

    /// CPU seconds used until `now`.
    pub fn used_at(&self, now: f64) -> f64 {
        self.used + (now - self.at) * self.burn()
    }

    /// A task begins to run.
    pub fn start(&mut self, now: f64, task: u32, work: f64) {
        self.advance(now);
        if self.running == 0 {
            self.work = 0.0;
        }
        self.targets.push(self.work + work, task);
        self.running += 1;
        self.plan();
    }

    /// What was due happens; a task that is done leaves.
    pub fn happen(&mut self, now: f64) -> Option<u32> {
        let mut done = None;
        let next = self.next;
        self.advance(now);
        match next {
            NextChange::Nothing => {}
            NextChange::Finish => {
                if let Some((target, task)) = self.targets.pop() {
                    self.running -= 1;
                    self.work = target;
                    done = Some(task);
                }
            }
            NextChange::Exhausted => {
                self.budget = 0.0;
                self.throttled += 1;
            }
            NextChange::Period => self.begin_period(now),
        }
        self.plan();
        done
    }

    /// All tasks are lost.
    pub fn clear(&mut self, now: f64) {
        self.advance(now);
        self.targets.clear();
        self.running = 0;
        self.plan();
    }

    /// Another quota, from now on: the kernel hands out the whole of it at once.
    pub fn set_quota(&mut self, now: f64, cores: f64) {
        self.advance(now);
        if let Some(quota) = &mut self.quota {
            quota.cores = cores;
            self.budget = cores * quota.period_seconds;
        }
        self.plan();
    }

    fn stopped(&self) -> bool {
        self.budget <= 0.0
    }

    /// Work that each running task gets a second.
    fn speed(&self) -> f64 {
        if self.running == 0 || self.stopped() { 0.0 } else { (self.threads / f64::from(self.running)).min(1.0) }
    }

    /// CPU seconds a second that all of them use.
    fn burn(&self) -> f64 {
        if self.stopped() { 0.0 } else { f64::from(self.running).min(self.threads) }
    }

    fn advance(&mut self, now: f64) {
        let passed = now - self.at;
        let used = passed * self.burn();
        self.work += passed * self.speed();
        self.used += used;
        self.budget -= used;
        self.at = now;
        // While nothing runs, no event marks the periods.
        if now >= self.period_end {
            self.begin_period(now);
        } else if self.running > 0 && !self.counted {
            (self.periods, self.counted) = (self.periods + 1, true);
        }
    }

    fn begin_period(&mut self, now: f64) {
        if let Some(SimulatedQuota { cores, period_seconds }) = self.quota
            && now >= self.period_end
        {
            self.budget = cores * period_seconds;
            self.period_end += ((now - self.period_end) / period_seconds).floor() * period_seconds + period_seconds;
            self.counted = false;
        }
    }

    fn plan(&mut self) {
        if self.running > 0 && self.quota.is_some() && !self.counted {
            (self.periods, self.counted) = (self.periods + 1, true);
        }
        (self.next, self.due) = if self.running == 0 {
            (NextChange::Nothing, f64::INFINITY)
        } else if self.stopped() {
            (NextChange::Period, self.period_end)
        } else {
            let finish = self.at + ((self.targets.time() - self.work) / self.speed()).max(0.0);
            let exhausted = self.at + self.budget / self.burn();
            if finish <= exhausted && finish <= self.period_end {
                (NextChange::Finish, finish)
            } else if exhausted < self.period_end {
                (NextChange::Exhausted, exhausted)
            } else {
                (NextChange::Period, self.period_end)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs until nothing is left: (time, task) of each end.
    fn ends(shared: &mut SharedCpu) -> Vec<(f64, u32)> {
        let mut ends = Vec::new();
        while shared.due().is_finite() {
            let now = shared.due();
            if let Some(task) = shared.happen(now) {
                ends.push(((now * 1e6).round() / 1e6, task));
            }
        }
        ends
    }

    #[test]
    fn tasks_share_one_thread() {
        let mut shared = SharedCpu::new(1, None, 0.0);
        shared.start(0.0, 1, 2.0);
        shared.start(1.0, 2, 0.5);
        // From 1.0 on each gets half: 2 is done at 2.0; then 1 has 0.5 left.
        assert_eq!(ends(&mut shared), [(2.0, 2), (2.5, 1)]);
        assert!((shared.used - 2.5).abs() < 1e-9);
    }

    #[test]
    fn two_threads_give_a_lonely_task_one() {
        let mut shared = SharedCpu::new(2, None, 0.0);
        shared.start(0.0, 1, 1.0);
        shared.start(0.0, 2, 1.0);
        shared.start(0.0, 3, 3.0);
        // Each at 2/3: two are done at 1.5, then the third runs alone with 2.0 left, at full speed.
        assert_eq!(ends(&mut shared), [(1.5, 1), (1.5, 2), (3.5, 3)]);
    }

    #[test]
    fn a_quota_stops_and_starts_again() {
        let quota = SimulatedQuota { cores: 0.25, period_seconds: 0.1 };
        let mut shared = SharedCpu::new(1, Some(quota), 0.1);
        // 25 ms of each 100 ms: 60 ms of work from 0 are 25 + 25 + 10, the last from 200 ms on.
        shared.start(0.0, 1, 0.06);
        assert_eq!(ends(&mut shared), [(0.21, 1)]);
        assert_eq!((shared.periods, shared.throttled), (3, 2));
        // After a pause one whole budget is there, and no more: 25 ms until 1.075, 25 ms from 1.1 on, 10 ms from 1.2 on.
        shared.start(1.05, 2, 0.06);
        assert_eq!(ends(&mut shared), [(1.21, 2)]);
    }

    #[test]
    fn two_threads_use_a_quota_twice_as_fast() {
        let quota = SimulatedQuota { cores: 0.5, period_seconds: 0.1 };
        let mut shared = SharedCpu::new(2, Some(quota), 0.1);
        shared.start(0.0, 1, 0.03);
        shared.start(0.0, 2, 0.03);
        // 50 ms are used up by both at 25 ms; the rest of 5 ms each comes in the next period.
        assert_eq!(ends(&mut shared), [(0.105, 1), (0.105, 2)]);
        assert!((shared.used - 0.06).abs() < 1e-9);
    }

    #[test]
    fn a_larger_quota_counts_at_once() {
        let mut shared = SharedCpu::new(1, Some(SimulatedQuota { cores: 0.1, period_seconds: 0.1 }), 0.1);
        shared.start(0.0, 1, 0.05);
        let stopped = shared.due();
        assert!((stopped - 0.01).abs() < 1e-12);
        assert_eq!(shared.happen(stopped), None);
        shared.set_quota(0.02, 1.0);
        assert_eq!(ends(&mut shared), [(0.06, 1)]);
    }
}
