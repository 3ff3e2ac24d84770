//! What the loop does, as it does it.

use super::autoscaler::ScalingStep;
use super::sample::Samples;
use crate::cluster::contract::ClusterAnswer;

/// Something that happened.
#[derive(Debug)]
pub enum ScalingEvent<'a> {
    /// A decision, before it is carried out.
    Decision {
        /// Seconds since the loop began.
        at: f64,
        /// What was known.
        samples: &'a Samples,
        /// Nodes among them that wait for a machine.
        waiting: u32,
        /// What shall be.
        step: &'a ScalingStep,
    },
    /// The driver has done what was decided.
    Changed {
        /// Seconds since the loop began.
        at: f64,
        /// So long it took.
        seconds: f64,
        /// Units before.
        from: u32,
        /// Units now.
        to: u32,
        /// What is there now.
        cluster: &'a ClusterAnswer,
    },
    /// Anything else that a person should know, in one sentence.
    Notice {
        /// Seconds since the loop began.
        at: f64,
        /// The sentence.
        text: String,
    },
}

impl ScalingEvent<'_> {
    /// Seconds since the loop began.
    pub fn at(&self) -> f64 {
        match self {
            Self::Decision { at, .. } | Self::Changed { at, .. } | Self::Notice { at, .. } => *at,
        }
    }
}
