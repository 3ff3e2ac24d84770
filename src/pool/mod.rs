//! The bounded worker pool and its counters: the thread pool of a classic server, made measurable.
//!
//! Threads of the kernel take jobs from one bounded queue. Coroutines hand jobs in and wait without
//! holding a thread. A full queue refuses at once; a job that nobody waits for any more is dropped unrun.
//!
//! A pool may be able to answer several questions at once ([`Batch`]). A thread then takes those that wait, and never waits for
//! more: alone, a question is answered as soon as any other job.

mod accounting;
mod batch;
mod deadlines;
mod job;
#[cfg(test)]
mod tests;
mod waits;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::worker::{self, Waiter};

use accounting::Accounting;
pub use accounting::PoolReading;
pub use batch::{Batch, OneByOne};
use deadlines::Deadlines;
use job::{Job, JobKind, Slot};
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

/// Whether nobody waits for a job any more.
pub type Abandoned = Arc<dyn Fn() -> bool + Send + Sync>;

/// The pool. Its threads end when it is dropped and its queue is empty.
pub struct Pool<B: Batch = OneByOne> {
    shared: Arc<PoolShared<B>>,
}

struct PoolShared<B: Batch> {
    config: PoolConfig,
    batch: B,
    state: Mutex<QueueState<B>>,
    wake: Condvar,
    /// Where there is a timeout.
    deadlines: Option<Arc<Deadlines>>,
    /// Of the last minute.
    recent_waits: crate::recent::Recent,
    /// Since the start.
    waits: Waits,
}

struct QueueState<B: Batch> {
    queue: VecDeque<Job<B>>,
    closed: bool,
    /// Threads that sleep and were not called yet. Only when there are some does a new job cost the system call that wakes one.
    idle: usize,
    /// Threads that were called and have not noticed yet.
    called: usize,
    accounting: Accounting,
}

impl<B: Batch> QueueState<B> {
    fn queued(&self) -> u64 {
        self.queue.len() as u64
    }

    /// Takes what a thread does next, and counts its start; nothing when nothing waits.
    fn next(&mut self, most: usize, now: Instant) -> Vec<Job<B>> {
        let jobs = job::take(&mut self.queue, most);
        if !jobs.is_empty() {
            self.accounting.started(self.queue.len() as u64, now);
        }
        jobs
    }

    /// Puts a job at the end; whether a thread was called for it. None is for a question behind a question: one takes both.
    fn push(&mut self, job: Job<B>, most: usize) -> bool {
        let joins = most > 1 && job.is_question() && self.queue.back().is_some_and(Job::is_question);
        self.queue.push_back(job);
        !joins && self.call()
    }

    /// Calls a thread for questions that are more than the caller has taken: nobody was called for them when they came.
    fn call_for_rest(&mut self, most: usize) -> bool {
        most > 1 && self.called == 0 && !self.queue.is_empty() && self.call()
    }

    /// Calls a thread that sleeps; whether there is one, which is then to be woken without the lock.
    fn call(&mut self) -> bool {
        if self.idle == 0 {
            return false;
        }
        self.idle -= 1;
        self.called += 1;
        true
    }
}

impl Pool {
    /// Starts the threads of a pool that has no questions.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(config: PoolConfig) -> std::io::Result<Self> {
        Self::start_with(config, OneByOne)
    }
}

impl<B: Batch> Pool<B> {
    /// Starts the threads, which answer questions by `batch`.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start_with(config: PoolConfig, batch: B) -> std::io::Result<Self> {
        let accounting = Accounting::new(config.threads as u64, Instant::now());
        let state = QueueState { queue: VecDeque::new(), closed: false, idle: 0, called: 0, accounting };
        let deadlines = config.timeout.map(|_| Deadlines::start(config.name)).transpose()?;
        let shared = Arc::new(PoolShared {
            config,
            batch,
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
        self.start_job(job, Arc::new(abandoned))?.wait()
    }

    /// Hands in `job`, and does not wait: so one coroutine has jobs in several pools at once.
    ///
    /// `abandoned` is asked before a job starts that has waited some time; when it says yes the job is dropped unrun. It is asked
    /// again when the caller is woken before the job has ended: then the caller leaves, and nobody gets the job's result.
    ///
    /// # Errors
    /// When the queue is full.
    pub fn start_job<T, F>(&self, job: F, abandoned: Abandoned) -> Result<Pending<T>, Refused>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let slot = Slot::default();
        let outcome = slot.clone();
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
        self.submit(JobKind::Run(Box::new(run)), slot, abandoned)
    }

