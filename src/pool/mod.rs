//! The bounded worker pool and its counters: the thread pool of a classic server, made measurable.
//!
//! Threads of the kernel take jobs from one bounded queue. Coroutines hand jobs in and wait without
//! holding a thread. A full queue refuses at once; a job that nobody waits for any more is dropped unrun.

mod accounting;
mod deadlines;
mod waits;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::worker::Waiter;

use accounting::Accounting;
pub use accounting::PoolReading;
use deadlines::Deadlines;
pub use waits::WaitHistogram;
use waits::Waits;

/// Stack of a pool thread, bytes. Address space only: pages are taken as they are touched.
const STACK: usize = 512 * 1024;

/// How a job ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The queue was full; the job was not taken.
    Full,
    /// The job waited longer than the pool lets jobs wait, and was dropped unrun.
    Expired,
    /// The job had not ended when the pool's timeout had passed. What it gives later is lost.
    TimedOut,
    /// Nobody waited for the result any more, and the job was dropped unrun.
    Abandoned,
    /// The job panicked.
    Panicked,
}

/// A result, and where its time went.
#[derive(Clone, Copy, Debug)]
pub struct Done<T> {
    /// What the job gave.
    pub value: T,
    /// From submission to start.
    pub queued: Duration,
    /// From start to end: the service time.
    pub worked: Duration,
}

/// Size and patience of a pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolConfig {
    /// What its threads are called, with a number behind it.
    pub name: &'static str,
    /// Threads.
    pub threads: usize,
    /// Jobs that may wait beside those that run.
    pub queue: usize,
    /// Longest wait; an older job is dropped unrun.
    pub queue_timeout: Duration,
    /// Longest time from the submission of a job until its submitter has an answer, if there is one.
    pub timeout: Option<Duration>,
}

/// The pool. Its threads end when it is dropped and its queue is empty.
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    config: PoolConfig,
    state: Mutex<QueueState>,
    wake: Condvar,
    /// Where there is a timeout.
    deadlines: Option<Arc<Deadlines>>,
    /// Of the last minute.
    recent_waits: crate::recent::Recent,
    /// Since the start.
    waits: Waits,
}

struct QueueState {
    queue: VecDeque<Job>,
    closed: bool,
    accounting: Accounting,
}

impl QueueState {
    fn queued(&self) -> u64 {
        self.queue.len() as u64
    }
}

struct Job {
    /// Runs the job, or drops it when told why; leaves the outcome where the submitter looks for it.
    /// The submitter is woken afterwards, when the job has been counted.
    run: Box<dyn FnOnce(Option<Refused>, Duration) + Send>,
    /// Whether nobody waits any more.
    abandoned: Arc<dyn Fn() -> bool + Send + Sync>,
    submitter: Waiter,
    submitted: Instant,
}

