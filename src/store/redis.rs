//! `redis://`: Redis, or another server of its protocol.
//!
//! A row is a hash `item:ID`; the index is one set a tag, `tag:TAG`, of ids. A session is a hash that expires. `writes` counts the
//! writes of rows and sessions, in one step with each of them: what a dead primary had acknowledged and its replica has not, is the
//! difference of two such numbers.

pub mod cluster;
pub mod join;
mod moves;
mod operate;
mod slots;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use redis::{
    Cmd, Connection, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo, Pipeline, RedisConnectionInfo,
    RedisError,
};

use super::client::{Client, Failure, Item, Lookup, ReplicaRole, Session, SessionKey, Standing};
use super::rows;
use super::target::Remote;

/// Keys that one step of a scan looks at, as asked of the server.
const KEYS_A_STEP: usize = 1_000;

/// Reads that are sent in one pipeline, of some 60 bytes each: both ways they fit into one packet, or two.
pub(super) const MOST_AT_ONCE: usize = 16;

/// The key that a primary has while it takes no writes, as another server shall become the primary.
const HANDS_OVER: &str = "hands-over";

/// The key under which writes are counted.
const WRITES: &str = "writes";

/// Writes a row that is there, in one step; where it gets [`WRITES`], it numbers that write.
const PUT: &str = "if redis.call('EXISTS', KEYS[1]) == 0 then return false end
redis.call('HSET', KEYS[1], 'value', ARGV[1])
return {redis.call('HINCRBY', KEYS[1], 'version', 1), KEYS[2] and redis.call('INCR', KEYS[2]) or false}";

/// Counts a session that is there, in one step, and numbers that write likewise.
const NEXT: &str = "if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local counter = redis.call('HINCRBY', KEYS[1], 'counter', 1)
return {counter, redis.call('HGET', KEYS[1], 'user'), KEYS[2] and redis.call('INCR', KEYS[2]) or false}";

/// A connection to a server.
pub struct Redis {
    connection: Connection,
    /// Whether its writes are numbered.
    numbers_writes: bool,
    last_write: Option<u64>,
}

/// What `HMGET item:ID tag value version` answers.
type ItemFields = (Option<u64>, Option<String>, Option<u64>);

impl Redis {
    /// Connects, logs in and asks for a sign of life; `timeout` bounds each wait for the server.
    pub fn connect(remote: &Remote, timeout: Duration) -> Result<Self, Failure> {
        let connection = connect(remote, timeout).map_err(|error| match failure(&error) {
            Failure::Refused(why) => Failure::Lost(why),
            other => other,
        })?;
        Ok(Self { connection, numbers_writes: true, last_write: None })
    }

    /// The same as one server of several that share the keys out among themselves: a step may touch one key alone.
    pub(super) fn connect_to_one_of_cluster(remote: &Remote, timeout: Duration) -> Result<Self, Failure> {
        Ok(Self { numbers_writes: false, ..Self::connect(remote, timeout)? })
    }

    /// A script over a key, and over the number of the writes where they have one.
    fn script(&self, script: &str, key: String) -> Cmd {
        let mut command = redis::cmd("EVAL");
        match self.numbers_writes {
            true => command.arg(script).arg(2).arg(key).arg(WRITES),
            false => command.arg(script).arg(1).arg(key),
        };
        command
    }

    /// The number of a write that was acknowledged.
    fn acknowledged(&mut self, number: Option<u64>) {
        self.last_write = number.or(self.last_write);
    }

    /// Sends commands that write, and numbers them together, in one step with them.
    fn write_all(&mut self, mut commands: Pipeline) -> Result<(), Failure> {
        if self.numbers_writes {
            commands.atomic().cmd("INCR").arg(WRITES);
        }
        let numbers: Vec<u64> = self.ask_all(&commands)?;
        self.acknowledged(numbers.last().copied());
        Ok(())
    }

    fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, Failure> {
        command.query(&mut self.connection).map_err(|error| failure(&error))
    }

    /// Sends all commands at once.
    fn ask_all<T: FromRedisValue>(&mut self, commands: &Pipeline) -> Result<T, Failure> {
        commands.query(&mut self.connection).map_err(|error| failure(&error))
    }

    /// What it is, and how far, by what it says of its replication.
    fn replication_standing(&mut self) -> Result<Standing, Failure> {
        let text: String = self.ask(redis::cmd("INFO").arg("replication"))?;
        standing(&text).ok_or_else(|| Failure::Refused("it does not say what it is".to_owned()))
    }

