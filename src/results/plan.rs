//! What will be measured, and in which order: plain data and arithmetic.

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How the units of CPU are given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// One big node has all units.
    Vertical,
    /// A node each unit, behind a balancer.
    Horizontal,
}

impl std::fmt::Display for Topology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Vertical => "vertical",
            Self::Horizontal => "horizontal",
        })
    }
}

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
    /// Paths with their weights.
    pub fn paths(self) -> Vec<WeightedPath> {
        let path = |weight, path: &str| WeightedPath { weight, path: path.to_owned() };
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

/// An address of the node, and how often it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightedPath {
    /// Share of the requests, against the other weights.
    pub weight: u32,
    /// Path and query.
    pub path: String,
}

/// What a user may expect: a percentile of the response time that stays below a bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// 50, 90, 95, 99 or 99.9.
    pub percentile: f64,
    /// Its bound.
    pub milliseconds: f64,
}

impl std::fmt::Display for Objective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p{} ≤ {} ms", self.percentile, self.milliseconds)
    }
}

impl std::str::FromStr for Objective {
    type Err = String;

    /// Reads `p99=100ms`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || format!("'{text}' is no objective; write for instance p99=100ms (p50, p90, p95, p99 or p99.9)");
        let (percentile, bound) = text.split_once('=').ok_or_else(error)?;
        let percentile =
            percentile.trim().strip_prefix('p').and_then(|number| number.parse().ok()).ok_or_else(error)?;
        let bound: Duration = humantime::parse_duration(bound.trim()).map_err(|_| error())?;
        if ![50.0, 90.0, 95.0, 99.0, 99.9].contains(&percentile) || bound.is_zero() {
            return Err(error());
        }
        Ok(Self { percentile, milliseconds: bound.as_secs_f64() * 1e3 })
    }
}

/// Everything that was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// `quick` or `full`.
    pub name: String,
    /// Which ways are measured.
    pub topologies: Vec<Topology>,
    /// Units of CPU at each point, rising.
    pub units: Vec<u32>,
    /// A unit in percent of one core; `None` sets no limit.
    pub unit_cpu_percent: Option<u32>,
    /// How often each point is visited.
    pub repeats: u32,
    /// What a request does.
    pub workload: Workload,
    /// The addresses that are asked.
    pub paths: Vec<WeightedPath>,
    /// The node's model, `async` or `sync`.
    pub model: String,
    /// The balancer of the horizontal topology.
    pub balancer: String,
    /// What counts as good enough.
    pub objective: Objective,
    /// Before each measured window.
    pub warmup_seconds: f64,
    /// Measured window of a closed run.
    pub closed_seconds: f64,
    /// Measured window of an open run.
    pub open_seconds: f64,
    /// The closed ladder: connections for each unit, rising.
    pub connections_per_unit: Vec<u32>,
    /// The open ladder: shares of the ceiling, rising.
    pub fractions: Vec<f64>,
    /// At which units the open ladder is climbed, and a node's death is measured.
    pub open_units: Vec<u32>,
    /// How often the open ladder is climbed at each of them.
    pub open_repeats: u32,
    /// Share of the ceiling that is offered while a node dies; `None` kills none.
    pub death_fraction: Option<f64>,
    /// Measured window of the run in which a node dies, a third of the way into it.
    pub death_seconds: f64,
    /// Further arguments for the driver's `up`.
    pub driver_arguments: Vec<String>,
}

/// One point of the comparison: so many units, given out this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PointKey {
    /// One big node, or many small ones.
    pub topology: Topology,
    /// Units of CPU, over all nodes.
    pub units: u32,
}

/// A stay at one point: the cluster is brought up, driven, and taken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// From 1, of its kind.
    pub repeat: u32,
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
    /// Rates: finds the latency, and at the end what a node's death costs.
    Open,
}

/// A generous guess at what bringing a cluster up and down takes.
const DRIVER_SECONDS: f64 = 1.2;
/// What a run takes beyond its warm-up and window: starting the generator, ending the last requests.
const RUN_OVERHEAD_SECONDS: f64 = 0.35;

impl Plan {
    /// The default: three unit counts, four repeats, in three minutes.
    pub fn quick() -> Self {
        Self {
            name: "quick".to_owned(),
            topologies: vec![Topology::Vertical, Topology::Horizontal],
            units: vec![1, 2, 4],
            unit_cpu_percent: Some(25),
            repeats: 4,
            workload: Workload::Cpu,
            paths: Workload::Cpu.paths(),
            model: "async".to_owned(),
            balancer: "haproxy".to_owned(),
            objective: Objective { percentile: 99.0, milliseconds: 250.0 },
            warmup_seconds: 0.4,
            // Multiples of the quota period of 100 ms: each window then holds the same number of periods.
            closed_seconds: 1.8,
            open_seconds: 2.0,
            connections_per_unit: Workload::Cpu.connections_per_unit(false),
            fractions: vec![0.5, 0.7, 0.8, 0.9, 1.0, 1.1],
            open_units: vec![4],
            open_repeats: 1,
            death_fraction: Some(0.7),
            death_seconds: 3.6,
            driver_arguments: Vec::new(),
        }
    }

