//! Machines under the nodes, simulated: what is asked for, and where a node goes. No I/O: `machine_groups` has the groups.
//!
//! A machine has room for so many nodes, and a quota of as many units. Nodes beyond the room of all machines start all the same,
//! and share what their machine has: a full machine is full.

use serde::{Deserialize, Serialize};

use super::contract::Topology;
use super::stop::Stop;

/// What `up` was asked for; `None` is what was not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MachinesRequest {
    /// Nodes that fit on a machine.
    pub units: Option<u32>,
    /// Machines.
    pub count: Option<u32>,
}

/// The machines of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachinesSettings {
    /// Nodes that fit on each.
    pub units: u32,
    /// Machines that there are.
    pub count: u32,
}

impl MachinesRequest {
    /// What comes of it for a cluster of `units` units.
    ///
    /// # Errors
    /// [`Stop::Usage`] when the request contradicts itself.
    pub fn settle(
        self,
        topology: Topology,
        units: u32,
        unit_cpu: Option<u32>,
    ) -> Result<Option<MachinesSettings>, Stop> {
        let Some(each) = self.units else {
            return match self.count {
                Some(_) => Err(Stop::usage("--machines needs --machine-units: how many nodes fit on a machine")),
                None => Ok(None),
            };
        };
        if topology == Topology::Vertical {
            return Err(Stop::usage("a vertical cluster has one node: --machine-units is for many"));
        }
        if unit_cpu.is_none() {
            return Err(Stop::usage("a machine has the quota of its units: --machine-units needs --unit-cpu"));
        }
        Ok(Some(MachinesSettings { units: each, count: self.count.unwrap_or(units.div_ceil(each)) }))
    }

    /// Flags with what is asked and what there is, for the comparison with a cluster that is up.
    pub fn against(self, machines: Option<MachinesSettings>) -> [(&'static str, Option<String>, Option<String>); 2] {
        let text = |number: Option<u32>| number.map(|number| number.to_string());
        [
            ("machine-units", text(self.units), text(machines.map(|machines| machines.units))),
            ("machines", text(self.count), text(machines.map(|machines| machines.count))),
        ]
    }
}

impl MachinesSettings {
    /// Where a further node goes: to the first machine that has room, else to the one with the fewest nodes. `nodes` are the
    /// machines of those that there are.
    pub fn place(self, nodes: &[u32]) -> u32 {
        let on = |machine: &u32| nodes.iter().filter(|place| *place == machine).count() as u32;
        let has_room = |machine: &u32| on(machine) < self.units;
        (1..=self.count).find(has_room).or_else(|| (1..=self.count).min_by_key(on)).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_fill_machines_and_then_share_them() {
        // Units of a machine, machines, the machines of the nodes that there are; the next node's.
        for (units, count, nodes, next) in [
            (2, 1, &[][..], 1),
            (2, 2, &[1], 1),
            (2, 2, &[1, 1], 2),
            (2, 2, &[1, 1, 2], 2),
            // What went leaves room.
            (2, 3, &[1, 2, 2, 3, 3], 1),
            // Full: the one with the fewest, the first of equals.
            (2, 2, &[1, 1, 2, 2], 1),
            (2, 2, &[1, 1, 1, 2, 2], 2),
            (2, 1, &[1, 1, 1, 1], 1),
            // A machine that came later has room.
            (2, 2, &[1, 1, 1, 1], 2),
        ] {
            assert_eq!(MachinesSettings { units, count }.place(nodes), next, "{units} {count} {nodes:?}");
        }
    }

    #[test]
    fn what_comes_of_a_request() {
        let ask = |units, count| MachinesRequest { units, count };
        let settled = |request: MachinesRequest| request.settle(Topology::Horizontal, 5, Some(12)).unwrap();
        assert_eq!(settled(ask(None, None)), None);
        assert_eq!(settled(ask(Some(2), None)), Some(MachinesSettings { units: 2, count: 3 }));
        assert_eq!(settled(ask(Some(2), Some(1))), Some(MachinesSettings { units: 2, count: 1 }), "fuller than full");
        for (request, topology, unit_cpu, says) in [
            (ask(None, Some(2)), Topology::Horizontal, Some(12), "--machines needs --machine-units"),
            (ask(Some(2), None), Topology::Vertical, Some(12), "one node"),
            (ask(Some(2), None), Topology::Horizontal, None, "needs --unit-cpu"),
        ] {
            let said = request.settle(topology, 5, unit_cpu).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
    }
}
