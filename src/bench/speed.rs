//! The machine's own speed, timed beside every run: the same computation, over and over.
//!
//! Shared machines and warm laptops change their speed from minute to minute. Without this figure, such a change would
//! look like a property of what was measured.

use std::hint::black_box;
use std::time::Duration;

use crate::app::fib;
use crate::kernel::{clock, cores};

/// Pause between two computations: with some 25 µs of work, a quarter of a percent of one core.
pub const PAUSE: Duration = Duration::from_millis(10);
/// Work of one computation: naive Fibonacci of this number, as `/fib` does it.
const NUMBER: u64 = 20;

/// Times computations, on one core after the other.
#[derive(Debug)]
pub struct SpeedProbe {
    cores: Vec<usize>,
    next: usize,
    computations: u64,
    cpu_seconds: f64,
}

impl SpeedProbe {
    /// For the cores that this process may use.
    pub fn new() -> Self {
        Self { cores: cores::allowed(), next: 0, computations: 0, cpu_seconds: 0.0 }
    }

    /// One computation on the next core. A core that may not be chosen is computed on where the thread happens to be.
    pub fn compute(&mut self) {
        if self.cores.len() > 1 {
            cores::stay_on(self.cores[self.next]);
            self.next = (self.next + 1) % self.cores.len();
        }
        let before = clock::thread_cpu_seconds();
        black_box(fib(NUMBER));
        self.cpu_seconds += clock::thread_cpu_seconds() - before;
        self.computations += 1;
    }

    /// How many so far, and the CPU seconds they took.
    pub fn total(&self) -> (u64, f64) {
        (self.computations, self.cpu_seconds)
    }
}

impl Default for SpeedProbe {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_computations_and_their_time() {
        let mut probe = SpeedProbe::new();
        let cores = probe.cores.len();
        assert!(cores >= 1);
        for _ in 0..3 {
            probe.compute();
        }
        let (computations, cpu_seconds) = probe.total();
        assert_eq!(computations, 3);
        assert!(cpu_seconds > 0.0);
    }
}
