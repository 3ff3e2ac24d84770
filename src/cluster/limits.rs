//! A CPU quota for each node, by the first of systemd, cgroup v2 and cgroup v1 that works on this machine.
//!
//! "Works" is tried, not guessed: a group is made and a process put into it before the first node starts.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use super::program;
use super::wait;
use crate::kernel::Root;
use crate::kernel::cgroup::quota::{self, CpuGroup, Version};

/// How long a group may hold a process that is on its way out.
const REMOVE_LIMIT: Duration = Duration::from_secs(5);

/// How quotas are set on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// Without.
    None,
    /// A scope for each node.
    Systemd,
    /// A control group for each node, in one for the cluster.
    Groups(CpuGroup),
}

/// One node's place under a mechanism.
#[derive(Clone, Copy, Debug)]
pub struct QuotaGroup<'a> {
    /// The cluster's.
    pub mechanism: &'a Mechanism,
    /// The cluster's group; names the scopes, too.
    pub group: &'a str,
    /// The node, or whatever else has a quota.
    pub name: &'a str,
    /// The machine that it stands on; `None` where the cluster has no machines.
    pub machine: Option<u32>,
}

impl Mechanism {
    /// Its word in the answer.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Systemd => "systemd",
            Self::Groups(CpuGroup { version: Version::V2, .. }) => "cgroup-v2",
            Self::Groups(CpuGroup { version: Version::V1, .. }) => "cgroup-v1",
        }
    }

    /// Finds the first that works, and makes the cluster's group. With `nested` it must hold groups that hold groups, which
    /// scopes of systemd do not.
    ///
    /// # Errors
    /// When none does.
    pub fn choose(group: &str, nested: bool) -> anyhow::Result<Self> {
        if !nested && systemd_works(group) {
            return Ok(Self::Systemd);
        }
        match (make_group(group, nested, &Root::real()), nested) {
            (Some(made), _) => Ok(Self::Groups(made)),
            (None, true) => bail!(
                "machines need control groups that lie in each other, and none can be made here (tried cgroup v2, cgroup v1): run as root, or go without --machine-units; webapp autoscale --machine-units then counts machines that have no quota of their own"
            ),
            (None, false) => bail!(
                "no CPU quota can be set here (tried systemd-run, cgroup v2, cgroup v1): run as root or in a login session of systemd, or go without by --unit-cpu none"
            ),
        }
    }

    /// The group of a machine of the cluster. `None` where there are no groups.
    pub(super) fn machine(&self, number: u32) -> Option<CpuGroup> {
        match self {
            Self::None | Self::Systemd => None,
            Self::Groups(group) => Some(group.child(&machine_name(number))),
        }
    }

    /// Removes the cluster's group.
    ///
    /// # Errors
    /// When a process in it does not end.
    pub fn remove(&self) -> anyhow::Result<()> {
        match self {
            Self::None | Self::Systemd => Ok(()),
            Self::Groups(group) => remove(group, &Root::real()),
        }
    }
}

/// What a machine is called.
pub fn machine_name(number: u32) -> String {
    format!("machine{number}")
}

