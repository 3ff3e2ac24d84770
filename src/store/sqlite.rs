//! `sqlite:FILE`: a database in a file. Several processes of one machine may use it at once; one of them writes at a time.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, TransactionBehavior, params};

use super::client::{Client, Failure, Item, Lookup, Session, SessionKey, left};
use super::rows;

/// The version of a row counts its writes.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS items (
        id INTEGER PRIMARY KEY, tag INTEGER NOT NULL, value TEXT NOT NULL, version INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS items_by_tag ON items (tag);
    CREATE TABLE IF NOT EXISTS sessions (
        id TEXT PRIMARY KEY, counter INTEGER NOT NULL, user TEXT, ends INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS sessions_by_end ON sessions (ends);";

/// Steps of SQLite's virtual machine between two looks at the clock: some tens of microseconds.
const STEPS_A_LOOK: i32 = 10_000;
/// How long the log of writes may grow, pages of 4 KiB, until its content is moved into the database.
const WAL_PAGES: u32 = 1_000;

/// A connection to a database file.
pub struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    /// Opens the file, which is made if it is not there; `timeout` bounds the wait for another writer.
    pub fn open(path: &Path, timeout: Duration) -> Result<Self, Failure> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| Failure::Lost(error.to_string()))?;
        connection.busy_timeout(timeout).map_err(failure)?;
        // A write is safe from a crash of the process, not from one of the machine: what a demo needs, at a tenth of the time.
        let settings = format!("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = {WAL_PAGES};");
        connection.execute_batch(&settings).map_err(failure)?;
        Ok(Self { connection })
    }

    /// Runs `query`, which is stopped when `by` has come.
    fn run<T>(
        &mut self,
        by: Instant,
        query: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let connection = &mut self.connection;
        connection.busy_timeout(left(by)).map_err(failure)?;
        connection.progress_handler(STEPS_A_LOOK, Some(move || Instant::now() >= by)).map_err(failure)?;
        query(connection).map_err(failure)
    }
}

fn failure(error: rusqlite::Error) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted) => Failure::Stopped,
        _ if error.to_string().contains("no such table") => Failure::Unseeded,
        Some(ErrorCode::CannotOpen | ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Failure::Lost(error.to_string())
        }
        _ => Failure::Refused(error.to_string()),
    }
}

fn item(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item {
        id: row.get::<_, i64>(0)?.unsigned_abs(),
        tag: row.get::<_, i64>(1)?.unsigned_abs(),
        value: row.get(2)?,
        version: row.get::<_, i64>(3)?.unsigned_abs(),
    })
}

/// Seconds since 1970.
pub(super) fn unix_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

impl Client for Sqlite {
    fn ping(&mut self, by: Instant) -> Result<(), Failure> {
        self.run(by, |connection| connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())))
    }

    fn get(&mut self, id: u64, by: Instant) -> Result<Option<Item>, Failure> {
        self.run(by, |connection| {
            let mut query = connection.prepare_cached("SELECT id, tag, value, version FROM items WHERE id = ?")?;
            query.query_row([id as i64], item).optional()
        })
    }

    fn put(&mut self, id: u64, value: &str, by: Instant) -> Result<Option<u64>, Failure> {
        self.run(by, |connection| {
            let mut query = connection
                .prepare_cached("UPDATE items SET value = ?, version = version + 1 WHERE id = ? RETURNING version")?;
            let version = query.query_row(params![value, id as i64], |row| row.get::<_, i64>(0)).optional()?;
            Ok(version.map(i64::unsigned_abs))
        })
    }

    fn by_tag(&mut self, tag: u64, lookup: Lookup, by: Instant) -> Result<Vec<Item>, Failure> {
        let query = match lookup {
            Lookup::Index => {
                "SELECT id, tag, value, version FROM items INDEXED BY items_by_tag WHERE tag = ? ORDER BY id"
            }
            Lookup::Scan => "SELECT id, tag, value, version FROM items NOT INDEXED WHERE tag = ? ORDER BY id",
        };
        self.run(by, |connection| connection.prepare_cached(query)?.query_map([tag as i64], item)?.collect())
    }

    fn create_session(
        &mut self,
        key: &SessionKey,
        session: &Session,
        lifetime: Duration,
        by: Instant,
    ) -> Result<(), Failure> {
        let now = unix_seconds();
        let ends = now.saturating_add(lifetime.as_secs() as i64);
        self.run(by, |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // Two go for each that comes, where they are over, so that dead ones never pile up.
            transaction
                .prepare_cached(
                    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ends <= ? ORDER BY ends LIMIT 2)",
                )?
                .execute([now])?;
            transaction
                .prepare_cached("INSERT INTO sessions (id, counter, user, ends) VALUES (?, ?, ?, ?)")?
                .execute(params![key.as_str(), session.counter as i64, session.user, ends])?;
            transaction.commit()
        })
    }

    fn next_of_session(&mut self, key: &SessionKey, by: Instant) -> Result<Option<Session>, Failure> {
        self.run(by, |connection| {
            let mut query = connection.prepare_cached(
                "UPDATE sessions SET counter = counter + 1 WHERE id = ? AND ends > ? RETURNING counter, user",
            )?;
            let session =
                |row: &Row<'_>| Ok(Session { counter: row.get::<_, i64>(0)?.unsigned_abs(), user: row.get(1)? });
            query.query_row(params![key.as_str(), unix_seconds()], session).optional()
        })
    }

    fn delete_session(&mut self, key: &SessionKey, by: Instant) -> Result<(), Failure> {
        self.run(by, |connection| {
            connection.prepare_cached("DELETE FROM sessions WHERE id = ?")?.execute([key.as_str()]).map(drop)
        })
    }

    fn create_schema(&mut self, by: Instant) -> Result<(), Failure> {
        self.run(by, |connection| connection.execute_batch(SCHEMA))
    }

    fn add_rows(&mut self, ids: &[u64], by: Instant) -> Result<(), Failure> {
        self.run(by, |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO items (id, tag, value, version) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                )?;
                for row in ids.iter().map(|id| rows::fresh(*id)) {
                    insert.execute(params![row.id as i64, row.tag as i64, row.value, row.version as i64])?;
                }
            }
            transaction.commit()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_stopped_when_its_time_is_up_and_the_connection_stays_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Sqlite::open(&folder.path().join("a.db"), Duration::from_secs(1)).unwrap();
        let by = Instant::now() + Duration::from_secs(60);
        store.create_schema(by).unwrap();
        store.add_rows(&Vec::from_iter(0..50_000), by).unwrap();
        let soon = Instant::now() + Duration::from_micros(200);
        assert_eq!(store.by_tag(3, Lookup::Scan, soon), Err(Failure::Stopped));
        assert_eq!(store.by_tag(3, Lookup::Scan, by).unwrap().len(), 10);
    }

    #[test]
    fn a_file_that_is_no_database_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("text");
        std::fs::write(&file, "no database, but long enough to be looked at ".repeat(100)).unwrap();
        let mut store = match Sqlite::open(&file, Duration::from_secs(1)) {
            Ok(store) => store,
            Err(failure) => return assert!(failure.ends_client(), "{failure:?}"),
        };
        let by = Instant::now() + Duration::from_secs(1);
        assert!(store.ping(by).unwrap_err().ends_client());
        assert!(Sqlite::open(folder.path(), Duration::from_secs(1)).is_err());
    }
}
