//! Fit, limits, cost and charts: pure functions of what `bench` wrote.
//!
//! [`Report::of`] turns a results folder into every figure there is; [`findings`] says them in a terminal, [`page`]
//! draws them as one HTML file.

pub mod addresses;
pub mod analysis;
pub mod answer_cpu;
pub mod bars;
pub mod bend;
pub mod binding;
pub mod charts;
pub mod columns;
pub mod comparison;
pub mod cost;
pub mod doubts;
pub mod earlier;
pub mod edge;
pub mod export;
pub mod figures;
pub mod findings;
pub mod invalid;
mod logins;
pub mod page;
pub mod points;
pub mod ratios;
pub mod require;
#[cfg(test)]
pub(crate) mod sample;
pub mod scaling;
mod sessions;
pub mod spanish;
mod stale;
pub mod store_cause;
pub mod table;
pub mod usage;
pub mod usl;
mod usl_text;
pub mod verdict;
pub mod words;

pub use usl_text::{describe_fit, fit_as_json};

use serde::Serialize;

use crate::design::Text;
use crate::results::folder::Results;
use crate::results::manifest::Manifest;
use crate::results::prices::Prices;
use crate::results::statistics::Spread;
use analysis::Point;
use bend::Bend;
use comparison::ArmComparison;
use cost::Cost;
use doubts::Doubt;
use edge::EdgeCost;
use scaling::Followed;
use usl::{Fit, FitError};
use verdict::AnswerKind;

/// Everything that a results folder tells: the content of `report.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The experiment's question.
    pub question: String,
    /// What kind of answer the figures carry.
    pub answer: AnswerKind,
    /// The answer, in one or two sentences.
    pub headline: Text,
    /// The findings in plain words; a paragraph.
    pub verdict: Text,
    /// True when every point is valid.
    pub valid: bool,
    /// How much of the plan was measured, where it is not all.
    pub incomplete: Option<Doubt>,
    /// What a careful reader holds against the answer, the heaviest first.
    pub cautions: Vec<Doubt>,
    /// What was found at each point, scale by scale, the arms in the plan's order.
    pub points: Vec<Point>,
    /// Each arm against the baseline, scale by scale.
    pub comparisons: Vec<ArmComparison>,
    /// How sizes followed a load that changes. `None` where the experiment has none.
    pub followed: Option<Followed>,
    /// The law of each arm, where the scale is of numbers.
    pub laws: Vec<Law>,
    /// Where the nodes of each arm use up a service that they share.
    pub bends: Vec<Bend>,
    /// What a cache at the edge costs and saves, where an arm differs from another in nothing else.
    pub edges: Vec<EdgeCost>,
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
    pub notes: Vec<Text>,
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
            .filter(|arm| {
                plan.law && numbers > 1 && arm.grows() && points.iter().any(|point| point.key.arm == arm.name)
            })
            .map(|arm| Law::of(&arm.name, analysis::fit(results, &arm.name)))
            .collect();
        let machine_speed = Spread::of(results.runs.iter().filter_map(|run| run.machine.speed_per_second));
        let doubts = doubts::doubts(results, &points, &comparisons, followed.as_ref(), machine_speed);
        let mut report = Self {
            question: plan.question.clone(),
            answer: AnswerKind::OneArm,
            headline: Text::default(),
            verdict: Text::default(),
            valid: points.iter().all(|point| point.valid)
                && followed.iter().flat_map(|followed| &followed.arms).all(|arm| arm.valid),
            incomplete: doubts::incomplete(results),
            cautions: doubts,
            cost: cost::cost(&plan.arms, &points, prices),
            machine_speed_per_second: machine_speed,
            bends: bend::bends(results, &points, |arm| laws.iter().find(|law| law.arm == arm)?.fit.clone()),
            edges: edge::costs(results, &points),
            manifest: results.manifest.clone(),
            points,
            comparisons,
            followed,
            laws,
        };
        report.answer = verdict::answer(&report);
        report.headline = verdict::headline(&report, &results.runs);
        report.verdict = verdict::paragraph(&report);
        if let Some(followed) = report.followed.as_ref().filter(|_| report.answer != AnswerKind::NothingAnswered) {
            report.answer = if report.valid { AnswerKind::Followed } else { AnswerKind::NotValid };
            report.headline = scaling::verdict::headline(followed);
            report.verdict = scaling::verdict::paragraph(followed, &spanish::look_at(plan));
        }
        Some(report)
    }

    /// The points of one arm, in the scale's order.
    pub fn of_arm<'a>(&'a self, arm: &'a str) -> impl Iterator<Item = &'a Point> {
        self.points.iter().filter(move |point| point.key.arm == arm)
    }

    /// Everything that a careful reader holds against the answer, the heaviest first.
    pub fn doubts(&self) -> Vec<&Doubt> {
        let mut all: Vec<&Doubt> = self.incomplete.iter().chain(&self.cautions).collect();
        all.sort_by_key(|doubt| doubt.weight());
        all
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
                let notes = fit.notes.iter().map(usl::Note::words).collect();
                Self { arm, fit: Some(fit), notes }
            }
            Err(error) => Self { arm, fit: None, notes: vec![error.words()] },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_report() {
        let report = Report::of(&sample::results(), None).unwrap();
        assert!(report.valid && report.incomplete.is_none());
        let places = [1, 2, 4].map(|units| crate::results::arm::PointKey::new("horizontal", units)).to_vec();
        assert_eq!(report.cautions, [Doubt::FewBlocks { places, blocks: 4 }]);
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
        assert!(report.incomplete.as_ref().unwrap().words().en().contains("of 26 visits"), "{:?}", report.incomplete);
        assert!(report.verdict.en().contains("incomplete"), "{:?}", report.verdict);
        results.runs.clear();
        assert!(Report::of(&results, None).is_none());
    }
}
