//! Nested autoscaling: the machines that the nodes stand on.
//!
//! A node is one unit, and a machine holds so many units. Nodes that fit on no machine order one, which counts from the
//! end of its boot; a machine whose nodes fit on the others goes after an idle time. The rules are those of Kubernetes'
//! Cluster Autoscaler (kubernetes/autoscaler, cluster-autoscaler/FAQ.md), with two differences: a machine goes as soon as
//! its nodes fit elsewhere (there: and it is used by less than half), and nodes fill the machines in order, so that the
//! last ones empty first.

use std::fmt;

use serde::Serialize;

/// The machines that may be had.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MachineConfig {
    /// Nodes that fit on one.
    pub units: u32,
    /// From its order until nodes can start on it.
    pub boot_seconds: f64,
    /// Most machines.
    pub max: u32,
    /// How long a machine must have been spare before it goes (`--scale-down-unneeded-time`), and how long after an
    /// order none goes (`--scale-down-delay-after-add`).
    pub idle_seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct PooledMachine {
    ready_at: f64,
    spare_since: Option<f64>,
}

/// The machines at a moment. Times are seconds of any one clock.
#[derive(Clone, Debug, PartialEq)]
pub struct MachinePool {
    config: MachineConfig,
    machines: Vec<PooledMachine>,
    last_order: Option<f64>,
}

/// What a number of nodes meant for the machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Placement {
    /// Nodes that have a machine: those that can run now.
    pub running: u32,
    /// Nodes that wait for a machine.
    pub pending: u32,
    /// Machines that have booted.
    pub machines: u32,
    /// Machines that boot.
    pub booting: u32,
    /// Machines ordered at this moment.
    pub ordered: u32,
    /// Machines given back at this moment.
    pub removed: u32,
    /// Nodes for which no machine can be ordered, because there are as many as there may be.
    pub refused: u32,
}

impl MachinePool {
    /// As many booted machines as `nodes` nodes stand on, at least one and at most the largest number.
    pub fn holding(config: MachineConfig, nodes: u32, now: f64) -> Self {
        Self::booted(config, nodes.div_ceil(config.units).clamp(1, config.max.max(1)), now)
    }

    /// So many booted machines.
    pub fn booted(config: MachineConfig, count: u32, now: f64) -> Self {
        let machine = PooledMachine { ready_at: now, spare_since: None };
        Self { config, machines: vec![machine; count as usize], last_order: None }
    }

    /// Nodes that can run at a moment.
    pub fn capacity(&self, now: f64) -> u32 {
        self.ready(now).saturating_mul(self.config.units)
    }

    fn ready(&self, now: f64) -> u32 {
        self.machines.iter().filter(|machine| machine.ready_at <= now).count() as u32
    }

    /// The machines after `nodes` nodes were wanted at the moment `now`, and what that meant.
    #[must_use]
    pub fn want(&self, nodes: u32, now: f64) -> (Self, Placement) {
        let MachineConfig { units, boot_seconds, max, idle_seconds } = self.config;
        let mut next = self.clone();
        let needed = nodes.div_ceil(units).max(1);
        // What boots already is not ordered again.
        let ordered = needed.min(max).saturating_sub(next.machines.len() as u32);
        let machine = PooledMachine { ready_at: now + boot_seconds, spare_since: None };
        next.machines.extend(std::iter::repeat_n(machine, ordered as usize));
        if ordered > 0 {
            next.last_order = Some(now);
        }
        for (number, machine) in next.machines.iter_mut().enumerate() {
            let spare = number as u32 >= needed && machine.ready_at <= now;
            machine.spare_since = if spare { machine.spare_since.or(Some(now)) } else { None };
        }
        let settled = next.last_order.is_none_or(|order| now - order >= idle_seconds);
        let before = next.machines.len();
        let stays = |machine: &PooledMachine| !machine.spare_since.is_some_and(|since| now - since >= idle_seconds);
        next.machines.retain(|machine| !settled || stays(machine));
        let running = nodes.min(next.capacity(now));
        let placement = Placement {
            running,
            pending: nodes - running,
            machines: next.ready(now),
            booting: next.machines.len() as u32 - next.ready(now),
            ordered,
            removed: (before - next.machines.len()) as u32,
            refused: nodes.saturating_sub(max.saturating_mul(units)),
        };
        (next, placement)
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { running, pending, machines, booting, ordered, removed, refused } = self;
        write!(formatter, "{running} on {}", counted(*machines, "machine"))?;
        if *pending > 0 {
            write!(formatter, ", {} without a machine", counted(*pending, "node"))?;
        }
        if *ordered > 0 {
            write!(formatter, ", {} ordered", counted(*ordered, "machine"))?;
        }
        if *booting > 0 {
            write!(formatter, ", {booting} booting")?;
        }
        if *removed > 0 {
            write!(formatter, ", {} given back", counted(*removed, "machine"))?;
        }
        if *refused > 0 {
            write!(formatter, ", {} more than the largest number of machines holds", counted(*refused, "node"))?;
        }
        Ok(())
    }
}

