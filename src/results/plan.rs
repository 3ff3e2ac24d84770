//! What will be measured, and in which order: plain data and arithmetic.

mod format;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::arm::{Arm, PointKey, Scale};
use super::objective::Objective;
use super::placeholder::Placeholder;
use super::profile::Shape;
use super::work::WeightedRequest;

/// What a request makes the node do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// Compute: `/fib`.
    Cpu,
    /// Wait: `/sleep`.
    Sleep,
    /// Write, sync and read back a file: `/io`.
    Io,
    /// Of ten requests, six compute, three wait, one writes.
    Mixed,
}

impl Workload {
    /// Requests with their weights.
    pub fn requests(self) -> Vec<WeightedRequest> {
        let path = WeightedRequest::get;
        match self {
            Self::Cpu => vec![path(1, CPU_PATH)],
            Self::Sleep => vec![path(1, SLEEP_PATH)],
            Self::Io => vec![path(1, IO_PATH)],
            Self::Mixed => vec![path(6, CPU_PATH), path(3, SLEEP_PATH), path(1, IO_PATH)],
        }
    }
}

impl Workload {
    /// Connections for each unit at which its ceiling is looked for, rising: a request that only waits leaves room for
    /// many more.
    pub fn connections_per_unit(self, full: bool) -> Vec<u32> {
        let levels: &[u32] = match (self, full) {
            (Self::Cpu | Self::Io, false) => &[4, 8, 16],
            (Self::Cpu | Self::Io, true) => &[2, 4, 8, 16, 32],
            (Self::Mixed, false) => &[4, 8, 16, 32],
            (Self::Mixed, true) => &[4, 8, 16, 32, 64],
            (Self::Sleep, false) => &[32, 128, 512],
            (Self::Sleep, true) => &[16, 32, 64, 128, 256, 512],
        };
        levels.to_vec()
    }
}

/// A request of some milliseconds of CPU: long against what HTTP costs, short against a quota period of 100 ms.
const CPU_PATH: &str = "/fib?number=28";
const SLEEP_PATH: &str = "/sleep?seg=0.05";
const IO_PATH: &str = "/io?mb=1";

/// Everything that was chosen for a bench: an experiment, with its sizes.
///
/// A plan of format 1 knew two topologies and units; it is read as the two arms `vertical` and `horizontal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "format::WrittenPlan")]
pub struct Plan {
    /// `quick` or `full`.
    pub name: String,
    /// Name of the experiment.
    pub experiment: String,
    /// What it asks, in one sentence that ends with a question mark.
    pub question: String,
    /// What a reader should look at, in one sentence; may be empty.
    pub look_at: String,
    /// What is compared, the baseline first.
    pub arms: Vec<Arm>,
    /// What the scale counts: `units`, `nodes`, `rows`.
    pub scale_name: String,
    /// Whether the scale counts what serves, so that throughput over it may follow a law; rows, say, are more work.
    pub law: bool,
    /// Its steps, in order.
    pub scales: Vec<Scale>,
    /// A unit in percent of one core; `None` sets no limit.
    pub unit_cpu_percent: Option<u32>,
    /// A block measures every arm once at every scale.
    pub blocks: u32,
    /// Then so many blocks measure every arm once more at the last scale alone: the comparison there is the verdict.
    pub further_blocks: u32,
    /// Blocks are added until every comparison's interval is at most this far to either side, in percent. `None`: `blocks`
    /// are measured.
    pub until_percent: Option<f64>,
    /// With `until_percent`: no block begins later than this.
    pub at_most_seconds: Option<f64>,
    /// Of the order of arms within blocks.
    pub seed: u64,
    /// Differences below this are of no consequence, in percent.
    pub smallest_effect_percent: f64,
    /// What is asked, unless an arm has its own.
    pub work: Vec<WeightedRequest>,
    /// The node's model that `{model}` stands for, `async` or `sync`.
    pub model: String,
    /// The balancer that `{balancer}` stands for.
    pub balancer: String,
    /// What counts as good enough.
    pub objective: Objective,
    /// Before each measured window.
    pub warmup_seconds: f64,
    /// Measured window of a closed run.
    pub closed_seconds: f64,
    /// Measured window of an open run.
    pub open_seconds: f64,
    /// The closed ladder: connections, rising.
    pub connections: Vec<u32>,
    /// True: so many for each unit of a scale that is a number.
    pub connections_per_scale: bool,
    /// The open ladder: shares of the ceiling, rising. Empty: latency over load is not measured.
    pub fractions: Vec<f64>,
    /// At which scales the open ladder is climbed, and the event happens.
    pub open_scales: Vec<Scale>,
    /// How often the open ladder is climbed at each of them.
    pub open_blocks: u32,
    /// What happens under an open load. `None`: nothing.
    pub event: Option<Event>,
    /// A load that changes, which every arm has to follow in a run of its own. `None`: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<PlannedProfile>,
    /// Further arguments for the driver's `up`.
    pub driver_arguments: Vec<String>,
}

