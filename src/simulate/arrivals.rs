//! When requests arrive.

use rand_distr::{Distribution, Exp1};

use super::model_error::ModelError;
use super::random::Random;

/// An arrival process. Rates are of the whole system, in requests a second.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrivalProcess {
    /// Independent users: exponential gaps.
    Poisson {
        /// Requests a second.
        rate: f64,
    },
    /// Equal gaps.
    Even {
        /// Requests a second.
        rate: f64,
    },
    /// A Poisson process whose rate changes; it begins again when it has ended.
    Profile(RateProfile),
    /// These gaps, in seconds; the first again after the last.
    Recorded(Vec<f64>),
}

impl ArrivalProcess {
    /// Requests a second in the long run.
    pub fn mean_rate(&self) -> f64 {
        match self {
            Self::Poisson { rate } | Self::Even { rate } => *rate,
            Self::Profile(profile) => profile.mean_rate(),
            Self::Recorded(gaps) => gaps.len() as f64 / gaps.iter().sum::<f64>(),
        }
    }

    /// The same process at another mean rate: a profile keeps its times and scales its rates, recorded gaps are stretched.
    #[must_use]
    pub fn at_rate(self, rate: f64) -> Self {
        let factor = rate / self.mean_rate();
        match self {
            Self::Poisson { .. } => Self::Poisson { rate },
            Self::Even { .. } => Self::Even { rate },
            Self::Profile(mut profile) => {
                profile.points.iter_mut().for_each(|point| point.1 *= factor);
                Self::Profile(profile)
            }
            Self::Recorded(mut gaps) => {
                gaps.iter_mut().for_each(|gap| *gap /= factor);
                Self::Recorded(gaps)
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), ModelError> {
        match self {
            Self::Poisson { rate } | Self::Even { rate } if !(rate.is_finite() && *rate > 0.0) => {
                Err(ModelError::Rate(*rate))
            }
            Self::Poisson { .. } | Self::Even { .. } | Self::Profile(_) => Ok(()),
            Self::Recorded(gaps) => {
                let usable = gaps.iter().all(|gap| gap.is_finite() && *gap >= 0.0);
                if usable && gaps.iter().sum::<f64>() > 0.0 { Ok(()) } else { Err(ModelError::Gaps) }
            }
        }
    }
}

/// A rate that changes: linear between its points.
#[derive(Clone, Debug, PartialEq)]
pub struct RateProfile {
    points: Vec<(f64, f64)>,
}

impl RateProfile {
    /// From points (seconds, requests a second) in rising order of time.
    ///
    /// # Errors
    /// [`ModelError::Profile`] with fewer than two points, times that do not rise, a negative rate, or no arrivals at all.
    pub fn new(points: Vec<(f64, f64)>) -> Result<Self, ModelError> {
        let finite = points.iter().all(|&(time, rate)| time.is_finite() && rate.is_finite() && rate >= 0.0);
        let rising = points.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let any = points.iter().any(|point| point.1 > 0.0);
        if points.len() < 2 || !finite || !rising || !any {
            return Err(ModelError::Profile);
        }
        Ok(Self { points })
    }

    /// From its first point to its last, in seconds.
    pub fn duration(&self) -> f64 {
        match (self.points.first(), self.points.last()) {
            (Some(first), Some(last)) => last.0 - first.0,
            _ => 0.0,
        }
    }

    fn mean_rate(&self) -> f64 {
        let area: f64 =
            self.points.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum();
        area / self.duration()
    }
}

/// Gives the time of one arrival after the other.
pub(super) struct Source {
    arrivals: ArrivalProcess,
    random: Random,
    now: f64,
    /// How many arrivals there were; with a profile, the segment of `now`.
    index: usize,
    /// With a profile: when its present round began, in simulated seconds.
    round: f64,
}

impl Source {
    pub fn new(arrivals: ArrivalProcess, random: Random) -> Self {
        Self { arrivals, random, now: 0.0, index: 0, round: 0.0 }
    }

    /// The time of the next arrival, in seconds.
    #[inline]
    pub fn next(&mut self) -> f64 {
        match &self.arrivals {
            ArrivalProcess::Poisson { rate } => {
                let gap: f64 = Exp1.sample(&mut self.random);
                self.now += gap / rate;
            }
            ArrivalProcess::Even { rate } => {
                // From the number, not from the last: rounding does not add up.
                self.index += 1;
                self.now = self.index as f64 / rate;
            }
            ArrivalProcess::Recorded(gaps) => {
                self.now += gaps[self.index];
                self.index = if self.index + 1 == gaps.len() { 0 } else { self.index + 1 };
            }
            ArrivalProcess::Profile(_) => self.now = self.next_of_profile(),
        }
        self.now
    }

    /// Inversion: the expected number of arrivals until the next one is exponential with mean 1 (Çinlar 1975, section 4.7).
    fn next_of_profile(&mut self) -> f64 {
        let ArrivalProcess::Profile(profile) = &self.arrivals else { return f64::INFINITY };
        let mut left: f64 = Exp1.sample(&mut self.random);
        let mut now = self.now;
        loop {
            let (from, to) = (profile.points[self.index], profile.points[self.index + 1]);
            let begin = self.round + from.0 - profile.points[0].0;
            let length = to.0 - from.0;
            let slope = (to.1 - from.1) / length;
            let done = (now - begin).clamp(0.0, length);
            let rate = from.1 + slope * done;
            let rest = length - done;
            let expected = rest * (rate + to.1) / 2.0;
            if left < expected {
                // The smaller root of slope/2 x² + rate x = left, in the form that loses no digits.
                let root = (rate * rate + 2.0 * slope * left).max(0.0).sqrt();
                return now + (2.0 * left / (rate + root)).min(rest);
            }
            left -= expected;
            now = begin + length;
            self.index += 1;
            if self.index + 1 == profile.points.len() {
                self.index = 0;
                self.round += profile.duration();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::Streams;
    use super::*;

    fn times(arrivals: ArrivalProcess, count: usize) -> Vec<f64> {
        let mut source = Source::new(arrivals, Streams::new(5).arrivals);
        (0..count).map(|_| source.next()).collect()
    }

    #[test]
    fn even_and_recorded() {
        let even = times(ArrivalProcess::Even { rate: 3.0 }, 3_000_000);
        assert_eq!((even[0], even[2_999_999]), (1.0 / 3.0, 1e6));
        let recorded = ArrivalProcess::Recorded(vec![0.5, 0.0, 1.5]);
        assert_eq!(times(recorded.clone(), 5), [0.5, 0.5, 2.0, 2.5, 2.5]);
        assert_eq!(recorded.mean_rate(), 1.5);
        assert_eq!(times(recorded.at_rate(3.0), 3), [0.25, 0.25, 1.0]);
    }

    #[test]
    fn poisson_gaps_are_exponential() {
        let times = times(ArrivalProcess::Poisson { rate: 4.0 }, 200_000);
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 0.25).abs() < 0.003 && (variance.sqrt() - 0.25).abs() < 0.004, "{mean} {variance}");
    }

    #[test]
    fn a_profile_is_followed_and_repeated() {
        let profile =
            RateProfile::new(vec![(10.0, 0.0), (20.0, 200.0), (30.0, 200.0), (40.0, 0.0), (50.0, 0.0)]).unwrap();
        let arrivals = ArrivalProcess::Profile(profile.clone());
        assert_eq!((profile.duration(), arrivals.mean_rate()), (40.0, 100.0));
        // Two rounds; of each: a quarter while it rises, half at the top, a quarter while it falls.
        let times: Vec<f64> = times(arrivals.clone(), 20_000).into_iter().filter(|&time| time < 80.0).collect();
        for round in [0.0, 40.0] {
            for (from, to, expected) in
                [(0.0, 5.0, 250.0), (5.0, 10.0, 750.0), (10.0, 20.0, 2000.0), (20.0, 30.0, 1000.0), (30.0, 40.0, 0.0)]
            {
                let count = times.iter().filter(|&&time| (round + from..round + to).contains(&time)).count() as f64;
                assert!(
                    (count - expected).abs() <= 5.0 * f64::sqrt(expected),
                    "{round} {from}: {count}, not {expected}"
                );
            }
        }
        assert!((arrivals.at_rate(7.0).mean_rate() - 7.0).abs() < 1e-12);
    }

    #[test]
    fn wrong_processes_are_refused() {
        for points in [
            vec![],
            vec![(0.0, 1.0)],
            vec![(0.0, 1.0), (0.0, 2.0)],
            vec![(0.0, -1.0), (1.0, 1.0)],
            vec![(0.0, 0.0), (1.0, 0.0)],
            vec![(0.0, f64::NAN), (1.0, 1.0)],
        ] {
            assert_eq!(RateProfile::new(points.clone()), Err(ModelError::Profile), "{points:?}");
        }
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(ArrivalProcess::Poisson { rate }.check().is_err());
        }
        for gaps in [vec![], vec![0.0], vec![1.0, -1.0], vec![f64::NAN]] {
            assert_eq!(ArrivalProcess::Recorded(gaps).check(), Err(ModelError::Gaps));
        }
    }
}
