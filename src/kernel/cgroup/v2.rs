//! Version 2 (Documentation/admin-guide/cgroup-v2.rst).

use super::place::ControlGroup;
use super::v1::number;
use super::{CpuLevel, MemoryLevel};
use crate::kernel::root::clip;
use crate::kernel::{ReadError, Reading, Root};

/// Bandwidth from `cpu.max` (`25000 100000`, or `max 100000`), the rest from `cpu.stat`. The root group has no `cpu.max`.
pub fn cpu(root: &Root, group: &ControlGroup) -> Reading<CpuLevel> {
    let path = group.folder.join("cpu.max");
    let (quota, period) = match root.read(&path) {
        Ok(text) => bandwidth(&text).ok_or_else(|| {
            ReadError::malformed(root.path(&path), format!("'{}' is not a bandwidth", clip(text.trim())))
        })?,
        Err(_) if is_top(root, group) => (None, None),
        Err(error) => return Err(error),
    };
    let statistics = root.read(group.folder.join("cpu.stat"))?;
    let seconds = |name| number(&statistics, name).map(|microseconds| microseconds as f64 / 1e6);
    Ok(CpuLevel {
        path: group.path.clone(),
        quota_cores: quota.zip(period).map(|(quota, period)| quota / period),
        period_seconds: period.map(|microseconds| microseconds / 1e6),
        periods: number(&statistics, "nr_periods"),
        throttled_periods: number(&statistics, "nr_throttled"),
        throttled_seconds: seconds("throttled_usec"),
        usage_seconds: seconds("usage_usec"),
    })
}

/// Quota (`None` for `max`) and period, in microseconds.
fn bandwidth(text: &str) -> Option<(Option<f64>, Option<f64>)> {
    let mut fields = text.split_ascii_whitespace();
    let quota = match fields.next()? {
        "max" => None,
        number => Some(number.parse::<u64>().ok().filter(|quota| *quota > 0)? as f64),
    };
    let period = fields.next()?.parse::<u64>().ok().filter(|period| *period > 0)? as f64;
    Some((quota, Some(period)))
}

/// Memory from `memory.*`. The root group has none of the files, and no limit.
pub fn memory(root: &Root, group: &ControlGroup) -> Reading<MemoryLevel> {
    let path = group.folder.join("memory.max");
    let limit_bytes = match root.read(&path) {
        Ok(text) => limit(&text)
            .ok_or_else(|| ReadError::malformed(root.path(&path), format!("'{}' is not a limit", clip(text.trim()))))?,
        Err(_) if is_top(root, group) => None,
        Err(error) => return Err(error),
    };
    let statistics = root.read(group.folder.join("memory.stat")).unwrap_or_default();
    let events = root.read(group.folder.join("memory.events")).unwrap_or_default();
    Ok(MemoryLevel {
        path: group.path.clone(),
        limit_bytes,
        high_bytes: root.read(group.folder.join("memory.high")).ok().and_then(|text| limit(&text)).flatten(),
        used_bytes: root.read_number(group.folder.join("memory.current")).ok(),
        inactive_file_bytes: number(&statistics, "inactive_file"),
        oom_kills: number(&events, "oom_kill"),
    })
}

/// Bytes, the inner `None` being `max`; the outer one where it is neither.
fn limit(text: &str) -> Option<Option<u64>> {
    match text.trim() {
        "max" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

/// `cgroup.type` exists in every group but the root of the hierarchy.
fn is_top(root: &Root, group: &ControlGroup) -> bool {
    !root.path(group.folder.join("cgroup.type")).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bandwidths() {
        assert_eq!(bandwidth("25000 100000\n"), Some((Some(25000.0), Some(100_000.0))));
        assert_eq!(bandwidth("max 100000\n"), Some((None, Some(100_000.0))));
        assert_eq!(bandwidth("25000"), None);
        assert_eq!(bandwidth("0 100000"), None);
        assert_eq!(bandwidth("x y"), None);
    }

    #[test]
    fn limits() {
        assert_eq!(limit("max\n"), Some(None));
        assert_eq!(limit("1048576\n"), Some(Some(1_048_576)));
        assert_eq!(limit("1M\n"), None);
    }
}