/// A load that changes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedProfile {
    /// How.
    pub shape: Shape,
    /// Its highest rate, as a share of the highest ceiling that an arm of fixed size has.
    pub peak: f64,
    /// Its length.
    pub seconds: f64,
    /// How often every arm meets it.
    pub blocks: u32,
}

/// An accident during an open run of its own: something is killed a third of the way into the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What is killed: `node` (the last one), or the name of a node or a service.
    pub kill: String,
    /// Share of the ceiling that is offered meanwhile.
    pub fraction: f64,
    /// Measured window.
    pub seconds: f64,
}

/// [`Event::kill`] of any node.
pub const ANY_NODE: &str = "node";

/// A stay at one point: the cluster is brought up, driven, and taken down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// From 1, of its kind.
    pub block: u32,
    /// Where.
    pub point: PointKey,
    /// Which ladder is climbed.
    pub ladder: Ladder,
}

/// What a visit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ladder {
    /// Connections: finds the ceiling.
    Closed,
    /// Rates: finds the latency, and at the end what an accident costs.
    Open,
    /// No ladder, but a rate that changes: finds how well a size suits it.
    Profile,
}

/// A generous guess at what bringing a cluster of processes up and down takes.
const DRIVER_SECONDS: f64 = 0.5;
/// What a run takes beyond its warm-up and window: starting the generator, ending the last requests.
const RUN_OVERHEAD_SECONDS: f64 = 0.2;
/// Differences below 5 % seldom change what is built.
pub const SMALLEST_EFFECT_PERCENT: f64 = 5.0;

impl Plan {
    /// The arm that the others are compared with.
    pub fn baseline(&self) -> Option<&Arm> {
        self.arms.first()
    }

    /// The arm of this name.
    pub fn arm(&self, name: &str) -> Option<&Arm> {
        self.arms.iter().find(|arm| arm.name == name)
    }

    /// All points, scale by scale, the arms in their order.
    pub fn points(&self) -> Vec<PointKey> {
        let at =
            |scale: &Scale| self.arms.iter().map(|arm| PointKey::new(&*arm.name, scale.clone())).collect::<Vec<_>>();
        self.scales.iter().flat_map(at).collect()
    }

    /// Connections of the closed ladder at a point, rising.
    pub fn connections_at(&self, point: &PointKey) -> Vec<u32> {
        let each = if self.connections_per_scale { point.scale.number().unwrap_or(1.0) } else { 1.0 };
        let mut connections: Vec<u32> = self
            .connections
            .iter()
            .map(|&connections| (f64::from(connections) * each).round().max(1.0) as u32)
            .collect();
        connections.dedup();
        connections
    }

    /// Whether any arm is brought up by a driver.
    pub fn has_driver(&self) -> bool {
        self.arms.iter().any(|arm| arm.target.is_none())
    }

    /// A text of an arm or of a request with this plan's values in place of their names.
    pub fn filled(&self, text: &str, scale: &Scale) -> String {
        Placeholder::ALL.iter().fold(text.to_owned(), |text, placeholder| {
            let value = match placeholder {
                Placeholder::Scale => scale.to_string(),
                Placeholder::UnitCpu => {
                    self.unit_cpu_percent.map_or_else(|| "none".to_owned(), |percent| percent.to_string())
                }
                Placeholder::Model => self.model.clone(),
                Placeholder::Balancer => self.balancer.clone(),
            };
            text.replace(placeholder.text(), &value)
        })
    }

    /// What is asked for, each path once: by all arms alike, or by the arms that ask for something of their own.
    pub fn paths(&self) -> Vec<&str> {
        let every = self.arms.iter().flat_map(|arm| arm.work.as_ref().unwrap_or(&self.work));
        let mut paths: Vec<&str> = every.map(|request| request.path.as_str()).collect();
        let mut seen = BTreeSet::new();
        paths.retain(|path| seen.insert(*path));
        paths
    }

    /// What is asked of this arm at this step of the scale.
    pub fn work_at(&self, arm: &Arm, scale: &Scale) -> Vec<WeightedRequest> {
        let work = arm.work.as_ref().unwrap_or(&self.work);
        let filled = |request: &WeightedRequest| WeightedRequest {
            path: self.filled(&request.path, scale),
            body: request.body.as_ref().map(|body| self.filled(body, scale)),
            ..request.clone()
        };
        work.iter().map(filled).collect()
    }

