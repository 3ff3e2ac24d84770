//! The longest time in which nobody had an answer, although requests waited for one: a node that stands still for seconds hides
//! from the percentiles of a closed loop, for each connection has at most one request that sees it. Pure.

/// Follows the counters of a run as somebody looks at them from time to time. Times are nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Silence {
    answered: u64,
    /// When the answers were first seen to be so many, while requests waited.
    since: Option<u64>,
    longest: u64,
}

impl Silence {
    /// At `now`, so many answers had come since the start, and so many requests waited for one. What lies between two looks is
    /// not known, so a silence counts from the first look at it to the last.
    pub fn look(&mut self, now: u64, answered: u64, waiting: u64) {
        if waiting == 0 {
            self.since = None;
            return;
        }
        match self.since {
            Some(since) if answered == self.answered => self.longest = self.longest.max(now.saturating_sub(since)),
            Some(_) | None => (self.since, self.answered) = (Some(now), answered),
        }
    }

    /// The longest one; `None` when nobody ever waited between two looks.
    pub fn longest(&self) -> Option<u64> {
        (self.longest > 0).then_some(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_without_an_answer_for_who_waits() {
        type Look = (u64, u64, u64);
        let cases: [(&str, &[Look], Option<u64>); 6] = [
            ("nobody looked", &[], None),
            ("answers came all the time", &[(0, 0, 4), (5, 3, 4), (10, 9, 4)], None),
            ("nobody waited", &[(0, 7, 0), (5, 7, 0), (100, 7, 0)], None),
            ("still for a while, twice", &[(0, 1, 4), (5, 1, 4), (30, 1, 4), (35, 2, 4), (45, 2, 4)], Some(30)),
            ("until the end", &[(0, 1, 4), (5, 2, 4), (95, 2, 4)], Some(90)),
            ("who comes later has not waited before", &[(0, 1, 0), (50, 1, 1), (60, 1, 1), (65, 2, 1)], Some(10)),
        ];
        for (what, looks, longest) in cases {
            let mut silence = Silence::default();
            looks.iter().for_each(|(now, answered, waiting)| silence.look(*now, *answered, *waiting));
            assert_eq!(silence.longest(), longest, "{what}");
        }
    }
}
