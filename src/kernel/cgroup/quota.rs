//! CPU quotas of groups that we make: where they can be made, and how they are written (sched-bwc.rst, cgroup-v2.rst).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::place::{self, ControlGroup, ControllerGroup};
use super::{CpuLevel, v1, v2};
use crate::kernel::{ReadError, Reading, Root};

/// The period that a quota is dealt out in: systemd's default, so that all ways to set one measure alike.
const PERIOD_MICROSECONDS: u64 = 100_000;

/// Which kind of hierarchy has the controller `cpu` (cgroups(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// One hierarchy for each controller.
    V1,
    /// One hierarchy for all.
    V2,
}

/// Where this process could make groups with a CPU quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates {
    /// Of all folders below.
    pub version: Version,
    /// Version 1: the process's own group. Version 2: also those above it, since a group that holds processes cannot hand
    /// its controllers down.
    pub folders: Vec<PathBuf>,
}

/// Looks up where groups could be made.
///
/// # Errors
/// When no hierarchy has the controller, or the files that say so cannot be read.
pub fn candidates(root: &Root) -> Reading<Candidates> {
    let place = ControllerGroup::find(root, &place::own_groups(root)?, &place::mounts(root)?, "cpu")?;
    let folders = place.groups().into_iter().map(|group| group.folder);
    Ok(match place.version {
        1 => Candidates { version: Version::V1, folders: folders.take(1).collect() },
        _ => Candidates { version: Version::V2, folders: folders.collect() },
    })
}

/// The quota of the very group that a process is in, in cores; `None` without one. What holds above it is not asked.
///
/// # Errors
/// When there is no such process, or its group cannot be read.
pub fn of_process(root: &Root, pid: u32) -> Reading<Option<f64>> {
    Ok(level_of_process(root, pid)?.and_then(|level| level.quota_cores))
}

/// CPU bandwidth of the very group that a process is in; `None` where no hierarchy has the controller for it.
///
/// # Errors
/// When there is no such process, or its group cannot be read.
pub fn level_of_process(root: &Root, pid: u32) -> Reading<Option<CpuLevel>> {
    let own = place::groups_of(root, &format!("/proc/{pid}/cgroup"))?;
    let mounts = place::mounts(root)?;
    let Ok(place) = ControllerGroup::find(root, &own, &mounts, "cpu") else { return Ok(None) };
    let groups = place.groups();
    let Some(group) = groups.first() else { return Ok(None) };
    match place.version {
        1 => v1::cpu(root, group, None).map(Some),
        // Version 2: the innermost group that has the controller may be one above the process's own.
        _ if own.iter().any(|own| own.is_unified_at(&group.path)) => v2::cpu(root, group).map(Some),
        _ => Ok(None),
    }
}

/// A group of ours, in a folder that [`CpuGroup::create`] made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuGroup {
    /// The kind of its hierarchy.
    pub version: Version,
    /// Its folder.
    pub folder: PathBuf,
}

impl CpuGroup {
    /// Makes the folder; one that is there is fine.
    ///
    /// # Errors
    /// What mkdir(2) says.
    pub fn create(version: Version, folder: PathBuf, root: &Root) -> io::Result<Self> {
        match fs::create_dir(root.path(&folder)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(Self { version, folder }),
        }
    }

    /// The group `name` inside this one.
    pub fn child(&self, name: &str) -> Self {
        Self { version: self.version, folder: self.folder.join(name) }
    }

    /// Lets the groups inside this one have CPU quotas. Nothing needs to be done in version 1.
    ///
    /// # Errors
    /// When the kernel refuses: most often since the group holds processes itself.
    pub fn hand_down(&self, root: &Root) -> io::Result<()> {
        match self.version {
            Version::V1 => Ok(()),
            Version::V2 => write_hand_down(&self.folder, root),
        }
    }

