//! The findings in one paragraph.

use super::{AnswerKind, largest};
use crate::design::{Text, both};
use crate::report::analysis::Point;
use crate::report::binding::Limit;
use crate::report::comparison::ArmComparison;
use crate::report::spanish::{label, look_at};
use crate::report::{Report, sessions, words};
use crate::results::arm::Scale;
use crate::results::number::{milliseconds, or_dash, percent, plain, price, significant};
use crate::stats::Resource;

/// The findings: who did how much, what stopped it, how fast it answered, what a death and a request cost.
pub fn paragraph(report: &Report) -> Text {
    let plan = &report.manifest.plan;
    if report.answer == AnswerKind::NothingAnswered {
        return Text::default();
    }
    let mut sentences = Vec::new();
    if let Some(incomplete) = &report.incomplete {
        let incomplete = incomplete.words();
        sentences.push(both!("This bench is {incomplete}.", "Esta medición está {incomplete}.", incomplete));
    }
    match report.points.last().map(|point| point.key.scale.clone()) {
        Some(scale) if !report.comparisons.is_empty() => {
            let points: Vec<&Point> = report.points.iter().filter(|point| point.key.scale == scale).collect();
            sentences.push(ceilings(report, &scale, &points));
            sentences.extend(largest(report).iter().map(|comparison| {
                let (arm, baseline) = (Text::name(&comparison.arm), Text::name(&comparison.baseline));
                let judged = words::judged(comparison);
                both!(
                    "{arm} against {baseline}: {judged}.",
                    "{arm} contra {baseline}: {judged}.",
                    arm,
                    baseline,
                    judged
                )
            }));
            sentences.extend(stopped(&points));
            sentences.extend(growth(report));
            sentences.extend(largest(report).into_iter().filter_map(latencies));
            sentences.extend(objectives(report, &points));
            sentences.extend(points.iter().filter_map(|point| one_dead(point)));
        }
        Some(_) => sentences.extend(report.points.last().map(words::alone)),
        None => {}
    }
    sentences.extend(costs(report));
    if !report.valid {
        sentences.push(Text::new(
            "Not every point is valid: the figures of the others are not ceilings.",
            "No todos los puntos son válidos: las cifras de los demás no son techos.",
        ));
    }
    sentences.push(look_at(plan));
    Text::join(sentences, " ")
}

/// What a million requests cost, at prices that somebody gave.
fn costs(report: &Report) -> Vec<Text> {
    let Some(cost) = report.cost.as_ref().filter(|cost| cost.given) else { return Vec::new() };
    let row = cost.rows.last().and_then(|row| Some((row, row.vertical_per_million?, row.horizontal_per_million?)));
    let each = row.map(|(row, vertical, horizontal)| {
        both!(
            "At your prices a million requests cost {vertical} {currency} on one machine of {units} units, and {horizontal} on as many machines of one unit.",
            "A tus precios, un millón de peticiones cuesta {vertical} {currency} en una máquina de {units} unidades, y {horizontal} en otras tantas máquinas de una unidad.",
            vertical = price(vertical),
            currency = Text::name(&cost.prices.currency),
            units = row.units,
            horizontal = price(horizontal)
        )
    });
    each.into_iter().chain([cost.break_even.sentence()]).collect()
}

fn ceilings(report: &Report, scale: &Scale, points: &[&Point]) -> Text {
    let plan = &report.manifest.plan;
    let quota = points.iter().rev().find_map(|point| point.quota_cores);
    let cores = quota.map_or_else(Text::default, |cores| {
        both!(" ({cores} cores)", " ({cores} núcleos)", cores = significant(cores, 2))
    });
    let part = |point: &&Point| {
        let (bound, valid) = (at_least(point), not_valid_mark(point.valid));
        let (rate, arm) = (plain(point.ceiling_per_second.median), label(plan, &point.key.arm));
        both!("{bound}{rate} with {arm}{valid}", "{bound}{rate} con {arm}{valid}", bound, rate, arm, valid)
    };
    let parts = Text::list(points.iter().map(part));
    let at = words::at_scale(plan, scale);
    if at.is_empty() {
        return both!("Requests answered a second: {parts}.", "Peticiones respondidas por segundo: {parts}.", parts);
    }
    both!(
        "At {at}{cores}, requests answered a second: {parts}.",
        "Con {at}{cores}, peticiones respondidas por segundo: {parts}.",
        at,
        cores,
        parts
    )
}

