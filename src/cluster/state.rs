//! What is known of a cluster: one folder of plain files. A command that is interrupted leaves enough for `down`.
//!
//! ```text
//! settings.json     what `up` was asked for and what it chose
//! peers             the addresses of all nodes, one a line; every node reads it
//! scaling           what an autoscaler tells of itself; every node reads it
//! nodes/NAME/       address, process (number and start time), place (in | out), machine (its number), out (stdout), log (stderr)
//! balancer/         its configuration, process, log and sockets
//! services/NAME/    process, log, and own/, where a store keeps its data
//! secrets/          passwords and keys
//! store.db          a SQLite store
//! tls/              the local authority and the certificate, unless --authority keeps them elsewhere
//! ```

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use super::settings::ClusterSettings;
use super::wait;

/// How long a command waits for another one on the same cluster.
const LOCK_LIMIT: Duration = Duration::from_secs(120);

/// Whether a node is meant to take requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rotation {
    /// It is.
    In,
    /// It is not, since `drain`.
    Out,
}

/// The folder of one cluster.
#[derive(Clone, Debug)]
pub struct ClusterFolder {
    path: PathBuf,
}

/// Held for as long as a command changes the cluster.
#[derive(Debug)]
pub struct Lock {
    _folder: File,
}

/// Where the folders of all clusters are: $WEBAPP_STATE_DIR, else $XDG_RUNTIME_DIR/webapp-UID, else /tmp/webapp-UID.
fn root() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = || format!("webapp-{}", rustix::process::getuid().as_raw());
    named("WEBAPP_STATE_DIR")
        .unwrap_or_else(|| named("XDG_RUNTIME_DIR").unwrap_or_else(|| PathBuf::from("/tmp")).join(own()))
}

