//! Which level comes next: policy without a clock.
//!
//! A ladder is climbed until a level brings no more. One breach may be bad luck, so the level is measured again; two
//! stop the ladder. A ladder that ends without a breach has found a lower bound, not a limit.

/// A level that brings less than this share more than the best before it is a breach.
pub const GAIN: f64 = 0.05;

/// What to do after some levels of a closed ladder have been measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextLevel {
    /// Measure this level (again, when it is the last one).
    Measure(u32),
    /// There is nothing more to learn.
    Stop,
}

/// The next level of a closed ladder with these `levels` (rising), after `measured` (level and goodput, in order).
pub fn next_closed(levels: &[u32], measured: &[(u32, f64)]) -> NextLevel {
    let Some(&(last, _)) = measured.last() else {
        return levels.first().map_or(NextLevel::Stop, |&level| NextLevel::Measure(level));
    };
    let below = best(measured.iter().filter(|&&(level, _)| level < last));
    let at_last: Vec<f64> = measured.iter().filter(|&&(level, _)| level == last).map(|&(_, goodput)| goodput).collect();
    let breached = below.is_some_and(|below| at_last.iter().all(|&goodput| goodput < below * (1.0 + GAIN)));
    match (breached, at_last.len()) {
        (true, 1) => NextLevel::Measure(last),
        (true, _) => NextLevel::Stop,
        (false, _) => {
            levels.iter().find(|&&level| level > last).map_or(NextLevel::Stop, |&level| NextLevel::Measure(level))
        }
    }
}

/// The level of the ceiling: the lowest whose goodput (its median, where it was measured more than once) comes within
/// [`GAIN`] of the best. `None` before anything was measured.
pub fn ceiling_level(measured: &[(u32, f64)]) -> Option<u32> {
    let mut levels: Vec<u32> = measured.iter().map(|&(level, _)| level).collect();
    levels.sort_unstable();
    levels.dedup();
    let best = levels.iter().filter_map(|&level| goodput_of(measured, level)).fold(0.0, f64::max);
    levels.into_iter().find(|&level| goodput_of(measured, level).is_some_and(|goodput| goodput * (1.0 + GAIN) >= best))
}

/// Whether `other` was measured and brings less than `level`, by more than [`GAIN`].
pub fn loses(measured: &[(u32, f64)], level: u32, other: u32) -> bool {
    let goodput = goodput_of(measured, level).zip(goodput_of(measured, other));
    goodput.is_some_and(|(here, there)| there * (1.0 + GAIN) < here)
}

/// The lower median of the goodput at a level.
fn goodput_of(measured: &[(u32, f64)], wanted: u32) -> Option<f64> {
    let mut goodput: Vec<f64> =
        measured.iter().filter(|&&(level, _)| level == wanted).map(|&(_, goodput)| goodput).collect();
    goodput.sort_by(f64::total_cmp);
    goodput.get(goodput.len().saturating_sub(1) / 2).copied()
}

/// Whether a higher level than the ceiling's was tried and brought no more: then the ceiling is a limit, else a lower bound.
pub fn ceiling_is_limit(measured: &[(u32, f64)]) -> bool {
    ceiling_level(measured).is_some_and(|ceiling| measured.iter().any(|&(level, _)| level > ceiling))
}

/// The next fraction of an open ladder with these `fractions` (rising), after `measured` (fraction, and whether the
/// objective was met, in order). All fractions are measured, since the curve beyond the limit is shown too; the first
/// that fails is measured again at once.
pub fn next_open(fractions: &[f64], measured: &[(f64, bool)]) -> Option<f64> {
    let &(last, met) = match measured.last() {
        None => return fractions.first().copied(),
        Some(last) => last,
    };
    let failures = measured.iter().filter(|(_, met)| !met).count();
    if !met && failures == 1 && measured.iter().filter(|(fraction, _)| *fraction == last).count() == 1 {
        return Some(last);
    }
    fractions.iter().copied().find(|&fraction| fraction > last)
}

