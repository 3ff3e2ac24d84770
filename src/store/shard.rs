//! Which shard has a key: rendezvous hashing. Pure.
//!
//! Every shard draws a number for the key, and the highest one has it (Thaler and Ravishankar, "Using name-based mappings to
//! increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998). A further shard takes a key only where it draws the
//! highest number: one more beside n takes 1 / (n + 1) of the keys, and no key moves between the others. A shard is known by its
//! place in the list, not by its address, so that a server may move.

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

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: u64 = 100_000;

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
