//! The decision with its memory: what is the same for a live cluster, for recorded samples and on a simulator's clock.

use super::config::Config;
use super::history::DecisionHistory;
use super::machines::{MachineConfig, MachinePool, Placement};
use super::sample::Samples;
use super::{Decision, decide};

/// Decides moment by moment. It has no clock: the caller says what time it is.
#[derive(Clone, Debug)]
pub struct Autoscaler {
    config: Config,
    history: DecisionHistory,
    machine_config: Option<MachineConfig>,
    machines: Option<MachinePool>,
}

/// What one moment brought.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalingStep {
    /// How many nodes there shall be.
    pub decision: Decision,
    /// Where they stand, for nested autoscaling.
    pub placement: Option<Placement>,
}

impl ScalingStep {
    /// How many nodes can run now: those wanted, or those of them that have a machine.
    pub fn runnable(&self) -> u32 {
        self.placement.map_or(self.decision.wanted, |placement| placement.running)
    }

    /// Why, in one sentence.
    pub fn reason(&self) -> String {
        match &self.placement {
            Some(placement) => format!("{}; {placement}", self.decision.reason),
            None => self.decision.reason.to_string(),
        }
    }
}

impl Autoscaler {
    /// An autoscaler that remembers `history`.
    pub fn new(config: Config, machines: Option<MachineConfig>, history: DecisionHistory) -> Self {
        Self { config, history, machine_config: machines, machines: None }
    }

    /// What it holds.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Decides on samples of the moment `at` (seconds, never going back), and remembers what the metrics wanted. The
    /// machines of nested autoscaling begin as the first samples find them: as many as there are, or as the nodes need.
    pub fn step(&mut self, samples: &Samples, at: f64) -> ScalingStep {
        let decision = decide(&self.config, samples, &self.history, at);
        if let Some(nodes) = decision.proposed {
            self.history.propose(at, nodes);
        }
        self.history.forget(&self.config, at);
        let placement = self.machine_config.map(|config| {
            let machines = self.machines.get_or_insert_with(|| match samples.machines {
                Some(count) => MachinePool::booted(config, count, at),
                None => MachinePool::holding(config, samples.size, at),
            });
            let (next, placement) = machines.want(decision.wanted, at);
            *machines = next;
            placement
        });
        ScalingStep { decision, placement }
    }

    /// Remembers that a decision was carried out.
    pub fn carried_out(&mut self, decision: &Decision, at: f64) {
        self.history.change(at, decision.size, decision.wanted);
    }
}
