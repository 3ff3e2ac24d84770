//! The loop: asks the driver and the nodes, decides, and has the driver change the cluster.
//!
//! Whatever fails (the driver, a node's `/stats`) is said once in a clear line, and the loop goes on.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::autoscaler::{Autoscaler, Step};
use super::config::Config;
use super::driver::Driver;
use super::history::History;
use super::machines::MachineConfig;
use super::observe::{Answers, Readiness, listen, pause_until};
use super::sample::{Node, Samples, State};
use crate::cluster::contract::{ClusterAnswer, Topology};

/// What [`hold`] needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The rules.
    pub config: Config,
    /// Machines under the nodes.
    pub machines: Option<MachineConfig>,
    /// The program that changes the cluster.
    pub driver: PathBuf,
    /// The cluster's name, where it is not the driver's own.
    pub name: Option<String>,
    /// From one decision to the next.
    pub interval: Duration,
    /// Change the quota of the one big node.
    pub vertical: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// What happens, as it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// A decision, before it is carried out.
    Decision {
        /// Seconds since the loop began.
        at: f64,
        /// What was known.
        samples: &'a Samples,
        /// What shall be.
        step: &'a Step,
    },
    /// Anything else that a person should know, in one sentence.
    Notice {
        /// Seconds since the loop began.
        at: f64,
        /// The sentence.
        text: String,
    },
}

/// Holds the cluster at its targets until `interrupted` becomes true.
///
/// # Errors
/// When the first answer of the driver does not come or does not fit the settings, or when `tell` fails.
pub fn hold(
    settings: &Settings,
    interrupted: &AtomicBool,
    tell: &mut dyn FnMut(&Event<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let driver = Driver::new(&settings.driver, settings.name.as_deref());
    let first = match driver.status(interrupted) {
        Err(_) if interrupted.load(Ordering::Relaxed) => return Ok(()),
        first => first.context("cannot begin; is the cluster up?")?,
    };
    check(settings, &first)?;
    let mut held = Loop::new(settings, driver, units(&first));
    while !interrupted.load(Ordering::Relaxed) {
        held.round(interrupted, tell)?;
    }
    Ok(())
}

fn check(settings: &Settings, cluster: &ClusterAnswer) -> anyhow::Result<()> {
    match (cluster.topology, settings.vertical) {
        (Some(Topology::Vertical), false) => bail!("the cluster is one big node; to change its quota, add --vertical"),
        (Some(Topology::Horizontal), true) => {
            bail!("--vertical changes the quota of one big node; this cluster has many")
        }
        (_, true) if cluster.nodes.len() != 1 || cluster.units.is_none() => {
            bail!("--vertical needs a driver that names one node and how many units it has")
        }
        _ => Ok(()),
    }
}

/// How many units the driver says there are.
fn units(cluster: &ClusterAnswer) -> u32 {
    let nodes = u32::try_from(cluster.nodes.len()).unwrap_or(u32::MAX);
    match cluster.topology {
        Some(Topology::Vertical) => cluster.units.unwrap_or(nodes),
        Some(Topology::Horizontal) => nodes,
        None if cluster.nodes.len() == 1 => cluster.units.unwrap_or(nodes),
        None => nodes,
    }
}

struct Loop<'a> {
    settings: &'a Settings,
    driver: Driver,
    autoscaler: Autoscaler,
    begun: Instant,
    readiness: Readiness,
    /// Units that the driver was last told, or was found to have; `None` where that is not known.
    told: Option<u32>,
    /// Nodes that are wanted and wait for a machine.
    pending: u32,
    /// Nodes that are known to give no `/stats`, and nodes that are known to be down.
    silent: BTreeSet<String>,
    down: BTreeSet<String>,
    driver_failed: bool,
}

