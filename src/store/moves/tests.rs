use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::*;
use crate::store::shard::of_id;

/// A shard in memory, and somebody who writes while keys move.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    rows: BTreeMap<u64, Item>,
    sessions: BTreeMap<SessionKey, Session>,
    /// Rows that are written between the copy and the taking, so many times each.
    written_meanwhile: BTreeMap<u64, usize>,
    /// A session that ends likewise.
    ends_meanwhile: Option<SessionKey>,
    fails_after: Option<usize>,
}

impl Shard for Fake {
    fn keys(&mut self, from: u64) -> Result<(Vec<MovedKey>, Option<u64>), Failure> {
        let inner = self.0.lock().unwrap();
        let keys: Vec<MovedKey> = inner.rows.range(from..).take(100).map(|(id, _)| MovedKey::Row(*id)).collect();
        let next = match keys.last() {
            Some(MovedKey::Row(last)) => Some(last + 1),
            Some(MovedKey::Session(_)) | None => None,
        };
        let sessions = inner.sessions.keys().filter(|_| next.is_none()).cloned().map(MovedKey::Session);
        Ok((keys.into_iter().chain(sessions).collect(), next))
    }

    fn read(&mut self, keys: &[MovedKey]) -> Result<Vec<MovedRecord>, Failure> {
        let inner = self.0.lock().unwrap();
        let record = |key: &MovedKey| match key {
            MovedKey::Row(id) => inner.rows.get(id).cloned().map(MovedRecord::Row),
            MovedKey::Session(key) => {
                let session = inner.sessions.get(key)?;
                Some(MovedRecord::Session(key.clone(), session.clone(), Duration::from_secs(60)))
            }
        };
        Ok(keys.iter().filter_map(record).collect())
    }

    fn write(&mut self, records: &[MovedRecord]) -> Result<(), Failure> {
        let mut inner = self.0.lock().unwrap();
        if let Some(left) = &mut inner.fails_after {
            *left = left.checked_sub(1).ok_or(Failure::Lost("dead".into()))?;
        }
        for record in records.iter().cloned() {
            match record {
                MovedRecord::Row(row) => drop(inner.rows.insert(row.id, row)),
                MovedRecord::Session(key, session, _) => drop(inner.sessions.insert(key, session)),
            }
        }
        Ok(())
    }

    fn take(&mut self, records: &[MovedRecord]) -> Result<Vec<bool>, Failure> {
        let inner = &mut *self.0.lock().unwrap();
        for (id, times) in inner.written_meanwhile.iter_mut().filter(|(_, times)| **times > 0) {
            if let Some(row) = inner.rows.get_mut(id) {
                row.version += 1;
                *times -= 1;
            }
        }
        inner.ends_meanwhile.take().map(|key| inner.sessions.remove(&key));
        let take = |record: &MovedRecord| match record {
            MovedRecord::Row(row) => {
                let as_it_was = inner.rows.get(&row.id) == Some(row);
                as_it_was && inner.rows.remove(&row.id).is_some()
            }
            MovedRecord::Session(key, session, _) => {
                let as_it_was = inner.sessions.get(key) == Some(session);
                as_it_was && inner.sessions.remove(key).is_some()
            }
        };
        Ok(records.iter().map(take).collect())
    }

    fn forget(&mut self, keys: &[SessionKey]) -> Result<(), Failure> {
        let mut inner = self.0.lock().unwrap();
        keys.iter().for_each(|key| drop(inner.sessions.remove(key)));
        Ok(())
    }
}

const ROWS: u64 = 2_000;

/// Shards with their rows, and all connections to them.
fn shards(count: usize, have: usize) -> (Vec<Fake>, Vec<Box<dyn Shard>>) {
    let fakes: Vec<Fake> = (0..count).map(|_| Fake::default()).collect();
    for id in 0..ROWS {
        let row = Item { id, tag: 0, value: String::new(), version: 1 };
        fakes[of_id(id, have)].0.lock().unwrap().rows.insert(id, row);
    }
    let boxed = fakes.iter().map(|fake| Box::new(fake.clone()) as Box<dyn Shard>).collect();
    (fakes, boxed)
}

fn run(shards: &mut [Box<dyn Shard>], change: ShardChange) -> Result<Moved, Stopped> {
    let mut moved = Moved::default();
    for source in change.sources() {
        move_away(shards, source, change, &mut moved, |_| true)?;
    }
    Ok(moved)
}

