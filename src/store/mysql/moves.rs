//! Rows of a MariaDB server on their way to another one. Sessions are not moved: a cluster keeps them elsewhere.

use mysql::Value;
use mysql::prelude::Queryable;

use super::{Mysql, failure, item};
use crate::store::client::{Failure, Item, SessionKey};
use crate::store::moves::{MovedKey, MovedRecord, Shard};

/// Ids of one step.
const STEP: usize = 2_000;

fn ids(keys: &[MovedKey]) -> Vec<u64> {
    let id = |key: &MovedKey| match key {
        MovedKey::Row(id) => Some(*id),
        MovedKey::Session(_) => None,
    };
    keys.iter().filter_map(id).collect()
}

fn rows(records: &[MovedRecord]) -> impl Iterator<Item = &Item> {
    records.iter().filter_map(|record| match record {
        MovedRecord::Row(row) => Some(row),
        MovedRecord::Session(..) => None,
    })
}

/// `?, ?, ?`, or the same of groups.
fn places(what: &str, count: usize) -> String {
    vec![what; count].join(", ")
}

impl Shard for Mysql {
    /// `from` is the least id.
    fn keys(&mut self, from: u64) -> Result<(Vec<MovedKey>, Option<u64>), Failure> {
        let query = format!("SELECT id FROM items WHERE id >= ? ORDER BY id LIMIT {STEP}");
        let ids: Vec<u64> = self.connection.exec(query, (from,)).map_err(failure)?;
        let next = ids.last().filter(|_| ids.len() == STEP).map(|last| last + 1);
        Ok((ids.into_iter().map(MovedKey::Row).collect(), next))
    }

    fn read(&mut self, keys: &[MovedKey]) -> Result<Vec<MovedRecord>, Failure> {
        let ids = ids(keys);
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let query = format!("SELECT id, tag, value, version FROM items WHERE id IN ({})", places("?", ids.len()));
        let values: Vec<Value> = ids.into_iter().map(Value::from).collect();
        let rows: Vec<mysql::Row> = self.connection.exec(query, values).map_err(failure)?;
        rows.into_iter().map(|row| item(row).map(MovedRecord::Row)).collect()
    }

    fn write(&mut self, records: &[MovedRecord]) -> Result<(), Failure> {
        let values: Vec<Value> = rows(records)
            .flat_map(|row| [row.id.into(), row.tag.into(), row.value.as_bytes().into(), row.version.into()])
            .collect();
        if values.is_empty() {
            return Ok(());
        }
        let groups = places("(?, ?, ?, ?)", values.len() / 4);
        let replace = format!("REPLACE INTO items (id, tag, value, version) VALUES {groups}");
        self.connection.exec_drop(replace, values).map_err(failure)
    }

    /// By the version, which each write makes another one. RETURNING is of MariaDB 10.0.5.
    fn take(&mut self, records: &[MovedRecord]) -> Result<Vec<bool>, Failure> {
        let count = rows(records).count();
        let (ids, pairs) = (places("?", count), places("(?, ?)", count));
        let delete = format!("DELETE FROM items WHERE id IN ({ids}) AND (id, version) IN ({pairs}) RETURNING id");
        let values: Vec<Value> = rows(records)
            .map(|row| row.id.into())
            .chain(rows(records).flat_map(|row| [row.id.into(), row.version.into()]))
            .collect();
        let taken: Vec<u64> = self.connection.exec(delete, values).map_err(failure)?;
        let taken: std::collections::HashSet<u64> = taken.into_iter().collect();
        let was_taken = |record: &MovedRecord| match record {
            MovedRecord::Row(row) => taken.contains(&row.id),
            MovedRecord::Session(..) => false,
        };
        Ok(records.iter().map(was_taken).collect())
    }

    fn forget(&mut self, _keys: &[SessionKey]) -> Result<(), Failure> {
        Ok(())
    }
}
