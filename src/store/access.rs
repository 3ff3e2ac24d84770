//! What the application asks of its store, whatever the kind and however many servers there are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::{Answer, Reads};
use super::client::{Client, Failure, Item, Lookup, Part, Session, SessionKey};
use super::error::{Error, NoAnswer};
use super::gather;
use super::layout::{Bounds, Layout};
use super::member::{Counters, Member, Operation};
use super::memory::Memory;
use super::servers::Servers;
use super::shard;
use super::target::{Kind, Target};
use crate::stats::{StoreReading, StoreTarget};

/// A store, as the application sees it.
pub struct Store {
    layout: Layout,
    backend: Backend,
    timeout: Duration,
}

enum Backend {
    /// In the node: answered where it is asked.
    Here(Memory, Counters),
    /// Elsewhere: asked over connections.
    There(Servers),
}

impl Store {
    /// Makes ready what `layout` names; `bounds` holds for each of its servers. One that is away now is found when it is back.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(layout: Layout, bounds: Bounds) -> std::io::Result<Self> {
        let backend = match &layout {
            Layout::One(Target::Memory(rows)) => Backend::Here(Memory::new(*rows), Counters::default()),
            Layout::One(_) | Layout::Shards(_) | Layout::Replicated { .. } => {
                Backend::There(Servers::start(&layout, bounds)?)
            }
        };
        Ok(Self { layout, backend, timeout: bounds.timeout })
    }

    /// What kind it is.
    pub fn kind(&self) -> Kind {
        self.layout.kind()
    }

    /// Whether it is in the node itself, so that no request waits for it.
    pub fn is_here(&self) -> bool {
        matches!(self.backend, Backend::Here(..))
    }

    /// Whether it has several servers, so that an answer says which one gave it.
    pub fn has_several(&self) -> bool {
        self.layout.targets().len() > 1
    }

    /// The URL of a server, without secrets.
    pub fn url(&self, server: usize) -> &str {
        match &self.backend {
            Backend::Here(..) => self.kind().name(),
            Backend::There(servers) => servers.members().get(server).map_or("", Member::url),
        }
    }

    /// What messages call a server: its URL, and what it is among the others.
    pub fn name(&self, server: usize) -> String {
        let url = self.url(server);
        match &self.layout {
            Layout::One(target) => target.to_string(),
            Layout::Shards(targets) => format!("{url} (shard {} of {})", server + 1, targets.len()),
            Layout::Replicated { .. } => format!("{url} ({})", self.role(server).unwrap_or("replica")),
        }
    }

    /// What messages call the whole of it.
    pub fn whole_name(&self) -> String {
        match &self.layout {
            Layout::One(target) => target.to_string(),
            Layout::Shards(targets) => format!("of {} shards", targets.len()),
            Layout::Replicated { servers, .. } => format!("of a primary and {} replicas", servers.len() - 1),
        }
    }

    /// What a server is among the others; `None` where it has no others.
    fn role(&self, server: usize) -> Option<&'static str> {
        match (&self.layout, &self.backend) {
            (Layout::One(_), _) | (_, Backend::Here(..)) => None,
            (Layout::Shards(_), _) => Some("shard"),
            (Layout::Replicated { .. }, Backend::There(servers)) => Some(match servers.role(server)?.part {
                Part::Primary => "primary",
                Part::Replica => "replica",
            }),
        }
    }

    /// Why it cannot be used at all now; `None` when it can, if only in part.
    pub fn problem(&self) -> Option<String> {
        let Backend::There(servers) = &self.backend else { return None };
        let away = servers.members().iter().all(|member| member.problem().is_some());
        away.then(|| self.problems().join("; "))
    }

    /// What is wrong with each server that does not answer, or answers too late to be asked.
    pub fn problems(&self) -> Vec<String> {
        let Backend::There(servers) = &self.backend else { return Vec::new() };
        let problem = |server| Some(format!("the store {} {}", self.name(server), servers.problem(server)?));
        (0..servers.members().len()).filter_map(problem).collect()
    }

    /// The place of the server that has the row, where each has a part of them.
    fn place(&self, id: u64) -> usize {
        match &self.layout {
            Layout::One(_) | Layout::Replicated { .. } => 0,
            Layout::Shards(targets) => shard::of_id(id, targets.len()),
        }
    }

    fn place_of_session(&self, key: &SessionKey) -> usize {
        match &self.layout {
            Layout::One(_) | Layout::Replicated { .. } => 0,
            Layout::Shards(targets) => shard::of_session(key, targets.len()),
        }
    }

    /// The row with that id, if it is there.
    ///
    /// # Errors
    /// As all questions: see [`NoAnswer`]. `abandoned` is asked before the store is; when it says yes, the store is not asked.
    pub fn get<A>(&self, id: u64, reads: Reads, abandoned: A) -> Result<Answer<Option<Item>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        let question = move |client: &mut dyn Client, by: Instant| client.get(id, by);
        match &self.backend {
            Backend::Here(memory, counters) => self.here(memory, counters, Operation::Read, question),
            Backend::There(servers) => servers.read(self.place(id), reads, question, abandoned),
        }
    }

    /// Writes a row that is there; gives its new version.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn put<A>(&self, id: u64, value: String, abandoned: A) -> Result<Answer<Option<u64>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.write(self.place(id), move |client, by| client.put(id, &value, by), abandoned)
    }

    /// The rows with that tag, by id. Those of shards may be on every one of them: all are asked at once, and the answer is there
    /// when the slowest has answered.
    ///
    /// # Errors
    /// See [`Self::get`]. Where one shard gives no answer there is none: rows that are missing would look like rows that are not
    /// there.
    pub fn by_tag<A>(&self, tag: u64, lookup: Lookup, reads: Reads, abandoned: A) -> Result<Answer<Vec<Item>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        let question = move |client: &mut dyn Client, by: Instant| client.by_tag(tag, lookup, by);
        match (&self.backend, &self.layout) {
            (Backend::Here(memory, counters), _) => self.here(memory, counters, Operation::Read, question),
            (Backend::There(servers), Layout::Shards(_)) => {
                let mut answer = gather::ask_all(servers.members(), Operation::Read, question, Arc::new(abandoned))?;
                answer.value.sort_by_key(|row| row.id);
                Ok(answer)
            }
            (Backend::There(servers), Layout::One(_) | Layout::Replicated { .. }) => {
                servers.read(0, reads, question, abandoned)
            }
        }
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
    ) -> Result<Answer<()>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        let place = self.place_of_session(&key);
        let create = move |client: &mut dyn Client, by| client.create_session(&key, &session, lifetime, by);
        self.write(place, create, abandoned)
    }

    /// Counts a session one up; `None` when there is none.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn next_of_session<A>(&self, key: SessionKey, abandoned: A) -> Result<Answer<Option<Session>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        let place = self.place_of_session(&key);
        self.write(place, move |client, by| client.next_of_session(&key, by), abandoned)
    }

    /// Forgets a session.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn delete_session<A>(&self, key: SessionKey, abandoned: A) -> Result<Answer<()>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        let place = self.place_of_session(&key);
        self.write(place, move |client, by| client.delete_session(&key, by), abandoned)
    }

    /// What `/stats` is told of it.
    pub fn reading(&self) -> StoreReading {
        match &self.backend {
            Backend::Here(_, counters) => {
                let (kind, url) = (self.kind().name().to_owned(), self.whole_name());
                counters.reading(StoreTarget { kind, url, up: true, ..StoreTarget::default() })
            }
            Backend::There(servers) => {
                let reading = |(server, member): (usize, &Member)| {
                    let mut reading = member.reading(servers.problem(server));
                    for target in &mut reading.targets {
                        target.role = self.role(server).map(str::to_owned);
                        let lag = servers.role(server).and_then(|role| role.lag);
                        target.lag_milliseconds = lag.map(|lag| lag.as_secs_f64() * 1e3);
                    }
                    reading
                };
                let readings = servers.members().iter().enumerate().map(reading);
                readings.reduce(StoreReading::and).unwrap_or_default()
            }
        }
    }

    fn write<T, F, A>(&self, place: usize, question: F, abandoned: A) -> Result<Answer<T>, NoAnswer>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Client, Instant) -> Result<T, Failure> + Send + 'static,
        A: Fn() -> bool + Send + Sync + 'static,
    {
        let server = match &self.backend {
            Backend::Here(..) => 0,
            Backend::There(servers) => servers.writer(place),
        };
        self.ask(server, Operation::Write, question, abandoned)
    }

    /// Asks that server.
    pub(super) fn ask<T, F, A>(
        &self,
        server: usize,
        operation: Operation,
        question: F,
        abandoned: A,
    ) -> Result<Answer<T>, NoAnswer>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Client, Instant) -> Result<T, Failure> + Send + 'static,
        A: Fn() -> bool + Send + Sync + 'static,
    {
        match &self.backend {
            Backend::Here(memory, counters) => self.here(memory, counters, operation, question),
            Backend::There(servers) => servers.ask(server, operation, question, abandoned),
        }
    }

    /// Asks the store in the node itself.
    fn here<T>(
        &self,
        memory: &Memory,
        counters: &Counters,
        operation: Operation,
        question: impl FnOnce(&mut dyn Client, Instant) -> Result<T, Failure>,
    ) -> Result<Answer<T>, NoAnswer> {
        let start = Instant::now();
        let value = question(&mut memory.clone(), start + self.timeout).map_err(Error::from);
        counters.count(operation, &value);
        let value = value.map_err(|error| NoAnswer { server: 0, error })?;
        Ok(Answer { value, queued: Duration::ZERO, worked: start.elapsed(), server: 0, lag: None })
    }
}
