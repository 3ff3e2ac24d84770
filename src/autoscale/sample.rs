//! What is known of the nodes at one moment.

use std::collections::BTreeMap;

use super::config::{Metric, MetricKind};

/// Where a node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampledState {
    /// Ordered, and its process does not run yet.
    Starting,
    /// Its process runs.
    Running {
        /// It takes requests.
        ready: bool,
    },
    /// It takes no new requests, and goes.
    Draining,
    /// It ended by accident.
    Failed,
}

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledNode {
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: SampledState,
    /// Time since it started; `None` where nobody knows, which counts as long ago.
    pub age_seconds: Option<f64>,
    /// Time since it last became ready, or ceased to be; `None` where nobody knows.
    pub since_seconds: Option<f64>,
    /// How far back its sample reaches; `None` where nobody knows, which counts as fresh.
    pub sample_seconds: Option<f64>,
    /// It was ready at some time.
    pub was_ready: bool,
    /// What it may use, in any unit that is the same for all nodes: weighs percentages. 1 where all are equal.
    pub quota: f64,
    /// Its figures; no entry is no sample.
    pub readings: BTreeMap<Metric, f64>,
}

impl SampledNode {
    /// A node that has long been ready, without any figure.
    pub fn ready(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: SampledState::Running { ready: true },
            age_seconds: None,
            since_seconds: None,
            sample_seconds: None,
            was_ready: true,
            quota: 1.0,
            readings: BTreeMap::new(),
        }
    }

    /// It counts as one of the cluster's nodes: neither draining nor failed.
    pub fn counts(&self) -> bool {
        match self.state {
            SampledState::Starting | SampledState::Running { .. } => true,
            SampledState::Draining | SampledState::Failed => false,
        }
    }
}

/// What is known at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// The size that the cluster was last told to have.
    pub size: u32,
    /// Its nodes, those that start, drain or have failed included.
    pub nodes: Vec<SampledNode>,
    /// Figures of the whole cluster, for instance the rate at a balancer: such a metric is judged by its total alone
    /// (Kubernetes: an external metric with `AverageValue`).
    pub totals: BTreeMap<Metric, f64>,
    /// Machines that the nodes stand on; `None` where nobody knows.
    pub machines: Option<u32>,
}

impl Samples {
    /// Nodes that have `units` units together, all as many, as that many small ones: percentages and times are theirs as
    /// well, amounts are divided. So the rule for a number of nodes is the rule for a number of units. Where the units
    /// cannot be divided, the first nodes stand for one more.
    #[must_use]
    pub fn in_units(&self, units: u32) -> Self {
        let count = self.nodes.iter().filter(|node| node.counts()).count().max(1) as u32;
        let each = f64::from(units) / f64::from(count);
        let share = |node: &SampledNode, unit: u32| {
            let mut part = node.clone();
            part.name = format!("{}/{}", node.name, unit + 1);
            part.quota = 1.0;
            for (metric, value) in &mut part.readings {
                match metric.kind() {
                    MetricKind::Average => *value /= each,
                    MetricKind::Utilization | MetricKind::Largest => {}
                }
            }
            part
        };
        let (counted, others): (Vec<&SampledNode>, Vec<&SampledNode>) =
            self.nodes.iter().partition(|node| node.counts());
        let parts = |(number, node)| {
            let of_node = units / count + u32::from((number as u32) < units % count);
            (0..of_node).map(move |unit| share(node, unit))
        };
        let nodes = counted.into_iter().enumerate().flat_map(parts).chain(others.into_iter().cloned()).collect();
        Self { size: units, nodes, totals: self.totals.clone(), machines: self.machines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_big_node_is_so_many_units() {
        let mut node = SampledNode::ready("node1");
        node.readings = BTreeMap::from([(Metric::Cpu, 90.0), (Metric::Queue, 12.0), (Metric::P99, 40.0)]);
        let parts = Samples { size: 1, nodes: vec![node], ..Samples::default() }.in_units(3);
        assert_eq!((parts.size, parts.nodes.len()), (3, 3));
        for part in &parts.nodes {
            assert_eq!(part.readings, BTreeMap::from([(Metric::Cpu, 90.0), (Metric::Queue, 4.0), (Metric::P99, 40.0)]));
        }
        assert_eq!(parts.nodes[2].name, "node1/3");
    }

    #[test]
    fn several_nodes_share_units() {
        let mut node = SampledNode::ready("node1");
        node.readings = BTreeMap::from([(Metric::Cpu, 90.0), (Metric::Queue, 6.0)]);
        let going = SampledNode { state: SampledState::Draining, ..SampledNode::ready("node3") };
        let nodes = vec![node.clone(), going, SampledNode { name: "node2".into(), ..node }];
        let parts = Samples { size: 2, nodes, ..Samples::default() }.in_units(3);
        let names: Vec<&str> = parts.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["node1/1", "node1/2", "node2/1", "node3"]);
        assert_eq!(parts.nodes[2].readings, BTreeMap::from([(Metric::Cpu, 90.0), (Metric::Queue, 4.0)]));
    }
}