/// Makes a folder that is for its owner only, and what is missing above it.
///
/// # Errors
/// What mkdir(2) says.
pub fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The text becomes the file in one step, for its owner only; a reader sees the old text or the new, never half of it.
///
/// # Errors
/// When the file cannot be written.
pub fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut new = path.to_owned().into_os_string();
    new.push(".new");
    let write = || {
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?.write_all(text.as_bytes())?;
        fs::rename(&new, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

impl ClusterFolder {
    /// The folder of the cluster `name`, whether there is one or not. The folder above it must be our own: /tmp belongs to
    /// everybody.
    ///
    /// # Errors
    /// When that is somebody else's.
    pub fn open(name: &str) -> anyhow::Result<Self> {
        let root = root();
        make_private(&root).with_context(|| format!("cannot make the folder {}", root.display()))?;
        let facts = fs::symlink_metadata(&root).with_context(|| root.display().to_string())?;
        ensure!(
            facts.is_dir() && facts.uid() == rustix::process::geteuid().as_raw(),
            "{} is not a folder of your own; name another with WEBAPP_STATE_DIR",
            root.display()
        );
        let root = fs::canonicalize(&root)?;
        let folder = Self { path: root.join(name) };
        // A command that finds no cluster leaves no root behind; one that makes a cluster makes it again.
        if !folder.path.is_dir() {
            let _ = fs::remove_dir(&root);
        }
        Ok(folder)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it that is built in the same way: of a balancer in front of this cluster.
    pub fn within(&self, name: &str) -> Self {
        Self { path: self.path.join(name) }
    }

    /// The folder of all clusters.
    pub fn root(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// One command at a time works on a cluster. The lock is the folder itself, so no lock file stays behind.
    ///
    /// # Errors
    /// When another command has it for two minutes.
    pub fn lock(&self) -> anyhow::Result<Lock> {
        loop {
            make_private(&self.path).with_context(|| format!("cannot make the folder {}", self.path.display()))?;
            let Ok(held) = lock(&self.path, "another command works on this cluster")? else { continue };
            // The holder before us may have been `down`: then the folder we hold is gone.
            let same =
                |ours: &fs::Metadata, there: &fs::Metadata| ours.ino() == there.ino() && ours.dev() == there.dev();
            if fs::metadata(&self.path).is_ok_and(|there| held.metadata().is_ok_and(|ours| same(&ours, &there))) {
                return Ok(Lock { _folder: held });
            }
        }
    }

    /// One cluster at a time chooses its ports.
    ///
    /// # Errors
    /// When another one has the lock for two minutes.
    pub fn lock_ports(&self) -> anyhow::Result<Lock> {
        match lock(self.root(), "another cluster chooses its ports")? {
            Ok(held) => Ok(Lock { _folder: held }),
            Err(gone) => bail!("{} is gone: {gone}", self.root().display()),
        }
    }

    fn settings_file(&self) -> PathBuf {
        self.path.join("settings.json")
    }

    /// Whether there is a cluster.
    pub fn has_settings(&self) -> bool {
        self.settings_file().is_file()
    }

    /// What the cluster is; `None` when there is none.
    ///
    /// # Errors
    /// When the file cannot be understood.
    pub fn settings(&self) -> anyhow::Result<Option<ClusterSettings>> {
        let path = self.settings_file();
        match fs::read(&path) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text).with_context(|| path.display().to_string())?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Keeps what the cluster is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, settings: &ClusterSettings) -> anyhow::Result<()> {
        write_file(&self.settings_file(), &serde_json::to_string_pretty(settings)?)
    }

    /// What all other clusters of this user are; one that cannot be read is none.
    pub fn other_settings(&self) -> Vec<ClusterSettings> {
        let folders = fs::read_dir(self.root()).into_iter().flatten().flatten();
        folders
            .filter(|entry| entry.path() != self.path)
            .filter_map(|entry| Self { path: entry.path() }.settings().ok().flatten())
            .collect()
    }

    /// The folder goes, and its root when no other cluster lives there.
    ///
    /// # Errors
    /// When something in it cannot be removed.
    pub fn forget(&self) -> anyhow::Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.path.display()))
            }
            _ => {
                let _ = fs::remove_dir(self.root());
                Ok(())
            }
        }
    }

    /// The balancer's folder.
    pub fn balancer(&self) -> PathBuf {
        self.path.join("balancer")
    }

    /// The file that all nodes read.
    pub fn peers(&self) -> PathBuf {
        self.path.join("peers")
    }

    /// The file in which an autoscaler tells what it does; all nodes read it.
    pub fn scaling(&self) -> PathBuf {
        self.path.join("scaling")
    }

    /// A node's folder.
    pub fn node(&self, name: &str) -> PathBuf {
        self.path.join("nodes").join(name)
    }

    /// The record of a node's process.
    pub fn node_process(&self, name: &str) -> PathBuf {
        self.node(name).join("process")
    }

    /// The file with the number of a node's machine, where there are machines.
    pub fn node_machine(&self, name: &str) -> PathBuf {
        self.node(name).join("machine")
    }

    /// The names of all nodes, in order of their numbers.
    pub fn nodes(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path.join("nodes")).into_iter().flatten().flatten();
        let mut numbered: Vec<(u32, String)> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter_map(|name| Some((name.strip_prefix("node")?.parse().ok()?, name)))
            .collect();
        numbered.sort_unstable();
        numbered.into_iter().map(|(_, name)| name).collect()
    }

    /// # Errors
    /// When there is no node of that name; the error says which there are.
    pub fn must_have_node(&self, name: &str) -> anyhow::Result<()> {
        let nodes = self.nodes();
        ensure!(
            nodes.iter().any(|node| node == name),
            "there is no node '{name}' here; there are: {}",
            nodes.join(" ")
        );
        Ok(())
    }

    /// Makes a node's folder, with an address that stays the same over every restart.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create_node(&self, name: &str, address: &str) -> anyhow::Result<()> {
        let folder = self.node(name);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        write_file(&folder.join("address"), &format!("{address}\n"))?;
        self.set_rotation(name, Rotation::In)?;
        self.write_peers()
    }

    /// Nothing of the node stays.
    ///
    /// # Errors
    /// When its files cannot be removed.
    pub fn forget_node(&self, name: &str) -> anyhow::Result<()> {
        let folder = self.node(name);
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        self.write_peers()
    }

    /// Every node reads this again while someone looks at its live page.
    fn write_peers(&self) -> anyhow::Result<()> {
        let lines: String = self.nodes().iter().map(|node| format!("{}\n", self.node_url(node))).collect();
        write_file(&self.peers(), &lines)
    }

    /// Where the balancer finds the node, as HOST:PORT.
    pub fn node_address(&self, name: &str) -> String {
        fs::read_to_string(self.node(name).join("address")).unwrap_or_default().trim().to_owned()
    }

    /// The same as a URL.
    pub fn node_url(&self, name: &str) -> String {
        format!("http://{}", self.node_address(name))
    }

    /// Whether the node is meant to take requests.
    pub fn rotation(&self, name: &str) -> Rotation {
        match fs::read_to_string(self.node(name).join("place")) {
            Ok(text) if text.trim() == "out" => Rotation::Out,
            _ => Rotation::In,
        }
    }

    /// Notes whether the node is meant to take requests.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn set_rotation(&self, name: &str, rotation: Rotation) -> anyhow::Result<()> {
        let word = match rotation {
            Rotation::In => "in\n",
            Rotation::Out => "out\n",
        };
        write_file(&self.node(name).join("place"), word)
    }
}

