//! The bounded worker pool and its counters: the thread pool of a classic server, made measurable.
//!
//! Threads of the kernel take jobs from one bounded queue. Coroutines hand jobs in and wait without
//! holding a thread. A full queue refuses at once; a job that nobody waits for any more is dropped unrun.

mod accounting;
mod deadlines;
#[cfg(test)]
mod tests;
mod waits;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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
/// A job that waited less is run without asking whether anybody still waits: that costs a system call, and hardly anybody leaves
/// so soon.
const SURELY_AWAITED: Duration = Duration::from_millis(10);

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
    /// Threads that sleep and were not called yet. Only when there are some does a new job cost the system call that wakes one.
    idle: usize,
    /// Threads that were called and have not noticed yet.
    called: usize,
    accounting: Accounting,
}

impl QueueState {
    fn queued(&self) -> u64 {
        self.queue.len() as u64
    }

    /// Takes the oldest job, if there is one, and counts its start.
    fn next(&mut self, now: Instant) -> Option<Job> {
        let job = self.queue.pop_front()?;
        self.accounting.started(self.queue.len() as u64, now);
        Some(job)
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
        let state = QueueState { queue: VecDeque::new(), closed: false, idle: 0, called: 0, accounting };
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
    /// # Errors
    /// See [`Refused`]; what `abandoned` is for says [`Self::start_job`].
    pub fn run<T, F, A>(&self, job: F, abandoned: A) -> Result<Done<T>, Refused>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.start_job(job, abandoned)?.wait()
    }

    /// Hands in `job`, and does not wait: so one coroutine has jobs in several pools at once.
    ///
    /// `abandoned` is asked before a job starts that has waited some time; when it says yes the job is dropped unrun. It is asked
    /// again when the caller is woken before the job has ended: then the caller leaves, and nobody gets the job's result.
    ///
    /// # Errors
    /// When the queue is full.
    pub fn start_job<T, F, A>(&self, job: F, abandoned: A) -> Result<Pending<T>, Refused>
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
        Ok(Pending { slot, submitter, deadline, abandoned })
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

/// Where a job leaves its outcome.
type Slot<T> = Arc<Mutex<Option<Result<Done<T>, Refused>>>>;

/// A job that was handed in. Dropped, it runs all the same, and nobody gets its result.
pub struct Pending<T> {
    slot: Slot<T>,
    submitter: Waiter,
    deadline: Option<Instant>,
    abandoned: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl<T> Pending<T> {
    /// Waits for the result; to be called by whoever handed the job in, who alone is woken.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn wait(self) -> Result<Done<T>, Refused> {
        let mut woken = false;
        loop {
            // First of all: a job that ended while another one was waited for has used up its waking.
            if let Some(result) = lock(&self.slot).take() {
                return result;
            }
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(Refused::TimedOut);
            }
            if woken && (self.abandoned)() {
                return Err(Refused::Abandoned);
            }
            self.submitter.wait();
            woken = true;
        }
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
        state.accounting.changed(queued + 1, job.submitted);
        state.queue.push_back(job);
        let call = state.idle > 0;
        if call {
            state.idle -= 1;
            state.called += 1;
        }
        drop(state);
        if call {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// A thread of the pool, until the pool is dropped.
    fn work(&self) {
        let mut state = lock(&self.state);
        loop {
            let now = Instant::now();
            if let Some(job) = state.next(now) {
                drop(state);
                self.run_all(job, now);
                state = lock(&self.state);
            } else if state.closed {
                return;
            } else {
                state.idle += 1;
                state = self.sleep(state);
            }
        }
    }

    /// Sleeps until the thread is called, or the pool is dropped.
    fn sleep<'s>(&self, state: MutexGuard<'s, QueueState>) -> MutexGuard<'s, QueueState> {
        let uncalled = |state: &mut QueueState| state.called == 0 && !state.closed;
        let mut state = self.wake.wait_while(state, uncalled).unwrap_or_else(PoisonError::into_inner);
        state.called = state.called.saturating_sub(1);
        state
    }

    /// Runs a job that starts `now`, and those behind it until none waits: each ends and the next one starts under one lock.
    fn run_all(&self, job: Job, mut now: Instant) {
        let mut job = Some(job);
        while let Some(Job { run, abandoned, submitter, submitted }) = job {
            let waited = now.saturating_duration_since(submitted);
            self.recent_waits.record(waited, now);
            self.waits.record(waited);
            let refused = if waited > self.config.queue_timeout {
                Some(Refused::Expired)
            } else if waited > SURELY_AWAITED && abandoned() {
                Some(Refused::Abandoned)
            } else {
                None
            };
            run(refused, waited);
            now = Instant::now();
            let mut state = lock(&self.state);
            let queued = state.queued();
            state.accounting.ended(refused.is_none(), queued, now);
            job = state.next(now);
            drop(state);
            // After it was counted, so that whoever waited for it finds it in the counters.
            submitter.wake();
        }
    }
}