    /// For a figure to publish: more points, more repeats, longer windows, the open ladder everywhere.
    pub fn full() -> Self {
        Self {
            name: "full".to_owned(),
            units: vec![1, 2, 3, 4, 6, 8],
            open_units: vec![1, 2, 3, 4, 6, 8],
            repeats: 6,
            warmup_seconds: 1.0,
            closed_seconds: 8.0,
            open_seconds: 8.0,
            death_seconds: 12.0,
            connections_per_unit: Workload::Cpu.connections_per_unit(true),
            ..Self::quick()
        }
    }

    /// All visits in order: the closed ladders repeat by repeat, so that a slow drift of the machine meets all points
    /// alike, then the open ones, which need the ceilings. The two topologies of a unit count stand side by side, and
    /// which goes first alternates.
    pub fn visits(&self) -> Vec<Visit> {
        let climb = |ladder: Ladder, repeats: u32, units: &[u32]| {
            let mut visits = Vec::new();
            for repeat in 1..=repeats {
                for (index, &units) in units.iter().enumerate() {
                    let mut topologies = self.topologies.clone();
                    if (repeat as usize + index).is_multiple_of(2) {
                        topologies.reverse();
                    }
                    let visit = |topology| Visit { repeat, point: PointKey { topology, units }, ladder };
                    visits.extend(topologies.into_iter().map(visit));
                }
            }
            visits
        };
        let mut visits = climb(Ladder::Closed, self.repeats, &self.units);
        visits.extend(climb(Ladder::Open, self.open_repeats, &self.open_units));
        visits
    }

    /// Whether a node is killed at the end of this visit.
    pub fn kills_at(&self, visit: &Visit) -> Option<f64> {
        self.death_fraction.filter(|_| visit.ladder == Ladder::Open && visit.repeat == self.open_repeats)
    }

    /// Seconds one visit should take.
    pub fn visit_seconds(&self, visit: &Visit) -> f64 {
        let run = |window: f64| self.warmup_seconds + window + RUN_OVERHEAD_SECONDS;
        DRIVER_SECONDS
            + match visit.ladder {
                // The ladder usually ends after its second level: one breach, measured again.
                Ladder::Closed if visit.repeat == 1 && self.connections_per_unit.len() > 1 => {
                    3.0 * run(self.closed_seconds)
                }
                Ladder::Closed => run(self.closed_seconds),
                // The first fraction that fails is measured twice.
                Ladder::Open => {
                    (self.fractions.len() as f64 + 1.0) * run(self.open_seconds)
                        + self.kills_at(visit).map_or(0.0, |_| run(self.death_seconds))
                }
            }
    }

    /// Seconds the whole plan should take.
    pub fn seconds(&self) -> f64 {
        self.visits().iter().map(|visit| self.visit_seconds(visit)).sum()
    }

    /// Most units of any point.
    pub fn most_units(&self) -> u32 {
        self.units.iter().copied().max().unwrap_or(1)
    }
}

/// The unit that leaves half of the machine to generator and balancer: 25 % of a core, less where the largest point
/// would take more than half of all cores; at least 5 %.
pub fn default_unit_cpu_percent(cpus: usize, most_units: u32) -> u32 {
    (cpus as u32 * 50 / most_units.max(1)).clamp(5, 25)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_fits_three_minutes() {
        let seconds = Plan::quick().seconds();
        assert!((120.0..=175.0).contains(&seconds), "{seconds}");
    }

    #[test]
    fn visits_are_interleaved_and_complete() {
        let plan = Plan { open_units: vec![2, 4], ..Plan::quick() };
        let visits = plan.visits();
        let (closed, open): (Vec<Visit>, Vec<Visit>) = visits.iter().partition(|visit| visit.ladder == Ladder::Closed);
        assert_eq!((closed.len(), open.len()), (24, 4));
        assert_eq!(visits[..24], closed, "ceilings come first");
        for repeat in 1..=4 {
            let mut points: Vec<PointKey> =
                closed.iter().filter(|visit| visit.repeat == repeat).map(|visit| visit.point).collect();
            assert_eq!(points.len(), 6);
            points.sort();
            points.dedup();
            assert_eq!(points.len(), 6, "each point once a repeat");
        }
        for pair in visits.chunks(2) {
            assert_eq!(pair[0].point.units, pair[1].point.units);
            assert_ne!(pair[0].point.topology, pair[1].point.topology);
        }
        let first_is_vertical = |visit: &&Visit| visit.point.topology == Topology::Vertical;
        assert!(
            (4..=8).contains(&closed.iter().step_by(2).filter(first_is_vertical).count()),
            "who goes first alternates"
        );
        assert!(open.iter().all(|visit| plan.kills_at(visit) == Some(0.7)));
        assert!(closed.iter().all(|visit| plan.kills_at(visit).is_none()));
    }

    #[test]
    fn units_leave_half_of_the_machine() {
        for (cpus, units, percent) in [(2, 4, 25), (1, 4, 12), (2, 8, 12), (8, 8, 25), (1, 64, 5), (4, 1, 25)] {
            assert_eq!(default_unit_cpu_percent(cpus, units), percent, "{cpus} CPUs, {units} units");
        }
    }

    #[test]
    fn objectives() {
        assert_eq!("p99=100ms".parse(), Ok(Objective { percentile: 99.0, milliseconds: 100.0 }));
        assert_eq!("p99.9=1s".parse(), Ok(Objective { percentile: 99.9, milliseconds: 1000.0 }));
        for text in ["", "p99", "99=1s", "p98=1s", "p99=0s", "p99=fast", "p99=100"] {
            assert!(text.parse::<Objective>().is_err(), "{text}");
        }
    }
}
