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
pub struct ScalingDriver {
    program: PathBuf,
    /// What stands before each word, where the program is more than a driver.
    before: Vec<String>,
    name: Option<String>,
    /// The binary that it shall run as nodes, where that is not its own choice.
    binary: Option<PathBuf>,
}

/// For a question.
const STATUS_LIMIT: Duration = Duration::from_secs(60);
/// For a change: nodes start, or finish what they have; a cluster of virtual machines may take its time.
const SCALE_LIMIT: Duration = Duration::from_secs(600);

impl ScalingDriver {
    /// A driver program, and the cluster's name where it is not the driver's own.
    pub fn new(program: &Path, name: Option<&str>) -> Self {
        let name = name.map(str::to_owned);
        Self { program: program.to_owned(), before: Vec::new(), name, binary: None }
    }

    /// The same, asked with `words` before each of its own, and told to run `binary` as nodes.
    #[must_use]
    pub fn called(self, words: &[String], binary: &Path) -> Self {
        Self { before: words.to_vec(), binary: Some(binary.to_owned()), ..self }
    }

    /// The cluster as it is.
    ///
    /// # Errors
    /// When the driver fails or answers something else, with what it said; when `interrupted` becomes true.
    pub fn status(&self, interrupted: &AtomicBool) -> anyhow::Result<ClusterAnswer> {
        self.ask(&["status"], STATUS_LIMIT, Some(interrupted))
    }

    /// Makes the cluster have so many units, of `unit_cpu` percent of a core each and on so many `machines` where these change,
    /// too. A change that has begun is not interrupted: half of it would be left.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub fn scale(&self, units: u32, unit_cpu: Option<u32>, machines: Option<u32>) -> anyhow::Result<ClusterAnswer> {
        let text = |number: Option<u32>| number.map(|number| number.to_string());
        let (units, unit_cpu, machines) = (units.to_string(), text(unit_cpu), text(machines));
        let mut words = vec!["scale", &units];
        words.extend(unit_cpu.iter().flat_map(|percent| ["--unit-cpu", percent]));
        words.extend(machines.iter().flat_map(|count| ["--machines", count]));
        self.ask(&words, SCALE_LIMIT, None)
    }

    fn ask(&self, words: &[&str], limit: Duration, interrupted: Option<&AtomicBool>) -> anyhow::Result<ClusterAnswer> {
        let asked = format!("{} {}", self.program.display(), words.join(" "));
        let mut command = Command::new(&self.program);
        command.args(&self.before).args(words);
        if let Some(binary) = &self.binary {
            command.env("WEBAPP_BIN", binary);
        }
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
