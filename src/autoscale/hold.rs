//! The loop: asks the driver and the nodes, decides, and has the driver change the cluster.
//!
//! Whatever fails (the driver, a node's `/stats`) is said once in a clear line, and the loop goes on.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};

use super::autoscaler::{Autoscaler, ScalingStep};
use super::config::Config;
use super::dimension::Dimension;
use super::driver::ScalingDriver;
use super::event::ScalingEvent;
use super::history::DecisionHistory;
use super::machines::MachineConfig;
use super::observe::{Answers, Readiness, listen, pause_until};
use super::publisher::Publisher;
use super::sample::{SampledNode, SampledState, Samples};
use crate::cluster::contract::{ClusterAnswer, Topology};

/// What [`hold`] needs.
#[derive(Clone, Debug)]
pub struct HoldSettings {
    /// The rules.
    pub config: Config,
    /// Machines under the nodes.
    pub machines: Option<MachineConfig>,
    /// The program that changes the cluster.
    pub driver: ScalingDriver,
    /// From one decision to the next.
    pub interval: Duration,
    /// What is changed.
    pub dimension: Dimension,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// Holds the cluster at its targets until `interrupted` becomes true.
///
/// # Errors
/// When the first answer of the driver does not come or does not fit the settings, or when `tell` fails.
pub fn hold(
    settings: &HoldSettings,
    interrupted: &AtomicBool,
    tell: &mut dyn FnMut(&ScalingEvent<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let first = match settings.driver.status(interrupted) {
        Err(_) if interrupted.load(Ordering::Relaxed) => return Ok(()),
        first => first.context("cannot begin; is the cluster up?")?,
    };
    check(settings, &first)?;
    check_machines(settings.machines, &first)?;
    let unit = Unit::of(settings.dimension, &first)?;
    let file = first.scaling_file.as_ref().filter(|_| !settings.dry_run).map(PathBuf::from);
    let units_each = settings.machines.map(|machines| machines.units);
    let mut publisher = Publisher::new(file, settings.interval.as_secs_f64(), units_each);
    let mut tell = |event: &ScalingEvent<'_>| {
        if let Err(error) = publisher.tell(event, unix_seconds()) {
            tell(&ScalingEvent::Notice {
                at: event.at(),
                text: format!("{error:#}; the live page does not show scaling"),
            })?;
        }
        tell(event)
    };
    let mut held = Loop::new(settings, unit, unit.count(&first));
    if settings.machines.is_some() && first.machines.is_empty() {
        held.notice(&mut tell, COUNTED_ONLY.to_owned())?;
    }
    while !interrupted.load(Ordering::Relaxed) {
        held.round(interrupted, &mut tell)?;
    }
    Ok(())
}

fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn check(settings: &HoldSettings, cluster: &ClusterAnswer) -> anyhow::Result<()> {
    match (cluster.topology, settings.dimension) {
        (Some(Topology::Vertical), Dimension::Nodes | Dimension::Both { .. }) => {
            bail!("the cluster is one big node; to change its quota, add --vertical")
        }
        (Some(Topology::Horizontal), Dimension::Quota) => {
            bail!("--vertical changes the quota of one big node; this cluster has many")
        }
        (_, Dimension::Quota) if cluster.nodes.len() != 1 || cluster.units.is_none() => {
            bail!("--vertical needs a driver that names one node and how many units it has")
        }
        _ => Ok(()),
    }
}

/// Said where machines are no more than a number.
const COUNTED_ONLY: &str = "the driver names no machines, so they are only counted: their boot is a wait, and their room is a \
    limit on the nodes; webapp cluster up --machine-units makes machines with a quota of their own";

/// The machines of the rules are those of the cluster, where that has some.
fn check_machines(machines: Option<MachineConfig>, cluster: &ClusterAnswer) -> anyhow::Result<()> {
    let (Some(config), Some(machine)) = (machines, cluster.machines.first()) else { return Ok(()) };
    ensure!(
        machine.units == config.units,
        "--machine-units {} is not what the cluster has: {} has room for {}",
        config.units,
        machine.name,
        machine.units
    );
    let count = cluster.machines.len();
    ensure!(
        count <= config.max as usize,
        "the cluster has {count} machines already, more than --max-machines {}",
        config.max
    );
    Ok(())
}

/// What a unit is, where nodes may have several.
#[derive(Clone, Copy, Debug)]
enum Unit {
    /// A node, or what the driver counts.
    Counted,
    /// So much quota, in percent of a core.
    Percent(f64),
}

impl Unit {
    fn of(dimension: Dimension, first: &ClusterAnswer) -> anyhow::Result<Self> {
        match dimension {
            Dimension::Nodes | Dimension::Quota => Ok(Self::Counted),
            Dimension::Both { .. } => match first.nodes.first().and_then(|node| node.quota_cores) {
                Some(cores) => Ok(Self::Percent(100.0 * cores)),
                None => bail!("--node-units changes the nodes' quota; these nodes have none"),
            },
        }
    }

