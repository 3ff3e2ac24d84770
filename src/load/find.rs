//! Finds the highest rate that keeps an objective: runs one level after the other, as the search says.

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use super::interrupt::StopFlag;
use super::plan::{Load, LoadPlan};
use super::progress::LoadProgress;
use super::run::run;
use super::search::{Finding, MeasuredLevel, Search, SearchEnd, SearchStep};
use super::service_level::{Judgement, ServiceLevel};
use crate::results::load::LoadOutcome;

/// One level of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelOutcome {
    /// Requests a second.
    pub rate: f64,
    /// How it did.
    pub judgement: Judgement,
    /// Why, with its figures.
    pub reason: String,
    /// Everything that was measured.
    pub outcome: LoadOutcome,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchResult {
    /// What had to be kept.
    pub objective: ServiceLevel,
    /// Highest rate that was kept.
    pub last_success_per_second: Option<f64>,
    /// Lowest rate that was breached, twice.
    pub first_failure_per_second: Option<f64>,
    /// Nothing was breached: the limit lies at the last success or above.
    pub lower_bound: bool,
    /// The generator, not the node, ended the search.
    pub generator_bound: bool,
    /// Ended early.
    pub interrupted: bool,
    /// The finding in one sentence.
    pub summary: String,
    /// All levels, in the order in which they were measured.
    pub levels: Vec<LevelOutcome>,
}

/// What a search tells while it goes.
pub enum SearchEvent<'a> {
    /// A level begins, at this many requests a second.
    Begins(f64),
    /// A level goes on.
    Goes(&'a LoadProgress),
    /// A level has ended.
    Ended(&'a LevelOutcome),
}

/// Searches with runs of `plan`, which must be an open loop; its rate is not used.
///
/// # Errors
/// As a run, or when the plan is a closed loop.
pub fn find(
    plan: &LoadPlan,
    search: &Search,
    objective: &ServiceLevel,
    interrupt: &StopFlag,
    tell: &mut dyn FnMut(SearchEvent<'_>),
) -> anyhow::Result<SearchResult> {
    ensure!(search.start > 0.0 && search.start <= search.most, "the search must start between 0 and its highest rate");
    let mut levels: Vec<LevelOutcome> = Vec::new();
    let finding = loop {
        let history: Vec<MeasuredLevel> = levels.iter().map(measured).collect();
        let rate = match search.next(&history) {
            SearchStep::Measure(rate) => rate,
            SearchStep::End(finding) => break Some(finding),
        };
        let mut plan = plan.clone();
        match &mut plan.load {
            Load::Open { rate: of_plan, .. } => *of_plan = rate,
            Load::Closed { .. } => anyhow::bail!("a limit is searched with the open loop"),
        }
        tell(SearchEvent::Begins(rate));
        let outcome = run(&plan, interrupt, Some(&mut |progress| tell(SearchEvent::Goes(progress))))?;
        if outcome.interrupted {
            break None;
        }
        let (judgement, reason) = objective.judge(&outcome);
        let level = LevelOutcome { rate, judgement, reason, outcome };
        tell(SearchEvent::Ended(&level));
        levels.push(level);
    };
    Ok(found(objective, finding, levels))
}

fn measured(level: &LevelOutcome) -> MeasuredLevel {
    MeasuredLevel { rate: level.rate, judgement: level.judgement }
}

fn found(objective: &ServiceLevel, finding: Option<Finding>, levels: Vec<LevelOutcome>) -> SearchResult {
    let kept =
        levels.iter().filter(|level| level.judgement == Judgement::Kept).map(|level| level.rate).reduce(f64::max);
    let (success, failure) = match finding {
        Some(Finding::Limit { kept, breached }) => (Some(kept), Some(breached)),
        Some(Finding::LowerBound { kept, .. }) => (Some(kept), None),
        Some(Finding::NoneKept { breached }) => (None, breached),
        None => (kept, None),
    };
    let generator_bound = matches!(
        finding,
        Some(Finding::LowerBound { stopped_by: SearchEnd::Generator, .. } | Finding::NoneKept { breached: None })
    );
    SearchResult {
        objective: objective.clone(),
        last_success_per_second: success,
        first_failure_per_second: failure,
        lower_bound: success.is_some() && failure.is_none(),
        generator_bound,
        interrupted: finding.is_none(),
        summary: summary(finding.as_ref(), kept),
        levels,
    }
}

fn summary(finding: Option<&Finding>, kept: Option<f64>) -> String {
    match finding {
        Some(Finding::Limit { kept, breached }) => {
            format!("the limit lies between {kept} requests/s (kept) and {breached} requests/s (breached twice)")
        }
        Some(Finding::LowerBound { kept, stopped_by: SearchEnd::Most }) => {
            format!("lower bound: {kept} requests/s was kept, and no higher rate was allowed (--max-rate)")
        }
        Some(Finding::LowerBound { kept, stopped_by: SearchEnd::Generator }) => {
            format!("lower bound: {kept} requests/s was kept; above it the generator was the limit, not the node")
        }
        Some(Finding::NoneKept { breached: Some(breached) }) => {
            format!("no rate was kept, down to {breached} requests/s")
        }
        Some(Finding::NoneKept { breached: None }) => "the generator was the limit from the start".to_owned(),
        None => match kept {
            Some(kept) => format!("interrupted; {kept} requests/s was kept until then"),
            None => "interrupted before any rate was kept".to_owned(),
        },
    }
}
