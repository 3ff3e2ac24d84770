//! How many answers the cache nearest to the client had.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::results::load::CachingOutcome;

/// Counted by all threads.
#[derive(Default)]
pub(super) struct Caching {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Caching {
    /// Takes an answer that told it.
    pub fn note(&self, hit: bool) {
        let count = if hit { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted; `None` where no answer told it.
    pub fn outcome(&self) -> Option<CachingOutcome> {
        let (hits, misses) = (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed));
        (hits + misses > 0).then_some(CachingOutcome { answers: hits + misses, hits })
    }
}
