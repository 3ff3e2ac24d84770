//! How fast a link takes bytes. No clock: the time comes from the caller.

use std::time::{Duration, Instant};

/// One direction of a link that all connections share. What comes while it is busy waits for its turn.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Bits a second; `None`: it takes everything at once.
    rate: Option<u64>,
    free_at: Instant,
}

impl Link {
    /// A link that is free from `now` on.
    pub fn new(rate: Option<u64>, now: Instant) -> Self {
        Self { rate, free_at: now }
    }

    /// When the last of so many bytes has left that are there at `now`.
    pub fn departure(&mut self, now: Instant, bytes: usize) -> Instant {
        let Some(rate) = self.rate.filter(|rate| *rate > 0) else { return now };
        let nanoseconds = u128::from(bytes as u64) * 8 * 1_000_000_000 / u128::from(rate);
        self.free_at = self.free_at.max(now) + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.free_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_one_after_the_other() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        // 8 Mbit/s: 1,000 bytes a millisecond.
        let mut link = Link::new(Some(8_000_000), start);
        for (now, bytes, leaves) in [(0, 1000, 1), (0, 2000, 3), (2, 1000, 4), (10, 5000, 15), (15, 0, 15)] {
            assert_eq!(link.departure(at(now), bytes), at(leaves), "{bytes} at {now}");
        }
        assert_eq!(Link::new(None, start).departure(at(7), 1 << 30), at(7));
    }
}
