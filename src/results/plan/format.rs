//! A plan as it stands in a manifest, of either format.

use serde::Deserialize;

use super::{ANY_NODE, Event, Plan, PlannedProfile};
use crate::results::arm::{Arm, Scale};
use crate::results::objective::Objective;
use crate::results::work::WeightedRequest;

/// A plan as it stands in a manifest, of either format.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum WrittenPlan {
    Now(Box<Format2>),
    Then(Box<Format1>),
}

macro_rules! plan_fields {
    ($($(#[$meta:meta])* $field:ident: $kind:ty),* $(,)?) => {
        /// The fields of [`Plan`], for reading.
        #[derive(Deserialize)]
        pub(super) struct Format2 { $($(#[$meta])* $field: $kind),* }

        impl From<Format2> for Plan {
            fn from(fields: Format2) -> Self {
                Self { $($field: fields.$field),* }
            }
        }
    };
}

plan_fields! {
    name: String, experiment: String, question: String, look_at: String, arms: Vec<Arm>, scale_name: String,
    #[serde(default = "yes")] law: bool,
    scales: Vec<Scale>, unit_cpu_percent: Option<u32>, blocks: u32, further_blocks: u32, until_percent: Option<f64>,
    at_most_seconds: Option<f64>, seed: u64, smallest_effect_percent: f64, work: Vec<WeightedRequest>, model: String,
    balancer: String, objective: Objective, warmup_seconds: f64, closed_seconds: f64, open_seconds: f64,
    connections: Vec<u32>, connections_per_scale: bool, fractions: Vec<f64>, open_scales: Vec<Scale>, open_blocks: u32,
    event: Option<Event>, profile: Option<PlannedProfile>, driver_arguments: Vec<String>,
}

/// Of a plan that was written before experiments could say otherwise.
fn yes() -> bool {
    true
}

/// A plan as format 1 wrote it.
#[derive(Deserialize)]
pub(super) struct Format1 {
    name: String,
    topologies: Vec<String>,
    units: Vec<u32>,
    unit_cpu_percent: Option<u32>,
    repeats: u32,
    paths: Vec<WeightedRequest>,
    model: String,
    balancer: String,
    objective: Objective,
    warmup_seconds: f64,
    closed_seconds: f64,
    open_seconds: f64,
    connections_per_unit: Vec<u32>,
    fractions: Vec<f64>,
    open_units: Vec<u32>,
    open_repeats: u32,
    death_fraction: Option<f64>,
    death_seconds: f64,
    driver_arguments: Vec<String>,
}

impl From<WrittenPlan> for Plan {
    fn from(written: WrittenPlan) -> Self {
        let old = match written {
            WrittenPlan::Now(plan) => return (*plan).into(),
            WrittenPlan::Then(old) => *old,
        };
        let scales = |units: Vec<u32>| units.into_iter().map(Scale::from).collect();
        let event = |fraction| Event { kill: ANY_NODE.to_owned(), fraction, seconds: old.death_seconds };
        Self {
            arms: Self::quick().arms.into_iter().filter(|arm| old.topologies.contains(&arm.name)).collect(),
            name: old.name,
            scales: scales(old.units),
            unit_cpu_percent: old.unit_cpu_percent,
            blocks: old.repeats,
            further_blocks: 0,
            work: old.paths,
            model: old.model,
            balancer: old.balancer,
            objective: old.objective,
            warmup_seconds: old.warmup_seconds,
            closed_seconds: old.closed_seconds,
            open_seconds: old.open_seconds,
            connections: old.connections_per_unit,
            fractions: old.fractions,
            open_scales: scales(old.open_units),
            open_blocks: old.open_repeats,
            event: old.death_fraction.map(event),
            driver_arguments: old.driver_arguments,
            ..Self::quick()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::arm::PointKey;

    #[test]
    fn both_formats_are_read() {
        let plan = Plan::quick();
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
        let old = r#"{"name":"quick","topologies":["horizontal"],"units":[1,2],"unit_cpu_percent":25,"repeats":3,
            "workload":"cpu","paths":[{"weight":1,"path":"/fib?number=28"}],"model":"async","balancer":"nginx",
            "objective":{"percentile":99.0,"milliseconds":250.0},"warmup_seconds":0.4,"closed_seconds":1.8,
            "open_seconds":2.0,"connections_per_unit":[4,8],"fractions":[0.5],"open_units":[2],"open_repeats":1,
            "death_fraction":null,"death_seconds":3.6,"driver_arguments":[]}"#;
        let read: Plan = serde_json::from_str(old).unwrap();
        assert_eq!(read.points(), [PointKey::new("horizontal", 1), PointKey::new("horizontal", 2)]);
        assert_eq!((read.blocks, read.balancer.as_str(), read.event), (3, "nginx", None));
        assert_eq!(read.work, [WeightedRequest::get(1, "/fib?number=28")]);
    }
}