    /// Sets the quota, in percent of one core.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_percent(&self, percent: u32, root: &Root) -> io::Result<()> {
        let quota = u64::from(percent) * PERIOD_MICROSECONDS / 100;
        let write = |file: &str, text: String| fs::write(root.path(self.folder.join(file)), text);
        match self.version {
            Version::V1 => write("cpu.cfs_period_us", PERIOD_MICROSECONDS.to_string())
                .and_then(|()| write("cpu.cfs_quota_us", quota.to_string())),
            Version::V2 => write("cpu.max", format!("{quota} {PERIOD_MICROSECONDS}")),
        }
    }

    /// Takes the quota away: the group may use what those above it may.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn lift(&self, root: &Root) -> io::Result<()> {
        let text = match self.version {
            Version::V1 => "-1".to_owned(),
            Version::V2 => format!("max {PERIOD_MICROSECONDS}"),
        };
        fs::write(root.path(self.quota_file()), text)
    }

    /// The quota as the kernel has it, in cores; `None` without one.
    ///
    /// # Errors
    /// When the group's files cannot be read.
    pub fn quota_cores(&self, root: &Root) -> Reading<Option<f64>> {
        let group = ControlGroup { path: self.folder.display().to_string(), folder: self.folder.clone() };
        let level = match self.version {
            Version::V1 => v1::cpu(root, &group, None)?,
            Version::V2 => v2::cpu(root, &group)?,
        };
        Ok(level.quota_cores)
    }

    /// The file that says what the quota is.
    pub fn quota_file(&self) -> PathBuf {
        self.folder.join(match self.version {
            Version::V1 => "cpu.cfs_quota_us",
            Version::V2 => "cpu.max",
        })
    }

    /// The file that a process is put into the group by.
    pub fn processes_file(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// Removes the group. The kernel refuses while a process in it is still on its way out.
    ///
    /// # Errors
    /// What rmdir(2) says, except that a group that is gone is fine.
    pub fn remove(&self, root: &Root) -> io::Result<()> {
        let folder = root.path(&self.folder);
        // The kernel's own files go with the folder; those of a test's tree do not.
        let removed = if root.is_real() { fs::remove_dir(folder) } else { fs::remove_dir_all(folder) };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Lets the groups in `folder` (version 2) have the controller `cpu`; where they have it already, nothing is written.
///
/// # Errors
/// When the group has not got the controller itself, or the kernel refuses.
pub fn hand_down(folder: &Path, root: &Root) -> io::Result<()> {
    let has = |file: &str| -> Result<bool, ReadError> {
        Ok(root.read(folder.join(file))?.split_ascii_whitespace().any(|name| name == "cpu"))
    };
    if !has("cgroup.controllers").map_err(io::Error::other)? {
        return Err(io::Error::other("the group has not got the controller cpu"));
    }
    if has("cgroup.subtree_control").unwrap_or(false) {
        return Ok(());
    }
    write_hand_down(folder, root)
}

fn write_hand_down(folder: &Path, root: &Root) -> io::Result<()> {
    fs::write(root.path(folder.join("cgroup.subtree_control")), "+cpu")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fake_tree;

    const V2: [(&str, &str); 6] = [
        ("/proc/self/cgroup", "0::/user/shell\n"),
        ("/proc/7/cgroup", "0::/user/node\n"),
        ("/proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
        ("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n"),
        ("/sys/fs/cgroup/user/cgroup.controllers", "cpu\n"),
        ("/sys/fs/cgroup/user/shell/cgroup.controllers", "\n"),
    ];

    #[test]
    fn version_2_looks_upwards_from_the_innermost_group_with_the_controller() {
        let (_folder, root) = fake_tree(&V2);
        let candidates = candidates(&root).unwrap();
        assert_eq!(candidates.version, Version::V2);
        assert_eq!(candidates.folders, [Path::new("/sys/fs/cgroup/user"), Path::new("/sys/fs/cgroup")]);
    }

    #[test]
    fn version_2_writes_and_reads_a_quota() {
        let (folder, root) = fake_tree(&V2);
        let group = CpuGroup::create(Version::V2, "/sys/fs/cgroup/user/node".into(), &root).unwrap();
        group.set_percent(25, &root).unwrap();
        let read = |file: &str| fs::read_to_string(folder.path().join("sys/fs/cgroup/user/node").join(file)).unwrap();
        assert_eq!(read("cpu.max"), "25000 100000");
        group.lift(&root).unwrap();
        assert_eq!(read("cpu.max"), "max 100000");
        group.set_percent(25, &root).unwrap();
        // The kernel fills these.
        for (file, text) in
            [("cgroup.controllers", "cpu\n"), ("cgroup.type", "domain\n"), ("cpu.stat", "usage_usec 1\n")]
        {
            fs::write(folder.path().join("sys/fs/cgroup/user/node").join(file), text).unwrap();
        }
        assert_eq!(of_process(&root, 7).unwrap(), Some(0.25));
        assert_eq!(group.quota_cores(&root).unwrap(), Some(0.25));
        assert_eq!(group.quota_file(), Path::new("/sys/fs/cgroup/user/node/cpu.max"));
        group.remove(&root).unwrap();
        group.remove(&root).unwrap();
    }

    #[test]
    fn version_2_a_quota_above_is_not_the_groups_own() {
        let (folder, root) = fake_tree(&V2);
        fs::create_dir_all(folder.path().join("sys/fs/cgroup/user/node")).unwrap();
        fs::write(folder.path().join("sys/fs/cgroup/user/cpu.max"), "50000 100000\n").unwrap();
        assert_eq!(of_process(&root, 7).unwrap(), None);
        assert!(of_process(&root, 8).is_err(), "no such process");
    }

    #[test]
    fn version_2_hands_down_once() {
        let (folder, root) = fake_tree(&V2);
        let file = folder.path().join("sys/fs/cgroup/user/cgroup.subtree_control");
        hand_down(Path::new("/sys/fs/cgroup/user"), &root).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "+cpu");
        fs::write(&file, "cpu\n").unwrap();
        hand_down(Path::new("/sys/fs/cgroup/user"), &root).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "cpu\n");
        assert!(hand_down(Path::new("/sys/fs/cgroup/user/shell"), &root).is_err());
    }

    #[test]
    fn version_1_has_one_candidate() {
        let (folder, root) = fake_tree(&[
            ("/proc/self/cgroup", "4:cpu,cpuacct:/shell\n0::/\n"),
            ("/proc/7/cgroup", "4:cpu,cpuacct:/shell/node\n0::/\n"),
            ("/proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"),
            ("/sys/fs/cgroup/cpu/shell/cpu.stat", ""),
        ]);
        let candidates = candidates(&root).unwrap();
        assert_eq!((candidates.version, candidates.folders.len()), (Version::V1, 1));
        let group = CpuGroup::create(Version::V1, candidates.folders[0].join("node"), &root).unwrap();
        group.set_percent(150, &root).unwrap();
        let read = fs::read_to_string(folder.path().join("sys/fs/cgroup/cpu/shell/node/cpu.cfs_quota_us")).unwrap();
        assert_eq!(read, "150000");
        assert_eq!(group.quota_cores(&root).unwrap(), Some(1.5));
        assert_eq!(of_process(&root, 7).unwrap(), Some(1.5));
    }
}
