//! What every kind of store can do.

use std::fmt;
use std::time::{Duration, Instant};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its key.
    pub id: u64,
    /// What it can be found by; see [`super::ROWS_A_TAG`].
    pub tag: u64,
    /// Its text.
    pub value: String,
    /// 1 at first, one higher with each write.
    pub version: u64,
}

/// How rows are found by their tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// By an index on the tag.
    Index,
    /// By looking at every row.
    Scan,
}

/// What a store keeps of a user's session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// How often it was asked for.
    pub counter: u64,
    /// Who is logged in, if anybody.
    pub user: Option<String>,
}

/// The key of a session in a store, as hexadecimal digits: a digest of what the user's cookie says, so that a store's logs and
/// files let nobody in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(String);

impl SessionKey {
    /// A key from the first 128 bits of a digest.
    pub fn new(digest: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(digest)))
    }

    /// The key that a store keeps as this text; `None` where it is none.
    pub(super) fn from_text(digits: &str) -> Option<Self> {
        let is_key = digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_key.then(|| Self(digits.to_owned()))
    }

    /// Half of its bits as a number, by which shards are told apart.
    pub(super) fn number(&self) -> u64 {
        u64::from_str_radix(&self.0[..16], 16).unwrap_or_default()
    }

    /// 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection is lost, and why. The client must not be used again.
    Lost(String),
    /// The store did not answer in time. The client must not be used again: an answer that comes later would be taken for
    /// that to another question.
    TimedOut,
    /// The client itself stopped when the time was up; it is in order.
    Stopped,
    /// The store answered with an error, in its words.
    Refused(String),
    /// The store has no rows yet.
    Unseeded,
    /// This kind of store cannot do that, and what it cannot do.
    Unsupported(&'static str),
}

impl Failure {
    /// Whether the client is of no use any more.
    pub fn ends_client(&self) -> bool {
        match self {
            Self::Lost(_) | Self::TimedOut => true,
            Self::Stopped | Self::Refused(_) | Self::Unseeded | Self::Unsupported(_) => false,
        }
    }
}

/// What a server is among those that have the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaRole {
    /// Takes writes.
    Primary,
    /// Repeats what the primary wrote.
    Replica,
}

/// What a server says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it is.
    pub part: ReplicaRole,
    /// How far it is: grows with each write, and means the same on a primary and on its replicas.
    pub position: u64,
}

/// What a store says that is no cache.
const NO_CACHE: Failure = Failure::Unsupported("keep answers for a time; a cache is redis:// or memcached://");

/// A blocking client of one store: one connection. `by` is when nobody waits for the answer any more.
pub trait Client: Send {
    /// Whether the store answers at all.
    fn ping(&mut self, by: Instant) -> Result<(), Failure>;

    /// What the server is, and how far. A replica counts only what its clients can read.
    fn standing(&mut self, _by: Instant) -> Result<Standing, Failure> {
        Err(Failure::Unsupported("have replicas"))
    }

    /// The number of the last write that the server acknowledged to this client, where it numbers its writes: each has a higher one
    /// than the writes before it, and no number is left out. A replica repeats them with their numbers.
    fn last_write(&self) -> Option<u64> {
        None
    }

    /// The row with that id; `None` when there is none.
    fn get(&mut self, id: u64, by: Instant) -> Result<Option<Item>, Failure>;

    /// The rows with these ids, in their order: for many requests that wait at once. One after the other, unless a kind has a way
    /// that costs less. When the client is lost at one of them, it is lost for those behind it.
    fn get_each(&mut self, ids: &[u64], by: Instant) -> Vec<Result<Option<Item>, Failure>> {
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            match self.get(*id, by) {
                Err(failure) if failure.ends_client() => {
                    rows.resize(ids.len(), Err(failure));
                    break;
                }
                row => rows.push(row),
            }
        }
        rows
    }

    /// Writes a row that is there; gives its new version, or `None` when there is no such row.
    fn put(&mut self, id: u64, value: &str, by: Instant) -> Result<Option<u64>, Failure>;

    /// The rows with that tag, by id.
    fn by_tag(&mut self, tag: u64, lookup: Lookup, by: Instant) -> Result<Vec<Item>, Failure>;

    /// Keeps a new session for that long.
    fn create_session(
        &mut self,
        key: &SessionKey,
        session: &Session,
        lifetime: Duration,
        by: Instant,
    ) -> Result<(), Failure>;

    /// Counts a session one up and gives it; `None` when there is none, or it is over.
    fn next_of_session(&mut self, key: &SessionKey, by: Instant) -> Result<Option<Session>, Failure>;

    /// Forgets a session. That there is none is no error.
    fn delete_session(&mut self, key: &SessionKey, by: Instant) -> Result<(), Failure>;

    /// What a cache keeps under that name.
    fn kept(&mut self, _name: &str, _by: Instant) -> Result<Option<Vec<u8>>, Failure> {
        Err(NO_CACHE)
    }

    /// Keeps that for that long, and no longer; it may be forgotten sooner.
    fn keep(&mut self, _name: &str, _bytes: &[u8], _lifetime: Duration, _by: Instant) -> Result<(), Failure> {
        Err(NO_CACHE)
    }

    /// Forgets what is kept under these names. That there is nothing is no error.
    fn forget(&mut self, _names: &[String], _by: Instant) -> Result<(), Failure> {
        Err(NO_CACHE)
    }

    /// Makes tables and indexes where they are missing.
    fn create_schema(&mut self, by: Instant) -> Result<(), Failure>;

    /// Adds the rows with these ids (see `rows`), except those that are there.
    fn add_rows(&mut self, ids: &[u64], by: Instant) -> Result<(), Failure>;
}

/// What is left until `by`, at least a millisecond: a timeout of zero means "for ever" to a socket.
pub(super) fn left(by: Instant) -> Duration {
    by.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}