    /// The rows of these ids, those that are there.
    fn rows(&mut self, ids: &[u64]) -> Result<Vec<Item>, Failure> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        for id in ids {
            pipeline.add_command(row(*id));
        }
        let fields: Vec<ItemFields> = self.ask_all(&pipeline)?;
        Ok(ids.iter().zip(fields).filter_map(|(id, fields)| item(*id, fields)).collect())
    }

    /// The ids in the index of a tag, in order.
    fn ids_of_tag(&mut self, tag: u64) -> Result<Vec<u64>, Failure> {
        let mut command = redis::cmd("SMEMBERS");
        command.arg(tag_key(tag));
        let mut ids: Vec<u64> = self.ask(&command)?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// Sends all questions, then reads all answers. By hand, as `redis::Pipeline` goes on reading after a timeout, once for each
    /// answer that is missing.
    fn pipeline(
        &mut self,
        ids: &[u64],
        by: Instant,
        rows: &mut Vec<Result<Option<Item>, Failure>>,
    ) -> Result<(), Failure> {
        let mut packed = Vec::with_capacity(64 * ids.len());
        ids.iter().for_each(|id| row(*id).write_packed_command(&mut packed));
        self.connection.send_packed_command(&packed).map_err(|error| failure(&error))?;
        for id in ids {
            if Instant::now() >= by {
                return Err(Failure::TimedOut);
            }
            let answer = self.connection.recv_response().map_err(|error| failure(&error))?;
            let fields = answer.extract_error().and_then(|answer| Ok(redis::from_redis_value::<ItemFields>(answer)?));
            rows.push(fields.map(|fields| item(*id, fields)).map_err(|error| failure(&error)));
        }
        Ok(())
    }

    fn scan(&mut self, tag: u64, by: Instant) -> Result<Vec<Item>, Failure> {
        let mut found = Vec::new();
        let mut cursor = 0_u64;
        loop {
            if Instant::now() >= by {
                return Err(Failure::Stopped);
            }
            let mut step = redis::cmd("SCAN");
            step.arg(cursor).arg("MATCH").arg("item:*").arg("COUNT").arg(KEYS_A_STEP);
            let (next, keys): (u64, Vec<String>) = self.ask(&step)?;
            let ids: Vec<u64> = keys.iter().filter_map(|key| key.strip_prefix("item:")?.parse().ok()).collect();
            found.extend(self.rows(&ids)?.into_iter().filter(|row| row.tag == tag));
            if next == 0 {
                break;
            }
            cursor = next;
        }
        // A scan may come by a key twice.
        found.sort_by_key(|row| row.id);
        found.dedup_by_key(|row| row.id);
        Ok(found)
    }
}

fn connect(remote: &Remote, timeout: Duration) -> Result<Connection, RedisError> {
    // Naming the client's library would cost a round trip, and an error on servers before 7.2.
    let mut login = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(user) = &remote.user {
        login = login.set_username(user);
    }
    if let Some(password) = &remote.password {
        login = login.set_password(password.reveal());
    }
    if let Ok(number) = remote.database.parse() {
        login = login.set_db(number);
    }
    let address = ConnectionAddr::Tcp(remote.host.clone(), remote.port);
    let client = redis::Client::open(address.into_connection_info()?.set_redis_settings(login))?;
    let mut connection = client.get_connection_with_timeout(timeout)?;
    connection.set_read_timeout(Some(timeout))?;
    connection.set_write_timeout(Some(timeout))?;
    let _: String = redis::cmd("PING").query(&mut connection)?;
    Ok(connection)
}

fn failure(error: &RedisError) -> Failure {
    if error.is_timeout() {
        return Failure::TimedOut;
    }
    match error.kind() {
        // What the server said, as it said it; the connection is in order.
        ErrorKind::Server(_) | ErrorKind::Extension => Failure::Refused(refusal(error)),
        // Everything else, as it may have left half an answer in the connection.
        _ => Failure::Lost(error.to_string()),
    }
}

/// What the server said, of several commands to the first that it refused.
fn refusal(error: &RedisError) -> String {
    let refusals = error.clone().into_server_errors();
    let Some((_, refusal)) = refusals.as_deref().and_then(<[_]>::first) else { return error.to_string() };
    [Some(refusal.code()), refusal.details()].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What `INFO replication` says. A replica that lost its primary, or copies all of it anew, has no position.
fn standing(info: &str) -> Option<Standing> {
    let position = |name| field(info, name).and_then(|text| text.parse().ok());
    Some(match field(info, "role")? {
        "master" => Standing { part: ReplicaRole::Primary, position: position("master_repl_offset")? },
        _ => Standing { part: ReplicaRole::Replica, position: position("slave_repl_offset")? },
    })
}

/// A field of what `INFO` answers.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))
}

fn row(id: u64) -> Cmd {
    let mut command = redis::cmd("HMGET");
    command.arg(item_key(id)).arg("tag").arg("value").arg("version");
    command
}

fn item_key(id: u64) -> String {
    format!("item:{id}")
}

fn tag_key(tag: u64) -> String {
    format!("tag:{tag}")
}

fn session_key(key: &SessionKey) -> String {
    format!("session:{}", key.as_str())
}

/// Makes a row, as it is first, where it is missing.
fn make_row(pipeline: &mut Pipeline, row: &Item) {
    let key = item_key(row.id);
    pipeline.cmd("HSETNX").arg(&key).arg("version").arg(row.version).ignore();
    pipeline.cmd("HSETNX").arg(&key).arg("value").arg(&row.value).ignore();
    pipeline.cmd("HSETNX").arg(&key).arg("tag").arg(row.tag).ignore();
}

