//! The cluster driver: a program that brings a cluster up and down, and says where it is.
//!
//! Anything that understands `up --topology vertical|horizontal --units N …` (one JSON object on stdout: [`ClusterAnswer`]),
//! `status` and `down` will do; `webapp cluster` is one. A driver that also understands `kill NODE` lets the bench
//! measure what a node's death costs; one that does not ends with exit code 2 (wrong usage).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::autoscale;
use crate::child::{self, Finished};
use crate::cluster::contract::{ClusterAnswer, NodeAnswer};
use crate::results::arm::{Arm, PointKey};
use crate::results::plan::Plan;

/// A driver program and the name of the cluster it shall keep for this bench.
#[derive(Clone, Debug)]
pub struct Driver {
    program: PathBuf,
    /// What stands before each command: `cluster`, where the program is our own.
    words: Vec<String>,
    binary: PathBuf,
    name: String,
}

/// A cluster of VMs may take its time.
const UP_LIMIT: Duration = Duration::from_secs(600);
const DOWN_LIMIT: Duration = Duration::from_secs(120);
/// Exit code of a driver that does not know the command.
const WRONG_USAGE: i32 = 2;

impl Driver {
    /// A driver at `program` (`webapp cluster` where that is `binary` itself), with a cluster name that no other bench on this machine uses. It is told to run `binary`
    /// as its nodes: all figures come from one program.
    pub fn new(program: &Path, binary: &Path) -> Self {
        let name = format!("bench-{}", std::process::id());
        let words = if program == binary { vec!["cluster".to_owned()] } else { Vec::new() };
        Self { program: program.to_owned(), words, binary: binary.to_owned(), name }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.words).env("WEBAPP_BIN", &self.binary);
        command
    }

    /// The program that its nodes run.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The arguments that take the cluster down.
    pub fn down_arguments(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).chain(["down", "--name", &self.name]).collect()
    }

    /// The same driver and cluster, as an autoscaler asks it.
    pub fn autoscaled(&self) -> autoscale::driver::ScalingDriver {
        autoscale::driver::ScalingDriver::new(&self.program, Some(&self.name)).called(&self.words, &self.binary)
    }

    /// Brings the cluster of `point` up.
    ///
    /// # Errors
    /// When the driver fails (with what it said), or answers something else than one cluster with nodes.
    pub fn up(&self, plan: &Plan, point: &PointKey) -> anyhow::Result<ClusterAnswer> {
        let mut command = self.command();
        command.args(up_arguments(plan, point, &self.name));
        let finished = child::run(command, UP_LIMIT, None)?;
        self.check(&finished, "up")?;
        let cluster: ClusterAnswer = serde_json::from_str(finished.stdout.trim()).with_context(|| {
            format!("{} up must print one JSON object with target and nodes", self.program.display())
        })?;
        if cluster.nodes.is_empty() {
            bail!("{} up named no node", self.program.display());
        }
        Ok(cluster)
    }

    /// Takes the cluster down. One that is not there is no error.
    ///
    /// # Errors
    /// When the driver fails, with what it said.
    pub fn down(&self) -> anyhow::Result<()> {
        let mut command = self.command();
        command.args(["down", "--name", &self.name]);
        let finished = child::run(command, DOWN_LIMIT, None)?;
        self.check(&finished, "down")
    }

    /// Kills a node as an accident would. False where the driver cannot.
    ///
    /// # Errors
    /// When the driver fails, with what it said.
    pub fn kill(&self, node: &str) -> anyhow::Result<bool> {
        let mut command = self.command();
        command.args(["kill", node, "--name", &self.name]);
        let finished = child::run(command, DOWN_LIMIT, None)?;
        if finished.status.code() == Some(WRONG_USAGE) {
            return Ok(false);
        }
        self.check(&finished, "kill").map(|()| true)
    }

    fn check(&self, finished: &Finished, command: &str) -> anyhow::Result<()> {
        if finished.status.success() {
            return Ok(());
        }
        let said: Vec<&str> = finished.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = said[said.len().saturating_sub(5)..].join("\n  ");
        bail!("{} {command} failed ({}):\n  {last}", self.program.display(), finished.status)
    }
}

/// A service that runs already, as a cluster of one node: the arm itself.
///
/// # Errors
/// When its pid file cannot be read, or holds no number.
pub fn running(arm: &Arm, target: String) -> anyhow::Result<ClusterAnswer> {
    let pid = match (&arm.pid, &arm.pid_file) {
        (Some(pid), _) => Some(*pid),
        (None, Some(file)) => {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read the pid_file {file}"))?;
            Some(text.trim().parse().with_context(|| format!("{file} holds no process number: '{}'", text.trim()))?)
        }
        (None, None) => None,
    };
    let node =
        NodeAnswer { name: arm.name.clone(), url: target.clone(), pid, quota_cores: None, up: None, state: None };
    Ok(ClusterAnswer {
        name: None,
        topology: None,
        units: None,
        target,
        nodes: vec![node],
        machines: Vec::new(),
        balancer: None,
        services: Vec::new(),
        tls: None,
        login: None,
        limited: None,
        promotions: Vec::new(),
        reshards: Vec::new(),
        scaling_file: None,
    })
}

/// The arguments of `up` for a point: the words of its arm, with the plan's values in place of their names, then the name and the
/// plan's own arguments. What stands behind `--` is for the nodes, and stays behind it.
fn up_arguments(plan: &Plan, point: &PointKey, name: &str) -> Vec<String> {
    let words: Vec<String> = plan
        .arm(&point.arm)
        .map_or(&[][..], |arm| &arm.up)
        .iter()
        .map(|word| plan.filled(word, &point.scale))
        .collect();
    let parted = |words: &[String]| {
        let at = words.iter().position(|word| word == "--").unwrap_or(words.len());
        (words[..at].to_vec(), words.get(at + 1..).unwrap_or_default().to_vec())
    };
    let (words, for_nodes) = parted(&words);
    let (further, further_for_nodes) = parted(&plan.driver_arguments);
    let mut arguments = vec!["up".to_owned()];
    arguments.extend(words);
    arguments.extend(["--name".to_owned(), name.to_owned()]);
    arguments.extend(further);
    if !for_nodes.is_empty() || !further_for_nodes.is_empty() {
        arguments.push("--".to_owned());
    }
    arguments.extend(for_nodes.into_iter().chain(further_for_nodes));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_as_agreed() {
        let plan = Plan::quick();
        let words = |plan: &Plan, arm: &str, units: u32| up_arguments(plan, &PointKey::new(arm, units), "b").join(" ");
        assert_eq!(
            words(&plan, "horizontal", 4),
            "up --topology horizontal --units 4 --unit-cpu 25 --balancer haproxy --model async --name b"
        );
        let unlimited = Plan { unit_cpu_percent: None, driver_arguments: vec!["--port".into(), "1".into()], ..plan };
        assert_eq!(
            words(&unlimited, "vertical", 2),
            "up --topology vertical --units 2 --unit-cpu none --model async --name b --port 1"
        );
        let arm = Arm {
            name: "a".into(),
            up: ["--units", "1", "--", "--workers", "{scale}"].map(str::to_owned).to_vec(),
            ..Arm::default()
        };
        let further = ["--port", "1", "--", "--pool-threads", "2"].map(str::to_owned).to_vec();
        let plan = Plan { arms: vec![arm], driver_arguments: further, ..unlimited };
        assert_eq!(words(&plan, "a", 3), "up --units 1 --name b --port 1 -- --workers 3 --pool-threads 2");
    }
}