    /// Hands in a question, which is answered together with those that wait behind it, and does not wait.
    ///
    /// # Errors
    /// As [`Self::start_job`].
    pub fn start_asking(&self, question: B::Question, abandoned: Abandoned) -> Result<Pending<B::Answer>, Refused> {
        let slot = Slot::default();
        self.submit(JobKind::Answer(question, slot.clone()), slot, abandoned)
    }

    fn submit<T>(&self, kind: JobKind<B>, slot: Slot<T>, abandoned: Abandoned) -> Result<Pending<T>, Refused>
    where
        T: Send + 'static,
    {
        let submitter = Waiter::current();
        let submitted = Instant::now();
        self.shared.submit(Job { kind, abandoned: abandoned.clone(), submitter: submitter.clone(), submitted })?;
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

/// A job that was handed in. Dropped, it runs all the same, and nobody gets its result.
pub struct Pending<T> {
    slot: Slot<T>,
    submitter: Waiter,
    deadline: Option<Instant>,
    abandoned: Abandoned,
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

impl<B: Batch> Drop for Pool<B> {
    fn drop(&mut self) {
        lock(&self.shared.state).closed = true;
        self.shared.wake.notify_all();
        if let Some(deadlines) = &self.shared.deadlines {
            deadlines.close();
        }
    }
}

impl<B: Batch> PoolShared<B> {
    fn submit(&self, job: Job<B>) -> Result<(), Refused> {
        let mut state = lock(&self.state);
        // A thread that is free but not yet awake has room for a job, too.
        let free = self.config.threads.saturating_sub(state.accounting.active() as usize);
        let queued = state.queued();
        if state.queue.len() >= self.config.queue + free {
            state.accounting.rejected(queued, job.submitted);
            return Err(Refused::Full);
        }
        state.accounting.changed(queued + 1, job.submitted);
        let called = state.push(job, self.batch.most());
        drop(state);
        self.wake_thread(called);
        Ok(())
    }

    fn wake_thread(&self, called: bool) {
        if called {
            self.wake.notify_one();
        }
    }

    /// A thread of the pool, until the pool is dropped.
    fn work(&self) {
        let mut state = lock(&self.state);
        loop {
            let now = Instant::now();
            let jobs = state.next(self.batch.most(), now);
            if !jobs.is_empty() {
                self.run_all(state, jobs, now);
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
    fn sleep<'s>(&self, state: MutexGuard<'s, QueueState<B>>) -> MutexGuard<'s, QueueState<B>> {
        let uncalled = |state: &mut QueueState<B>| state.called == 0 && !state.closed;
        let mut state = self.wake.wait_while(state, uncalled).unwrap_or_else(PoisonError::into_inner);
        state.called = state.called.saturating_sub(1);
        state
    }

    /// Does these jobs, which were taken `now`, and what is behind them until nothing waits: what ends and what starts next is
    /// counted under one lock.
    fn run_all<'s>(&'s self, mut state: MutexGuard<'s, QueueState<B>>, mut jobs: Vec<Job<B>>, mut now: Instant) {
        let most = self.batch.most();
        let mut submitters = Vec::new();
        loop {
            let called = state.call_for_rest(most);
            drop(state);
            self.wake_thread(called);
            // After their jobs were counted, so that whoever waited for one finds it in the counters.
            worker::wake_all(submitters);
            if jobs.is_empty() {
                return;
            }
            for job in &jobs {
                let waited = now.saturating_duration_since(job.submitted);
                self.recent_waits.record(waited, now);
                self.waits.record(waited);
            }
            let count = jobs.len();
            let dropped;
            (submitters, dropped) = job::run_all(jobs, &self.batch, self.config.queue_timeout, now);
            now = Instant::now();
            state = lock(&self.state);
            let queued = state.queued();
            state.accounting.ended((count - dropped) as u64, dropped as u64, queued, now);
            jobs = state.next(most, now);
        }
    }
}
