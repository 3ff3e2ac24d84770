//! The same comparison at equal speed of the machine.
//!
//! The machine's own speed is timed beside every run. Where goodput follows it, a part of the spread between blocks is known,
//! and a line through (logarithm of the ratio of speeds, logarithm of the ratio of goodputs) leaves less: its value at
//! equal speeds is the comparison (analysis of covariance; R. A. Fisher, *Statistical Methods for Research Workers*, 4th
//! edition, 1932). The slope costs a degree of freedom.
//!
//! Simulated (`cargo run --release --example design`): coverage stays at 95 %. With six blocks, intervals get a fifth wider
//! where speed does not matter, and two fifths narrower where it spreads by 5 % and goodput follows it; with fewer, the slope
//! costs more than it gives. To divide goodput by speed instead supposes that all work is bound by the CPU, and more than
//! doubles the interval where it is not.
//!
//! This is a second look, and never the verdict: an arm that keeps more cores busy slows the computation that is timed, and
//! then equal speed takes away a part of what the arm itself does.

use super::{Blocks, Comparison, ENOUGH_BLOCKS, Ratios, logarithms, verdicts};

/// Figures of the blocks, and the machine's speed beside each of them.
#[derive(Clone, Copy, Debug)]
pub struct SpeedMeasured<'a> {
    /// Goodput or another figure above 0, of valid runs.
    pub figures: &'a Blocks,
    /// The machine's speed during the same runs, above 0, in any unit.
    pub speeds: &'a Blocks,
}

/// Compares each of `arms` with the baseline at equal speed of the machine. `None` where an arm has fewer than
/// [`ENOUGH_BLOCKS`] with both speeds, or where the speeds never differ: then there is no slope.
pub fn compare_at_equal_speed(
    baseline: SpeedMeasured,
    arms: &[SpeedMeasured],
    smallest_effect_percent: f64,
) -> Option<Vec<Comparison>> {
    let ratios: Option<Vec<Ratios>> = arms.iter().map(|arm| at_equal_speed(*arm, baseline)).collect();
    Some(verdicts(&ratios?, smallest_effect_percent))
}

fn at_equal_speed(arm: SpeedMeasured, baseline: SpeedMeasured) -> Option<Ratios> {
    let plain = Ratios::of(arm.figures, baseline.figures);
    let speeds = logarithms(arm.speeds, baseline.speeds);
    let pairs: Vec<(f64, f64)> = logarithms(arm.figures, baseline.figures)
        .into_iter()
        .filter_map(|(block, figure)| Some((*speeds.get(&block)?, figure)))
        .collect();
    if pairs.len() < ENOUGH_BLOCKS {
        return None;
    }
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (speed, figure) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let spread: f64 = pairs.iter().map(|pair| (pair.0 - speed).powi(2)).sum();
    if spread <= 0.0 {
        return None;
    }
    let slope = pairs.iter().map(|pair| (pair.0 - speed) * (pair.1 - figure)).sum::<f64>() / spread;
    let mean = figure - slope * speed;
    let squares: f64 = pairs.iter().map(|pair| (pair.1 - mean - slope * pair.0).powi(2)).sum();
    // The error of the line at 0, as the deviation of single blocks that would give it.
    let deviation = (squares / (count - 2.0) * (1.0 + count * speed * speed / spread)).sqrt();
    Some(Ratios {
        mean,
        deviation: Some(deviation),
        count: pairs.len(),
        parameters: 2,
        left_out: plain.left_out + plain.count - pairs.len(),
        without_answers: plain.without_answers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::comparison::Verdict;

    fn blocks(percents: &[f64]) -> Blocks {
        percents.iter().enumerate().map(|(index, percent)| (index as u32 + 1, (percent / 100.0).exp())).collect()
    }

    #[test]
    fn speed_explains_the_spread_and_the_rest_decides() {
        let one = blocks(&[0.0; 8]);
        let baseline = SpeedMeasured { figures: &one, speeds: &one };
        let speeds = blocks(&[-9.0, -5.0, -2.0, 0.0, 1.0, 4.0, 7.0, 12.0]);
        // Goodput follows the speed, and is 10 % lower besides: exp(-0.1054).
        let figures: Blocks = speeds.iter().map(|(&block, speed)| (block, 0.9 * speed)).collect();
        let arm = SpeedMeasured { figures: &figures, speeds: &speeds };
        let compared = compare_at_equal_speed(baseline, &[arm], 5.0).unwrap()[0];
        assert!((compared.ratio.unwrap() - 0.9).abs() < 1e-9, "{compared:?}");
        assert_eq!((compared.verdict, compared.blocks), (Verdict::Different, 8));
        let plain = super::super::compare(&one, &[&figures], 5.0)[0];
        assert!(plain.half_width_percent().unwrap() > 5.0 && compared.half_width_percent().unwrap() < 1e-6);
    }

    #[test]
    fn agrees_with_regression_by_hand() {
        let one = blocks(&[0.0; 6]);
        let speeds = blocks(&[-2.0, -1.0, 0.0, 0.0, 1.0, 2.0]);
        let figures = blocks(&[-1.0, 0.0, 1.0, -1.0, 0.0, 1.0]);
        let arm = SpeedMeasured { figures: &figures, speeds: &speeds };
        let compared = compare_at_equal_speed(SpeedMeasured { figures: &one, speeds: &one }, &[arm], 5.0).unwrap()[0];
        // Slope 0.4, residuals ±0.2, ±0.4, ±1: squares 2.4, on four degrees of freedom, mean error sqrt(0.6 / 6), t 2.776.
        let [low, high] = compared.interval_95.unwrap().map(|end| 100.0 * end.ln());
        assert!((high - 0.8780).abs() < 1e-3 && (low + 0.8780).abs() < 1e-3, "{low} {high}");
    }

    #[test]
    fn no_slope_without_spread_or_blocks() {
        let (one, figures) = (blocks(&[0.0; 6]), blocks(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        let still = SpeedMeasured { figures: &one, speeds: &one };
        assert!(compare_at_equal_speed(still, &[SpeedMeasured { figures: &figures, speeds: &one }], 5.0).is_none());
        let five = blocks(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!(compare_at_equal_speed(still, &[SpeedMeasured { figures: &figures, speeds: &five }], 5.0).is_none());
    }
}
