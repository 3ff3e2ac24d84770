//! What the addresses with a result that may be kept have in common.

use std::time::{Duration, Instant};

use crate::cache::{Cache, Key};
use crate::http::Problem;

use super::Inner;
use super::json::put_number;
use super::place::WorkPlace;
use super::state::AnswerTimes;

/// A question whose result may be kept. The result is JSON, from which the other formats are made.
pub(super) trait Question: Send + Sync + 'static {
    /// What its result is kept under.
    fn key(&self) -> Key;

    /// Whether the result follows from the question alone, so that it is the same for ever.
    fn is_pure(&self) -> bool;

    /// Whether the answer is there at once, without computing and without waiting.
    fn is_quick(&self, app: &Inner) -> bool;

    /// Works the result out.
    fn work_out(&self, place: &WorkPlace<'_>) -> Result<Worked, Problem>;

    /// Appends what was asked, as members of the answer: `"number":25`.
    fn put_parameters(&self, body: &mut Vec<u8>);

    /// Where the result comes from, if that is to be said in the answer.
    fn store(&self, app: &Inner) -> Option<&'static str>;

    /// The row that it is, and its version, where it is one row.
    fn version(&self, result: &[u8]) -> Option<(u64, u64)>;

    /// Whether a kept result will not do: its user has just written.
    fn must_be_fresh(&self) -> bool {
        false
    }

    /// Whether the result comes from one server of the store, where that has several.
    fn is_of_one_server(&self) -> bool {
        false
    }

    /// The result as plain text.
    fn text(&self, result: &[u8]) -> String;
}

/// A result, and where its time went.
pub(super) struct Worked {
    /// JSON.
    pub result: Vec<u8>,
    pub times: AnswerTimes,
    /// Since when it is known to be right.
    pub known: Instant,
}

/// What the cache had of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CacheUse {
    /// There is no cache.
    None,
    /// All of it, for so long.
    Hit(Duration),
    /// Nothing; it has it now.
    Stored,
    /// Nothing, and it was not to be kept.
    Missed,
    /// Nothing; another request was working it out.
    Collapsed,
}

impl CacheUse {
    /// The word for it in an answer's body.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Hit(_) => Some("hit"),
            Self::Stored | Self::Missed => Some("miss"),
            Self::Collapsed => Some("collapsed"),
        }
    }

    /// The value of `Cache-Status` (RFC 9211) for an answer by way of that cache.
    pub fn status(self, cache: &Cache) -> Option<String> {
        let mut text = cache.target().name().to_owned().into_bytes();
        match self {
            Self::None => return None,
            Self::Hit(left) => {
                text.extend_from_slice(b"; hit; ttl=");
                put_number(&mut text, left.as_secs());
            }
            Self::Stored => text.extend_from_slice(b"; fwd=uri-miss; stored"),
            Self::Missed => text.extend_from_slice(b"; fwd=uri-miss"),
            Self::Collapsed => text.extend_from_slice(b"; fwd=uri-miss; collapsed"),
        }
        // It is ASCII.
        String::from_utf8(text).ok()
    }
}
