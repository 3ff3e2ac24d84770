//! A histogram of the last minute: six histograms of ten seconds each, the oldest one forgotten as time goes on.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::lock::lock;

const SLICES: usize = 6;
const SLICE: Duration = Duration::from_secs(10);
/// Longest time told apart, µs: an hour. Longer ones count as that.
const LONGEST: u64 = 3_600_000_000;
/// Two digits: a quantile is right to 1 %, at a sixteenth of the memory of three.
const DIGITS: u8 = 2;

/// Durations of the last 50 to 60 seconds.
pub struct Recent {
    start: Instant,
    inner: Mutex<Slices>,
}

struct Slices {
    /// Number of the slice that is being written, since `start`.
    current: u64,
    ring: [Option<Histogram<u32>>; SLICES],
}

impl Default for Recent {
    fn default() -> Recent {
        Recent { start: Instant::now(), inner: Mutex::new(Slices { current: 0, ring: Default::default() }) }
    }
}

impl Recent {
    /// Records one duration that ended at `now`.
    pub fn record(&self, duration: Duration, now: Instant) {
        self.record_some(duration, 1, now);
    }

    /// Records so many equal durations that ended at `now`.
    pub fn record_some(&self, duration: Duration, count: u32, now: Instant) {
        let mut slices = lock(&self.inner);
        slices.move_on(self.slice_of(now));
        let slot = (slices.current % SLICES as u64) as usize;
        let histogram = slices.ring[slot].get_or_insert_with(empty);
        histogram.saturating_record_n(duration.as_micros().clamp(1, u128::from(LONGEST)) as u64, count);
    }

    /// Quantiles (each from 0 to 1) of the last minute, ms; `None` where nothing was recorded.
    pub fn quantiles<const N: usize>(&self, quantiles: [f64; N], now: Instant) -> [Option<f64>; N] {
        let mut sum = empty();
        {
            let mut slices = lock(&self.inner);
            slices.move_on(self.slice_of(now));
            for histogram in slices.ring.iter().flatten().filter(|histogram| !histogram.is_empty()) {
                // Same bounds and digits: adding cannot fail.
                let _ = sum.add(histogram);
            }
        }
        quantiles.map(|quantile| (!sum.is_empty()).then(|| sum.value_at_quantile(quantile) as f64 / 1_000.0))
    }

    fn slice_of(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_secs() / SLICE.as_secs()
    }
}

impl Slices {
    fn move_on(&mut self, slice: u64) {
        if slice <= self.current {
            return;
        }
        for passed in (self.current + 1..=slice).take(SLICES) {
            if let Some(histogram) = &mut self.ring[(passed % SLICES as u64) as usize] {
                histogram.reset();
            }
        }
        // A gap longer than the ring empties all of it.
        if slice - self.current > SLICES as u64 {
            self.ring.iter_mut().flatten().for_each(Histogram::reset);
        }
        self.current = slice;
    }
}

#[cold]
fn empty() -> Histogram<u32> {
    match Histogram::new_with_bounds(1, LONGEST, DIGITS) {
        Ok(histogram) => histogram,
        Err(error) => unreachable!("the bounds are constants: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_is_older_than_a_minute() {
        let recent = Recent::default();
        let at = |seconds| recent.start + Duration::from_secs(seconds);
        assert_eq!(recent.quantiles([0.5], at(0)), [None]);
        recent.record(Duration::from_millis(100), at(0));
        recent.record(Duration::from_millis(10), at(30));
        let [median, most] = recent.quantiles([0.5, 1.0], at(55)).map(Option::unwrap);
        assert!((9.9..10.2).contains(&median) && (99.0..102.0).contains(&most), "{median} {most}");
        let [most] = recent.quantiles([1.0], at(65)).map(Option::unwrap);
        assert!((9.9..10.2).contains(&most), "{most}");
        assert_eq!(recent.quantiles([1.0], at(500)), [None]);
    }

    #[test]
    fn extremes_are_kept_within_bounds() {
        let recent = Recent::default();
        recent.record(Duration::ZERO, recent.start);
        recent.record(Duration::from_secs(1_000_000), recent.start);
        let [least, most] = recent.quantiles([0.0, 1.0], recent.start).map(Option::unwrap);
        assert!(least <= 0.002 && (3_500_000.0..3_700_000.0).contains(&most), "{least} {most}");
    }
}
