//! Arms against a baseline, block by block: what the figures carry, and what they do not.
//!
//! A block measures every arm once, close in time, so what the machine does meanwhile meets all arms alike. Of each block only
//! the ratio arm / baseline counts. Its logarithms are taken to be normal; their mean has an interval by Student's t (Student,
//! "The probable error of a mean", Biometrika 6, 1908). No bootstrap: on four blocks a 95 % percentile bootstrap covers 80 %.
//!
//! Three verdicts:
//! - [`Verdict::Different`]: the interval leaves out 1, and the mean differs by the smallest effect that matters, or more.
//!   With several arms the 5 % are shared by Holm's step-down (S. Holm, "A simple sequentially rejective multiple test
//!   procedure", Scandinavian Journal of Statistics 6, 1979), and each interval is shown at the level that its step used: it
//!   leaves out 1 exactly when the step rejects.
//! - [`Verdict::Equivalent`]: the 90 % interval lies within the smallest effect to both sides: two one-sided tests at 5 %
//!   (D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987). A difference may be real and still too
//!   small to matter; then this is the verdict. Each arm has its own 5 % here.
//! - [`Verdict::Undecided`]: neither, with the number of further blocks that should decide.
//!
//! "No significant difference" is never "as much as".

use std::collections::BTreeMap;

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Share of false "different" among comparisons without a difference.
const ALPHA: f64 = 0.05;
/// With fewer blocks than this, the word of them is said: their spread is hardly known.
pub const ENOUGH_BLOCKS: usize = 6;
/// Beyond this many further blocks, the number is not worth saying.
const MOST_FURTHER_BLOCKS: usize = 200;

/// What the blocks of an arm and of the baseline say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Geometric mean of the ratios arm / baseline. `None` without a block that measured both.
    pub ratio: Option<f64>,
    /// Its interval at 95 %, or at the higher level that Holm's step asked for. `None` with fewer than two blocks.
    pub interval_95: Option<[f64; 2]>,
    /// Its interval at 90 %, for equivalence. `None` with fewer than two blocks.
    pub interval_90: Option<[f64; 2]>,
    /// Blocks that measured both.
    pub blocks: usize,
    /// Blocks left out, because one of the two has no valid figure above 0 there.
    pub left_out: usize,
    /// Arms that share the 5 %.
    pub arms: usize,
    /// The smallest effect that matters, in percent.
    pub smallest_effect_percent: f64,
    /// What follows.
    pub verdict: Verdict,
}

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Verdict {
    /// The two differ, by an amount that matters.
    Different,
    /// If there is a difference, it is too small to matter.
    Equivalent,
    /// The figures do not say.
    Undecided {
        /// Blocks that should decide, if mean and spread stay. `None`: unknown, or more than is worth saying.
        further_blocks: Option<usize>,
    },
}

/// Mean and spread of the logarithms of one arm's ratios.
struct Ratios {
    mean: f64,
    /// Standard deviation; `None` of fewer than two.
    deviation: Option<f64>,
    count: usize,
    left_out: usize,
}

impl Ratios {
    fn of(arm: &BTreeMap<u32, f64>, baseline: &BTreeMap<u32, f64>) -> Self {
        let usable = |value: f64| value.is_finite() && value > 0.0;
        let logarithms: Vec<f64> = arm
            .iter()
            .filter_map(|(block, &measured)| Some((measured, *baseline.get(block)?)))
            .filter(|&(measured, reference)| usable(measured) && usable(reference))
            .map(|(measured, reference)| (measured / reference).ln())
            .collect();
        let mut blocks: Vec<&u32> = arm.keys().chain(baseline.keys()).collect();
        blocks.sort_unstable();
        blocks.dedup();
        let count = logarithms.len();
        let mean = logarithms.iter().sum::<f64>() / count.max(1) as f64;
        let squares: f64 = logarithms.iter().map(|logarithm| (logarithm - mean).powi(2)).sum();
        let deviation = (count >= 2).then(|| (squares / (count - 1) as f64).sqrt());
        Self { mean, deviation, count, left_out: blocks.len() - count }
    }

