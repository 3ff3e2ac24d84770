//! What nodes and stores used in each slice and in the measured part, and the result made of it.

use super::SimulationEngine;
use crate::simulate::controller::LifeState;
use crate::simulate::outcome::{NodeOutcome, SimulationOutcome};
use crate::simulate::recorder::Counts;
use crate::simulate::statistics::Estimate;
use crate::simulate::tier::Tier;

/// Readings at the beginning of the present slice, and at both ends of the measured part.
#[derive(Default)]
pub(super) struct Usage {
    slice: CpuUse,
    begin: UsageSample,
    end: UsageSample,
}

/// CPU seconds that all nodes used and could use, and their seconds.
#[derive(Clone, Copy, Default)]
struct CpuUse {
    used: f64,
    capacity: f64,
    paid: f64,
}

impl CpuUse {
    /// Use since an earlier reading, 0 to 1; `None` when there was no node.
    fn utilization_since(&self, earlier: &Self) -> Option<f64> {
        let capacity = self.capacity - earlier.capacity;
        (capacity > 0.0).then(|| (self.used - earlier.used) / capacity)
    }
}

/// A moment: all nodes together, and the CPU seconds and tasks of each node and store.
#[derive(Default)]
struct UsageSample {
    at: f64,
    all: CpuUse,
    nodes: Vec<(f64, u64)>,
    stores: Vec<(f64, u64)>,
}

impl SimulationEngine<'_> {
    fn reading(&mut self) -> CpuUse {
        self.account();
        let used = (0..self.nodes.len()).map(|node| self.nodes.used(node, self.now)).sum();
        CpuUse { used, capacity: self.fleet.capacity, paid: self.fleet.paid }
    }

    fn measured(&mut self) -> UsageSample {
        let all = self.reading();
        let each = |tier: &Tier| {
            let stations = tier.stations.iter().enumerate();
            stations.map(|(index, station)| (tier.used(index, self.now), station.completed)).collect()
        };
        let nodes = each(&self.nodes);
        let stores = self.behind.as_ref().map(|behind| each(&behind.tier));
        UsageSample { at: self.now, all, nodes, stores: stores.unwrap_or_default() }
    }

    pub fn begin_measuring(&mut self) {
        self.usage.begin = self.measured();
    }

    /// Ends a slice with the present arrival. The batch of the last one goes on until all requests are answered or lost.
    pub fn end_slice(&mut self) {
        let reading = self.reading();
        let utilization = reading.utilization_since(&self.usage.slice);
        self.recorder.end_slice(self.now, utilization, self.balancer.len());
        self.usage.slice = reading;
        if self.recorder.boundaries.is_last() {
            self.usage.end = self.measured();
            self.recorder.boundaries.advance();
        } else if self.recorder.end_batch() {
            self.begin_measuring();
        }
    }

    pub fn outcome(mut self, events: u64) -> SimulationOutcome {
        let Usage { begin, end, .. } = std::mem::take(&mut self.usage);
        let seconds = end.at - begin.at;
        let recorder = &self.recorder;
        let excess = Some(&*recorder.excess).filter(|excess| excess.iter().all(|excess| excess.is_finite()));
        let measured = self.model.requests;
        let there = |node: usize| {
            let life = &self.fleet.lives[node];
            let ready = if life.state == LifeState::Starting { end.at } else { life.ready };
            life.gone.min(end.at) - ready.max(begin.at)
        };
        let nodes = (0..end.nodes.len())
            .map(|node| node_outcome(&self.nodes, node, [&begin.nodes, &end.nodes], there(node)))
            .collect();
        let stores = self.behind.iter().flat_map(|behind| {
            (0..end.stores.len()).map(|store| node_outcome(&behind.tier, store, [&begin.stores, &end.stores], seconds))
        });
        let a_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        SimulationOutcome {
            requests: measured,
            completed: recorder.counts.completed,
            lost: Counts::by_failure(&recorder.counts.lost),
            tries: recorder.counts.tries,
            failed_tries: Counts::by_failure(&recorder.counts.failed_tries),
            events,
            simulated_seconds: seconds,
            arrivals_per_second: a_second(measured),
            goodput_per_second: a_second(recorder.counts.completed),
            time_in_system: recorder.system.times(excess),
            time_in_queue: recorder.queue.times(excess),
            time_in_store_queue: recorder.store_queue.times(excess),
            utilization: end
                .all
                .utilization_since(&begin.all)
                .map(|value| Estimate::new(value, &recorder.utilizations, None)),
            nodes,
            stores: stores.collect(),
            node_seconds: end.all.paid - begin.all.paid,
            timeline: self.recorder.slices,
        }
    }
}

/// CPU seconds that a node has used, and the tasks that it has completed.
type Busy = (f64, u64);

/// One node or store, between two moments.
fn node_outcome(tier: &Tier, index: usize, [begin, end]: [&[Busy]; 2], seconds: f64) -> NodeOutcome {
    let before = begin.get(index).copied().unwrap_or_default();
    let after = end[index];
    let capacity = seconds * tier.cores();
    NodeOutcome {
        utilization: if capacity > 0.0 { (after.0 - before.0) / capacity } else { 0.0 },
        completed: after.1 - before.1,
        throttled: tier
            .periods(index)
            .map(|(periods, throttled)| if periods > 0 { throttled as f64 / periods as f64 } else { 0.0 }),
    }
}
