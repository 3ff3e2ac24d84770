//! How long the CPUs of the machine have run tasks, exact to the nanosecond where this kernel keeps such a clock.
//!
//! `/proc/stat` counts in ticks: it looks every 4 or 10 ms who runs, and misses what runs between two looks.

use super::Root;

/// CPU seconds of all tasks since some moment in the past. `None` where only ticks are kept.
///
/// Sources: `cpuacct.usage` of the root group (Linux, Documentation/admin-guide/cgroup-v1/cpuacct.rst), else field 7 of the lines
/// `cpuN` in `/proc/schedstat` (Documentation/scheduler/sched-stats.rst). The second leaves out what runs since the last switch of
/// tasks, so a reader holds it against the ticks.
pub fn busy_seconds(root: &Root) -> Option<f64> {
    root_group(root).or_else(|| schedstat(root)).map(|nanoseconds| nanoseconds as f64 / 1e9)
}

/// Only the root group has a `release_agent`: another would count a part of the machine.
fn root_group(root: &Root) -> Option<u64> {
    ["/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/cpu,cpuacct"].into_iter().find_map(|folder| {
        root.path(format!("{folder}/release_agent")).exists().then_some(())?;
        root.read(format!("{folder}/cpuacct.usage")).ok()?.trim().parse().ok()
    })
}

fn schedstat(root: &Root) -> Option<u64> {
    let text = root.read("/proc/schedstat").ok()?;
    let run_time = |line: &str| {
        let rest = line.strip_prefix("cpu")?;
        let mut fields = rest.split_ascii_whitespace();
        fields.next()?.parse::<u32>().ok()?;
        fields.nth(6)?.parse::<u64>().ok()
    };
    let times: Vec<u64> = text.lines().filter_map(run_time).collect();
    (!times.is_empty()).then(|| times.iter().sum())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_root_group_before_schedstat() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(busy_seconds(&root), None);
        fs::create_dir_all(folder.path().join("proc")).unwrap();
        let text = "version 15\ntimestamp 1\ncpu0 0 0 9 8 7 6 1500000000 5 4\ndomain0 3 1 2 3 4 5 6 7\ncpu1 0 0 0 0 0 0 500000000 0 0\n";
        fs::write(folder.path().join("proc/schedstat"), text).unwrap();
        assert_eq!(busy_seconds(&root), Some(2.0));
        let group = folder.path().join("sys/fs/cgroup/cpu,cpuacct");
        fs::create_dir_all(&group).unwrap();
        fs::write(group.join("cpuacct.usage"), "7000000000\n").unwrap();
        assert_eq!(busy_seconds(&root), Some(2.0), "a group that is not the root");
        fs::write(group.join("release_agent"), "\n").unwrap();
        assert_eq!(busy_seconds(&root), Some(7.0));
    }
}
