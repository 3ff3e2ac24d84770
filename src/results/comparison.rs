//! Arms against a baseline, block by block: what the figures carry, and what they do not.
//!
//! A block measures every arm once, close in time, so what the machine does meanwhile meets all arms alike. Of each block only
//! the ratio arm / baseline counts. Its logarithms are taken to be normal; their mean has an interval by Student's t (Student,
//! "The probable error of a mean", Biometrika 6, 1908). No bootstrap: on four blocks a 95 % percentile bootstrap covers 80 %.
//!
//! Three verdicts:
//! - [`Verdict::Different`]: the interval leaves out 1, and the mean differs by the smallest effect that matters, or more.
//!   With several arms the 5 % are shared by Holm's step-down (S. Holm, "A simple sequentially rejective multiple test
//!   procedure", Scandinavian Journal of Statistics 6, 1979), and each interval is shown at the level that its step used
//!   ([`Comparison::confidence_percent`]): it leaves out 1 exactly when the step rejects. Each interval alone holds at least
//!   95 %; that one of several arms without a difference is called different happens in 5 % at most.
//! - [`Verdict::Equivalent`]: the 90 % interval lies within the smallest effect to both sides: two one-sided tests at 5 %
//!   (D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987). A difference may be real and still too
//!   small to matter; then this is the verdict. Each arm has its own 5 % here.
//! - [`Verdict::Undecided`]: neither, with the number of further blocks that should decide. A difference that is real, and as
//!   likely to matter as not (+4.7 %, from +3.3 % to +6.1 %), is undecided too.
//!
//! "No significant difference" is never "as much as". All these rates are tested by simulation (`tests/comparison.rs`).

mod speed;
mod words;

pub use speed::{SpeedMeasured, compare_at_equal_speed};
pub use words::{counted_blocks, difference, ends, further, range, times};

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Share of false "different" among comparisons without a difference.
const ALPHA: f64 = 0.05;
/// With fewer blocks than this, the word of them is said: their spread is hardly known.
pub const ENOUGH_BLOCKS: usize = 6;
/// Beyond this many further blocks, the number is not worth saying.
pub const MOST_FURTHER_BLOCKS: usize = 200;

/// What the blocks of an arm and of the baseline say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Geometric mean of the ratios arm / baseline. `None` without a block that measured both.
    pub ratio: Option<f64>,
    /// Its interval at 95 %, or at the higher level that Holm's step asked for. `None` with fewer than two blocks.
    pub interval_95: Option<[f64; 2]>,
    /// The level of `interval_95`: 95 with one arm; with more, the level of its step.
    pub confidence_percent: f64,
    /// Its interval at 90 %, for equivalence. `None` with fewer than two blocks.
    pub interval_90: Option<[f64; 2]>,
    /// Blocks that measured both.
    pub blocks: usize,
    /// Blocks left out, because one of the two has no valid figure above 0 there.
    pub left_out: usize,
    /// Those of them where both have a figure, but one of the figures is 0 or not finite: nothing was answered there.
    pub without_answers: usize,
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

/// A figure of each block that was measured, by the number of the block.
pub type Blocks = BTreeMap<u32, f64>;

/// Mean and spread of the logarithms of one arm's ratios.
struct Ratios {
    mean: f64,
    /// Standard deviation; `None` of fewer than two.
    deviation: Option<f64>,
    count: usize,
    /// Parameters that were estimated besides the deviation: each costs a degree of freedom.
    parameters: usize,
    left_out: usize,
    without_answers: usize,
}

impl Ratios {
    fn of(arm: &Blocks, baseline: &Blocks) -> Self {
        let logarithms: Vec<f64> = logarithms(arm, baseline).into_values().collect();
        let all: BTreeSet<&u32> = arm.keys().chain(baseline.keys()).collect();
        let both = arm.keys().filter(|block| baseline.contains_key(block)).count();
        let count = logarithms.len();
        let mean = logarithms.iter().sum::<f64>() / count.max(1) as f64;
        let squares: f64 = logarithms.iter().map(|logarithm| (logarithm - mean).powi(2)).sum();
        let deviation = (count >= 2).then(|| (squares / (count - 1) as f64).sqrt());
        Self { mean, deviation, count, parameters: 1, left_out: all.len() - count, without_answers: both - count }
    }

