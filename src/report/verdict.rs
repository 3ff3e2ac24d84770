//! The answer to the experiment's question, made from the figures alone: a headline, and the findings in one paragraph.

mod paragraph;

pub use paragraph::paragraph;

use serde::Serialize;

use super::Report;
use super::analysis::{DeathResult, Point};
use super::bend;
use super::comparison::ArmComparison;
use super::edge;
use super::logins;
use super::sessions;
use super::spanish::label;
use super::stale;
use super::words;
use crate::bench::steps;
use crate::design::{Text, both};
use crate::results::arm::Scale;
use crate::results::comparison::{Verdict, further};
use crate::results::number::percent;
use crate::results::run::Run;

/// What kind of answer a report gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerKind {
    /// At the largest scale an arm differs from the baseline by an amount that matters.
    Different,
    /// At the largest scale every arm is equivalent to the baseline.
    Equivalent,
    /// At the largest scale the figures do not say it of every arm, and no arm is known to differ.
    Undecided,
    /// The runs may not be used.
    NotValid,
    /// No request was answered correctly.
    NothingAnswered,
    /// One arm alone was measured: there is nothing to compare.
    OneArm,
    /// Sizes were judged by how they followed a load that changes.
    Followed,
}

/// What kind of answer the figures carry.
pub fn answer(report: &Report) -> AnswerKind {
    if report.points.iter().all(|point| point.ceiling_per_second.high == 0.0) {
        return AnswerKind::NothingAnswered;
    }
    let largest = largest(report);
    let verdicts: Vec<Option<Verdict>> = largest.iter().map(|comparison| comparison.verdict()).collect();
    let is_valid = |point: &&Point| point.valid;
    match () {
        () if largest.is_empty() && report.points.iter().rev().take(1).all(|point| is_valid(&point)) => {
            AnswerKind::OneArm
        }
        () if largest.is_empty() || verdicts.iter().any(Option::is_none) => AnswerKind::NotValid,
        () if verdicts.contains(&Some(Verdict::Different)) => AnswerKind::Different,
        () if verdicts.iter().all(|verdict| *verdict == Some(Verdict::Equivalent)) => AnswerKind::Equivalent,
        () => AnswerKind::Undecided,
    }
}

/// The comparisons at the last scale that has any.
fn largest(report: &Report) -> Vec<&ArmComparison> {
    let Some(last) = report.comparisons.last() else { return Vec::new() };
    report.comparisons.iter().filter(|comparison| comparison.scale == last.scale).collect()
}

/// The answer in one or two sentences.
pub fn headline(report: &Report, runs: &[Run]) -> Text {
    match report.answer {
        AnswerKind::NothingAnswered => nothing_answered(report, runs),
        AnswerKind::NotValid => not_valid(report),
        // Those have words of their own.
        AnswerKind::Followed => Text::default(),
        AnswerKind::OneArm => Text::join(report.points.last().map(words::alone).into_iter().chain(bends(report)), " "),
        AnswerKind::Different | AnswerKind::Equivalent | AnswerKind::Undecided => {
            let largest = largest(report);
            let scale = &largest[0].scale;
            let claims = Text::join(largest.iter().map(|comparison| claim(report, comparison)), "; ");
            let at = words::at_scale(&report.manifest.plan, scale);
            let answer = if at.is_empty() {
                both!("{claims}.", "{claims}.", claims = claims.upper_first())
            } else {
                both!("At {at}, {claims}.", "Con {at}, {claims}.", at, claims)
            };
            Text::join([answer, beside(report)], " ")
        }
    }
}

/// What stands beside the comparisons in an answer: bends, deaths, what a way of building it costs, and what to do next.
fn beside(report: &Report) -> Text {
    let stale = largest(report).first().and_then(|first| stale::sentence(report, &first.scale));
    beside_with(report, stale)
}

/// The same below a table that has the stale answers of each arm.
pub fn beside_table(report: &Report) -> Text {
    beside_with(report, None)
}

fn beside_with(report: &Report, stale: Option<Text>) -> Text {
    let largest = largest(report);
    let at = |sentence: fn(&Report, &Scale) -> Option<Text>| sentence(report, &largest.first()?.scale);
    let further = [
        at(deaths),
        at(sessions::sentence),
        at(edge::sentence),
        stale,
        logins::sentence(report),
        next_step(report, &largest),
    ];
    Text::join(bends(report).chain(further.into_iter().flatten()), " ")
}

/// Where the nodes of each arm use up what they share.
fn bends(report: &Report) -> impl Iterator<Item = Text> {
    report.bends.iter().map(|bend| bend::sentence(bend, &report.manifest.plan, &report.points))
}