impl QuotaGroup<'_> {
    /// Its group, in the cluster's or in its machine's.
    fn group_in(self, cluster: &CpuGroup) -> CpuGroup {
        match self.machine {
            Some(number) => cluster.child(&machine_name(number)).child(self.name),
            None => cluster.child(self.name),
        }
    }

    /// Makes the place, before the process starts.
    ///
    /// # Errors
    /// When the kernel refuses the quota.
    pub fn prepare(self, percent: u32) -> anyhow::Result<()> {
        let Mechanism::Groups(group) = self.mechanism else { return Ok(()) };
        let root = Root::real();
        let group = CpuGroup::create(group.version, self.group_in(group).folder, &root)?;
        group.set_percent(percent, &root).with_context(|| {
            format!(
                "the kernel refused a quota of {percent} % for {} (a group above may allow less: see {})",
                self.name,
                group.folder.display()
            )
        })
    }

    /// Makes the place, and lets the process have all there is until [`QuotaGroup::set`].
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn prepare_without_limit(self) -> anyhow::Result<()> {
        let Mechanism::Groups(group) = self.mechanism else { return Ok(()) };
        let root = Root::real();
        let group = CpuGroup::create(group.version, self.group_in(group).folder, &root)?;
        group.lift(&root).with_context(|| group.folder.display().to_string())
    }

    /// The file that the process must write itself into before it does anything else.
    pub fn processes_file(self) -> Option<PathBuf> {
        match self.mechanism {
            Mechanism::None | Mechanism::Systemd => None,
            Mechanism::Groups(group) => Some(self.group_in(group).processes_file()),
        }
    }

    /// The command, in front of it what puts it under the quota, if that is a program. `None`: where [`QuotaGroup::set`] finds it.
    pub fn command(self, percent: Option<u32>, command: Vec<OsString>) -> Vec<OsString> {
        match self.mechanism {
            Mechanism::None | Mechanism::Groups(_) => command,
            Mechanism::Systemd => {
                let mut scope = scope_command(&self.scope(), percent);
                scope.extend(command);
                scope
            }
        }
    }

    /// Changes the quota of what runs.
    ///
    /// # Errors
    /// When systemd or the kernel refuses.
    pub fn set(self, percent: u32) -> anyhow::Result<()> {
        match self.mechanism {
            Mechanism::None => Ok(()),
            Mechanism::Systemd => {
                let mut command = Command::new("systemctl");
                command.args(manager()).args(["set-property", "--runtime", &self.scope()]);
                let output = program::output(command.arg(format!("CPUQuota={percent}%")))?;
                ensure!(output.status.success(), "systemctl set-property failed: {}", program::words(&output));
                Ok(())
            }
            Mechanism::Groups(group) => Ok(self.group_in(group).set_percent(percent, &Root::real())?),
        }
    }

    /// Where a person finds the quota.
    pub fn place(self) -> String {
        match self.mechanism {
            Mechanism::None => "none".to_owned(),
            Mechanism::Systemd => format!("systemctl show -p CPUQuotaPerSecUSec {}", self.scope()),
            Mechanism::Groups(group) => self.group_in(group).quota_file().display().to_string(),
        }
    }

    /// After the end of the process. systemd removes its scopes by itself.
    ///
    /// # Errors
    /// When a process in the group does not end.
    pub fn remove(self) -> anyhow::Result<()> {
        match self.mechanism {
            Mechanism::None | Mechanism::Systemd => Ok(()),
            Mechanism::Groups(group) => remove(&self.group_in(group), &Root::real()),
        }
    }

    fn scope(self) -> String {
        format!("{}-{}.scope", self.group, self.name)
    }
}

/// The quota of a process as the kernel has it, in cores; `None` without one.
pub fn of_process(pid: u32) -> Option<f64> {
    quota::of_process(&Root::real(), pid).ok().flatten()
}

/// Which of its managers systemd shall be asked by: root's is the system's.
fn manager() -> Option<&'static str> {
    (!rustix::process::geteuid().is_root()).then_some("--user")
}

fn scope_command(scope: &str, percent: Option<u32>) -> Vec<OsString> {
    let mut command = vec!["systemd-run".to_owned()];
    command.extend(manager().map(str::to_owned));
    command.extend(["--scope", "--quiet", "--collect"].map(str::to_owned));
    command.push(format!("--unit={scope}"));
    command.extend(percent.into_iter().flat_map(|percent| ["-p".to_owned(), format!("CPUQuota={percent}%")]));
    command.push("--".to_owned());
    command.into_iter().map(OsString::from).collect()
}

