//! Throughput over nodes: where it was measured, and a little beyond.

use super::random::Draws;
use super::resample::geometric_mean;
use crate::report::usl::{self, Fit, Observation};
use crate::results::statistics::t_quantile_95;

/// Throughput over nodes within the measured range.
#[derive(Clone, Debug)]
pub enum ThroughputCurve {
    /// The Universal Scalability Law, of three sizes or more.
    Law(Box<Fit>),
    /// Straight from size to size, in throughput a node: nodes, and throughput of one.
    Straight(Vec<(f64, f64)>),
}

impl ThroughputCurve {
    /// Through points of one size or more. Where the law cannot be fitted, straight from size to size.
    pub fn through(points: &[Observation]) -> Self {
        match usl::fit(points) {
            Ok(fit) => Self::Law(Box::new(fit)),
            Err(_) => Self::Straight(by_size(points).into_iter().map(|(n, throughput)| (n, throughput / n)).collect()),
        }
    }

    /// Requests a second of `n` nodes.
    pub fn throughput(&self, n: f64) -> f64 {
        match self {
            Self::Law(fit) => fit.throughput(n),
            Self::Straight(each) => {
                let after = each.iter().position(|(nodes, _)| *nodes >= n).unwrap_or(each.len().saturating_sub(1));
                let Some(&(n1, x1)) = each.get(after) else { return 0.0 };
                let (n0, x0) = each[after.saturating_sub(1)];
                let share = if n1 > n0 { ((n - n0) / (n1 - n0)).clamp(0.0, 1.0) } else { 1.0 };
                n * (x0 + share * (x1 - x0))
            }
        }
    }
}

/// Mean throughput of each size, rising in nodes.
fn by_size(points: &[Observation]) -> Vec<(f64, f64)> {
    let mut sizes: Vec<f64> = points.iter().map(|point| point.n).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    let mean = |n: f64| geometric_mean(points.iter().filter(|point| point.n == n).map(|point| point.throughput));
    sizes.into_iter().filter_map(|n| Some((n, mean(n)?))).collect()
}

/// Contention that is expected before anything was measured: an exponential with this mean. Nodes with CPU of their own share little;
/// two sizes tell so little of it that without this a chance difference of 5 % between them would be a third of what four times
/// as many nodes bring.
const EXPECTED_CONTENTION: f64 = 0.03;
/// Contention that is tried, from 0, and how finely.
const MOST_CONTENTION: f64 = 0.5;
const STEPS: usize = 1000;
/// Runs are not taken to be nearer to each other than this, as a share.
const LEAST_DEVIATION: f64 = 0.005;

/// Throughput of `n` nodes from two sizes: draws of the law with contention alone, as likely as the points make them (with the
/// expectation above, by Bayes' rule). The scale is free; how far runs scatter is taken from all sizes together.
pub fn beyond_two_sizes(points: &[Observation], n: f64, count: usize, draws: &mut Draws) -> Vec<f64> {
    let sizes = by_size(points);
    let runs = |n: f64| points.iter().filter(move |point| point.n == n);
    let freedom = points.len() - sizes.len();
    let squares: f64 =
        sizes.iter().flat_map(|&(n, mean)| runs(n).map(move |run| (run.throughput / mean).ln().powi(2))).sum();
    let deviation = (squares / freedom.max(1) as f64).sqrt().max(LEAST_DEVIATION)
        * t_quantile_95(freedom.max(1)).unwrap_or(2.0)
        / 1.96;
    let weights: Vec<f64> = sizes.iter().map(|&(n, _)| runs(n).count() as f64 / deviation.powi(2)).collect();
    let all: f64 = weights.iter().sum();
    // For each contention: how likely, and the logarithm of the scale.
    let grid: Vec<(f64, f64, f64)> = (0..=STEPS)
        .map(|step| {
            let contention = MOST_CONTENTION * step as f64 / STEPS as f64;
            let scales: Vec<f64> = sizes.iter().map(|&(n, mean)| (mean / growth(contention, n)).ln()).collect();
            let scale = scales.iter().zip(&weights).map(|(scale, weight)| scale * weight).sum::<f64>() / all;
            let misfit: f64 = scales.iter().zip(&weights).map(|(other, weight)| weight * (other - scale).powi(2)).sum();
            ((-misfit / 2.0 - contention / EXPECTED_CONTENTION).exp(), contention, scale)
        })
        .collect();
    let total: f64 = grid.iter().map(|step| step.0).sum();
    let mut draw = || {
        let mut left = draws.uniform() * total;
        let chosen = grid.iter().find(|step| {
            left -= step.0;
            left <= 0.0
        });
        let &(_, contention, scale) = chosen.or(grid.first())?;
        Some((scale + draws.normal() / all.sqrt()).exp() * growth(contention, n))
    };
    (0..count).filter_map(|_| draw()).collect()
}

/// How many times one node's throughput `n` nodes have.
fn growth(contention: f64, n: f64) -> f64 {
    n / (1.0 + contention * (n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::figure::{Class, Figure};

    fn points(sizes: &[(f64, f64)]) -> Vec<Observation> {
        let three = |&(n, throughput): &(f64, f64)| {
            [0.98, 1.0, 1.02].map(|factor| Observation { n, throughput: factor * throughput })
        };
        sizes.iter().flat_map(three).collect()
    }

    #[test]
    fn the_law_and_straight_lines() {
        let law = ThroughputCurve::through(&points(&[(1.0, 100.0), (2.0, 180.0), (4.0, 300.0)]));
        assert!(matches!(law, ThroughputCurve::Law(_)) && (law.throughput(2.0) / 180.0 - 1.0).abs() < 0.03);
        let straight = ThroughputCurve::through(&points(&[(1.0, 100.0), (4.0, 320.0)]));
        assert!(matches!(straight, ThroughputCurve::Straight(_)));
        for (n, expected) in [(1.0, 100.0), (2.0, 2.0 * 93.33), (4.0, 320.0), (0.5, 50.0), (8.0, 640.0)] {
            assert!((straight.throughput(n) / expected - 1.0).abs() < 0.01, "{n}: {}", straight.throughput(n));
        }
        let one = ThroughputCurve::through(&points(&[(4.0, 400.0)]));
        assert!((one.throughput(2.0) - 200.0).abs() < 1.0);
    }

    #[test]
    fn two_sizes_say_little_about_a_third() {
        // By the law alone 400, 261 and 175; what is expected of contention pulls a little towards less.
        for (second, low, high) in [(200.0, 370.0, 401.0), (170.0, 261.0, 285.0), (140.0, 170.0, 200.0)] {
            let drawn = beyond_two_sizes(&points(&[(1.0, 100.0), (2.0, second)]), 4.0, 2000, &mut Draws::new(1, 1));
            let figure = Figure::of(&drawn, Class::Predicted).unwrap();
            assert!((low..high).contains(&figure.value), "{second}: {figure:?}");
            assert!(figure.relative_width() > 0.03, "{figure:?}");
        }
    }
}
