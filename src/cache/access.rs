//! What the application asks of its cache, wherever that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::entry::Entry;
use super::flight::{Flight, FlightOutcome, Flights, Waiters};
use super::key::Key;
use super::memory::MemoryCache;
use super::shared::SharedCache;
use super::target::CacheTarget;
use crate::http::Problem;
use crate::stats::CacheReading;

/// Where answers are kept, and for how long.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// Where.
    pub target: CacheTarget,
    /// How long an answer is used.
    pub ttl: Duration,
    /// Connections to a server that is shared.
    pub connections: usize,
    /// Requests that may wait for one of them.
    pub queue: usize,
}

/// The cache of a node.
pub struct Cache {
    target: CacheTarget,
    ttl: Duration,
    backend: CacheBackend,
    flights: Flights,
    hits_total: AtomicU64,
    misses_total: AtomicU64,
    collapsed_total: AtomicU64,
}

enum CacheBackend {
    /// In the node: looked up where it is asked.
    Here(MemoryCache),
    /// In a server: asked over connections.
    There(SharedCache),
}

/// What a request finds.
pub enum Entered {
    /// The answer.
    Hit(Entry),
    /// Nothing, and nobody else works it out: this request does.
    Leads(Lead),
    /// Another request works it out.
    Waits(Wait),
}

impl Cache {
    /// Makes ready.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(config: CacheConfig) -> std::io::Result<Self> {
        let CacheConfig { target, ttl, connections, queue } = config;
        let backend = match &target {
            CacheTarget::Memory(bytes) => CacheBackend::Here(MemoryCache::new(*bytes)?),
            CacheTarget::Shared(server) => CacheBackend::There(SharedCache::start(server.clone(), connections, queue)?),
        };
        let zero = || AtomicU64::new(0);
        let flights = Flights::default();
        Ok(Self { target, ttl, backend, flights, hits_total: zero(), misses_total: zero(), collapsed_total: zero() })
    }

    /// Where it is.
    pub fn target(&self) -> &CacheTarget {
        &self.target
    }

    /// Whether it is in the node itself.
    pub fn is_here(&self) -> bool {
        matches!(self.backend, CacheBackend::Here(_))
    }

    /// The answer, where it is in the node. Waits for nothing, and counts only what it finds.
    pub fn look(&self, key: &Key) -> Option<Entry> {
        let CacheBackend::Here(memory) = &self.backend else { return None };
        let entry = memory.get(key).filter(|entry| entry.left(Instant::now()).is_some())?;
        self.hits_total.fetch_add(1, Ordering::Relaxed);
        Some(entry)
    }

    /// The answer in the node, or who works it out.
    pub fn enter(self: &Arc<Self>, key: Key) -> Entered {
        let held = self.flights.hold(key);
        // Again, as it may have come since the first look: a flight ends with its entry in place, under the same lock.
        if let Some(entry) = self.look(&key) {
            return Entered::Hit(entry);
        }
        match held.current(self.ttl) {
            Some(flight) => Entered::Waits(Wait { cache: self.clone(), flight }),
            None => Entered::Leads(Lead { cache: self.clone(), key, flight: held.begin() }),
        }
    }

    /// Takes answers out, as after a write. What was worked out from before is not kept, either.
    pub fn invalidate(&self, keys: &[Key]) {
        for key in keys {
            let mut held = self.flights.hold(*key);
            held.detach();
            if let CacheBackend::Here(memory) = &self.backend {
                memory.remove(key);
            }
        }
        if let CacheBackend::There(shared) = &self.backend {
            shared.remove(keys);
        }
    }

    /// What `/stats` is told of it.
    pub fn reading(&self) -> CacheReading {
        let total = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let reading = CacheReading {
            kind: self.target.name().to_owned(),
            url: self.target.to_string(),
            hits_total: total(&self.hits_total),
            misses_total: total(&self.misses_total),
            collapsed_total: total(&self.collapsed_total),
            ..CacheReading::default()
        };
        match &self.backend {
            CacheBackend::Here(memory) => CacheReading {
                entries: Some(memory.len()),
                bytes: Some(memory.bytes()),
                evicted_total: Some(memory.evicted_total()),
                ..reading
            },
            CacheBackend::There(shared) => {
                CacheReading { errors_total: shared.errors_total(), problem: shared.problem(), ..reading }
            }
        }
    }
}

/// The request that works an answer out. When it is dropped without an end, as by a panic, those who wait are told.
pub struct Lead {
    cache: Arc<Cache>,
    key: Key,
    flight: Arc<Flight>,
}

impl Lead {
    /// Those who wait for the answer, too.
    pub fn others(&self) -> Waiters {
        Waiters(self.flight.clone())
    }

    /// The answer, where a server has it; then the flight has ended.
    pub fn ask(&self, gone: impl Fn() -> bool + Send + Sync + 'static) -> Option<Entry> {
        let CacheBackend::There(shared) = &self.cache.backend else { return None };
        let entry = shared.get(&self.key, self.cache.ttl, gone)?;
        self.cache.hits_total.fetch_add(1, Ordering::Relaxed);
        self.end(FlightOutcome::Value(entry.clone()));
        Some(entry)
    }

    /// Keeps what was worked out, which is known to be right since `known`, and gives it to those who wait. Whether it was kept:
    /// not when a write came meanwhile.
    pub fn keep(self, bytes: Vec<u8>, known: Instant) -> (Entry, bool) {
        let cache = &self.cache;
        cache.misses_total.fetch_add(1, Ordering::Relaxed);
        let entry = Entry { bytes: bytes.into(), expires: known + cache.ttl };
        let kept = match &cache.backend {
            CacheBackend::Here(memory) => {
                let held = cache.flights.hold(self.key);
                let valid = held.is(&self.flight) && entry.left(Instant::now()).is_some();
                if valid {
                    memory.insert(self.key, entry.clone());
                }
                valid
            }
            CacheBackend::There(shared) => {
                let valid = || cache.flights.hold(self.key).is(&self.flight);
                let kept = valid() && shared.set(&self.key, &entry, || false);
                if kept && !valid() {
                    // The write took the old entry out before this one came.
                    shared.remove(&[self.key]);
                }
                kept && valid()
            }
        };
        self.end(FlightOutcome::Value(entry.clone()));
        (entry, kept)
    }

    /// Tells those who wait that it failed, and how. Nothing is kept.
    pub fn fail(self, problem: &Problem) {
        self.cache.misses_total.fetch_add(1, Ordering::Relaxed);
        self.end(FlightOutcome::Failed(problem.clone()));
    }

    /// Takes the flight out, then tells the outcome: who comes in between finds the entry, or begins anew.
    fn end(&self, outcome: FlightOutcome) {
        self.cache.flights.hold(self.key).remove(&self.flight);
        self.flight.end(outcome);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        // Without effect where it has ended already: nobody waits any more.
        if std::thread::panicking() {
            let detail = "the computation that this request waited for failed";
            self.end(FlightOutcome::Failed(Problem::new(500, detail)));
        } else {
            self.end(FlightOutcome::Abandoned);
        }
    }
}

/// A request that waits for another one's answer.
pub struct Wait {
    cache: Arc<Cache>,
    flight: Arc<Flight>,
}

impl Wait {
    /// Waits. `gone` says whether nobody waits for this request any more.
    pub fn outcome(self, gone: impl Fn() -> bool) -> FlightOutcome {
        let outcome = self.flight.wait(gone);
        if matches!(outcome, FlightOutcome::Value(_)) {
            self.cache.collapsed_total.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }
}
