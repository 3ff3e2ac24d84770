//! Draws for intervals: equal seeds give equal plans.

/// Draws.
pub struct Draws(fastrand::Rng);

impl Draws {
    /// From a seed, and the number of the draw.
    pub fn new(seed: u64, draw: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(draw)))
    }

    /// Any of `count`, which is above 0.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.usize(0..count.max(1))
    }

    /// From 0 to 1.
    pub fn uniform(&mut self) -> f64 {
        self.0.f64()
    }

    /// Standard normal (Box and Muller, Annals of Mathematical Statistics 29, 1958).
    pub fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.0.f64(), self.0.f64());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}
