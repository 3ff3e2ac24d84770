//! One [`Run`], a line of `runs.jsonl`, as plain data: written by `bench`, read back by `report`. A field that a source did not
//! give is `None`, never a made-up 0.

use serde::{Deserialize, Serialize};

use super::arm::PointKey;
use super::load::LoadOutcome;
use super::manifest::BalancerIdentity;
use super::plan::Ladder;
use super::profile::Shape;
use super::scaling::Scaling;
use crate::stats::Bottleneck;

/// Which way a run drove the load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Level {
    /// So many connections, each sends when its answer has come: finds the ceiling.
    Closed {
        /// Connections, over all nodes.
        connections: u32,
    },
    /// So many requests a second, whatever the answers do: finds the latency.
    Open {
        /// Share of the ceiling, 0.5 to 1.1.
        fraction: f64,
        /// Requests a second.
        rate_per_second: f64,
    },
    /// An open run in which a node is killed: finds what its death costs.
    Death {
        /// Share of the ceiling.
        fraction: f64,
        /// Requests a second.
        rate_per_second: f64,
        /// When the node was killed, in seconds from the begin of the measured window.
        killed_at_seconds: f64,
    },
    /// A rate that changes, from its begin to its end.
    Profile {
        /// How it changes.
        shape: Shape,
        /// Its highest rate, requests a second.
        peak_per_second: f64,
        /// Its length.
        seconds: f64,
    },
}

impl Level {
    /// Which ladder it belongs to.
    pub fn ladder(&self) -> Ladder {
        match self {
            Self::Closed { .. } => Ladder::Closed,
            Self::Open { .. } | Self::Death { .. } => Ladder::Open,
            Self::Profile { .. } => Ladder::Profile,
        }
    }
}

/// One line of `runs.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// From 1; the block that this run belongs to.
    #[serde(alias = "repeat")]
    pub block: u32,
    /// Which arm, at which scale.
    #[serde(flatten)]
    pub point: PointKey,
    /// How the load was driven.
    pub level: Level,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// What `webapp load` printed.
    pub load: LoadOutcome,
    /// The node that was killed meanwhile. `None` where none was to die, or the driver cannot kill.
    #[serde(default)]
    pub killed: Option<Killed>,
    /// The size of the cluster over a load that changes. `None` for other runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// A node each, in the driver's order.
    pub nodes: Vec<NodeUse>,
    /// `None` without a balancer.
    pub balancer: Option<BalancerUse>,
    /// Stores and caches that the nodes share, in the driver's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceUse>,
    /// The machine that drove the load, over the measured window.
    pub machine: MachineUse,
    /// Everything that was read meanwhile, on one clock.
    pub samples: Vec<RunSample>,
    /// Whether the figures may be used.
    pub verdict: RunVerdict,
}

/// A node's death during a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Killed {
    /// Its name.
    pub node: String,
    /// When, in seconds from the begin of the measured window.
    pub at_seconds: f64,
}

/// Whether a run's figures may be used, and why not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunVerdict {
    /// True: they may.
    pub valid: bool,
    /// Why not, in plain words; one entry a reason.
    pub reasons: Vec<String>,
}

/// What one node did over the measured window of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeUse {
    /// Its name, as in `X-Node`.
    pub name: String,
    /// CPU it may use, in cores. `None` without a limit.
    pub quota_cores: Option<f64>,
    /// CPU its process used, in cores.
    pub cpu_cores: Option<f64>,
    /// CPU seconds its process used for each answer it gave in the window.
    pub cpu_seconds_per_request: Option<f64>,
    /// Share of quota periods in which it was throttled.
    pub throttled_percent: Option<f64>,
    /// Busy threads of its pool.
    pub pool_percent: Option<f64>,
    /// Jobs waiting for a thread.
    pub pool_queued: Option<f64>,
    /// I/O wait of its machine.
    pub iowait_percent: Option<f64>,
    /// Connections to each store server that it may have; 0 where the store is in the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_connections: Option<f64>,
    /// What its store takes for half of the answers at most, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_response_milliseconds: Option<f64>,
    /// What its `/stats` named as the bottleneck most often, with the evidence it gave last.
    pub bottleneck: Option<Bottleneck>,
}

/// What the balancer did over the measured window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BalancerUse {
    /// Which balancer.
    #[serde(flatten)]
    pub identity: BalancerIdentity,
    /// CPU its processes used, in cores.
    pub cpu_cores: Option<f64>,
}

