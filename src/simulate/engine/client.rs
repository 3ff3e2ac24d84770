//! What clients do when a try fails: they give up, or send it again.

use super::SimulationEngine;
use crate::simulate::outcome::RequestFailure;
use crate::simulate::random::uniform;
use crate::simulate::task::{NONE, TaskPhase};

/// Retries that may be saved for a burst.
const MOST_TOKENS: f64 = 100.0;

impl SimulationEngine<'_> {
    /// Each request allows a part of a retry.
    pub fn save_for_retries(&mut self, budget: f64) {
        self.tokens = (self.tokens + budget).min(MOST_TOKENS.max(budget));
    }

    /// The first of the tries that are waited for runs out of time, unless it has ended before.
    pub fn time_out(&mut self) {
        if let Some((_, request, stamp)) = self.timeouts.pop_front()
            && self.requests[request].stamp == stamp
        {
            self.fail(request, RequestFailure::TimedOut);
        }
    }

    /// A try has failed: the client leaves its tasks, and tries again or gives up.
    pub fn fail(&mut self, request: u32, failure: RequestFailure) {
        self.abandon(request);
        let item = &mut self.requests[request];
        item.stamp = 0;
        let (measured, tries) = (item.measured, item.tries);
        self.recorder.fail(measured, failure);
        if self.may_retry(tries) {
            let client = &self.model.client;
            let full = client.retry_seconds * f64::powi(2.0, (tries - 1).min(1000) as i32);
            let wait = if client.jitter { full * uniform(&mut self.client) } else { full };
            self.events.push(self.now + wait, crate::simulate::event::SimulatedEvent::Retry(request));
            return;
        }
        self.recorder.lose(measured, failure);
        if let Some(interval) = &mut self.fleet.interval {
            interval.lost += 1;
        }
        self.free_request(request);
    }

    fn may_retry(&mut self, tries: u32) -> bool {
        if tries > self.model.client.retries {
            return false;
        }
        if self.model.client.retry_budget.is_some() {
            if self.tokens < 1.0 {
                return false;
            }
            self.tokens -= 1.0;
        }
        true
    }

    /// Leaves the tasks of a request. Those that run, run on; those that wait are dropped when their turn comes, unless the
    /// server does not notice that the client has gone.
    fn abandon(&mut self, request: u32) {
        let mut task = std::mem::replace(&mut self.requests[request].first, NONE);
        while task != NONE {
            let item = &mut self.tasks[task];
            let (next, node, phase) = (item.sibling, item.node, item.phase);
            item.request = NONE;
            match phase {
                TaskPhase::Done | TaskPhase::Free => self.free_task(task),
                TaskPhase::Running => self.balancer.closed(node),
                TaskPhase::Queued | TaskPhase::Dropped => {
                    // A task in a store's queue may hold a thread of its node, which gets free by its turn only.
                    let needed = item.store != NONE && self.holds_thread();
                    if !needed && !self.model.client.serve_abandoned {
                        self.tasks[task].phase = TaskPhase::Dropped;
                    }
                    self.balancer.closed(node);
                }
            }
            task = next;
        }
    }
}
