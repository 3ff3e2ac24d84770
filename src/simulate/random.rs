//! Random numbers: one stream for each use, all from one seed.
//!
//! Arrivals, service times and the balancer's choices each draw from a stream of their own. So two models that differ only in
//! the balancer see the same arrivals and the same work: what differs between their results is the balancer's doing.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// The generator: xoshiro256++ (Blackman, Vigna: "Scrambled linear pseudorandom number generators", 2021).
pub(super) type Random = Xoshiro256PlusPlus;

/// The streams of one simulation. They lie 2^128 numbers apart in the period of one generator, so they never overlap.
pub(super) struct Streams {
    pub arrivals: Random,
    pub service: Random,
    pub store: Random,
    pub balancer: Random,
    pub client: Random,
}

impl Streams {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::seed_from_u64(seed);
        let mut next = || {
            random.jump();
            random.clone()
        };
        Self { arrivals: next(), service: next(), store: next(), balancer: next(), client: next() }
    }
}

/// A number in [0, 1), from the upper 53 bits.
pub(super) fn uniform(random: &mut Random) -> f64 {
    (random.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// A whole number below `bound`, which is above 0. The multiplication favours no number by more than `bound` / 2^64.
pub(super) fn below(random: &mut Random, bound: usize) -> usize {
    ((u128::from(random.next_u64()) * bound as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let draw = |seed| {
            let mut streams = Streams::new(seed);
            [uniform(&mut streams.arrivals), uniform(&mut streams.service), uniform(&mut streams.balancer)]
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let [a, b, c] = draw(1);
        assert!(a != b && b != c && a != c);
    }

    #[test]
    fn below_is_even() {
        let mut random = Streams::new(7).balancer;
        let mut counts = [0u32; 3];
        (0..30_000).for_each(|_| counts[below(&mut random, 3)] += 1);
        // 10,000 each are expected, with a standard deviation of 82.
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 410), "{counts:?}");
        assert!((0..100).all(|_| below(&mut random, 1) == 0));
    }
}
