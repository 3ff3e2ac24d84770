//! Version 1 (Documentation/scheduler/sched-bwc.rst, admin-guide/cgroup-v1/memory.rst).

use super::place::{ControlGroup, ControllerGroup};
use super::{CpuLevel, MemoryLevel};
use crate::kernel::root::complete_lines;
use crate::kernel::{Reading, Root};

/// "No limit" is the largest multiple of the page size that fits a signed 64-bit number, so it differs by architecture.
const UNLIMITED_BYTES: u64 = 1 << 62;

/// Bandwidth from `cpu.*`; time used from `cpuacct.usage` where the process is in the same group of that hierarchy.
pub fn cpu(root: &Root, group: &ControlGroup, accounting: Option<&ControllerGroup>) -> Reading<CpuLevel> {
    let quota: i64 = root.read_number(group.folder.join("cpu.cfs_quota_us"))?;
    let period: u64 = root.read_number(group.folder.join("cpu.cfs_period_us"))?;
    let statistics = root.read(group.folder.join("cpu.stat")).unwrap_or_default();
    let field = |name| number(&statistics, name);
    let usage_nanoseconds = accounting
        .and_then(|place| place.groups().into_iter().find(|candidate| candidate.path == group.path))
        .and_then(|same| root.read_number::<u64>(same.folder.join("cpuacct.usage")).ok());
    Ok(CpuLevel {
        path: group.path.clone(),
        quota_cores: (quota > 0 && period > 0).then(|| quota as f64 / period as f64),
        period_seconds: (period > 0).then_some(period as f64 / 1e6),
        periods: field("nr_periods"),
        throttled_periods: field("nr_throttled"),
        throttled_seconds: field("throttled_time").map(|nanoseconds| nanoseconds as f64 / 1e9),
        usage_seconds: usage_nanoseconds.map(|nanoseconds| nanoseconds as f64 / 1e9),
    })
}

/// Memory from `memory.*`.
pub fn memory(root: &Root, group: &ControlGroup) -> Reading<MemoryLevel> {
    let limit: u64 = root.read_number(group.folder.join("memory.limit_in_bytes"))?;
    let statistics = root.read(group.folder.join("memory.stat")).unwrap_or_default();
    let events = root.read(group.folder.join("memory.oom_control")).unwrap_or_default();
    Ok(MemoryLevel {
        path: group.path.clone(),
        limit_bytes: Some(limit).filter(|limit| *limit < UNLIMITED_BYTES),
        high_bytes: None,
        used_bytes: root.read_number(group.folder.join("memory.usage_in_bytes")).ok(),
        // `total_` counts the groups below as well, as the usage does.
        inactive_file_bytes: number(&statistics, "total_inactive_file"),
        oom_kills: number(&events, "oom_kill"),
    })
}

/// The number after `name` in a file of lines `name number`.
pub fn number(text: &str, name: &str) -> Option<u64> {
    complete_lines(text).find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}