/// What a store or a cache that the nodes share did over the measured window of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceUse {
    /// Its name within the cluster.
    pub name: String,
    /// Which program it is: `mariadb`, `redis`, `memcached`, or another.
    pub kind: String,
    /// What it is for.
    pub role: ServiceRole,
    /// CPU it may use, in cores. `None` without a limit.
    pub quota_cores: Option<f64>,
    /// CPU its processes used, in cores.
    pub cpu_cores: Option<f64>,
    /// Share of quota periods in which it was throttled.
    pub throttled_percent: Option<f64>,
    /// Memory its processes held at the end.
    pub memory_bytes: Option<u64>,
}

/// What a service is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceRole {
    /// Takes writes and reads.
    Primary,
    /// A copy of a primary, for reads.
    Replica,
    /// Has one part of the keys.
    Shard,
    /// May forget what it was given.
    Cache,
    /// A cache of whole answers, near the clients.
    Edge,
    /// The way to a far place: no part of the service, but of how it is tried.
    Relay,
}

impl ServiceRole {
    /// Whether nodes ask it for what it holds: a store or a cache behind them.
    pub fn is_behind_nodes(self) -> bool {
        match self {
            Self::Primary | Self::Replica | Self::Shard | Self::Cache => true,
            // One is in front of the nodes; the other is a way.
            Self::Edge | Self::Relay => false,
        }
    }
}

/// What the machine of the generator did over the measured window: shares of all its processors in percent, and CPU in cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineUse {
    /// Neither idle nor waiting for I/O.
    pub busy_percent: Option<f64>,
    /// Taken by the hypervisor for others.
    pub steal_percent: Option<f64>,
    /// Its own speed: a fixed computation, timed beside the run on each core in turn, in computations for each CPU second.
    pub speed_per_second: Option<f64>,
    /// Its processors.
    pub cores: Option<f64>,
    /// In use, with what was stolen.
    pub busy_cores: Option<f64>,
    /// Used by the nodes on it. `None` where that is not known.
    pub nodes_cores: Option<f64>,
    /// Used by the balancer on it; 0 without one.
    pub balancer_cores: Option<f64>,
    /// Used by the services on it; 0 without any.
    pub services_cores: Option<f64>,
    /// Used by the load generator.
    pub generator_cores: Option<f64>,
    /// Used by the bench itself.
    pub bench_cores: Option<f64>,
    /// Used by none of them. `None` where one of them is not known.
    pub foreign_cores: Option<f64>,
}

/// What was read at one moment of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunSample {
    /// Seconds since the generator was started.
    pub t_seconds: f64,
    /// A node each, in the driver's order.
    pub nodes: Vec<NodeSample>,
    /// A service each, in the driver's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceSample>,
    /// CPU seconds of the balancer's processes since they began.
    pub balancer_cpu_seconds: Option<f64>,
    /// Clock ticks of the machine since its start: busy, stolen, all.
    pub machine_ticks: Option<[u64; 3]>,
    /// CPU seconds that the machine's tasks have run, by an exact clock. `None` where there is none.
    #[serde(default)]
    pub machine_busy_seconds: Option<f64>,
    /// CPU seconds of the bench since it began.
    #[serde(default)]
    pub bench_cpu_seconds: Option<f64>,
    /// Fixed computations since the run began, and the CPU seconds they took.
    #[serde(default)]
    pub speed: Option<(u64, f64)>,
}

/// One service at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceSample {
    /// CPU seconds of its processes since they began.
    pub cpu_seconds: Option<f64>,
    /// Quota periods in which its group had something to run, and those of them in which it was stopped.
    pub periods: Option<[u64; 2]>,
    /// Memory its processes hold.
    pub memory_bytes: Option<u64>,
}

/// One node at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeSample {
    /// CPU seconds of its process since it began.
    pub cpu_seconds: Option<f64>,
    /// From its `/stats`; `None` between two looks at it, or when it did not answer.
    pub stats: Option<StatsSample>,
}

/// What is kept of a node's `/stats`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)] // the names are those of /stats
pub struct StatsSample {
    pub requests_total: Option<u64>,
    pub throttled_percent: Option<f64>,
    pub pool_utilization: Option<f64>,
    pub pool_queued: Option<f64>,
    pub cpu_busy: Option<f64>,
    pub iowait: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_connections: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_response_milliseconds: Option<f64>,
    pub bottleneck: Option<Bottleneck>,
}