/// The limit by the objective: the highest fraction below the first failure, and the lowest that failed each time it
/// was measured. Without the first there is no success, without the second only a lower bound.
pub fn objective_limit(measured: &[(f64, bool)]) -> (Option<f64>, Option<f64>) {
    let mut fractions: Vec<f64> = measured.iter().map(|&(fraction, _)| fraction).collect();
    fractions.sort_by(f64::total_cmp);
    fractions.dedup();
    let failed = |wanted: f64| measured.iter().filter(|(fraction, _)| *fraction == wanted).all(|(_, met)| !met);
    let first_failure = fractions.iter().copied().find(|&fraction| failed(fraction));
    let last_success =
        fractions.into_iter().take_while(|&fraction| first_failure.is_none_or(|failure| fraction < failure)).last();
    (last_success, first_failure)
}

fn best<'a>(measured: impl Iterator<Item = &'a (u32, f64)>) -> Option<f64> {
    measured.map(|&(_, goodput)| goodput).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_ladder() {
        let levels = [4, 8, 16];
        for (measured, next) in [
            (vec![], NextLevel::Measure(4)),
            (vec![(4, 100.0)], NextLevel::Measure(8)),
            (vec![(4, 100.0), (8, 180.0)], NextLevel::Measure(16)),
            // A breach is measured again, two stop the ladder.
            (vec![(4, 100.0), (8, 102.0)], NextLevel::Measure(8)),
            (vec![(4, 100.0), (8, 102.0), (8, 99.0)], NextLevel::Stop),
            // The second time it was better: on we go.
            (vec![(4, 100.0), (8, 102.0), (8, 130.0)], NextLevel::Measure(16)),
            // The end of the ladder: its last level is confirmed, too.
            (vec![(4, 100.0), (8, 180.0), (16, 181.0)], NextLevel::Measure(16)),
            (vec![(4, 100.0), (8, 180.0), (16, 300.0)], NextLevel::Stop),
        ] {
            assert_eq!(next_closed(&levels, &measured), next, "{measured:?}");
        }
        assert_eq!(next_closed(&[], &[]), NextLevel::Stop);
        assert_eq!(next_closed(&[4], &[(4, 1.0)]), NextLevel::Stop);
    }

    #[test]
    fn ceilings() {
        for (measured, level, limit) in [
            (vec![], None, false),
            (vec![(4, 100.0)], Some(4), false),
            (vec![(4, 100.0), (8, 102.0), (8, 99.0)], Some(4), true),
            (vec![(4, 100.0), (8, 180.0)], Some(8), false),
            (vec![(4, 100.0), (8, 180.0), (16, 170.0), (16, 172.0)], Some(8), true),
            (vec![(4, 0.0), (8, 0.0)], Some(4), true),
        ] {
            assert_eq!(ceiling_level(&measured), level, "{measured:?}");
            assert_eq!(ceiling_is_limit(&measured), limit, "{measured:?}");
        }
    }

    #[test]
    fn open_ladder() {
        let fractions = [0.5, 0.8, 1.0];
        for (measured, next) in [
            (vec![], Some(0.5)),
            (vec![(0.5, true)], Some(0.8)),
            (vec![(0.5, true), (0.8, false)], Some(0.8)),
            (vec![(0.5, true), (0.8, false), (0.8, false)], Some(1.0)),
            (vec![(0.5, true), (0.8, false), (0.8, true)], Some(1.0)),
            (vec![(0.5, false)], Some(0.5)),
            (vec![(0.5, true), (0.8, true), (1.0, true)], None),
            (vec![(0.5, true), (0.8, true), (1.0, false)], Some(1.0)),
            (vec![(0.5, true), (0.8, true), (1.0, false), (1.0, false)], None),
        ] {
            assert_eq!(next_open(&fractions, &measured), next, "{measured:?}");
        }
    }

    #[test]
    fn limits_by_objective() {
        for (measured, last_success, first_failure) in [
            (vec![], None, None),
            (vec![(0.5, true), (0.8, true)], Some(0.8), None),
            (vec![(0.5, true), (0.8, false), (0.8, false), (1.0, false)], Some(0.5), Some(0.8)),
            (vec![(0.5, true), (0.8, false), (0.8, true), (1.0, false)], Some(0.8), Some(1.0)),
            (vec![(0.5, false), (0.5, false), (0.8, true)], None, Some(0.5)),
        ] {
            assert_eq!(objective_limit(&measured), (last_success, first_failure), "{measured:?}");
        }
    }
}
