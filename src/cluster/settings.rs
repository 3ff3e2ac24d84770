//! What a cluster was asked to be: the request as typed, the settings that come of it, and whether a second request agrees.
//! No I/O: ports, program and kind of quota are chosen elsewhere and filled in.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::bind::Bind;
use super::contract::Topology;
use super::far::{Far, FarRequest};
use super::limits::Mechanism;
use super::machines::{MachinesRequest, MachinesSettings};
use super::shared::{SharedRequest, SharedSettings};
use super::stop::Stop;
use super::waf::Waf;
use crate::app::Model;
use crate::results::balancer;

/// Most nodes or units of a cluster.
pub const MOST_UNITS: u32 = 64;

/// How a balancer chooses the node of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub enum BalancingAlgorithm {
    /// In turn.
    RoundRobin,
    /// To the node with the fewest requests in flight.
    LeastConn,
    /// To the less busy of two chosen at random.
    Random,
}

impl BalancingAlgorithm {
    /// Its word on the command line, in HAProxy's configuration and in the answer.
    pub fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "roundrobin",
            Self::LeastConn => "leastconn",
            Self::Random => "random",
        }
    }

    /// Why one would choose it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::RoundRobin => "In turn: fair as long as requests are alike.",
            Self::LeastConn => "To the node with the fewest requests in flight: for requests of very different length.",
            Self::Random => {
                "To the less busy of two nodes chosen at random: for several balancers that do not know of each other."
            }
        }
    }
}

/// What `up` was asked for; `None` or `false` is what was not said.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct UpRequest {
    pub nodes: Option<u32>,
    pub topology: Option<Topology>,
    pub units: Option<u32>,
    /// `Some(None)`: said to be without a limit.
    pub unit_cpu: Option<Option<u32>>,
    pub model: Option<Model>,
    pub drain_timeout: Option<u32>,
    pub balancer: Option<balancer::BalancerKind>,
    pub behind_balancer: bool,
    pub backend: Option<Vec<String>>,
    pub algorithm: Option<BalancingAlgorithm>,
    pub port: Option<u16>,
    pub bind: Option<Bind>,
    pub maxconn: Option<u32>,
    /// Seconds.
    pub edge_cache: Option<u32>,
    pub far: FarRequest,
    pub tls: bool,
    pub http2: bool,
    pub redirect: bool,
    pub tls_port: Option<u16>,
    pub authority: Option<PathBuf>,
    pub limit_requests: Option<u32>,
    pub limit_connections: Option<u32>,
    pub sticky: bool,
    pub waf: Option<Waf>,
    pub shared: SharedRequest,
    pub machines: MachinesRequest,
    pub node_arguments: Vec<String>,
}

/// What a cluster is; kept in its folder from the moment its ports are chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterSettings {
    /// Its name.
    pub name: String,
    /// The name of its control group and of its scopes; no other cluster of this machine has it.
    pub group: String,
    /// One big node, or a node for each unit.
    pub topology: Topology,
    /// Units of CPU, over all nodes.
    pub units: u32,
    /// A unit in percent of one core; `None` without a quota.
    pub unit_cpu: Option<u32>,
    /// How the quota is set.
    pub mechanism: Mechanism,
    /// How the nodes spend their threads.
    pub model: Model,
    /// Seconds that a node may take to finish what it has.
    pub drain_timeout: u32,
    /// The program of the nodes; `None` where they run elsewhere.
    pub binary: Option<PathBuf>,
    /// Further arguments of `webapp serve`.
    pub node_arguments: Vec<String>,
    /// `None`: clients ask the one node.
    pub balancer: Option<balancer::BalancerKind>,
    /// Whether a vertical cluster has one, too.
    pub behind_balancer: bool,
    /// The nodes that somebody else started, as HOST:PORT; `None` where they are ours.
    pub backend: Option<Vec<String>>,
    /// How the balancer chooses.
    pub algorithm: BalancingAlgorithm,
    /// Where clients connect.
    pub bind: Bind,
    /// The port there.
    pub port: u16,
    /// The port on 127.0.0.1 of the balancer's own figures.
    pub stats_port: u16,
    /// Requests that a node gets at once.
    pub maxconn: u32,
    /// How long the balancer keeps answers that may be kept, in seconds; `None`: it keeps none.
    #[serde(default)]
    pub edge_cache: Option<u32>,
    /// Clients that are far from the balancer; `None`: they are where it is.
    #[serde(default)]
    pub far: Option<Far>,
    /// `None` without TLS.
    pub tls: Option<Tls>,
    /// Requests a second from one source.
    pub limit_requests: Option<u32>,
    /// Connections at once from one source.
    pub limit_connections: Option<u32>,
    /// Whether the balancer sends a user to the same node each time.
    pub sticky: bool,
    /// The firewall at the balancer; `None` without.
    #[serde(default)]
    pub waf: Option<Waf>,
    /// What the nodes share.
    pub shared: SharedSettings,
    /// Simulated machines that the nodes stand on; `None` without.
    #[serde(default)]
    pub machines: Option<MachinesSettings>,
}

