//! The machines of a cluster as control groups: each with a quota of its own, in which the groups of its nodes lie.

use std::fs;

use anyhow::{Context, ensure};

use super::Cluster;
use super::contract::MachineAnswer;
use super::limits::{self, machine_name};
use super::machines::MachinesSettings;
use super::stop::Stop;
use crate::kernel::Root;

impl Cluster {
    /// The machine of a node, chosen when the node is made: it stays there, as a process does.
    pub(super) fn machine_of(&self, node: &str) -> Option<u32> {
        self.settings.machines?;
        fs::read_to_string(self.folder.node_machine(node)).ok()?.trim().parse().ok()
    }

    /// Chooses the machine of a new node.
    pub(super) fn place_node(&self, node: &str) -> anyhow::Result<()> {
        let Some(machines) = self.settings.machines else { return Ok(()) };
        let others: Vec<u32> = self.folder.nodes().iter().filter_map(|node| self.machine_of(node)).collect();
        let file = self.folder.node_machine(node);
        fs::write(&file, format!("{}\n", machines.place(&others))).with_context(|| file.display().to_string())
    }

    /// Makes the groups of machines, each with its quota.
    pub(super) fn machines_up(&self, numbers: impl Iterator<Item = u32>) -> anyhow::Result<()> {
        let (Some(machines), Some(unit)) = (self.settings.machines, self.settings.unit_cpu) else { return Ok(()) };
        for number in numbers {
            let name = machine_name(number);
            let group = self.settings.mechanism.machine(number);
            let group = group.with_context(|| format!("{name} has no place: there are no control groups"))?;
            let (percent, root) = (unit * machines.units, Root::real());
            limits::make_outer(&group, percent, &root)
                .with_context(|| format!("the kernel refused {name} ({})", group.folder.display()))?;
            let (wanted, quota) = (f64::from(percent) / 100.0, group.quota_cores(&root)?);
            ensure!(
                quota.is_some_and(|quota| (quota - wanted).abs() < 1e-6),
                "{name} should have a quota of {wanted} cores, but the kernel says {quota:?}"
            );
            self.reporter.step(format_args!(
                "{name} has room for {} nodes, quota {wanted} cores: {}",
                machines.units,
                group.quota_file().display()
            ));
        }
        Ok(())
    }

    /// Removes the groups of machines, which hold no node any more.
    pub(super) fn machines_down(&self, numbers: impl Iterator<Item = u32>) -> anyhow::Result<()> {
        for group in numbers.filter_map(|number| self.settings.mechanism.machine(number)) {
            limits::remove(&group, &Root::real())?;
        }
        Ok(())
    }

    /// Another number of machines for a cluster that shall have `nodes` nodes: new ones are there at once; the number of those
    /// that shall go when the nodes have gone is returned.
    pub(super) fn change_machines(&mut self, wanted: Option<u32>, nodes: u32) -> anyhow::Result<Option<u32>> {
        let Some(wanted) = wanted else { return Ok(None) };
        let machines = self.settings.machines.ok_or_else(|| {
            Stop::usage("this cluster has no machines to change; it would have been brought up with --machine-units")
        })?;
        if wanted < machines.count {
            self.refuse_to_remove_full_machines(wanted, nodes)?;
            return Ok(Some(wanted));
        }
        // Known before they are made, so that `down` finds them in any case.
        self.settings.machines = Some(MachinesSettings { count: wanted, ..machines });
        self.folder.save(&self.settings)?;
        self.machines_up(machines.count + 1..=wanted)?;
        Ok(None)
    }

    fn refuse_to_remove_full_machines(&self, wanted: u32, nodes: u32) -> anyhow::Result<()> {
        let stays = |node: &String| {
            let number = node.strip_prefix("node").and_then(|number| number.parse::<u32>().ok());
            number.is_some_and(|number| number <= nodes)
        };
        for node in self.folder.nodes().iter().filter(|node| stays(node)) {
            let machine = self.machine_of(node).unwrap_or(1);
            ensure!(
                machine <= wanted,
                "{} still has {node}, which does not move: scale to fewer nodes first",
                machine_name(machine)
            );
        }
        Ok(())
    }

    /// Takes away the machines above this number.
    pub(super) fn remove_machines(&mut self, left: u32) -> anyhow::Result<()> {
        let Some(machines) = self.settings.machines.filter(|machines| machines.count > left) else { return Ok(()) };
        self.machines_down(left + 1..=machines.count)?;
        self.settings.machines = Some(MachinesSettings { count: left, ..machines });
        self.reporter.step(format_args!("{left} of {} machines are left", machines.count));
        self.folder.save(&self.settings)
    }

    /// The machines with their nodes; none where the cluster has none.
    pub(super) fn machine_answers(&self) -> Vec<MachineAnswer> {
        let Some(machines) = self.settings.machines else { return Vec::new() };
        let nodes = self.folder.nodes();
        let answer = |number: u32| MachineAnswer {
            name: machine_name(number),
            units: machines.units,
            quota_cores: self
                .settings
                .mechanism
                .machine(number)
                .and_then(|group| group.quota_cores(&Root::real()).ok()?),
            simulated: true,
            nodes: nodes.iter().filter(|node| self.machine_of(node) == Some(number)).cloned().collect(),
        };
        (1..=machines.count).map(answer).collect()
    }
}
