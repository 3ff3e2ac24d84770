//! Which rate to measure next, when the highest that keeps an objective is sought. A pure function of what was measured:
//! double until a breach, then halve the gap between the last rate that was kept and the first that was not. One
//! breach is measured again, two at the same rate count.

use super::service_level::Judgement;

/// Where to begin and how far to go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// First rate, requests a second.
    pub start: f64,
    /// Highest rate that is tried.
    pub most: f64,
    /// The search ends when first failure and last success are this close, as a share of the latter.
    pub precision: f64,
}

/// A rate that was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasuredLevel {
    /// Requests a second.
    pub rate: f64,
    /// How it did.
    pub judgement: Judgement,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchStep {
    /// Measure at this rate.
    Measure(f64),
    /// The search is over.
    End(Finding),
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The limit lies between these rates.
    Limit {
        /// Highest rate that was kept.
        kept: f64,
        /// Lowest rate that was breached, twice.
        breached: f64,
    },
    /// Nothing was breached, so the limit lies at this rate or above.
    LowerBound {
        /// Highest rate that was kept.
        kept: f64,
        /// What stopped the search.
        stopped_by: SearchEnd,
    },
    /// No rate was kept.
    NoneKept {
        /// Lowest rate that was breached, `None` if the generator was the limit from the start.
        breached: Option<f64>,
    },
}

/// Why a search stopped without a breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchEnd {
    /// The highest rate allowed was kept.
    Most,
    /// The generator was the limit, twice.
    Generator,
}

/// Step up while nothing is breached.
const STEP: f64 = 2.0;
/// Below this rate nobody looks for a limit: a window would hold too few requests.
const LEAST: f64 = 0.5;
/// A search ends after so many levels, whatever it knows by then.
const MOST_LEVELS: usize = 60;

impl Search {
    /// The next step, from everything that was measured so far.
    pub fn next(&self, history: &[MeasuredLevel]) -> SearchStep {
        if let Some(last) = history.last().filter(|last| last.judgement != Judgement::Kept) {
            let times = history.iter().filter(|level| **level == *last).count();
            let kept = history.iter().any(|level| level.rate == last.rate && level.judgement == Judgement::Kept);
            if times == 1 && !kept {
                return SearchStep::Measure(last.rate);
            }
        }
        let kept = history.iter().filter(|level| level.judgement == Judgement::Kept).map(|level| level.rate);
        let kept = kept.reduce(f64::max);
        let breached = self.lowest_twice(history, Judgement::Breached);
        let invalid = self.lowest_twice(history, Judgement::Invalid);
        match (kept, breached, invalid) {
            // The generator stops the search only where no breach lies below.
            (kept, breached, Some(invalid)) if breached.is_none_or(|breached| invalid < breached) => {
                SearchStep::End(match (kept, breached) {
                    (Some(kept), Some(breached)) => Finding::Limit { kept, breached },
                    (Some(kept), None) => Finding::LowerBound { kept, stopped_by: SearchEnd::Generator },
                    (None, breached) => Finding::NoneKept { breached },
                })
            }
            (None, None, _) => SearchStep::Measure(self.start.min(self.most)),
            (Some(kept), None, _) if kept >= self.most || history.len() >= MOST_LEVELS => {
                SearchStep::End(Finding::LowerBound { kept, stopped_by: SearchEnd::Most })
            }
            (Some(kept), None, _) => SearchStep::Measure((kept * STEP).min(self.most)),
            (None, Some(breached), _) if breached / STEP < LEAST || history.len() >= MOST_LEVELS => {
                SearchStep::End(Finding::NoneKept { breached: Some(breached) })
            }
            (None, Some(breached), _) => SearchStep::Measure(three_digits(breached / STEP)),
            (Some(kept), Some(breached), _) => self.narrow(kept, breached, history.len()),
        }
    }

    /// The lowest rate that was judged so twice.
    fn lowest_twice(&self, history: &[MeasuredLevel], judgement: Judgement) -> Option<f64> {
        let such =
            |rate: f64| history.iter().filter(|level| level.rate == rate && level.judgement == judgement).count();
        history.iter().map(|level| level.rate).filter(|rate| such(*rate) >= 2).reduce(f64::min)
    }

    fn narrow(&self, kept: f64, breached: f64, levels: usize) -> SearchStep {
        // Rates grow by factors, so the middle is the geometric one.
        let middle = three_digits((kept * breached).sqrt());
        let close = breached <= kept * (1.0 + self.precision);
        if close || middle <= kept || middle >= breached || levels >= MOST_LEVELS {
            return SearchStep::End(Finding::Limit { kept, breached });
        }
        SearchStep::Measure(middle)
    }
}