fn at_least(point: &Point) -> Text {
    if point.is_limit { Text::default() } else { Text::new("at least ", "al menos ") }
}

fn not_valid_mark(valid: bool) -> Text {
    if valid { Text::default() } else { Text::new(" (not valid)", " (no válido)") }
}

fn stopped(points: &[&Point]) -> Vec<Text> {
    let [first, rest @ ..] = points else { return Vec::new() };
    if let Some(last) = rest.last()
        && rest.iter().all(|point| point.binding.resource == first.binding.resource)
    {
        let (limit, evidence) = (words::limit_of(last), last.binding.words());
        return vec![match points.len() {
            _ if is_unknown(last) => {
                both!(
                    "It was not seen what stopped them: {evidence}.",
                    "No se vio qué las detuvo: {evidence}.",
                    evidence
                )
            }
            2 => both!(
                "Both were stopped by {limit}: {evidence}.",
                "A las dos las detuvo el mismo límite, {limit}: {evidence}.",
                limit,
                evidence
            ),
            _ => both!(
                "All were stopped by {limit}: {evidence}.",
                "A todas las detuvo el mismo límite, {limit}: {evidence}.",
                limit,
                evidence
            ),
        }];
    }
    let one = |point: &&Point| {
        let (arm, evidence) = (Text::name(&point.key.arm), point.binding.words());
        if is_unknown(point) {
            return both!(
                "It was not seen what stopped {arm}: {evidence}.",
                "No se vio qué detuvo a {arm}: {evidence}.",
                arm,
                evidence
            );
        }
        both!(
            "{arm} was stopped by {limit}: {evidence}.",
            "El límite de {arm}: {limit} ({evidence}).",
            arm,
            limit = words::limit_of(point),
            evidence
        )
    };
    points.iter().map(one).collect()
}

fn is_unknown(point: &Point) -> bool {
    point.binding.resource == Limit::Node(Resource::None)
}

fn growth(report: &Report) -> Option<Text> {
    let plan = &report.manifest.plan;
    let of = |arm: &str| {
        let points: Vec<&Point> = report.points.iter().filter(|point| point.key.arm == arm && point.valid).collect();
        let (first, last) = (points.first()?, points.last()?);
        let grown = last.key.scale.number()? > first.key.scale.number()?;
        let ratio = last.ceiling_per_second.median / first.ceiling_per_second.median;
        let arm = Text::name(arm);
        let words = if plan.law {
            both!("{arm} {growth}-fold", "{arm} {growth} veces", arm, growth = format!("{ratio:.1}"))
        } else {
            both!("{arm} to {share} %", "{arm} al {share} %", arm, share = percent(100.0 * ratio))
        };
        grown.then(|| (first.key.scale.clone(), last.key.scale.clone(), words))
    };
    let grown: Vec<(Scale, Scale, Text)> =
        plan.arms.iter().filter(|arm| arm.grows()).filter_map(|arm| of(&arm.name)).collect();
    let (first, last, _) = grown.first()?;
    let (first, last) = (first.to_string(), words::scale(plan, last));
    let parts = Text::list(grown.iter().map(|(_, _, words)| words.clone()));
    Some(if plan.law {
        both!(
            "From {first} to {last}, throughput grew: {parts}.",
            "De {first} a {last}, el rendimiento creció: {parts}.",
            first,
            last,
            parts
        )
    } else {
        both!(
            "From {first} to {last}, throughput changed: {parts}.",
            "De {first} a {last}, el rendimiento cambió: {parts}.",
            first,
            last,
            parts
        )
    })
}

