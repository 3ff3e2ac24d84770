//! Rows and sessions of a Redis server on their way to another one.

use std::time::Duration;

use super::{Redis, item_key, keep_session, put_into_index, session_key, tag_key};
use crate::store::client::{Failure, Session, SessionKey};
use crate::store::moves::{MovedKey, MovedRecord, Shard};

/// Keys that one step looks at, as asked of the server.
const STEP: usize = 2_000;

/// Takes a row away if it is of that version, in one step.
const TAKE_ROW: &str = "if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], ARGV[2])
return 1";

/// Takes a session away if nobody has counted it up, in one step.
const TAKE_SESSION: &str = "if redis.call('HGET', KEYS[1], 'counter') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

/// What a key of the server stands for; `None` for those of the index.
fn key(text: &str) -> Option<MovedKey> {
    match text.split_once(':')? {
        ("item", id) => id.parse().ok().map(MovedKey::Row),
        ("session", digits) => SessionKey::from_text(digits).map(MovedKey::Session),
        _ => None,
    }
}

/// Counter, user, and milliseconds that it lasts.
type SessionFields = ((Option<u64>, Option<String>), i64);

impl Redis {
    fn read_sessions(&mut self, keys: &[SessionKey]) -> Result<Vec<MovedRecord>, Failure> {
        let mut records = Vec::new();
        for key in keys {
            let name = session_key(key);
            let mut pipeline = redis::pipe();
            pipeline.atomic().cmd("HMGET").arg(&name).arg("counter").arg("user").cmd("PTTL").arg(&name);
            let ((counter, user), milliseconds): SessionFields = self.ask_all(&pipeline)?;
            if let (Some(counter), Ok(left @ 1..)) = (counter, u64::try_from(milliseconds)) {
                records.push(MovedRecord::Session(key.clone(), Session { counter, user }, Duration::from_millis(left)));
            }
        }
        Ok(records)
    }
}

impl Shard for Redis {
    /// `from` is the cursor of SCAN.
    fn keys(&mut self, from: u64) -> Result<(Vec<MovedKey>, Option<u64>), Failure> {
        let mut step = redis::cmd("SCAN");
        step.arg(from).arg("COUNT").arg(STEP);
        let (next, names): (u64, Vec<String>) = self.ask(&step)?;
        Ok((names.iter().filter_map(|name| key(name)).collect(), Some(next).filter(|next| *next != 0)))
    }

    fn read(&mut self, keys: &[MovedKey]) -> Result<Vec<MovedRecord>, Failure> {
        let (mut ids, mut sessions) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                MovedKey::Row(id) => ids.push(*id),
                MovedKey::Session(key) => sessions.push(key.clone()),
            }
        }
        let mut records: Vec<MovedRecord> = self.rows(&ids)?.into_iter().map(MovedRecord::Row).collect();
        records.extend(self.read_sessions(&sessions)?);
        Ok(records)
    }

    fn write(&mut self, records: &[MovedRecord]) -> Result<(), Failure> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for record in records {
            match record {
                MovedRecord::Row(row) => {
                    let fields = pipeline.cmd("HSET").arg(item_key(row.id)).arg("tag").arg(row.tag);
                    fields.arg("value").arg(&row.value).arg("version").arg(row.version).ignore();
                    put_into_index(&mut pipeline, row.id, row.tag);
                }
                MovedRecord::Session(key, session, left) => keep_session(&mut pipeline, key, session, *left),
            }
        }
        self.ask_all(&pipeline)
    }

    fn take(&mut self, records: &[MovedRecord]) -> Result<Vec<bool>, Failure> {
        let mut pipeline = redis::pipe();
        for record in records {
            match record {
                MovedRecord::Row(row) => {
                    let keys = [item_key(row.id), tag_key(row.tag)];
                    pipeline.cmd("EVAL").arg(TAKE_ROW).arg(2).arg(&keys).arg(row.version).arg(row.id);
                }
                MovedRecord::Session(key, session, _) => {
                    pipeline.cmd("EVAL").arg(TAKE_SESSION).arg(1).arg(session_key(key)).arg(session.counter);
                }
            }
        }
        self.ask_all(&pipeline)
    }

    fn forget(&mut self, keys: &[SessionKey]) -> Result<(), Failure> {
        let mut command = redis::cmd("DEL");
        keys.iter().for_each(|key| _ = command.arg(session_key(key)));
        self.ask::<u64>(&command).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys_are_read_back() {
        let session = SessionKey::new([7; 16]);
        assert_eq!(key(&item_key(42)), Some(MovedKey::Row(42)));
        assert_eq!(key(&session_key(&session)), Some(MovedKey::Session(session)));
        for other in ["tag:7", "item:x", "session:short", "cache:1", "item"] {
            assert_eq!(key(other), None, "{other}");
        }
    }
}
