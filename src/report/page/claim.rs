//! The answer in large letters, its class, and how sure it is: in two languages, made from the figures alone.

use crate::design::{Text, both};
use crate::report::Report;
use crate::report::analysis::Point;
use crate::report::columns;
use crate::report::comparison::ArmComparison;
use crate::report::scaling::{Followed, FollowedArm};
use crate::report::spanish::label;
use crate::report::stale;
use crate::report::verdict::{self, AnswerKind};
use crate::report::words::{self, at_scale};
use crate::results::comparison::{self, Comparison as Ratios, Verdict, ends, range, times};
use crate::results::number::{percent, plain, short};

/// A gain with so many stale answers is not told without them, in percent.
const MUCH_STALE_PERCENT: f64 = 1.0;

/// Name of an answer's class, and what it means.
pub fn class(answer: AnswerKind, smallest_effect: f64) -> (Text, Text) {
    match answer {
        AnswerKind::Different => (
            Text::new("different", "diferente"),
            Text::counted(
                format!("Different: the interval leaves out 0, and the difference is at least {smallest_effect} %."),
                format!("Diferente: el intervalo no incluye el 0, y la diferencia es de al menos {smallest_effect} %."),
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
    let claim = compared(report, comparison);
    match stale_answers(report, comparison) {
        Some(stale) => both!("{claim}; {stale}", "{claim}; {stale}", claim, stale),
        None => claim,
    }
}

/// Of the arm that answers more, the share of answers that are stale, where that is much: the price of the gain.
fn stale_answers(report: &Report, comparison: &ArmComparison) -> Option<Text> {
    let more = comparison.goodput.verdict == Verdict::Different && comparison.goodput.difference_percent()? > 0.0;
    let key = |point: &&Point| point.key.arm == comparison.arm && point.key.scale == comparison.scale;
    let stale = report.points.iter().find(key)?.versions?.stale_percent();
    (more && stale >= MUCH_STALE_PERCENT).then(|| {
        let stale = percent(stale);
        both!("{stale} % of them are stale", "el {stale} % de ellas son viejas", stale)
    })
}

fn compared(report: &Report, comparison: &ArmComparison) -> Text {
    let plan = &report.manifest.plan;
    let (arm, baseline) = (label(plan, &comparison.arm), label(plan, &comparison.baseline));
    match comparison.goodput.verdict {
        Verdict::Different => different(&comparison.goodput, &arm, &baseline),
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

/// A difference in large letters. One of ten times or more begins with the arm that answers more.
fn different(goodput: &Ratios, arm: &Text, baseline: &Text) -> Text {
    let difference = goodput.difference_percent().unwrap_or_default();
    if let Some(times) = goodput.ratio.and_then(times) {
        let (more, fewer) = if difference > 0.0 { (arm, baseline) } else { (baseline, arm) };
        return both!(
            "{times} times as many answers with {more} as with {fewer}",
            "{times} veces más respuestas con {more} que con {fewer}",
            times,
            more,
            fewer
        );
    }
    let size = format!("{:.0}", difference.abs());
    let (way, sentido) = if difference > 0.0 { ("more", "más") } else { ("fewer", "menos") };
    Text::new(
        format!("{size} % {way} answers with {}", arm.en()),
        format!("{size} % {sentido} respuestas con {}", arm.es()),
    )
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
            if let Some(brought) = brought(report) {
                return brought;
            }
            let known = largest.iter().filter(|comparison| comparison.verdict() == Some(Verdict::Different));
            let most = known.max_by(|a, b| far(a).total_cmp(&far(b)));
            if let Some(most) = most.filter(|most| stale_answers(report, most).is_some()) {
                return one(report, most);
            }
            let most = most.map(|most| one(report, most));
            both!(
                "{most}; {different} of {all} differ from {baseline}",
                "{most}; {different} de {all} difieren de {baseline}",
                most = most.unwrap_or_default(),
                different,
                all,
                baseline = quoted(&baseline)
            )
        }
    }
}

/// A label within a sentence: in quotes where a comma of its own would end it.
fn quoted(label: &Text) -> Text {
    if label.en().contains(',') { both!("“{label}”", "«{label}»", label) } else { label.clone() }
}

/// What a cache at the edge brought to the arm that differs in nothing else: it answers the question better than the baseline, which
/// has no far origin.
fn brought(report: &Report) -> Option<Text> {
    let plan = &report.manifest.plan;
    let last = &report.comparisons.last()?.scale;
    let edge = report.edges.iter().find(|edge| edge.scale == *last && edge.is_second_comparison(plan))?;
    Some(different(&edge.goodput, &label(plan, &edge.arm), &label(plan, &edge.without)))
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
            Text::join([each_against(report, first), verdict::beside_table(report)], " ")
        }
        _ => report.headline.clone(),
    }
}

/// How several arms are compared; the figures of each stand in the table below.
fn each_against(report: &Report, first: &ArmComparison) -> Text {
    let plan = &report.manifest.plan;
    let at = at_scale(plan, &first.scale);
    let smallest = largest(report).into_iter().filter_map(|comparison| comparison.goodput.ratio).fold(1.0, f64::min);
    let fraction = times(smallest).map_or_else(Text::default, |times| {
        both!(
            " 1/{times} means one answer where {baseline} gives {times}.",
            " 1/{times} quiere decir una respuesta donde {baseline} da {times}.",
            times,
            baseline = label(plan, &first.baseline)
        )
    });
    let each =
        if at.is_empty() { Text::new("Each", "Cada una") } else { both!("At {at}, each", "Con {at}, cada una", at) };
    let stale = match stale::any(report.points.iter().filter(|point| point.key.scale == first.scale)) {
        true => Text::new(
            " A stale answer is older than one seen before.",
            " Una respuesta vieja es más vieja que una ya vista.",
        ),
        false => Text::default(),
    };
    both!(
        "{each} against {baseline}: the difference is that of the blocks, taken one by one, so it is not exactly the ratio of the two figures ({blocks}; {levels}).{fraction}{stale}",
        "{each} contra {baseline}: la diferencia es la de los bloques, tomados uno por uno, así que no es exactamente el cociente de las dos cifras ({blocks}; {levels}).{fraction}{stale}",
        each,
        baseline = quoted(&label(plan, &first.baseline)),
        blocks = first.goodput.blocks_words(),
        levels = levels(&largest(report)),
        fraction,
        stale
    )
}

/// How sure the intervals of several comparisons are: of many, one may leave out 0 by chance, so some are wider.
fn levels(comparisons: &[&ArmComparison]) -> Text {
    let levels = comparisons.iter().map(|comparison| comparison.goodput.confidence_percent);
    let (low, high) =
        levels.fold((100.0, 0.0), |(low, high), level: f64| (f64::min(low, level), f64::max(high, level)));
    let level = |level: f64| short((10.0 * level).round() / 10.0);
    match (level(low), level(high)) {
        (low, high) if low == high => both!("intervals of {low} %", "intervalos del {low} %", low),
        (low, high) => both!(
            "intervals of {low} % to {high} %, wider since there are {arms} arms",
            "intervalos del {low} % al {high} %, más anchos porque son {arms} variantes",
            low,
            high,
            arms = comparisons.len()
        ),
    }
}

fn figures(report: &Report, comparison: &ArmComparison) -> Text {
    let plan = &report.manifest.plan;
    let at = at_scale(plan, &comparison.scale);
    let quota = report.points.iter().rev().find_map(|point| point.quota_cores);
    // A store has CPU of its own.
    let stores = report.points.iter().any(|point| point.store.is_some());
    let of = if stores { Text::new(" for the nodes", " para los nodos") } else { Text::default() };
    let cores = quota.map_or_else(Text::default, |cores| {
        both!(
            " ({cores} cores{of})",
            " ({cores} núcleos{of})",
            cores = crate::results::number::significant(cores, 2),
            of
        )
    });
    let ceiling = |arm: &str, rate: f64| {
        let point = report.points.iter().find(|point| point.key.arm == arm && point.key.scale == comparison.scale);
        point.map_or_else(|| plain(rate), columns::ceiling).replace("≥ ", "≥\u{a0}")
    };
    let before =
        if at.is_empty() { Text::default() } else { both!("At {at}{cores}: ", "Con {at}{cores}: ", at, cores) };
    both!(
        "{before}{rate} correct answers a second with {arm}, {reference} with {baseline}.{sure}",
        "{before}{rate} respuestas correctas por segundo con {arm}, {reference} con {baseline}.{sure}",
        before,
        rate = ceiling(&comparison.arm, comparison.arm_per_second),
        arm = label(plan, &comparison.arm),
        reference = ceiling(&comparison.baseline, comparison.baseline_per_second),
        baseline = label(plan, &comparison.baseline),
        sure = sureness(comparison)
    )
}

/// How sure a difference is, as a sentence that follows another.
fn sureness(comparison: &ArmComparison) -> Text {
    let goodput = &comparison.goodput;
    let Some((ratio, interval)) = goodput.ratio.zip(goodput.interval_95) else { return Text::default() };
    let [low, high] = ends(interval);
    let level = format!("{:.3}", goodput.confidence_percent);
    let is = match times(ratio) {
        Some(_) => Text::new("that is", "eso es"),
        None => Text::new("the difference is", "la diferencia es"),
    };
    both!(
        " Block by block {is} {difference}, with {level} % confidence between {low} and {high} ({blocks} blocks).",
        " Bloque por bloque {is} {difference}, con {level} % de confianza entre {low} y {high} ({blocks} bloques).",
        is,
        difference = comparison::difference(ratio),
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
    let value = goodput.ratio.map_or_else(|| Text::name("–"), comparison::difference);
    let blocks = goodput.blocks;
    let below = goodput.interval_95.map_or_else(
        || both!("{blocks} blocks: no interval", "{blocks} bloques: sin intervalo", blocks),
        |interval| {
            both!("95 %: {range}, {blocks} blocks", "95 %: {range}, {blocks} bloques", range = range(interval), blocks)
        },
    );
    (value, below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::results::arm::Arm;
    use crate::results::folder::Results;
    use crate::results::load::{CachingOutcome, VersionsOutcome};
    use crate::results::manifest::BalancerIdentity;
    use crate::results::run::BalancerUse;

    /// The made-up bench, whose second arm answers so many times as much.
    fn times_as_much(factor: f64) -> Results {
        let mut results = sample::results();
        for run in results.runs.iter_mut().filter(|run| run.point.arm == "horizontal") {
            run.load.throughput_per_second *= factor;
        }
        results
    }

    fn report(results: &Results) -> Report {
        Report::of(results, None).unwrap()
    }

    #[test]
    fn ten_times_as_much_or_more_is_a_factor() {
        let fewer = report(&times_as_much(0.0125));
        assert_eq!(loud(&fewer).en(), "92 times as many answers with one big node as with many small nodes");
        assert!(
            evidence(&fewer).en().contains("Block by block that is 1/92, with 95 % confidence"),
            "{:?}",
            evidence(&fewer)
        );
        assert!(fewer.headline.en().contains("92 times as many requests are answered with one big node"));
        let more = report(&times_as_much(50.0));
        assert_eq!(loud(&more).es(), "43 veces más respuestas con muchos nodos pequeños que con un nodo grande");
        assert_eq!(difference(&more.comparisons[0]).0.en(), "50-fold");
        assert_eq!(loud(&report(&times_as_much(2.0))).en(), "74 % more answers with many small nodes");
    }

    #[test]
    fn a_gain_that_stale_answers_pay_for_is_not_told_without_them() {
        for (factor, stale, loud_answer) in [
            (2.0, 27, "74 % more answers with many small nodes; 27 % of them are stale"),
            (2.0, 0, "74 % more answers with many small nodes"),
            // Fewer answers are bad enough.
            (0.5, 27, "57 % fewer answers with many small nodes"),
        ] {
            let mut results = times_as_much(factor);
            for run in results.runs.iter_mut().filter(|run| run.point.arm == "horizontal") {
                run.load.versions = Some(VersionsOutcome { answers: 100, stale });
            }
            let report = report(&results);
            assert_eq!(loud(&report).en(), loud_answer);
            assert_eq!(loud(&report).es().ends_with("; el 27 % de ellas son viejas"), factor > 1.0 && stale > 0);
        }
    }

    /// A near origin, which is the baseline; a far one; and that with a cache at the edge.
    fn far_origin() -> Results {
        let mut results = times_as_much(0.0125);
        let plan = &mut results.manifest.plan;
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let edge = Arm { name: "edge".into(), label: Some("a cache, near".into()), ..plan.arms[1].clone() };
        plan.arms.push(edge);
        for (arm, up) in
            plan.arms.iter_mut().zip(["--nodes 1", "--origin-delay 40ms", "--origin-delay 40ms --edge nginx"])
        {
            arm.up = words(up);
        }
        let cached = results.runs.iter().filter(|run| run.point.arm == "horizontal").cloned().map(|mut run| {
            run.point.arm = "edge".into();
            run.load.throughput_per_second *= 50.0;
            run.load.caching = Some(CachingOutcome { answers: 100, hits: 99 });
            run
        });
        let cached: Vec<_> = cached.collect();
        results.runs.extend(cached);
        for run in &mut results.runs {
            let identity = BalancerIdentity { kind: "haproxy".into(), version: None, pid: None };
            run.balancer = Some(BalancerUse { identity, cpu_cores: Some(0.01) });
        }
        results
    }

    #[test]
    fn a_cache_at_the_edge_is_held_against_the_same_without_it() {
        let report = report(&far_origin());
        assert_eq!(loud(&report).en(), "50 times as many answers with a cache, near as with many small nodes");
        let says = "50 times as many requests are answered with a cache, near as with many small nodes (95 %: ";
        assert!(evidence(&report).en().contains(says), "{:?}", evidence(&report));
        assert!(evidence(&report).es().contains("quiere decir una respuesta donde un nodo grande da 92."));
    }
}
