//! Charts that hold arms against each other: their differences over the scale, and their response times at one load.

use super::notes::difference_note;
use crate::design::{Text, both};
use crate::report::Report;
use crate::report::charts::{Chart, Ink, Marker, ReferenceLine, Series, Stroke};
use crate::report::comparison::ArmComparison;
use crate::report::spanish;
use crate::report::words;
use crate::results::arm::PointKey;
use crate::results::comparison::Verdict;
use crate::results::number::{milliseconds, plain};
use crate::results::run::{Level, Run};

/// Each arm's difference from the baseline over the scale, with its interval. `None` with fewer than two numbers in the scale.
pub fn differences(report: &Report) -> Option<Chart> {
    let plan = &report.manifest.plan;
    let mut series = Vec::new();
    for (number, arm) in plan.arms.iter().enumerate().skip(1) {
        let of_arm = report.comparisons.iter().filter(|comparison| comparison.arm == arm.name && comparison.valid);
        let known: Vec<(f64, f64, &ArmComparison)> = of_arm
            .filter_map(|comparison| {
                Some((comparison.scale.number()?, comparison.goodput.difference_percent()?, comparison))
            })
            .collect();
        let points = known.iter().map(|(at, difference, _)| (*at, *difference)).collect();
        let mut line = Series::of(
            &arm.name,
            &Text::new("95 % interval", "intervalo del 95 %"),
            Ink::Series(number),
            Stroke::Only(Marker::of(number)),
            points,
        );
        line.ranges = known
            .iter()
            .filter_map(|(at, _, comparison)| {
                let [low, high] = comparison.goodput.interval_95?.map(|ratio| 100.0 * (ratio - 1.0));
                Some((*at, low, high.min(900.0)))
            })
            .collect();
        line.notes = known.iter().map(|(.., comparison)| difference_note(report, comparison)).collect();
        series.push(line);
    }
    let points: usize = series.iter().map(|series| series.points.len()).sum();
    if series.iter().all(|series| series.points.len() < 2) {
        return None;
    }
    let effect = plan.smallest_effect_percent;
    let rule = |at: f64| ReferenceLine { name: Text::default(), upright: false, at };
    let decided =
        report.comparisons.iter().filter(|comparison| comparison.verdict() == Some(Verdict::Different)).count();
    let name = spanish::scale_name(plan);
    let sentences = report.comparisons.iter().map(|comparison| words::sentence(comparison, plan));
    Some(Chart {
        title: both!(
            "Against {baseline}: {decided} of {points} intervals leave out 0, with a difference of {effect} % or more",
            "Contra {baseline}: {decided} de {points} intervalos no incluyen el 0, con una diferencia de {effect} % o más",
            baseline = Text::name(plan.baseline().map_or("", |arm| arm.name.as_str())),
            decided,
            points,
            effect = effect.to_string()
        ),
        alternative: both!(
            "Difference in requests a second over {name}. {sentences}.",
            "Diferencia en peticiones por segundo según {name}. {sentences}.",
            name,
            sentences = Text::join(sentences, "; ")
        ),
        x: name,
        // Not beside the lines: the intervals stand there.
        y: Text::new(
            "difference, %; between the outer lines it does not matter",
            "diferencia, %; entre las líneas de afuera no importa",
        ),
        whole: true,
        series,
        rules: [0.0, effect, -effect].map(rule).to_vec(),
        signed: true,
        ..Chart::default()
    })
}

/// Response times by percentile at one load that all arms were offered, the highest below their ceilings: each arm's last valid
/// run there. `None` where there is no such load, or fewer than two percentiles are known.
pub fn percentiles(report: &Report, runs: &[Run]) -> Option<Chart> {
    let comparison = report.comparisons.iter().rev().find(|comparison| comparison.same_load.is_some())?;
    let rate = comparison.same_load?.rate_per_second;
    let plan = &report.manifest.plan;
    let mut series = Vec::new();
    for (number, arm) in plan.arms.iter().enumerate() {
        let key = PointKey::new(&arm.name, comparison.scale.clone());
        let near = |level: Level| match level {
            Level::Open { rate_per_second, .. } => (rate_per_second / rate - 1.0).abs() <= 0.01,
            Level::Closed { .. } | Level::Death { .. } | Level::Profile { .. } => false,
        };
        let mut of_point = runs.iter().filter(|run| run.point == key && run.verdict.valid && near(run.level));
        let Some(run) = of_point.next_back() else { continue };
        let below_all = run.load.spectrum.iter().filter(|step| step.percentile < 100.0 && step.milliseconds > 0.0);
        let points = below_all.map(|step| (1.0 / (1.0 - step.percentile / 100.0), step.milliseconds)).collect();
        series.push(Series::new(Text::name(&arm.name), Ink::Series(number), Stroke::Solid, points));
    }
    series.retain(|series| series.points.len() > 1);
    let last = |series: &Series| {
        let slowest = milliseconds(series.points.last().map_or(0.0, |point| point.1));
        both!("{arm} {slowest} ms", "{arm} {slowest} ms", arm = series.name, slowest)
    };
    let slowest = Text::join(series.iter().map(last), ", ");
    (!series.is_empty()).then(|| Chart {
        title: both!(
            "Percentiles at {rate}/s, {at}: the slowest answers, {slowest}",
            "Percentiles a {rate}/s, {at}: las respuestas más lentas, {slowest}",
            rate = plain(rate),
            at = words::scale(plan, &comparison.scale),
            slowest
        ),
        alternative: both!(
            "Response time by percentile at {rate} requests a second. {slowest}.",
            "Tiempo de respuesta por percentil a {rate} peticiones por segundo. {slowest}.",
            rate = plain(rate),
            slowest
        ),
        x: Text::new("percentile", "percentil"),
        y: Text::new("response time, ms", "tiempo de respuesta, ms"),
        log_x: true,
        log: true,
        percentiles: true,
        series,
        rules: vec![ReferenceLine {
            name: Text::figure(plan.objective.to_string()),
            upright: false,
            at: plan.objective.milliseconds,
        }],
        ..Chart::default()
    })
}