    /// Half of the width of the interval that holds all but `outside`, had it come from `count` blocks.
    fn margin(&self, outside: f64, count: usize) -> Option<f64> {
        Some(t_quantile(1.0 - outside / 2.0, count.checked_sub(1)?)? * self.deviation? / (count as f64).sqrt())
    }

    fn interval(&self, outside: f64) -> Option<[f64; 2]> {
        let margin = self.margin(outside, self.count)?;
        Some([(self.mean - margin).exp(), (self.mean + margin).exp()])
    }

    /// The two-sided probability of a mean as far from 0 as this one, were there no difference. 1 where it is unknown.
    fn p_value(&self) -> f64 {
        let Some(deviation) = self.deviation else { return 1.0 };
        let error = deviation / (self.count as f64).sqrt();
        if error == 0.0 {
            return if self.mean == 0.0 { 1.0 } else { 0.0 };
        }
        StudentsT::new(0.0, 1.0, (self.count - 1) as f64)
            .map_or(1.0, |t| 2.0 * (1.0 - t.cdf((self.mean / error).abs())))
    }

    /// Whether a verdict other than undecided would follow with `count` blocks of this mean and spread.
    fn decides(&self, outside: f64, effect: f64, count: usize) -> Option<bool> {
        let equivalent = self.mean.abs() + self.margin(2.0 * ALPHA, count)? < effect;
        let different = self.mean.abs() >= effect && self.mean.abs() > self.margin(outside, count)?;
        Some(equivalent || different)
    }

    fn verdict(&self, outside: f64, effect: f64) -> Verdict {
        let further = || {
            let counts = self.count + 1..=self.count + MOST_FURTHER_BLOCKS;
            let enough = counts.into_iter().find(|&count| self.decides(outside, effect, count) == Some(true))?;
            Some(enough - self.count)
        };
        match self.decides(outside, effect, self.count) {
            Some(true) if self.mean.abs() >= effect => Verdict::Different,
            Some(true) => Verdict::Equivalent,
            Some(false) => Verdict::Undecided { further_blocks: further() },
            None => Verdict::Undecided { further_blocks: None },
        }
    }
}

/// Compares each of `arms` with the baseline. All are block number to figure, of valid runs alone.
pub fn compare(
    baseline: &BTreeMap<u32, f64>,
    arms: &[&BTreeMap<u32, f64>],
    smallest_effect_percent: f64,
) -> Vec<Comparison> {
    let effect = (1.0 + smallest_effect_percent / 100.0).ln();
    let ratios: Vec<Ratios> = arms.iter().map(|arm| Ratios::of(arm, baseline)).collect();
    let levels = holm(&ratios.iter().map(Ratios::p_value).collect::<Vec<_>>());
    let compared = ratios.iter().zip(levels).map(|(ratios, outside)| Comparison {
        ratio: (ratios.count > 0).then(|| ratios.mean.exp()),
        interval_95: ratios.interval(outside),
        interval_90: ratios.interval(2.0 * ALPHA),
        blocks: ratios.count,
        left_out: ratios.left_out,
        arms: arms.len(),
        smallest_effect_percent,
        verdict: ratios.verdict(outside, effect),
    });
    compared.collect()
}

/// The level at which each of these p-values is tested: the smallest at α/m, the next at α/(m − 1), and so on; from the first
/// that is not rejected on, all stay at its level.
fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut levels = vec![ALPHA; p_values.len()];
    let mut kept = None;
    for (rank, &index) in order.iter().enumerate() {
        let level = kept.unwrap_or(ALPHA / (p_values.len() - rank) as f64);
        levels[index] = level;
        if p_values[index] >= level {
            kept = Some(level);
        }
    }
    levels
}

