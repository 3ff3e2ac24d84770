//! The answer to the experiment's question, made from the figures alone: a headline, and the findings in one paragraph.

use serde::Serialize;

use super::Report;
use super::analysis::{DeathResult, Point};
use super::bend;
use super::comparison::Comparison;
use super::logins;
use super::sessions;
use super::words;
use crate::bench::steps;
use crate::results::arm::Scale;
use crate::results::comparison::{Verdict, further, range};
use crate::results::number::{milliseconds, or_dash, percent, plain, price, significant};
use crate::results::run::Run;

/// What kind of answer a report gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
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
pub fn answer(report: &Report) -> Answer {
    if report.points.iter().all(|point| point.ceiling_per_second.high == 0.0) {
        return Answer::NothingAnswered;
    }
    let largest = largest(report);
    let verdicts: Vec<Option<Verdict>> = largest.iter().map(|comparison| comparison.verdict()).collect();
    let is_valid = |point: &&Point| point.valid;
    match () {
        () if largest.is_empty() && report.points.iter().rev().take(1).all(|point| is_valid(&point)) => Answer::OneArm,
        () if largest.is_empty() || verdicts.iter().any(Option::is_none) => Answer::NotValid,
        () if verdicts.contains(&Some(Verdict::Different)) => Answer::Different,
        () if verdicts.iter().all(|verdict| *verdict == Some(Verdict::Equivalent)) => Answer::Equivalent,
        () => Answer::Undecided,
    }
}

/// The comparisons at the last scale that has any.
fn largest(report: &Report) -> Vec<&Comparison> {
    let Some(last) = report.comparisons.last() else { return Vec::new() };
    report.comparisons.iter().filter(|comparison| comparison.scale == last.scale).collect()
}

/// The answer in one or two sentences.
pub fn headline(report: &Report, runs: &[Run]) -> String {
    match report.answer {
        Answer::NothingAnswered => nothing_answered(report, runs),
        Answer::NotValid => not_valid(report),
        // Those have words of their own.
        Answer::Followed => String::new(),
        Answer::OneArm => {
            let alone = report.points.last().map_or_else(String::new, alone);
            bends(report).fold(alone, |headline, bend| format!("{headline} {bend}"))
        }
        Answer::Different | Answer::Equivalent | Answer::Undecided => {
            let largest = largest(report);
            let scale = &largest[0].scale;
            let parts: Vec<String> = largest.iter().map(|comparison| claim(report, comparison)).collect();
            let at = words::at_scale(&report.manifest.plan, scale);
            let mut headline = match at.is_empty() {
                true => words::upper_first(&parts.join("; ")),
                false => format!("{at}, {}", parts.join("; ")),
            } + ".";
            for bend in bends(report) {
                headline += &format!(" {bend}");
            }
            let deaths = deaths(report, scale).into_iter().chain(sessions::sentence(report, scale));
            for sentence in deaths.chain(logins::sentence(report)) {
                headline += &format!(" {sentence}");
            }
            if let Some(next) = next_step(report, &largest) {
                headline += &format!(" {next}");
            }
            headline
        }
    }
}

/// Where the nodes of each arm use up what they share.
fn bends(report: &Report) -> impl Iterator<Item = String> {
    report.bends.iter().map(|bend| bend::sentence(bend, &report.manifest.plan, &report.points))
}

/// What one comparison says of the two arms.
fn claim(report: &Report, comparison: &Comparison) -> String {
    let label =
        |name: &str| report.manifest.plan.arm(name).map_or_else(|| name.to_owned(), |arm| arm.label().to_owned());
    let (arm, baseline) = (label(&comparison.arm), label(&comparison.baseline));
    let goodput = &comparison.goodput;
    let difference = goodput.difference_percent().unwrap_or_default();
    let interval = |interval: Option<[f64; 2]>, level: &str| {
        interval.map_or_else(String::new, |interval| format!(" ({level}: {})", range(interval)))
    };
    match goodput.verdict {
        Verdict::Different => {
            let way = if difference > 0.0 { "more" } else { "fewer" };
            format!(
                "{:.0} % {way} requests are answered with {arm} than with {baseline}{}",
                difference.abs(),
                interval(goodput.interval_95, &goodput.level_words())
            )
        }
        Verdict::Equivalent => format!(
            "as many requests are answered with {arm} as with {baseline}, within {} %{}",
            goodput.smallest_effect_percent,
            interval(goodput.interval_90, "90 %")
        ),
        Verdict::Undecided { .. } => format!(
            "it is undecided whether {arm} or {baseline} answers more requests{}",
            interval(goodput.interval_95, &goodput.level_words())
        ),
    }
}

