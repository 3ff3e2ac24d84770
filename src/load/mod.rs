//! The load generator: schedule, client, recorder, verdict.
//!
//! | file | what it does |
//! | --- | --- |
//! | `plan` `target` | what shall be done, as plain data |
//! | `limits` | what the machine must give for it |
//! | `run` | one run from start to end |
//! | `closed` `open` `schedule` `timer` | who sends when |
//! | `agent` `answer` `facts` `watch` | one user's exchange; reading an answer; deadlines |
//! | `recorder` `recorders` `summary` `percentiles` `failure` | what was measured |
//! | `guard` `verdict` | whether the generator itself was the limit |
//! | `find` `search` `objective` | the highest rate that keeps an objective |
//! | `text` `warning` | the outcome for people, and what they should know before they trust it |

mod agent;
mod answer;
mod closed;
mod facts;
mod failure;
mod find;
mod gate;
mod guard;
mod limits;
mod objective;
mod open;
mod percentiles;
mod plan;
mod recorder;
mod recorders;
mod run;
mod schedule;
mod search;
mod summary;
mod target;
mod text;
mod timer;
mod verdict;
mod warning;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::results::load::LoadOutcome;

pub use find::{Event, Found, LevelOutcome};
pub use objective::{Bound, Figure, Judgement, Objective, parse_share};
pub use plan::{Expect, Load, Plan, StatusPattern};
pub use search::Search;
pub use target::{Target, Url, parse_mix};
pub use text::text;

/// Ends a run early, from another thread or a signal handler.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks the run to end now, with what it has.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was asked.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// The flag itself, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// How a run stands, about twice a second.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
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

impl std::fmt::Display for Progress {
    /// One line: rate, 99th percentile, errors, time left.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:.0}/s", self.per_second)?;
        if let Some(p99) = self.p99_milliseconds {
            write!(out, "  p99 {} ms", text::figure(p99))?;
        }
        write!(out, "  {} errors", self.errors)?;
        match (self.left.is_zero(), self.warming_up) {
            (true, _) => write!(out, "  waiting for {} answers", self.in_flight),
            (false, true) => write!(out, "  warming up, {:.0} s left", self.left.as_secs_f64().ceil()),
            (false, false) => write!(out, "  {:.0} s left", self.left.as_secs_f64().ceil()),
        }
    }
}

/// Runs a plan to its end.
///
/// # Errors
/// When the plan makes no sense, the limits of the machine forbid it, or nothing listens at an address.
pub fn run(plan: &Plan) -> anyhow::Result<LoadOutcome> {
    run::run(plan, &Interrupt::default(), None)
}

/// Runs a plan; `interrupt` ends it early, and `progress` is called about twice a second on the calling thread.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    plan: &Plan,
    interrupt: &Interrupt,
    progress: Option<&mut dyn FnMut(&Progress)>,
) -> anyhow::Result<LoadOutcome> {
    run::run(plan, interrupt, progress)
}

/// Searches the highest rate that keeps an objective, with runs of `plan` (an open loop, whose rate is not used).
/// `tell` is called on the calling thread.
///
/// # Errors
/// As [`run`], or when the plan is a closed loop.
pub fn find(
    plan: &Plan,
    search: &Search,
    objective: &Objective,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(Event<'_>),
) -> anyhow::Result<Found> {
    find::find(plan, search, objective, interrupt, tell)
}
