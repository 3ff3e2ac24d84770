//! What a command answers: the contract for a program, a table for a person at a terminal.

use super::balancer::{BalancerKind, NodeShare};
use super::contract::{
    BalancerAnswer, ClusterAnswer, Limited, MachineAnswer, NodeAnswer, NodeState, ServiceAnswer, ServiceRole,
};
use super::limits::{self, Mechanism};
use super::state::Rotation;
use super::{Cluster, process, ready, service, tls};

impl Cluster {
    /// The cluster as it is now. With `ask` every node is asked whether it is ready.
    pub fn answer(&self, ask: bool) -> ClusterAnswer {
        let settings = &self.settings;
        let services = service::of(settings, &self.folder, self.reporter);
        ClusterAnswer {
            name: Some(settings.name.clone()),
            topology: Some(settings.topology),
            units: Some(settings.units),
            target: self.target(),
            nodes: self.folder.nodes().iter().map(|node| self.node_answer(node, ask)).collect(),
            machines: self.machine_answers(),
            balancer: settings.balancer.map(|kind| self.balancer_answer(kind, ask)),
            services: services.iter().map(|service| service.answer()).collect(),
            tls: settings.tls.as_ref().map(|tls| tls::answer(tls, &self.folder)),
            login: service::login_body(settings, &self.folder),
            limited: Some(self.limited()),
            promotions: settings.shared.promotions.clone(),
            reshards: settings.shared.reshards.clone(),
            scaling_file: Some(self.folder.scaling().display().to_string()),
        }
    }

    /// Where clients on this machine ask.
    pub(super) fn target(&self) -> String {
        match (self.settings.balancer, self.settings.far) {
            (Some(_), Some(far)) => format!("http://{}", far.nearest()),
            (Some(_), None) => self.origin(),
            (None, _) => self.folder.node_url("node1"),
        }
    }

    /// Where the balancer of the nodes listens.
    pub(super) fn origin(&self) -> String {
        format!("http://{}:{}", self.settings.bind.reachable_host(), self.settings.port)
    }

    fn node_answer(&self, node: &str, ask: bool) -> NodeAnswer {
        let pid = process::alive(&self.folder.node_process(node)).map(process::ProcessRecord::pid);
        let state = ask.then(|| match (ready::is_ready(&self.folder.node_address(node)), self.folder.rotation(node)) {
            (false, _) => NodeState::Down,
            (true, Rotation::Out) => NodeState::Drained,
            (true, Rotation::In) => NodeState::Ready,
        });
        NodeAnswer {
            name: node.to_owned(),
            url: self.folder.node_url(node),
            pid,
            quota_cores: pid.and_then(limits::of_process),
            up: state.map(|state| state != NodeState::Down),
            state,
        }
    }

    fn balancer_answer(&self, kind: BalancerKind, ask: bool) -> BalancerAnswer {
        let (site, balancer) = (self.site(), kind.balancer());
        let pid = site.process().map(process::ProcessRecord::pid);
        BalancerAnswer {
            kind: kind.name().to_owned(),
            version: balancer.version().ok(),
            pid,
            algorithm: Some(self.settings.algorithm.name().to_owned()),
            stats_url: Some(self.stats_url()),
            config: Some(site.config_path(balancer).display().to_string()),
            waf: self.settings.waf,
            up: ask.then_some(pid.is_some()),
        }
    }

