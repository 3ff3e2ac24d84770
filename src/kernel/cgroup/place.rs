//! Where in the file system the groups of this process are: `/proc/self/cgroup` and `/proc/self/mountinfo`.

use std::path::{Path, PathBuf};

use crate::kernel::root::complete_lines;
use crate::kernel::{ReadError, Reading, Root};

const OWN: &str = "/proc/self/cgroup";
const MOUNTS: &str = "/proc/self/mountinfo";

/// A line of `/proc/self/cgroup`: `4:memory:/service` (version 1) or `0::/service` (version 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnGroup {
    controllers: Vec<String>,
    path: String,
}

impl OwnGroup {
    /// Whether this is the line of version 2, and names the group `path`.
    pub fn is_unified_at(&self, path: &str) -> bool {
        self.controllers.is_empty() && self.path == path
    }
}

/// A mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    version: u8,
    /// The group that is seen at `point`: `/`, or a container's own group where the container has no cgroup namespace.
    top: String,
    point: PathBuf,
    controllers: Vec<String>,
}

/// One group: its name in the hierarchy, and its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlGroup {
    pub path: String,
    pub folder: PathBuf,
}

/// Where one controller keeps the limits of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerGroup {
    pub version: u8,
    /// The process's own group.
    pub path: String,
    top: String,
    point: PathBuf,
}

impl ControllerGroup {
    /// Version 1 if the controller is mounted there (a controller is in one hierarchy only), else version 2 if it is enabled.
    pub fn find(root: &Root, own: &[OwnGroup], mounts: &[Mount], controller: &str) -> Reading<Self> {
        let named = |list: &[String]| list.iter().any(|name| name == controller);
        if let Some(group) = own.iter().find(|group| named(&group.controllers)) {
            let mounts = mounts.iter().filter(|mount| mount.version == 1 && named(&mount.controllers));
            return Self::among(root, group, mounts).ok_or_else(|| {
                ReadError::malformed(
                    root.path(MOUNTS),
                    format!("no cgroup v1 mount of '{controller}' shows {}", group.path),
                )
            });
        }
        let group = own.iter().find(|group| group.controllers.is_empty()).ok_or_else(|| {
            ReadError::malformed(root.path(OWN), format!("no cgroup has the controller '{controller}'"))
        })?;
        let place = Self::among(root, group, mounts.iter().filter(|mount| mount.version == 2))
            .ok_or_else(|| ReadError::malformed(root.path(MOUNTS), format!("no cgroup2 mount shows {}", group.path)))?;
        place.enabled(root, controller)
    }

    /// The mount that shows the group, and of several the one that shows the most of what is above it.
    fn among<'a>(root: &Root, group: &OwnGroup, mounts: impl Iterator<Item = &'a Mount>) -> Option<Self> {
        mounts
            .filter_map(|mount| {
                let below = below(&group.path, &mount.top);
                let place = Self {
                    version: mount.version,
                    // Where the path does not lead from the mount (a namespace of another kind), its top is the best there is.
                    path: if below.is_some() { group.path.clone() } else { mount.top.clone() },
                    top: mount.top.clone(),
                    point: mount.point.clone(),
                };
                let rank = (below.is_none(), mount.top.len());
                root.path(&place.groups().first()?.folder).is_dir().then_some((rank, place))
            })
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, place)| place)
    }

    /// In version 2 a group has a controller's files only where its parent hands the controller down: the innermost that
    /// has it is where the limits begin.
    fn enabled(mut self, root: &Root, controller: &str) -> Reading<Self> {
        let groups = self.groups();
        let holds = |group: &ControlGroup| {
            let text = root.read(group.folder.join("cgroup.controllers")).unwrap_or_default();
            text.split_ascii_whitespace().any(|name| name == controller)
        };
        match groups.iter().find(|group| holds(group)) {
            Some(group) => {
                self.path.clone_from(&group.path);
                Ok(self)
            }
            None => Err(ReadError::malformed(
                root.path(groups.first().map_or(&self.point, |group| &group.folder)).join("cgroup.controllers"),
                format!("the controller '{controller}' is enabled neither here nor above"),
            )),
        }
    }

    /// The groups from the process's own up to the top of the mount.
    pub fn groups(&self) -> Vec<ControlGroup> {
        let below = below(&self.path, &self.top).unwrap_or_default();
        let mut names: Vec<&str> = below.split('/').filter(|name| !name.is_empty()).collect();
        let mut groups = Vec::with_capacity(names.len() + 1);
        loop {
            let mut folder = self.point.clone();
            folder.extend(&names);
            let path = format!("{}/{}", self.top.trim_end_matches('/'), names.join("/"));
            groups.push(ControlGroup {
                path: if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path },
                folder,
            });
            if names.pop().is_none() {
                return groups;
            }
        }
    }
}

/// The part of `path` below the group `top`; `None` when it is not below it.
fn below<'a>(path: &'a str, top: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(top.trim_end_matches('/'))?;
    let leads_up = rest.split('/').any(|name| name == "..");
    ((rest.is_empty() || rest.starts_with('/')) && !leads_up).then_some(rest)
}

/// Reads `/proc/self/cgroup`.
pub fn own_groups(root: &Root) -> Reading<Vec<OwnGroup>> {
    groups_of(root, OWN)
}

/// Reads `/proc/PID/cgroup` of any process.
pub fn groups_of(root: &Root, file: &str) -> Reading<Vec<OwnGroup>> {
    let text = root.read(file)?;
    let groups: Vec<OwnGroup> = complete_lines(&text)
        .filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            let controllers = controllers.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            Some(OwnGroup { controllers, path: path.trim_end_matches(" (deleted)").to_owned() })
        })
        .collect();
    if groups.is_empty() { Err(ReadError::malformed(root.path(file), "names no cgroup")) } else { Ok(groups) }
}

/// Reads the cgroup mounts of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
pub fn mounts(root: &Root) -> Reading<Vec<Mount>> {
    let text = root.read(MOUNTS)?;
    let mounts: Vec<Mount> = complete_lines(&text).filter_map(mount).collect();
    if mounts.is_empty() {
        Err(ReadError::malformed(root.path(MOUNTS), "no cgroup hierarchy is mounted"))
    } else {
        Ok(mounts)
    }
}

/// `32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu`.
fn mount(line: &str) -> Option<Mount> {
    let (place, kind) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let (top, point) = (unescape(place.next()?), PathBuf::from(unescape(place.next()?)));
    let mut kind = kind.split(' ');
    let version = match kind.next()? {
        "cgroup" => 1,
        "cgroup2" => 2,
        _ => return None,
    };
    let controllers = kind.nth(1).unwrap_or_default().split(',').map(str::to_owned).collect();
    Path::new(&top).is_absolute().then_some(Mount { version, top, point, controllers })
}

/// mountinfo writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(&part[3..]);
            }
            None => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_a_top() {
        assert_eq!(below("/a/b", "/"), Some("/a/b"));
        assert_eq!(below("/a/b", "/a"), Some("/b"));
        assert_eq!(below("/a", "/a"), Some(""));
        assert_eq!(below("/ab", "/a"), None);
        assert_eq!(below("/../x", "/"), None);
    }

    #[test]
    fn mount_points_with_spaces() {
        let mount = mount(r"32 31 0:29 /top /sys/fs/c\040group rw - cgroup cgroup rw,cpu,cpuacct").unwrap();
        assert_eq!(mount.point, Path::new("/sys/fs/c group"));
        assert_eq!(mount.controllers, ["rw", "cpu", "cpuacct"]);
        assert_eq!(unescape(r"a\b"), r"a\b");
    }
}
