//! The experiment file as it is typed: TOML, each value with its place, nothing judged yet.

use serde::Deserialize;
use toml::Spanned;

use crate::results::arm::Machines;
use crate::results::plan::Workload;

/// A whole file. Everything is optional here: what is missing is said in words of our own.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    pub question: Option<Spanned<String>>,
    pub look_at: Option<Spanned<String>>,
    pub workload: Option<Spanned<Workload>>,
    pub work: Option<Spanned<Vec<Spanned<WorkEntry>>>>,
    pub cookies: Option<bool>,
    pub objective: Option<Spanned<String>>,
    pub smallest_effect_percent: Option<Spanned<f64>>,
    pub seed: Option<u64>,
    pub unit_cpu_percent: Option<Spanned<u32>>,
    pub model: Option<Spanned<String>>,
    pub balancer: Option<Spanned<String>>,
    pub scale: Option<Spanned<ScaleTable>>,
    pub arms: Option<Spanned<Vec<Spanned<ArmTable>>>>,
    pub event: Option<Spanned<EventTable>>,
    pub profile: Option<Spanned<ProfileTable>>,
    pub sizes: Option<Spanned<SizesTable>>,
    pub quick: Option<Spanned<SizesTable>>,
    pub full: Option<Spanned<SizesTable>>,
}

/// A file with work alone.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkFile {
    pub work: Option<Spanned<Vec<Spanned<WorkEntry>>>>,
}

/// `[[work]]`, or `work` of an arm.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkEntry {
    pub weight: Option<Spanned<u32>>,
    pub method: Option<Spanned<String>>,
    pub path: Option<Spanned<String>>,
    pub body: Option<Spanned<String>>,
}

/// `[scale]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScaleTable {
    pub name: Option<Spanned<String>>,
    pub values: Option<Spanned<Vec<Step>>>,
    pub law: Option<bool>,
}

/// A step of the scale.
#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "a step of the scale is a number or a word, such as 4 or \"wide\"")]
pub enum Step {
    Whole(u64),
    Number(f64),
    Word(String),
}

/// `[[arms]]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArmTable {
    pub name: Option<Spanned<String>>,
    pub label: Option<Spanned<String>>,
    pub up: Option<Spanned<String>>,
    pub target: Option<Spanned<String>>,
    pub work: Option<Spanned<Vec<Spanned<WorkEntry>>>>,
    pub https: Option<Spanned<bool>>,
    pub load: Option<Spanned<String>>,
    pub autoscale: Option<Spanned<String>>,
    pub pid: Option<Spanned<u32>>,
    pub pid_file: Option<Spanned<String>>,
    pub machines: Option<Machines>,
}

/// `[event]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventTable {
    pub kill: Option<Spanned<String>>,
    pub fraction: Option<Spanned<f64>>,
}

/// `[profile]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileTable {
    pub shape: Option<Spanned<String>>,
    pub peak: Option<Spanned<f64>>,
}

/// `[sizes]`, `[quick]` and `[full]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SizesTable {
    pub scales: Option<Spanned<Vec<Step>>>,
    pub blocks: Option<Spanned<u32>>,
    pub further_blocks: Option<Spanned<u32>>,
    pub warmup_seconds: Option<Spanned<f64>>,
    pub closed_seconds: Option<Spanned<f64>>,
    pub open_seconds: Option<Spanned<f64>>,
    pub event_seconds: Option<Spanned<f64>>,
    pub connections: Option<Spanned<Vec<u32>>>,
    pub connections_per_unit: Option<Spanned<Vec<u32>>>,
    pub fractions: Option<Spanned<Vec<f64>>>,
    pub open_scales: Option<Spanned<Vec<Step>>>,
    pub open_blocks: Option<Spanned<u32>>,
    pub profile_seconds: Option<Spanned<f64>>,
    pub profile_blocks: Option<Spanned<u32>>,
}
