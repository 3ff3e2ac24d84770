//! Which process is recorded, and what it is asked meanwhile.

use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::cluster::Cluster;
use crate::cluster::reporter::Reporter;
use crate::http::blocking;
use crate::http::url::Url;

/// Longest wait for the node's own word.
const PATIENCE: Duration = Duration::from_secs(5);

/// A process on this machine.
#[derive(Debug)]
pub struct Watched {
    /// Its number.
    pub pid: u32,
    /// What a picture of it is called.
    pub title: String,
    /// What it is asked meanwhile, over so many connections.
    pub load: Option<(Url, u32)>,
}

impl Watched {
    /// The process of that number.
    ///
    /// # Errors
    /// When there is none.
    pub fn process(pid: u32) -> anyhow::Result<Self> {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .with_context(|| format!("there is no process {pid} on this machine"))?;
        Ok(Self { pid, title: format!("{} (process {pid})", name.trim()), load: None })
    }

    /// That node of a cluster of this machine.
    ///
    /// # Errors
    /// When there is none, or it does not run.
    pub fn node(cluster: &str, node: &str) -> anyhow::Result<Self> {
        let answer = Cluster::find(cluster, Reporter { quiet: true })?.answer(false);
        let names = answer.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = answer.nodes.iter().find(|known| known.name == node);
        let found = found.with_context(|| format!("the cluster {cluster} has no node {node}; it has {names}"))?;
        let pid = found.pid.with_context(|| format!("{node} of the cluster {cluster} does not run on this machine"))?;
        Ok(Self { pid, title: node.to_owned(), load: None })
    }

    /// The node that answers at an address, by its own word; asked for the address meanwhile where that has a path.
    ///
    /// # Errors
    /// When no node of ours on this machine answers there.
    pub fn at(address: &str, connections: u32) -> anyhow::Result<Self> {
        let url = Url::parse(address)?;
        let base = url.origin.to_string();
        let body = blocking::get(&base, "/whoami", PATIENCE).with_context(|| format!("no node answers at {base}"))?;
        let whoami: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let pid = whoami["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
        let pid = pid.with_context(|| format!("what answers at {base} is not a node of webapp; say --pid"))?;
        let node = whoami["node"].as_str().unwrap_or("a node");
        let name = program_of(pid);
        ensure!(
            name == "webapp" || name == program_of(std::process::id()),
            "{node} says that it is process {pid}, but here that is '{name}': it runs elsewhere, or in a container. Say --pid with its \
             number on this machine"
        );
        let loaded = url.path != "/" && connections > 0;
        if loaded && blocking::status(&url, PATIENCE).is_ok_and(|status| !(200..300).contains(&status)) {
            bail!("{url} is not answered with 2xx: there is nothing to load");
        }
        let title = if loaded { format!("{node}, {}", url.path) } else { node.to_owned() };
        Ok(Self { pid, title, load: loaded.then_some((url, connections)) })
    }
}
/// The name of a process's program, as the kernel keeps it: 15 bytes at most. Empty where there is no such process.
fn program_of(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}
