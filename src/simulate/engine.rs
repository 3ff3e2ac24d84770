//! The loop: what comes first happens, and puts what follows from it in the queue.

mod client;
mod fleet;
mod store;
mod usage;

use std::collections::VecDeque;

use super::arrivals::{ArrivalProcess, Source};
use super::balancer::SimulatedBalancer;
use super::controller::Controller;
use super::error::SimulationError;
use super::event::SimulatedEvent;
use super::heap::Heap;
use super::memory::prefetch;
use super::model::SystemModel;
use super::outcome::{RequestFailure, SimulationOutcome};
use super::random::{Random, Streams};
use super::recorder::{Expected, SimulationRecorder};
use super::service::ServiceSampler;
use super::task::{NONE, SimulatedRequest, Slab, Task, TaskPhase};
use super::tier::{TaskRefusal, Tier};
use fleet::Fleet;
use usage::Usage;

/// Tasks in the system at once, beyond which the run is given up: it would fill the memory.
const MOST_TASKS: u32 = 30_000_000;

/// Nodes from which on [`SimulationEngine::look_ahead`] pays for itself.
const LARGE: usize = 1_000;

/// The layer behind the nodes.
pub(super) struct Behind {
    pub tier: Tier,
    service: ServiceSampler,
    random: Random,
    share: f64,
    holds_thread: bool,
}

pub(super) struct SimulationEngine<'a> {
    pub model: &'a SystemModel,
    pub now: f64,
    pub events: Heap<SimulatedEvent>,
    pub tasks: Slab<Task>,
    pub requests: Slab<SimulatedRequest>,
    pub nodes: Tier,
    pub behind: Option<Behind>,
    pub balancer: SimulatedBalancer,
    fleet: Fleet,
    pub recorder: SimulationRecorder,
    usage: Usage,
    pub controller: Option<&'a mut dyn Controller>,
    /// Of the clients: waits before retries.
    pub client: Random,
    /// Retries that are allowed now.
    pub tokens: f64,
    /// When tries time out, the first first: (time, request, try).
    pub timeouts: VecDeque<(f64, u32, u32)>,
    /// The number of the last try.
    stamp: u32,
    source: Source,
    service: ServiceSampler,
    next_arrival: f64,
    arrived: u64,
    happened: u64,
    picks: Vec<u32>,
    /// So many nodes that the caches of a core do not hold them.
    is_large: bool,
}

impl<'a> SimulationEngine<'a> {
    pub fn new(model: &'a SystemModel, controller: Option<&'a mut dyn Controller>) -> Result<Self, SimulationError> {
        model.check()?;
        let Streams { arrivals, service, store, balancer, client } = Streams::new(model.seed);
        let behind = match &model.store {
            None => None,
            Some(spec) => {
                let mut tier = Tier::new(&spec.server, SimulatedEvent::Store);
                (0..spec.count).for_each(|_| _ = tier.add(0.0));
                let mut random = store.clone();
                random.long_jump();
                let service = ServiceSampler::new(&spec.service, store)?;
                Some(Behind { tier, service, random, share: spec.share, holds_thread: spec.holds_thread })
            }
        };
        let expected = match model.arrivals {
            ArrivalProcess::Poisson { rate } | ArrivalProcess::Even { rate } => {
                Some(Expected { rate, work: model.service.mean() })
            }
            // Their slices are not meant to be equal.
            ArrivalProcess::Profile(_) | ArrivalProcess::Recorded(_) => None,
        };
        let mut engine = Self {
            model,
            now: 0.0,
            events: Heap::new(),
            tasks: Slab::new(),
            requests: Slab::new(),
            nodes: Tier::new(&model.server, SimulatedEvent::Node),
            behind,
            balancer: SimulatedBalancer::new(model.balancer, balancer),
            fleet: Fleet::default(),
            recorder: SimulationRecorder::new(model.warmup, model.requests, expected),
            usage: Usage::default(),
            controller,
            client,
            tokens: 0.0,
            timeouts: VecDeque::new(),
            stamp: 0,
            source: Source::new(model.arrivals.clone(), arrivals),
            service: ServiceSampler::new(&model.service, service)?,
            next_arrival: 0.0,
            arrived: 0,
            happened: 0,
            picks: Vec::new(),
            is_large: model.nodes >= LARGE,
        };
        engine.set_up();
        Ok(engine)
    }

