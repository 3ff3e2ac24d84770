//! Fit, limits, cost and charts: pure functions of what `bench` wrote.
//!
//! [`Report::of`] turns a results folder into every figure there is; [`findings`] says them in a terminal, [`page`]
//! draws them as one HTML file.

pub mod addresses;
pub mod analysis;
pub mod bars;
pub mod bend;
pub mod binding;
pub mod charts;
pub mod columns;
pub mod comparison;
pub mod cost;
pub mod earlier;
pub mod export;
pub mod figures;
pub mod findings;
mod logins;
pub mod page;
pub mod points;
pub mod ratios;
pub mod require;
#[cfg(test)]
pub(crate) mod sample;
pub mod scaling;
mod sessions;
pub mod store_cause;
pub mod table;
pub mod usage;
pub mod usl;
mod usl_text;
pub mod verdict;
pub mod words;

pub use usl_text::{describe_fit, fit_as_json};

use serde::Serialize;

use crate::bench::steps;
use crate::results::experiment::Size;
use crate::results::folder::Results;
use crate::results::manifest::Manifest;
use crate::results::prices::Prices;
use crate::results::statistics::Spread;
use analysis::Point;
use bend::Bend;
use comparison::Comparison;
use cost::Cost;
use scaling::Followed;
use usl::{Fit, FitError};
use verdict::Answer;

/// Everything that a results folder tells: the content of `report.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The experiment's question.
    pub question: String,
    /// What kind of answer the figures carry.
    pub answer: Answer,
    /// The answer, in one or two sentences.
    pub headline: String,
    /// The findings in plain words; a paragraph.
    pub verdict: String,
    /// True when every point is valid.
    pub valid: bool,
    /// How much of the plan was measured, where it is not all.
    pub incomplete: Option<String>,
    /// What a careful reader must know before using the figures.
    pub cautions: Vec<String>,
    /// What was found at each point, scale by scale, the arms in the plan's order.
    pub points: Vec<Point>,
    /// Each arm against the baseline, scale by scale.
    pub comparisons: Vec<Comparison>,
    /// How sizes followed a load that changes. `None` where the experiment has none.
    pub followed: Option<Followed>,
    /// The law of each arm, where the scale is of numbers.
    pub laws: Vec<Law>,
    /// Where the nodes of each arm use up a service that they share.
    pub bends: Vec<Bend>,
    /// What a million requests cost. `None` where no arm says how its machines are bought.
    pub cost: Option<Cost>,
    /// The machine's own speed over all runs, in fixed computations for each CPU second.
    pub machine_speed_per_second: Option<Spread>,
    /// Where, with what and how it was measured.
    pub manifest: Manifest,
}

/// The law of one arm, or why there is none.
#[derive(Clone, Debug, Serialize)]
pub struct Law {
    /// Which arm.
    pub arm: String,
    /// The fit.
    pub fit: Option<Fit>,
    /// Why there is none, and what the fit's figures ask to be careful about.
    pub notes: Vec<String>,
}

impl Report {
    /// Everything that `results` tell, with costs at `prices`; without, at the example's, of which nothing is claimed. `None`
    /// before a run has ended.
    pub fn of(results: &Results, prices: Option<&Prices>) -> Option<Self> {
        let points = analysis::points(results);
        if points.is_empty() {
            return None;
        }
        let plan = &results.manifest.plan;
        // With a load that changes, ceilings only say how high it shall be.
        let comparisons = if plan.profile.is_some() { Vec::new() } else { comparison::comparisons(plan, &points) };
        let followed = Followed::of(results, &points);
        let numbers = plan.scales.iter().filter(|scale| scale.number().is_some()).count();
        let laws: Vec<Law> = plan
            .arms
            .iter()
            .filter(|arm| numbers > 1 && arm.grows() && points.iter().any(|point| point.key.arm == arm.name))
            .map(|arm| Law::of(&arm.name, analysis::fit(results, &arm.name)))
            .collect();
        let machine_speed = Spread::of(results.runs.iter().filter_map(|run| run.machine.speed_per_second));
        let mut report = Self {
            question: plan.question.clone(),
            answer: Answer::OneArm,
            headline: String::new(),
            verdict: String::new(),
            valid: points.iter().all(|point| point.valid)
                && followed.iter().flat_map(|followed| &followed.arms).all(|arm| arm.valid),
            incomplete: incomplete(results),
            cautions: cautions(results, &points, followed.as_ref(), machine_speed),
            cost: cost::cost(&plan.arms, &points, prices),
            machine_speed_per_second: machine_speed,
            bends: bend::bends(results, &points, |arm| laws.iter().find(|law| law.arm == arm)?.fit.clone()),
            manifest: results.manifest.clone(),
            points,
            comparisons,
            followed,
            laws,
        };
        report.answer = verdict::answer(&report);
        report.headline = verdict::headline(&report, &results.runs);
        report.verdict = verdict::paragraph(&report);
        if let Some(followed) = report.followed.as_ref().filter(|_| report.answer != Answer::NothingAnswered) {
            report.answer = if report.valid { Answer::Followed } else { Answer::NotValid };
            report.headline = scaling::verdict::headline(followed);
            report.verdict = scaling::verdict::paragraph(followed, &plan.look_at);
        }
        Some(report)
    }