/// The quantile of Student's t at `probability`. `None` without a degree of freedom.
pub fn t_quantile(probability: f64, degrees_of_freedom: usize) -> Option<f64> {
    let t = StudentsT::new(0.0, 1.0, degrees_of_freedom as f64).ok()?;
    Some(t.inverse_cdf(probability))
}

impl Comparison {
    /// How much more the arm does than the baseline, in percent.
    pub fn difference_percent(&self) -> Option<f64> {
        self.ratio.map(|ratio| 100.0 * (ratio - 1.0))
    }

    /// Half of the width of the 95 % interval, in percent.
    pub fn half_width_percent(&self) -> Option<f64> {
        self.interval_95.map(|[low, high]| 100.0 * ((high / low).sqrt() - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks whose logarithms against a baseline of 1 are these, in percent.
    fn blocks(percents: &[f64]) -> BTreeMap<u32, f64> {
        percents.iter().enumerate().map(|(index, percent)| (index as u32 + 1, (percent / 100.0).exp())).collect()
    }

    fn one(percents: &[f64]) -> Comparison {
        compare(&blocks(&vec![0.0; percents.len()]), &[&blocks(percents)], 5.0)[0]
    }

    #[test]
    fn verdicts() {
        use Verdict::{Different, Equivalent, Undecided};
        let undecided = |further_blocks| Undecided { further_blocks };
        for (percents, verdict) in [
            (&[][..], undecided(None)),
            (&[-8.0], undecided(None)),
            (&[-8.0, -8.2, -7.9, -8.1, -8.0, -7.8], Different),
            (&[0.5, -0.5, 0.3, -0.2, 0.1, -0.4], Equivalent),
            // Real, and too small to matter.
            (&[1.0, 1.1, 0.9, 1.0, 1.05, 0.95], Equivalent),
            // The interval leaves out 0, but the mean may or may not matter.
            (&[3.0, 4.5, 6.0, 3.5, 5.5, 4.8], undecided(Some(29))),
            (&[0.0, 9.0, -8.0, 7.0, -6.0, 4.0], undecided(Some(5))),
            (&[-42.0, 120.0, -10.0, 80.0], undecided(Some(15))),
        ] {
            assert_eq!(one(percents).verdict, verdict, "{percents:?}: {:?}", one(percents));
        }
    }

    #[test]
    fn intervals_are_those_of_student() {
        // -10, 0, 10: mean 0, standard error 10 / sqrt(3), t(2) = 4.303 and 2.920.
        let compared = one(&[-10.0, 0.0, 10.0]);
        let ends = |interval: Option<[f64; 2]>| interval.unwrap().map(|end| 100.0 * end.ln());
        let [low, high] = ends(compared.interval_95);
        assert!((high - 24.84).abs() < 0.01 && (low + 24.84).abs() < 0.01, "{low} {high}");
        assert!((ends(compared.interval_90)[1] - 16.86).abs() < 0.01);
        assert!((compared.half_width_percent().unwrap() - 28.2).abs() < 0.1);
    }

    #[test]
    fn blocks_without_both_figures_are_left_out() {
        let baseline = BTreeMap::from([(1, 100.0), (2, 100.0), (3, 0.0), (5, 100.0)]);
        let arm = BTreeMap::from([(1, 50.0), (2, f64::NAN), (3, 50.0), (4, 50.0), (5, 50.0)]);
        let compared = compare(&baseline, &[&arm], 5.0)[0];
        assert_eq!((compared.blocks, compared.left_out), (2, 3));
        assert!((compared.ratio.unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn several_arms_share_the_five_percent() {
        for (p_values, levels) in [
            (vec![0.01], vec![0.05]),
            (vec![0.04, 0.01], vec![0.05, 0.025]),
            (vec![0.04, 0.03, 0.001], vec![0.025, 0.025, 0.05 / 3.0]),
            (vec![0.5, 0.5], vec![0.025, 0.025]),
        ] {
            assert_eq!(holm(&p_values), levels, "{p_values:?}");
        }
    }
}
