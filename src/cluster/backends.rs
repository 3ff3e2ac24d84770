//! The list of nodes of a balancer whose nodes somebody else starts (`up --backend`), changed while clients are served.

use anyhow::{Context, ensure};

use super::state::Rotation;
use super::wait::Interrupt;
use super::{Cluster, ready};

/// What has to happen so that one list becomes another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct BackendChanges {
    /// Nodes whose addresses are not wanted any more.
    gone: Vec<String>,
    /// New nodes with their addresses.
    new: Vec<(String, String)>,
}

impl BackendChanges {
    /// From nodes with their addresses to a list of addresses. New nodes get the lowest numbers that are free then.
    fn between(nodes: &[(String, String)], wanted: &[String]) -> Self {
        let (stay, gone): (Vec<_>, Vec<_>) = nodes.iter().partition(|(_, address)| wanted.contains(address));
        let taken = |name: &String| stay.iter().any(|(node, _)| node == name);
        let mut names = (1..).map(|number| format!("node{number}")).filter(|name| !taken(name));
        let mut new: Vec<(String, String)> = Vec::new();
        for address in wanted {
            let known = stay.iter().any(|(_, known)| known == address) || new.iter().any(|(_, known)| known == address);
            if !known && let Some(name) = names.next() {
                new.push((name, address.clone()));
            }
        }
        Self { gone: gone.into_iter().map(|(name, _)| name.clone()).collect(), new }
    }
}

impl Cluster {
    /// The balancer's nodes are these from now on. Those that go finish what they have; those that come take requests when
    /// this returns.
    ///
    /// # Errors
    /// When the nodes are the cluster's own, a new one does not answer, or the balancer refuses.
    pub fn backends(&mut self, wanted: &[String]) -> anyhow::Result<()> {
        ensure!(
            !self.settings.nodes_are_local(),
            "the nodes of {} are its own: scale changes their number; this is for a balancer of `up --backend`",
            self.settings.name
        );
        let balancer = self.must_have_balancer("nothing sends requests to a node")?;
        let nodes: Vec<(String, String)> =
            self.folder.nodes().into_iter().map(|node| (node.clone(), self.folder.node_address(&node))).collect();
        let change = BackendChanges::between(&nodes, wanted);
        self.interrupt = Interrupt::watch()?;
        // Those that go first: a new one may take the name of one of them, as a container does that was started again.
        for node in &change.gone {
            self.folder.set_rotation(node, Rotation::Out)?;
        }
        balancer.drain(&self.site(), &change.gone)?;
        balancer.delete(&self.site(), &change.gone)?;
        for node in &change.gone {
            self.folder.forget_node(node)?;
            self.reporter.step(format_args!("{node} is not a node of the balancer any more"));
        }
        for (node, address) in &change.new {
            ensure!(ready::is_ready(address), "{address} does not answer /readyz with 2xx; it is not taken in");
            self.folder.create_node(node, address)?;
            self.reporter.step(format_args!("{node} on http://{address}"));
        }
        let new: Vec<String> = change.new.into_iter().map(|(node, _)| node).collect();
        let added = if new.is_empty() { Ok(()) } else { balancer.add(&self.site(), &new) };
        let addresses: Vec<String> = self.folder.nodes().iter().map(|node| self.folder.node_address(node)).collect();
        self.settings.units = u32::try_from(addresses.len()).context("too many nodes")?;
        self.settings.backend = Some(addresses);
        self.folder.save(&self.settings)?;
        self.site().write_config(balancer)?;
        self.interrupt = Interrupt::default();
        added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes() {
        let nodes = |text: &str| -> Vec<(String, String)> {
            let pair = |word: &str| word.split_once('=').map(|(name, at)| (name.to_owned(), at.to_owned())).unwrap();
            text.split_whitespace().map(pair).collect()
        };
        for (before, wanted, gone, new) in [
            ("node1=a:1 node2=b:1", "a:1 b:1", "", ""),
            ("node1=a:1 node2=b:1", "b:1 a:1 b:1", "", ""),
            ("node1=a:1", "a:1 b:1 c:1 c:1", "", "node2=b:1 node3=c:1"),
            ("node1=a:1 node2=b:1", "b:1", "node1", ""),
            // Started again at another address.
            ("node1=a:1 node2=b:1", "c:1 b:1", "node1", "node1=c:1"),
            ("node2=b:1", "b:1 c:1 d:1", "", "node1=c:1 node3=d:1"),
        ] {
            let wanted: Vec<String> = wanted.split_whitespace().map(str::to_owned).collect();
            let change = BackendChanges::between(&nodes(before), &wanted);
            assert_eq!((change.gone.join(" "), change.new), (gone.to_owned(), nodes(new)), "{before} -> {wanted:?}");
        }
    }
}