/// TLS at the balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// The port.
    pub port: u16,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
    /// Whether plain HTTP only sends the client to HTTPS.
    pub redirect: bool,
    /// Where authority and certificate are kept; `None`: in the cluster's folder.
    pub authority: Option<PathBuf>,
}

impl UpRequest {
    /// Refuses what contradicts itself whatever cluster there is.
    ///
    /// # Errors
    /// [`Stop::Usage`] with the sentence for the person.
    pub fn check(&self) -> Result<(), Stop> {
        let wants_tls = self.tls || self.http2 || self.redirect;
        if (self.tls_port.is_some() || self.authority.is_some()) && !wants_tls {
            return Err(Stop::usage("--tls-port and --authority need --tls"));
        }
        Ok(())
    }

    /// The settings of a new cluster: what was asked for, and a default for everything else. Ports that were not asked for
    /// are 0; program and mechanism are not chosen yet.
    ///
    /// # Errors
    /// [`Stop::Usage`] when the request contradicts itself.
    pub fn settle(&self, name: &str, group: String) -> Result<ClusterSettings, Stop> {
        if self.backend.is_some() {
            self.refuse_settings_of_nodes()?;
        }
        let topology = self.topology.unwrap_or(Topology::Horizontal);
        let of_backend = self.backend.as_ref().map(|addresses| addresses.len() as u32);
        let units = of_backend.or(self.units).or(self.nodes).unwrap_or(2);
        if topology == Topology::Vertical && self.nodes.is_some() {
            return Err(Stop::usage("a vertical cluster has one node: say --units, not --nodes"));
        }
        if let Some(nodes) = self.nodes.filter(|nodes| *nodes != units) {
            return Err(Stop::usage(format!("--nodes {nodes} and --units {units} contradict each other")));
        }
        let bare = topology == Topology::Vertical && !self.behind_balancer;
        if bare && self.balancer.is_some() {
            return Err(Stop::usage("a vertical cluster has a balancer only with --behind-balancer"));
        }
        let wants_tls = self.tls || self.http2 || self.redirect;
        if bare && wants_tls {
            return Err(Stop::usage("TLS ends at the balancer: a vertical cluster needs --behind-balancer for it"));
        }
        if bare && self.sticky {
            return Err(Stop::usage(
                "it is the balancer that keeps a user at a node: --sticky needs --behind-balancer here",
            ));
        }
        if bare && self.edge_cache.is_some() {
            return Err(Stop::usage(
                "it is the balancer that keeps answers: --edge-cache needs --behind-balancer here",
            ));
        }
        if bare && self.waf.is_some() {
            return Err(Stop::usage("it is the balancer that has the firewall: --waf needs --behind-balancer here"));
        }
        let balancer = (!bare).then(|| self.balancer.unwrap_or(balancer::BalancerKind::Haproxy));
        if let (Some(waf), Some(kind)) = (self.waf, balancer) {
            waf.check(kind)?;
        }
        let others = [
            ("tls", wants_tls),
            ("sticky", self.sticky),
            ("limit-requests", self.limit_requests.is_some()),
            ("limit-connections", self.limit_connections.is_some()),
        ];
        let far = self.far.settle(bare, self.edge_cache, &others)?;
        let unit_cpu = if self.backend.is_some() { None } else { self.unit_cpu.unwrap_or(Some(25)) };
        Ok(ClusterSettings {
            name: name.to_owned(),
            group,
            topology,
            units,
            unit_cpu,
            mechanism: Mechanism::None,
            model: self.model.unwrap_or(Model::Async),
            drain_timeout: self.drain_timeout.unwrap_or(30),
            binary: None,
            node_arguments: self.node_arguments.clone(),
            balancer,
            behind_balancer: self.behind_balancer,
            backend: self.backend.clone(),
            algorithm: self.algorithm.unwrap_or(BalancingAlgorithm::RoundRobin),
            bind: self.bind.unwrap_or(Bind::Address(Ipv4Addr::LOCALHOST.into())),
            port: self.port.unwrap_or(0),
            stats_port: 0,
            maxconn: self.maxconn.unwrap_or(1000),
            edge_cache: self.edge_cache,
            far,
            tls: wants_tls.then(|| Tls {
                port: self.tls_port.unwrap_or(0),
                http2: self.http2,
                redirect: self.redirect,
                authority: self.authority.clone(),
            }),
            limit_requests: self.limit_requests,
            limit_connections: self.limit_connections,
            sticky: self.sticky,
            waf: self.waf,
            shared: self.shared.settle(unit_cpu)?,
            machines: self.machines.settle(topology, units, unit_cpu)?,
        })
    }