    /// The points of one arm, in the scale's order.
    pub fn of_arm<'a>(&'a self, arm: &'a str) -> impl Iterator<Item = &'a Point> {
        self.points.iter().filter(move |point| point.key.arm == arm)
    }

    /// The law of one arm.
    pub fn law(&self, arm: &str) -> Option<&Fit> {
        self.laws.iter().find(|law| law.arm == arm)?.fit.as_ref()
    }
}

impl Law {
    fn of(arm: &str, fit: Result<Fit, FitError>) -> Self {
        let arm = arm.to_owned();
        match fit {
            Ok(fit) => {
                let notes = fit.notes.iter().map(ToString::to_string).collect();
                Self { arm, fit: Some(fit), notes }
            }
            Err(error) => Self { arm, fit: None, notes: vec![error.to_string()] },
        }
    }
}

/// A quota of which at least this much was used, in percent, was the limit in that run.
const USED_UP_PERCENT: f64 = 97.0;
/// Blocks that spread further than this, in percent of their median, deserve a word.
const WIDE_SPREAD_PERCENT: f64 = 10.0;

/// What matters most first: runs that are not valid, then what was not reached, then how far the blocks spread.
fn cautions(
    results: &Results,
    points: &[Point],
    followed: Option<&Followed>,
    machine_speed: Option<Spread>,
) -> Vec<String> {
    let mut cautions: Vec<String> = Vec::new();
    let places = points.iter().map(|point| (point.key.to_string(), &point.reasons));
    let arms = followed.into_iter().flat_map(|followed| &followed.arms);
    let arms = arms.map(|arm| (format!("{} under the load that changes", arm.arm), &arm.reasons));
    for (place, reasons) in places.chain(arms) {
        let mut reasons: Vec<&String> = reasons.iter().collect();
        reasons.sort();
        reasons.dedup();
        if let [reason, further @ ..] = &*reasons {
            let further = match further.len() {
                0 => String::new(),
                1 => ", and another run was not valid for a like reason".to_owned(),
                count => format!(", and {count} further runs were not valid for like reasons"),
            };
            cautions.push(format!("{place}: {reason}{further}"));
        }
    }
    let plan = &results.manifest.plan;
    if let Some(percent) = plan.until_percent.filter(|percent| !steps::is_precise(plan, &results.runs, *percent)) {
        cautions.push(format!(
            "not every comparison is known to within {percent} % to either side, as --until asked: the time was up, or the bench ended early"
        ));
    }
    let widest = points.iter().map(|point| point.spread_percent).fold(0.0, f64::max);
    if widest > WIDE_SPREAD_PERCENT {
        let mut words = format!("the blocks of a point spread by up to {widest:.0} % of their median");
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
        let longer = if results.manifest.plan.name == Size::Full.name() { "more blocks" } else { "--full" };
        words += &format!(". A quieter machine, or {longer}, narrows it");
        cautions.push(words);
    }
    cautions
}

/// CPU that each run behind a ceiling used of its quota, in percent. `None` where a point has no quota.
fn cpu_of_quota(results: &Results, points: &[Point]) -> Option<Spread> {
    let runs = points.iter().flat_map(|point| analysis::ceiling_runs(results, &point.key));
    let used = Spread::of(runs.filter_map(usage::cpu_percent))?;
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
        let report = Report::of(&sample::results(), None).unwrap();
        assert!(report.valid && report.incomplete.is_none() && report.cautions.is_empty(), "{:?}", report.cautions);
        assert_eq!((report.points.len(), report.comparisons.len(), report.laws.len()), (6, 3, 2));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["points"][5]["latency"].as_array().unwrap().len(), 6);
        assert_eq!(json["points"][5]["binding"]["resource"], "cpu-quota");
    }

    #[test]
    fn an_interrupted_bench_says_so() {
        let mut results = sample::results();
        results.runs.truncate(5);
        let report = Report::of(&results, None).unwrap();
        assert!(report.incomplete.as_ref().unwrap().contains("of 26 visits"), "{:?}", report.incomplete);
        assert!(report.verdict.contains("incomplete"), "{}", report.verdict);
        results.runs.clear();
        assert!(Report::of(&results, None).is_none());
    }

    #[test]
    fn blocks_that_scatter_are_explained_by_the_machine() {
        let mut results = sample::results();
        for run in results.runs.iter_mut().filter(|run| run.block == 2) {
            run.load.throughput_per_second *= 0.7;
            run.machine.speed_per_second = Some(31_500.0);
        }
        let report = Report::of(&results, None).unwrap();
        let caution = &report.cautions[0];
        assert!(caution.contains("spread by up to 31 %") && caution.contains("changed by 30 %"), "{caution}");
        assert!(caution.contains("every run used 99 % of its quota or more"), "{caution}");
        // One run that left most of its quota: then the machine does not explain everything.
        results.runs.iter_mut().rfind(|run| run.block == 4).unwrap().nodes[0].cpu_cores = Some(0.05);
        let caution = &Report::of(&results, None).unwrap().cautions[0];
        assert!(caution.contains("; the nodes used ") && !caution.contains("CPU second goes"), "{caution}");
    }
}
