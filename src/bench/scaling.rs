//! An autoscaler beside a load that changes, and what it made of the cluster.

use std::sync::atomic::AtomicBool;

use crate::autoscale::args;
use crate::autoscale::event::Event;
use crate::autoscale::hold::{Settings, hold};
use crate::autoscale::sample::{Samples, State};
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
    let mut recorder = Recorder { scaling: Scaling::fixed(units(cluster)), units_each: None };
    let (Some(driver), false) = (driver, arm.is_fixed()) else { return Ok(recorder.scaling) };
    let rules = args::read(&arm.autoscale).map_err(anyhow::Error::msg)?;
    recorder.units_each = rules.machines().map(|machines| machines.units);
    let settings = Settings {
        config: rules.config(),
        machines: rules.machines(),
        driver: driver.autoscaled(),
        interval: rules.interval,
        dimension: rules.dimension(),
        dry_run: false,
    };
    hold(&settings, over, &mut |event| {
        if let Event::Changed { cluster, .. } = event {
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
struct Recorder {
    scaling: Scaling,
    /// Room of a machine, for nested autoscaling.
    units_each: Option<u32>,
}

impl Recorder {
    fn note(&mut self, event: &Event<'_>, at_seconds: f64) {
        match event {
            Event::Decision { samples, waiting, step, .. } => {
                let machines = step.placement.zip(self.units_each).map(|(placement, units_each)| MachineSupply {
                    units_each,
                    ready: placement.machines,
                    booting: placement.booting,
                });
                let waiting_now = step.placement.map_or(0, |placement| placement.pending);
                self.scaling.note(Supply { machines, waiting: waiting_now, ..found(samples, *waiting, at_seconds) });
                self.scaling.decisions.push(Decided {
                    at_seconds,
                    units: step.decision.size,
                    wanted: step.decision.wanted,
                    reason: step.reason(),
                });
            }
            Event::Changed { seconds, from, to, .. } => {
                let last = self.scaling.supply.last().copied().unwrap_or_default();
                let begun = Supply {
                    at_seconds: (at_seconds - seconds).max(last.at_seconds),
                    ready: *from.min(to),
                    starting: to.saturating_sub(*from),
                    draining: from.saturating_sub(*to),
                    ..last
                };
                self.scaling.note(begun);
                self.scaling.note(Supply { at_seconds, ready: *to, starting: 0, draining: 0, ..begun });
            }
            Event::Notice { text, .. } => self.scaling.notices.push(Notice { at_seconds, text: text.clone() }),
        }
    }
}

/// Units as the autoscaler saw them, `waiting` of which have no machine yet.
fn found(samples: &Samples, waiting: u32, at_seconds: f64) -> Supply {
    let mut supply = Supply { at_seconds, ..Supply::default() };
    for node in &samples.nodes {
        match node.state {
            State::Running { ready: true } => supply.ready += 1,
            State::Starting | State::Running { ready: false } => supply.starting += 1,
            State::Draining => supply.draining += 1,
            State::Failed => {}
        }
    }
    supply.starting = supply.starting.saturating_sub(waiting);
    supply
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscale::sample::Node;

    fn cluster() -> ClusterAnswer {
        serde_json::from_value(serde_json::json!({ "target": "http://h:1", "nodes": [] })).unwrap()
    }

    #[test]
    fn a_change_is_a_time_of_starting_or_of_draining() {
        let mut recorder = Recorder { scaling: Scaling::fixed(2), units_each: None };
        let changed = |from, to, seconds| (from, to, seconds);
        for ((from, to, seconds), at) in [(changed(2, 5, 1.5), 4.0), (changed(5, 3, 0.5), 9.0)] {
            recorder.note(&Event::Changed { at: 0.0, seconds, from, to, cluster: &cluster() }, at);
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
    fn what_the_loop_found() {
        let with = |state| Node { state, ..Node::ready("x") };
        let states = [
            State::Running { ready: true },
            State::Starting,
            State::Starting,
            State::Draining,
            State::Failed,
            State::Running { ready: true },
        ];
        let samples = Samples { size: 4, nodes: states.map(with).to_vec(), ..Samples::default() };
        let supply = found(&samples, 1, 7.0);
        assert_eq!((supply.ready, supply.starting, supply.draining, supply.at_seconds), (2, 1, 1, 7.0));
    }
}
