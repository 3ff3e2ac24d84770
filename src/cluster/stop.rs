//! Why a command ended early, where the command line answers it with more than exit code 1.

use std::fmt;

/// The two ends of a command that have an exit code of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The words contradict each other or the cluster (exit code 2).
    Usage(String),
    /// A signal came, and everything that had been begun was undone (exit code 128 and the signal's number).
    Signal(i32),
}

impl Stop {
    /// Wrong usage.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => formatter.write_str(text),
            Self::Signal(number) => write!(formatter, "interrupted by signal {number}"),
        }
    }
}

impl std::error::Error for Stop {}
