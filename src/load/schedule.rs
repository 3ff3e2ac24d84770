//! When the requests of an open loop are due: fixed before the run, whatever the answers do.

use std::sync::Arc;

use fastrand::Rng;

use crate::results::load::Arrivals;
use crate::results::profile::{Profile, ProfileTimes};

/// How the requests of an open loop are paced.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Over all lanes, requests a second.
    pub rate: f64,
    /// The rate changes so instead.
    pub profile: Option<Arc<Profile>>,
    /// How the gaps are drawn.
    pub arrivals: Arrivals,
    /// Makes them repeatable.
    pub seed: u64,
}

/// One request that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Nanoseconds after the start.
    pub at: u64,
    /// Its number over all lanes: chooses the address.
    pub number: u64,
}

/// The arrivals of one of several lanes; together they make the whole rate.
pub(super) struct Schedule {
    lane: u64,
    lanes: u64,
    turn: u64,
    rate: Rate,
    /// The source of the gaps, and how many requests of all lanes are due by the last one.
    random: Option<(Rng, f64)>,
}

/// Over all lanes.
enum Rate {
    /// Requests a second.
    Constant(f64),
    Changing(ProfileTimes),
}

impl Rate {
    /// The moment by which so many requests are due, in seconds; `None` where no more come.
    fn time_of(&mut self, requests: f64) -> Option<f64> {
        match self {
            Self::Constant(rate) => Some(requests / *rate),
            Self::Changing(times) => times.at(requests),
        }
    }
}

impl Schedule {
    /// Lane `lane` of `lanes`. Constant arrivals are dealt out in turn. For Poisson arrivals each lane draws its own: the
    /// sum of Poisson processes is one. Where the rate changes, both are stretched: a gap is one in requests that become
    /// due, not in time.
    pub fn new(pace: &Pace, lane: usize, lanes: usize) -> Self {
        let (lane, lanes) = (lane as u64, lanes.max(1) as u64);
        // Neighbouring seeds must not give related streams: the generator mixes its seed itself.
        let random = (pace.arrivals == Arrivals::Poisson).then(|| (Rng::with_seed(pace.seed.wrapping_add(lane)), 0.0));
        let rate = pace.profile.as_ref().map_or(Rate::Constant(pace.rate), |profile| Rate::Changing(profile.times()));
        Self { lane, lanes, turn: 0, rate, random }
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let number = self.turn * self.lanes + self.lane;
        self.turn += 1;
        let due = match &mut self.random {
            // From the number, not from the last: rounding does not add up.
            None => number as f64,
            Some((random, due)) => {
                // 1 - u lies in (0, 1], so the logarithm is finite.
                *due += -(1.0 - random.f64()).ln() * self.lanes as f64;
                *due
            }
        };
        let seconds = self.rate.time_of(due)?;
        Some(Arrival { at: (seconds * 1e9).round() as u64, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(arrivals: Arrivals, rate: f64, lanes: usize, until: u64) -> Vec<Arrival> {
        let pace = Pace { rate, profile: None, arrivals, seed: 7 };
        let lane = |lane| Schedule::new(&pace, lane, lanes).take_while(move |arrival| arrival.at < until);
        let mut all: Vec<_> = (0..lanes).flat_map(lane).collect();
        all.sort_by_key(|arrival| arrival.at);
        all
    }

    #[test]
    fn constant_arrivals_are_even_and_do_not_drift() {
        for lanes in [1, 2, 3, 7] {
            let all = merged(Arrivals::Constant, 3.0, lanes, 3_600_000_000_000);
            assert_eq!(all.len(), 3 * 3600, "{lanes}");
            for (number, arrival) in all.iter().enumerate() {
                assert_eq!(arrival.number, number as u64);
                assert!((arrival.at as f64 - number as f64 / 3.0 * 1e9).abs() <= 1.0);
            }
        }
    }

    #[test]
    fn poisson_gaps_are_exponential_and_repeatable() {
        for lanes in [1, 2, 5] {
            let all = merged(Arrivals::Poisson, 1000.0, lanes, 100_000_000_000);
            // 100,000 are expected, with a standard deviation of 316.
            assert!((all.len() as f64 - 100_000.0).abs() < 5.0 * 316.0, "{}", all.len());
            let gaps: Vec<f64> = all.windows(2).map(|pair| (pair[1].at - pair[0].at) as f64 / 1e6).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            // The standard deviation of an exponential is its mean; e^-1 of the gaps are longer than the mean.
            assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "{lanes} {}", variance.sqrt() / mean);
            let longer = gaps.iter().filter(|gap| **gap > mean).count() as f64 / gaps.len() as f64;
            assert!((longer - (-1.0f64).exp()).abs() < 0.01, "{lanes} {longer}");
            assert_eq!(all, merged(Arrivals::Poisson, 1000.0, lanes, 100_000_000_000));
        }
    }

    #[test]
    fn a_changing_rate_is_followed_by_all_lanes_together() {
        let profile = Profile::new(vec![(0.0, 0.0), (100.0, 200.0)]).unwrap();
        let pace = |arrivals| Pace { rate: 100.0, profile: Some(Arc::new(profile.clone())), arrivals, seed: 7 };
        for lanes in [1, 3] {
            let all = |arrivals| -> Vec<u64> {
                let pace = pace(arrivals);
                let mut all: Vec<_> =
                    (0..lanes).flat_map(|lane| Schedule::new(&pace, lane, lanes)).map(|arrival| arrival.at).collect();
                all.sort_unstable();
                all
            };
            let constant = all(Arrivals::Constant);
            assert_eq!(constant.len(), 10_000);
            for (number, at) in constant.iter().enumerate() {
                // By t seconds, t² are due.
                assert!((*at as f64 / 1e9 - (number as f64).sqrt()).abs() < 1e-6, "{number}: {at}");
            }
            let random = all(Arrivals::Poisson);
            for second in [20.0_f64, 50.0, 100.0] {
                let due = random.iter().filter(|at| **at as f64 <= second * 1e9).count() as f64;
                // As many as the square of the seconds, which is also the variance.
                assert!((due - second * second).abs() < 5.0 * second, "{lanes} {second}: {due}");
            }
        }
    }
}
