//! Draws keys: uniform, and by Zipf's law in constant time and memory.
//!
//! Each connection of a closed loop, and each request of an open one, draws from a stream of its own, which depends on the
//! seed and on its number alone: a run repeats, however its coroutines are scheduled.
//!
//! Zipf: W. Hörmann, G. Derflinger, "Rejection-inversion to generate variates from monotone discrete distributions", ACM
//! Transactions on Modeling and Computer Simulation 6 (1996). A variate of the continuous density x^-s is inverted and rounded
//! to the next rank, and rejected where the density stands above the rank's bar: less than a third of all, whatever the
//! exponent and the number of ranks.

use fastrand::Rng;

use crate::results::keys::{Distribution, KeyRange};

/// The random numbers of one connection or request.
pub(super) fn stream(seed: u64, number: u64) -> Rng {
    // Two rounds of SplitMix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014): neighbouring seeds and numbers must not give
    // related streams.
    Rng::with_seed(mixed(mixed(seed) ^ number))
}

fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Draws one kind of key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeySampler {
    key: KeyRange,
    zipf: Option<Zipf>,
}

impl KeySampler {
    pub fn new(key: KeyRange) -> Self {
        let zipf = match key.distribution {
            Distribution::Uniform => None,
            Distribution::Zipf { exponent } => Some(Zipf::new(key.count(), exponent)),
        };
        Self { key, zipf }
    }

    /// A key from the first to the last, both included.
    pub fn draw(&self, random: &mut Rng) -> u64 {
        match &self.zipf {
            None => random.u64(self.key.first..=self.key.last),
            Some(zipf) => self.key.first + (zipf.draw(random) - 1),
        }
    }
}

/// Ranks from 1 on, each with a share proportional to `rank^-exponent`.
#[derive(Clone, Copy, Debug)]
struct Zipf {
    ranks: f64,
    exponent: f64,
    /// The integral of the density, up to half a rank beyond the last, and where the first rank's bar begins.
    integral_last: f64,
    integral_first: f64,
    /// A variate this little below its rank is accepted without looking.
    accepted: f64,
}

impl Zipf {
    fn new(ranks: u64, exponent: f64) -> Self {
        let mut zipf = Self { ranks: ranks as f64, exponent, integral_last: 0.0, integral_first: 0.0, accepted: 0.0 };
        zipf.integral_last = zipf.integral(zipf.ranks + 0.5);
        zipf.integral_first = zipf.integral(1.5) - 1.0;
        zipf.accepted = 2.0 - zipf.inverse(zipf.integral(2.5) - zipf.density(2.0));
        zipf
    }

    fn draw(&self, random: &mut Rng) -> u64 {
        loop {
            let area = self.integral_last + random.f64() * (self.integral_first - self.integral_last);
            let variate = self.inverse(area);
            let rank = (variate + 0.5).floor().clamp(1.0, self.ranks);
            if rank - variate <= self.accepted || area >= self.integral(rank + 0.5) - self.density(rank) {
                return rank as u64;
            }
        }
    }

