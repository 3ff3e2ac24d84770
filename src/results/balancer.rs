//! The list of balancers: what `webapp cluster` starts, and what a plan may name.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// All kinds of balancers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum BalancerKind {
    /// HAProxy, 2.6 or newer.
    Haproxy,
    /// nginx.
    Nginx,
}

impl BalancerKind {
    /// Its word on the command line and in the answer.
    pub fn name(self) -> &'static str {
        match self {
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
        }
    }
}

/// The words of all kinds.
pub fn names() -> Vec<&'static str> {
    BalancerKind::value_variants().iter().map(|kind| kind.name()).collect()
}
