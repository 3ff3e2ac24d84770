//! What the application asks of its store, whatever the kind and however many servers there are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::client::{Client, Failure, Item, Lookup, Session, SessionKey};
use super::error::{Error, NoAnswer};
use super::gather;
use super::layout::{Bounds, Layout};
use super::member::{Counters, Member, Operation, Waited};
use super::memory::Memory;
use super::server::{Config, Server};
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
    /// Elsewhere: asked over connections. In the order of the layout.
    There(Vec<Member>),
}

impl Store {
    /// Makes ready what `layout` names; `bounds` holds for each of its servers. One that is away now is found when it is back.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(layout: Layout, bounds: Bounds) -> std::io::Result<Self> {
        let backend = match &layout {
            Layout::One(Target::Memory(rows)) => Backend::Here(Memory::new(*rows), Counters::default()),
            Layout::One(_) | Layout::Shards(_) => {
                let start = |target: &Target| Server::start(Config { target: target.clone(), bounds }).map(Member::new);
                Backend::There(layout.targets().iter().map(start).collect::<Result<_, _>>()?)
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
            Backend::There(members) => members.get(server).map_or("", Member::url),
        }
    }

    /// What messages call a server: its URL, and which of the shards it is.
    pub fn name(&self, server: usize) -> String {
        match &self.layout {
            Layout::One(target) => target.to_string(),
            Layout::Shards(targets) => match targets.get(server) {
                Some(target) => format!("{target} (shard {} of {})", server + 1, targets.len()),
                None => String::new(),
            },
        }
    }

    /// What messages call the whole of it.
    pub fn whole_name(&self) -> String {
        match &self.layout {
            Layout::One(target) => target.to_string(),
            Layout::Shards(targets) => format!("of {} shards", targets.len()),
        }
    }

    /// Why it cannot be used at all now; `None` when it can, if only in part.
    pub fn problem(&self) -> Option<String> {
        let Backend::There(members) = &self.backend else { return None };
        let problems = self.problems();
        (problems.len() == members.len()).then(|| problems.join("; "))
    }

    /// What is wrong with each server that does not answer.
    pub fn problems(&self) -> Vec<String> {
        let Backend::There(members) = &self.backend else { return Vec::new() };
        let problem =
            |(server, member): (usize, &Member)| Some(format!("the store {} {}", self.name(server), member.problem()?));
        members.iter().enumerate().filter_map(problem).collect()
    }

    /// The place of the server that has the row.
    pub fn place(&self, id: u64) -> usize {
        match &self.layout {
            Layout::One(_) => 0,
            Layout::Shards(targets) => shard::of_id(id, targets.len()),
        }
    }

    fn place_of_session(&self, key: &SessionKey) -> usize {
        match &self.layout {
            Layout::One(_) => 0,
            Layout::Shards(targets) => shard::of_session(key, targets.len()),
        }
    }

    /// The row with that id, if it is there.
    ///
    /// # Errors
    /// As all questions: see [`NoAnswer`]. `abandoned` is asked before the store is; when it says yes, the store is not asked.
    pub fn get<A>(&self, id: u64, abandoned: A) -> Result<Answer<Option<Item>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.ask(self.place(id), Operation::Read, move |client, by| client.get(id, by), abandoned)
    }

    /// Writes a row that is there; gives its new version.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn put<A>(&self, id: u64, value: String, abandoned: A) -> Result<Answer<Option<u64>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.ask(self.place(id), Operation::Write, move |client, by| client.put(id, &value, by), abandoned)
    }

    /// The rows with that tag, by id. They may be on every shard: all are asked at once, and the answer is there when the
    /// slowest has answered.
    ///
    /// # Errors
    /// See [`Self::get`]. Where one shard gives no answer there is none: rows that are missing would look like rows that are not
    /// there.
    pub fn by_tag<A>(&self, tag: u64, lookup: Lookup, abandoned: A) -> Result<Answer<Vec<Item>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        let question = move |client: &mut dyn Client, by: Instant| client.by_tag(tag, lookup, by);
        match &self.backend {
            Backend::There(members) if self.has_several() => {
                let mut answer = gather::ask_all(members, Operation::Read, question, Arc::new(abandoned))?;
                answer.value.sort_by_key(|row| row.id);
                Ok(answer)
            }
            Backend::Here(..) | Backend::There(_) => self.ask(0, Operation::Read, question, abandoned),
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
        self.ask(place, Operation::Write, create, abandoned)
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
        self.ask(place, Operation::Write, move |client, by| client.next_of_session(&key, by), abandoned)
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
        self.ask(place, Operation::Write, move |client, by| client.delete_session(&key, by), abandoned)
    }

    /// What `/stats` is told of it.
    pub fn reading(&self) -> StoreReading {
        match &self.backend {
            Backend::Here(_, counters) => {
                let target = StoreTarget {
                    kind: self.kind().name().to_owned(),
                    url: self.whole_name(),
                    up: true,
                    ..StoreTarget::default()
                };
                counters.reading(target)
            }
            Backend::There(members) => {
                let role = match &self.layout {
                    Layout::One(_) => None,
                    Layout::Shards(_) => Some("shard"),
                };
                members.iter().map(|member| member.reading(role)).reduce(StoreReading::and).unwrap_or_default()
            }
        }
    }

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
            Backend::Here(memory, counters) => {
                let start = Instant::now();
                let value = question(&mut memory.clone(), start + self.timeout).map_err(Error::from);
                counters.count(operation, &value);
                let value = value.map_err(|error| NoAnswer { server, error })?;
                Ok(Answer { value, queued: Duration::ZERO, worked: start.elapsed(), server })
            }
            Backend::There(members) => {
                let member = members.get(server).ok_or(NoAnswer { server, error: Error::Panicked })?;
                let done = member.start(operation, question, abandoned).and_then(Waited::answer);
                let done = done.map_err(|error| NoAnswer { server, error })?;
                Ok(Answer { value: done.value, queued: done.queued, worked: done.worked, server })
            }
        }
    }
}
