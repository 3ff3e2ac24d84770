//! Entries in the node, bounded by their bytes. Which entry gives way is `quick_cache`'s decision (a variant of S3-FIFO: Yang et
//! al., SOSP 2023): one that was asked for once goes before one that is asked for again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use super::entry::Entry;
use super::key::Key;

/// What an entry takes beside its bytes: key, expiry, counters of the shared bytes, and its place in the table, bytes.
const OVERHEAD: u64 = 160;
/// Parts of the cache, each under its own lock; a small cache has fewer, as an entry must fit into its part.
const PARTS: u64 = 16;
/// Least size of a part, bytes.
const LEAST_PART: u64 = 512 * 1024;
/// What an entry takes usually: a guess, which decides how many keys are remembered that had to go.
const USUAL_ENTRY: u64 = 512;

/// The entries.
pub(super) struct MemoryCache {
    entries: Cache<Key, Entry, Bytes, DefaultHashBuilder, Evicted>,
    evicted_total: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Entry> for Bytes {
    fn weight(&self, _key: &Key, entry: &Entry) -> u64 {
        entry.bytes.len() as u64 + OVERHEAD
    }
}

/// Counts what has to go for want of room.
#[derive(Clone)]
struct Evicted(Arc<AtomicU64>);

impl Lifecycle<Key, Entry> for Evicted {
    type RequestState = ();

    fn on_evict(&self, _state: &mut (), _key: Key, _entry: Entry) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl MemoryCache {
    /// At most so many bytes.
    ///
    /// # Errors
    /// When the size cannot be one.
    pub fn new(bytes: u64) -> std::io::Result<Self> {
        let mut options = OptionsBuilder::new();
        options.weight_capacity(bytes);
        options.estimated_items_capacity(usize::try_from(bytes / USUAL_ENTRY).unwrap_or(usize::MAX));
        options.shards((bytes / LEAST_PART).clamp(1, PARTS) as usize);
        let options = options.build().map_err(|error| std::io::Error::other(error.to_string()))?;
        let evicted_total = Arc::<AtomicU64>::default();
        let entries =
            Cache::with_options(options, Bytes, DefaultHashBuilder::default(), Evicted(evicted_total.clone()));
        Ok(Self { entries, evicted_total })
    }

    pub fn get(&self, key: &Key) -> Option<Entry> {
        self.entries.get(key)
    }

    pub fn insert(&self, key: Key, entry: Entry) {
        self.entries.insert(key, entry);
    }

    pub fn remove(&self, key: &Key) {
        self.entries.remove(key);
    }

    /// Entries, those that are over and were not replaced yet included.
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// What they take.
    pub fn bytes(&self) -> u64 {
        self.entries.weight()
    }

    /// Entries that had to go for want of room.
    pub fn evicted_total(&self) -> u64 {
        self.evicted_total.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn key(number: u64) -> Key {
        Key { address: "item", number, variant: "" }
    }

    #[test]
    fn entries_are_bounded_by_their_bytes_and_what_goes_is_counted() {
        let memory = MemoryCache::new(64 * 1024).unwrap();
        let entry = Entry { bytes: vec![b'x'; 1_000].into(), expires: Instant::now() + Duration::from_secs(60) };
        for number in 0..1_000 {
            memory.insert(key(number), entry.clone());
        }
        assert!(memory.bytes() <= 64 * 1024 && memory.len() >= 30, "{} in {}", memory.len(), memory.bytes());
        assert_eq!(memory.len() + memory.evicted_total(), 1_000);
        // What takes more than all of it is not kept, and nothing breaks.
        memory.insert(key(5_000), Entry { bytes: vec![b'x'; 100_000].into(), ..entry });
        assert!(memory.get(&key(5_000)).is_none() && memory.bytes() <= 64 * 1024);
    }

    #[test]
    fn what_is_asked_for_again_stays_while_others_come_and_go() {
        let memory = MemoryCache::new(64 * 1024).unwrap();
        let entry = Entry { bytes: vec![b'x'; 500].into(), expires: Instant::now() + Duration::from_secs(60) };
        memory.insert(key(0), entry.clone());
        for number in 1..5_000 {
            assert!(memory.get(&key(0)).is_some(), "gone after {number} others");
            memory.insert(key(number), entry.clone());
        }
        memory.remove(&key(0));
        assert!(memory.get(&key(0)).is_none());
    }
}
