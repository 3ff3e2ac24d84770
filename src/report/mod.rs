//! Fit, limits, cost and charts: pure functions of what `bench` wrote.
//!
//! [`Report::of`] turns a results folder into every figure there is; [`findings`] says them in a terminal, [`page`]
//! draws them as one HTML file.

pub mod analysis;
pub mod binding;
pub mod charts;
pub mod comparison;
pub mod cost;
pub mod figures;
pub mod findings;
pub mod page;
pub mod points;
#[cfg(test)]
mod sample;
pub mod table;
pub mod topology;
pub mod usl;
mod usl_text;
pub mod verdict;

pub use usl_text::{describe_fit, fit_as_json};

use serde::Serialize;

use crate::bench::steps;
use crate::results::folder::Results;
use crate::results::manifest::Manifest;
use crate::results::prices::Prices;
use crate::results::statistics::Spread;
use analysis::Point;
use comparison::Pair;
use cost::Cost;
use topology::Topology;
use usl::{Fit, FitError};

/// Everything that a results folder tells: the content of `report.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What follows from the findings, in one sentence. `None` where they do not carry one.
    pub headline: Option<String>,
    /// The findings in plain words; a paragraph.
    pub verdict: String,
    /// True when every point is valid.
    pub valid: bool,
    /// How much of the plan was measured, where it is not all.
    pub incomplete: Option<String>,
    /// What a careful reader must know before using the figures.
    pub cautions: Vec<String>,
    /// What was found at each point, in order of units, vertical first.
    pub points: Vec<Point>,
    /// Both topologies side by side.
    pub pairs: Vec<Pair>,
    /// The law of each topology that was measured.
    pub laws: Vec<Law>,
    /// What a million requests cost. `None` where there are no prices for what was measured.
    pub cost: Option<Cost>,
    /// The machine's own speed over all runs, in fixed computations for each CPU second.
    pub machine_speed_per_second: Option<Spread>,
    /// Where, with what and how it was measured.
    pub manifest: Manifest,
}

/// The law of one topology, or why there is none.
#[derive(Clone, Debug, Serialize)]
pub struct Law {
    /// Which topology.
    pub topology: Topology,
    /// The fit.
    pub fit: Option<Fit>,
    /// Why there is none, and what the fit's figures ask to be careful about.
    pub notes: Vec<String>,
}

impl Report {
    /// Everything that `results` tell, with costs at `prices`. `None` before a run has ended.
    pub fn of(results: &Results, prices: &Prices) -> Option<Self> {
        let points = analysis::points(results);
        if points.is_empty() {
            return None;
        }
        let pairs = comparison::pairs(&points);
        let laws: Vec<Law> = [Topology::Vertical, Topology::Horizontal]
            .into_iter()
            .filter(|topology| points.iter().any(|point| point.topology() == *topology))
            .map(|topology| Law::of(topology, analysis::fit(results, topology)))
            .collect();
        let machine_speed = Spread::of(results.runs.iter().filter_map(|run| run.machine.speed_per_second));
        let mut report = Self {
            headline: None,
            verdict: String::new(),
            valid: points.iter().all(|point| point.valid),
            incomplete: incomplete(results),
            cautions: cautions(results, &points, machine_speed),
            cost: cost::cost(&points, prices),
            machine_speed_per_second: machine_speed,
            manifest: results.manifest.clone(),
            points,
            pairs,
            laws,
        };
        report.headline = verdict::headline(&report);
        report.verdict = verdict::paragraph(&report);
        Some(report)
    }

    /// The points of one topology, rising in units.
    pub fn of_topology(&self, topology: Topology) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(move |point| point.topology() == topology)
    }

    /// The law of one topology.
    pub fn law(&self, topology: Topology) -> Option<&Fit> {
        self.laws.iter().find(|law| law.topology == topology)?.fit.as_ref()
    }
}

impl Law {
    fn of(topology: Topology, fit: Result<Fit, FitError>) -> Self {
        match fit {
            Ok(fit) => {
                let notes = fit.notes.iter().map(ToString::to_string).collect();
                Self { topology, fit: Some(fit), notes }
            }
            Err(error) => Self { topology, fit: None, notes: vec![error.to_string()] },
        }
    }
}

