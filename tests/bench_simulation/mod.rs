//! Benches that are drawn instead of measured: what verdicts say when the truth is known.

use std::collections::BTreeMap;

use webapp::results::comparison::Blocks;

/// What disturbs a measurement. All are standard deviations of logarithms: 0.05 is 5 %.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Of a block, for all its arms alike: the hour, the neighbours.
    pub drift: f64,
    /// Of a run, whatever the arm.
    pub noise: f64,
    /// Of the machine's speed from run to run.
    pub speed: f64,
    /// How much of a change of speed goodput follows: 1 where the CPU is the limit, 0 where it is not.
    pub follows: f64,
    /// Of the speed as it is timed beside a run.
    pub timing: f64,
}

impl Machine {
    /// Without a change of speed.
    pub fn noisy(drift: f64, noise: f64) -> Self {
        Self { drift, noise, speed: 0.0, follows: 0.0, timing: 0.0 }
    }
}

/// Figures and speeds of every arm, the baseline first.
pub struct Bench {
    pub figures: Vec<Blocks>,
    pub speeds: Vec<Blocks>,
}

/// Draws benches, the same ones for the same seed.
pub struct Simulation {
    random: fastrand::Rng,
}

impl Simulation {
    pub fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed) }
    }

    /// A standard normal number: G. E. P. Box and M. E. Muller, Annals of Mathematical Statistics 29, 1958.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.random.f64()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.random.f64()).cos()
    }

    /// A bench of so many blocks. `truth` holds what each arm beside the baseline answers in truth, as a ratio.
    pub fn bench(&mut self, machine: Machine, blocks: u32, truth: &[f64]) -> Bench {
        let mut bench = Bench { figures: Vec::new(), speeds: Vec::new() };
        let drifts: Vec<f64> = (0..blocks).map(|_| machine.drift * self.normal()).collect();
        for ratio in std::iter::once(&1.0).chain(truth) {
            let (mut figures, mut speeds) = (BTreeMap::new(), BTreeMap::new());
            for (block, drift) in (1..).zip(&drifts) {
                let speed = drift + machine.speed * self.normal();
                let timed = speed + machine.timing * self.normal();
                let goodput = ratio.ln() + machine.follows * (speed - drift) + drift + machine.noise * self.normal();
                figures.insert(block, 1000.0 * goodput.exp());
                speeds.insert(block, 7000.0 * timed.exp());
            }
            bench.figures.push(figures);
            bench.speeds.push(speeds);
        }
        bench
    }
}