/// Takes the lock of a folder. The inner error: the folder cannot be opened (any more).
fn lock(path: &Path, holder: &str) -> anyhow::Result<io::Result<File>> {
    let folder = match File::open(path) {
        Ok(folder) => folder,
        Err(error) => return Ok(Err(error)),
    };
    let mut failed = None;
    let taken = wait::until(LOCK_LIMIT, || match folder.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => {
            failed = Some(error);
            true
        }
    });
    if let Some(error) = failed {
        return Err(error).with_context(|| format!("cannot lock {}", path.display()));
    }
    ensure!(taken, "{holder} ({}) for two minutes already", path.display());
    Ok(Ok(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, ClusterFolder) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("t");
        (root, ClusterFolder { path })
    }

    #[test]
    fn nodes_come_in_order_of_their_numbers() {
        let (_root, folder) = folder();
        for (name, port) in [("node10", 3), ("node2", 2), ("node1", 1)] {
            folder.create_node(name, &format!("127.0.0.1:{port}")).unwrap();
        }
        fs::create_dir_all(folder.node("other")).unwrap();
        assert_eq!(folder.nodes(), ["node1", "node2", "node10"]);
        assert_eq!(folder.node_url("node10"), "http://127.0.0.1:3");
        assert!(folder.must_have_node("../x").unwrap_err().to_string().contains("there are: node1 node2 node10"));
        folder.forget_node("node2").unwrap();
        assert_eq!(fs::read_to_string(folder.peers()).unwrap(), "http://127.0.0.1:1\nhttp://127.0.0.1:3\n");
        assert_eq!(folder.rotation("node1"), Rotation::In);
        folder.set_rotation("node1", Rotation::Out).unwrap();
        assert_eq!(folder.rotation("node1"), Rotation::Out);
    }

    #[test]
    fn a_lock_is_held_by_one_at_a_time() {
        let (_root, folder) = folder();
        let held = folder.lock().unwrap();
        let second = File::open(folder.path()).unwrap();
        assert!(second.try_lock().is_err());
        drop(held);
        second.try_lock().unwrap();
    }

    #[test]
    fn forgetting_takes_the_empty_root_too() {
        let (root, folder) = folder();
        make_private(folder.path()).unwrap();
        folder.forget().unwrap();
        assert!(!root.path().exists());
        folder.forget().unwrap();
    }
}