    fn stats_url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.settings.stats_port)
    }

    fn limited(&self) -> Limited {
        let unit = self.settings.unit_cpu;
        Limited {
            resource: Some("cpu".to_owned()),
            mechanism: Some(self.settings.mechanism.name().to_owned()),
            unit_cpu_percent: unit.map(f64::from),
            total_quota_cores: unit.map(|unit| f64::from(unit * self.settings.limited_units()) / 100.0),
        }
    }

    /// The same for a person.
    pub fn table(&self) -> String {
        let settings = &self.settings;
        let limit = match (&settings.mechanism, settings.unit_cpu) {
            (Mechanism::None, _) | (_, None) => "no CPU quota".to_owned(),
            (mechanism, Some(unit)) => format!("{unit} % of a core each, by {}", mechanism.name()),
        };
        let answer = self.answer(true);
        let mut text = format!(
            "cluster {}: {}, {}, {limit}\n{}",
            settings.name,
            settings.topology,
            settings.units_words(),
            self.addresses(&answer)
        );
        text.push_str(&line(["NODE", "ADDRESS", "PROCESS", "CORES", "STATE", "BALANCER SEES", "REQUESTS"]));
        let shares = self.balancer().map(|balancer| balancer.shares(&self.site())).unwrap_or_default();
        for node in &answer.nodes {
            let share = shares.iter().find(|share| share.node == node.name);
            text.push_str(&node_line(node, share));
        }
        for service in &answer.services {
            text.push_str(&service_line(service));
        }
        answer.machines.iter().for_each(|machine| text.push_str(&machine_line(machine)));
        text
    }

    fn addresses(&self, answer: &ClusterAnswer) -> String {
        let secure = answer.tls.as_ref().map(|tls| format!(" and {}", tls.target)).unwrap_or_default();
        let mut text = format!("  clients:    {}{secure}\n", answer.target);
        if let Some(balancer) = &answer.balancer {
            let process = balancer.pid.map_or_else(|| "NOT RUNNING".to_owned(), |pid| format!("process {pid}"));
            let version = balancer.version.as_deref().unwrap_or("?");
            let algorithm = self.settings.algorithm.name();
            text.push_str(&format!("  balancer:   {} {version}, {algorithm}, {process}\n", balancer.kind));
            text.push_str(&format!("  statistics: {}\n", self.stats_url()));
        }
        text + "\n"
    }
}

fn line(columns: [&str; 7]) -> String {
    let [node, address, process, cores, state, sees, requests] = columns;
    format!("  {node:<10}{address:<28}{process:>9}{cores:>8}  {state:<9}{sees:<14}{requests:>10}\n")
}

fn node_line(node: &NodeAnswer, share: Option<&NodeShare>) -> String {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    line([
        &node.name,
        &node.url,
        &or_dash(node.pid.map(|pid| pid.to_string())),
        &or_dash(node.quota_cores.map(|cores| cores.to_string())),
        &or_dash(node.state.map(|state| state.to_string())),
        &or_dash(share.map(|share| share.state.clone())),
        &or_dash(share.map(|share| share.requests.to_string())),
    ])
}

fn service_line(service: &ServiceAnswer) -> String {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    line([
        &service.name,
        &format!("{} {}", service.kind, service.address),
        &or_dash(service.pid.map(|pid| pid.to_string())),
        &or_dash(service.quota_cores.map(|cores| cores.to_string())),
        service_state(service),
        "-",
        "-",
    ])
}

/// What a store is among others; a lone one is ready.
fn service_state(service: &ServiceAnswer) -> &'static str {
    match (service.up, service.role) {
        (false, _) => "down",
        (true, ServiceRole::Primary | ServiceRole::Cache | ServiceRole::Edge | ServiceRole::Relay) => "ready",
        (true, ServiceRole::Replica) => "replica",
        (true, ServiceRole::Shard) => "shard",
    }
}

/// A machine, and whether its nodes find room.
fn machine_line(machine: &MachineAnswer) -> String {
    let cores = machine.quota_cores.map_or_else(|| "no quota".to_owned(), |cores| format!("{cores} cores"));
    let nodes = if machine.nodes.is_empty() { "no node".to_owned() } else { machine.nodes.join(" ") };
    let crowded = if machine.nodes.len() as u32 > machine.units { " (more than it has room for)" } else { "" };
    format!("  {:<10}simulated, room for {}, {cores}: {nodes}{crowded}\n", machine.name, machine.units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_a_node() {
        let node = NodeAnswer {
            name: "node1".to_owned(),
            url: "http://127.0.0.1:1".to_owned(),
            pid: Some(7),
            quota_cores: Some(0.25),
            up: Some(true),
            state: Some(NodeState::Ready),
        };
        let share = NodeShare { node: "node1".to_owned(), state: "UP".to_owned(), requests: 5 };
        let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(node_line(&node, Some(&share))), "node1 http://127.0.0.1:1 7 0.25 ready UP 5");
        let dead = NodeAnswer { pid: None, quota_cores: None, state: Some(NodeState::Down), ..node };
        assert_eq!(words(node_line(&dead, None)), "node1 http://127.0.0.1:1 - - down - -");
    }
}
