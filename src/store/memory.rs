//! `memory`: the store in the node itself. What is written here, no other node sees, and it is gone with the node.
//!
//! Rows that nobody wrote are made when they are asked for, so that a node that is never asked holds none.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::client::{Client, Failure, Item, Lookup, Session, SessionKey};
use super::rows;
use super::target::StoreTargetKind;
use crate::lock::lock;

/// Parts of the rows, each under its own lock.
const PARTS: usize = 16;
/// Sessions that are kept; the oldest gives way to one more. Some 200 bytes each.
const MOST_SESSIONS: usize = 200_000;
/// Rows that a scan looks at between two looks at the clock.
const ROWS_A_LOOK: u64 = 10_000;

/// A handle: clones share the rows.
#[derive(Clone)]
pub struct MemoryStore {
    inner: Arc<MemoryRows>,
}

struct MemoryRows {
    /// How many rows there are, the ids from 0 on.
    count: u64,
    /// Of them, those that were written: value and version, by id.
    written: [Mutex<HashMap<u64, (String, u64)>>; PARTS],
    sessions: Mutex<SessionTable>,
}

#[derive(Default)]
struct SessionTable {
    by_key: HashMap<SessionKey, (Session, Instant)>,
    /// In the order they were made; some may be gone already.
    order: VecDeque<SessionKey>,
}

impl MemoryStore {
    /// A store of that many rows.
    pub fn new(count: u64) -> Self {
        Self { inner: Arc::new(MemoryRows { count, written: Default::default(), sessions: Mutex::default() }) }
    }

    /// What messages call it.
    pub fn name(&self) -> String {
        format!("{}:{}", StoreTargetKind::Memory.name(), self.inner.count)
    }

    fn part(&self, id: u64) -> &Mutex<HashMap<u64, (String, u64)>> {
        &self.inner.written[(id % PARTS as u64) as usize]
    }

    fn row(&self, id: u64) -> Option<Item> {
        if id >= self.inner.count {
            return None;
        }
        match lock(self.part(id)).get(&id) {
            Some((value, version)) => Some(Item { id, tag: rows::tag(id), value: value.clone(), version: *version }),
            None => Some(rows::fresh(id)),
        }
    }
}

impl Client for MemoryStore {
    fn ping(&mut self, _by: Instant) -> Result<(), Failure> {
        Ok(())
    }

    fn get(&mut self, id: u64, _by: Instant) -> Result<Option<Item>, Failure> {
        Ok(self.row(id))
    }

    fn put(&mut self, id: u64, value: &str, _by: Instant) -> Result<Option<u64>, Failure> {
        if id >= self.inner.count {
            return Ok(None);
        }
        let mut part = lock(self.part(id));
        let (kept, version) = part.entry(id).or_insert_with(|| (String::new(), 1));
        value.clone_into(kept);
        *version += 1;
        Ok(Some(*version))
    }

    fn by_tag(&mut self, tag: u64, lookup: Lookup, by: Instant) -> Result<Vec<Item>, Failure> {
        match lookup {
            Lookup::Index => Ok(rows::ids(tag).filter_map(|id| self.row(id)).collect()),
            Lookup::Scan => {
                let mut found = Vec::new();
                for id in 0..self.inner.count {
                    if id % ROWS_A_LOOK == 0 && Instant::now() >= by {
                        return Err(Failure::Stopped);
                    }
                    // Every row is taken in hand, as a store does that has no index.
                    found.extend(self.row(id).filter(|row| row.tag == tag));
                }
                Ok(found)
            }
        }
    }

    fn create_session(
        &mut self,
        key: &SessionKey,
        session: &Session,
        lifetime: Duration,
        _by: Instant,
    ) -> Result<(), Failure> {
        let now = Instant::now();
        let mut sessions = lock(&self.inner.sessions);
        // A few of the oldest go, where they are over, so that dead ones never pile up.
        for _ in 0..2 {
            sessions.forget_oldest(|end| end <= now);
        }
        if sessions.by_key.len() >= MOST_SESSIONS || sessions.order.len() >= 2 * MOST_SESSIONS {
            sessions.forget_oldest(|_| true);
        }
        sessions.by_key.insert(key.clone(), (session.clone(), now + lifetime));
        sessions.order.push_back(key.clone());
        Ok(())
    }

    fn next_of_session(&mut self, key: &SessionKey, _by: Instant) -> Result<Option<Session>, Failure> {
        let mut sessions = lock(&self.inner.sessions);
        let Some((session, end)) = sessions.by_key.get_mut(key) else { return Ok(None) };
        if *end <= Instant::now() {
            sessions.by_key.remove(key);
            return Ok(None);
        }
        session.counter += 1;
        Ok(Some(session.clone()))
    }

    fn delete_session(&mut self, key: &SessionKey, _by: Instant) -> Result<(), Failure> {
        lock(&self.inner.sessions).by_key.remove(key);
        Ok(())
    }

    fn create_schema(&mut self, _by: Instant) -> Result<(), Failure> {
        Err(Failure::Unsupported("be seeded: its rows are there from the start (memory:ROWS says how many)"))
    }

    fn add_rows(&mut self, _ids: &[u64], _by: Instant) -> Result<(), Failure> {
        Err(Failure::Unsupported("be seeded: its rows are there from the start (memory:ROWS says how many)"))
    }
}

impl SessionTable {
    /// Takes the oldest out when `goes` says so of its end, or when it is gone already.
    fn forget_oldest(&mut self, goes: impl Fn(Instant) -> bool) {
        let Some(key) = self.order.front() else { return };
        match self.by_key.get(key) {
            Some((_, end)) if !goes(*end) => {}
            _ => {
                if let Some(key) = self.order.pop_front() {
                    self.by_key.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> SessionKey {
        SessionKey::new(u128::from(number).to_be_bytes())
    }

    #[test]
    fn sessions_are_bounded_and_the_oldest_gives_way() {
        let mut memory = MemoryStore::new(0);
        let by = Instant::now() + Duration::from_secs(60);
        let hour = Duration::from_secs(3_600);
        for number in 0..=MOST_SESSIONS as u64 {
            memory.create_session(&key(number), &Session::default(), hour, by).unwrap();
        }
        assert_eq!(lock(&memory.inner.sessions).by_key.len(), MOST_SESSIONS);
        assert_eq!(memory.next_of_session(&key(0), by), Ok(None));
        assert!(memory.next_of_session(&key(1), by).unwrap().is_some());
    }

    #[test]
    fn sessions_that_are_over_do_not_pile_up() {
        let mut memory = MemoryStore::new(0);
        let by = Instant::now() + Duration::from_secs(60);
        for number in 0..1_000 {
            memory.create_session(&key(number), &Session::default(), Duration::ZERO, by).unwrap();
        }
        let sessions = lock(&memory.inner.sessions);
        assert!(sessions.by_key.len() <= 2 && sessions.order.len() <= 2, "{}", sessions.by_key.len());
    }

    #[test]
    fn a_scan_stops_when_its_time_is_up() {
        let mut memory = MemoryStore::new(100_000);
        assert_eq!(memory.by_tag(3, Lookup::Scan, Instant::now()), Err(Failure::Stopped));
    }
}