    fn refuse_settings_of_nodes(&self) -> Result<(), Stop> {
        let said = [
            ("nodes", self.nodes.is_some()),
            ("units", self.units.is_some()),
            ("unit-cpu", self.unit_cpu.is_some()),
            ("topology", self.topology.is_some()),
            ("model", self.model.is_some()),
            ("store and --sessions", !self.shared.is_empty()),
            ("machine-units", self.machines.units.is_some()),
        ];
        match said.iter().find(|(_, said)| *said) {
            Some((flag, _)) => {
                Err(Stop::usage(format!("--{flag} is for nodes that are started here; those of --backend run already")))
            }
            None => Ok(()),
        }
    }

    /// The first thing that was asked differently from what the cluster is, as a sentence.
    pub fn disagreement(&self, settings: &ClusterSettings) -> Option<String> {
        let tls = settings.tls.as_ref();
        let asked = |flag: &'static str, asked: Option<String>, has: Option<String>| (flag, asked, has);
        let yes = |said: bool| said.then(|| "yes".to_owned());
        let text = |value: &dyn ToString| value.to_string();
        let unit = |unit: Option<u32>| unit.map_or_else(|| "none".to_owned(), |percent| percent.to_string());
        let seconds = |seconds: u32| format!("{seconds}s");
        let list = |addresses: &Vec<String>| addresses.join(",");
        let path = |path: &PathBuf| path.display().to_string();
        let units = self.nodes.or(self.units);
        let table = vec![
            asked("topology", self.topology.map(|it| text(&it)), Some(text(&settings.topology))),
            asked("units", units.map(|it| text(&it)), Some(text(&settings.units))),
            asked("unit-cpu", self.unit_cpu.map(unit), Some(unit(settings.unit_cpu))),
            asked("model", self.model.map(|it| it.name().into()), Some(settings.model.name().into())),
            asked("drain-timeout", self.drain_timeout.map(|it| text(&it)), Some(text(&settings.drain_timeout))),
            asked("balancer", self.balancer.map(|it| it.name().into()), settings.balancer.map(|it| it.name().into())),
            asked("behind-balancer", yes(self.behind_balancer), yes(settings.behind_balancer)),
            asked("backend", self.backend.as_ref().map(list), settings.backend.as_ref().map(list)),
            asked("algorithm", self.algorithm.map(|it| it.name().into()), Some(settings.algorithm.name().into())),
            asked("port", self.port.map(|it| text(&it)), Some(text(&settings.port))),
            asked("bind", self.bind.map(|it| text(&it)), Some(text(&settings.bind))),
            asked("edge-cache", self.edge_cache.map(seconds), settings.edge_cache.map(seconds)),
            asked("maxconn", self.maxconn.map(|it| text(&it)), Some(text(&settings.maxconn))),
            asked("tls", yes(self.tls || self.http2 || self.redirect), yes(tls.is_some())),
            asked("http2", yes(self.http2), yes(tls.is_some_and(|tls| tls.http2))),
            asked("redirect", yes(self.redirect), yes(tls.is_some_and(|tls| tls.redirect))),
            asked("tls-port", self.tls_port.map(|it| text(&it)), tls.map(|tls| text(&tls.port))),
            asked("authority", self.authority.as_ref().map(path), tls.and_then(|it| it.authority.as_ref()).map(path)),
            asked(
                "limit-requests",
                self.limit_requests.map(|it| text(&it)),
                settings.limit_requests.map(|it| text(&it)),
            ),
            asked(
                "limit-connections",
                self.limit_connections.map(|it| text(&it)),
                settings.limit_connections.map(|it| text(&it)),
            ),
            asked("sticky", yes(self.sticky), yes(settings.sticky)),
            asked("waf", self.waf.map(|it| it.name().into()), settings.waf.map(|it| it.name().into())),
        ];
        let mut table = table
            .into_iter()
            .chain(self.shared.against(&settings.shared))
            .chain(self.machines.against(settings.machines))
            .chain(self.far.against(settings.far));
        let (flag, asked, has) = table.find(|(_, asked, has)| asked.is_some() && asked != has)?;
        let (asked, has) = (asked.unwrap_or_default(), has.unwrap_or_else(|| "(nothing)".to_owned()));
        let scale = if flag == "units" { format!(", or scale {asked}") } else { String::new() };
        Some(format!("the cluster {} is up with --{flag} {has}, not {asked}; run down first{scale}", settings.name))
    }
}