    /// Runs until each request is answered or lost.
    pub fn run(mut self) -> Result<SimulationOutcome, SimulationError> {
        if self.model.warmup == 0 {
            self.begin_measuring();
        }
        self.next_arrival = self.source.next();
        loop {
            let event = self.events.time();
            let timeout = self.timeouts.front().map_or(f64::INFINITY, |first| first.0);
            // At the same moment what ends goes before what begins, and an answer before its timeout.
            if event <= self.next_arrival && event <= timeout {
                let Some((time, event)) = self.events.pop() else { break };
                self.now = time;
                if self.is_large {
                    self.look_ahead();
                }
                self.happen(event);
            } else if self.next_arrival <= timeout {
                self.now = self.next_arrival;
                self.arrive()?;
            } else {
                self.now = timeout;
                self.time_out();
            }
            if self.next_arrival == f64::INFINITY && self.requests.used() == 0 {
                break;
            }
        }
        self.recorder.end_batch();
        let events = self.happened;
        Ok(self.outcome(events))
    }

    /// Asks for what the event after this one will need, and for the tasks of those after it.
    #[inline]
    fn look_ahead(&self) {
        let Some(coming) = self.events.coming() else { return };
        let mut next = (f64::INFINITY, NONE);
        for &(time, event) in coming {
            if let SimulatedEvent::Finish(task) = event {
                prefetch(&self.tasks[task]);
                if time < next.0 {
                    next = (time, task);
                }
            }
        }
        if next.1 != NONE {
            let Task { node, request, .. } = self.tasks[next.1];
            self.nodes.expect(node);
            if request != NONE {
                prefetch(&self.requests[request]);
            }
        }
        self.balancer.expected().for_each(|node| self.nodes.expect(node));
    }

    fn happen(&mut self, event: SimulatedEvent) {
        match event {
            SimulatedEvent::Finish(task) => {
                let item = &self.tasks[task];
                if item.phase != TaskPhase::Running || item.due != self.now {
                    return;
                }
                if item.store == NONE { self.node_done(task) } else { self.store_done(task) }
            }
            SimulatedEvent::Node(node) => match self.nodes.happen(node, self.now, &mut self.events) {
                None => return,
                Some(happened) => {
                    if let Some(task) = happened.done {
                        self.node_done(task);
                    }
                }
            },
            SimulatedEvent::Store(store) => {
                let Some(behind) = &mut self.behind else { return };
                match behind.tier.happen(store, self.now, &mut self.events) {
                    None => return,
                    Some(happened) => {
                        if let Some(task) = happened.done {
                            self.store_done(task);
                        }
                    }
                }
            }
            SimulatedEvent::Retry(request) => self.begin_try(request),
            SimulatedEvent::Death(index) => self.die(index),
            SimulatedEvent::Return(index) => self.come_back(index),
            SimulatedEvent::Check(node) => self.check(node),
            SimulatedEvent::Ready(node) => self.get_ready(node),
            SimulatedEvent::Control => self.control(),
        }
        self.happened += 1;
    }

    fn arrive(&mut self) -> Result<(), SimulationError> {
        if self.tasks.places() > MOST_TASKS {
            return Err(SimulationError::Overflow { waiting: self.tasks.used() as u32, seconds: self.now });
        }
        self.happened += 1;
        self.arrived += 1;
        self.recorder.arrive();
        if let Some(interval) = &mut self.fleet.interval {
            interval.arrived += 1;
        }
        if let Some(budget) = self.model.client.retry_budget {
            self.save_for_retries(budget);
        }
        let measured = self.arrived > self.model.warmup;
        let request = SimulatedRequest { born: self.now, stamp: 0, tries: 0, pending: 0, first: NONE, measured };
        let request = self.requests.insert(request);
        self.begin_try(request);
        self.next_arrival = self.source.next();
        if Some(self.arrived) == self.recorder.boundaries.next() {
            self.end_slice();
            if self.recorder.boundaries.next().is_none() {
                self.next_arrival = f64::INFINITY;
            }
        }
        Ok(())
    }

