//! Ends the wait for jobs that take too long. The job itself goes on: a thread cannot be stopped, but whoever waits for it can
//! be told. One thread a pool does it, not a timer a job: nearly every job ends long before its deadline.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Instant;

use crate::lock::lock;
use crate::worker::Waiter;

/// The jobs that are waited for.
#[derive(Default)]
pub(super) struct Deadlines {
    state: Mutex<DeadlineState>,
    sooner: Condvar,
}

#[derive(Default)]
struct DeadlineState {
    /// In the order of their deadlines, which is that of their submission: one timeout holds for all.
    waiting: VecDeque<DeadlineEntry>,
    /// When the thread looks again; `None` while it waits to be told.
    next_look: Option<Instant>,
    closed: bool,
}

struct DeadlineEntry {
    deadline: Instant,
    /// Gone when the wait has ended.
    wait: Weak<dyn Send + Sync>,
    submitter: Waiter,
}

impl Deadlines {
    /// Starts the thread, which ends after [`Self::close`].
    pub fn start(name: &str) -> std::io::Result<Arc<Self>> {
        let deadlines = Arc::new(Self::default());
        let inside = deadlines.clone();
        std::thread::Builder::new().name(format!("{name}-late")).spawn(move || inside.watch())?;
        Ok(deadlines)
    }

    /// Wakes `submitter` at its deadline if `wait` is still there.
    pub fn add(&self, deadline: Instant, wait: Weak<dyn Send + Sync>, submitter: Waiter) {
        let mut state = lock(&self.state);
        // Those that ended leave in their turn, so that the queue is as long as the longest wait, not as the timeout.
        while state.waiting.front().is_some_and(|entry| entry.wait.strong_count() == 0) {
            state.waiting.pop_front();
        }
        state.waiting.push_back(DeadlineEntry { deadline, wait, submitter });
        if state.next_look.is_none() {
            state.next_look = Some(deadline);
            drop(state);
            self.sooner.notify_one();
        }
    }

    /// Ends the thread.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.sooner.notify_one();
    }

    fn watch(&self) {
        let mut state = lock(&self.state);
        while !state.closed {
            let now = Instant::now();
            while state.waiting.front().is_some_and(|entry| entry.deadline <= now || entry.wait.strong_count() == 0) {
                if let Some(entry) = state.waiting.pop_front().filter(|entry| entry.wait.strong_count() > 0) {
                    entry.submitter.wake();
                }
            }
            state.next_look = state.waiting.front().map(|entry| entry.deadline);
            state = match state.next_look {
                None => self.sooner.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(at) => self.sooner.wait_timeout(state, at - now).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }
}
