//! The cluster driver: a program that brings a cluster up and down, and says where it is.
//!
//! Anything that understands `up --topology vertical|horizontal --units N …` (one JSON object on stdout: [`Cluster`]),
//! `status` and `down` will do; `scripts/cluster.sh` is one. A driver that also understands `kill NODE` lets the bench
//! measure what a node's death costs; one that does not ends with exit code 2 (wrong usage).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::child::{self, Finished};
use crate::results::arm::{Arm, PointKey};
use crate::results::manifest::{BalancerIdentity, Limited};
use crate::results::plan::Plan;

/// What `up` answers.
#[derive(Clone, Debug, Deserialize)]
pub struct Cluster {
    /// Where the load goes: the balancer, or the one node.
    pub target: String,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// `None` without a balancer.
    #[serde(default)]
    pub balancer: Option<BalancerIdentity>,
    /// What was limited, and how.
    #[serde(default)]
    pub limited: Option<Limited>,
}

/// A node, as the driver describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Node {
    /// Its name, as in `X-Node`.
    pub name: String,
    /// Its own address, past the balancer.
    pub url: String,
    /// Its process on this machine, where it has one.
    #[serde(default)]
    pub pid: Option<u32>,
    /// CPU it may use, in cores.
    #[serde(default)]
    pub quota_cores: Option<f64>,
}

/// A driver program and the name of the cluster it shall keep for this bench.
#[derive(Clone, Debug)]
pub struct Driver {
    program: PathBuf,
    binary: PathBuf,
    name: String,
}

/// A cluster of VMs may take its time.
const UP_LIMIT: Duration = Duration::from_secs(600);
const DOWN_LIMIT: Duration = Duration::from_secs(120);
/// Exit code of a driver that does not know the command.
const WRONG_USAGE: i32 = 2;

impl Driver {
    /// A driver at `program`, with a cluster name that no other bench on this machine uses. It is told to run `binary`
    /// as its nodes: all figures come from one program.
    pub fn new(program: &Path, binary: &Path) -> Self {
        Self { program: program.to_owned(), binary: binary.to_owned(), name: format!("bench-{}", std::process::id()) }
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The arguments that take the cluster down.
    pub fn down_arguments(&self) -> [&str; 3] {
        ["down", "--name", &self.name]
    }

    /// Brings the cluster of `point` up.
    ///
    /// # Errors
    /// When the driver fails (with what it said), or answers something else than one cluster with nodes.
    pub fn up(&self, plan: &Plan, point: &PointKey) -> anyhow::Result<Cluster> {
        let mut command = Command::new(&self.program);
        command.args(up_arguments(plan, point, &self.name));
        command.env("WEBAPP_BIN", &self.binary);
        let finished = child::run(command, UP_LIMIT, None)?;
        self.check(&finished, "up")?;
        let cluster: Cluster = serde_json::from_str(finished.stdout.trim()).with_context(|| {
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
        let mut command = Command::new(&self.program);
        command.args(self.down_arguments());
        let finished = child::run(command, DOWN_LIMIT, None)?;
        self.check(&finished, "down")
    }

    /// Kills a node as an accident would. False where the driver cannot.
    ///
    /// # Errors
    /// When the driver fails, with what it said.
    pub fn kill(&self, node: &str) -> anyhow::Result<bool> {
        let mut command = Command::new(&self.program);
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
pub fn running(arm: &Arm, target: String) -> anyhow::Result<Cluster> {
    let pid = match (&arm.pid, &arm.pid_file) {
        (Some(pid), _) => Some(*pid),
        (None, Some(file)) => {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read the pid_file {file}"))?;
            Some(text.trim().parse().with_context(|| format!("{file} holds no process number: '{}'", text.trim()))?)
        }
        (None, None) => None,
    };
    let node = Node { name: arm.name.clone(), url: target.clone(), pid, quota_cores: None };
    Ok(Cluster { target, nodes: vec![node], balancer: None, limited: None })
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

    #[test]
    fn reads_the_answer_as_agreed() {
        let cluster: Cluster = serde_json::from_str(
            r#"{"name":"webapp","topology":"horizontal","units":4,"target":"http://127.0.0.1:8080",
                "nodes":[{"name":"node1","url":"http://127.0.0.1:41001","pid":123,"quota_cores":0.25}],
                "balancer":{"kind":"haproxy","version":"2.6.12","pid":124,"stats_url":"http://127.0.0.1:41010/"},
                "limited":{"resource":"cpu","mechanism":"cgroup-v1","unit_cpu_percent":25,"total_quota_cores":1.0}}"#,
        )
        .unwrap();
        assert_eq!(cluster.nodes[0].quota_cores, Some(0.25));
        assert_eq!(cluster.balancer.unwrap().pid, Some(124));
        let bare: Cluster = serde_json::from_str(
            r#"{"target":"http://h:1","nodes":[{"name":"a","url":"http://h:1"}],"balancer":null}"#,
        )
        .unwrap();
        assert!(bare.balancer.is_none() && bare.limited.is_none() && bare.nodes[0].pid.is_none());
    }
}
