//! The contract for clusters that somebody else makes: `scripts/vagrant-driver.sh` gives the facts, and this the answer.

use std::collections::BTreeMap;

use serde::Serialize;

use super::balancer::BalancerKind;
use super::contract::{BalancerAnswer, ClusterAnswer, Limited, MachineAnswer, NodeAnswer, NodeState, Topology};
use super::ready;

/// What the driver knows.
#[derive(Clone, Debug)]
pub struct Description {
    /// The cluster's name.
    pub name: String,
    /// One big node, or a node for each unit.
    pub topology: Topology,
    /// Units of CPU, over all nodes.
    pub units: u32,
    /// A unit in percent of one core; `None` without a quota.
    pub unit_cpu: Option<u32>,
    /// How that is limited, in the driver's own word.
    pub mechanism: String,
    /// Where the load goes.
    pub target: String,
    /// Names and HOST:PORT.
    pub nodes: Vec<(String, String)>,
    /// Processes of nodes on this machine, by name.
    pub pids: BTreeMap<String, u32>,
    /// Kind, version, and its process where that is on this machine.
    pub balancer: Option<(BalancerKind, String, Option<u32>)>,
    /// Real machines under the nodes, where the driver can give and take them.
    pub machines: Vec<RealMachine>,
}

/// A real machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealMachine {
    /// Its name.
    pub name: String,
    /// Nodes of one unit that fit on it.
    pub units: u32,
    /// The names of the nodes that stand on it.
    pub nodes: Vec<String>,
}

impl From<RealMachine> for MachineAnswer {
    fn from(RealMachine { name, units, nodes }: RealMachine) -> Self {
        Self { name, units, quota_cores: None, simulated: false, nodes }
    }
}

/// The answer of that driver.
#[derive(Clone, Debug, Serialize)]
pub struct DescriptionAnswer {
    #[serde(flatten)]
    cluster: ClusterAnswer,
    /// Which of its machines answer. The nodes say the same; this was there before they did.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    up: BTreeMap<String, bool>,
}

impl Description {
    /// With `ask` every node is asked whether it is ready.
    pub fn answer(self, ask: bool) -> DescriptionAnswer {
        let total = self.unit_cpu.map(|unit| f64::from(unit * self.units) / 100.0);
        let each = total.map(|total| total / self.nodes.len().max(1) as f64);
        let pids = self.pids;
        let node = |(name, address): (String, String)| {
            let up = ask.then(|| ready::is_ready(&address));
            let state = up.map(|up| if up { NodeState::Ready } else { NodeState::Down });
            let pid = pids.get(&name).copied();
            NodeAnswer { name, url: format!("http://{address}"), pid, quota_cores: each, up, state }
        };
        let nodes: Vec<NodeAnswer> = self.nodes.into_iter().map(node).collect();
        let up = nodes.iter().filter_map(|node| Some((node.name.clone(), node.up?))).collect();
        let balancer = self.balancer.map(|(kind, version, pid)| BalancerAnswer {
            kind: kind.name().to_owned(),
            version: Some(version),
            pid,
            algorithm: None,
            stats_url: None,
            config: None,
            waf: None,
            up: None,
        });
        let limited = Limited {
            resource: Some("cpu".to_owned()),
            mechanism: Some(self.mechanism),
            unit_cpu_percent: self.unit_cpu.map(f64::from),
            total_quota_cores: total,
        };
        let cluster = ClusterAnswer {
            name: Some(self.name),
            topology: Some(self.topology),
            units: Some(self.units),
            target: self.target,
            nodes,
            machines: self.machines.into_iter().map(MachineAnswer::from).collect(),
            balancer,
            services: Vec::new(),
            tls: None,
            promotions: Vec::new(),
            reshards: Vec::new(),
            scaling_file: None,
            login: None,
            limited: Some(limited),
        };
        DescriptionAnswer { cluster, up }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_share_the_units() {
        let nodes = ["node1", "node2"].map(|name| (name.to_owned(), "127.0.0.1:1".to_owned())).to_vec();
        let description = Description {
            name: "t".to_owned(),
            topology: Topology::Horizontal,
            units: 2,
            unit_cpu: Some(50),
            mechanism: "vm-systemd".to_owned(),
            target: "http://10.0.0.10".to_owned(),
            nodes,
            pids: [("node2".to_owned(), 7)].into(),
            balancer: Some((BalancerKind::Nginx, "1.22.1".to_owned(), None)),
            machines: vec![RealMachine { name: "host1".to_owned(), units: 4, nodes: vec!["node2".to_owned()] }],
        };
        let text = serde_json::to_string(&description.clone().answer(false)).unwrap();
        assert!(!text.contains("\"up\""), "{text}");
        let read: ClusterAnswer = serde_json::from_str(&text).unwrap();
        assert_eq!((read.nodes[0].pid, read.nodes[1].pid), (None, Some(7)));
        assert_eq!((read.nodes[1].quota_cores, read.limited.unwrap().total_quota_cores), (Some(0.5), Some(1.0)));
        let machine = &read.machines[0];
        assert_eq!((machine.units, machine.simulated, machine.nodes.as_slice()), (4, false, &["node2".to_owned()][..]));
        let asked = serde_json::to_value(description.answer(true)).unwrap();
        assert_eq!((&asked["up"]["node2"], &asked["nodes"][1]["state"]), (&false.into(), &"down".into()));
    }
}
