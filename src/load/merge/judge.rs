//! Whether several generators together describe the node: each did, and all loaded at the same time.

use super::LoadPart;
use crate::load::start::LATE_MILLISECONDS;
use crate::results::load::{InvalidCause, JointStart, LoadOutcome, MergedGenerator, Validity};

/// When it began by the nodes' clock as far as that is known, in seconds since 1970, and how sure that is.
pub(super) fn began(start: &JointStart) -> (f64, f64) {
    let (offset, within) = start.node_clock.map_or((0.0, 0.0), |clock| (clock.milliseconds, clock.within_milliseconds));
    (start.at_unix_seconds + (start.late_milliseconds + offset) / 1e3, within / 1e3)
}

pub(super) fn room(generators: &[MergedGenerator]) -> String {
    let busiest = generators.iter().filter_map(|one| one.generator.busiest_thread_percent).fold(0.0, f64::max);
    let apart = match spread(generators) {
        Some((apart, within)) => format!("{:.0} ms apart by the nodes' clock, to {:.0} ms", apart * 1e3, within * 1e3),
        None => "at the same moment by their own clocks, which were not compared".to_owned(),
    };
    format!(
        "each of the {} generators was; their busiest thread used {busiest:.0} % of a core, and they began {apart}",
        generators.len()
    )
}

/// How far apart they began, and how sure that is, in seconds; `None` where a clock is not known.
fn spread(generators: &[MergedGenerator]) -> Option<(f64, f64)> {
    let begins =
        generators.iter().map(|one| one.start.filter(|start| start.node_clock.is_some()).map(|start| began(&start)));
    let begins: Vec<(f64, f64)> = begins.collect::<Option<_>>()?;
    let first = begins.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let last = begins.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some((last.0 - first.0, first.1 + last.1))
}

/// Why the sum does not describe the node, if it does not.
pub(super) fn refusal(parts: &[LoadPart], generators: &[MergedGenerator]) -> Option<(InvalidCause, String)> {
    if let Some(bound) = generators.iter().find(|one| one.generator.verdict == Validity::GeneratorBound) {
        let cause = bound.generator.cause.unwrap_or(InvalidCause::Unreadable);
        return Some((cause, format!("{}: {}", bound.name, bound.generator.reason)));
    }
    // A part that was put together itself was judged with its own.
    let bound = parts.iter().find(|(_, part)| part.generator.verdict == Validity::GeneratorBound);
    if let Some((name, part)) = bound {
        return Some((
            part.generator.cause.unwrap_or(InvalidCause::Unreadable),
            format!("{name}: {}", part.generator.reason),
        ));
    }
    if let Some(silent) = generators.iter().find(|one| one.start.is_none()) {
        let reason = "does not say when it began: start all generators with the same --at, or nobody knows whether they \
                      loaded at the same time";
        return Some((InvalidCause::Unreadable, format!("{} {reason}", silent.name)));
    }
    let moments = || generators.iter().filter_map(|one| one.start).map(|start| start.at_unix_seconds);
    if moments().any(|at| Some(at) != moments().next()) {
        return Some((
            InvalidCause::Late,
            "they were to begin at different moments: give all of them the same --at".to_owned(),
        ));
    }
    let length = |part: &LoadOutcome| part.warmup_seconds + part.duration_seconds;
    let (shortest, longest) = parts.iter().fold((f64::INFINITY, 0.0), |(shortest, longest): (f64, f64), (_, part)| {
        (shortest.min(length(part)), longest.max(length(part)))
    });
    if (longest - shortest) * 1e3 > LATE_MILLISECONDS {
        let reason = format!(
            "one loaded for {shortest:.1} s and another one for {longest:.1} s, so the sum holds for a part only"
        );
        return Some((InvalidCause::Short, reason));
    }
    let (apart, within) = spread(generators)?;
    (apart * 1e3 > LATE_MILLISECONDS + within * 1e3).then(|| {
        let reason = format!(
            "they began {:.0} ms apart by the nodes' clock (to {:.0} ms), {LATE_MILLISECONDS} ms are allowed: set the \
             clocks of their machines, for instance by NTP",
            apart * 1e3,
            within * 1e3
        );
        (InvalidCause::Late, reason)
    })
}
