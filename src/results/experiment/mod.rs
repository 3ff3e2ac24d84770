//! Experiments: what is asked, of which arms, at which scales, in which sizes. A TOML file each; `docs/experiments.md` has
//! every key.
//!
//! [`file`](self) reads the text, [`check`](self) judges it, [`Experiment::plan`] makes a [`Plan`] of it. The product's own stand
//! in `experiments/`, and in the binary.

mod check;
mod embedded;
mod file;
mod sizes;
mod words;

use std::fmt;

pub use embedded::{DEFAULT, EMBEDDED, default, embedded};
pub use sizes::{Size, Sizes, open_scales};
pub use words::{AUTOSCALE_FLAGS, LOAD_FLAGS};

use super::arm::{Arm, Scale};
use super::objective::Objective;
pub use super::placeholder::Placeholder;
use super::plan::{Event, Plan, PlannedProfile, Workload};
use super::profile::Shape;
use super::work::WeightedRequest;

/// Reads a file that holds work alone, as the load generator takes it: `[[work]]` as in an experiment, without `{scale}`, and with
/// the columns of a table.
///
/// # Errors
/// At the first thing that is wrong, with its line.
pub fn work_file(file: &str, text: &str, columns: &[String]) -> Result<Vec<WeightedRequest>, ExperimentError> {
    check::work_file(file, text, columns)
}

/// An experiment that makes sense: every check has passed.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Its name: that of the file, without `.toml`.
    pub name: String,
    /// What it asks, in one sentence that ends with a question mark.
    pub question: String,
    /// What a reader should look at; may be empty.
    pub look_at: String,
    /// The product's own work, where the file names it.
    pub workload: Option<Workload>,
    /// What is asked.
    pub work: Vec<WeightedRequest>,
    /// What counts as good enough.
    pub objective: Objective,
    /// Differences below this are of no consequence, in percent.
    pub smallest_effect_percent: f64,
    /// Of the order of arms within blocks, and of the keys.
    pub seed: u64,
    /// What `{unit-cpu}` stands for, in percent of one core. `None`: as the machine allows.
    pub unit_cpu_percent: Option<u32>,
    /// What `{model}` stands for.
    pub model: String,
    /// What `{balancer}` stands for.
    pub balancer: String,
    /// What the scale counts.
    pub scale_name: String,
    /// Whether the report fits a law over it.
    pub law: bool,
    /// What is compared, the baseline first.
    pub arms: Vec<Arm>,
    /// What is killed, and under which share of the ceiling. `None`: nothing.
    pub event: Option<(String, f64)>,
    /// A load that changes, and its highest rate as a share of the highest ceiling. `None`: there is none.
    pub profile: Option<(Shape, f64)>,
    quick: Sizes,
    full: Sizes,
}

/// What is wrong with an experiment file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExperimentError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what to write instead.
    pub problem: String,
}

impl fmt::Display for ExperimentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.file, self.line, self.problem)
    }
}

impl std::error::Error for ExperimentError {}

impl Experiment {
    /// Reads an experiment. `file` is what errors call it; its last part without `.toml` becomes the name.
    ///
    /// # Errors
    /// At the first thing that is wrong.
    pub fn parse(file: &str, text: &str) -> Result<Self, ExperimentError> {
        check::experiment(file, text)
    }

    /// How large this experiment is.
    pub fn sizes(&self, size: Size) -> &Sizes {
        match size {
            Size::Quick => &self.quick,
            Size::Full => &self.full,
        }
    }

    /// What is measured, in this size.
    pub fn plan(&self, size: Size) -> Plan {
        let sizes = self.sizes(size).clone();
        Plan {
            name: size.name().to_owned(),
            experiment: self.name.clone(),
            question: self.question.clone(),
            look_at: self.look_at.clone(),
            arms: self.arms.clone(),
            scale_name: self.scale_name.clone(),
            law: self.law,
            scales: sizes.scales,
            unit_cpu_percent: self
                .uses(Placeholder::UnitCpu)
                .then_some(self.unit_cpu_percent.unwrap_or(UNIT_CPU_PERCENT)),
            blocks: sizes.blocks,
            further_blocks: sizes.further_blocks,
            until_percent: None,
            at_most_seconds: None,
            seed: self.seed,
            smallest_effect_percent: self.smallest_effect_percent,
            work: self.work.clone(),
            model: self.model.clone(),
            balancer: self.balancer.clone(),
            objective: self.objective,
            warmup_seconds: sizes.warmup_seconds,
            closed_seconds: sizes.closed_seconds,
            open_seconds: sizes.open_seconds,
            connections: sizes.connections,
            connections_per_scale: sizes.connections_per_unit,
            fractions: sizes.fractions,
            open_scales: sizes.open_scales,
            open_blocks: sizes.open_blocks,
            profile: self.profile.map(|(shape, peak)| PlannedProfile {
                shape,
                peak,
                seconds: sizes.profile_seconds,
                blocks: sizes.profile_blocks,
            }),
            event: self.event.clone().map(|(kill, fraction)| Event { kill, fraction, seconds: sizes.event_seconds }),
            driver_arguments: Vec::new(),
        }
    }

    /// Whether any arm or request leaves this open.
    pub fn uses(&self, placeholder: Placeholder) -> bool {
        let asked =
            |arm: &Arm| arm.work.as_ref().unwrap_or(&self.work).iter().any(|request| request.leaves_open(placeholder));
        self.arms.iter().any(|arm| arm.leaves_open(placeholder) || asked(arm))
    }

    /// Whether every arm says how its CPU is bought, so that prices make sense.
    pub fn has_prices(&self) -> bool {
        self.arms.iter().all(|arm| arm.machines.is_some())
    }
}

/// A unit of CPU where nothing else is said.
const UNIT_CPU_PERCENT: u32 = 25;

/// The scales with their steps, as they stand in a sentence.
pub(crate) fn list(scales: &[Scale]) -> String {
    scales.iter().map(Scale::as_str).collect::<Vec<_>>().join(", ")
}
