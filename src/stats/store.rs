//! What the node tells the sampler about its store.

use super::store_target::StoreTarget;
use crate::pool::PoolReading;

/// What the node tells of its store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreReading {
    /// The servers.
    pub targets: Vec<StoreTarget>,
    /// Their connections: each is a thread of a pool. Without threads where the store is in the node.
    pub pool: PoolReading,
    /// Median time that the store took for an answer over the last minute, in milliseconds.
    pub response_p50_milliseconds: Option<f64>,
    /// 99th percentile, likewise.
    pub response_p99_milliseconds: Option<f64>,
    /// Questions without an answer: refused, too late, or the store was away.
    pub errors_total: u64,
    /// Reads answered.
    pub reads_total: u64,
    /// Writes answered, those of sessions included.
    pub writes_total: u64,
    /// Which list of its shards the node follows, where it is told of changes.
    pub generation: Option<u64>,
}

impl StoreReading {
    /// Both together: added up, with the percentiles of the slower one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let slower = |left: Option<f64>, right: Option<f64>| left.into_iter().chain(right).reduce(f64::max);
        self.targets.extend(other.targets);
        self.pool = self.pool.and(other.pool);
        self.response_p50_milliseconds = slower(self.response_p50_milliseconds, other.response_p50_milliseconds);
        self.response_p99_milliseconds = slower(self.response_p99_milliseconds, other.response_p99_milliseconds);
        self.errors_total += other.errors_total;
        self.reads_total += other.reads_total;
        self.writes_total += other.writes_total;
        self.generation = self.generation.max(other.generation);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_stores_are_added_up_and_the_slower_one_shows() {
        let reading = |threads, p50, reads_total| StoreReading {
            targets: vec![StoreTarget::default()],
            pool: PoolReading { threads, busy_seconds_total: 1.5, ..PoolReading::default() },
            response_p50_milliseconds: p50,
            reads_total,
            ..StoreReading::default()
        };
        let both = reading(4, Some(2.0), 10).and(reading(8, None, 5)).and(StoreReading::default());
        assert_eq!((both.targets.len(), both.pool.threads, both.reads_total), (2, 12, 15));
        assert_eq!((both.response_p50_milliseconds, both.pool.busy_seconds_total), (Some(2.0), 3.0));
    }
}
