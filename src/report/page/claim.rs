//! The answer in large letters, its class, and how sure it is: in two languages, made from the figures alone.

use crate::design::{Text, both};
use crate::report::Report;
use crate::report::analysis::Point;
use crate::report::comparison::ArmComparison;
use crate::report::scaling::{Followed, FollowedArm};
use crate::report::spanish::label;
use crate::report::verdict::{self, AnswerKind};
use crate::report::words::{self, at_scale};
use crate::results::comparison::{Verdict, range};
use crate::results::number::{percent, plain, short, signed_percent};

/// Name of an answer's class, and what it means.
pub fn class(answer: AnswerKind, smallest_effect: f64) -> (Text, Text) {
    match answer {
        AnswerKind::Different => (
            Text::new("different", "diferente"),
            Text::counted(
                format!(
                    "Different: the 95 % interval leaves out 0, and the difference is at least {smallest_effect} %."
                ),
                format!(
                    "Diferente: el intervalo del 95 % no incluye el 0, y la diferencia es de al menos {smallest_effect} %."
                ),
            ),
        ),
        AnswerKind::Equivalent => (
            Text::new("equivalent", "equivalente"),
            Text::counted(
                format!("Equivalent: the 90 % interval lies within {smallest_effect} % to both sides."),
                format!("Equivalente: el intervalo del 90 % queda dentro del {smallest_effect} % hacia ambos lados."),
            ),
        ),
        AnswerKind::Undecided => (
            Text::new("undecided", "sin decidir"),
            Text::new(
                "Undecided: these figures show neither a difference that matters nor its absence. It does not mean \"the same\".",
                "Sin decidir: estas cifras no muestran ni una diferencia que importe ni que no la haya. No quiere decir «lo mismo».",
            ),
        ),
        AnswerKind::NotValid => (
            Text::new("not valid", "no válido"),
            Text::new(
                "Not valid: something disturbed the measurement, so no figure here is a ceiling.",
                "No válido: algo perturbó la medición; ninguna cifra de aquí es un techo.",
            ),
        ),
        AnswerKind::NothingAnswered => (Text::new("nothing answered", "sin respuestas"), Text::default()),
        AnswerKind::OneArm => (
            Text::new("one arm", "una sola variante"),
            Text::new(
                "One arm alone was measured: there is nothing to compare it with.",
                "Se midió una sola variante: no hay con qué compararla.",
            ),
        ),
        AnswerKind::Followed => (
            Text::new("followed a load", "siguió una carga"),
            Text::new(
                "Sizes are judged by the seconds outside the objective and by the units that were paid.",
                "Los tamaños se juzgan por los segundos fuera del objetivo y por las unidades que se pagaron.",
            ),
        ),
    }
}

/// The comparisons at the last scale that has any.
pub fn largest(report: &Report) -> Vec<&ArmComparison> {
    let Some(last) = report.comparisons.last() else { return Vec::new() };
    report.comparisons.iter().filter(|comparison| comparison.scale == last.scale).collect()
}

/// The answer in large letters.
pub fn loud(report: &Report) -> Text {
    let largest = largest(report);
    match report.answer {
        AnswerKind::NothingAnswered => {
            Text::new("No request was answered correctly", "Ninguna petición fue respondida correctamente")
        }
        AnswerKind::NotValid => Text::new("Not valid: nothing is claimed", "No válido: no se afirma nada"),
        AnswerKind::OneArm => report.points.last().map_or_else(Text::default, alone),
        AnswerKind::Followed => report.followed.as_ref().map_or_else(Text::default, followed),
        AnswerKind::Different | AnswerKind::Equivalent | AnswerKind::Undecided => match *largest {
            [only] => one(report, only),
            _ => several(report, &largest),
        },
    }
}

fn alone(point: &Point) -> Text {
    let (rate, limit) = (plain(point.ceiling_per_second.median), words::limit(point.binding.resource));
    Text::counted(
        format!("{rate} requests a second, stopped by {}", limit.en()),
        format!("{rate} peticiones por segundo; el límite: {}", limit.es()),
    )
}