fn latencies(comparison: &ArmComparison) -> Option<Text> {
    let same = comparison.same_load?;
    Some(both!(
        "At the same load of {rate} requests a second, half of the answers came within {p50} ms with {baseline} and {arm_p50} ms with {arm}, 99 % within {p99} and {arm_p99} ms.",
        "Con la misma carga de {rate} peticiones por segundo, la mitad de las respuestas llegó en {p50} ms con {baseline} y en {arm_p50} ms con {arm}; el 99 %, en {p99} y en {arm_p99} ms.",
        rate = plain(same.rate_per_second),
        p50 = or_dash(same.baseline_p50_milliseconds, milliseconds),
        baseline = Text::name(&comparison.baseline),
        arm_p50 = or_dash(same.arm_p50_milliseconds, milliseconds),
        arm = Text::name(&comparison.arm),
        p99 = or_dash(same.baseline_p99_milliseconds, milliseconds),
        arm_p99 = or_dash(same.arm_p99_milliseconds, milliseconds),
    ))
}

fn objectives(report: &Report, points: &[&Point]) -> Option<Text> {
    let measured: Vec<Text> = points
        .iter()
        .filter(|point| !point.latency.is_empty())
        .map(|point| {
            both!("{kept} for {arm}", "{kept} con {arm}", kept = kept(point), arm = Text::name(&point.key.arm))
        })
        .collect();
    let objective = report.manifest.plan.objective.to_string();
    (!measured.is_empty()).then(|| {
        let parts = Text::list(measured);
        both!(
            "The objective {objective} held {parts}.",
            "El objetivo {objective} se cumplió {parts}.",
            objective,
            parts
        )
    })
}

/// Up to which rate the objective held.
fn kept(point: &Point) -> Text {
    let limit = &point.objective;
    let words = match (limit.last_success_per_second, limit.first_failure_per_second) {
        (Some(success), Some(failure)) => both!(
            "up to {success}/s and failed at {failure}/s",
            "hasta {success}/s y no se cumplió a {failure}/s",
            success = plain(success),
            failure = plain(failure)
        ),
        (Some(success), None) => both!(
            "up to {success}/s at least (a lower bound)",
            "hasta {success}/s por lo menos (una cota inferior)",
            success = plain(success)
        ),
        (None, _) => Text::new("at no rate that was tried", "a ninguna tasa de las que se probaron"),
    };
    Text::join([words, not_valid_mark(limit.valid)], "")
}

/// What the death of a node did at a point, and what is left of its ceiling by arithmetic.
fn one_dead(point: &Point) -> Option<Text> {
    let death = point.death.as_ref()?;
    let left = match death.nodes {
        0 | 1 => Text::new("no node is left", "no queda ningún nodo"),
        nodes => both!(
            "{left} of {nodes} nodes are left, by arithmetic {rate}/s",
            "quedan {left} de {nodes} nodos, por aritmética {rate}/s",
            rate = plain(point.ceiling_per_second.median * (nodes - 1) as f64 / nodes as f64),
            left = nodes - 1,
            nodes
        ),
    };
    Some(both!(
        "{arm}: {node} is killed under {rate} requests a second, {failed} of {requests} requests fail{valid}{lost}, and {left}.",
        "{arm}: {node} muere bajo {rate} peticiones por segundo, fallan {failed} de {requests} peticiones{valid}{lost}, y {left}.",
        arm = Text::name(&point.key.arm),
        node = Text::name(&death.node),
        rate = plain(death.rate_per_second),
        failed = death.failed,
        requests = death.requests,
        valid = not_valid_mark(death.valid),
        lost = sessions::lost(death),
        left
    ))
}