    /// Half of the width of the interval that holds all but `outside`, had it come from `count` blocks.
    fn margin(&self, outside: f64, count: usize) -> Option<f64> {
        let freedom = count.checked_sub(self.parameters)?;
        Some(t_quantile(1.0 - outside / 2.0, freedom)? * self.deviation? / (count as f64).sqrt())
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
        // The lower tail: the upper one, 1 - cdf, would round small probabilities to 0.
        StudentsT::new(0.0, 1.0, (self.count - self.parameters) as f64)
            .map_or(1.0, |t| 2.0 * t.cdf(-(self.mean / error).abs()))
    }

    /// Whether a verdict other than undecided would follow with `count` blocks of this mean and spread.
    fn decides(&self, outside: f64, effect: f64, count: usize) -> Option<bool> {
        let equivalent = self.mean.abs() + self.margin(2.0 * ALPHA, count)? < effect;
        let different = self.mean.abs() >= effect && self.mean.abs() > self.margin(outside, count)?;
        Some(equivalent || different)
    }

    fn verdict(&self, outside: f64, effect: f64) -> Verdict {
        let further = || {
            // The margin shrinks with every block, so what decides once decides with more.
            let enough = |further: usize| self.decides(outside, effect, self.count + further) == Some(true);
            let counts: Vec<usize> = (1..=MOST_FURTHER_BLOCKS).collect();
            counts.get(counts.partition_point(|&further| !enough(further))).copied()
        };
        match self.decides(outside, effect, self.count) {
            Some(true) if self.mean.abs() >= effect => Verdict::Different,
            Some(true) => Verdict::Equivalent,
            Some(false) => Verdict::Undecided { further_blocks: further() },
            None => Verdict::Undecided { further_blocks: None },
        }
    }
}

/// The logarithm of the ratio arm / baseline in every block where both have a figure above 0.
fn logarithms(arm: &Blocks, baseline: &Blocks) -> Blocks {
    let usable = |value: f64| value.is_finite() && value > 0.0;
    let ratio = |(&block, &measured): (&u32, &f64)| {
        let reference = *baseline.get(&block)?;
        (usable(measured) && usable(reference)).then(|| (block, measured.ln() - reference.ln()))
    };
    arm.iter().filter_map(ratio).collect()
}

/// Compares each of `arms` with the baseline. All are block number to figure, of valid runs alone.
pub fn compare(baseline: &Blocks, arms: &[&Blocks], smallest_effect_percent: f64) -> Vec<Comparison> {
    let ratios: Vec<Ratios> = arms.iter().map(|arm| Ratios::of(arm, baseline)).collect();
    verdicts(&ratios, smallest_effect_percent)
}

fn verdicts(ratios: &[Ratios], smallest_effect_percent: f64) -> Vec<Comparison> {
    let effect = (1.0 + smallest_effect_percent / 100.0).ln();
    let levels = holm(&ratios.iter().map(Ratios::p_value).collect::<Vec<_>>());
    let compared = ratios.iter().zip(levels).map(|(of_arm, outside)| Comparison {
        ratio: (of_arm.count > 0).then(|| of_arm.mean.exp()),
        interval_95: of_arm.interval(outside),
        confidence_percent: 100.0 * (1.0 - outside),
        interval_90: of_arm.interval(2.0 * ALPHA),
        blocks: of_arm.count,
        left_out: of_arm.left_out,
        without_answers: of_arm.without_answers,
        arms: ratios.len(),
        smallest_effect_percent,
        verdict: of_arm.verdict(outside, effect),
    });
    compared.collect()
}

/// Whether a bench that adds blocks until its intervals are narrow may stop: every comparison has [`ENOUGH_BLOCKS`], and
/// an interval of at most `percent` to either side.
///
/// What is looked at is the width and never the verdict: to stop as soon as something is significant would call nearly
/// everything different in the end. To stop at a width costs a little too, because a spread that is small by chance stops
/// early: from two blocks on, 95 % intervals would hold 88 %; from six on they hold 92.5 % or more, and "different" without a
/// difference of 5 % stays below 1 % (simulated: `cargo run --release --example design`; for the theory, Y. S. Chow and
/// H. Robbins, Annals of Mathematical Statistics 36, 1965).
pub fn are_narrow(comparisons: &[Comparison], percent: f64) -> bool {
    let narrow = |comparison: &Comparison| comparison.half_width_percent().is_some_and(|width| width <= percent);
    comparisons.iter().all(|comparison| comparison.blocks >= ENOUGH_BLOCKS && narrow(comparison))
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
mod tests;
