//! Which shard has a key: rendezvous hashing. Pure.
//!
//! Every shard draws a number for the key, and the highest one has it (Thaler and Ravishankar, "Using name-based mappings to
//! increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998). A further shard takes a key only where it draws the
//! highest number: one more beside n takes 1 / (n + 1) of the keys, and no key moves between the others. A shard is known by its
//! place in the list, not by its address, so that a server may move.

use std::ops::Range;

use super::client::SessionKey;

/// The place, from 0 on, of the shard that has the row `id`.
pub fn of_id(id: u64, shards: usize) -> usize {
    // On equal numbers the last one: as good as any, and the same for everybody.
    (0..shards).max_by_key(|place| mix(id ^ mix(*place as u64 + 1))).unwrap_or_default()
}

/// The place of the shard that has a session.
pub(super) fn of_session(key: &SessionKey, shards: usize) -> usize {
    of_id(key.number(), shards)
}

/// SplitMix64's finalizer (Steele, Lea and Flood, OOPSLA 2014): close keys get numbers that have nothing to do with each other.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// One shard of several: which rows it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its place, from 0 on.
    pub place: usize,
    /// How many shards there are.
    pub of: usize,
}

impl Share {
    /// One store that has every row.
    pub const ALL: Self = Self { place: 0, of: 1 };

    /// Whether this shard has the row.
    pub fn has(self, id: u64) -> bool {
        of_id(id, self.of) == self.place
    }
}

/// Shards come or go: every key has the place that it has among `from` shards until it is moved, and then that among `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardChange {
    /// How many shards there were.
    pub from: usize,
    /// How many there shall be.
    pub to: usize,
    /// Whether all nodes know of both, so that keys move, and new ones begin where they shall be.
    pub begun: bool,
}

/// Where a key is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// The shard that is asked first.
    pub first: usize,
    /// The one that has the key if the first has not.
    pub then: Option<usize>,
}

impl Places {
    /// A key that does not move.
    pub const fn only(first: usize) -> Self {
        Self { first, then: None }
    }
}

impl ShardChange {
    /// Where a row is: where it was, and if it is not there any more, where it goes to.
    pub(super) fn of_id(self, id: u64) -> Places {
        let (first, then) = (of_id(id, self.from), of_id(id, self.to));
        Places { first, then: (then != first).then_some(then) }
    }

    /// Where a session is, likewise.
    pub(super) fn of_session(self, key: &SessionKey) -> Places {
        self.of_id(key.number())
    }

    /// The shard that keeps a new session. One that began where it was would be moved if it was found in time.
    pub(super) fn of_new_session(self, key: &SessionKey) -> usize {
        of_session(key, if self.begun { self.to } else { self.from })
    }

    /// Shards that keys come from.
    pub fn sources(self) -> Range<usize> {
        // Where one comes, each of the others gives some; where one goes, it alone.
        if self.to > self.from { 0..self.from } else { self.to..self.from }
    }

    /// Shards that keys go to.
    pub fn receivers(self) -> Range<usize> {
        if self.to > self.from { self.from..self.to } else { 0..self.to }
    }

    /// Of all keys, the share that rendezvous hashing moves: that of the shards that come or go.
    pub fn predicted_share(self) -> f64 {
        let (fewer, more) = (self.from.min(self.to), self.from.max(self.to));
        (more - fewer) as f64 / more.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: u64 = 100_000;

    fn change(from: usize, to: usize) -> ShardChange {
        ShardChange { from, to, begun: true }
    }

    #[test]
    fn what_moves_is_the_predicted_share_and_goes_to_the_receivers() {
        for (from, to, share) in
            [(1, 2, 0.5), (2, 3, 1.0 / 3.0), (4, 5, 0.2), (2, 4, 0.5), (3, 2, 1.0 / 3.0), (4, 1, 0.75), (3, 3, 0.0)]
        {
            let change = change(from, to);
            let places: Vec<Places> = (0..KEYS).map(|id| change.of_id(id)).collect();
            let moved: Vec<&Places> = places.iter().filter(|places| places.then.is_some()).collect();
            assert!((change.predicted_share() - share).abs() < 1e-12, "{from} {to}");
            assert!((moved.len() as f64 / KEYS as f64 - share).abs() < 0.01, "{from} {to}: {}", moved.len());
            assert!(moved.iter().all(|places| change.sources().contains(&places.first)), "{from} {to}");
            assert!(moved.iter().all(|places| change.receivers().contains(&places.then.unwrap())), "{from} {to}");
        }
    }

    #[test]
    fn a_key_is_where_it_was_or_where_it_shall_be() {
        for (from, to) in [(2, 3), (3, 2), (1, 4)] {
            for id in 0..1_000 {
                let Places { first, then } = change(from, to).of_id(id);
                assert_eq!((first, then.unwrap_or(first)), (of_id(id, from), of_id(id, to)), "{from} {to} {id}");
            }
            let key = SessionKey::new(7_u128.to_be_bytes());
            let not_begun = ShardChange { begun: false, ..change(from, to) };
            assert_eq!(not_begun.of_new_session(&key), of_session(&key, from));
            assert_eq!(change(from, to).of_new_session(&key), of_session(&key, to));
        }
    }

    #[test]
    fn shards_have_the_same_number_of_rows_to_a_few_percent() {
        for shards in [1, 2, 3, 4, 8, 16, 64] {
            let mut counts = vec![0_u64; shards];
            (0..KEYS).for_each(|id| counts[of_id(id, shards)] += 1);
            let fair = KEYS as f64 / shards as f64;
            // Five standard deviations of a fair draw.
            let most = 5.0 * fair.sqrt();
            assert!(counts.iter().all(|count| (*count as f64 - fair).abs() < most), "{shards}: {counts:?}");
        }
    }

    #[test]
    fn a_further_shard_takes_its_share_and_nothing_else_moves() {
        for shards in [1, 2, 3, 4, 8, 63] {
            let moved: Vec<u64> = (0..KEYS).filter(|id| of_id(*id, shards) != of_id(*id, shards + 1)).collect();
            assert!(moved.iter().all(|id| of_id(*id, shards + 1) == shards), "{shards}");
            let fair = KEYS as f64 / (shards as f64 + 1.0);
            assert!((moved.len() as f64 - fair).abs() < 5.0 * fair.sqrt(), "{shards}: {} moved", moved.len());
        }
    }

    #[test]
    fn the_place_of_a_row_never_changes() {
        // What is in a store stays where it was put by an earlier version.
        let places: Vec<usize> = (0..12).map(|id| of_id(id, 4)).collect();
        assert_eq!(places, PLACES);
        assert_eq!(of_id(7, 0), 0);
    }

    const PLACES: [usize; 12] = [2, 2, 0, 2, 1, 3, 1, 2, 1, 3, 1, 3];

    #[test]
    fn every_row_and_every_session_is_in_one_share() {
        for id in 0..1_000 {
            assert!(Share::ALL.has(id));
            assert_eq!((0..3).filter(|place| Share { place: *place, of: 3 }.has(id)).count(), 1, "{id}");
        }
        let places: Vec<usize> =
            (0..3_000_u128).map(|id| of_session(&SessionKey::new((id << 77).to_be_bytes()), 3)).collect();
        assert!((0..3).all(|place| places.iter().filter(|one| **one == place).count() > 900), "uneven");
    }
}
