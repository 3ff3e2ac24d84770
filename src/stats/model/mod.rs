//! The shape of `/stats`. Percentages are 0 to 100 over the window; `null` is "not known", and `unavailable` says why.
//!
//! Other rooms read a node's answer back through these types. A part that the answer lacks, as that of an older node
//! may, is as one that is not known; a resource of another name is an error, because nothing could be said of it.

mod cache;
mod machine;
mod node;
mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bottleneck::{Bottleneck, Resource};
use super::raw::Raw;
pub use cache::CacheStats;
pub use machine::{
    Cgroup, Core, Cpu, CpuShares, Disk, Interface, MemoryStats, Pressure, Pressures, Process, Sockets, Tcp,
};
pub use node::{Bucket, ConnectionStats, Endpoint, PoolStats, QueueWait, RequestStats};
pub use store::StoreStats;

/// The answer of `/stats`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// Who answers.
    pub node: NodeStats,
    /// When the window ended (RFC 3339).
    pub sampled_at: String,
    /// The figures of the window.
    #[serde(flatten)]
    pub window: Window,
    /// What binds.
    pub bottleneck: Bottleneck,
    /// How full each resource is, 0 to 100.
    pub resources: BTreeMap<Resource, Option<f64>>,
    /// Why a figure is `null`: its place in this document, and the reason.
    pub unavailable: BTreeMap<String, String>,
    /// The counters at the end of the window: the difference of two such sets is a window of any length.
    pub raw: Raw,
}

/// Who answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeStats {
    /// The node's name, as in `X-Node`.
    pub name: String,
    /// The machine's name.
    pub hostname: String,
    /// The process.
    pub pid: u32,
    /// Version of this program.
    pub version: String,
    /// Version of the kernel.
    pub kernel: Option<String>,
    /// Address it listens on.
    pub listen: String,
    /// Time since the node started.
    pub uptime_seconds: f64,
    /// `async` or `sync`.
    pub model: String,
    /// `strict` or `minihttp`.
    pub engine: String,
}

/// Everything between two samples, and the state at the second one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Window {
    /// Its length, measured; `null` until the first one has passed.
    pub window_seconds: Option<f64>,
    /// The machine's CPUs.
    pub cpu: Cpu,
    /// The limits around this process.
    pub cgroup: Cgroup,
    /// The machine's memory.
    pub memory: MemoryStats,
    /// This process.
    pub process: Process,
    /// Time that tasks of the machine stalled.
    pub pressure: Pressures,
    /// Whole disks of the machine.
    pub disks: Option<Vec<Disk>>,
    /// Network interfaces of the machine.
    pub network: Option<Vec<Interface>>,
    /// TCP of the machine.
    pub tcp: Tcp,
    /// The node's listening socket.
    pub sockets: Sockets,
    /// The node's worker pool.
    pub pool: PoolStats,
    /// The node's client connections.
    pub connections: ConnectionStats,
    /// The node's requests.
    pub requests: RequestStats,
    /// The node's store.
    pub store: StoreStats,
    /// The node's cache.
    pub cache: CacheStats,
}
