//! The end of what nodes, services and balancer wrote.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use super::{Cluster, service};

/// What is the balancer's own name among the logs.
const BALANCER: &str = "balancer";

impl Cluster {
    /// Becomes tail(1) of the logs; of one, or of all.
    ///
    /// # Errors
    /// When there is nothing of that name. It returns in no other case.
    pub fn show_logs(&self, which: Option<&str>, follow: bool, lines: u32) -> anyhow::Result<()> {
        let files = self.log_files(which)?;
        let mut tail = Command::new("tail");
        tail.args(["-n", &lines.to_string()]);
        if follow {
            tail.arg("-F");
        }
        Err(tail.args(files).exec()).context("cannot start tail")
    }

    fn log_files(&self, which: Option<&str>) -> anyhow::Result<Vec<PathBuf>> {
        let balancer = || self.settings.balancer.map(|_| self.folder.balancer().join("log"));
        let node = |name: &String| self.folder.node(name).join("log");
        let services = service::of(&self.settings, &self.folder, self.reporter);
        match which {
            None => {
                let mut files: Vec<PathBuf> = balancer().into_iter().collect();
                if self.settings.nodes_are_local() {
                    files.extend(self.folder.nodes().iter().map(node));
                }
                files.extend(services.iter().map(|service| service.log()));
                ensure!(!files.is_empty(), "the cluster {} has written no log", self.settings.name);
                Ok(files)
            }
            Some(BALANCER) => match balancer() {
                Some(file) => Ok(vec![file]),
                None => bail!("the cluster {} has no balancer", self.settings.name),
            },
            Some(name) => {
                if let Some(service) = services.iter().find(|service| service.name() == name) {
                    return Ok(vec![service.log()]);
                }
                self.must_have_local_nodes("look at", "status webapp")?;
                self.folder.must_have_node(name)?;
                Ok(vec![node(&name.to_owned())])
            }
        }
    }
}

/// The last lines of a log, for an error.
pub fn last_lines(path: &Path, count: usize) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
