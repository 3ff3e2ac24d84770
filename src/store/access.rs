//! What the application asks of its store, whatever the kind.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::client::{Client, Failure, Item, Lookup, Session, SessionKey};
use super::error::Error;
use super::health::Health;
use super::memory::Memory;
use super::server::{Config, Server};
use super::target::{Kind, Target};
use crate::pool::{Done, PoolReading, Refused};
use crate::stats::{StoreReading, StoreTarget};

/// An answer, and where its time went: how long it waited for a connection, and how long the store took.
pub type Answer<T> = Done<T>;

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Busy,
            Refused::Expired | Refused::TimedOut => Self::TimedOut,
            Refused::Abandoned => Self::Abandoned,
            Refused::Panicked => Self::Panicked,
        }
    }
}

/// A store, as the application sees it.
pub struct Store {
    target: Target,
    backend: Backend,
    timeout: Duration,
    reads_total: AtomicU64,
    writes_total: AtomicU64,
    errors_total: AtomicU64,
}

enum Backend {
    /// In the node: answered where it is asked.
    Here(Memory),
    /// Elsewhere: asked over connections.
    There(Server),
}

/// What a question is counted as.
#[derive(Clone, Copy)]
enum Operation {
    Read,
    Write,
}

impl Store {
    /// Makes ready what `config` names. A store that is away now is found when it is back.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(config: Config) -> std::io::Result<Self> {
        let (target, timeout) = (config.target.clone(), config.timeout);
        let backend = match target {
            Target::Memory(rows) => Backend::Here(Memory::new(rows)),
            Target::Sqlite(_) | Target::Mysql(_) | Target::Redis(_) | Target::Memcached(_) => {
                Backend::There(Server::start(config)?)
            }
        };
        let zero = || AtomicU64::new(0);
        Ok(Self { target, backend, timeout, reads_total: zero(), writes_total: zero(), errors_total: zero() })
    }

    /// Where it is; shown without secrets.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether it is in the node itself, so that no request waits for it.
    pub fn is_here(&self) -> bool {
        self.target.kind() == Kind::Memory
    }

    /// Why it cannot be used now; `None` when it can.
    pub fn problem(&self) -> Option<String> {
        let Backend::There(server) = &self.backend else { return None };
        match server.health() {
            Health::Up => None,
            Health::Unknown => Some(format!("the store {} has not answered yet", self.target)),
            Health::Away { why, .. } => Some(format!("the store {} is away: {why}", self.target)),
        }
    }

    /// The row with that id, if it is there.
    ///
    /// # Errors
    /// As all questions: see [`Error`]. `abandoned` is asked before the store is; when it says yes, the store is not asked.
    pub fn get<A>(&self, id: u64, abandoned: A) -> Result<Answer<Option<Item>>, Error>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.ask(Operation::Read, move |client, by| client.get(id, by), abandoned)
    }

    /// Writes a row that is there; gives its new version.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn put<A>(&self, id: u64, value: String, abandoned: A) -> Result<Answer<Option<u64>>, Error>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.ask(Operation::Write, move |client, by| client.put(id, &value, by), abandoned)
    }

    /// The rows with that tag, by id.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn by_tag<A>(&self, tag: u64, lookup: Lookup, abandoned: A) -> Result<Answer<Vec<Item>>, Error>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.ask(Operation::Read, move |client, by| client.by_tag(tag, lookup, by), abandoned)
    }

    /// Keeps a new session.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn create_session<A>(
        &self,
        key: SessionKey,
        session: Session,
        lifetime: Duration,
        abandoned: A,
    ) -> Result<Answer<()>, Error>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.ask(Operation::Write, move |client, by| client.create_session(&key, &session, lifetime, by), abandoned)
    }

    /// Counts a session one up; `None` when there is none.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn next_of_session<A>(&self, key: SessionKey, abandoned: A) -> Result<Answer<Option<Session>>, Error>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.ask(Operation::Write, move |client, by| client.next_of_session(&key, by), abandoned)
    }

    /// Forgets a session.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn delete_session<A>(&self, key: SessionKey, abandoned: A) -> Result<Answer<()>, Error>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.ask(Operation::Write, move |client, by| client.delete_session(&key, by), abandoned)
    }

    /// What `/stats` is told of it.
    pub fn reading(&self) -> StoreReading {
        let (pool, [p50, p99]) = match &self.backend {
            Backend::Here(_) => (PoolReading::default(), [None; 2]),
            Backend::There(server) => {
                (server.pool().reading(), server.answers().quantiles([0.5, 0.99], Instant::now()))
            }
        };
        let problem = self.problem();
        let kind = self.target.kind().name().to_owned();
        StoreReading {
            targets: vec![StoreTarget { kind, url: self.target.to_string(), up: problem.is_none(), problem }],
            pool,
            response_p50_milliseconds: p50,
            response_p99_milliseconds: p99,
            errors_total: self.errors_total.load(Ordering::Relaxed),
            reads_total: self.reads_total.load(Ordering::Relaxed),
            writes_total: self.writes_total.load(Ordering::Relaxed),
        }
    }

    fn ask<T, F, A>(&self, operation: Operation, question: F, abandoned: A) -> Result<Answer<T>, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Client, Instant) -> Result<T, Failure> + Send + 'static,
        A: Fn() -> bool + Send + Sync + 'static,
    {
        let answer = match &self.backend {
            Backend::Here(memory) => {
                let start = Instant::now();
                let value = question(&mut memory.clone(), start + self.timeout).map_err(Error::from);
                value.map(|value| Done { value, queued: Duration::ZERO, worked: start.elapsed() })
            }
            Backend::There(server) => server.ask(question, abandoned),
        };
        let total = match (&answer, operation) {
            (Ok(_), Operation::Read) => &self.reads_total,
            (Ok(_), Operation::Write) => &self.writes_total,
            (Err(_), _) => &self.errors_total,
        };
        total.fetch_add(1, Ordering::Relaxed);
        answer
    }
}
