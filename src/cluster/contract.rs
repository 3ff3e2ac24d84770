//! The driver contract: what a program that makes clusters answers, as one JSON object.
//!
//! `webapp cluster`, `scripts/vagrant-driver.sh` and drivers of other people write it; whoever drives a cluster reads it.
//! Fields that only some drivers know are optional, and a reader ignores fields that it does not know.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::waf::Waf;

pub use crate::results::manifest::Limited;
pub use crate::results::run::ServiceRole;

/// How the units of CPU are given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// One big node has all units.
    Vertical,
    /// A node for each unit, behind a balancer.
    Horizontal,
}

impl std::fmt::Display for Topology {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Vertical => "vertical",
            Self::Horizontal => "horizontal",
        })
    }
}

/// A cluster, as `up` and `status` describe it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterAnswer {
    /// Its name: two of different names live side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// One big node, or a node for each unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology: Option<Topology>,
    /// Units of CPU, over all nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<u32>,
    /// Where the load goes: the balancer, or the one node.
    pub target: String,
    /// Its nodes, in order of their numbers.
    pub nodes: Vec<NodeAnswer>,
    /// The machines that its nodes stand on, as far as the driver can give and take them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<MachineAnswer>,
    /// `None` without a balancer.
    #[serde(default)]
    pub balancer: Option<BalancerAnswer>,
    /// Stores and caches that the nodes share.
    #[serde(default)]
    pub services: Vec<ServiceAnswer>,
    /// `None` where only plain HTTP is spoken.
    #[serde(default)]
    pub tls: Option<TlsAnswer>,
    /// A file for its owner only with the body of a login that is right, which stands for `{login}` in what an experiment asks.
    /// `None` where nobody can log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// What was limited, and how.
    #[serde(default)]
    pub limited: Option<Limited>,
    /// What became of the stores' primaries, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub promotions: Vec<PromotionAnswer>,
    /// What moved when shards came or went, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reshards: Vec<ReshardAnswer>,
    /// A file in which an autoscaler may tell what it does, for the live page of the nodes. `None` where they show nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling_file: Option<String>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeAnswer {
    /// Its name, as in `X-Node`.
    pub name: String,
    /// Its own address, past the balancer.
    pub url: String,
    /// Its process on this machine, where it has one that lives.
    #[serde(default)]
    pub pid: Option<u32>,
    /// CPU it may use, in cores. `None` without a limit.
    #[serde(default)]
    pub quota_cores: Option<f64>,
    /// Whether it answers `/readyz` with 2xx. `None` where that was not asked (`up` returns when it is so).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<bool>,
    /// Together with `up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<NodeState>,
}

/// A replica was made the primary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionAnswer {
    /// Its name.
    pub promoted: String,
    /// The primary before it.
    pub instead_of: String,
    /// Writes that the old one had not passed on, which are lost. `None` where nobody can count them.
    pub lost_writes: Option<u64>,
}

/// Shards came or went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReshardAnswer {
    /// How many there were.
    pub from: u32,
    /// How many there are since.
    pub to: u32,
    /// Rows of the store.
    pub rows: u64,
    /// Of them, those that went to another shard.
    pub rows_moved: u64,
    /// The same as a share.
    pub moved_percent: f64,
    /// Rows that there were before, and are not any more: a server that keeps its rows in memory alone died while they moved.
    #[serde(default)]
    pub rows_lost: u64,
    /// The share that rendezvous hashing predicts: that of the shards that came or went.
    pub predicted_percent: f64,
    /// Sessions that went to another shard.
    pub sessions_moved: u64,
    /// How long the keys took.
    pub moving_seconds: f64,
    /// How long all of it took, with the start of servers and the nodes that follow.
    pub seconds: f64,
}