impl ClusterSettings {
    /// Whether the nodes are ours to start and to end. With `--backend` only the balancer is.
    pub fn nodes_are_local(&self) -> bool {
        self.backend.is_none()
    }

    /// How many nodes there shall be.
    pub fn node_count(&self) -> u32 {
        match self.topology {
            Topology::Vertical => 1,
            Topology::Horizontal => self.units,
        }
    }

    /// The quota of a node in percent of one core. The one node of a vertical cluster has all units.
    pub fn node_percent(&self) -> Option<u32> {
        match self.topology {
            Topology::Vertical => self.unit_cpu.map(|percent| percent * self.units),
            Topology::Horizontal => self.unit_cpu,
        }
    }

    /// Whether anything has a CPU quota.
    pub fn has_quotas(&self) -> bool {
        self.unit_cpu.is_some() || self.shared.cpu.is_some()
    }

    /// The ports that balancer and servers listen on, as far as they are chosen.
    pub fn ports(&self) -> Vec<u16> {
        let mut ports = vec![self.port, self.stats_port];
        ports.extend(self.tls.as_ref().map(|tls| tls.port));
        ports.extend(self.far.into_iter().flat_map(Far::ports));
        ports.extend(self.shared.servers.iter().flat_map(|server| [server.port, server.bus_port]));
        ports.extend(self.shared.far_store.map(|far| far.port));
        ports.retain(|port| *port != 0);
        ports
    }

    /// Units that all nodes together may use: no more than their machines have.
    pub fn limited_units(&self) -> u32 {
        self.machines.map_or(self.units, |machines| self.units.min(machines.units * machines.count))
    }

    /// `4 units`, `1 unit`.
    pub fn units_words(&self) -> String {
        format!("{} unit{}", self.units, if self.units == 1 { "" } else { "s" })
    }
}