/// What the death of a node cost at this scale, where it was measured with more than one arm.
fn deaths(report: &Report, scale: &Scale) -> Option<String> {
    let measured: Vec<(&Point, &DeathResult)> = report
        .points
        .iter()
        .filter(|point| point.key.scale == *scale)
        .filter_map(|point| Some((point, point.death.as_ref().filter(|death| death.valid && death.requests > 0)?)))
        .collect();
    if measured.len() < 2 {
        return None;
    }
    let parts: Vec<String> = measured
        .iter()
        .map(|(point, death)| {
            let label = report.manifest.plan.arm(&point.key.arm).map_or(point.key.arm.as_str(), |arm| arm.label());
            let share = percent(100.0 * death.failed as f64 / death.requests as f64);
            format!("{share} % of the requests fail with {label}")
        })
        .collect();
    let window = measured[0].1.window_seconds;
    Some(format!("When a node dies, {} (over {window:.1} s, a third of them before its death).", words::list(&parts)))
}

/// What to type when the figures do not decide.
fn next_step(report: &Report, largest: &[&Comparison]) -> Option<String> {
    let blocks = |comparison: &&Comparison| match comparison.goodput.verdict {
        Verdict::Undecided { further_blocks } => Some(further_blocks),
        Verdict::Different | Verdict::Equivalent => None,
    };
    let undecided: Vec<Option<usize>> = largest.iter().filter_map(blocks).collect();
    let most = undecided.iter().copied().collect::<Option<Vec<usize>>>().and_then(|all| all.into_iter().max());
    match (undecided.is_empty(), most) {
        (true, _) => None,
        (false, Some(most)) => Some(format!(
            "{}: --out FOLDER --resume --blocks {}.",
            words::upper_first(&further(Some(most))),
            report.manifest.plan.closed_blocks() as usize + most
        )),
        (false, None) => Some(
            "The spread of the blocks is too wide to say how many more would decide: measure on a quieter machine, or with a longer --window."
                .to_owned(),
        ),
    }
}

fn not_valid(report: &Report) -> String {
    let mut reasons: Vec<&String> = report.points.iter().flat_map(|point| &point.reasons).collect();
    reasons.dedup();
    let why = reasons.first().map_or_else(|| "a point has no valid run".to_owned(), |reason| (*reason).clone());
    format!("Not valid, so nothing is claimed: {why}.")
}

fn nothing_answered(report: &Report, runs: &[Run]) -> String {
    let plan = &report.manifest.plan;
    let paths: Vec<&str> = plan.work.iter().map(|request| request.path.as_str()).collect();
    let instead = steps::answers_nothing(plan, runs).map_or_else(String::new, |instead| format!(": {instead}"));
    format!("No request was answered correctly, so nothing was measured{instead}. Asked was {}.", paths.join(", "))
}

/// The findings: who did how much, what stopped it, how fast it answered, what a death and a request cost.
pub fn paragraph(report: &Report) -> String {
    let plan = &report.manifest.plan;
    if report.answer == Answer::NothingAnswered {
        return String::new();
    }
    let mut sentences = Vec::new();
    if let Some(incomplete) = &report.incomplete {
        sentences.push(format!("This bench is {incomplete}."));
    }
    match report.points.last().map(|point| point.key.scale.clone()) {
        Some(scale) if !report.comparisons.is_empty() => {
            let points: Vec<&Point> = report.points.iter().filter(|point| point.key.scale == scale).collect();
            sentences.push(ceilings(report, &scale, &points));
            sentences.extend(largest(report).iter().map(|comparison| {
                format!("{} against {}: {}.", comparison.arm, comparison.baseline, words::judged(comparison))
            }));
            sentences.extend(stopped(&points));
            sentences.extend(growth(report));
            sentences.extend(largest(report).into_iter().filter_map(latencies));
            sentences.extend(objectives(report, &points));
            sentences.extend(points.iter().filter_map(|point| one_dead(point)));
        }
        Some(_) => sentences.extend(report.points.last().map(alone)),
        None => {}
    }
    if let Some(cost) = report.cost.as_ref().filter(|cost| cost.given) {
        let row = cost.rows.last().and_then(|row| Some((row, row.vertical_per_million?, row.horizontal_per_million?)));
        if let Some((row, vertical, horizontal)) = row {
            sentences.push(format!(
                "At your prices a million requests cost {} {} on one machine of {} units, and {} on as many machines of one unit.",
                price(vertical),
                cost.prices.currency,
                row.units,
                price(horizontal)
            ));
        }
        sentences.push(cost.break_even.sentence());
    }
    if !report.valid {
        sentences.push("Not every point is valid: the figures of the others are not ceilings.".to_owned());
    }
    if !plan.look_at.is_empty() {
        sentences.push(plan.look_at.clone());
    }
    sentences.join(" ")
}

