//! Why there is no fit, and what a reader of one must know.

use serde::Serialize;

use super::{Coefficient, ENOUGH_POINTS, Fit, N_RANGE};

/// Why there is no fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FitError {
    /// Three parameters need three different n; this many were there.
    TooFewPoints(usize),
    /// A point is not finite and positive (its index, from 0).
    BadPoint(usize),
    /// The n of a point (its index, from 0) is outside [`N_RANGE`].
    BadN(usize),
    /// The solver found no minimum.
    NoMinimum,
    /// A figure of the fit is too large or too small for a double.
    OutOfRange,
}

impl std::fmt::Display for FitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooFewPoints(distinct) => write!(
                f,
                "the law has three parameters and needs points at three different n or more ({ENOUGH_POINTS} to trust it); there {} {distinct}",
                if *distinct == 1 { "is" } else { "are" }
            ),
            Self::BadPoint(index) => {
                write!(f, "point {} is not usable: n and throughput must both be numbers above 0", index + 1)
            }
            Self::BadN(index) => write!(
                f,
                "point {} cannot be fitted: n must be between {:e} and {:e}; count n in another unit",
                index + 1,
                N_RANGE.start(),
                N_RANGE.end()
            ),
            Self::OutOfRange => write!(
                f,
                "the figures of this fit are too large or too small to compute with; write the throughput in another unit, and look for a number that does not belong here"
            ),
            Self::NoMinimum => {
                write!(f, "the least-squares solver found no minimum; are these throughputs over a growing n?")
            }
        }
    }
}

impl std::error::Error for FitError {}

/// A caution that the figures themselves raise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Note {
    /// Fewer than [`ENOUGH_POINTS`] different n.
    FewPoints {
        /// Different n there are.
        distinct: usize,
    },
    /// As many parameters as points: the curve passes through them whatever they are.
    NoFreedom,
    /// Throughput grows faster than n; the law cannot say that.
    Superlinear,
    /// The interval of contention includes 0.
    ContentionUnproven,
    /// The interval of coherency includes 0: no bend is shown.
    BendUnproven,
    /// The peak lies beyond the largest n measured.
    PeakBeyond {
        /// n of the peak.
        peak: f64,
        /// Largest n measured.
        measured_to: f64,
    },
    /// The residual error is a large share of the mean throughput.
    Scattered {
        /// Residual standard error as a percentage of the mean throughput.
        percent: f64,
    },
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::FewPoints { distinct } => write!(
                f,
                "only {distinct} different n: the curve describes them, and predicts little; {ENOUGH_POINTS} or more make a law"
            ),
            Self::NoFreedom => {
                write!(f, "as many parameters as points: the curve fits whatever they are, and no error can be given")
            }
            Self::Superlinear => write!(
                f,
                "throughput grows faster than n, which the law cannot express: contention is held at 0 (is the first point measured well? did the share of each unit change?)"
            ),
            Self::ContentionUnproven => {
                write!(f, "the interval of contention includes 0: these points do not rule out linear growth")
            }
            Self::BendUnproven => {
                write!(
                    f,
                    "the interval of coherency includes 0: these points show no bend, so no peak may be read from them"
                )
            }
            Self::PeakBeyond { peak, measured_to } => {
                write!(f, "the peak at n = {peak:.0} is extrapolated: nothing beyond n = {measured_to} was measured")
            }
            Self::Scattered { percent } => {
                write!(
                    f,
                    "the points scatter by {percent:.0} % around the curve: measure longer, or look for what else changes with n"
                )
            }
        }
    }
}

/// The cautions of a fit to points whose throughput is `mean` in the middle.
pub(super) fn of(fit: &Fit, mean: f64, superlinear: bool) -> Vec<Note> {
    let includes_zero = |estimate: &Coefficient| estimate.interval_95.is_some_and(|interval| interval[0] <= 0.0);
    let mut notes = Vec::new();
    if fit.distinct < ENOUGH_POINTS {
        notes.push(Note::FewPoints { distinct: fit.distinct });
    }
    if fit.degrees_of_freedom == 0 {
        notes.push(Note::NoFreedom);
    }
    if superlinear {
        notes.push(Note::Superlinear);
    } else if includes_zero(&fit.contention) {
        notes.push(Note::ContentionUnproven);
    }
    if includes_zero(&fit.coherency) {
        notes.push(Note::BendUnproven);
    } else if let Some(peak) = fit.peak.filter(|peak| peak.n > fit.measured_to) {
        notes.push(Note::PeakBeyond { peak: peak.n, measured_to: fit.measured_to });
    }
    if let Some(error) = fit.residual_standard_error.filter(|error| *error > 0.1 * mean) {
        notes.push(Note::Scattered { percent: 100.0 * (error / mean) });
    }
    notes
}
