//! How old the answers of a replica may be. Pure: knows no clock and asks nobody.
//!
//! A primary's position grows with every write. What it told when it was asked at some moment covers every write that it had
//! acknowledged before that moment. So a replica that has come as far as that position has all of these writes, and what it
//! answers later is at most as old as that moment is long ago. This is a bound, not an estimate: it holds however the load changes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Positions that are kept: at five a second the last three minutes. A replica that is further behind has no bound.
const MOST: usize = 1_000;

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

/// How old answers of a replica may be that covers the time before `covered`. While the primary is `silent`, nothing is written,
/// so that its replicas grow no older.
pub(super) fn age(covered: Instant, now: Instant, silent: Option<Instant>) -> Duration {
    silent.map_or(now, |silent| silent.min(now)).saturating_duration_since(covered)
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
    fn answers_grow_old_until_the_primary_is_silent() {
        let start = Instant::now();
        for (now, silent, age_then) in [(500, None, 300), (500, Some(450), 250), (500, Some(900), 300), (100, None, 0)]
        {
            let silent = silent.map(|milliseconds| at(start, milliseconds));
            assert_eq!(
                age(at(start, 200), at(start, now), silent),
                Duration::from_millis(age_then),
                "{now} {silent:?}"
            );
        }
    }
}
