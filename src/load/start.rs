//! A start at a moment, so that several generators begin together.

use std::time::{Duration, SystemTime};

use anyhow::ensure;

use super::clock::{self, unix_seconds};
use super::interrupt::StopFlag;
use super::percentiles::rounded;
use crate::http::url::Url;
use crate::results::load::{InvalidCause, JointStart, LoadOutcome, Validity};

/// Connections are opened this long before, not earlier: a node closes those that nothing comes on.
const LEAD: Duration = Duration::from_secs(5);
/// Longest wait for the moment.
const FARTHEST: Duration = Duration::from_secs(24 * 3600);
/// An interrupt is noticed within this.
const TICK: Duration = Duration::from_millis(50);
/// A generator that begins later than this does not load together with the others: a tenth of a second of their timeline.
pub(super) const LATE_MILLISECONDS: f64 = 100.0;

/// The moment, and what was learnt while it was waited for.
pub(super) struct Moment {
    at: SystemTime,
    outcome: JointStart,
}

/// Whether a moment can be kept.
///
/// # Errors
/// When it has passed, or is more than a day away.
pub(super) fn check(at: SystemTime, now: SystemTime) -> anyhow::Result<()> {
    let away = unix_seconds(at) - unix_seconds(now);
    ensure!(away > 0.0, "the moment to start at (--at) was {:.1} s ago", -away);
    ensure!(away <= FARTHEST.as_secs_f64(), "the moment to start at (--at) is {:.0} s away; at most a day is", away);
    Ok(())
}

impl Moment {
    /// Waits until it is near, and looks at the clock of whoever answers at `url`, where there is time for that.
    pub fn approach(at: SystemTime, url: &Url, interrupt: &StopFlag) -> Self {
        wait_until(at - LEAD, interrupt);
        let has_time = !interrupt.is_set() && left(at) > clock::NEEDED;
        let node_clock = if has_time { clock::offset(url) } else { None };
        let at_unix_seconds = unix_seconds(at);
        Self { at, outcome: JointStart { at_unix_seconds, late_milliseconds: 0.0, node_clock } }
    }

    /// Waits for it. Everything is prepared; what comes next is the start.
    pub fn wait(&mut self, interrupt: &StopFlag) {
        wait_until(self.at, interrupt);
        let late = unix_seconds(SystemTime::now()) - unix_seconds(self.at);
        self.outcome.late_milliseconds = rounded(late.max(0.0) * 1e3);
    }

    /// Notes the start in the outcome; one that was late makes it invalid.
    pub fn note(self, outcome: &mut LoadOutcome) {
        outcome.start = Some(self.outcome);
        let late = self.outcome.late_milliseconds;
        let generator = &mut outcome.generator;
        if late > LATE_MILLISECONDS && generator.verdict == Validity::Valid {
            generator.verdict = Validity::GeneratorBound;
            generator.cause = Some(InvalidCause::Late);
            generator.reason = format!(
                "it began {late:.0} ms after the moment it was to begin at ({LATE_MILLISECONDS} ms are allowed): its load \
                 and that of other generators were not the same time"
            );
        }
    }
}

fn left(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO)
}

fn wait_until(at: SystemTime, interrupt: &StopFlag) {
    while !interrupt.is_set() && !left(at).is_zero() {
        std::thread::sleep(left(at).min(TICK));
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::outcome;
    use super::*;

    #[test]
    fn moments_that_can_be_kept() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        check(now + Duration::from_millis(1), now).unwrap();
        let error = |at| check(at, now).unwrap_err().to_string();
        assert!(error(now - Duration::from_millis(2500)).contains("2.5 s ago"));
        assert!(error(now).contains("ago"));
        assert!(error(now + Duration::from_secs(90_000)).contains("a day"));
    }

    #[test]
    fn a_late_start_is_no_start_together() {
        let start = |late| Moment {
            at: SystemTime::UNIX_EPOCH,
            outcome: JointStart { at_unix_seconds: 0.0, late_milliseconds: late, node_clock: None },
        };
        let mut on_time = outcome();
        start(99.0).note(&mut on_time);
        assert_eq!((on_time.generator.verdict, on_time.start.is_some()), (Validity::Valid, true));
        let mut late = outcome();
        start(101.0).note(&mut late);
        assert_eq!(
            (late.generator.verdict, late.generator.cause),
            (Validity::GeneratorBound, Some(InvalidCause::Late))
        );
        // What was found wrong before stays the reason.
        let mut bound = outcome();
        bound.generator.verdict = Validity::GeneratorBound;
        bound.generator.cause = Some(InvalidCause::Busy);
        start(101.0).note(&mut bound);
        assert_eq!(bound.generator.cause, Some(InvalidCause::Busy));
    }
}
