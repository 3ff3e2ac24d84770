//! What an entry is found by.

use std::fmt;

/// The name of an answer: nothing that a client wrote, so that no client can choose what it collides with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The address, such as `item`.
    pub address: &'static str,
    /// The number that is asked for.
    pub number: u64,
    /// How it is worked out, where there are several ways; else empty.
    pub variant: &'static str,
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.address, self.number)?;
        if self.variant.is_empty() { Ok(()) } else { write!(out, ":{}", self.variant) }
    }
}
