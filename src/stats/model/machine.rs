//! The machine and the limits around the process: what the kernel counts.

use serde::{Deserialize, Serialize};

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
pub struct MemoryStats {
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
