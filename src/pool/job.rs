//! What waits in the queue of a pool, and how it is done.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Abandoned, Batch, Done, Refused};
use crate::lock::lock;
use crate::worker::Waiter;

/// A job that waited less is run without asking whether anybody still waits: that costs a system call, and hardly anybody leaves
/// so soon.
pub(super) const SURELY_AWAITED: Duration = Duration::from_millis(10);

/// Where a job leaves its outcome.
pub(super) type Slot<T> = Arc<Mutex<Option<Result<Done<T>, Refused>>>>;

/// A job in the queue. Its submitter is woken when it has been done and counted.
pub(super) struct Job<B: Batch> {
    pub kind: JobKind<B>,
    pub abandoned: Abandoned,
    pub submitter: Waiter,
    pub submitted: Instant,
}

/// What is to be done.
pub(super) enum JobKind<B: Batch> {
    /// Runs a job, or drops it when told why; leaves the outcome in its slot.
    Run(Box<dyn FnOnce(Option<Refused>, Duration) + Send>),
    /// A question, answered together with those behind it.
    Answer(B::Question, Slot<B::Answer>),
}

impl<B: Batch> Job<B> {
    /// Whether it may be done together with others.
    pub fn is_question(&self) -> bool {
        match self.kind {
            JobKind::Answer(..) => true,
            JobKind::Run(_) => false,
        }
    }

    /// Why it must not be done any more, after it waited so long.
    fn refused(&self, waited: Duration, queue_timeout: Duration) -> Option<Refused> {
        if waited > queue_timeout {
            Some(Refused::Expired)
        } else if waited > SURELY_AWAITED && (self.abandoned)() {
            Some(Refused::Abandoned)
        } else {
            None
        }
    }
}

/// Takes what one thread does next: the oldest job, and where that is a question, those behind it up to the next job that is none.
pub(super) fn take<B: Batch>(queue: &mut VecDeque<Job<B>>, most: usize) -> Vec<Job<B>> {
    let questions = queue.iter().take(most).take_while(|job| job.is_question()).count();
    let count = questions.max(1).min(queue.len());
    queue.drain(..count).collect()
}

/// Does these jobs, which waited until `now`; gives those who are to be woken, and how many of the jobs were dropped.
pub(super) fn run_all<B: Batch>(
    jobs: Vec<Job<B>>,
    batch: &B,
    queue_timeout: Duration,
    now: Instant,
) -> (Vec<Waiter>, usize) {
    let mut submitters = Vec::with_capacity(jobs.len());
    let (mut questions, mut slots) = (Vec::new(), Vec::new());
    let mut dropped = 0;
    for job in jobs {
        let waited = now.saturating_duration_since(job.submitted);
        let refused = job.refused(waited, queue_timeout);
        dropped += usize::from(refused.is_some());
        match (job.kind, refused) {
            (JobKind::Run(run), _) => run(refused, waited),
            (JobKind::Answer(_, slot), Some(refused)) => *lock(&slot) = Some(Err(refused)),
            (JobKind::Answer(question, slot), None) => {
                questions.push(question);
                slots.push((slot, waited));
            }
        }
        submitters.push(job.submitter);
    }
    if !questions.is_empty() {
        answer(batch, questions, slots);
    }
    (submitters, dropped)
}

/// Answers the questions at once. Each took as long as all of them.
fn answer<B: Batch>(batch: &B, questions: Vec<B::Question>, slots: Vec<(Slot<B::Answer>, Duration)>) {
    let start = Instant::now();
    let answers = catch_unwind(AssertUnwindSafe(|| batch.answer(questions))).unwrap_or_default();
    let worked = start.elapsed();
    let mut answers = answers.into_iter();
    for (slot, queued) in slots {
        // A panic left no answers.
        let value = answers.next().ok_or(Refused::Panicked);
        *lock(&slot) = Some(value.map(|value| Done { value, queued, worked }));
    }
}