    /// The visits of one block in order: scale by scale, the arms side by side in an order drawn from the seed, so that
    /// what the machine does meanwhile meets all arms alike. The next block has the reverse order: whatever coming first or
    /// last in a block does, it does it to all arms alike.
    pub fn block(&self, ladder: Ladder, block: u32) -> Vec<Visit> {
        let scales = match ladder {
            Ladder::Closed if block > self.blocks && block <= self.closed_blocks() => self.last_scale(),
            Ladder::Closed => &self.scales,
            Ladder::Open => &self.open_scales,
            Ladder::Profile => self.last_scale(),
        };
        let pair = block.div_ceil(2);
        let kind = match ladder {
            Ladder::Closed => 0,
            Ladder::Open => 1,
            Ladder::Profile => 1 << 40,
        };
        let stream = u64::from(pair) << 1 | kind;
        let mut random = fastrand::Rng::with_seed(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(stream));
        let mut visits = Vec::new();
        for scale in scales {
            // A ceiling is that of a size: an arm whose size changes has none.
            let mut arms: Vec<&Arm> =
                self.arms.iter().filter(|arm| arm.is_fixed() || ladder == Ladder::Profile).collect();
            random.shuffle(&mut arms);
            if block.is_multiple_of(2) {
                arms.reverse();
            }
            visits.extend(arms.into_iter().map(|arm| Visit {
                block,
                point: PointKey::new(&*arm.name, scale.clone()),
                ladder,
            }));
        }
        visits
    }

    /// Blocks with closed ladders at the last scale; at the others there are `blocks`.
    pub fn closed_blocks(&self) -> u32 {
        self.blocks + self.further_blocks
    }

    /// Asks for `count` blocks at the last scale, and at the others for as many as before.
    pub fn extend_to(&mut self, count: u32) {
        self.blocks = if self.further_blocks == 0 { count } else { self.blocks.min(count) };
        self.further_blocks = count - self.blocks;
    }

    /// How many blocks there are, in words: `6 blocks`, or `3 blocks, and 7 at 4 units alone`.
    pub fn blocks_words(&self) -> String {
        let all = format!("{} block{}", self.blocks, if self.blocks == 1 { "" } else { "s" });
        match self.last_scale() {
            [scale] if self.further_blocks > 0 => {
                format!("{all}, and {} more at {scale} {} alone", self.further_blocks, self.scale_name)
            }
            _ => all,
        }
    }

    fn last_scale(&self) -> &[Scale] {
        self.scales.last_chunk::<1>().map_or(&[], |last| last)
    }

    /// All visits in order: the closed ladders block by block, then the open ones, which need the ceilings, then the loads
    /// that change.
    pub fn visits(&self) -> Vec<Visit> {
        let closed = (1..=self.closed_blocks()).flat_map(|block| self.block(Ladder::Closed, block));
        closed.chain(self.open_visits().flatten()).chain(self.profile_visits().flatten()).collect()
    }

    /// The visits with a load that changes, block by block.
    pub fn profile_visits(&self) -> impl Iterator<Item = Vec<Visit>> + use<> {
        let blocks = self.profile.map_or(0, |profile| profile.blocks);
        let visits: Vec<Vec<Visit>> = (1..=blocks).map(|block| self.block(Ladder::Profile, block)).collect();
        visits.into_iter()
    }

    /// The visits with open ladders, block by block; none where nothing is offered by the clock.
    pub fn open_visits(&self) -> impl Iterator<Item = Vec<Visit>> + use<> {
        let blocks = if self.fractions.is_empty() && self.event.is_none() { 0 } else { self.open_blocks };
        let visits: Vec<Vec<Visit>> = (1..=blocks).map(|block| self.block(Ladder::Open, block)).collect();
        visits.into_iter()
    }

    /// What happens at the end of this visit.
    pub fn event_at(&self, visit: &Visit) -> Option<&Event> {
        self.event.as_ref().filter(|_| visit.ladder == Ladder::Open && visit.block == self.open_blocks)
    }

    /// Seconds one visit should take.
    pub fn visit_seconds(&self, visit: &Visit) -> f64 {
        let run = |window: f64| self.warmup_seconds + window + RUN_OVERHEAD_SECONDS;
        DRIVER_SECONDS
            + match visit.ladder {
                // The ladder usually ends after its second level: one breach, measured again.
                Ladder::Closed if visit.block == 1 && self.connections.len() > 1 => 3.0 * run(self.closed_seconds),
                Ladder::Closed => run(self.closed_seconds),
                // The first fraction that fails is measured twice.
                Ladder::Open => {
                    (self.fractions.len() as f64 + 1.0) * run(self.open_seconds)
                        + self.event_at(visit).map_or(0.0, |event| run(event.seconds))
                }
                Ladder::Profile => self.profile.map_or(0.0, |profile| profile.seconds + RUN_OVERHEAD_SECONDS),
            }
    }

    /// Seconds the whole plan should take.
    pub fn seconds(&self) -> f64 {
        self.visits().iter().map(|visit| self.visit_seconds(visit)).sum()
    }

    /// The highest number on the scale; 1 where there is none.
    pub fn largest_scale(&self) -> f64 {
        self.scales.iter().filter_map(Scale::number).reduce(f64::max).unwrap_or(1.0)
    }
}

/// The unit that leaves half of the machine to generator and balancer: 25 % of a core, less where the largest point
/// would take more than half of all cores; at least 5 %.
pub fn default_unit_cpu_percent(cpus: usize, most_units: u32) -> u32 {
    (cpus as u32 * 50 / most_units.max(1)).clamp(5, 25)
}