/// A user's manager takes the property also where it was not given the controller `cpu`, and then nothing holds: look.
fn systemd_works(group: &str) -> bool {
    if !Path::new("/run/systemd/system").is_dir() || program::find("systemd-run").is_none() {
        return false;
    }
    let mut command = scope_command(&format!("{group}-probe.scope"), Some(50));
    command.push("cat".into());
    let mut command = command.into_iter();
    let Some(program) = command.next() else { return false };
    let probe =
        Command::new(program).args(command).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut probe) = probe else { return false };
    // What comes back has been through `cat`, which therefore is in its scope by now.
    let echoes = |probe: &mut std::process::Child| -> Option<u8> {
        probe.stdin.as_mut()?.write_all(b"x").ok()?;
        let mut byte = [0];
        probe.stdout.as_mut()?.read_exact(&mut byte).ok()?;
        Some(byte[0])
    };
    let works = echoes(&mut probe) == Some(b'x') && of_process(probe.id()) == Some(0.5);
    drop(probe.stdin.take());
    let _ = probe.wait();
    works
}

/// The group of the cluster, where one can be made.
fn make_group(name: &str, nested: bool, root: &Root) -> Option<CpuGroup> {
    let candidates = quota::candidates(root).ok()?;
    let usable = |folder: &&PathBuf| match candidates.version {
        Version::V1 => true,
        Version::V2 => quota::hand_down(folder, root).is_ok(),
    };
    candidates
        .folders
        .iter()
        .filter(usable)
        .find_map(|folder| try_group(candidates.version, folder.join(name), nested, root))
}

/// Makes a group and proves that a process can be limited inside it, or inside a group in it; undone when it cannot.
fn try_group(version: Version, folder: PathBuf, nested: bool, root: &Root) -> Option<CpuGroup> {
    // One that is there belongs to somebody else.
    fs::create_dir(root.path(&folder)).ok()?;
    let group = CpuGroup { version, folder };
    let probe = group.child("probe");
    let inner = probe.child("probe");
    let works = group.hand_down(root).and_then(|()| {
        if !nested {
            return holds_a_process(&probe, root);
        }
        make_outer(&probe, 50, root)?;
        holds_a_process(&inner, root)
    });
    let _ = remove(&inner, root).and_then(|()| remove(&probe, root));
    match works {
        Ok(()) => Some(group),
        Err(_) => {
            let _ = remove(&group, root);
            None
        }
    }
}

/// Makes a group with a quota, for groups with quotas of their own.
pub(super) fn make_outer(group: &CpuGroup, percent: u32, root: &Root) -> io::Result<()> {
    let made = CpuGroup::create(group.version, group.folder.clone(), root)?;
    made.set_percent(percent, root)?;
    made.hand_down(root)
}

fn holds_a_process(probe: &CpuGroup, root: &Root) -> io::Result<()> {
    let made = CpuGroup::create(probe.version, probe.folder.clone(), root)?;
    made.set_percent(50, root)?;
    let mut process = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let entered = fs::write(root.path(made.processes_file()), process.id().to_string());
    drop(process.stdin.take());
    process.wait()?;
    entered
}

