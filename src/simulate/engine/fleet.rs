//! The nodes' lives: starts, deaths, returns, orders of the controller.

use super::SimulationEngine;
use crate::simulate::controller::{ControlSample, Interval, LifeState, Orders, SimulatedNode};
use crate::simulate::event::SimulatedEvent;
use crate::simulate::outcome::RequestFailure;
use crate::simulate::task::{NONE, TaskPhase};

/// What is known of the nodes beside their queues.
#[derive(Default)]
pub(super) struct Fleet {
    pub lives: Vec<Life>,
    /// What happened since the controller was asked; only where there is one.
    pub interval: Option<Interval>,
    asked_at: f64,
    draining: usize,
    /// Until `accounted`: seconds of all nodes, and CPU seconds that those that serve could use.
    pub paid: f64,
    pub capacity: f64,
    accounted: f64,
}

/// Controllers are asked at most once a millisecond.
const MIN_INTERVAL: f64 = 1e-3;

pub(super) struct Life {
    pub state: LifeState,
    ordered: f64,
    pub ready: f64,
    pub gone: f64,
    /// What it had used and finished when the controller was asked last.
    asked: (f64, u64),
}

impl SimulationEngine<'_> {
    /// The nodes and events that are there from the start.
    pub fn set_up(&mut self) {
        for _ in 0..self.model.nodes {
            let node = self.order_node();
            self.fleet.lives[node as usize].state = LifeState::Ready;
            self.balancer.add(node);
        }
        for (index, death) in self.model.deaths.iter().enumerate() {
            self.events.push(death.at_seconds, SimulatedEvent::Death(index as u32));
        }
        if let Some(controller) = &self.controller {
            self.fleet.interval = Some(Interval::default());
            self.events.push(controller.interval_seconds().max(MIN_INTERVAL), SimulatedEvent::Control);
        }
    }

    fn order_node(&mut self) -> u32 {
        let life = Life {
            state: LifeState::Starting,
            ordered: self.now,
            ready: self.now,
            gone: f64::INFINITY,
            asked: (0.0, 0),
        };
        self.fleet.lives.push(life);
        self.nodes.add(self.now)
    }

    /// Brings the integrals up to now; before each change of the nodes.
    pub fn account(&mut self) {
        let passed = self.now - self.fleet.accounted;
        if passed > 0.0 {
            let count =
                |states: &[LifeState]| self.fleet.lives.iter().filter(|life| states.contains(&life.state)).count();
            let gone = count(&[LifeState::Gone]);
            let serving = count(&[LifeState::Ready, LifeState::Draining]);
            self.fleet.paid += passed * (self.fleet.lives.len() - gone) as f64;
            self.fleet.capacity += passed * serving as f64 * self.nodes.cores();
            self.fleet.accounted = self.now;
        }
    }

    fn set_state(&mut self, node: u32, state: LifeState) {
        self.account();
        let life = &mut self.fleet.lives[node as usize];
        self.fleet.draining -= usize::from(life.state == LifeState::Draining);
        self.fleet.draining += usize::from(state == LifeState::Draining);
        match state {
            LifeState::Gone => life.gone = self.now,
            LifeState::Ready if life.state == LifeState::Starting => life.ready = self.now,
            LifeState::Starting | LifeState::Ready | LifeState::Draining | LifeState::Dead => {}
        }
        life.state = state;
    }

    /// A node that was ordered takes requests, unless it was given up meanwhile.
    pub fn get_ready(&mut self, node: u32) {
        if self.fleet.lives[node as usize].state == LifeState::Starting {
            self.set_state(node, LifeState::Ready);
            self.balancer.add(node);
        }
    }

    /// A node dies, and the balancer will see it after a while.
    pub fn die(&mut self, index: u32) {
        let death = self.model.deaths[index as usize];
        let node = death.node as u32;
        if let Some(seconds) = death.for_seconds {
            self.events.push(self.now + seconds, SimulatedEvent::Return(index));
        }
        match self.fleet.lives[death.node].state {
            LifeState::Dead | LifeState::Gone => return,
            LifeState::Draining => self.set_state(node, LifeState::Gone),
            LifeState::Ready | LifeState::Starting => self.set_state(node, LifeState::Dead),
        }
        self.nodes.kill(node, self.now);
        self.events.push(self.now + self.model.check_seconds, SimulatedEvent::Check(node));
        for task in 0..self.tasks.places() {
            let item = self.tasks[task];
            if item.node != node || item.phase == TaskPhase::Free || item.phase == TaskPhase::Done {
                continue;
            }
            if item.request != NONE {
                self.fail(item.request, RequestFailure::NodeDied);
            }
            if item.store == NONE {
                self.free_task(task);
            } else if self.tasks[task].phase != TaskPhase::Free {
                // The store does not know. There is no thread any more that waits for it.
                self.tasks[task].node = NONE;
            }
        }
    }

    /// It is back, and the balancer will see that too.
    pub fn come_back(&mut self, index: u32) {
        let node = self.model.deaths[index as usize].node as u32;
        if self.fleet.lives[node as usize].state == LifeState::Dead {
            self.set_state(node, LifeState::Ready);
            self.nodes.stations[node as usize].alive = true;
            self.events.push(self.now + self.model.check_seconds, SimulatedEvent::Check(node));
        }
    }

    /// The balancer's health check of a node.
    pub fn check(&mut self, node: u32) {
        match self.fleet.lives[node as usize].state {
            LifeState::Ready => self.balancer.add(node),
            LifeState::Starting | LifeState::Draining | LifeState::Dead | LifeState::Gone => self.balancer.remove(node),
        }
    }

    /// A node that drains goes with its last answer.
    #[inline]
    pub fn leave_if_idle(&mut self, node: u32) {
        if self.fleet.draining > 0 && self.fleet.lives[node as usize].state == LifeState::Draining {
            let station = &self.nodes.stations[node as usize];
            if station.running == 0 && station.queued == 0 && self.balancer.open(node) == 0 {
                self.set_state(node, LifeState::Gone);
            }
        }
    }

    /// Asks the controller, and does what it says.
    pub fn control(&mut self) {
        let Some(mut interval) = self.fleet.interval.replace(Interval::default()) else { return };
        let nodes = self.node_samples();
        let Some(controller) = self.controller.as_mut() else { return };
        let asked = self.fleet.asked_at;
        let orders = controller.decide(&ControlSample {
            now_seconds: self.now,
            interval_seconds: self.now - asked,
            nodes: &nodes,
            arrived: interval.arrived,
            completed: interval.completed,
            lost: interval.lost,
            p99_seconds: interval.p99(),
        });
        self.fleet.asked_at = self.now;
        self.events.push(self.now + controller.interval_seconds().max(MIN_INTERVAL), SimulatedEvent::Control);
        self.obey(orders);
    }

    fn node_samples(&mut self) -> Vec<SimulatedNode> {
        let (now, cores) = (self.now, self.nodes.cores());
        let asked_at = self.fleet.asked_at;
        let mut samples = Vec::new();
        for (node, life) in self.fleet.lives.iter_mut().enumerate().filter(|(_, life)| life.state != LifeState::Gone) {
            let station = &self.nodes.stations[node];
            let (used, completed) = (self.nodes.used(node, now), station.completed);
            let seconds = now - asked_at.max(life.ready);
            let there = matches!(life.state, LifeState::Ready | LifeState::Draining) && seconds > 0.0;
            samples.push(SimulatedNode {
                node,
                state: life.state,
                age_seconds: now - life.ordered,
                utilization: there.then(|| (used - life.asked.0) / (seconds * cores)),
                running: station.running,
                queued: station.queued,
                completed: completed - life.asked.1,
            });
            life.asked = (used, completed);
        }
        samples
    }

    fn obey(&mut self, orders: Orders) {
        if let Some(cores) = orders.quota_cores.filter(|cores| cores.is_finite() && *cores > 0.0) {
            self.account();
            self.nodes.set_quota(self.now, cores, &mut self.events);
        }
        let Some(wanted) = orders.nodes else { return };
        let wanted = wanted.max(1);
        let counts = |state| matches!(state, LifeState::Starting | LifeState::Ready | LifeState::Dead);
        let mut there: Vec<u32> =
            (0..self.fleet.lives.len() as u32).filter(|&node| counts(self.fleet.lives[node as usize].state)).collect();
        for _ in there.len()..wanted {
            self.account();
            let node = self.order_node();
            self.events.push(self.now + self.model.start_seconds, SimulatedEvent::Ready(node));
        }
        // Those that start first, then the newest.
        there.sort_by_key(|&node| {
            (self.fleet.lives[node as usize].state != LifeState::Starting, std::cmp::Reverse(node))
        });
        for &node in there.iter().take(there.len().saturating_sub(wanted)) {
            self.balancer.remove(node);
            match self.fleet.lives[node as usize].state {
                LifeState::Ready => {
                    self.set_state(node, LifeState::Draining);
                    self.leave_if_idle(node);
                }
                LifeState::Starting | LifeState::Dead => self.set_state(node, LifeState::Gone),
                LifeState::Draining | LifeState::Gone => {}
            }
        }
    }
}
