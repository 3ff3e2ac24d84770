//! Moves keys to the shards that shall have them, while nodes read and write.
//!
//! A key is at one place at any moment, because the shard that gives it away decides: it is copied first, and taken away there in one
//! step, which does nothing if it was written since. Then it is copied anew. Nodes ask the shard that gives before the one that
//! receives (`view`), so that nobody sees a copy before that step, and everybody sees it after. Nothing has to be stopped for that,
//! no write waits, and where this ends half-way, every key is still found: it goes on with the next run.
//!
//! What must hold before: every node asks both shards.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::client::{Failure, Item, Session, SessionKey};
use super::shard::ShardChange;
use super::target::Target;
use super::{mysql, redis};

/// Keys that are moved at once.
const BATCH: usize = 500;
/// How often what was written meanwhile is copied again as a batch; then one key at a time, which takes less time to be written in.
const BATCH_TRIES: usize = 3;
/// How often one key is copied again.
const TRIES: usize = 1_000;

/// What moves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MovedKey {
    /// A row by its id.
    Row(u64),
    /// A session.
    Session(SessionKey),
}

/// A key with what is kept under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MovedRecord {
    /// A row.
    Row(Item),
    /// A session, and how long it lasts from now on.
    Session(SessionKey, Session, Duration),
}

impl MovedRecord {
    /// Its key.
    pub fn key(&self) -> MovedKey {
        match self {
            Self::Row(row) => MovedKey::Row(row.id),
            Self::Session(key, ..) => MovedKey::Session(key.clone()),
        }
    }
}

/// A shard that keys come from or go to.
pub trait Shard: Send {
    /// Some keys, and where to go on; `None` at the end. It begins with 0. Every key that is there all the while comes at least once.
    fn keys(&mut self, from: u64) -> Result<(Vec<MovedKey>, Option<u64>), Failure>;

    /// What is kept under these keys; those that are not there are left out.
    fn read(&mut self, keys: &[MovedKey]) -> Result<Vec<MovedRecord>, Failure>;

    /// Keeps copies, instead of what was there.
    fn write(&mut self, records: &[MovedRecord]) -> Result<(), Failure>;

    /// Takes those away that are still as they were read; tells for each whether it was. What it took away is on no other shard
    /// than the one that has the copy.
    fn take(&mut self, records: &[MovedRecord]) -> Result<Vec<bool>, Failure>;

    /// Takes a copy of a session away that ended while it was on its way.
    fn forget(&mut self, keys: &[SessionKey]) -> Result<(), Failure>;
}

/// A connection to a shard; `timeout` bounds each wait.
///
/// # Errors
/// When it does not answer, or is no shard whose keys can be moved.
pub fn shard(target: &Target, timeout: Duration) -> Result<Box<dyn Shard>, Failure> {
    match target {
        Target::Mysql(remote) => Ok(Box::new(mysql::Mysql::connect(remote, timeout)?)),
        Target::Redis(remote) => Ok(Box::new(redis::Redis::connect(remote, timeout)?)),
        Target::Memory(_) | Target::Sqlite(_) | Target::RedisCluster(_) | Target::Memcached(_) => {
            Err(Failure::Unsupported("give keys to another server"))
        }
    }
}

/// What was moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Rows.
    pub rows: u64,
    /// Sessions.
    pub sessions: u64,
}

/// Why it stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The shard at that place failed.
    Failed(usize, Failure),
    /// A key at that place is written too often to be moved.
    Busy(usize, MovedKey),
    /// It was told to.
    Told,
}

/// How many rows a shard has.
///
/// # Errors
/// When it does not say.
pub fn count_rows(shard: &mut dyn Shard) -> Result<u64, Failure> {
    let mut rows = HashSet::new();
    let mut next = Some(0);
    while let Some(from) = next {
        let (keys, then) = shard.keys(from)?;
        rows.extend(keys.into_iter().filter(|key| matches!(key, MovedKey::Row(_))));
        next = then;
    }
    Ok(rows.len() as u64)
}