pub(super) fn remove(group: &CpuGroup, root: &Root) -> anyhow::Result<()> {
    let mut last = None;
    let removed = wait::until(REMOVE_LIMIT, || match group.remove(root) {
        Ok(()) => true,
        Err(error) => {
            last = Some(error);
            false
        }
    });
    let because = last.map(|error| error.to_string()).unwrap_or_default();
    ensure!(removed, "could not remove the control group {}: {because}", group.folder.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fake_tree;

    const V2: [(&str, &str); 4] = [
        ("/proc/self/cgroup", "0::/user\n"),
        ("/proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
        ("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n"),
        ("/sys/fs/cgroup/user/cgroup.controllers", "cpu\n"),
    ];

    #[test]
    fn version_2_takes_the_innermost_group_that_hands_down() {
        let (folder, root) = fake_tree(&V2);
        let group = make_group("webapp-t-1", false, &root).unwrap();
        assert_eq!(group.folder, Path::new("/sys/fs/cgroup/user/webapp-t-1"));
        assert_eq!(Mechanism::Groups(group).name(), "cgroup-v2");
        let made = folder.path().join("sys/fs/cgroup/user/webapp-t-1");
        assert!(!made.join("probe").exists(), "the probe is gone");
        assert_eq!(fs::read_to_string(made.join("cgroup.subtree_control")).unwrap(), "+cpu");
        assert_eq!(fs::read_to_string(made.parent().unwrap().join("cgroup.subtree_control")).unwrap(), "+cpu");
    }

    #[test]
    fn version_2_looks_above_where_the_kernel_refuses() {
        let (folder, root) = fake_tree(&V2);
        // As the kernel refuses a group that holds processes.
        fs::create_dir(folder.path().join("sys/fs/cgroup/user/cgroup.subtree_control")).unwrap();
        let group = make_group("webapp-t-1", false, &root).unwrap();
        assert_eq!(group.folder, Path::new("/sys/fs/cgroup/webapp-t-1"));
    }

    #[test]
    fn groups_that_hold_groups() {
        let (folder, root) = fake_tree(&V2);
        let group = make_group("webapp-t-1", true, &root).unwrap();
        let made = folder.path().join("sys/fs/cgroup/user/webapp-t-1");
        assert!(!made.join("probe").exists(), "the probes are gone");
        let mechanism = Mechanism::Groups(group);
        let machine = mechanism.machine(2).unwrap();
        make_outer(&machine, 24, &root).unwrap();
        let read = |file: &str| fs::read_to_string(made.join("machine2").join(file)).unwrap();
        assert_eq!((read("cpu.max"), read("cgroup.subtree_control")), ("24000 100000".into(), "+cpu".into()));
        let node = QuotaGroup { mechanism: &mechanism, group: "g", name: "node3", machine: Some(2) };
        assert_eq!(node.place(), "/sys/fs/cgroup/user/webapp-t-1/machine2/node3/cpu.max");
        assert_eq!(Mechanism::Systemd.machine(1), None);
    }

    #[test]
    fn a_group_of_that_name_is_somebody_elses() {
        let (folder, root) = fake_tree(&V2);
        for above in ["sys/fs/cgroup", "sys/fs/cgroup/user"] {
            fs::create_dir(folder.path().join(above).join("webapp-t-1")).unwrap();
        }
        assert_eq!(make_group("webapp-t-1", false, &root), None);
    }

    #[test]
    fn without_the_controller_there_is_none() {
        let (_folder, root) = fake_tree(&V2[..2]);
        assert_eq!(make_group("webapp-t-1", false, &root), None);
    }

    #[test]
    fn places_of_the_mechanisms() {
        let group = CpuGroup { version: Version::V2, folder: "/sys/fs/cgroup/g".into() };
        let groups = Mechanism::Groups(group);
        let of = |mechanism| QuotaGroup { mechanism, group: "g", name: "node1", machine: None };
        assert_eq!(of(&groups).place(), "/sys/fs/cgroup/g/node1/cpu.max");
        assert_eq!(of(&groups).processes_file().unwrap(), Path::new("/sys/fs/cgroup/g/node1/cgroup.procs"));
        assert_eq!(of(&Mechanism::Systemd).place(), "systemctl show -p CPUQuotaPerSecUSec g-node1.scope");
        assert_eq!(of(&Mechanism::Systemd).processes_file(), None);
        let command = of(&Mechanism::Systemd).command(Some(25), vec!["webapp".into()]);
        assert_eq!(command.last().unwrap(), "webapp");
        assert!(command.contains(&OsString::from("CPUQuota=25%")));
        assert_eq!(of(&groups).command(Some(25), vec!["webapp".into()]), ["webapp"]);
    }
}