    /// Sends a request to the nodes that the balancer chooses.
    pub fn begin_try(&mut self, request: u32) {
        self.stamp = self.stamp.wrapping_add(1).max(1);
        let item = &mut self.requests[request];
        item.stamp = self.stamp;
        item.tries += 1;
        item.pending = self.model.fork as u32;
        let measured = item.measured;
        self.recorder.try_once(measured);
        if let Some(seconds) = self.model.client.timeout_seconds {
            self.timeouts.push_back((self.now + seconds, request, self.stamp));
        }
        let refused = if self.model.fork == 1 {
            match self.balancer.pick() {
                Some(node) => self.send(request, node).err(),
                None => Some(RequestFailure::NoNode),
            }
        } else {
            self.send_tasks(request).err()
        };
        if let Some(failure) = refused {
            self.fail(request, failure);
        }
    }

    fn send_tasks(&mut self, request: u32) -> Result<(), RequestFailure> {
        let mut picks = std::mem::take(&mut self.picks);
        self.balancer.pick_many(self.model.fork, &mut picks);
        let sent = if picks.len() < self.model.fork {
            Err(RequestFailure::NoNode)
        } else {
            picks.iter().try_for_each(|&node| self.send(request, node))
        };
        self.picks = picks;
        sent
    }

    #[inline]
    fn send(&mut self, request: u32, node: u32) -> Result<(), RequestFailure> {
        let work = self.service.draw();
        self.recorder.task(work);
        let task = self.tasks.insert(Task {
            due: f64::INFINITY,
            entered: self.now,
            work,
            request,
            node,
            store: NONE,
            next: NONE,
            sibling: self.requests[request].first,
            phase: TaskPhase::Done,
        });
        self.requests[request].first = task;
        match self.nodes.offer(node, task, self.now, &mut self.tasks, &mut self.events) {
            Ok(()) => {
                self.balancer.opened(node);
                Ok(())
            }
            Err(TaskRefusal::Full) => Err(RequestFailure::QueueFull),
            Err(TaskRefusal::Dead) => Err(RequestFailure::NodeDead),
        }
    }

    /// A node has done its part of a task.
    #[inline]
    fn node_done(&mut self, task: u32) {
        let Task { node, request, work, entered, .. } = self.tasks[task];
        self.tasks[task].phase = TaskPhase::Done;
        self.nodes.stations[node as usize].completed += 1;
        if request != NONE && self.recorder.shows(self.requests[request].measured) {
            self.recorder.queue.record(waited(self.now, entered, work));
        }
        let wanted = request != NONE || self.model.client.serve_abandoned;
        if wanted && self.behind.is_some() {
            self.ask_store(task);
            return;
        }
        self.nodes.release(node, self.now, &mut self.tasks, &mut self.events);
        self.deliver(task);
        self.leave_if_idle(node);
    }

    /// A task is answered; with its last one, so is the request.
    #[inline]
    fn deliver(&mut self, task: u32) {
        let Task { node, request, .. } = self.tasks[task];
        if request == NONE {
            self.free_task(task);
            return;
        }
        self.balancer.closed(node);
        let item = &mut self.requests[request];
        item.pending -= 1;
        if item.pending > 0 {
            return;
        }
        let (seconds, measured, first) = (self.now - item.born, item.measured, item.first);
        self.recorder.complete(measured, seconds);
        if let Some(interval) = &mut self.fleet.interval {
            interval.complete(seconds);
        }
        let mut task = first;
        while task != NONE {
            let next = self.tasks[task].sibling;
            self.free_task(task);
            task = next;
        }
        self.free_request(request);
    }

    pub fn free_task(&mut self, task: u32) {
        self.tasks[task].phase = TaskPhase::Free;
        self.tasks.free(task);
    }

    pub fn free_request(&mut self, request: u32) {
        self.requests[request].stamp = 0;
        self.requests.free(request);
    }
}

/// What a task waited: its time without the work. Differences that come from rounding are none.
#[inline]
fn waited(now: f64, entered: f64, work: f64) -> f64 {
    let waited = now - entered - work;
    if waited > now * 1e-14 { waited } else { 0.0 }
}
