//! Whole runs, drawn again with replacement: how far figures made of few runs may be off.
//!
//! Runs drawn again are too much alike when there are few: three runs have a standard deviation that is √(2/3) of the right one, and a
//! normal law is too narrow for it. So each draw's distance from the middle is widened by √(n/(n − 1)), and by Student's t over
//! the normal quantile, with the degrees of freedom of all sizes together (the idea of the expanded percentile interval: T. C.
//! Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015, section 4.1).

use super::evidence::{ArmEvidence, ClusterSize};
use super::measurement::Measurement;
use super::random::Draws;
use crate::report::usl::Observation;
use crate::results::statistics::t_quantile_95;

const NORMAL_QUANTILE_95: f64 = 1.959_964;

/// The runs of an arm, drawn again.
pub struct Resample<'a> {
    /// Beside each size of the evidence, the runs that were drawn.
    sizes: Vec<Drawn<'a>>,
    /// The same of the sizes that were left out.
    left_out: Vec<Drawn<'a>>,
}

/// Runs of one size.
struct Drawn<'a> {
    size: &'a ClusterSize,
    picks: Vec<&'a Measurement>,
    widened: f64,
    /// What a size that was measured once may be off, taken from the other sizes; a factor.
    alone: f64,
}

impl<'a> Resample<'a> {
    /// One draw. `held` is a size whose runs are taken as they are: what would be if it were known exactly.
    pub fn draw(evidence: &'a ArmEvidence, draws: &mut Draws, held: Option<usize>) -> Self {
        let all = || evidence.sizes.iter().chain(evidence.left_out.iter().map(|left| &left.size));
        let freedom: usize = all().map(|size| size.runs.len().saturating_sub(1)).sum();
        // `ArmEvidence::of` sees to it that a size was measured twice.
        let by_freedom = t_quantile_95(freedom).unwrap_or(NORMAL_QUANTILE_95) / NORMAL_QUANTILE_95;
        let others: Vec<f64> = all().flat_map(|size| residuals(&size.runs)).collect();
        let mut one = |size: &'a ClusterSize, held: bool| {
            let count = size.runs.len();
            let widened = if count > 1 { by_freedom * (count as f64 / (count as f64 - 1.0)).sqrt() } else { 1.0 };
            let picks = (0..count).map(|index| &size.runs[if held { index } else { draws.below(count) }]).collect();
            let alone = if held || count > 1 || others.is_empty() {
                1.0
            } else {
                (by_freedom * others[draws.below(others.len())]).exp()
            };
            Drawn { size, picks, widened, alone }
        };
        let sizes = evidence.sizes.iter().enumerate().map(|(index, size)| one(size, held == Some(index))).collect();
        let left_out = evidence.left_out.iter().map(|left| one(&left.size, false)).collect();
        Self { sizes, left_out }
    }

    /// Nodes and throughput of each run that was drawn, for a fit.
    pub fn points(&self) -> Vec<Observation> {
        let of = |drawn: &Drawn<'_>| {
            let n = f64::from(drawn.size.nodes);
            let throughput = drawn.each(|run| Some(run.per_second));
            throughput.into_iter().map(move |throughput| Observation { n, throughput }).collect::<Vec<_>>()
        };
        self.sizes.iter().flat_map(of).collect()
    }

    /// A cost, from the size at which most was answered among those where it was measured.
    pub fn at_busiest(&self, of: impl Fn(&Measurement) -> Option<f64>) -> Option<f64> {
        let known =
            self.sizes.iter().chain(&self.left_out).filter(|drawn| drawn.size.runs.iter().any(|run| of(run).is_some()));
        let busiest = known.max_by(|a, b| rate(a.size).total_cmp(&rate(b.size)))?;
        busiest.mean(&of)
    }
}

/// The geometric mean of a size's throughput.
pub fn rate(size: &ClusterSize) -> f64 {
    geometric_mean(size.runs.iter().map(|run| run.per_second)).unwrap_or(0.0)
}

impl Drawn<'_> {
    /// A figure of each run that was drawn, with its distance from the middle widened.
    fn each(&self, of: impl Fn(&Measurement) -> Option<f64>) -> Vec<f64> {
        let positive = |run: &Measurement| of(run).filter(|value| *value > 0.0);
        let Some(middle) = geometric_mean(self.size.runs.iter().filter_map(positive)) else { return Vec::new() };
        let widen = |value: f64| self.alone * middle * (value / middle).powf(self.widened);
        self.picks.iter().filter_map(|run| positive(run)).map(widen).collect()
    }

    fn mean(&self, of: impl Fn(&Measurement) -> Option<f64>) -> Option<f64> {
        geometric_mean(self.each(of))
    }
}

/// `None` of none.
pub fn geometric_mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.into_iter().fold((0u32, 0.0), |(count, sum), value| (count + 1, sum + value.ln()));
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

/// Logarithms of the throughputs over their mean, as far apart as single runs are.
fn residuals(runs: &[Measurement]) -> Vec<f64> {
    let count = runs.len() as f64;
    let Some(middle) = geometric_mean(runs.iter().map(|run| run.per_second)).filter(|_| runs.len() > 1) else {
        return Vec::new();
    };
    runs.iter().map(|run| (run.per_second / middle).ln() * (count / (count - 1.0)).sqrt()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn spread(values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)).sqrt()
    }

    /// Of a size's mean throughput, over many draws.
    fn means(evidence: &ArmEvidence, held: Option<usize>, index: usize) -> Vec<f64> {
        let one = |draw| {
            let resample = Resample::draw(evidence, &mut Draws::new(7, draw), held);
            resample.sizes[index].mean(|run| Some(run.per_second)).unwrap().ln()
        };
        (0..4000).map(one).collect()
    }

    #[test]
    fn draws_are_as_wide_as_students_t() {
        // Three sizes of four runs each, 1 % apart: 9 degrees of freedom, t = 2.262.
        let evidence = sample::evidence(&[(1, 100.0), (2, 190.0), (4, 360.0)], 0.01);
        let runs: Vec<f64> = evidence.sizes[1].runs.iter().map(|run| run.per_second.ln()).collect();
        let expected = spread(&runs) / 2.0 * 2.262 / 1.96;
        let found = spread(&means(&evidence, None, 1));
        assert!((found / expected - 1.0).abs() < 0.05, "{found} {expected}");
        assert!(spread(&means(&evidence, Some(1), 1)) < 1e-9, "what is held does not move");
        assert!(spread(&means(&evidence, Some(1), 0)) > 0.0);
    }

    #[test]
    fn a_size_that_was_measured_once_is_as_unsure_as_one_run_of_the_others() {
        let mut evidence = sample::evidence(&[(1, 100.0), (2, 190.0)], 0.01);
        evidence.sizes[1].runs.truncate(1);
        let others: Vec<f64> = evidence.sizes[0].runs.iter().map(|run| run.per_second.ln()).collect();
        let found = spread(&means(&evidence, None, 1));
        assert!(found > spread(&others) && found < 2.5 * spread(&others), "{found}");
    }

    #[test]
    fn equal_seeds_give_equal_draws() {
        let evidence = sample::evidence(&[(1, 100.0), (2, 190.0)], 0.05);
        let points = |draw| Resample::draw(&evidence, &mut Draws::new(1, draw), None).points();
        assert_eq!(points(3), points(3));
        assert_ne!(points(3), points(4));
    }
}
