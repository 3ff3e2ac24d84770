//! The words that several sentences of a report share.

use super::analysis::Point;
use super::binding::Limit;
use super::comparison::Comparison;
use crate::results::arm::Scale;
use crate::results::comparison::{Comparison as Ratios, range};
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
    if comparison.valid { comparison.goodput.words() } else { "not valid: no claim".to_owned() }
}

/// The comparison of the ceilings in one sentence, without its full stop.
pub fn sentence(comparison: &Comparison, plan: &Plan) -> String {
    let at = |equal| Some((equal, Ratios::difference_percent(equal)?, equal.interval_95?));
    let mut sentence = format!(
        "{}: {} {}/s, {} {}/s; {}",
        scale(plan, &comparison.scale),
        comparison.arm,
        plain(comparison.arm_per_second),
        comparison.baseline,
        plain(comparison.baseline_per_second),
        judged(comparison)
    );
    if let Some((equal, difference, interval)) =
        comparison.at_equal_speed.as_ref().filter(|_| comparison.valid).and_then(at)
    {
        sentence += &format!(
            "; a second look, which is not the verdict: at equal speed of the machine {} ({}: {})",
            signed_percent(difference),
            equal.level_words(),
            range(interval)
        );
    }
    if let Some(because) = &comparison.because {
        sentence += "; ";
        sentence += because;
    }
    sentence
}

/// What stopped a point, as one says it after "stopped by".
pub fn limit(point: &Point) -> &'static str {
    match point.binding.resource {
        Limit::Node(Resource::None) => "nothing that was seen",
        Limit::Node(resource) => resource.label(),
        Limit::Balancer => "the balancer",
        Limit::Generator => "the load generator, so this is not a ceiling",
        Limit::Others => "other processes on the machine, so this is not a ceiling",
    }
}

/// The text as the begin of a sentence.
pub fn upper_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Joins parts as a sentence does: `a`, `a and b`, `a, b and c`.
pub fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
