//! The words that several sentences of a report share.

use super::analysis::Point;
use super::binding::Limit;
use super::comparison::ArmComparison;
use super::spanish::scale_word;
use crate::design::{Text, both};
use crate::results::arm::{PointKey, Scale};
use crate::results::comparison::{Comparison as Ratios, Verdict, difference, range, times};
use crate::results::number::{counted, plain};
use crate::results::plan::Plan;
use crate::results::profile::Shape;
use crate::stats::Resource;

/// A step of the scale: `4 units`, `1 unit`, `rows 1000`.
pub fn scale(plan: &Plan, scale: &Scale) -> Text {
    let english = match (scale.whole(), plan.scale_name.strip_suffix('s')) {
        (Some(count), Some(word)) => counted(count, word),
        _ => format!("{} {scale}", plan.scale_name),
    };
    let word = scale_word(&plan.scale_name, scale.whole() == Some(1)).unwrap_or(&plan.scale_name);
    Text::new(english.trim(), format!("{scale} {word}").trim())
}

/// A point by its names: `vertical at 4`.
pub fn place(key: &PointKey) -> Text {
    let (arm, scale) = (Text::name(&key.arm), Text::name(key.scale.to_string()));
    both!("{arm} at {scale}", "{arm} con {scale}", arm, scale)
}

/// Where the figures stand, within a sentence: `4 units`. Empty where the plan has one scale without a name.
pub fn at_scale(plan: &Plan, at: &Scale) -> Text {
    if plan.scale_name.is_empty() { Text::default() } else { scale(plan, at) }
}

/// The verdict of a comparison with its figures, without a full stop.
pub fn judged(comparison: &ArmComparison) -> Text {
    if comparison.valid {
        comparison.goodput.words()
    } else {
        Text::new("not valid: no claim", "no válido: no se afirma nada")
    }
}

/// The name of a verdict.
pub fn verdict(verdict: Verdict) -> Text {
    match verdict {
        Verdict::Different => Text::new("different", "diferente"),
        Verdict::Equivalent => Text::new("equivalent", "equivalente"),
        Verdict::Undecided { .. } => Text::new("undecided", "sin decidir"),
    }
}

/// The comparison of the ceilings in one sentence, without its full stop.
pub fn sentence(comparison: &ArmComparison, plan: &Plan) -> Text {
    let at = |equal: &Ratios| Some((equal.ratio?, equal.interval_95?, equal.level_words()));
    let equal = comparison.at_equal_speed.as_ref().filter(|_| comparison.valid).and_then(at);
    let second_look = equal.map_or_else(Text::default, |(ratio, interval, level)| {
        both!(
            "; a second look, which is not the verdict: at equal speed of the machine {difference} ({level}: {range})",
            "; una segunda mirada, que no es el veredicto: a igual velocidad de la máquina {difference} ({level}: {range})",
            difference = difference(ratio),
            level,
            range = range(interval)
        )
    });
    let because =
        comparison.because.as_ref().map_or_else(Text::default, |because| both!("; {because}", "; {because}", because));
    both!(
        "{at}: {arm} {rate}/s, {baseline} {reference}/s; {judged}{second_look}{because}",
        "{at}: {arm} {rate}/s, {baseline} {reference}/s; {judged}{second_look}{because}",
        at = scale(plan, &comparison.scale),
        arm = Text::name(&comparison.arm),
        rate = plain(comparison.arm_per_second),
        baseline = Text::name(&comparison.baseline),
        reference = plain(comparison.baseline_per_second),
        judged = judged(comparison),
        second_look,
        because
    )
}

/// How sure a figure is, behind it; empty without an interval.
pub fn sure(interval: Option<[f64; 2]>, level: Text) -> Text {
    interval.map_or_else(Text::default, |interval| {
        both!(" ({level}: {range})", " ({level}: {range})", level, range = range(interval))
    })
}

/// A difference that matters, with its interval. One of ten times or more begins with the arm that answers more.
pub fn different(goodput: &Ratios, arm: &Text, baseline: &Text) -> Text {
    let difference = goodput.difference_percent().unwrap_or_default();
    let size = format!("{:.0}", difference.abs());
    let level = goodput.level_words();
    match goodput.ratio.and_then(times) {
        Some(times) => {
            let inverse = |interval: [f64; 2]| [1.0 / interval[1], 1.0 / interval[0]];
            let (more, fewer, interval) = if difference > 0.0 {
                (arm, baseline, goodput.interval_95)
            } else {
                (baseline, arm, goodput.interval_95.map(inverse))
            };
            both!(
                "{times} times as many requests are answered with {more} as with {fewer}{sure}",
                "se responden {times} veces más peticiones con {more} que con {fewer}{sure}",
                times,
                more,
                fewer,
                sure = sure(interval, level)
            )
        }
        None if difference > 0.0 => both!(
            "{size} % more requests are answered with {arm} than with {baseline}{sure}",
            "se responde un {size} % más de peticiones con {arm} que con {baseline}{sure}",
            size,
            arm,
            baseline,
            sure = sure(goodput.interval_95, level)
        ),
        None => both!(
            "{size} % fewer requests are answered with {arm} than with {baseline}{sure}",
            "se responde un {size} % menos de peticiones con {arm} que con {baseline}{sure}",
            size,
            arm,
            baseline,
            sure = sure(goodput.interval_95, level)
        ),
    }
}

/// What stopped a point, as one says it after "stopped by".
pub fn limit(limit: Limit) -> Text {
    match limit {
        Limit::Node(Resource::None) => Text::new("nothing that was seen", "nada que se viera"),
        Limit::Node(resource) => Text::new(resource.label(), resource.label_es()),
        Limit::Balancer => Text::new("the balancer", "el balanceador"),
        Limit::Generator => Text::new("the load generator", "el generador de carga"),
        Limit::Others => Text::new("other processes", "otros procesos"),
    }
}

/// The same, with the word that a figure is no ceiling where that is so.
pub fn limit_of(point: &Point) -> Text {
    let limit = limit(point.binding.resource);
    match point.binding.resource {
        Limit::Node(_) | Limit::Balancer => limit,
        Limit::Generator | Limit::Others => {
            both!("{limit}, so this is not a ceiling", "{limit}, así que esto no es un techo", limit)
        }
    }
}

/// What a single arm did, and what stopped it.
pub fn alone(point: &Point) -> Text {
    both!(
        "{at}: {rate} requests a second, stopped by {limit}: {evidence}.",
        "{at}: {rate} peticiones por segundo; el límite: {limit} ({evidence}).",
        at = place(&point.key),
        rate = plain(point.ceiling_per_second.median),
        limit = limit_of(point),
        evidence = point.binding.words()
    )
}

/// What a load that changes is called.
pub fn shape(shape: Shape) -> Text {
    match shape {
        Shape::Day => Text::new("day", "día"),
        Shape::Spike => Text::new("spike", "pico"),
        Shape::Ramp => Text::new("ramp", "rampa"),
        Shape::Steps => Text::new("steps", "escalones"),
    }
}