impl Pool {
    /// Starts the threads.
    pub fn start(config: PoolConfig) -> std::io::Result<Pool> {
        let accounting = Accounting::new(config.threads as u64, Instant::now());
        let state = QueueState { queue: VecDeque::new(), closed: false, accounting };
        let deadlines = config.timeout.map(|_| Deadlines::start(config.name)).transpose()?;
        let shared = Arc::new(Shared {
            config,
            state: Mutex::new(state),
            wake: Condvar::new(),
            deadlines,
            recent_waits: Default::default(),
            waits: Waits::default(),
        });
        let pool = Pool { shared };
        for number in 0..config.threads {
            let shared = pool.shared.clone();
            let builder = std::thread::Builder::new().name(format!("{}-{number}", config.name)).stack_size(STACK);
            builder.spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Runs `job` on a thread of the pool and waits for it: in a coroutine without holding a thread.
    ///
    /// `abandoned` is asked before the job starts; when it says yes the job is dropped unrun. It is asked again when the
    /// caller is woken before the job has ended: then the caller leaves, and nobody gets the job's result.
    pub fn run<T, F, A>(&self, job: F, abandoned: A) -> Result<Done<T>, Refused>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
        A: Fn() -> bool + Send + Sync + 'static,
    {
        let slot = Arc::new(Mutex::new(None));
        let submitter = Waiter::current();
        let submitted = Instant::now();
        let outcome = slot.clone();
        let abandoned: Arc<dyn Fn() -> bool + Send + Sync> = Arc::new(abandoned);
        let run = move |refused: Option<Refused>, queued: Duration| {
            let result = match refused {
                Some(refused) => Err(refused),
                None => {
                    let start = Instant::now();
                    let value = catch_unwind(AssertUnwindSafe(job)).map_err(|_| Refused::Panicked);
                    value.map(|value| Done { value, queued, worked: start.elapsed() })
                }
            };
            *lock(&outcome) = Some(result);
        };
        self.shared.submit(Job {
            run: Box::new(run),
            abandoned: abandoned.clone(),
            submitter: submitter.clone(),
            submitted,
        })?;
        let deadline = self.shared.config.timeout.map(|timeout| submitted + timeout);
        if let Some((deadline, deadlines)) = deadline.zip(self.shared.deadlines.as_ref()) {
            let wait = Arc::downgrade(&slot);
            deadlines.add(deadline, wait, submitter.clone());
        }
        loop {
            submitter.wait();
            if let Some(result) = lock(&slot).take() {
                return result;
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(Refused::TimedOut);
            }
            if abandoned() {
                return Err(Refused::Abandoned);
            }
        }
    }

    /// The pool's state now, and its totals.
    pub fn reading(&self) -> PoolReading {
        let now = Instant::now();
        let mut reading = {
            let mut state = lock(&self.shared.state);
            let queued = state.queued();
            state.accounting.reading(queued, self.shared.config.queue as u64, now)
        };
        [reading.queue_wait_p50_milliseconds, reading.queue_wait_p99_milliseconds] =
            self.shared.recent_waits.quantiles([0.5, 0.99], now);
        reading.queue_waits = self.shared.waits.reading();
        reading
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        lock(&self.shared.state).closed = true;
        self.shared.wake.notify_all();
        if let Some(deadlines) = &self.shared.deadlines {
            deadlines.close();
        }
    }
}

impl Shared {
    fn submit(&self, job: Job) -> Result<(), Refused> {
        let mut state = lock(&self.state);
        // A thread that is free but not yet awake has room for a job, too.
        let free = self.config.threads.saturating_sub(state.accounting.active() as usize);
        let queued = state.queued();
        if state.queue.len() >= self.config.queue + free {
            state.accounting.rejected(queued, job.submitted);
            return Err(Refused::Full);
        }
        state.queue.push_back(job);
        state.accounting.changed(queued + 1, Instant::now());
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    fn work(&self) {
        let mut state = lock(&self.state);
        loop {
            let Some(job) = state.queue.pop_front() else {
                if state.closed {
                    return;
                }
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let now = Instant::now();
            let queued = state.queued();
            state.accounting.started(queued, now);
            drop(state);

            let waited = now.saturating_duration_since(job.submitted);
            self.recent_waits.record(waited, now);
            self.waits.record(waited);
            let refused = if waited > self.config.queue_timeout {
                Some(Refused::Expired)
            } else if (job.abandoned)() {
                Some(Refused::Abandoned)
            } else {
                None
            };
            (job.run)(refused, waited);

            state = lock(&self.state);
            let queued = state.queued();
            state.accounting.ended(refused.is_none(), queued, Instant::now());
            drop(state);
            job.submitter.wake();
            state = lock(&self.state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    fn pool(threads: usize, queue: usize, queue_timeout: Duration) -> Arc<Pool> {
        Arc::new(Pool::start(PoolConfig { name: "test", threads, queue, queue_timeout, timeout: None }).unwrap())
    }

    /// A pool of one thread that is busy until the sender is dropped.
    fn blocked(queue: usize, queue_timeout: Duration) -> (Arc<Pool>, mpsc::Sender<()>, std::thread::JoinHandle<()>) {
        let pool = pool(1, queue, queue_timeout);
        let (release, wait) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel();
        let busy = pool.clone();
        let holder = std::thread::spawn(move || {
            let job = move || {
                started.send(()).unwrap();
                let _ = wait.recv();
            };
            busy.run(job, || false).unwrap();
        });
        has_started.recv().unwrap();
        (pool, release, holder)
    }

    #[test]
    fn gives_the_result_to_threads_and_to_coroutines() {
        let pool = pool(2, 10, Duration::from_secs(10));
        assert_eq!(pool.run(|| 6 * 7, || false).unwrap().value, 42);
        let inside = pool.clone();
        let value = may::go!(move || inside.run(|| 6 * 7, || false).unwrap().value).join().unwrap();
        assert_eq!(value, 42);
        assert_eq!(pool.reading().completed_total, 2);
    }

    #[test]
    fn a_full_queue_refuses_at_once() {
        let (pool, release, holder) = blocked(1, Duration::from_secs(10));
        let waiting = pool.clone();
        let second = std::thread::spawn(move || waiting.run(|| 2, || false).unwrap().value);
        while pool.reading().queued == 0 {
            std::thread::yield_now();
        }
        assert_eq!(pool.run(|| 3, || false).unwrap_err(), Refused::Full);
        let reading = pool.reading();
        assert_eq!((reading.active, reading.queued, reading.rejected_total, reading.saturated), (1, 1, 1, true));
        drop(release);
        assert_eq!(second.join().unwrap(), 2);
        holder.join().unwrap();
        assert!(pool.reading().saturated_seconds_total > 0.0);
    }

    #[test]
    fn jobs_that_nobody_waits_for_are_dropped_unrun() {
        let (pool, release, holder) = blocked(10, Duration::from_secs(10));
        let ran = Arc::new(AtomicBool::new(false));
        let (waiting, seen) = (pool.clone(), ran.clone());
        let second =
            std::thread::spawn(move || waiting.run(move || seen.store(true, Ordering::SeqCst), || true).unwrap_err());
        drop(release);
        assert_eq!(second.join().unwrap(), Refused::Abandoned);
        holder.join().unwrap();
        assert!(!ran.load(Ordering::SeqCst));
    }

    #[test]
    fn jobs_that_waited_too_long_expire() {
        let (pool, release, holder) = blocked(10, Duration::from_secs(1));
        let waiting = pool.clone();
        let second = std::thread::spawn(move || waiting.run(|| (), || false).unwrap_err());
        while pool.reading().queued == 0 {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(1_200));
        drop(release);
        assert_eq!(second.join().unwrap(), Refused::Expired);
        holder.join().unwrap();
        assert_eq!(pool.reading().expired_total, 1);
    }

    #[test]
    fn who_waits_longer_than_the_timeout_is_told_and_the_pool_goes_on() {
        let timeout = Duration::from_millis(100);
        let config = PoolConfig { name: "test", threads: 1, queue: 10, queue_timeout: timeout, timeout: Some(timeout) };
        let pool = Arc::new(Pool::start(config).unwrap());
        crate::worker::start().unwrap();
        let (release, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let asked = Instant::now();
        let slow = pool.clone();
        let running = may::go!(move || slow.run(move || lock(&wait).recv().is_err(), || false).map(|_| ()));
        while pool.reading().active == 0 {
            std::thread::yield_now();
        }
        // One that waits for the thread, and one in a thread of its own.
        assert_eq!(pool.run(|| (), || false).map(|_| ()), Err(Refused::TimedOut));
        assert_eq!(running.join().unwrap(), Err(Refused::TimedOut));
        assert!(asked.elapsed() >= timeout);
        drop(release);
        while pool.run(|| 1, || false).map(|done| done.value) != Ok(1) {}
        let reading = pool.reading();
        assert_eq!((reading.active, reading.queued), (0, 0));
    }

    #[test]
    fn a_panicking_job_costs_no_thread() {
        let pool = pool(1, 10, Duration::from_secs(10));
        for _ in 0..3 {
            assert_eq!(pool.run(|| panic!("on purpose"), || false).unwrap_err(), Refused::Panicked);
        }
        assert_eq!(pool.run(|| 1, || false).unwrap().value, 1);
    }

    #[test]
    fn every_job_runs_once() {
        let pool = pool(4, 100_000, Duration::from_secs(60));
        let sum = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..500)
            .map(|number| {
                let (pool, sum) = (pool.clone(), sum.clone());
                may::go!(move || pool.run(move || sum.fetch_add(number, Ordering::SeqCst), || false).is_ok())
            })
            .collect();
        assert!(handles.into_iter().all(|handle| handle.join().unwrap()));
        assert_eq!(sum.load(Ordering::SeqCst), 499 * 500 / 2);
        assert_eq!(pool.reading().completed_total, 500);
    }
}
