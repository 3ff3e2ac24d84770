//! The answer to an experiment with a load that changes, in plain words.

use super::{Followed, FollowedArm};
use crate::report::words;
use crate::results::number::{counted, percent, plain, short};

/// Who followed the load how well, for how much, in one or two sentences.
pub fn headline(followed: &Followed) -> String {
    let scaled: Vec<&FollowedArm> = followed.arms.iter().filter(|arm| !arm.fixed).collect();
    if scaled.is_empty() {
        return "No size followed the load: only fixed sizes were measured.".to_owned();
    }
    let parts: Vec<String> = scaled.iter().map(|arm| claim(followed, arm)).collect();
    let fixed: Vec<String> = followed.arms.iter().filter(|arm| arm.fixed).map(fixed_words).collect();
    format!("{}. For comparison: {}.", words::upper_first(&parts.join("; ")), fixed.join("; "))
}

fn claim(followed: &Followed, arm: &FollowedArm) -> String {
    let cost = match (followed.percent_of_largest(arm), followed.largest_fixed()) {
        (Some(share), Some(largest)) => format!("for {} % of the unit-seconds of {}", percent(share), largest.label),
        _ => format!("for {} unit-seconds", plain(arm.unit_seconds)),
    };
    format!("with {}, {}, {cost}{}", arm.label, outside(arm), valid(arm))
}

fn fixed_words(arm: &FollowedArm) -> String {
    format!("{}: {}{}", arm.label, outside(arm), valid(arm))
}

fn outside(arm: &FollowedArm) -> String {
    let failed = match arm.failed {
        0 => "no request failed".to_owned(),
        failed => format!("{} failed", counted(u32::try_from(failed).unwrap_or(u32::MAX), "request")),
    };
    format!("{} of {} s missed the objective and {failed}", short(arm.seconds_outside), short(arm.seconds))
}

fn valid(arm: &FollowedArm) -> &'static str {
    if arm.valid { "" } else { " (not valid)" }
}

/// What the figures are measured against, and what a careful reader sees in them.
pub fn paragraph(followed: &Followed, look_at: &str) -> String {
    let mut sentences = vec![format!(
        "The load {} rises to {} of what the largest fixed size answers; a unit holds {} requests a second within the objective.",
        followed.profile.shape.name(),
        share(followed.profile.peak),
        plain(followed.capacity.of_a_unit())
    )];
    sentences.push(format!(
        "A size that knows the load would pay {} unit-seconds, and the smallest fixed size that holds all of it, {}, would pay {}.",
        plain(followed.least_unit_seconds),
        counted(followed.smallest_units, "unit"),
        plain(followed.smallest_unit_seconds)
    ));
    let against: Vec<String> = followed
        .arms
        .iter()
        .filter(|arm| !arm.fixed)
        .filter_map(|arm| Some(format!("{} paid {} %", arm.arm, percent(followed.percent_of_least(arm)?))))
        .collect();
    if !against.is_empty() {
        sentences.push(format!("Of these {}, {}.", plain(followed.least_unit_seconds), words::list(&against)));
    }
    if let Some(simulated) = simulated(followed) {
        sentences.push(simulated);
    }
    if !look_at.is_empty() {
        sentences.push(look_at.to_owned());
    }
    sentences.join(" ")
}

/// How far the simulation of each autoscaler is from what was measured.
fn simulated(followed: &Followed) -> Option<String> {
    let differences: Vec<String> = followed
        .arms
        .iter()
        .filter_map(|arm| {
            let off = 100.0 * (arm.simulated_unit_seconds? / arm.unit_seconds - 1.0);
            Some(format!("{} {off:+.0} %", arm.arm))
        })
        .collect();
    (!differences.is_empty())
        .then(|| format!("Simulated against measured unit-seconds: {}.", words::list(&differences)))
}

fn share(peak: f64) -> String {
    format!("{} %", percent(100.0 * peak))
}
