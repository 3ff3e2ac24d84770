//! Entries in a server that several nodes share. One that is away, hangs or refuses has no entries, which is never an error: the
//! connections back off by themselves ([`crate::store`]), so that a dead server costs no request a timeout.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::entry::Entry;
use super::key::Key;
use crate::store::{self, ConnectionBounds, Layout, NoAnswer, Store, TimedAnswer};

/// Longest wait for the server: a period and a half of a CPU quota (100 ms), within which a server under one may be stopped, and
/// some more. A cache that takes longer is of no use.
const TIMEOUT: Duration = Duration::from_millis(250);

/// The server, and what went wrong with it.
pub(super) struct SharedCache {
    store: Store,
    errors_total: AtomicU64,
}

impl SharedCache {
    /// Makes ready; a server that is away now is found when it is back.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(target: store::Target, connections: usize, queue: usize) -> std::io::Result<Self> {
        let bounds = ConnectionBounds { connections, queue, timeout: TIMEOUT };
        Ok(Self { store: Store::start(Layout::One(target), bounds)?, errors_total: AtomicU64::new(0) })
    }

    /// What is kept under the key. `longest` is the longest that an entry may hold.
    pub fn get(&self, key: &Key, longest: Duration, gone: impl Fn() -> bool + Send + Sync + 'static) -> Option<Entry> {
        let text = self.noted(self.store.kept(name(key), gone))??;
        Entry::decode(&text, key, Instant::now(), longest)
    }

    /// Keeps an entry for as long as it holds; whether that was done.
    pub fn set(&self, key: &Key, entry: &Entry, gone: impl Fn() -> bool + Send + Sync + 'static) -> bool {
        let now = Instant::now();
        let Some(left) = entry.left(now) else { return false };
        self.noted(self.store.keep(name(key), entry.encode(key, now), left, gone)).is_some()
    }

    /// Takes entries out; where the server is away, they are over when their time is.
    pub fn remove(&self, keys: &[Key]) {
        // Even when the client has left: the row was written.
        self.noted(self.store.forget(keys.iter().map(name).collect(), || false));
    }

    /// Questions without an answer.
    pub fn errors_total(&self) -> u64 {
        self.errors_total.load(Ordering::Relaxed)
    }

    /// Why it cannot be used now.
    pub fn problem(&self) -> Option<String> {
        self.store.problem()
    }

    fn noted<T>(&self, answer: Result<TimedAnswer<T>, NoAnswer>) -> Option<T> {
        if answer.is_err() {
            self.errors_total.fetch_add(1, Ordering::Relaxed);
        }
        answer.ok().map(|answer| answer.value)
    }
}

/// Under what the server keeps it: no row and no session begins like that.
fn name(key: &Key) -> String {
    format!("cache:{key}")
}
