//! How far another clock is from ours, by the `Date` of its answers.
//!
//! `Date` names whole seconds. An answer that was asked for at `a`, came at `b` (our clock) and names the second `d` says that the
//! other clock minus ours lies between `d - b` and `d + 1 - a`. Answers on both sides of a change of the second leave little
//! room: after F. Cristian, "Probabilistic clock synchronization", Distributed Computing 3 (1989), with a clock of whole seconds.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::percentiles::rounded;
use crate::http::blocking;
use crate::http::url::Url;
use crate::results::load::ClockOffset;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(10);
/// Long enough that the second changes once.
const LENGTH: Duration = Duration::from_millis(1100);
/// For one answer.
const TIMEOUT: Duration = Duration::from_millis(500);
/// What is looked at needs this much time.
pub(super) const NEEDED: Duration = Duration::from_millis(1600);

/// Where the difference of the two clocks lies, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct OffsetBounds {
    least: f64,
    most: f64,
}

impl OffsetBounds {
    const UNKNOWN: Self = Self { least: f64::NEG_INFINITY, most: f64::INFINITY };

    /// With one more answer: asked for at `asked`, there at `came`, naming the second `date`.
    fn with(self, asked: f64, came: f64, date: u64) -> Self {
        let date = date as f64;
        Self { least: self.least.max(date - came), most: self.most.min(date + 1.0 - asked) }
    }

    /// The middle. `None` when nothing is known, and when answers contradict each other: then several clocks answered.
    fn offset(self) -> Option<ClockOffset> {
        let (room, middle) = ((self.most - self.least) / 2.0, f64::midpoint(self.most, self.least));
        (room.is_finite() && room >= 0.0)
            .then(|| ClockOffset { milliseconds: rounded(middle * 1e3), within_milliseconds: rounded(room * 1e3) })
    }
}

/// Seconds since 1970.
pub(super) fn unix_seconds(time: SystemTime) -> f64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// The clock of whoever answers at `url` minus ours; `None` when it does not say. Takes a little more than a second.
pub(super) fn offset(url: &Url) -> Option<ClockOffset> {
    // The path may be expensive; that of the page is not, and an error has a date, too.
    let url = Url { origin: url.origin.clone(), path: "/".to_owned() };
    let mut bounds = OffsetBounds::UNKNOWN;
    let end = Instant::now() + LENGTH;
    while Instant::now() < end {
        let asked = unix_seconds(SystemTime::now());
        let date = blocking::date(&url, TIMEOUT).ok().flatten()?;
        bounds = bounds.with(asked, unix_seconds(SystemTime::now()), date);
        std::thread::sleep(PAUSE);
    }
    bounds.offset()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_close_around_the_difference() {
        assert_eq!(OffsetBounds::UNKNOWN.offset(), None);
        // The other clock is 2.25 s ahead; answers take 10 ms, and the clock is read in their middle.
        let mut bounds = OffsetBounds::UNKNOWN;
        for step in 0..110 {
            let asked = 100.0 + f64::from(step) * 0.01;
            bounds = bounds.with(asked, asked + 0.01, (asked + 0.005 + 2.25) as u64);
        }
        let found = bounds.offset().unwrap();
        assert!((found.milliseconds - 2250.0).abs() <= found.within_milliseconds, "{found:?}");
        assert!(found.within_milliseconds <= 10.0, "{found:?}");
        // One answer alone leaves half a second of room.
        let one = OffsetBounds::UNKNOWN.with(100.0, 100.0, 100).offset().unwrap();
        assert_eq!((one.milliseconds, one.within_milliseconds), (500.0, 500.0));
        // Two clocks that are 3 s apart.
        assert_eq!(OffsetBounds::UNKNOWN.with(100.0, 100.0, 100).with(100.1, 100.1, 103).offset(), None);
    }
}
