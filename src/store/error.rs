//! Why a store gave no answer.

use std::fmt;

use super::client::Failure;
use crate::pool::Refused;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Every connection is in use, and as many wait for one as may.
    Busy,
    /// There was no answer in time.
    TimedOut,
    /// The store cannot be reached, and why.
    Away(String),
    /// The store refused, in its words.
    Refused(String),
    /// The store has no tables yet.
    Unseeded,
    /// That kind of store cannot do it, and what it cannot do.
    Unsupported(&'static str),
    /// Nobody waited for the answer any more.
    Abandoned,
    /// A fault in this program.
    Panicked,
}

/// A server of the store gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAnswer {
    /// Which: its place in the layout, from 0 on.
    pub server: usize,
    /// Why.
    pub error: Error,
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Busy,
            Refused::Expired | Refused::TimedOut => Self::TimedOut,
            Refused::Abandoned => Self::Abandoned,
            Refused::Panicked => Self::Panicked,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => write!(out, "all its connections are busy, and no more requests may wait for one"),
            Self::TimedOut => write!(out, "it did not answer in time"),
            Self::Away(why) => write!(out, "it cannot be reached: {why}"),
            Self::Refused(why) => write!(out, "it refused: {why}"),
            Self::Unseeded => write!(out, "it has no tables yet; 'webapp store seed URL' makes them"),
            Self::Unsupported(what) => write!(out, "this kind of store cannot {what}"),
            Self::Abandoned => write!(out, "nobody waited for the answer any more"),
            Self::Panicked => write!(out, "a fault in webapp"),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Lost(why) => Self::Away(why),
            Failure::TimedOut | Failure::Stopped => Self::TimedOut,
            Failure::Refused(why) => Self::Refused(why),
            Failure::Unseeded => Self::Unseeded,
            Failure::Unsupported(what) => Self::Unsupported(what),
        }
    }
}