    /// How many units the driver says there are.
    fn count(self, cluster: &ClusterAnswer) -> u32 {
        let nodes = u32::try_from(cluster.nodes.len()).unwrap_or(u32::MAX);
        match (self, cluster.topology) {
            (Self::Percent(percent), _) => {
                let cores: f64 = cluster.nodes.iter().filter_map(|node| node.quota_cores).sum();
                (100.0 * cores / percent).round() as u32
            }
            (Self::Counted, Some(Topology::Vertical)) => cluster.units.unwrap_or(nodes),
            (Self::Counted, None) if cluster.nodes.len() == 1 => cluster.units.unwrap_or(nodes),
            (Self::Counted, Some(Topology::Horizontal) | None) => nodes,
        }
    }

    /// What the driver is told for `units` units: its own number, and the quota of each in percent where that changes.
    fn order(self, dimension: Dimension, units: u32) -> (u32, Option<u32>) {
        match self {
            Self::Counted => (units, None),
            Self::Percent(percent) => {
                let layout = dimension.layout(units);
                (layout.nodes, Some((percent * layout.units_each).ceil() as u32))
            }
        }
    }
}

/// Machines that the driver can give and take; `None` where it names none.
fn found_machines(cluster: &ClusterAnswer) -> Option<u32> {
    let count = u32::try_from(cluster.machines.len()).unwrap_or(u32::MAX);
    (count > 0).then_some(count)
}

struct Loop<'a> {
    settings: &'a HoldSettings,
    unit: Unit,
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

type Tell<'t> = &'t mut dyn FnMut(&ScalingEvent<'_>) -> anyhow::Result<()>;

impl<'a> Loop<'a> {
    fn new(settings: &'a HoldSettings, unit: Unit, size: u32) -> Self {
        let history = DecisionHistory::starting(0.0, size);
        Self {
            settings,
            unit,
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
        tell(&ScalingEvent::Notice { at: self.at(), text })
    }

    /// One interval: look, listen, decide, act.
    fn round(&mut self, interrupted: &AtomicBool, tell: Tell<'_>) -> anyhow::Result<()> {
        let seen = Instant::now();
        let until = seen + self.settings.interval;
        let cluster = match self.settings.driver.status(interrupted) {
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
        tell(&ScalingEvent::Decision { at, samples: &samples, waiting: self.pending, step: &step })?;
        self.act(&cluster, &step, uncounted, tell)
    }

    /// Says so when the cluster has another size than it was told to have.
    fn compare(&mut self, cluster: &ClusterAnswer, tell: Tell<'_>) -> anyhow::Result<()> {
        let found = self.unit.count(cluster);
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
    fn look_for_trouble(&mut self, nodes: &[SampledNode], answers: &[Answers], tell: Tell<'_>) -> anyhow::Result<()> {
        for (node, answers) in nodes.iter().zip(answers) {
            let failed = node.state == SampledState::Failed;
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
    fn samples(&self, cluster: &ClusterAnswer, nodes: Vec<SampledNode>) -> (Samples, u32) {
        match self.settings.dimension {
            Dimension::Nodes => {}
            Dimension::Quota | Dimension::Both { .. } => {
                return (Samples { nodes, ..Samples::default() }.in_units(self.unit.count(cluster)), 0);
            }
        }
        let counted = nodes.iter().filter(|node| node.counts()).count();
        let uncounted = (nodes.len() - counted) as u32;
        let machines = found_machines(cluster);
        let mut samples = Samples { size: counted as u32 + self.pending, nodes, machines, ..Samples::default() };
        for number in 1..=self.pending {
            samples
                .nodes
                .push(SampledNode { state: SampledState::Starting, ..SampledNode::ready(&format!("waiting{number}")) });
        }
        (samples, uncounted)
    }

    /// Has the driver do what was decided.
    fn act(
        &mut self,
        cluster: &ClusterAnswer,
        step: &ScalingStep,
        uncounted: u32,
        tell: Tell<'_>,
    ) -> anyhow::Result<()> {
        if self.settings.dry_run {
            return Ok(());
        }
        let wanted = step.runnable().saturating_add(uncounted);
        let from = self.unit.count(cluster);
        let machines = found_machines(cluster).zip(step.placement);
        let machines = machines.filter(|(found, placement)| *found != placement.machines);
        let machines = machines.map(|(_, placement)| placement.machines);
        if wanted != from || machines.is_some() {
            let begun = Instant::now();
            let (units, unit_cpu) = self.unit.order(self.settings.dimension, wanted);
            match self.settings.driver.scale(units, unit_cpu, machines) {
                Ok(cluster) => {
                    let (at, seconds) = (self.at(), begun.elapsed().as_secs_f64());
                    tell(&ScalingEvent::Changed { at, seconds, from, to: wanted, cluster: &cluster })?;
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
