//! What a store answers.

use std::time::Duration;

/// An answer, and where its time went.
#[derive(Clone, Copy, Debug)]
pub struct Answer<T> {
    /// What the store gave.
    pub value: T,
    /// How long the question waited for a connection.
    pub queued: Duration,
    /// How long the store took.
    pub worked: Duration,
    /// Which server answered: its place in the layout, from 0 on. Of several that were asked at once, the slowest.
    pub server: usize,
    /// Where a replica answered: what it says may be so old at most.
    pub lag: Option<Duration>,
}

/// Which servers may answer a read, where several have the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Any that is not too far behind.
    Any,
    /// The primary: what was acknowledged is there.
    Primary,
}