/// A machine that nodes stand on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineAnswer {
    /// Its name.
    pub name: String,
    /// Nodes of one unit that fit on it.
    pub units: u32,
    /// CPU that all of its nodes together may use, in cores. `None` without a limit.
    #[serde(default)]
    pub quota_cores: Option<f64>,
    /// True: a group of processes with a quota, not a machine of its own.
    #[serde(default)]
    pub simulated: bool,
    /// The names of its nodes.
    #[serde(default)]
    pub nodes: Vec<String>,
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It does not answer, or answers that it takes no requests.
    Down,
    /// It answers, but the balancer sends it no requests, as `drain` asked.
    Drained,
    /// It answers and takes requests.
    Ready,
}

impl std::fmt::Display for NodeState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Down => "down",
            Self::Drained => "drained",
            Self::Ready => "ready",
        })
    }
}

/// A balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BalancerAnswer {
    /// `haproxy`, `nginx`, or another.
    pub kind: String,
    /// Its version.
    #[serde(default)]
    pub version: Option<String>,
    /// Its process on this machine, where it has one that lives.
    #[serde(default)]
    pub pid: Option<u32>,
    /// How it chooses a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// Where it shows its own figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats_url: Option<String>,
    /// The path of its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// What its firewall does with attacks. `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waf: Option<Waf>,
    /// Whether it runs. `None` where that was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<bool>,
}

/// A store or a cache that the nodes share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceAnswer {
    /// Its name within the cluster.
    pub name: String,
    /// Which program it is: `mariadb`, `redis`, `memcached`, or another.
    pub kind: String,
    /// What it is for.
    pub role: ServiceRole,
    /// `HOST:PORT`.
    pub address: String,
    /// Its process on this machine, where it has one that lives.
    #[serde(default)]
    pub pid: Option<u32>,
    /// CPU it may use, in cores. `None` without a limit.
    #[serde(default)]
    pub quota_cores: Option<f64>,
    /// Whether it takes commands.
    pub up: bool,
}

/// TLS at the balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TlsAnswer {
    /// Where clients ask in TLS.
    pub target: String,
    /// The path of the certificate of the local authority.
    pub authority: String,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_and_read_as_agreed() {
        let text = concat!(
            r#"{"name":"t","topology":"horizontal","units":4,"target":"http://127.0.0.1:8080","#,
            r#""nodes":[{"name":"node1","url":"http://127.0.0.1:41001","pid":123,"quota_cores":0.25,"up":true,"state":"ready"},"#,
            r#"{"name":"node2","url":"http://127.0.0.1:41002","pid":null,"quota_cores":null}],"#,
            r#""balancer":{"kind":"haproxy","version":"2.6.12","pid":124,"algorithm":"roundrobin","#,
            r#""stats_url":"http://127.0.0.1:41010/","config":"/x/haproxy.cfg","up":true},"#,
            r#""services":[{"name":"store1","kind":"redis","role":"primary","address":"127.0.0.1:6379","pid":9,"quota_cores":0.5,"up":true}],"#,
            r#""tls":{"target":"https://dev.acme.com.ar:8443","authority":"/x/authority.pem","http2":false},"#,
            r#""limited":{"resource":"cpu","mechanism":"cgroup-v1","unit_cpu_percent":25.0,"total_quota_cores":1.0}}"#,
        );
        let cluster: ClusterAnswer = serde_json::from_str(text).unwrap();
        assert_eq!(cluster.nodes[0].state, Some(NodeState::Ready));
        assert_eq!(serde_json::to_string(&cluster).unwrap(), text);
    }

    #[test]
    fn little_is_enough_of_other_drivers() {
        let text =
            r#"{"target":"http://h:1","nodes":[{"name":"a","url":"http://h:1"}],"balancer":null,"colour":"red"}"#;
        let cluster: ClusterAnswer = serde_json::from_str(text).unwrap();
        assert!(cluster.balancer.is_none() && cluster.limited.is_none() && cluster.services.is_empty());
        assert!(serde_json::from_str::<ClusterAnswer>(r#"{"nodes":[]}"#).is_err(), "no target");
    }
}
