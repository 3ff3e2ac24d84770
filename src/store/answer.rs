//! What a store answers.

use std::time::Duration;

/// An answer, and where its time went.
#[derive(Clone, Copy, Debug)]
pub struct TimedAnswer<T> {
    /// What the store gave.
    pub value: T,
    /// How long the question waited for a connection.
    pub queued: Duration,
    /// How long the store took.
    pub worked: Duration,
    /// Which server answered: its place in the layout, from 0 on. Of several that were asked at once, the slowest.
    pub server: usize,
    /// Where a replica answered, or a server of which it is not sure that it is the primary still: how old what it says may be at
    /// most, before the question was asked.
    pub lag: Option<Duration>,
}

impl<T> TimedAnswer<T> {
    /// This answer, for which another one was waited first.
    pub(super) fn after<U>(mut self, before: &TimedAnswer<U>) -> Self {
        self.queued += before.queued;
        self.worked += before.worked;
        self
    }

    /// The same of another value.
    pub(super) fn map<U>(self, other: impl FnOnce(T) -> U) -> TimedAnswer<U> {
        let Self { value, queued, worked, server, lag } = self;
        TimedAnswer { value: other(value), queued, worked, server, lag }
    }
}

/// Which servers may answer a read, where several have the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Any that is not too far behind.
    Any,
    /// The primary: what was acknowledged is there.
    Primary,
}
