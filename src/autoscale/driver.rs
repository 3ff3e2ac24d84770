//! The driver, as the loop asks it: a program with the words `status` and `scale N`, which answers one JSON object.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::child;
use crate::cluster::contract::ClusterAnswer;

/// A driver program and the cluster that it is asked about.
#[derive(Clone, Debug)]
pub struct Driver {
    program: PathBuf,
    name: Option<String>,
}

/// For a question.
const STATUS_LIMIT: Duration = Duration::from_secs(60);
/// For a change: nodes start, or finish what they have; a cluster of virtual machines may take its time.
const SCALE_LIMIT: Duration = Duration::from_secs(600);

impl Driver {
    /// A driver program, and the cluster's name where it is not the driver's own.
    pub fn new(program: &Path, name: Option<&str>) -> Self {
        Self { program: program.to_owned(), name: name.map(str::to_owned) }
    }

    /// The cluster as it is.
    ///
    /// # Errors
    /// When the driver fails or answers something else, with what it said; when `interrupted` becomes true.
    pub fn status(&self, interrupted: &AtomicBool) -> anyhow::Result<ClusterAnswer> {
        self.ask(&["status"], STATUS_LIMIT, Some(interrupted))
    }

    /// Makes the cluster have so many units. A change that has begun is not interrupted: half of it would be left.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub fn scale(&self, units: u32) -> anyhow::Result<ClusterAnswer> {
        self.ask(&["scale", &units.to_string()], SCALE_LIMIT, None)
    }

    fn ask(&self, words: &[&str], limit: Duration, interrupted: Option<&AtomicBool>) -> anyhow::Result<ClusterAnswer> {
        let asked = format!("{} {}", self.program.display(), words.join(" "));
        let mut command = Command::new(&self.program);
        command.args(words);
        if let Some(name) = &self.name {
            command.args(["--name", name]);
        }
        let finished = child::run(command, limit, interrupted)?;
        if !finished.status.success() {
            let said = finished.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
            bail!("{asked} failed ({}); it said: {}", finished.status, said.trim());
        }
        serde_json::from_str(finished.stdout.trim())
            .with_context(|| format!("{asked} must print one JSON object with target and nodes"))
    }
}
