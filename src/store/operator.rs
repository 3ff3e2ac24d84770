//! What makes a server a replica of another one, and a replica the primary. A node never does that; whoever runs the servers does.

use std::time::{Duration, Instant};

use super::client::{Failure, Standing};
use super::target::Target;

/// A connection of somebody who may change what a server is.
pub trait Operator: Send {
    /// What it is now, and how far.
    fn standing(&mut self, by: Instant) -> Result<Standing, Failure>;

    /// Makes it a replica of `primary`. What it has and the primary has not is not undone: it must have nothing of that kind.
    fn follow(&mut self, primary: &Target) -> Result<(), Failure>;

    /// How far a replica is that repeats its primary now; `None` while it has no connection to it.
    fn following(&mut self) -> Result<Option<u64>, Failure>;

    /// Whether a replica has repeated everything that it received.
    fn has_repeated_all(&mut self) -> Result<bool, Failure>;

    /// Lets a primary take no more writes; those under way end first. It may take some again after `at_least`: a command that breaks
    /// off must not stop it for ever.
    fn stop_writes(&mut self, at_least: Duration) -> Result<(), Failure>;

    /// Takes that back.
    fn allow_writes(&mut self) -> Result<(), Failure>;

    /// Makes a replica the primary.
    fn promote(&mut self) -> Result<(), Failure>;

    /// The number of the last write that it has, where it numbers them (see [`super::client::Client::last_write`]).
    fn last_write(&mut self) -> Result<Option<u64>, Failure> {
        Ok(None)
    }

    /// Of a primary that numbers its writes: the next one gets a higher number than `last`, which another server gave before.
    fn number_from(&mut self, _last: u64) -> Result<(), Failure> {
        Ok(())
    }
}