fn one(report: &Report, comparison: &ArmComparison) -> Text {
    let plan = &report.manifest.plan;
    let (arm, baseline) = (label(plan, &comparison.arm), label(plan, &comparison.baseline));
    let difference = comparison.goodput.difference_percent().unwrap_or_default();
    match comparison.goodput.verdict {
        Verdict::Different => {
            let size = format!("{:.0}", difference.abs());
            let (way, sentido) = if difference > 0.0 { ("more", "más") } else { ("fewer", "menos") };
            Text::new(
                format!("{size} % {way} answers with {}", arm.en()),
                format!("{size} % {sentido} respuestas con {}", arm.es()),
            )
        }
        Verdict::Equivalent => {
            let within = comparison.goodput.smallest_effect_percent;
            Text::counted(
                format!("As many answers with {} as with {}, within {within} %", arm.en(), baseline.en()),
                format!("Tantas respuestas con {} como con {}, dentro del {within} %", arm.es(), baseline.es()),
            )
        }
        Verdict::Undecided { .. } => Text::new(
            format!("Undecided: {} or {}", baseline.en(), arm.en()),
            format!("Sin decidir: {} o {}", baseline.es(), arm.es()),
        ),
    }
}

fn several(report: &Report, largest: &[&ArmComparison]) -> Text {
    let baseline = largest.first().map_or_else(Text::default, |first| label(&report.manifest.plan, &first.baseline));
    let all = largest.len();
    let count = |wanted: fn(Verdict) -> bool| {
        largest.iter().filter(|comparison| comparison.verdict().is_some_and(wanted)).count()
    };
    let (different, equivalent) =
        (count(|verdict| verdict == Verdict::Different), count(|verdict| verdict == Verdict::Equivalent));
    match (different, equivalent) {
        (0, same) if same == all => Text::new(
            format!("All {all} answer as many as {}", baseline.en()),
            format!("Las {all} responden tanto como {}", baseline.es()),
        ),
        (0, 0) => Text::new(
            format!("Undecided: {all} ways against {}", baseline.en()),
            format!("Sin decidir: {all} variantes contra {}", baseline.es()),
        ),
        (0, same) => Text::new(
            format!("{same} of {all} equivalent to {}, {} undecided", baseline.en(), all - same),
            format!("{same} de {all} equivalentes a {}, {} sin decidir", baseline.es(), all - same),
        ),
        (different, _) => {
            let far = |comparison: &&&ArmComparison| comparison.goodput.difference_percent().unwrap_or_default().abs();
            let known = largest.iter().filter(|comparison| comparison.verdict() == Some(Verdict::Different));
            let most = known.max_by(|a, b| far(a).total_cmp(&far(b))).map(|most| one(report, most));
            both!(
                "{most}; {different} of {all} differ from {baseline}",
                "{most}; {different} de {all} difieren de {baseline}",
                most = most.unwrap_or_default(),
                different,
                all,
                baseline
            )
        }
    }
}

/// The size that followed best: the fewest seconds outside the objective, then the fewest units.
fn followed(followed: &Followed) -> Text {
    let better = |a: &&FollowedArm, b: &&FollowedArm| {
        a.seconds_outside.total_cmp(&b.seconds_outside).then(a.unit_seconds.total_cmp(&b.unit_seconds))
    };
    let Some(best) = followed.arms.iter().filter(|arm| !arm.fixed).min_by(better) else {
        return Text::new("No size followed the load", "Ningún tamaño siguió la carga");
    };
    let (outside, seconds) = (short(best.seconds_outside), short(best.seconds));
    let arm = best.label.upper_first();
    match followed.percent_of_largest(best).map(percent) {
        Some(share) => both!(
            "{arm}: {outside} of {seconds} s outside the objective, for {share} % of the largest size's unit-seconds",
            "{arm}: {outside} de {seconds} s fuera del objetivo, por el {share} % de las unidades·segundo del tamaño más grande",
            arm,
            outside,
            seconds,
            share
        ),
        None => both!(
            "{arm}: {outside} of {seconds} s outside the objective",
            "{arm}: {outside} de {seconds} s fuera del objetivo",
            arm,
            outside,
            seconds
        ),
    }
}