fn ceilings(report: &Report, scale: &Scale, points: &[&Point]) -> String {
    let plan = &report.manifest.plan;
    let quota = points.iter().rev().find_map(|point| point.quota_cores);
    let cores = quota.map_or_else(String::new, |cores| format!(" ({} cores)", significant(cores, 2)));
    let parts: Vec<String> = points
        .iter()
        .map(|point| {
            let label = plan.arm(&point.key.arm).map_or(point.key.arm.as_str(), |arm| arm.label());
            let bound = if point.is_limit { "" } else { "at least " };
            let valid = if point.valid { "" } else { " (not valid)" };
            format!("{bound}{} with {label}{valid}", plain(point.ceiling_per_second.median))
        })
        .collect();
    let at = words::at_scale(plan, scale);
    let at = if at.is_empty() {
        "Requests answered a second".to_owned()
    } else {
        format!("{at}{cores}, requests answered a second")
    };
    format!("{at}: {}.", words::list(&parts))
}

fn stopped(points: &[&Point]) -> Vec<String> {
    let (first, rest) = match points {
        [first, rest @ ..] => (first, rest),
        [] => return Vec::new(),
    };
    if !rest.is_empty() && rest.iter().all(|point| point.binding.resource == first.binding.resource) {
        let last = points[points.len() - 1];
        let all = if points.len() == 2 { "Both" } else { "All" };
        return vec![format!("{all} were stopped by {}: {}.", words::limit(last), last.binding.evidence)];
    }
    points
        .iter()
        .map(|point| format!("{} was stopped by {}: {}.", point.key.arm, words::limit(point), point.binding.evidence))
        .collect()
}

fn growth(report: &Report) -> Option<String> {
    let plan = &report.manifest.plan;
    let of = |arm: &str| {
        let points: Vec<&Point> = report.points.iter().filter(|point| point.key.arm == arm && point.valid).collect();
        let (first, last) = (points.first()?, points.last()?);
        let grown = last.key.scale.number()? > first.key.scale.number()?;
        let growth = last.ceiling_per_second.median / first.ceiling_per_second.median;
        grown.then(|| (first.key.scale.clone(), last.key.scale.clone(), format!("{arm} {growth:.1}-fold")))
    };
    let grown: Vec<(Scale, Scale, String)> =
        plan.arms.iter().filter(|arm| arm.grows()).filter_map(|arm| of(&arm.name)).collect();
    let (first, last, _) = grown.first()?;
    let parts: Vec<String> = grown.iter().map(|(_, _, words)| words.clone()).collect();
    Some(format!("From {first} to {}, throughput grew: {}.", words::scale(plan, last), words::list(&parts)))
}

fn latencies(comparison: &Comparison) -> Option<String> {
    let same = comparison.same_load?;
    Some(format!(
        "At the same load of {} requests a second, half of the answers came within {} ms with {} and {} ms with {}, 99 % within {} and {} ms.",
        plain(same.rate_per_second),
        or_dash(same.baseline_p50_milliseconds, milliseconds),
        comparison.baseline,
        or_dash(same.arm_p50_milliseconds, milliseconds),
        comparison.arm,
        or_dash(same.baseline_p99_milliseconds, milliseconds),
        or_dash(same.arm_p99_milliseconds, milliseconds),
    ))
}

fn objectives(report: &Report, points: &[&Point]) -> Option<String> {
    let measured: Vec<String> = points
        .iter()
        .filter(|point| !point.latency.is_empty())
        .map(|point| format!("{} for {}", kept(point), point.key.arm))
        .collect();
    let objective = report.manifest.plan.objective;
    (!measured.is_empty()).then(|| format!("The objective {objective} held {}.", words::list(&measured)))
}

/// Up to which rate the objective held.
fn kept(point: &Point) -> String {
    let limit = &point.objective;
    let words = match (limit.last_success_per_second, limit.first_failure_per_second) {
        (Some(success), Some(failure)) => format!("up to {}/s and failed at {}/s", plain(success), plain(failure)),
        (Some(success), None) => format!("up to {}/s at least (a lower bound)", plain(success)),
        (None, _) => "at no rate that was tried".to_owned(),
    };
    if limit.valid { words } else { words + " (not valid)" }
}

/// What the death of a node did at a point, and what is left of its ceiling by arithmetic.
fn one_dead(point: &Point) -> Option<String> {
    let death = point.death.as_ref()?;
    let left = match death.nodes {
        0 | 1 => "no node is left".to_owned(),
        nodes => format!(
            "{} of {nodes} nodes are left, by arithmetic {}/s",
            nodes - 1,
            plain(point.ceiling_per_second.median * (nodes - 1) as f64 / nodes as f64)
        ),
    };
    let valid = if death.valid { "" } else { " (not valid)" };
    Some(format!(
        "{}: {} is killed under {} requests a second, {} of {} requests fail{valid}{}, and {left}.",
        point.key.arm,
        death.node,
        plain(death.rate_per_second),
        death.failed,
        death.requests,
        sessions::lost(death)
    ))
}

fn alone(point: &Point) -> String {
    format!(
        "{}: {} requests a second, stopped by {}: {}.",
        point.key,
        plain(point.ceiling_per_second.median),
        words::limit(point),
        point.binding.evidence
    )
}

#[cfg(test)]
mod tests;
