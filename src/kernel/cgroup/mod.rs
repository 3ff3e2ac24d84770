//! The limits of the control groups this process is in (cgroups(7); Documentation/admin-guide/cgroup-v1, cgroup-v2.rst).
//!
//! A limit holds for a group and all below it. So every level from the process's own group up to the top of what is mounted
//! is read: the tightest may stand anywhere, and the one that throttles may not be the tightest.

mod place;
pub mod quota;
mod v1;
mod v2;

use serde::{Deserialize, Serialize};

use super::{ReadError, Reading, Root};
use place::{ControllerGroup, Mount};

/// The limits of each controller.
#[derive(Clone, Debug)]
pub struct CgroupReading {
    /// CPU bandwidth.
    pub cpu: Reading<Controlled<CpuLevel>>,
    /// Memory.
    pub memory: Reading<Controlled<MemoryLevel>>,
}

/// One controller, with its levels from the process's own group upwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Controlled<Level> {
    /// 1 or 2: the kind of hierarchy that the controller is in.
    pub version: u8,
    /// The process's own group, as `/proc/self/cgroup` names it.
    pub path: String,
    /// The groups that could be read, innermost first. Groups without a limit are left out, except the innermost.
    pub levels: Vec<Level>,
}

/// CPU bandwidth of a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuLevel {
    /// The group.
    pub path: String,
    /// CPU time it may use in a second, in cores; `None` when unlimited.
    pub quota_cores: Option<f64>,
    /// The period that the quota is dealt out in.
    pub period_seconds: Option<f64>,
    /// Periods in which the group had something to run.
    pub periods: Option<u64>,
    /// Periods in which it used up its quota and was stopped.
    pub throttled_periods: Option<u64>,
    /// Time it was stopped, summed over CPUs.
    pub throttled_seconds: Option<f64>,
    /// CPU time used, summed over CPUs.
    pub usage_seconds: Option<f64>,
}

/// Memory of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryLevel {
    /// The group.
    pub path: String,
    /// What it may use before the kernel kills in it; `None` when unlimited.
    pub limit_bytes: Option<u64>,
    /// What it may use before the kernel slows it down (`memory.high`, version 2); `None` when unlimited.
    pub high_bytes: Option<u64>,
    /// What it uses, page cache included.
    pub used_bytes: Option<u64>,
    /// The part of it that the kernel gives up first: page cache not used lately.
    pub inactive_file_bytes: Option<u64>,
    /// Processes killed for want of memory.
    pub oom_kills: Option<u64>,
}

/// Finds and reads the groups. It remembers what is mounted, and looks again when a group is not where it was.
#[derive(Debug)]
pub struct CgroupReader {
    root: Root,
    mounts: Reading<Vec<Mount>>,
}

impl CgroupReader {
    /// Looks up what is mounted.
    pub fn new(root: Root) -> Self {
        let mounts = place::mounts(&root);
        Self { root, mounts }
    }

    /// Reads the groups of this process. Which they are is looked up each time: a process can be moved.
    pub fn read(&mut self) -> CgroupReading {
        let own = place::own_groups(&self.root);
        let reading = self.read_once(&own);
        if reading.cpu.is_ok() && reading.memory.is_ok() {
            return reading;
        }
        let mounts = place::mounts(&self.root);
        if mounts == self.mounts {
            return reading;
        }
        self.mounts = mounts;
        self.read_once(&own)
    }

    fn read_once(&self, own: &Reading<Vec<place::OwnGroup>>) -> CgroupReading {
        CgroupReading {
            cpu: self.place(own, "cpu").and_then(|place| {
                let accounting = self.place(own, "cpuacct").ok();
                let read = |group: &place::ControlGroup| match place.version {
                    1 => v1::cpu(&self.root, group, accounting.as_ref()),
                    _ => v2::cpu(&self.root, group),
                };
                controlled(&place, read, |level| level.quota_cores.is_some())
            }),
            memory: self.place(own, "memory").and_then(|place| {
                let read = |group: &place::ControlGroup| match place.version {
                    1 => v1::memory(&self.root, group),
                    _ => v2::memory(&self.root, group),
                };
                controlled(&place, read, |level| level.limit_bytes.is_some() || level.high_bytes.is_some())
            }),
        }
    }

    fn place(&self, own: &Reading<Vec<place::OwnGroup>>, controller: &str) -> Reading<ControllerGroup> {
        let own = own.as_ref().map_err(ReadError::clone)?;
        let mounts = self.mounts.as_ref().map_err(ReadError::clone)?;
        ControllerGroup::find(&self.root, own, mounts, controller)
    }
}

/// Reads every level; the innermost must be readable, the others are taken as far as they are.
fn controlled<Level>(
    place: &ControllerGroup,
    read: impl Fn(&place::ControlGroup) -> Reading<Level>,
    is_limited: impl Fn(&Level) -> bool,
) -> Reading<Controlled<Level>> {
    let mut levels = Vec::new();
    for (depth, group) in place.groups().iter().enumerate() {
        match read(group) {
            Ok(level) if depth == 0 || is_limited(&level) => levels.push(level),
            Ok(_) => {}
            Err(error) if depth == 0 => return Err(error),
            Err(_) => {}
        }
    }
    Ok(Controlled { version: place.version, path: place.path.clone(), levels })
}