/// What one comparison says of the two arms.
fn claim(report: &Report, comparison: &ArmComparison) -> Text {
    let plan = &report.manifest.plan;
    let (arm, baseline) = (label(plan, &comparison.arm), label(plan, &comparison.baseline));
    let goodput = &comparison.goodput;
    let sure = words::sure(goodput.interval_95, goodput.level_words());
    match goodput.verdict {
        Verdict::Different => words::different(goodput, &arm, &baseline),
        Verdict::Equivalent => both!(
            "as many requests are answered with {arm} as with {baseline}, within {effect} %{sure}",
            "se responden tantas peticiones con {arm} como con {baseline}, dentro del {effect} %{sure}",
            arm,
            baseline,
            effect = goodput.smallest_effect_percent.to_string(),
            sure = words::sure(goodput.interval_90, Text::name("90 %"))
        ),
        Verdict::Undecided { .. } => both!(
            "it is undecided whether {arm} or {baseline} answers more requests{sure}",
            "no está decidido si se responden más peticiones con {arm} o con {baseline}{sure}",
            arm,
            baseline,
            sure
        ),
    }
}

/// What the death of a node cost at this scale, where it was measured with more than one arm.
fn deaths(report: &Report, scale: &Scale) -> Option<Text> {
    let measured: Vec<(&Point, &DeathResult)> = report
        .points
        .iter()
        .filter(|point| point.key.scale == *scale)
        .filter_map(|point| Some((point, point.death.as_ref().filter(|death| death.valid && death.requests > 0)?)))
        .collect();
    if measured.len() < 2 {
        return None;
    }
    let part = |(point, death): &(&Point, &DeathResult)| {
        both!(
            "{share} % of the requests fail with {arm}",
            "falla el {share} % de las peticiones con {arm}",
            share = percent(100.0 * death.failed as f64 / death.requests as f64),
            arm = label(&report.manifest.plan, &point.key.arm)
        )
    };
    Some(both!(
        "When a node dies, {parts} (over {window} s, a third of them before its death).",
        "Cuando muere un nodo, {parts} (en {window} s, un tercio de ellos antes de su muerte).",
        parts = Text::list(measured.iter().map(part)),
        window = format!("{:.1}", measured[0].1.window_seconds)
    ))
}

/// What to type when the figures do not decide.
fn next_step(report: &Report, largest: &[&ArmComparison]) -> Option<Text> {
    let blocks = |comparison: &&ArmComparison| match comparison.goodput.verdict {
        Verdict::Undecided { further_blocks } => Some(further_blocks),
        Verdict::Different | Verdict::Equivalent => None,
    };
    let undecided: Vec<Option<usize>> = largest.iter().filter_map(blocks).collect();
    let most = undecided.iter().copied().collect::<Option<Vec<usize>>>().and_then(|all| all.into_iter().max());
    match (undecided.is_empty(), most) {
        (true, _) => None,
        (false, Some(most)) => Some(both!(
            "{further}: --out FOLDER --resume --blocks {blocks}.",
            "{further}: --out FOLDER --resume --blocks {blocks}.",
            further = further(Some(most)).upper_first(),
            blocks = report.manifest.plan.closed_blocks() as usize + most
        )),
        (false, None) => Some(Text::new(
            "The spread of the blocks is too wide to say how many more would decide: measure on a quieter machine, or with a longer --window.",
            "Los bloques se dispersan demasiado para decir cuántos más decidirían: medí en una máquina más tranquila, o con un --window más largo.",
        )),
    }
}

fn not_valid(report: &Report) -> Text {
    let why = report.points.iter().flat_map(|point| &point.reasons).next();
    let why = why
        .map_or_else(|| Text::new("a point has no valid run", "un punto no tiene ninguna corrida válida"), Text::clone);
    both!("Not valid, so nothing is claimed: {why}.", "No válido, así que no se afirma nada: {why}.", why)
}

fn nothing_answered(report: &Report, runs: &[Run]) -> Text {
    let plan = &report.manifest.plan;
    let instead = steps::answers_nothing(plan, runs);
    let instead = instead.map_or_else(Text::default, |instead| Text::as_written(format!(": {instead}")));
    both!(
        "No request was answered correctly, so nothing was measured{instead}. Asked was {paths}.",
        "Ninguna petición fue respondida correctamente, así que no se midió nada{instead}. Se pidió {paths}.",
        instead,
        paths = Text::name(plan.paths().join(", "))
    )
}

#[cfg(test)]
mod tests;
