//! A row of servers of one kind: the nodes, or the stores.

use super::event::SimulatedEvent;
use super::heap::Heap;
use super::memory::{grow, prefetch};
use super::model::{Discipline, SimulatedServer};
use super::shared::SharedCpu;
use super::task::{NONE, Slab, Task, TaskPhase};

/// Why a server does not take a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskRefusal {
    /// Its queue is full.
    Full,
    /// It is dead.
    Dead,
}

/// One server: what an event of it needs, on one cache line.
#[derive(Clone)]
#[repr(align(64))]
pub(super) struct Station {
    /// Threads that are taken; with processor sharing, tasks that run.
    pub running: u32,
    pub queued: u32,
    first: u32,
    last: u32,
    pub alive: bool,
    /// Integral of `running` until `changed`, in thread seconds.
    area: f64,
    changed: f64,
    /// Tasks that it finished.
    pub completed: u64,
}

impl Station {
    fn new(now: f64) -> Self {
        Self { running: 0, queued: 0, first: NONE, last: NONE, alive: true, area: 0.0, changed: now, completed: 0 }
    }

    #[inline]
    fn account(&mut self, now: f64) {
        self.area += f64::from(self.running) * (now - self.changed);
        self.changed = now;
    }
}

/// Servers of one kind. Where tasks simply run from start to end, each has an event of its own in the queue; with processor
/// sharing or a quota, each server has one.
pub(super) struct Tier {
    server: SimulatedServer,
    pub stations: Vec<Station>,
    shared: Vec<SharedCpu>,
    is_shared: bool,
    /// Running tasks, and waiting tasks, of one server at most.
    most_running: u32,
    most_queued: u32,
    event: fn(u32) -> SimulatedEvent,
}

impl Tier {
    /// No servers yet. `event` is what a server's own events are called.
    pub fn new(server: &SimulatedServer, event: fn(u32) -> SimulatedEvent) -> Self {
        let limit = server.queue.unwrap_or(NONE);
        let (most_running, most_queued) = match server.discipline {
            Discipline::Fcfs => (server.threads, limit),
            // All run at once: what elsewhere waits, here runs slowly.
            Discipline::Ps => (server.threads.saturating_add(limit), 0),
        };
        let is_shared = server.quota.is_some() || server.discipline == Discipline::Ps;
        Self {
            server: server.clone(),
            stations: Vec::new(),
            shared: Vec::new(),
            is_shared,
            most_running,
            most_queued,
            event,
        }
    }

    /// One server more.
    pub fn add(&mut self, now: f64) -> u32 {
        let index = self.stations.len();
        if index == self.stations.capacity() {
            grow(&mut self.stations);
        }
        self.stations.push(Station::new(now));
        if self.is_shared {
            // Periods of different servers do not begin together: the golden ratio spreads them.
            let phase = (index as f64 * 0.618_033_988_749_895).fract();
            let period = self.server.quota.map_or(0.0, |quota| quota.period_seconds);
            self.shared.push(SharedCpu::new(self.server.threads, self.server.quota, now + (1.0 - phase) * period));
        }
        index as u32
    }

    /// A server's event comes soon.
    #[inline]
    pub fn expect(&self, index: u32) {
        if let Some(station) = self.stations.get(index as usize) {
            prefetch(station);
        }
    }

    pub fn len(&self) -> usize {
        self.stations.len()
    }

    /// CPU seconds (with processor sharing or a quota) or thread seconds that a server used until `now`.
    pub fn used(&self, index: usize, now: f64) -> f64 {
        match self.shared.get(index) {
            Some(shared) => shared.used_at(now),
            None => {
                let station = &self.stations[index];
                station.area + f64::from(station.running) * (now - station.changed)
            }
        }
    }

    /// What a server can use a second.
    pub fn cores(&self) -> f64 {
        self.server.cores()
    }

    /// Periods of a server in which a task ran, and those in which its quota stopped it.
    pub fn periods(&self, index: usize) -> Option<(u64, u64)> {
        self.server.quota?;
        self.shared.get(index).map(|shared| (shared.periods, shared.throttled))
    }

    /// Another quota for all servers that have one.
    pub fn set_quota(&mut self, now: f64, cores: f64, events: &mut Heap<SimulatedEvent>) {
        if let Some(quota) = &mut self.server.quota {
            quota.cores = cores;
            for (index, shared) in self.shared.iter_mut().enumerate() {
                shared.set_quota(now, cores);
                if shared.due().is_finite() {
                    events.push(shared.due(), (self.event)(index as u32));
                }
            }
        }
    }

    /// A task comes to a server, with its work.
    #[inline]
    pub fn offer(
        &mut self,
        index: u32,
        task: u32,
        now: f64,
        tasks: &mut Slab<Task>,
        events: &mut Heap<SimulatedEvent>,
    ) -> Result<(), TaskRefusal> {
        let station = &mut self.stations[index as usize];
        if !station.alive {
            return Err(TaskRefusal::Dead);
        }
        if station.running < self.most_running {
            station.account(now);
            station.running += 1;
            self.start(index, task, now, tasks, events);
            return Ok(());
        }
        if station.queued >= self.most_queued {
            return Err(TaskRefusal::Full);
        }
        tasks[task].phase = TaskPhase::Queued;
        tasks[task].next = NONE;
        if station.queued == 0 {
            station.first = task;
        } else {
            tasks[station.last].next = task;
        }
        station.last = task;
        station.queued += 1;
        Ok(())
    }

    #[inline]
    fn start(&mut self, index: u32, task: u32, now: f64, tasks: &mut Slab<Task>, events: &mut Heap<SimulatedEvent>) {
        let item = &mut tasks[task];
        item.phase = TaskPhase::Running;
        if self.is_shared {
            let shared = &mut self.shared[index as usize];
            let before = shared.due();
            shared.start(now, task, item.work);
            if shared.due() != before {
                events.push(shared.due(), (self.event)(index));
            }
        } else {
            item.due = now + item.work;
            events.push(item.due, SimulatedEvent::Finish(task));
        }
    }

    /// A server's own event: the task that is done, if one is. Its thread is not free before [`Tier::release`].
    pub fn happen(&mut self, index: u32, now: f64, events: &mut Heap<SimulatedEvent>) -> Option<Happened> {
        let shared = &mut self.shared[index as usize];
        if shared.due() != now {
            return None;
        }
        let done = shared.happen(now);
        if shared.due().is_finite() {
            events.push(shared.due(), (self.event)(index));
        }
        Some(Happened { done })
    }

    /// A thread is free: the next task that someone still waits for begins.
    #[inline]
    pub fn release(&mut self, index: u32, now: f64, tasks: &mut Slab<Task>, events: &mut Heap<SimulatedEvent>) {
        let station = &mut self.stations[index as usize];
        while station.queued > 0 {
            let task = station.first;
            station.first = tasks[task].next;
            station.queued -= 1;
            if tasks[task].phase == TaskPhase::Queued {
                self.start(index, task, now, tasks, events);
                return;
            }
            tasks[task].phase = TaskPhase::Free;
            tasks.free(task);
        }
        station.account(now);
        station.running -= 1;
    }

    /// A server dies, with all that it has; the tasks are the caller's.
    pub fn kill(&mut self, index: u32, now: f64) {
        let station = &mut self.stations[index as usize];
        station.account(now);
        (station.alive, station.running, station.queued) = (false, 0, 0);
        if let Some(shared) = self.shared.get_mut(index as usize) {
            shared.clear(now);
        }
    }
}

/// A server's event that was true.
pub(super) struct Happened {
    /// The task that is done.
    pub done: Option<u32>,
}
