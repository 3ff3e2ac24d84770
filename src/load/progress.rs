//! How a run stands while it lasts, told about twice a second.

use std::time::{Duration, Instant};

use super::context::RunContext;
use super::plan::LoadPlan;
use super::recorders::RequestCounts;
use crate::results::number::figure;

/// How a run stands.
#[derive(Clone, Copy, Debug)]
pub struct LoadProgress {
    /// The measured window has not begun.
    pub warming_up: bool,
    /// Warm-up and window together.
    pub total: Duration,
    /// Until the window ends; zero while the last answers are awaited.
    pub left: Duration,
    /// Correct answers a second, since the last call.
    pub per_second: f64,
    /// 99th percentile of the response times since the last call.
    pub p99_milliseconds: Option<f64>,
    /// Requests without a correct answer so far, warm-up included.
    pub errors: u64,
    /// Requests in flight.
    pub in_flight: u64,
}

impl std::fmt::Display for LoadProgress {
    /// One line: rate, 99th percentile, errors, time left.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:.0}/s", self.per_second)?;
        if let Some(p99) = self.p99_milliseconds {
            write!(out, "  p99 {} ms", figure(p99))?;
        }
        write!(out, "  {} errors", self.errors)?;
        match (self.left.is_zero(), self.warming_up) {
            (true, _) => write!(out, "  waiting for {} answers", self.in_flight),
            (false, true) => write!(out, "  warming up, {:.0} s left", self.left.as_secs_f64().ceil()),
            (false, false) => write!(out, "  {:.0} s left", self.left.as_secs_f64().ceil()),
        }
    }
}

/// Who is told how a run stands; `None` where nobody is.
pub type Listener<'a> = Option<&'a mut dyn FnMut(&LoadProgress)>;

/// How often progress is told.
const INTERVAL: Duration = Duration::from_millis(500);

/// Tells progress at its interval.
pub(super) struct ProgressReporter {
    next: Instant,
    last: Instant,
    counts: RequestCounts,
    total: Duration,
}

impl ProgressReporter {
    pub fn new(context: &RunContext, plan: &LoadPlan) -> Self {
        let now = Instant::now();
        let total = plan.duration + plan.warmup;
        Self { next: now + INTERVAL, last: now, counts: context.recorders.counts(), total }
    }

    /// Tells how the run stands at `now` (nanoseconds on its clock), if it is time.
    pub fn report(&mut self, context: &RunContext, now: u64, listener: &mut Listener<'_>) {
        let Some(tell) = listener else { return };
        let at = Instant::now();
        if at < self.next {
            return;
        }
        let seconds = at.duration_since(self.last).as_secs_f64();
        let counts = context.recorders.counts();
        let window = context.window();
        let recent = context.recorders.take_recent();
        tell(&LoadProgress {
            warming_up: now < window.start,
            total: self.total,
            left: Duration::from_nanos(window.end.saturating_sub(now)),
            per_second: (counts.good - self.counts.good) as f64 / seconds,
            p99_milliseconds: (!recent.is_empty()).then(|| recent.value_at_quantile(0.99) as f64 / 1e6),
            // Both counters move on while they are read.
            errors: counts.ended.saturating_sub(counts.good),
            in_flight: counts.in_flight(),
        });
        (self.next, self.last, self.counts) = (at + INTERVAL, at, counts);
    }
}
