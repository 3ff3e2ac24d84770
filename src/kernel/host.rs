//! What `sysinfo` reads well: the machine's memory, this process's memory, and the host's names.
//!
//! CPU time is not among them: it counts iowait as idle.

use sysinfo::{MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::memory::MemoryReading;

/// A handle on the running machine that is refreshed in place.
pub struct Host {
    /// `None` where `sysinfo` does not know the system.
    system: Option<System>,
    pid: Pid,
}

impl Host {
    /// Nothing is read yet.
    pub fn new() -> Self {
        Self { system: System::new().ok(), pid: Pid::from_u32(std::process::id()) }
    }

    /// The machine's memory now, without `cached_bytes`, which `sysinfo` does not tell; `None` where it cannot be read.
    pub fn memory(&mut self) -> Option<MemoryReading> {
        let system = self.system.as_mut()?;
        system.refresh_memory_specifics(MemoryRefreshKind::everything());
        let total = system.total_memory();
        (total > 0).then(|| MemoryReading {
            total_bytes: Some(total),
            available_bytes: Some(system.available_memory()),
            cached_bytes: None,
            swap_total_bytes: Some(system.total_swap()),
            swap_used_bytes: Some(system.used_swap()),
        })
    }

    /// Memory of this process that is in RAM now, in bytes.
    pub fn resident_bytes(&mut self) -> Option<u64> {
        let kind = ProcessRefreshKind::nothing().with_memory().without_tasks();
        let system = self.system.as_mut()?;
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[self.pid]), false, kind);
        system.process(self.pid).map(sysinfo::Process::memory).filter(|bytes| *bytes > 0)
    }

    /// The machine's name; empty where it has none.
    pub fn hostname() -> String {
        System::host_name().unwrap_or_default()
    }

    /// The kernel's version, such as `6.1.0-18-amd64`.
    pub fn kernel_version() -> Option<String> {
        System::kernel_version().ok()
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}