/// A quota of which at least this much was used, in percent, was the limit in that run.
const USED_UP_PERCENT: f64 = 97.0;
/// Repeats that spread further than this, in percent of their median, deserve a word.
const WIDE_SPREAD_PERCENT: f64 = 10.0;

fn cautions(results: &Results, points: &[Point], machine_speed: Option<Spread>) -> Vec<String> {
    let mut cautions: Vec<String> = Vec::new();
    let widest = points.iter().map(|point| point.spread_percent).fold(0.0, f64::max);
    if widest > WIDE_SPREAD_PERCENT {
        let mut words = format!("the repeats of a point spread by up to {widest:.0} % of their median");
        if let Some(speed) = machine_speed {
            words += &format!(
                "; the machine's own speed (one fixed computation, timed beside every run) changed by {:.0} % meanwhile",
                speed.percent()
            );
        }
        if let Some(used) = cpu_of_quota(results, points) {
            words += &if used.low > USED_UP_PERCENT {
                format!(
                    ", while every run used {:.0} % of its quota or more: what changed is how far a CPU second goes",
                    used.low
                )
            } else {
                format!("; the nodes used {:.0} to {:.0} % of their quota", used.low, used.high)
            };
        }
        words += ". A quieter machine, or --full, narrows it";
        cautions.push(words);
    }
    for point in points {
        for reason in &point.reasons {
            let words = format!("{} with {}: {reason}", point.topology(), point.units());
            if !cautions.contains(&words) {
                cautions.push(words);
            }
        }
    }
    cautions
}

/// CPU that each run behind a ceiling used of its quota, in percent. `None` where a point has no quota.
fn cpu_of_quota(results: &Results, points: &[Point]) -> Option<Spread> {
    let runs = points.iter().flat_map(|point| analysis::ceiling_runs(results, &point.key));
    let used = Spread::of(runs.filter_map(analysis::cpu_percent))?;
    points.iter().all(|point| point.quota_cores.is_some()).then_some(used)
}

/// How much of the plan was measured, where it is not all.
fn incomplete(results: &Results) -> Option<String> {
    let plan = &results.manifest.plan;
    let visits = plan.visits();
    let done = visits.iter().filter(|visit| steps::next_level(plan, visit, &results.runs).is_none()).count();
    (done < visits.len()).then(|| format!("incomplete: {done} of {} visits were measured to their end", visits.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_report() {
        let report = Report::of(&sample::results(), &Prices::example()).unwrap();
        assert!(report.valid && report.incomplete.is_none() && report.cautions.is_empty(), "{:?}", report.cautions);
        assert_eq!((report.points.len(), report.pairs.len(), report.laws.len()), (6, 3, 2));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["points"][5]["latency"].as_array().unwrap().len(), 6);
        assert_eq!(json["points"][5]["binding"]["resource"], "cpu-quota");
    }

    #[test]
    fn an_interrupted_bench_says_so() {
        let mut results = sample::results();
        results.runs.truncate(5);
        let report = Report::of(&results, &Prices::example()).unwrap();
        assert!(report.incomplete.as_ref().unwrap().contains("of 26 visits"), "{:?}", report.incomplete);
        assert!(report.verdict.contains("incomplete"), "{}", report.verdict);
        results.runs.clear();
        assert!(Report::of(&results, &Prices::example()).is_none());
    }

    #[test]
    fn repeats_that_scatter_are_explained_by_the_machine() {
        let mut results = sample::results();
        for run in results.runs.iter_mut().filter(|run| run.block == 2) {
            run.load.throughput_per_second *= 0.7;
            run.machine.speed_per_second = Some(31_500.0);
        }
        let report = Report::of(&results, &Prices::example()).unwrap();
        let caution = &report.cautions[0];
        assert!(caution.contains("spread by up to 29 %") && caution.contains("changed by 30 %"), "{caution}");
        assert!(caution.contains("every run used 99 % of its quota or more"), "{caution}");
        // One run that left most of its quota: then the machine does not explain everything.
        results.runs.iter_mut().rfind(|run| run.block == 4).unwrap().nodes[0].cpu_cores = Some(0.05);
        let caution = &Report::of(&results, &Prices::example()).unwrap().cautions[0];
        assert!(caution.contains("; the nodes used ") && !caution.contains("CPU second goes"), "{caution}");
    }
}
