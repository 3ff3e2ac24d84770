//! An autoscaler beside a load that changes, and what it made of the cluster.

use std::sync::atomic::AtomicBool;

use crate::autoscale::args;
use crate::autoscale::event::ScalingEvent;
use crate::autoscale::hold::{HoldSettings, hold};
use crate::autoscale::sample::{SampledState, Samples};
use crate::cluster::contract::{ClusterAnswer, Topology};
use crate::results::arm::Arm;
use crate::results::scaling::{Decided, MachineSupply, Notice, Scaling, Supply};

use super::driver::Driver;
use super::watch::Watch;

/// What the autoscaler of `arm` does with `cluster` until `over`; of an arm without one, its size. Times count from the
/// moment `from` of the watch.
///
/// # Errors
/// When its words make no rules, or it cannot begin.
pub fn run(
    arm: &Arm,
    driver: Option<&Driver>,
    cluster: &ClusterAnswer,
    watch: &Watch,
    from: f64,
    over: &AtomicBool,
) -> anyhow::Result<Scaling> {
    let mut recorder = ScalingRecorder::new(cluster);
    let (Some(driver), false) = (driver, arm.is_fixed()) else { return Ok(recorder.scaling) };
    let rules = args::read(&arm.autoscale).map_err(anyhow::Error::msg)?;
    if let Some(machines) = rules.machines() {
        recorder.scaled(machines.units);
    }
    let settings = HoldSettings {
        config: rules.config(),
        machines: rules.machines(),
        driver: driver.autoscaled(),
        interval: rules.interval,
        dimension: rules.dimension(),
        dry_run: false,
    };
    hold(&settings, over, &mut |event| {
        if let ScalingEvent::Changed { cluster, .. } = event {
            watch.join(&cluster.nodes);
        }
        recorder.note(event, watch.seconds() - from);
        Ok(())
    })?;
    Ok(recorder.scaling)
}

/// Units that a cluster has when it is brought up.
fn units(cluster: &ClusterAnswer) -> u32 {
    let nodes = cluster.nodes.len() as u32;
    match cluster.topology {
        Some(Topology::Vertical) => cluster.units.unwrap_or(nodes),
        Some(Topology::Horizontal) | None => nodes,
    }
}

/// Turns events into steps of the supply. Knows no clock.
struct ScalingRecorder {
    scaling: Scaling,
    /// Room of a machine, for nested autoscaling.
    units_each: Option<u32>,
    /// Machines of a cluster whose number nobody changes.
    fixed_machines: Option<MachineSupply>,
}

impl ScalingRecorder {
    /// Of a cluster whose machines, if it has some, stay as they are.
    fn new(cluster: &ClusterAnswer) -> Self {
        let ready = cluster.machines.len() as u32;
        let machines = cluster.machines.first();
        let machines = machines.map(|machine| MachineSupply { units_each: machine.units, ready, booting: 0 });
        let first = on_machines(Supply { ready: units(cluster), ..Supply::default() }, machines);
        let scaling = Scaling { supply: vec![first], ..Scaling::default() };
        Self { scaling, units_each: None, fixed_machines: machines }
    }

    /// The autoscaler changes the number of machines, each with room for so many units.
    fn scaled(&mut self, units_each: u32) {
        (self.units_each, self.fixed_machines) = (Some(units_each), None);
    }

    fn supplied(&mut self, supply: Supply) {
        self.scaling.note(on_machines(supply, self.fixed_machines));
    }

    fn note(&mut self, event: &ScalingEvent<'_>, at_seconds: f64) {
        match event {
            ScalingEvent::Decision { samples, waiting, step, .. } => {
                let machines = step.placement.zip(self.units_each).map(|(placement, units_each)| MachineSupply {
                    units_each,
                    ready: placement.machines,
                    booting: placement.booting,
                });
                let waiting_now = step.placement.map_or(0, |placement| placement.pending);
                self.supplied(Supply { machines, waiting: waiting_now, ..found(samples, *waiting, at_seconds) });
                self.scaling.decisions.push(Decided {
                    at_seconds,
                    units: step.decision.size,
                    wanted: step.decision.wanted,
                    reason: step.reason(),
                });
            }
            ScalingEvent::Changed { seconds, from, to, .. } => {
                let last = self.scaling.supply.last().copied().unwrap_or_default();
                let begun = Supply {
                    at_seconds: (at_seconds - seconds).max(last.at_seconds),
                    ready: *from.min(to),
                    starting: to.saturating_sub(*from),
                    draining: from.saturating_sub(*to),
                    waiting: if self.fixed_machines.is_some() { 0 } else { last.waiting },
                    ..last
                };
                self.supplied(begun);
                self.supplied(Supply { at_seconds, ready: *to, starting: 0, draining: 0, ..begun });
            }
            ScalingEvent::Notice { text, .. } => self.scaling.notices.push(Notice { at_seconds, text: text.clone() }),
        }
    }
}

