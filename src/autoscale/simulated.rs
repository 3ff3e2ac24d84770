//! The autoscaler on the simulator's clock: the same decision, on simulated samples.

use std::collections::BTreeMap;

use super::autoscaler::{Autoscaler, ScalingStep};
use super::config::Metric;
use super::dimension::Dimension;
use super::sample::{SampledNode, SampledState, Samples};
use crate::simulate::{ControlSample, Controller, LifeState, Orders, SimulatedNode};

/// What the simulated autoscaler changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScaledResource {
    /// The number of nodes.
    Nodes,
    /// The quota of nodes: so many units of so many cores, given out as a dimension says.
    Quota {
        /// How.
        dimension: Dimension,
        /// Units at the start.
        units: u32,
        /// Cores of a unit.
        unit_cores: f64,
    },
}

/// An autoscaler as a controller of a simulation. It keeps what it decided.
#[derive(Clone, Debug)]
pub struct Simulated {
    autoscaler: Autoscaler,
    interval_seconds: f64,
    change: ScaledResource,
    /// Nodes that are wanted and wait for a machine.
    pending: u32,
    steps: Vec<(f64, ScalingStep)>,
}

impl Simulated {
    /// An autoscaler that is asked every `interval_seconds`, above 0.
    pub fn new(autoscaler: Autoscaler, interval_seconds: f64, change: ScaledResource) -> Self {
        Self { autoscaler, interval_seconds, change, pending: 0, steps: Vec::new() }
    }

    /// What it decided, and at which simulated second.
    pub fn steps(&self) -> &[(f64, ScalingStep)] {
        &self.steps
    }

    fn samples(&self, sample: &ControlSample<'_>) -> Samples {
        let nodes: Vec<SampledNode> = sample.nodes.iter().filter_map(|node| read(node, sample)).collect();
        match self.change {
            ScaledResource::Quota { units, .. } => Samples { nodes, ..Samples::default() }.in_units(units),
            ScaledResource::Nodes => {
                let counted = nodes.iter().filter(|node| node.counts()).count() as u32;
                let mut samples = Samples { size: counted + self.pending, nodes, ..Samples::default() };
                for number in 1..=self.pending {
                    samples.nodes.push(SampledNode {
                        state: SampledState::Starting,
                        ..SampledNode::ready(&format!("waiting{number}"))
                    });
                }
                samples
            }
        }
    }
}

impl Controller for Simulated {
    fn interval_seconds(&self) -> f64 {
        self.interval_seconds
    }

    fn decide(&mut self, sample: &ControlSample<'_>) -> Orders {
        let now = sample.now_seconds;
        let step = self.autoscaler.step(&self.samples(sample), now);
        self.autoscaler.carried_out(&step.decision, now);
        let runnable = step.runnable();
        self.pending = step.placement.map_or(0, |placement| placement.pending);
        self.steps.push((now, step));
        match &mut self.change {
            ScaledResource::Nodes => Orders { nodes: Some(runnable as usize), quota_cores: None },
            ScaledResource::Quota { dimension, units, unit_cores } => {
                *units = runnable;
                let layout = dimension.layout(runnable);
                let quota_cores = Some(layout.units_each * *unit_cores);
                Orders { nodes: Some(layout.nodes as usize), quota_cores }
            }
        }
    }
}

/// A node as the decision knows it; `None` for one that is not there any more.
fn read(node: &SimulatedNode, sample: &ControlSample<'_>) -> Option<SampledNode> {
    let state = match node.state {
        LifeState::Starting => SampledState::Starting,
        LifeState::Ready => SampledState::Running { ready: true },
        LifeState::Draining => SampledState::Draining,
        LifeState::Dead => SampledState::Failed,
        LifeState::Gone => return None,
    };
    let mut readings = BTreeMap::new();
    if state == (SampledState::Running { ready: true }) {
        readings.insert(Metric::Queue, f64::from(node.running + node.queued));
        readings.insert(Metric::Rate, node.completed as f64 / sample.interval_seconds);
        readings.extend(node.utilization.map(|share| (Metric::Cpu, share * 100.0)));
        // The simulation measures it for the whole cluster.
        readings.extend(sample.p99_seconds.map(|seconds| (Metric::P99, seconds * 1e3)));
    }
    let name = format!("node{}", node.node + 1);
    Some(SampledNode { state, age_seconds: Some(node.age_seconds), readings, ..SampledNode::ready(&name) })
}
