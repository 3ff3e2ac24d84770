//! The raw counters of a sample, as `/stats` shows them under `raw`: the difference of two such sets is a window of any length.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sample::Sample;
use crate::kernel::cgroup::{CpuLevel, MemoryLevel};
use crate::kernel::clock;
use crate::kernel::cpu::Ticks;
use crate::kernel::disk::DiskReading;
use crate::kernel::network::InterfaceReading;
use crate::kernel::pressure::Stall;
use crate::kernel::process::ProcessReading;
use crate::kernel::tcp::TcpReading;

/// Counters as the kernel keeps them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Raw {
    /// `CLOCK_MONOTONIC` at the sample.
    pub monotonic_seconds: f64,
    /// Wall clock at the sample, since 1970.
    pub unix_seconds: f64,
    /// Unit of all ticks.
    pub ticks_per_second: u64,
    /// `/proc/stat`, all CPUs, in ticks.
    pub cpu: Option<Ticks>,
    /// `/proc/stat`, by CPU, in ticks.
    pub per_core: BTreeMap<u32, Ticks>,
    /// `/proc/self/stat`.
    pub process: Option<ProcessReading>,
    /// Levels of the CPU controller, innermost first.
    pub cgroup_cpu: Vec<CpuLevel>,
    /// Levels of the memory controller, innermost first.
    pub cgroup_memory: Vec<MemoryLevel>,
    /// `/proc/pressure`.
    pub pressure: RawPressures,
    /// `/proc/diskstats`, by device.
    pub disks: BTreeMap<String, DiskReading>,
    /// `/proc/net/dev`, by interface.
    pub network: BTreeMap<String, InterfaceReading>,
    /// `/proc/net/snmp` and `/proc/net/netstat`.
    pub tcp: Option<TcpReading>,
}

/// Totals of `/proc/pressure`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RawPressures {
    /// No CPU free.
    pub cpu: Option<Stall>,
    /// Memory being freed or read back.
    pub memory: Option<Stall>,
    /// Waiting for a disk.
    pub io: Option<Stall>,
}

impl From<&Sample> for Raw {
    fn from(sample: &Sample) -> Self {
        let cpu = sample.cpu.as_ref().ok();
        let stall = |reading: &crate::kernel::Reading<Stall>| reading.as_ref().ok().copied();
        Self {
            monotonic_seconds: sample.monotonic_seconds,
            unix_seconds: sample.unix_seconds,
            ticks_per_second: clock::ticks_per_second(),
            cpu: cpu.map(|cpu| cpu.total),
            per_core: cpu.map(|cpu| cpu.cores.clone()).unwrap_or_default(),
            process: sample.process.as_ref().ok().copied(),
            cgroup_cpu: sample.cgroup.cpu.as_ref().map(|cpu| cpu.levels.clone()).unwrap_or_default(),
            cgroup_memory: sample.cgroup.memory.as_ref().map(|memory| memory.levels.clone()).unwrap_or_default(),
            pressure: RawPressures {
                cpu: stall(&sample.pressure_cpu),
                memory: stall(&sample.pressure_memory),
                io: stall(&sample.pressure_io),
            },
            disks: sample.disks.as_ref().map(|table| table.rows.clone()).unwrap_or_default(),
            network: sample.network.as_ref().map(|table| table.rows.clone()).unwrap_or_default(),
            tcp: sample.tcp.as_ref().ok().copied(),
        }
    }
}
