//! What the manifest says of machine and source.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::results::manifest::{Git, Machine};

/// This machine. What cannot be read is `None`.
pub fn describe() -> Machine {
    let system = sysinfo::System::new_with_specifics(
        sysinfo::RefreshKind::nothing().with_memory(sysinfo::MemoryRefreshKind::nothing().with_ram()),
    );
    let read = |path: &str| fs::read_to_string(path).ok();
    let cpu_model = read("/proc/cpuinfo").and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name") || line.starts_with("Model"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let memory = system.map(|system| system.total_memory()).unwrap_or_default();
    Machine {
        hostname: sysinfo::System::host_name().ok(),
        kernel: sysinfo::System::kernel_version().ok().map(|release| format!("Linux {release}")),
        system: sysinfo::System::long_os_version().ok(),
        cpu_model,
        cpus: num_cpus::get(),
        memory_bytes: (memory > 0).then_some(memory),
    }
}

/// The revision of the work tree that holds `path`, where git knows one.
pub fn revision(path: &Path) -> Option<Git> {
    let folder = path.parent()?;
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let revision = git(&["rev-parse", "--short=12", "HEAD"])?;
    Some(Git { revision, modified: git(&["status", "--porcelain"]).is_some_and(|text| !text.is_empty()) })
}