/// Every row once, where it belongs.
fn check(fakes: &[Fake], of: usize) {
    for (place, fake) in fakes.iter().enumerate() {
        let here: Vec<u64> = fake.0.lock().unwrap().rows.keys().copied().collect();
        let belong: Vec<u64> = (0..ROWS).filter(|id| of_id(*id, of) == place).collect();
        assert_eq!(here, belong, "shard {place} of {of}");
        assert_eq!(count_rows(&mut fake.clone()), Ok(belong.len() as u64));
    }
}

#[test]
fn every_row_comes_to_its_shard_and_the_others_stay() {
    for (from, to) in [(1, 2), (2, 3), (2, 5), (3, 2), (4, 1)] {
        let change = ShardChange { from, to, begun: true };
        let (fakes, mut boxed) = shards(from.max(to), from);
        let moved = run(&mut boxed, change).unwrap();
        let expected = (0..ROWS).filter(|id| of_id(*id, from) != of_id(*id, to)).count() as u64;
        assert_eq!((moved.rows, moved.sessions), (expected, 0), "{from} {to}");
        check(&fakes, to);
        assert_eq!(run(&mut boxed, change).unwrap().rows, 0, "again");
    }
}

#[test]
fn what_is_written_meanwhile_moves_in_its_newest_version() {
    let change = ShardChange { from: 1, to: 2, begun: true };
    let (fakes, mut boxed) = shards(2, 1);
    let id = (0..ROWS).find(|id| of_id(*id, 2) == 1).unwrap();
    fakes[0].0.lock().unwrap().written_meanwhile = [(id, 2), (id + 1, 1)].into();
    run(&mut boxed, change).unwrap();
    check(&fakes, 2);
    assert_eq!(fakes[1].0.lock().unwrap().rows[&id].version, 3);
    // One that never rests is named, and stays.
    let (fakes, mut boxed) = shards(2, 1);
    fakes[0].0.lock().unwrap().written_meanwhile = [(id, usize::MAX)].into();
    assert_eq!(run(&mut boxed, change), Err(Stopped::Busy(0, MovedKey::Row(id))));
    assert!(fakes[0].0.lock().unwrap().rows.contains_key(&id));
}

#[test]
fn after_a_failure_every_row_is_there_and_the_next_run_goes_on() {
    let change = ShardChange { from: 2, to: 3, begun: true };
    let (fakes, mut boxed) = shards(3, 2);
    fakes[2].0.lock().unwrap().fails_after = Some(3);
    assert_eq!(run(&mut boxed, change), Err(Stopped::Failed(2, Failure::Lost("dead".into()))));
    for id in 0..ROWS {
        let places = change.of_id(id);
        let has = |place: usize| fakes[place].0.lock().unwrap().rows.contains_key(&id);
        assert!(has(places.first) || places.then.is_some_and(has), "{id}");
    }
    fakes[2].0.lock().unwrap().fails_after = None;
    run(&mut boxed, change).unwrap();
    check(&fakes, 3);
}

#[test]
fn a_session_that_ends_on_its_way_does_not_live_on() {
    let change = ShardChange { from: 1, to: 2, begun: true };
    let (fakes, mut boxed) = shards(2, 1);
    let keys: Vec<SessionKey> =
        (0..100_u128).map(|number| SessionKey::new((number << 70 | number).to_be_bytes())).collect();
    let moving: Vec<&SessionKey> = keys.iter().filter(|key| change.of_session(key).then.is_some()).collect();
    for key in &keys {
        fakes[0].0.lock().unwrap().sessions.insert(key.clone(), Session::default());
    }
    fakes[0].0.lock().unwrap().ends_meanwhile = Some(moving[0].clone());
    // It ends when the first rows are taken; one that ends between its own copy and its taking likewise.
    let moved = run(&mut boxed, change).unwrap();
    assert_eq!(moved.sessions as usize, moving.len() - 1);
    assert!(!fakes[1].0.lock().unwrap().sessions.contains_key(moving[0]));
    let places = (0, 1);
    let mut again = Moved::default();
    fakes[0].0.lock().unwrap().sessions.insert(moving[0].clone(), Session::default());
    fakes[0].0.lock().unwrap().ends_meanwhile = Some(moving[0].clone());
    move_batch(&mut boxed, places, vec![MovedKey::Session(moving[0].clone())], &mut again).unwrap();
    assert_eq!(again.sessions, 0);
    assert!(!fakes[1].0.lock().unwrap().sessions.contains_key(moving[0]));
}

#[test]
fn it_stops_when_told() {
    let (_, mut boxed) = shards(2, 1);
    let mut moved = Moved::default();
    let change = ShardChange { from: 1, to: 2, begun: true };
    assert_eq!(move_away(&mut boxed, 0, change, &mut moved, |_| false), Err(Stopped::Told));
    assert!(moved.rows > 0 && moved.rows < ROWS / 2);
}