type Tell<'t> = &'t mut dyn FnMut(&Event<'_>) -> anyhow::Result<()>;

impl<'a> Loop<'a> {
    fn new(settings: &'a Settings, driver: Driver, size: u32) -> Self {
        let history = History::starting(0.0, size);
        Self {
            settings,
            driver,
            autoscaler: Autoscaler::new(settings.config.clone(), settings.machines, history),
            begun: Instant::now(),
            readiness: Readiness::default(),
            told: Some(size),
            pending: 0,
            silent: BTreeSet::new(),
            down: BTreeSet::new(),
            driver_failed: false,
        }
    }

    fn at(&self) -> f64 {
        (self.begun.elapsed().as_secs_f64() * 1e3).round() / 1e3
    }

    fn notice(&self, tell: Tell<'_>, text: String) -> anyhow::Result<()> {
        tell(&Event::Notice { at: self.at(), text })
    }

    /// One interval: look, listen, decide, act.
    fn round(&mut self, interrupted: &AtomicBool, tell: Tell<'_>) -> anyhow::Result<()> {
        let seen = Instant::now();
        let until = seen + self.settings.interval;
        let cluster = match self.driver.status(interrupted) {
            Ok(cluster) => cluster,
            Err(_) if interrupted.load(Ordering::Relaxed) => return Ok(()),
            Err(error) => {
                if !self.driver_failed {
                    self.notice(tell, format!("{error:#}; size kept, asked again every interval"))?;
                }
                (self.driver_failed, self.told) = (true, None);
                pause_until(until, interrupted);
                return Ok(());
            }
        };
        if std::mem::take(&mut self.driver_failed) {
            self.notice(tell, "the driver answers again".to_owned())?;
        }
        self.compare(&cluster, tell)?;
        let answers = listen(&cluster, until.saturating_duration_since(Instant::now()), interrupted);
        if interrupted.load(Ordering::Relaxed) {
            return Ok(());
        }
        let nodes = self.readiness.nodes(&cluster, &answers, seen, Instant::now());
        self.look_for_trouble(&nodes, &answers, tell)?;
        let (samples, uncounted) = self.samples(&cluster, nodes);
        let at = self.at();
        let step = self.autoscaler.step(&samples, at);
        tell(&Event::Decision { at, samples: &samples, step: &step })?;
        self.act(&cluster, &step, uncounted, tell)
    }

    /// Says so when the cluster has another size than it was told to have.
    fn compare(&mut self, cluster: &ClusterAnswer, tell: Tell<'_>) -> anyhow::Result<()> {
        let found = units(cluster);
        if let Some(told) = self.told.filter(|told| *told != found) {
            self.notice(
                tell,
                format!("somebody else changed the cluster from {told} to {found}; going on from there"),
            )?;
            self.pending = 0;
        }
        self.told = Some(found);
        Ok(())
    }

    /// Says of each node once that it is down or gives no figures, and when that is over.
    fn look_for_trouble(&mut self, nodes: &[Node], answers: &[Answers], tell: Tell<'_>) -> anyhow::Result<()> {
        for (node, answers) in nodes.iter().zip(answers) {
            let failed = node.state == State::Failed;
            if failed && self.down.insert(node.name.clone()) {
                self.notice(tell, format!("{} is down: it does not count until it is back", node.name))?;
            } else if !failed && self.down.remove(&node.name) {
                self.notice(tell, format!("{} is back", node.name))?;
            }
            let silent = node.counts() && node.readings.is_empty();
            if silent && self.silent.insert(node.name.clone()) {
                let why = answers.failure.as_deref().unwrap_or("it was not asked in time");
                self.notice(tell, format!("{} gives no /stats ({why}): it counts as one without a sample", node.name))?;
            } else if !silent && self.silent.remove(&node.name) && node.counts() {
                self.notice(tell, format!("{} gives its /stats again", node.name))?;
            }
        }
        let present = |name: &String| nodes.iter().any(|node| node.name == *name);
        self.silent.retain(present);
        self.down.retain(present);
        Ok(())
    }

    /// What there is to decide on, and how many nodes the driver has that do not count.
    fn samples(&self, cluster: &ClusterAnswer, nodes: Vec<Node>) -> (Samples, u32) {
        if self.settings.vertical {
            return (Samples { nodes, ..Samples::default() }.in_units(units(cluster)), 0);
        }
        let counted = nodes.iter().filter(|node| node.counts()).count();
        let uncounted = (nodes.len() - counted) as u32;
        let mut samples = Samples { size: counted as u32 + self.pending, nodes, ..Samples::default() };
        for number in 1..=self.pending {
            samples.nodes.push(Node { state: State::Starting, ..Node::ready(&format!("waiting{number}")) });
        }
        (samples, uncounted)
    }

    /// Has the driver do what was decided.
    fn act(&mut self, cluster: &ClusterAnswer, step: &Step, uncounted: u32, tell: Tell<'_>) -> anyhow::Result<()> {
        if self.settings.dry_run {
            return Ok(());
        }
        let wanted = step.runnable().saturating_add(uncounted);
        if wanted != units(cluster) {
            let begun = Instant::now();
            match self.driver.scale(wanted) {
                Ok(_) => {
                    let seconds = begun.elapsed().as_secs_f64();
                    self.notice(tell, format!("the driver made it {wanted} in {seconds:.1} s"))?;
                }
                Err(error) => {
                    self.told = None;
                    return self.notice(tell, format!("{error:#}; the next decision tries again"));
                }
            }
            self.told = Some(wanted);
        }
        self.pending = step.placement.map_or(0, |placement| placement.pending);
        self.autoscaler.carried_out(&step.decision, self.at());
        Ok(())
    }
}
