//! `mysql://`: MariaDB, or another server of its protocol.

mod moves;
mod operate;

use std::error::Error as _;
use std::io;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use mysql::{Conn, DriverError, Error, OptsBuilder, Row, Value};

use super::client::{Client, Failure, Item, Lookup, ReplicaRole, Session, SessionKey, Standing};
use super::rows;
use super::sqlite::unix_seconds;
use super::target::Remote;

const SCHEMA: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS items (
        id BIGINT UNSIGNED NOT NULL PRIMARY KEY, tag BIGINT UNSIGNED NOT NULL, value VARBINARY(1024) NOT NULL,
        version BIGINT UNSIGNED NOT NULL, KEY items_by_tag (tag)) ENGINE = InnoDB",
    "CREATE TABLE IF NOT EXISTS sessions (
        id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, counter BIGINT UNSIGNED NOT NULL,
        user VARBINARY(255), ends BIGINT NOT NULL, KEY sessions_by_end (ends)) ENGINE = InnoDB",
];

/// Error numbers of the server (MariaDB Knowledge Base, "MariaDB Error Codes").
const UNKNOWN_DATABASE: u16 = 1049;
const NO_SUCH_TABLE: u16 = 1146;
const UNKNOWN_VARIABLE: u16 = 1193;
const STATEMENT_TIMEOUT: u16 = 1969;
/// The server is going down, or ended this connection.
const ENDING: [u16; 4] = [1053, 1927, 1077, 1079];

/// A connection to a server.
pub struct Mysql {
    connection: Conn,
}

impl Mysql {
    /// Connects and logs in; `timeout` bounds each wait for the server.
    pub fn connect(remote: &Remote, timeout: Duration) -> Result<Self, Failure> {
        let mut connection = Conn::new(options(remote, timeout, true)).map_err(|error| match failure(error) {
            Failure::TimedOut => Failure::TimedOut,
            Failure::Lost(why) | Failure::Refused(why) => Failure::Lost(why),
            Failure::Stopped | Failure::Unseeded | Failure::Unsupported(_) => {
                Failure::Lost("not a MariaDB server".into())
            }
        })?;
        // The deadline reaches the store: it ends what nobody waits for any more. Servers other than MariaDB may not know it.
        match connection.query_drop(format!("SET SESSION max_statement_time = {}", timeout.as_secs_f64())) {
            Err(Error::MySqlError(error)) if error.code == UNKNOWN_VARIABLE => {}
            other => other.map_err(failure)?,
        }
        Ok(Self { connection })
    }

    /// Makes the database that the URL names, where the user may.
    pub fn create_database(remote: &Remote, timeout: Duration) -> Result<(), Failure> {
        if remote.database.is_empty() {
            return Err(Failure::Refused(
                "the URL names no database; write mysql://USER:PASSWORD@HOST:PORT/DATABASE".into(),
            ));
        }
        let mut connection = Conn::new(options(remote, timeout, false)).map_err(failure)?;
        let name = remote.database.replace('`', "``");
        match connection.query_drop(format!("CREATE DATABASE IF NOT EXISTS `{name}`")) {
            // Who may not make databases may still use one that is there.
            Ok(()) | Err(Error::MySqlError(_)) => Ok(()),
            Err(error) => Err(failure(error)),
        }
    }
}

fn options(remote: &Remote, timeout: Duration, use_database: bool) -> OptsBuilder {
    let database = Some(&remote.database).filter(|name| use_database && !name.is_empty());
    OptsBuilder::new()
        .ip_or_hostname(Some(&remote.host))
        .tcp_port(remote.port)
        // A server on this machine would otherwise be asked by its Unix socket: another path than the one that is measured.
        .prefer_socket(false)
        .user(remote.user.as_ref())
        .pass(remote.password.as_ref().map(|password| password.reveal()))
        .db_name(database)
        .tcp_connect_timeout(Some(timeout))
        .read_timeout(Some(timeout))
        .write_timeout(Some(timeout))
}

fn failure(error: Error) -> Failure {
    match error {
        Error::MySqlError(error) => match error.code {
            STATEMENT_TIMEOUT => Failure::Stopped,
            NO_SUCH_TABLE => Failure::Unseeded,
            UNKNOWN_DATABASE => Failure::Refused(format!("{} (webapp store seed makes it)", error.message)),
            code if ENDING.contains(&code) => Failure::Lost(error.message),
            _ => Failure::Refused(error.message),
        },
        Error::IoError(error) => of_socket(&error),
        Error::CodecError(error) => match error.source().and_then(|cause| cause.downcast_ref()) {
            Some(cause) => of_socket(cause),
            None => Failure::Lost(error.to_string()),
        },
        Error::DriverError(DriverError::ConnectTimeout) => Failure::TimedOut,
        // The driver's message of a failed connect repeats the address, which every message of ours names already.
        Error::DriverError(DriverError::CouldNotConnect(Some((_, _, kind)))) => match kind {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Failure::TimedOut,
            kind => Failure::Lost(kind.to_string()),
        },
        other => Failure::Lost(other.to_string()),
    }
}

fn of_socket(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Failure::TimedOut,
        _ => Failure::Lost(error.to_string()),
    }
}

/// The number of the last transaction in a list of GTIDs, such as `0-77-1234`: that of the default domain, where all writes are.
fn sequence(gtids: &str) -> u64 {
    let of_domain = |gtid: &str| gtid.trim().strip_prefix("0-")?.split_once('-')?.1.parse().ok();
    gtids.split(',').find_map(of_domain).unwrap_or_default()
}

