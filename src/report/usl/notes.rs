//! Why there is no fit, and what a reader of one must know.

use serde::Serialize;

use super::{Coefficient, ENOUGH_POINTS, Fit, N_RANGE};
use crate::design::{Text, both};

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

impl FitError {
    /// It in both languages.
    pub fn words(&self) -> Text {
        match self {
            Self::TooFewPoints(1) => both!(
                "the law has three parameters and needs points at three different n or more ({enough} to trust it); there is 1",
                "la ley tiene tres parámetros y necesita puntos en tres n distintos o más ({enough} para confiar en ella); hay 1",
                enough = ENOUGH_POINTS
            ),
            Self::TooFewPoints(distinct) => both!(
                "the law has three parameters and needs points at three different n or more ({enough} to trust it); there are {distinct}",
                "la ley tiene tres parámetros y necesita puntos en tres n distintos o más ({enough} para confiar en ella); hay {distinct}",
                enough = ENOUGH_POINTS,
                distinct
            ),
            Self::BadPoint(index) => both!(
                "point {number} is not usable: n and throughput must both be numbers above 0",
                "el punto {number} no se puede usar: n y el rendimiento tienen que ser números mayores que 0",
                number = index + 1
            ),
            Self::BadN(index) => both!(
                "point {number} cannot be fitted: n must be between {low} and {high}; count n in another unit",
                "el punto {number} no se puede ajustar: n tiene que estar entre {low} y {high}; contá n en otra unidad",
                number = index + 1,
                low = format!("{:e}", N_RANGE.start()),
                high = format!("{:e}", N_RANGE.end())
            ),
            Self::OutOfRange => Text::new(
                "the figures of this fit are too large or too small to compute with; write the throughput in another unit, and look for a number that does not belong here",
                "las cifras de este ajuste son demasiado grandes o demasiado pequeñas para calcular con ellas; escribí el rendimiento en otra unidad, y buscá un número que no sea de aquí",
            ),
            Self::NoMinimum => Text::new(
                "the least-squares solver found no minimum; are these throughputs over a growing n?",
                "el método de mínimos cuadrados no encontró un mínimo; ¿son rendimientos según un n que crece?",
            ),
        }
    }
}

impl std::fmt::Display for FitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.words().en())
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

impl Note {
    /// It in both languages.
    pub fn words(&self) -> Text {
        match self {
            Self::FewPoints { distinct } => both!(
                "only {distinct} different n: the curve describes them, and predicts little; {enough} or more make a law",
                "solo {distinct} n distintos: la curva los describe, y predice poco; con {enough} o más hay una ley",
                distinct,
                enough = ENOUGH_POINTS
            ),
            Self::NoFreedom => Text::new(
                "as many parameters as points: the curve fits whatever they are, and no error can be given",
                "tantos parámetros como puntos: la curva pasa por ellos sean cuales sean, y no se puede dar ningún error",
            ),
            Self::Superlinear => Text::new(
                "throughput grows faster than n, which the law cannot express: contention is held at 0 (is the first point measured well? did the share of each unit change?)",
                "el rendimiento crece más rápido que n, y la ley no puede decir eso: la contención queda fija en 0 (¿está bien medido el primer punto?, ¿cambió la parte de cada unidad?)",
            ),
            Self::ContentionUnproven => Text::new(
                "the interval of contention includes 0: these points do not rule out linear growth",
                "el intervalo de la contención incluye el 0: estos puntos no descartan un crecimiento lineal",
            ),
            Self::BendUnproven => Text::new(
                "the interval of coherency includes 0: these points show no bend, so no peak may be read from them",
                "el intervalo de la coherencia incluye el 0: estos puntos no muestran ninguna curva hacia abajo, así que no se puede leer un máximo en ellos",
            ),
            Self::PeakBeyond { peak, measured_to } => both!(
                "the peak at n = {peak} is extrapolated: nothing beyond n = {measured_to} was measured",
                "el máximo en n = {peak} es una extrapolación: no se midió nada más allá de n = {measured_to}",
                peak = format!("{peak:.0}"),
                measured_to = measured_to.to_string()
            ),
            Self::Scattered { percent } => both!(
                "the points scatter by {percent} % around the curve: measure longer, or look for what else changes with n",
                "los puntos se dispersan un {percent} % alrededor de la curva: medí más tiempo, o buscá qué más cambia con n",
                percent = format!("{percent:.0}")
            ),
        }
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.words().en())
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