/// What nodes are worth on machines whose number stays: those beyond the room of all machines share what the others have, so
/// they are no further units.
fn on_machines(supply: Supply, machines: Option<MachineSupply>) -> Supply {
    let Some(machines) = machines else { return supply };
    let room = machines.ready.saturating_mul(machines.units_each);
    let ready = supply.ready.min(room);
    let starting = supply.starting.min(room - ready);
    let waiting = supply.waiting + (supply.ready - ready) + (supply.starting - starting);
    Supply { ready, starting, waiting, machines: Some(machines), ..supply }
}

/// Units as the autoscaler saw them, `waiting` of which have no machine yet.
fn found(samples: &Samples, waiting: u32, at_seconds: f64) -> Supply {
    let mut supply = Supply { at_seconds, ..Supply::default() };
    for node in &samples.nodes {
        match node.state {
            SampledState::Running { ready: true } => supply.ready += 1,
            SampledState::Starting | SampledState::Running { ready: false } => supply.starting += 1,
            SampledState::Draining => supply.draining += 1,
            SampledState::Failed => {}
        }
    }
    supply.starting = supply.starting.saturating_sub(waiting);
    supply
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscale::sample::SampledNode;

    fn cluster() -> ClusterAnswer {
        serde_json::from_value(serde_json::json!({ "target": "http://h:1", "nodes": [] })).unwrap()
    }

    #[test]
    fn a_change_is_a_time_of_starting_or_of_draining() {
        let mut recorder = ScalingRecorder { scaling: Scaling::fixed(2), units_each: None, fixed_machines: None };
        let changed = |from, to, seconds| (from, to, seconds);
        for ((from, to, seconds), at) in [(changed(2, 5, 1.5), 4.0), (changed(5, 3, 0.5), 9.0)] {
            recorder.note(&ScalingEvent::Changed { at: 0.0, seconds, from, to, cluster: &cluster() }, at);
        }
        let steps: Vec<(f64, u32, u32, u32)> = recorder
            .scaling
            .supply
            .iter()
            .map(|step| (step.at_seconds, step.ready, step.starting, step.draining))
            .collect();
        assert_eq!(steps, [(0.0, 2, 0, 0), (2.5, 2, 3, 0), (4.0, 5, 0, 0), (8.5, 3, 0, 2), (9.0, 3, 0, 0)]);
    }

    #[test]
    fn nodes_on_a_full_machine_are_no_further_units() {
        let machine = serde_json::json!({ "name": "machine1", "units": 2 });
        let nodes: Vec<_> =
            (1..=3).map(|number| serde_json::json!({ "name": format!("node{number}"), "url": "" })).collect();
        let cluster = serde_json::json!({ "target": "http://h:1", "nodes": nodes, "machines": [machine] });
        let mut recorder = ScalingRecorder::new(&serde_json::from_value(cluster.clone()).unwrap());
        let cluster = serde_json::from_value(cluster).unwrap();
        recorder.note(&ScalingEvent::Changed { at: 0.0, seconds: 1.0, from: 3, to: 6, cluster: &cluster }, 5.0);
        recorder.note(&ScalingEvent::Changed { at: 0.0, seconds: 1.0, from: 6, to: 1, cluster: &cluster }, 9.0);
        let steps: Vec<(f64, u32, u32, u32, u32)> = recorder
            .scaling
            .supply
            .iter()
            .map(|step| (step.at_seconds, step.ready, step.starting, step.waiting, step.paid()))
            .collect();
        let expected = [(0.0, 2, 0, 1, 2), (4.0, 2, 0, 4, 2), (5.0, 2, 0, 4, 2), (8.0, 1, 0, 0, 2), (9.0, 1, 0, 0, 2)];
        // What is as before is not written again.
        assert_eq!(steps, [&expected[..2], &expected[3..]].concat());
    }

    #[test]
    fn what_the_loop_found() {
        let with = |state| SampledNode { state, ..SampledNode::ready("x") };
        let states = [
            SampledState::Running { ready: true },
            SampledState::Starting,
            SampledState::Starting,
            SampledState::Draining,
            SampledState::Failed,
            SampledState::Running { ready: true },
        ];
        let samples = Samples { size: 4, nodes: states.map(with).to_vec(), ..Samples::default() };
        let supply = found(&samples, 1, 7.0);
        assert_eq!((supply.ready, supply.starting, supply.draining, supply.at_seconds), (2, 1, 1, 7.0));
    }
}