/// Moves what is at `source` and shall be elsewhere; `shards` are all of them, by place. `go_on` is asked after each batch.
///
/// # Errors
/// What was moved until then stays where it is; see the file.
pub fn move_away(
    shards: &mut [Box<dyn Shard>],
    source: usize,
    change: ShardChange,
    moved: &mut Moved,
    mut go_on: impl FnMut(&Moved) -> bool,
) -> Result<(), Stopped> {
    let failed = |failure| Stopped::Failed(source, failure);
    let mut seen = HashSet::new();
    let mut next = Some(0);
    while let Some(from) = next {
        let (keys, then) = shards[source].keys(from).map_err(failed)?;
        // The last keys of a walk may have come before: a server that makes its table smaller begins some of it anew.
        let new: Vec<MovedKey> = keys.into_iter().filter(|key| seen.insert(key.clone())).collect();
        for (receiver, keys) in receivers(new, source, change) {
            for batch in keys.chunks(BATCH) {
                move_batch(shards, (source, receiver), batch.to_vec(), moved)?;
                if !go_on(moved) {
                    return Err(Stopped::Told);
                }
            }
        }
        next = then;
    }
    Ok(())
}

/// By place, the keys at `source` that go there.
fn receivers(keys: Vec<MovedKey>, source: usize, change: ShardChange) -> BTreeMap<usize, Vec<MovedKey>> {
    let mut going: BTreeMap<usize, Vec<MovedKey>> = BTreeMap::new();
    for key in keys {
        let places = match &key {
            MovedKey::Row(id) => change.of_id(*id),
            MovedKey::Session(key) => change.of_session(key),
        };
        // One that is not where it was, has arrived already.
        if let Some(receiver) = places.then.filter(|_| places.first == source) {
            going.entry(receiver).or_default().push(key);
        }
    }
    going
}

/// Moves these keys, as often as somebody writes them meanwhile.
fn move_batch(
    shards: &mut [Box<dyn Shard>],
    places: (usize, usize),
    mut keys: Vec<MovedKey>,
    moved: &mut Moved,
) -> Result<(), Stopped> {
    for _ in 0..BATCH_TRIES {
        keys = try_to_move(shards, places, &keys, moved)?;
        if keys.is_empty() {
            return Ok(());
        }
    }
    for key in keys {
        let mut left = vec![key];
        for _ in 0..TRIES {
            left = try_to_move(shards, places, &left, moved)?;
            if left.is_empty() {
                break;
            }
        }
        if let Some(key) = left.pop() {
            return Err(Stopped::Busy(places.0, key));
        }
    }
    Ok(())
}

/// Copies, and takes away what is as it was. Gives the keys that were written meanwhile.
fn try_to_move(
    shards: &mut [Box<dyn Shard>],
    (source, receiver): (usize, usize),
    keys: &[MovedKey],
    moved: &mut Moved,
) -> Result<Vec<MovedKey>, Stopped> {
    let from_source = |failure| Stopped::Failed(source, failure);
    let to_receiver = |failure| Stopped::Failed(receiver, failure);
    let records = shards[source].read(keys).map_err(from_source)?;
    // A session that is not there any more ended; a copy of an earlier attempt must not live on. A row never ends.
    let there: HashSet<MovedKey> = records.iter().map(MovedRecord::key).collect();
    let ended: Vec<SessionKey> = keys.iter().filter(|key| !there.contains(*key)).filter_map(session).collect();
    if !ended.is_empty() {
        shards[receiver].forget(&ended).map_err(to_receiver)?;
    }
    if records.is_empty() {
        return Ok(Vec::new());
    }
    shards[receiver].write(&records).map_err(to_receiver)?;
    let taken = shards[source].take(&records).map_err(from_source)?;
    let mut left = Vec::new();
    for (record, taken) in records.iter().zip(taken) {
        match (record, taken) {
            (_, false) => left.push(record.key()),
            (MovedRecord::Row(_), true) => moved.rows += 1,
            (MovedRecord::Session(..), true) => moved.sessions += 1,
        }
    }
    Ok(left)
}

fn session(key: &MovedKey) -> Option<SessionKey> {
    match key {
        MovedKey::Row(_) => None,
        MovedKey::Session(key) => Some(key.clone()),
    }
}

#[cfg(test)]
mod tests;