/// Puts a row into the index of its tag.
fn put_into_index(pipeline: &mut Pipeline, id: u64, tag: u64) {
    pipeline.cmd("SADD").arg(tag_key(tag)).arg(id).ignore();
}

/// Keeps a session for so long from now on.
fn keep_session(pipeline: &mut Pipeline, key: &SessionKey, session: &Session, lifetime: Duration) {
    let key = session_key(key);
    let fields = pipeline.cmd("HSET").arg(&key).arg("counter").arg(session.counter);
    if let Some(user) = &session.user {
        fields.arg("user").arg(user);
    }
    let milliseconds = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
    pipeline.ignore().cmd("PEXPIRE").arg(&key).arg(milliseconds).ignore();
}

fn item(id: u64, (tag, value, version): ItemFields) -> Option<Item> {
    Some(Item { id, tag: tag?, value: value?, version: version? })
}

impl Client for Redis {
    fn ping(&mut self, _by: Instant) -> Result<(), Failure> {
        self.ask::<String>(&redis::cmd("PING")).map(drop)
    }

    /// One that hands over takes no writes, and is no primary any more.
    fn standing(&mut self, _by: Instant) -> Result<Standing, Failure> {
        let standing = self.replication_standing()?;
        let hands_over: bool = self.ask(redis::cmd("EXISTS").arg(HANDS_OVER))?;
        Ok(if hands_over { Standing { part: ReplicaRole::Replica, ..standing } } else { standing })
    }

    fn last_write(&self) -> Option<u64> {
        self.last_write
    }

    fn get(&mut self, id: u64, _by: Instant) -> Result<Option<Item>, Failure> {
        Ok(item(id, self.ask(&row(id))?))
    }

    fn get_each(&mut self, ids: &[u64], by: Instant) -> Vec<Result<Option<Item>, Failure>> {
        if let [id] = ids {
            return vec![self.get(*id, by)];
        }
        let mut rows = Vec::with_capacity(ids.len());
        if let Err(failure) = self.pipeline(ids, by, &mut rows) {
            rows.resize(ids.len(), Err(failure));
        }
        rows
    }

    fn put(&mut self, id: u64, value: &str, _by: Instant) -> Result<Option<u64>, Failure> {
        let mut command = self.script(PUT, item_key(id));
        command.arg(value);
        let written: Option<(u64, Option<u64>)> = self.ask(&command)?;
        let Some((version, number)) = written else { return Ok(None) };
        self.acknowledged(number);
        Ok(Some(version))
    }

    fn by_tag(&mut self, tag: u64, lookup: Lookup, by: Instant) -> Result<Vec<Item>, Failure> {
        match lookup {
            Lookup::Scan => self.scan(tag, by),
            Lookup::Index => {
                let ids = self.ids_of_tag(tag)?;
                self.rows(&ids)
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
        let mut pipeline = redis::pipe();
        keep_session(pipeline.atomic(), key, session, lifetime);
        self.write_all(pipeline)
    }

    fn next_of_session(&mut self, key: &SessionKey, _by: Instant) -> Result<Option<Session>, Failure> {
        let next: Option<(u64, Option<String>, Option<u64>)> = self.ask(&self.script(NEXT, session_key(key)))?;
        let Some((counter, user, number)) = next else { return Ok(None) };
        self.acknowledged(number);
        Ok(Some(Session { counter, user }))
    }

    fn delete_session(&mut self, key: &SessionKey, _by: Instant) -> Result<(), Failure> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("DEL").arg(session_key(key)).ignore();
        self.write_all(pipeline)
    }

    fn kept(&mut self, name: &str, _by: Instant) -> Result<Option<Vec<u8>>, Failure> {
        let mut command = redis::cmd("GET");
        command.arg(name);
        self.ask(&command)
    }

    fn keep(&mut self, name: &str, bytes: &[u8], lifetime: Duration, _by: Instant) -> Result<(), Failure> {
        let milliseconds = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut command = redis::cmd("SET");
        command.arg(name).arg(bytes).arg("PX").arg(milliseconds);
        self.ask(&command)
    }

    fn forget(&mut self, names: &[String], _by: Instant) -> Result<(), Failure> {
        let mut command = redis::cmd("DEL");
        command.arg(names);
        self.ask::<u64>(&command).map(drop)
    }

    fn create_schema(&mut self, by: Instant) -> Result<(), Failure> {
        // Nothing is to be made; that it takes writes is to be seen now, not after the first batch.
        self.ping(by)
    }

    fn add_rows(&mut self, ids: &[u64], _by: Instant) -> Result<(), Failure> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut pipeline = redis::pipe();
        for row in ids.iter().map(|id| rows::fresh(*id)) {
            make_row(&mut pipeline, &row);
            put_into_index(&mut pipeline, row.id, row.tag);
        }
        self.ask_all(&pipeline)
    }
}