fn item(row: Row) -> Result<Item, Failure> {
    let (id, tag, value, version): (u64, u64, Vec<u8>, u64) =
        mysql::from_row_opt(row).map_err(|_| Failure::Refused("a row of items has another shape".into()))?;
    Ok(Item { id, tag, value: String::from_utf8_lossy(&value).into_owned(), version })
}

impl Client for Mysql {
    fn ping(&mut self, _by: Instant) -> Result<(), Failure> {
        self.connection.ping().map_err(failure)
    }

    /// The primary's position is the end of its binary log, where a write is before it is acknowledged; a replica's is the last
    /// transaction that was committed, not the last that was received.
    fn standing(&mut self, _by: Instant) -> Result<Standing, Failure> {
        const ASK: &str = "SELECT @@global.read_only, @@global.gtid_binlog_pos, @@global.gtid_slave_pos";
        let row: Option<(bool, String, String)> = self.connection.query_first(ASK).map_err(failure)?;
        let (read_only, written, repeated) =
            row.ok_or_else(|| Failure::Refused("it does not say what it is".to_owned()))?;
        Ok(match read_only {
            true => Standing { part: ReplicaRole::Replica, position: sequence(&repeated) },
            false => Standing { part: ReplicaRole::Primary, position: sequence(&written) },
        })
    }

    fn get(&mut self, id: u64, _by: Instant) -> Result<Option<Item>, Failure> {
        let row: Option<Row> = self
            .connection
            .exec_first("SELECT id, tag, value, version FROM items WHERE id = ?", (id,))
            .map_err(failure)?;
        row.map(item).transpose()
    }

    fn put(&mut self, id: u64, value: &str, _by: Instant) -> Result<Option<u64>, Failure> {
        // The new version comes back as the "last inserted id": read and written in one step, so that no write is counted twice.
        const WRITE: &str = "UPDATE items SET value = ?, version = LAST_INSERT_ID(version + 1) WHERE id = ?";
        self.connection.exec_drop(WRITE, (value.as_bytes(), id)).map_err(failure)?;
        Ok((self.connection.affected_rows() > 0).then(|| self.connection.last_insert_id()))
    }

    fn by_tag(&mut self, tag: u64, lookup: Lookup, _by: Instant) -> Result<Vec<Item>, Failure> {
        let query = match lookup {
            Lookup::Index => {
                "SELECT id, tag, value, version FROM items FORCE INDEX (items_by_tag) WHERE tag = ? ORDER BY id"
            }
            Lookup::Scan => {
                "SELECT id, tag, value, version FROM items IGNORE INDEX (items_by_tag) WHERE tag = ? ORDER BY id"
            }
        };
        let rows: Vec<Row> = self.connection.exec(query, (tag,)).map_err(failure)?;
        rows.into_iter().map(item).collect()
    }

    fn create_session(
        &mut self,
        key: &SessionKey,
        session: &Session,
        lifetime: Duration,
        _by: Instant,
    ) -> Result<(), Failure> {
        let now = unix_seconds();
        let ends = now.saturating_add(lifetime.as_secs() as i64);
        let values = (key.as_str(), session.counter, session.user.as_deref(), ends);
        self.connection
            .exec_drop("INSERT INTO sessions (id, counter, user, ends) VALUES (?, ?, ?, ?)", values)
            .map_err(failure)?;
        // Two go for each that comes, where they are over, so that dead ones never pile up.
        self.connection.exec_drop("DELETE FROM sessions WHERE ends <= ? ORDER BY ends LIMIT 2", (now,)).map_err(failure)
    }

    fn next_of_session(&mut self, key: &SessionKey, _by: Instant) -> Result<Option<Session>, Failure> {
        const COUNT: &str = "UPDATE sessions SET counter = LAST_INSERT_ID(counter + 1) WHERE id = ? AND ends > ?";
        self.connection.exec_drop(COUNT, (key.as_str(), unix_seconds())).map_err(failure)?;
        if self.connection.affected_rows() == 0 {
            return Ok(None);
        }
        let counter = self.connection.last_insert_id();
        let user: Option<Option<Vec<u8>>> =
            self.connection.exec_first("SELECT user FROM sessions WHERE id = ?", (key.as_str(),)).map_err(failure)?;
        // Deleted between the two: over.
        Ok(user.map(|user| Session { counter, user: user.map(|user| String::from_utf8_lossy(&user).into_owned()) }))
    }

    fn delete_session(&mut self, key: &SessionKey, _by: Instant) -> Result<(), Failure> {
        self.connection.exec_drop("DELETE FROM sessions WHERE id = ?", (key.as_str(),)).map_err(failure)
    }

    fn create_schema(&mut self, _by: Instant) -> Result<(), Failure> {
        SCHEMA.iter().try_for_each(|table| self.connection.query_drop(table).map_err(failure))
    }

    fn add_rows(&mut self, ids: &[u64], _by: Instant) -> Result<(), Failure> {
        if ids.is_empty() {
            return Ok(());
        }
        let places = vec!["(?, ?, ?, ?)"; ids.len()].join(", ");
        let values: Vec<Value> = ids
            .iter()
            .map(|id| rows::fresh(*id))
            .flat_map(|row| [row.id.into(), row.tag.into(), row.value.into(), row.version.into()])
            .collect();
        let insert = format!("INSERT IGNORE INTO items (id, tag, value, version) VALUES {places}");
        self.connection.exec_drop(insert, values).map_err(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_the_default_domain() {
        for (gtids, number) in [("", 0), ("0-77-1234", 1234), ("1-5-9,0-4294967295-7", 7), ("1-5-9", 0), ("0-x", 0)] {
            assert_eq!(sequence(gtids), number, "{gtids}");
        }
    }
}
