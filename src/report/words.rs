//! The words that several sentences of a report share.

use super::analysis::Point;
use super::binding::Limit;
use super::comparison::Comparison;
use crate::results::arm::Scale;
use crate::results::comparison::{ENOUGH_BLOCKS, Verdict};
use crate::results::number::{counted, plain, signed_percent};
use crate::results::plan::Plan;
use crate::stats::Resource;

/// A step of the scale: `4 units`, `1 unit`, `rows 1000`.
pub fn scale(plan: &Plan, scale: &Scale) -> String {
    match (scale.whole(), plan.scale_name.strip_suffix('s')) {
        (Some(count), Some(word)) => counted(count, word),
        _ => format!("{} {scale}", plan.scale_name),
    }
}

/// Where the figures stand, as the begin of a sentence: `At 4 units`. Empty where the plan has one scale without a name.
pub fn at_scale(plan: &Plan, at: &Scale) -> String {
    if plan.scale_name.is_empty() { String::new() } else { format!("At {}", scale(plan, at)) }
}

/// The verdict of a comparison with its figures, without a full stop.
pub fn judged(comparison: &Comparison) -> String {
    let goodput = &comparison.goodput;
    if !comparison.valid {
        return "not valid: no claim".to_owned();
    }
    let Some(difference) = goodput.difference_percent() else {
        return "undecided: no block measured both".to_owned();
    };
    let difference = signed_percent(difference);
    let of_blocks = blocks(goodput.blocks);
    match (goodput.verdict, goodput.interval_95, goodput.interval_90) {
        (Verdict::Different, Some(interval), _) => {
            format!("different: {difference} (95 %: {}; {of_blocks})", range(interval))
        }
        (Verdict::Equivalent, _, Some(interval)) => format!(
            "equivalent within {} %: {difference} (90 %: {}; {of_blocks})",
            goodput.smallest_effect_percent,
            range(interval)
        ),
        (Verdict::Undecided { further_blocks }, Some(interval), _) => {
            format!("undecided: {difference} (95 %: {}; {of_blocks}); {}", range(interval), further(further_blocks))
        }
        (Verdict::Undecided { .. } | Verdict::Different | Verdict::Equivalent, _, _) => {
            format!("undecided: {difference} in {of_blocks}, and a spread needs two")
        }
    }
}

/// The comparison of the ceilings in one sentence, without its full stop.
pub fn sentence(comparison: &Comparison, plan: &Plan) -> String {
    let mut sentence = format!(
        "{}: {} {}/s, {} {}/s; {}",
        scale(plan, &comparison.scale),
        comparison.arm,
        plain(comparison.arm_per_second),
        comparison.baseline,
        plain(comparison.baseline_per_second),
        judged(comparison)
    );
    if let Some(because) = &comparison.because {
        sentence += "; ";
        sentence += because;
    }
    sentence
}

/// How many blocks, and that they are few.
fn blocks(count: usize) -> String {
    let words = counted(u32::try_from(count).unwrap_or(u32::MAX), "block");
    if count < ENOUGH_BLOCKS { format!("only {words}") } else { words }
}

/// What would decide.
pub fn further(further_blocks: Option<usize>) -> String {
    match further_blocks {
        Some(1) => "about 1 further block should decide".to_owned(),
        Some(count) => format!("about {count} further blocks should decide"),
        None => "more than 200 further blocks would be needed: a quieter machine, or longer windows, decide sooner"
            .to_owned(),
    }
}

/// An interval of ratios as differences in percent.
pub fn range([low, high]: [f64; 2]) -> String {
    let percent = |ratio: f64| signed_percent(100.0 * (ratio - 1.0));
    format!("{} to {}", percent(low), percent(high))
}

/// What stopped a point, as one says it after "stopped by".
pub fn limit(point: &Point) -> &'static str {
    match point.binding.resource {
        Limit::Node(Resource::None) => "nothing that was seen",
        Limit::Node(resource) => resource.label(),
        Limit::Balancer => "the balancer",
        Limit::Generator => "the load generator, so this is no ceiling",
        Limit::Others => "other processes on the machine, so this is no ceiling",
    }
}

/// Joins parts as a sentence does: `a`, `a and b`, `a, b and c`.
pub fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