fn counted(number: u32, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: MachineConfig = MachineConfig { units: 2, boot_seconds: 20.0, max: 4, idle_seconds: 600.0 };

    /// Moment, nodes wanted; then running, pending, booted, booting, ordered, removed.
    type Row = (f64, u32, [u32; 6]);

    fn follow(config: MachineConfig, start: u32, rows: &[Row]) {
        let mut machines = MachinePool::holding(config, start, 0.0);
        for (now, nodes, expected) in rows {
            let (next, placement) = machines.want(*nodes, *now);
            let Placement { running, pending, machines: booted, booting, ordered, removed, .. } = placement;
            assert_eq!([running, pending, booted, booting, ordered, removed], *expected, "{nodes} nodes at {now} s");
            machines = next;
        }
    }

    #[test]
    fn nodes_that_do_not_fit_order_a_machine_which_counts_from_its_boot_on() {
        follow(
            CONFIG,
            2,
            &[
                (0.0, 2, [2, 0, 1, 0, 0, 0]),
                (15.0, 3, [2, 1, 1, 1, 1, 0]),
                // Still booting: nothing is ordered twice, only what has come on top.
                (30.0, 3, [2, 1, 1, 1, 0, 0]),
                (34.0, 5, [2, 3, 1, 2, 1, 0]),
                (35.0, 5, [4, 1, 2, 1, 0, 0]),
                (54.0, 5, [5, 0, 3, 0, 0, 0]),
            ],
        );
    }

    #[test]
    fn no_more_than_the_largest_number() {
        let (_, placement) = MachinePool::holding(CONFIG, 2, 0.0).want(11, 0.0);
        assert_eq!((placement.ordered, placement.refused), (3, 3));
        follow(CONFIG, 8, &[(0.0, 11, [8, 3, 4, 0, 0, 0])]);
        assert_eq!(
            placement.to_string(),
            "2 on 1 machine, 9 nodes without a machine, 3 machines ordered, 3 booting, 3 nodes more than the largest \
             number of machines holds"
        );
    }

    #[test]
    fn a_spare_machine_goes_after_its_idle_time() {
        follow(
            CONFIG,
            6,
            &[
                (0.0, 6, [6, 0, 3, 0, 0, 0]),
                (100.0, 4, [4, 0, 3, 0, 0, 0]),
                (699.0, 4, [4, 0, 3, 0, 0, 0]),
                (700.0, 4, [4, 0, 2, 0, 0, 1]),
                // One machine stays, whatever happens.
                (800.0, 1, [1, 0, 2, 0, 0, 0]),
                (1400.0, 1, [1, 0, 1, 0, 0, 1]),
                (9000.0, 0, [0, 0, 1, 0, 0, 0]),
                (9600.0, 0, [0, 0, 1, 0, 0, 0]),
            ],
        );
    }

    #[test]
    fn a_machine_that_was_needed_again_is_not_spare() {
        follow(
            CONFIG,
            6,
            &[
                (0.0, 4, [4, 0, 3, 0, 0, 0]),
                (300.0, 5, [5, 0, 3, 0, 0, 0]),
                (310.0, 4, [4, 0, 3, 0, 0, 0]),
                (600.0, 4, [4, 0, 3, 0, 0, 0]),
                (910.0, 4, [4, 0, 2, 0, 0, 1]),
            ],
        );
    }

    #[test]
    fn none_goes_for_the_idle_time_after_an_order() {
        follow(
            CONFIG,
            4,
            &[
                (0.0, 2, [2, 0, 2, 0, 0, 0]),
                (500.0, 6, [4, 2, 2, 1, 1, 0]),
                (520.0, 2, [2, 0, 3, 0, 0, 0]),
                (1099.0, 2, [2, 0, 3, 0, 0, 0]),
                (1120.0, 2, [2, 0, 1, 0, 0, 2]),
            ],
        );
    }
}
