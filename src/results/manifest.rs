//! `manifest.json`: where, with what and how it was measured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::prices::Prices;

/// The format of `manifest.json` and `runs.jsonl`; a reader refuses a newer one.
pub const FORMAT: u32 = 2;

/// `manifest.json`: where, with what and how it was measured. Written once, before the first run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// The machine that drove the load (with a local driver also the one that was loaded).
    pub machine: Machine,
    /// What the driver limited, and how.
    pub limited: Option<Limited>,
    /// Name to version: webapp, the balancer, the driver.
    pub versions: BTreeMap<String, String>,
    /// The source the binary was run from, where it is a git work tree.
    pub git: Option<Git>,
    /// Everything that was chosen.
    pub plan: Plan,
    /// The prices that the bench was given; `None` where it was given none.
    #[serde(default)]
    pub prices: Option<Prices>,
}

/// A machine, as its kernel describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name.
    pub hostname: Option<String>,
    /// Kernel name and release.
    pub kernel: Option<String>,
    /// Distribution.
    pub system: Option<String>,
    /// Model name of its processors.
    pub cpu_model: Option<String>,
    /// Processors this process may use.
    pub cpus: usize,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
}

/// The revision of the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Git {
    /// Abbreviated commit.
    pub revision: String,
    /// True where the work tree differs from it.
    pub modified: bool,
}

/// What a driver says about the limit it set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limited {
    /// `cpu`, or what else.
    pub resource: Option<String>,
    /// `systemd`, `cgroup-v2`, `cgroup-v1`, `none`, or a word of the driver's own.
    pub mechanism: Option<String>,
    /// A unit in percent of one core. `None` without a limit.
    pub unit_cpu_percent: Option<f64>,
    /// All nodes together, in cores. `None` without a limit.
    pub total_quota_cores: Option<f64>,
}

/// A balancer, as the driver describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BalancerIdentity {
    /// `haproxy`, `nginx`, or another.
    pub kind: String,
    /// Its version.
    pub version: Option<String>,
    /// Its process on this machine, where it has one.
    pub pid: Option<u32>,
}