/// A rate that people can read.
fn three_digits(rate: f64) -> f64 {
    let scale = 10f64.powi(2 - rate.abs().log10().floor() as i32);
    (rate * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use Judgement::{Breached, Invalid, Kept};

    const SEARCH: Search = Search { start: 100.0, most: 1e6, precision: 0.05 };

    fn history(levels: &[(f64, Judgement)]) -> Vec<MeasuredLevel> {
        levels.iter().map(|(rate, judgement)| MeasuredLevel { rate: *rate, judgement: *judgement }).collect()
    }

    #[test]
    fn steps() {
        let limit = |kept, breached| SearchStep::End(Finding::Limit { kept, breached });
        let cases = [
            (vec![], SearchStep::Measure(100.0)),
            (vec![(100.0, Kept)], SearchStep::Measure(200.0)),
            // One breach is measured again.
            (vec![(100.0, Kept), (200.0, Breached)], SearchStep::Measure(200.0)),
            (vec![(100.0, Breached)], SearchStep::Measure(100.0)),
            // It was noise: on.
            (vec![(100.0, Kept), (200.0, Breached), (200.0, Kept)], SearchStep::Measure(400.0)),
            // Two count: the gap is halved.
            (vec![(100.0, Kept), (200.0, Breached), (200.0, Breached)], SearchStep::Measure(141.0)),
            (vec![(100.0, Kept), (104.0, Breached), (104.0, Breached)], limit(100.0, 104.0)),
            // Nothing kept: down.
            (vec![(100.0, Breached), (100.0, Breached)], SearchStep::Measure(50.0)),
            (vec![(0.9, Breached), (0.9, Breached)], SearchStep::End(Finding::NoneKept { breached: Some(0.9) })),
            // The highest rate allowed.
            (vec![(600_000.0, Kept)], SearchStep::Measure(1e6)),
            (vec![(1e6, Kept)], SearchStep::End(Finding::LowerBound { kept: 1e6, stopped_by: SearchEnd::Most })),
            // The generator.
            (vec![(100.0, Kept), (200.0, Invalid)], SearchStep::Measure(200.0)),
            (
                vec![(100.0, Kept), (200.0, Invalid), (200.0, Invalid)],
                SearchStep::End(Finding::LowerBound { kept: 100.0, stopped_by: SearchEnd::Generator }),
            ),
            (vec![(100.0, Kept), (200.0, Invalid), (200.0, Kept)], SearchStep::Measure(400.0)),
            (vec![(100.0, Invalid), (100.0, Invalid)], SearchStep::End(Finding::NoneKept { breached: None })),
            (
                vec![(100.0, Kept), (200.0, Breached), (200.0, Breached), (141.0, Invalid), (141.0, Invalid)],
                limit(100.0, 200.0),
            ),
            (vec![(100.0, Kept), (200.0, Breached), (200.0, Invalid)], SearchStep::Measure(200.0)),
        ];
        for (levels, step) in cases {
            assert_eq!(SEARCH.next(&history(&levels)), step, "{levels:?}");
        }
    }

    /// Runs a search against a node whose limit is known.
    fn find(search: Search, judge: impl Fn(f64, usize) -> Judgement) -> (Finding, usize) {
        let mut history = Vec::new();
        loop {
            match search.next(&history) {
                SearchStep::Measure(rate) => {
                    assert!(rate > 0.0 && rate <= search.most);
                    let judgement = judge(rate, history.len());
                    history.push(MeasuredLevel { rate, judgement });
                    assert!(history.len() <= MOST_LEVELS + 1, "does not end: {history:?}");
                }
                SearchStep::End(finding) => return (finding, history.len()),
            }
        }
    }

    #[test]
    fn any_limit_is_found_within_the_precision() {
        for limit in [1.5, 3.0, 49.0, 99.0, 100.0, 101.0, 777.0, 12_345.0, 999_999.0] {
            for start in [1.0, 100.0, 5_000.0] {
                let search = Search { start, ..SEARCH };
                let (finding, levels) = find(search, |rate, _| if rate <= limit { Kept } else { Breached });
                let Finding::Limit { kept, breached } = finding else { panic!("{limit} {start}: {finding:?}") };
                assert!(kept <= limit && limit < breached, "{limit}: {kept} {breached}");
                assert!(breached <= kept * 1.05 + 0.011, "{limit}: {kept} {breached}");
                assert!(levels < 45, "{limit}: {levels}");
            }
        }
    }

    #[test]
    fn a_search_ends_whatever_it_sees() {
        for seed in 0..500 {
            let random = std::cell::RefCell::new(fastrand::Rng::with_seed(seed));
            find(SEARCH, |_, _| [Kept, Breached, Invalid][random.borrow_mut().usize(..3)]);
        }
        find(SEARCH, |_, turn| if turn % 2 == 0 { Breached } else { Invalid });
        assert_eq!(find(SEARCH, |_, _| Breached).0, Finding::NoneKept { breached: Some(0.785) });
        assert_eq!(find(SEARCH, |_, _| Kept).0, Finding::LowerBound { kept: 1e6, stopped_by: SearchEnd::Most });
    }
}
