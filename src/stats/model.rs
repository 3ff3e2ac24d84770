//! The shape of `/stats`. Percentages are 0 to 100 over the window; `null` is "not known", and `unavailable` says why.
//!
//! Other rooms read a node's answer back through these types. A part that the answer lacks, as that of an older node
//! may, is as one that is not known; a resource of another name is an error, because nothing could be said of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::raw::Raw;

/// The answer of `/stats`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// Who answers.
    pub node: Node,
    /// When the window ended (RFC 3339).
    pub sampled_at: String,
    /// The figures of the window.
    #[serde(flatten)]
    pub window: Window,
    /// What binds.
    pub bottleneck: Bottleneck,
    /// Why a figure is `null`: its place in this document, and the reason.
    pub unavailable: BTreeMap<String, String>,
    /// The counters at the end of the window: the difference of two such sets is a window of any length.
    pub raw: Raw,
}

/// Who answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Node {
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
    pub memory: Memory,
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
    pub pool: Pool,
    /// The node's client connections.
    pub connections: Connections,
    /// The node's requests.
    pub requests: Requests,
}

/// Shares of CPU time, which add up to 100. Guest time is inside `user`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuShares {
    /// Programs at normal priority.
    pub user: Option<f64>,
    /// Programs at lowered priority.
    pub nice: Option<f64>,
    /// The kernel.
    pub system: Option<f64>,
    /// Idle, while a task waited for a disk.
    pub iowait: Option<f64>,
    /// Hardware interrupts.
    pub irq: Option<f64>,
    /// Deferred interrupt work.
    pub softirq: Option<f64>,
    /// Taken by the hypervisor.
    pub steal: Option<f64>,
    /// Idle.
    pub idle: Option<f64>,
    /// `100 - idle - iowait`, so with what was stolen.
    pub busy: Option<f64>,
}

/// The machine's CPUs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cpu {
    /// CPUs online.
    pub cores: Option<u64>,
    /// Shares over all of them.
    #[serde(flatten)]
    pub shares: CpuShares,
    /// CPUs that this process may run on (affinity, cpuset).
    pub allowed_cores: Option<u64>,
    /// `busy` over those alone.
    pub allowed_busy: Option<f64>,
    /// Tasks running or ready to run, at the sample.
    pub runnable: Option<u64>,
    /// Tasks waiting for a disk, at the sample.
    pub blocked: Option<u64>,
    /// Load average of 1, 5 and 15 minutes.
    pub load_average: Option<[f64; 3]>,
    /// Shares by CPU, of those online during the whole window.
    pub per_core: Vec<Core>,
}

/// One CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Core {
    /// Its number.
    pub core: u32,
    /// Its shares.
    #[serde(flatten)]
    pub shares: CpuShares,
}

/// The limits of the control groups around this process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cgroup {
    /// Hierarchy of the CPU controller: 1 or 2.
    pub version: Option<u8>,
    /// The process's own group there.
    pub path: Option<String>,
    /// The tightest CPU quota from there to the top; `null` when there is none.
    pub cpu_quota_cores: Option<f64>,
    /// CPU time used by the group that quota is set on.
    pub cpu_usage_cores: Option<f64>,
    /// `cpu_usage_cores` of `cpu_quota_cores`.
    pub cpu_quota_utilization: Option<f64>,
    /// Of the periods in which the group had work, those in which it was stopped; of all levels, the one stopped most.
    pub throttled_percent: Option<f64>,
    /// Of the periods that fit into the window, those in which it was stopped.
    pub throttled_window_percent: Option<f64>,
    /// Quota of the level that `throttled_percent` is about (a level above may bind before the tightest).
    pub throttled_quota_cores: Option<f64>,
    /// That level.
    pub throttled_path: Option<String>,
    /// Time that level was stopped since it was made, summed over CPUs.
    pub throttled_seconds_total: Option<f64>,
    /// The tightest memory limit; `null` when there is none.
    pub memory_limit_bytes: Option<u64>,
    /// Memory, page cache included, of the fullest level that has a limit (else of the process's own group).
    pub memory_used_bytes: Option<u64>,
    /// The same without the page cache that the kernel gives up first.
    pub memory_working_set_bytes: Option<u64>,
    /// Working set of the limit, at that level.
    pub memory_utilization: Option<f64>,
    /// Limit of that level.
    pub memory_binding_limit_bytes: Option<u64>,
    /// Processes killed for want of memory there.
    pub oom_kills_total: Option<u64>,
    /// Of them, in this window.
    pub oom_kills: Option<u64>,
}