    fn density(&self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    /// The integral of the density from 1 to x: `(x^(1-s) - 1) / (1 - s)`, or `ln x` where s is 1.
    fn integral(&self, x: f64) -> f64 {
        let log = x.ln();
        expm1_ratio((1.0 - self.exponent) * log) * log
    }

    /// The x up to which the integral is so large.
    fn inverse(&self, integral: f64) -> f64 {
        // Rounding may take it below the least that the integral can be.
        let t = (integral * (1.0 - self.exponent)).max(-1.0);
        (ln1p_ratio(t) * integral).exp()
    }
}

/// Below this the series of both functions is as good as a float can be.
const SMALL: f64 = 1e-8;

/// `(e^x - 1) / x`, 1 at 0.
fn expm1_ratio(x: f64) -> f64 {
    if x.abs() > SMALL { x.exp_m1() / x } else { 1.0 + x * 0.5 }
}

/// `ln(1 + x) / x`, 1 at 0.
fn ln1p_ratio(x: f64) -> f64 {
    if x.abs() > SMALL { x.ln_1p() / x } else { 1.0 - x * 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u64 = 1_000_000;
    /// The fewest draws that are expected in a bin: with less, the statistic has another distribution.
    const LEAST_EXPECTED: f64 = 20.0;

    /// Pearson's chi-squared of counts against expectations, as standard deviations above its mean.
    fn deviation(counts: &[u64], expected: &[f64]) -> f64 {
        let (mut squared, mut bins) = (0.0, 0);
        let (mut count, mut hoped) = (0.0, 0.0);
        for (index, (got, expect)) in counts.iter().zip(expected).enumerate() {
            count += *got as f64;
            hoped += expect;
            let rest: f64 = expected[index + 1..].iter().take(100).sum();
            if hoped >= LEAST_EXPECTED && (index + 1 == expected.len() || rest >= LEAST_EXPECTED) {
                squared += (count - hoped).powi(2) / hoped;
                bins += 1;
                (count, hoped) = (0.0, 0.0);
            }
        }
        assert!(hoped < 1e-6 && bins >= 2, "{bins} bins, {hoped} left");
        let degrees = f64::from(bins - 1);
        (squared - degrees) / (2.0 * degrees).sqrt()
    }

    fn shares(key: KeyRange) -> Vec<f64> {
        let exponent = match key.distribution {
            Distribution::Uniform => 0.0,
            Distribution::Zipf { exponent } => exponent,
        };
        let weights: Vec<f64> = (1..=key.count()).map(|rank| (rank as f64).powf(-exponent)).collect();
        let all: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / all * DRAWS as f64).collect()
    }

    fn keys() -> Vec<KeyRange> {
        let zipf = |first, last, exponent| KeyRange { first, last, distribution: Distribution::Zipf { exponent } };
        let uniform = |first, last| KeyRange { first, last, distribution: Distribution::Uniform };
        let mut keys = vec![uniform(1, 1000), uniform(7, 9), uniform(0, 12_345), zipf(5, 6, 0.99)];
        keys.extend([0.0, 0.5, 0.99, 1.0, 1.000_000_01, 1.5, 2.0, 4.0].map(|exponent| zipf(1, 1000, exponent)));
        keys.push(zipf(1, 100_000, 0.99));
        keys
    }

    #[test]
    fn a_million_draws_follow_the_distribution() {
        for key in keys() {
            let sampler = KeySampler::new(key);
            let mut random = stream(1, 0);
            let mut counts = vec![0; key.count() as usize];
            (0..DRAWS).for_each(|_| counts[(sampler.draw(&mut random) - key.first) as usize] += 1);
            let deviation = deviation(&counts, &shares(key));
            assert!(deviation.abs() < 4.0, "{key:?}: {deviation}");
        }
    }

    #[test]
    fn the_statistic_sees_another_exponent() {
        let key = |exponent| KeyRange { first: 1, last: 1000, distribution: Distribution::Zipf { exponent } };
        let sampler = KeySampler::new(key(0.99));
        let mut random = stream(1, 0);
        let mut counts = vec![0; 1000];
        (0..DRAWS).for_each(|_| counts[(sampler.draw(&mut random) - 1) as usize] += 1);
        assert!(deviation(&counts, &shares(key(0.96))) > 20.0);
    }

    #[test]
    fn each_number_has_a_stream_of_its_own() {
        // The first draws of a million streams are as even as a million draws of one.
        let key = KeyRange { first: 0, last: 999, distribution: Distribution::Uniform };
        let sampler = KeySampler::new(key);
        let mut counts = vec![0; 1000];
        let mut pairs = vec![0; 1000];
        for number in 0..DRAWS {
            let mut random = stream(7, number);
            let first = sampler.draw(&mut random);
            counts[first as usize] += 1;
            // The second says nothing about the first.
            pairs[(sampler.draw(&mut random) / 100 * 100 + first % 100) as usize] += 1;
        }
        for counts in [counts, pairs] {
            let deviation = deviation(&counts, &shares(key));
            assert!(deviation.abs() < 4.0, "{deviation}");
        }
        let draws = |seed, number| {
            let mut random = stream(seed, number);
            [(); 4].map(|()| sampler.draw(&mut random))
        };
        assert_eq!(draws(1, 2), draws(1, 2));
        assert!(draws(1, 2) != draws(2, 1) && draws(1, 2) != draws(1, 3));
    }

    #[test]
    fn any_range_and_exponent_stay_within_it() {
        for exponent in [0.0, 1e-12, 0.3, 0.99, 1.0, 3.0, 10.0] {
            for (first, last) in [(0, 0), (1, 1), (0, 1), (1, 1 << 53), ((1 << 53) - 1, 1 << 53)] {
                let sampler = KeySampler::new(KeyRange { first, last, distribution: Distribution::Zipf { exponent } });
                let mut random = stream(3, 3);
                for _ in 0..1000 {
                    let key = sampler.draw(&mut random);
                    assert!((first..=last).contains(&key), "{first}..{last} {exponent}: {key}");
                }
            }
        }
    }
}
