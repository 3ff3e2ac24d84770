//! How old the answers of a replica may be. Pure: knows no clock and asks nobody.
//!
//! A primary's position grows with every write. What it told when it was asked at some moment covers every write that it had
//! acknowledged before that moment. So a replica that has come as far as that position has all of these writes, and what it
//! answers later is at most as old as that moment is long ago. This is a bound, not an estimate: it holds however the load changes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Positions that are kept: at five a second the last three minutes. A replica that is further behind has no bound.
const MOST: usize = 1_000;

/// For so long a server that said that it is the primary is taken for it.
pub const TRUST: Duration = Duration::from_millis(500);

/// Where the primary was, and when it was asked.
#[derive(Debug, Default)]
pub(super) struct Positions(VecDeque<(Instant, u64)>);

impl Positions {
    /// The primary, asked at `asked`, said that it was at `position`.
    pub fn add(&mut self, asked: Instant, position: u64) {
        // A server that lost its rows begins anew.
        if self.0.back().is_some_and(|(_, at)| *at > position) {
            self.forget();
        }
        match self.0.back_mut() {
            // Nothing was written since: what covered that moment covers this one, too.
            Some((last, at)) if *at == position => *last = asked,
            _ => self.0.push_back((asked, position)),
        }
        if self.0.len() > MOST {
            self.0.pop_front();
        }
    }

    /// The moment before which a replica at `position` has every acknowledged write; `None` where that is too long ago to be known.
    pub fn covered(&self, position: u64) -> Option<Instant> {
        self.0.iter().rev().find(|(_, at)| *at <= position).map(|(asked, _)| *asked)
    }

    /// Another server is the primary: its positions are others.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

/// A time in which nothing was written: from when the primary gave no answer, until all others were asked, and none was the primary.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrimarySilence {
    pub from: Instant,
    pub until: Instant,
}

/// How old answers of a replica may be that covers the time before `covered`. In a silence it grows no older.
pub(super) fn age(covered: Instant, now: Instant, silence: Option<PrimarySilence>) -> Duration {
    match silence {
        None => now.saturating_duration_since(covered),
        Some(PrimarySilence { from, until }) => {
            from.min(now).saturating_duration_since(covered) + now.saturating_duration_since(until.max(from))
        }
    }
}

/// How old answers of a server may be that was asked at `confirmed`, and said that it is the primary: another one may be it since.
pub(super) fn unconfirmed_age(confirmed: Instant, now: Instant) -> Option<Duration> {
    Some(now.saturating_duration_since(confirmed)).filter(|unknown| *unknown > TRUST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_replica_covers_what_the_primary_had_when_it_was_there() {
        let start = Instant::now();
        let mut positions = Positions::default();
        assert_eq!(positions.covered(u64::MAX), None);
        for (milliseconds, position) in [(0, 10), (200, 10), (400, 17), (600, 30)] {
            positions.add(at(start, milliseconds), position);
        }
        for (position, covered) in [
            (9, None),
            (10, Some(200)),
            (16, Some(200)),
            (17, Some(400)),
            (29, Some(400)),
            (30, Some(600)),
            (99, Some(600)),
        ] {
            let moment = covered.map(|milliseconds| at(start, milliseconds));
            assert_eq!(positions.covered(position), moment, "{position}");
        }
        positions.add(at(start, 800), 3);
        assert_eq!((positions.covered(2), positions.covered(30)), (None, Some(at(start, 800))));
        positions.forget();
        assert_eq!(positions.covered(30), None);
    }

    #[test]
    fn one_that_is_too_far_behind_has_no_bound() {
        let start = Instant::now();
        let mut positions = Positions::default();
        (0..=MOST as u64).for_each(|number| positions.add(at(start, number), number));
        assert_eq!(positions.covered(0), None);
        assert_eq!(positions.covered(1), Some(at(start, 1)));
    }

    #[test]
    fn a_primary_is_believed_for_a_while() {
        let start = Instant::now();
        for (now, doubted) in [(0, None), (500, None), (501, Some(501)), (9_000, Some(9_000))] {
            assert_eq!(unconfirmed_age(start, at(start, now)), doubted.map(Duration::from_millis), "{now}");
        }
        assert_eq!(unconfirmed_age(at(start, 9), start), None);
    }

    #[test]
    fn answers_grow_old_except_in_a_silence() {
        let start = Instant::now();
        for (now, silence, age_then) in [
            (500, None, 300),
            (500, Some((450, 500)), 250),
            (900, Some((450, 900)), 250),
            // The others were asked 150 ms ago: one may have become the primary since.
            (900, Some((450, 750)), 400),
            // Nobody has asked them yet.
            (900, Some((450, 300)), 700),
            (500, Some((900, 400)), 300),
            (100, None, 0),
        ] {
            let silence =
                silence.map(|(from, until)| PrimarySilence { from: at(start, from), until: at(start, until) });
            let age = age(at(start, 200), at(start, now), silence);
            assert_eq!(age, Duration::from_millis(age_then), "{now} {silence:?}");
        }
    }
}