/// The machine's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// All of it.
    pub total_bytes: Option<u64>,
    /// What a new program could get without swapping.
    pub available_bytes: Option<u64>,
    /// `total - available`.
    pub used_bytes: Option<u64>,
    /// `used` of `total`.
    pub used_percent: Option<f64>,
    /// Page cache, buffers and reclaimable slab.
    pub cached_bytes: Option<u64>,
    /// All swap.
    pub swap_total_bytes: Option<u64>,
    /// Swap in use.
    pub swap_used_bytes: Option<u64>,
    /// Memory of this process that is in RAM.
    pub process_resident_bytes: Option<u64>,
}

/// This process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// CPU time used, in percent of one core (so up to 100 times the cores).
    pub cpu_percent: Option<f64>,
    /// Of it, in programs.
    pub user_percent: Option<f64>,
    /// Of it, in the kernel.
    pub system_percent: Option<f64>,
    /// CPU time used since it started.
    pub cpu_seconds_total: Option<f64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Files open.
    pub open_files: Option<u64>,
    /// Files that may be open.
    pub open_files_limit: Option<u64>,
}

/// Time that tasks of the machine stalled, over the window (not the kernel's own averages).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pressures {
    /// No CPU free.
    pub cpu: Pressure,
    /// Memory being freed or read back.
    pub memory: Pressure,
    /// Waiting for a disk.
    pub io: Pressure,
}

/// Pressure on one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pressure {
    /// Time in which at least one task stalled.
    pub some_percent: Option<f64>,
    /// Time in which all tasks that had work stalled.
    pub full_percent: Option<f64>,
}

/// A whole disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Disk {
    /// Its name.
    pub device: String,
    /// Reads completed.
    pub reads_per_second: Option<f64>,
    /// Writes completed.
    pub writes_per_second: Option<f64>,
    /// Bytes read.
    pub read_bytes_per_second: Option<f64>,
    /// Bytes written.
    pub write_bytes_per_second: Option<f64>,
    /// Mean time of a read or write, its wait in the queue included; `null` when there was none.
    pub await_milliseconds: Option<f64>,
    /// Mean number of requests under way.
    pub queue_depth: Option<f64>,
    /// Time with at least one request under way. A device that serves several at once is not full at 100.
    pub utilization: Option<f64>,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Its name.
    pub interface: String,
    /// Bytes received.
    pub receive_bytes_per_second: Option<f64>,
    /// Bytes sent.
    pub transmit_bytes_per_second: Option<f64>,
    /// Speed of the link; `null` where the driver does not know it.
    pub speed_bytes_per_second: Option<u64>,
    /// The busier direction of the speed.
    pub utilization: Option<f64>,
    /// Bad packets since the interface was made, both ways.
    pub errors_total: u64,
    /// Packets dropped, likewise.
    pub drops_total: u64,
    /// Of them, in this window.
    pub drops: Option<u64>,
}

/// TCP of the machine (of the network namespace).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tcp {
    /// Segments sent.
    pub segments_per_second: Option<f64>,
    /// Segments sent again, of those sent.
    pub retransmitted_percent: Option<f64>,
    /// Connections that found a full accept queue, over all listening sockets.
    pub listen_overflows_total: Option<u64>,
}

/// The node's listening socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sockets {
    /// Connections waiting to be accepted, at the sample.
    pub listen_queue: Option<u64>,
    /// How many may wait.
    pub listen_queue_limit: Option<u64>,
    /// Connections that this socket dropped; where the kernel does not tell by socket, those of the machine.
    pub listen_overflows_total: Option<u64>,
    /// Of them, in this window.
    pub listen_overflows: Option<u64>,
}