/// What stands below the large letters: the figures of the answer and how sure they are.
pub fn evidence(report: &Report) -> Text {
    let largest = largest(report);
    match (report.answer, &*largest) {
        (AnswerKind::Different | AnswerKind::Equivalent | AnswerKind::Undecided, [only]) => figures(report, only),
        (AnswerKind::Different | AnswerKind::Equivalent | AnswerKind::Undecided, [first, ..]) => {
            Text::join([each_against(report, first), verdict::beside(report)], " ")
        }
        _ => report.headline.clone(),
    }
}

/// How several arms are compared; the figures of each stand in the table below.
fn each_against(report: &Report, first: &ArmComparison) -> Text {
    let plan = &report.manifest.plan;
    let at = at_scale(plan, &first.scale);
    let each =
        if at.is_empty() { Text::new("Each", "Cada una") } else { both!("At {at}, each", "Con {at}, cada una", at) };
    both!(
        "{each} against {baseline}, block by block: {blocks}, intervals of {level}.",
        "{each} contra {baseline}, bloque por bloque: {blocks}, intervalos del {level}.",
        each,
        baseline = label(plan, &first.baseline),
        blocks = first.goodput.blocks_words(),
        level = first.goodput.level_words()
    )
}

fn figures(report: &Report, comparison: &ArmComparison) -> Text {
    let plan = &report.manifest.plan;
    let at = at_scale(plan, &comparison.scale);
    let quota = report.points.iter().rev().find_map(|point| point.quota_cores);
    let cores = quota.map_or_else(Text::default, |cores| {
        both!(" ({cores} cores)", " ({cores} núcleos)", cores = crate::results::number::significant(cores, 2))
    });
    let before =
        if at.is_empty() { Text::default() } else { both!("At {at}{cores}: ", "Con {at}{cores}: ", at, cores) };
    both!(
        "{before}{rate} correct answers a second with {arm}, {reference} with {baseline}.{sure}",
        "{before}{rate} respuestas correctas por segundo con {arm}, {reference} con {baseline}.{sure}",
        before,
        rate = plain(comparison.arm_per_second),
        arm = label(plan, &comparison.arm),
        reference = plain(comparison.baseline_per_second),
        baseline = label(plan, &comparison.baseline),
        sure = sureness(comparison)
    )
}

/// How sure a difference is, as a sentence that follows another.
fn sureness(comparison: &ArmComparison) -> Text {
    let goodput = &comparison.goodput;
    let Some((difference, interval)) = goodput.difference_percent().zip(goodput.interval_95) else {
        return Text::default();
    };
    let [low, high] = interval.map(|ratio| signed_percent(100.0 * (ratio - 1.0)));
    let level = format!("{:.3}", goodput.confidence_percent);
    both!(
        " Block by block the difference is {difference}, with {level} % confidence between {low} and {high} ({blocks} blocks).",
        " Bloque por bloque la diferencia es {difference}, con {level} % de confianza entre {low} y {high} ({blocks} bloques).",
        difference = signed_percent(difference),
        level = level.trim_end_matches('0').trim_end_matches('.'),
        low,
        high,
        blocks = goodput.blocks
    )
}

/// A difference, and its interval.
pub fn difference_and_range(comparison: &ArmComparison) -> (Text, Text) {
    let goodput = &comparison.goodput;
    let interval = goodput.interval_95.map_or_else(|| Text::name("–"), range);
    (difference(comparison).0, interval)
}

/// A difference with its interval, as a figure and what stands below it.
pub fn difference(comparison: &ArmComparison) -> (Text, Text) {
    let goodput = &comparison.goodput;
    let value = goodput.difference_percent().map_or_else(|| "–".to_owned(), signed_percent);
    let blocks = goodput.blocks;
    let below = goodput.interval_95.map_or_else(
        || both!("{blocks} blocks: no interval", "{blocks} bloques: sin intervalo", blocks),
        |interval| {
            both!("95 %: {range}, {blocks} blocks", "95 %: {range}, {blocks} bloques", range = range(interval), blocks)
        },
    );
    (Text::figure(value), below)
}
