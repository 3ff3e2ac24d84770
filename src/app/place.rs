//! Where a request is worked out, and for whom.

use std::sync::Arc;
use std::time::Instant;

use crate::cache::Waiters;
use crate::http::Problem;
use crate::store::Store;

use super::Inner;
use super::state::{AnswerTimes, Asking, ask_here};
use super::waiting::Waiting;
use super::work::refusal;

/// Where a request is worked out.
pub(super) struct WorkPlace<'a> {
    pub app: &'a Inner,
    /// For whom.
    pub waiting: Waiting,
    /// Whether it has a thread of the worker pool already: model sync.
    holds_thread: bool,
}

impl<'a> WorkPlace<'a> {
    pub fn new(app: &'a Inner, waiting: Waiting, holds_thread: bool) -> Self {
        Self { app, waiting, holds_thread }
    }

    /// The same for these others, too.
    pub fn with_others(&self, others: Waiters) -> Self {
        Self { waiting: self.waiting.with(others), app: self.app, holds_thread: self.holds_thread }
    }

    /// Computes on a thread of the pool.
    pub fn compute<T, F>(&self, job: F) -> Result<(T, AnswerTimes), Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if self.holds_thread {
            let start = Instant::now();
            let value = job();
            return Ok((value, AnswerTimes { worked: start.elapsed(), ..AnswerTimes::default() }));
        }
        let done = self.app.pool.run(job, self.waiting.clone().gone()).map_err(refusal)?;
        Ok((done.value, AnswerTimes { queued: done.queued, worked: done.worked, ..AnswerTimes::default() }))
    }

    /// Asks a store one or more questions, waiting in this coroutine or on this thread.
    pub fn ask<T, W>(&self, store: &Arc<Store>, work: W) -> Result<(T, AnswerTimes), Problem>
    where
        W: FnOnce(&mut Asking<'_>) -> Result<T, Problem>,
    {
        ask_here(store, self.waiting.clone(), work)
    }
}