/// The node's worker pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pool {
    /// Threads it has.
    pub threads: u64,
    /// Threads at work, at the sample.
    pub active: u64,
    /// Jobs waiting, at the sample.
    pub queued: u64,
    /// Jobs that may wait.
    pub queue_capacity: u64,
    /// Thread time at work, of the thread time there was: the mean over the window of `active / threads`.
    pub utilization: Option<f64>,
    /// Every thread at work and jobs waiting, at the sample.
    pub saturated: bool,
    /// Time of the window in which that was so.
    pub saturated_percent: Option<f64>,
    /// Time in which that was so since the node started.
    pub saturated_seconds_total: f64,
    /// Thread time at work since the node started.
    pub busy_seconds_total: f64,
    /// Most threads ever at work at once.
    pub peak_active: u64,
    /// Jobs done.
    pub completed_total: u64,
    /// Jobs refused because the queue was full.
    pub rejected_total: u64,
    /// Of them, in this window.
    pub rejected: Option<u64>,
    /// Jobs dropped unrun.
    pub expired_total: u64,
    /// Of them, in this window.
    pub expired: Option<u64>,
    /// Time that jobs waited for a thread.
    pub queue_wait_milliseconds: QueueWait,
}

/// Waiting times, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueWait {
    /// Half waited at most this, over the last minute.
    pub p50: Option<f64>,
    /// 99 in 100 waited at most this, over the last minute.
    pub p99: Option<f64>,
    /// Jobs that a thread took up since the node started, those it then dropped unrun included.
    pub count: u64,
    /// How long they waited together.
    pub sum: f64,
    /// How many of them waited at most how long: each bucket counts those before it as well.
    pub histogram: Vec<Bucket>,
}

/// A bucket of a histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bucket {
    /// Upper bound, in milliseconds.
    pub at_most: f64,
    /// How many waited at most that long.
    pub count: u64,
}

/// The node's client connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Connections {
    /// Open now.
    pub open: u64,
    /// Most ever open at once.
    pub peak: u64,
    /// Accepted since the node started.
    pub accepted_total: u64,
    /// Turned away since the node started.
    pub rejected_total: u64,
    /// Of them, in this window.
    pub rejected: Option<u64>,
    /// Failures to accept one (out of file descriptors or memory) since the node started.
    pub accept_errors_total: u64,
}

/// The node's requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requests {
    /// Under way now.
    pub in_flight: u64,
    /// Answered since the node started.
    pub total: u64,
    /// Of them, answered with 500 because their handler panicked.
    pub panics_total: u64,
    /// Answered in this window.
    pub per_second: Option<f64>,
    /// Of them, with 4xx or 5xx.
    pub errors_per_second: Option<f64>,
    /// By address.
    pub endpoints: Vec<Endpoint>,
}

/// What an address is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointKind {
    /// Work that a user asks for: the throughput and the response time of a node are those of its demo addresses.
    Demo,
    /// Looks at the node, or asks whether it lives. It is not work, and says nothing about how long work takes.
    #[default]
    Monitoring,
    /// The live page and its files, likewise.
    Page,
}

/// The requests of one address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// The route.
    pub path: Cow<'static, str>,
    /// What the address is for.
    pub kind: EndpointKind,
    /// Answered since the node started.
    pub count: u64,
    /// Of them, with 4xx or 5xx.
    pub errors: u64,
    /// Response time of the last minute, in milliseconds: median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
}

/// A resource that can bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Nothing binds.
    #[default]
    None,
    /// The machine's CPUs.
    Cpu,
    /// The CPU quota around this process.
    CpuQuota,
    /// Disks.
    Io,
    /// Memory, or a limit on it.
    Memory,
    /// The network.
    Network,
    /// The worker pool.
    Pool,
}

impl Resource {
    /// Every resource, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::None, Self::Cpu, Self::CpuQuota, Self::Io, Self::Memory, Self::Network, Self::Pool];

    /// The name, as `/stats` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cpu => "cpu",
            Self::CpuQuota => "cpu-quota",
            Self::Io => "io",
            Self::Memory => "memory",
            Self::Network => "network",
            Self::Pool => "pool",
        }
    }
}

/// The judgement on a window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bottleneck {
    /// What binds.
    pub resource: Resource,
    /// How much of it was in use, 0 to 100; of the fullest resource when nothing binds.
    pub utilization: Option<f64>,
    /// One sentence with the figures that say so.
    pub evidence: String,
}
