//! The list of balancers.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// All kinds of balancers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// HAProxy, 2.6 or newer.
    Haproxy,
    /// nginx.
    Nginx,
}

impl Kind {
    /// Its word on the command line and in the answer.
    pub fn name(self) -> &'static str {
        match self {
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
        }
    }
}
