//! When the requests of an open loop are due: fixed before the run, whatever the answers do.

use fastrand::Rng;

use crate::results::load::Arrivals;

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
    /// Over all lanes, requests a second.
    rate: f64,
    random: Option<(Rng, f64)>,
}

impl Schedule {
    /// Lane `lane` of `lanes` for a rate in requests a second. Constant arrivals are dealt out in turn. For Poisson
    /// arrivals each lane draws its own: the sum of Poisson processes is one.
    pub fn new(arrivals: Arrivals, rate: f64, seed: u64, lane: usize, lanes: usize) -> Self {
        let (lane, lanes) = (lane as u64, lanes.max(1) as u64);
        // Neighbouring seeds must not give related streams: the generator mixes its seed itself.
        let random = (arrivals == Arrivals::Poisson).then(|| (Rng::with_seed(seed.wrapping_add(lane)), 0.0));
        Self { lane, lanes, turn: 0, rate, random }
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let number = self.turn * self.lanes + self.lane;
        self.turn += 1;
        let seconds = match &mut self.random {
            // From the number, not from the last: rounding does not add up.
            None => number as f64 / self.rate,
            Some((random, at)) => {
                // 1 - u lies in (0, 1], so the logarithm is finite.
                *at += -(1.0 - random.f64()).ln() * self.lanes as f64 / self.rate;
                *at
            }
        };
        Some(Arrival { at: (seconds * 1e9).round() as u64, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(arrivals: Arrivals, rate: f64, lanes: usize, until: u64) -> Vec<Arrival> {
        let lane = |lane| Schedule::new(arrivals, rate, 7, lane, lanes).take_while(move |arrival| arrival.at < until);
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
}
