//! What a cache asks of a server: answers that are kept for a time, under a name.

use std::time::Duration;

use super::access::Store;
use super::answer::TimedAnswer;
use super::error::NoAnswer;
use super::member::Operation;

/// A cache is one server.
const SERVER: usize = 0;

impl Store {
    /// What is kept under that name.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn kept<A>(&self, name: String, abandoned: A) -> Result<TimedAnswer<Option<Vec<u8>>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.ask(SERVER, Operation::Read, move |client, by| client.kept(&name, by), abandoned)
    }

    /// Keeps that for that long, and no longer.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn keep<A>(
        &self,
        name: String,
        bytes: Vec<u8>,
        lifetime: Duration,
        abandoned: A,
    ) -> Result<TimedAnswer<()>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.ask(SERVER, Operation::Write, move |client, by| client.keep(&name, &bytes, lifetime, by), abandoned)
    }

    /// Forgets what is kept under these names.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn forget<A>(&self, names: Vec<String>, abandoned: A) -> Result<TimedAnswer<()>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.ask(SERVER, Operation::Write, move |client, by| client.forget(&names, by), abandoned)
    }
}
