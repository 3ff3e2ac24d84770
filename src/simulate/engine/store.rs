//! What tasks do at a store behind their nodes.

use super::{SimulationEngine, waited};
use crate::simulate::outcome::RequestFailure;
use crate::simulate::random::{below, uniform};
use crate::simulate::task::{NONE, Task, TaskPhase};

impl SimulationEngine<'_> {
    /// The second part of a task, where there is one.
    pub fn ask_store(&mut self, task: u32) {
        let Some(behind) = &mut self.behind else { return };
        let node = self.tasks[task].node;
        let needed = behind.share >= 1.0 || uniform(&mut behind.random) < behind.share;
        let mut refused = false;
        if needed {
            let store = below(&mut behind.random, behind.tier.len()) as u32;
            let item = &mut self.tasks[task];
            (item.store, item.entered, item.work) = (store, self.now, behind.service.draw());
            refused = behind.tier.offer(store, task, self.now, &mut self.tasks, &mut self.events).is_err();
        }
        if !needed || refused || !behind.holds_thread {
            self.nodes.release(node, self.now, &mut self.tasks, &mut self.events);
        }
        if !needed {
            self.deliver(task);
        } else if refused {
            match self.tasks[task].request {
                NONE => self.free_task(task),
                request => {
                    self.balancer.closed(node);
                    self.fail(request, RequestFailure::StoreFull);
                }
            }
        }
        self.leave_if_idle(node);
    }

    pub fn store_done(&mut self, task: u32) {
        let Task { node, store, request, work, entered, .. } = self.tasks[task];
        self.tasks[task].phase = TaskPhase::Done;
        let Some(behind) = &mut self.behind else { return };
        behind.tier.stations[store as usize].completed += 1;
        behind.tier.release(store, self.now, &mut self.tasks, &mut self.events);
        if behind.holds_thread && node != NONE {
            self.nodes.release(node, self.now, &mut self.tasks, &mut self.events);
        }
        if request != NONE && self.recorder.shows(self.requests[request].measured) {
            self.recorder.store_queue.record(waited(self.now, entered, work));
        }
        self.deliver(task);
        if node != NONE {
            self.leave_if_idle(node);
        }
    }

    /// Whether a task that waits at a store keeps a thread of its node.
    pub fn holds_thread(&self) -> bool {
        self.behind.as_ref().is_some_and(|behind| behind.holds_thread)
    }
}
