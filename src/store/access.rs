//! What the application asks of its store, whatever the kind and however many servers there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::answer::{Reads, TimedAnswer};
use super::client::{Client, Failure, Item, Lookup, Session, SessionKey};
use super::error::{Error, NoAnswer};
use super::layout::{ConnectionBounds, Layout};
use super::member::{MemberCounters, Operation};
use super::memory::MemoryStore;
use super::shard::Places;
use super::target::{StoreTargetKind, Target};
use super::view::View;
use crate::stats::{StoreReading, StoreTarget};

/// From one look at who still uses an old list of servers to the next.
const PAUSE: Duration = Duration::from_millis(2);

/// A store, as the application sees it.
pub struct Store {
    kind: StoreTargetKind,
    backend: StoreBackend,
    bounds: ConnectionBounds,
    /// Which list of shards every question follows; 0 where there is none that changes.
    generation: AtomicU64,
}

enum StoreBackend {
    /// In the node: answered where it is asked.
    Here(MemoryStore, MemberCounters),
    /// Elsewhere: asked over connections.
    There(ArcSwap<View>),
}

impl Store {
    /// Makes ready what `layout` names; `bounds` holds for each of its servers. One that is away now is found when it is back.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(layout: Layout, bounds: ConnectionBounds) -> std::io::Result<Self> {
        let kind = layout.kind();
        let backend = match &layout {
            Layout::One(Target::Memory(rows)) => StoreBackend::Here(MemoryStore::new(*rows), MemberCounters::default()),
            Layout::One(_) | Layout::Shards(_) | Layout::Resharding { .. } | Layout::Replicated { .. } => {
                StoreBackend::There(ArcSwap::from_pointee(View::start(layout, bounds, None)?))
            }
        };
        Ok(Self { kind, backend, bounds, generation: AtomicU64::new(0) })
    }

    /// The same, by the list of its shards with that number.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start_listed(generation: u64, layout: Layout, bounds: ConnectionBounds) -> std::io::Result<Self> {
        Ok(Self { generation: AtomicU64::new(generation), ..Self::start(layout, bounds)? })
    }

    /// Follows another list of servers, the one with that number. Returns when no question follows the list before any more.
    ///
    /// # Errors
    /// When the system gives no threads; the list stays as it was then.
    pub fn follow(&self, generation: u64, layout: Layout) -> std::io::Result<()> {
        if let StoreBackend::There(view) = &self.backend {
            let before = view.load_full();
            if *before.layout() != layout {
                let next = View::start(layout, self.bounds, Some(&*before))?;
                drop(view.swap(Arc::new(next)));
                // Each question has an end, that of its time at the latest.
                while Arc::strong_count(&before) > 1 {
                    std::thread::sleep(PAUSE);
                }
            }
        }
        self.generation.store(generation, Ordering::Release);
        Ok(())
    }

    /// What kind it is.
    pub fn kind(&self) -> StoreTargetKind {
        self.kind
    }

    /// Whether it is in the node itself, so that no request waits for it.
    pub fn is_here(&self) -> bool {
        matches!(self.backend, StoreBackend::Here(..))
    }

    /// Whether it has several servers, so that an answer says which one gave it.
    pub fn has_several(&self) -> bool {
        match &self.backend {
            StoreBackend::Here(..) => false,
            StoreBackend::There(view) => view.load().layout().targets().len() > 1,
        }
    }

    /// The URL of a server, without secrets.
    pub fn url(&self, server: usize) -> Arc<str> {
        match &self.backend {
            StoreBackend::Here(..) => self.kind.name().into(),
            StoreBackend::There(view) => view.load().url(server),
        }
    }

    /// What messages call a server: its URL, and what it is among the others.
    pub fn name(&self, server: usize) -> String {
        match &self.backend {
            StoreBackend::Here(memory, _) => memory.name(),
            StoreBackend::There(view) => view.load().name(server),
        }
    }

    /// What messages call the whole of it.
    pub fn whole_name(&self) -> String {
        match &self.backend {
            StoreBackend::Here(memory, _) => memory.name(),
            StoreBackend::There(view) => view.load().whole_name(),
        }
    }

    /// Why it cannot be used at all now; `None` when it can, if only in part.
    pub fn problem(&self) -> Option<String> {
        match &self.backend {
            StoreBackend::Here(..) => None,
            StoreBackend::There(view) => view.load().problem(),
        }
    }

    /// What is wrong with each server that does not answer, or answers too late to be asked.
    pub fn problems(&self) -> Vec<String> {
        match &self.backend {
            StoreBackend::Here(..) => Vec::new(),
            StoreBackend::There(view) => view.load().problems(),
        }
    }

    /// The row with that id, if it is there.
    ///
    /// # Errors
    /// As all questions: see [`NoAnswer`]. `abandoned` is asked before the store is; when it says yes, the store is not asked.
    pub fn get<A>(&self, id: u64, reads: Reads, abandoned: A) -> Result<TimedAnswer<Option<Item>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        match &self.backend {
            StoreBackend::Here(memory, counters) => {
                self.here(memory, counters, Operation::Read, |client, by| client.get(id, by))
            }
            StoreBackend::There(view) => view.load_full().get(id, reads, abandoned),
        }
    }

    /// Writes a row that is there; gives its new version.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn put<A>(&self, id: u64, value: String, abandoned: A) -> Result<TimedAnswer<Option<u64>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        match &self.backend {
            StoreBackend::Here(memory, counters) => {
                self.here(memory, counters, Operation::Write, |client, by| client.put(id, &value, by))
            }
            StoreBackend::There(view) => view.load_full().put(id, value, abandoned),
        }
    }

    /// The rows with that tag, by id. Those of shards may be on every one of them: all are asked at once, and the answer is there
    /// when the slowest has answered. While rows move, those that receive some are asked once more after that.
    ///
    /// # Errors
    /// See [`Self::get`]. Where one shard gives no answer there is none: rows that are missing would look like rows that are not
    /// there.
    pub fn by_tag<A>(
        &self,
        tag: u64,
        lookup: Lookup,
        reads: Reads,
        abandoned: A,
    ) -> Result<TimedAnswer<Vec<Item>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        match &self.backend {
            StoreBackend::Here(memory, counters) => {
                self.here(memory, counters, Operation::Read, |client, by| client.by_tag(tag, lookup, by))
            }
            StoreBackend::There(view) => view.load_full().by_tag(tag, lookup, reads, abandoned),
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
    ) -> Result<TimedAnswer<()>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        match &self.backend {
            StoreBackend::Here(memory, counters) => self.here(memory, counters, Operation::Write, |client, by| {
                client.create_session(&key, &session, lifetime, by)
            }),
            StoreBackend::There(view) => {
                let view = view.load_full();
                let places = Places::only(view.place_of_new_session(&key));
                let create =
                    move |client: &mut dyn Client, by| client.create_session(&key, &session, lifetime, by).map(Some);
                Ok(view.find(places, Operation::Write, create, abandoned)?.map(drop))
            }
        }
    }

    /// Counts a session one up; `None` when there is none.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn next_of_session<A>(&self, key: SessionKey, abandoned: A) -> Result<TimedAnswer<Option<Session>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        match &self.backend {
            StoreBackend::Here(memory, counters) => {
                self.here(memory, counters, Operation::Write, |client, by| client.next_of_session(&key, by))
            }
            StoreBackend::There(view) => {
                let view = view.load_full();
                let places = view.places_of_session(&key);
                let next = move |client: &mut dyn Client, by: Instant| client.next_of_session(&key, by);
                view.find(places, Operation::Write, next, abandoned)
            }
        }
    }

    /// Forgets a session.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub fn delete_session<A>(&self, key: SessionKey, abandoned: A) -> Result<TimedAnswer<()>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        match &self.backend {
            StoreBackend::Here(memory, counters) => {
                self.here(memory, counters, Operation::Write, |client, by| client.delete_session(&key, by))
            }
            StoreBackend::There(view) => {
                let view = view.load_full();
                let places = view.places_of_session(&key);
                // Wherever it may be.
                let delete = move |client: &mut dyn Client, by| client.delete_session(&key, by).map(|()| None::<()>);
                Ok(view.find(places, Operation::Write, delete, abandoned)?.map(drop))
            }
        }
    }

    /// What `/stats` is told of it.
    pub fn reading(&self) -> StoreReading {
        let generation = Some(self.generation.load(Ordering::Acquire)).filter(|number| *number > 0);
        let reading = match &self.backend {
            StoreBackend::Here(_, counters) => {
                let (kind, url) = (self.kind.name().to_owned(), self.whole_name());
                counters.reading(StoreTarget { kind, url, up: true, ..StoreTarget::default() })
            }
            StoreBackend::There(view) => view.load_full().reading(),
        };
        StoreReading { generation, ..reading }
    }

    /// Asks that server.
    pub(super) fn ask<T, F, A>(
        &self,
        server: usize,
        operation: Operation,
        question: F,
        abandoned: A,
    ) -> Result<TimedAnswer<T>, NoAnswer>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Client, Instant) -> Result<T, Failure> + Send + 'static,
        A: Fn() -> bool + Send + Sync + 'static,
    {
        match &self.backend {
            StoreBackend::Here(memory, counters) => self.here(memory, counters, operation, question),
            StoreBackend::There(view) => view.load_full().ask(server, operation, question, abandoned),
        }
    }

    /// Asks the store in the node itself.
    fn here<T>(
        &self,
        memory: &MemoryStore,
        counters: &MemberCounters,
        operation: Operation,
        question: impl FnOnce(&mut dyn Client, Instant) -> Result<T, Failure>,
    ) -> Result<TimedAnswer<T>, NoAnswer> {
        let start = Instant::now();
        let value = question(&mut memory.clone(), start + self.bounds.timeout).map_err(Error::from);
        counters.count(operation, &value);
        let value = value.map_err(|error| NoAnswer { server: 0, error })?;
        Ok(TimedAnswer { value, queued: Duration::ZERO, worked: start.elapsed(), server: 0, lag: None })
    }
}
