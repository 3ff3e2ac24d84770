//! The Universal Scalability Law, fitted to measured points.
//!
//! X(n) = scale · n / (1 + contention · (n − 1) + coherency · n · (n − 1)), with contention and coherency in [0, 1].
//! Source: N. J. Gunther, *Guerrilla Capacity Planning*, Springer 2007, chapters 4 to 6. The third parameter (the scale,
//! fitted like the other two instead of taken from the first point) follows Gunther's later work and the R package `usl`.
//!
//! The fit is nonlinear least squares (Levenberg-Marquardt, the MINPACK algorithm). A bound that the free minimum would
//! cross is made active and the remaining parameters are fitted again: with two bounded parameters all cases can be
//! tried, so the result is the bounded minimum and not a projection onto the bounds. Standard errors come from
//! s²·(JᵀJ)⁻¹ at the minimum, intervals from Student's t with `observations − 3` degrees of freedom, cut at the bounds.

use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt};
use nalgebra::{DMatrix, DVector, Dyn, Matrix3, Owned, Vector3};
use serde::Serialize;

use crate::results::statistics::t_quantile_95;

/// Fewer different unit counts than this leave the shape of the curve to chance; Gunther asks for six.
pub const ENOUGH_POINTS: usize = 6;

/// One measured point: the load or size `n` (> 0) and the throughput there (> 0, any rate unit).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Units, nodes, users or threads.
    pub n: f64,
    /// What was achieved at `n`.
    pub throughput: f64,
}

/// A fitted parameter with its uncertainty. `None` where the points leave no degree of freedom to estimate it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The fitted value.
    pub value: f64,
    /// Its standard error, in the same unit.
    pub standard_error: Option<f64>,
    /// The 95 % interval, cut at the parameter's bounds.
    pub interval_95: Option<[f64; 2]>,
    /// True where the value was held at a bound because the points would drive it across.
    pub at_bound: bool,
}

/// Where the curve has its maximum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Peak {
    /// n at the maximum, sqrt((1 − contention) / coherency).
    pub n: f64,
    /// Standard error of that n (delta method).
    pub n_standard_error: Option<f64>,
    /// Throughput at the maximum.
    pub throughput: f64,
}

/// The law fitted to a set of points, and what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fit {
    /// σ (alpha): the share of the work that queues behind itself, in [0, 1].
    pub contention: Estimate,
    /// κ (beta): the cost of keeping each pair consistent, in [0, 1].
    pub coherency: Estimate,
    /// γ (lambda): throughput of one unit, in the unit of the points.
    pub scale: Estimate,
    /// How many points were fitted.
    pub observations: usize,
    /// How many different n they have.
    pub distinct: usize,
    /// `observations − 3`.
    pub degrees_of_freedom: usize,
    /// sqrt(residual sum of squares / degrees of freedom), in the unit of the points.
    pub residual_standard_error: Option<f64>,
    /// Share of the variance explained, at most 1. `None` where all throughputs are equal.
    pub r_squared: Option<f64>,
    /// scale / contention: what contention alone would allow, however many units. `None` without contention.
    pub asymptote: Option<f64>,
    /// The maximum of the curve. `None` without coherency (no bend) or when it would lie below n = 1.
    pub peak: Option<Peak>,
    /// 1 / contention: the n where ideal growth would meet the asymptote; more units pay less and less beyond.
    pub optimum: Option<f64>,
    /// Largest n measured: what lies beyond is extrapolated.
    pub measured_to: f64,
    /// What a careful reader must know before using the figures.
    pub notes: Vec<Note>,
    #[serde(skip)]
    covariance: Option<Matrix3<f64>>,
}

/// Why there is no fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FitError {
    /// Three parameters need three different n; this many were there.
    TooFewPoints(usize),
    /// A point is not finite and positive (its index, from 0).
    BadPoint(usize),
    /// The solver found no minimum.
    NoMinimum,
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

impl Fit {
    /// The fitted throughput at `n`, in the unit of the points.
    pub fn throughput(&self, n: f64) -> f64 {
        model(&self.parameters(), n)
    }

    /// Throughput of ideal growth at `n`: `scale · n`.
    pub fn ideal(&self, n: f64) -> f64 {
        self.scale.value * n
    }

    /// The 95 % confidence band of the curve at `n` (delta method), lower end not below 0. `None` without error estimate.
    pub fn band(&self, n: f64) -> Option<[f64; 2]> {
        let covariance = self.covariance?;
        let gradient = gradient(&self.parameters(), n);
        let error = (gradient.transpose() * covariance * gradient)[(0, 0)].max(0.0).sqrt();
        let margin = t_quantile_95(self.degrees_of_freedom)? * error;
        let centre = self.throughput(n);
        Some([(centre - margin).max(0.0), centre + margin])
    }

    fn parameters(&self) -> Vector3<f64> {
        Vector3::new(self.contention.value, self.coherency.value, self.scale.value)
    }
}

/// Fits the law to `points` (any order, the same n as often as it was measured).
///
/// # Errors
/// [`FitError`] when a point is not positive, when there are fewer than three different n, or when no minimum is found.
pub fn fit(points: &[Point]) -> Result<Fit, FitError> {
    let usable = |value: f64| value.is_finite() && value > 0.0;
    if let Some(index) = points.iter().position(|point| !usable(point.n) || !usable(point.throughput)) {
        return Err(FitError::BadPoint(index));
    }
    let distinct = distinct_n(points);
    if distinct < 3 {
        return Err(FitError::TooFewPoints(distinct));
    }
    let (minimum, superlinear) = bounded_minimum(points).ok_or(FitError::NoMinimum)?;
    Ok(describe(points, distinct, &minimum, superlinear))
}

fn distinct_n(points: &[Point]) -> usize {
    let mut all: Vec<f64> = points.iter().map(|point| point.n).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all.len()
}

fn model(parameters: &Vector3<f64>, n: f64) -> f64 {
    parameters[2] * n / (1.0 + parameters[0] * (n - 1.0) + parameters[1] * n * (n - 1.0))
}

fn gradient(parameters: &Vector3<f64>, n: f64) -> Vector3<f64> {
    let denominator = 1.0 + parameters[0] * (n - 1.0) + parameters[1] * n * (n - 1.0);
    let throughput = parameters[2] * n / denominator;
    Vector3::new(-throughput * (n - 1.0) / denominator, -throughput * n * (n - 1.0) / denominator, n / denominator)
}

/// The least-squares problem over the parameters that are free; the others keep their value.
struct Problem<'a> {
    points: &'a [Point],
    free: Vec<usize>,
    parameters: Vector3<f64>,
}

impl LeastSquaresProblem<f64, Dyn, Dyn> for Problem<'_> {
    type ResidualStorage = Owned<f64, Dyn>;
    type JacobianStorage = Owned<f64, Dyn, Dyn>;
    type ParameterStorage = Owned<f64, Dyn>;

    fn set_params(&mut self, values: &DVector<f64>) {
        for (&index, &value) in self.free.iter().zip(values.iter()) {
            self.parameters[index] = value;
        }
    }

    fn params(&self) -> DVector<f64> {
        DVector::from_iterator(self.free.len(), self.free.iter().map(|&index| self.parameters[index]))
    }

    fn residuals(&self) -> Option<DVector<f64>> {
        let residual = |point: &Point| model(&self.parameters, point.n) - point.throughput;
        Some(DVector::from_iterator(self.points.len(), self.points.iter().map(residual)))
    }

    fn jacobian(&self) -> Option<DMatrix<f64>> {
        let rows = self.points.iter().map(|point| gradient(&self.parameters, point.n)).collect::<Vec<_>>();
        Some(DMatrix::from_fn(rows.len(), self.free.len(), |row, column| rows[row][self.free[column]]))
    }
}

/// A minimum: the parameters, which of them were held at a bound, and the residual sum of squares.
struct Minimum {
    parameters: Vector3<f64>,
    held: [bool; 2],
    squares: f64,
}

/// The minimum within the bounds, and whether the free minimum asked for growth faster than n.
fn bounded_minimum(points: &[Point]) -> Option<(Minimum, bool)> {
    let free = minimum_with(points, [None, None]);
    if let Some(minimum) = free.as_ref().filter(|minimum| within_bounds(&minimum.parameters)) {
        return Some((Minimum { parameters: minimum.parameters, held: minimum.held, squares: minimum.squares }, false));
    }
    let choices = [None, Some(0.0), Some(1.0)];
    let held = choices.iter().flat_map(|&contention| choices.iter().map(move |&coherency| [contention, coherency]));
    let minimum = held
        .filter(|held| *held != [None, None])
        .filter_map(|held| minimum_with(points, held))
        .filter(|minimum| within_bounds(&minimum.parameters))
        .min_by(|a, b| a.squares.total_cmp(&b.squares))?;
    let superlinear = minimum.parameters[0] == 0.0
        && free.is_some_and(|free| free.parameters[0] < 0.0 && model(&free.parameters, 2.0) > 2.0 * free.parameters[2]);
    Some((minimum, superlinear))
}

fn within_bounds(parameters: &Vector3<f64>) -> bool {
    (0.0..=1.0).contains(&parameters[0]) && (0.0..=1.0).contains(&parameters[1]) && parameters[2] > 0.0
}

/// The best minimum from several starts, with contention and coherency held where `held` says so.
fn minimum_with(points: &[Point], held: [Option<f64>; 2]) -> Option<Minimum> {
    let per_unit = points.iter().map(|point| point.throughput / point.n).fold(0.0, f64::max);
    let guesses =
        [Vector3::new(0.1, 0.0, per_unit), Vector3::new(0.01, 1e-4, per_unit), Vector3::new(0.5, 0.01, per_unit)];
    let free: Vec<usize> = (0..3).filter(|&index| index == 2 || held[index].is_none()).collect();
    linearized(points)
        .into_iter()
        .chain(guesses)
        .filter_map(|mut start| {
            for (index, value) in held.iter().enumerate() {
                start[index] = value.unwrap_or(start[index]);
            }
            let problem = Problem { points, free: free.clone(), parameters: start };
            let (solved, report) = LevenbergMarquardt::new().with_patience(500).minimize(problem);
            let squares = solved.residuals()?.norm_squared();
            let usable = report.termination.was_successful() || squares.is_finite() && squares > 0.0;
            (usable && solved.parameters.iter().all(|value| value.is_finite())).then(|| Minimum {
                parameters: solved.parameters,
                held: [held[0].is_some(), held[1].is_some()],
                squares,
            })
        })
        .min_by(|a, b| a.squares.total_cmp(&b.squares))
}

/// A start from linear least squares: n / X is linear in 1/scale, contention/scale and coherency/scale.
/// Weighted with X² / n, so that errors count as they do in X.
fn linearized(points: &[Point]) -> Option<Vector3<f64>> {
    let weight = |point: &Point| point.throughput * point.throughput / point.n;
    let rows = DMatrix::from_fn(points.len(), 3, |row, column| {
        let point = &points[row];
        let term = [1.0, point.n - 1.0, point.n * (point.n - 1.0)][column];
        term * weight(point)
    });
    let target =
        DVector::from_iterator(points.len(), points.iter().map(|point| point.n / point.throughput * weight(point)));
    let solution = rows.svd(true, true).solve(&target, 1e-12).ok()?;
    let scale = 1.0 / solution[0];
    let start = Vector3::new(solution[1] * scale, solution[2] * scale, scale);
    (start.iter().all(|value| value.is_finite()) && scale > 0.0).then_some(start)
}

/// s²·(JᵀJ)⁻¹, with the columns brought to length 1 before inverting. `None` when the points do not determine it.
fn covariance(points: &[Point], parameters: &Vector3<f64>, variance: f64) -> Option<Matrix3<f64>> {
    let mut product = Matrix3::zeros();
    for point in points {
        let row = gradient(parameters, point.n);
        product += row * row.transpose();
    }
    let lengths = product.diagonal().map(f64::sqrt);
    if lengths.iter().any(|&length| length <= 0.0) {
        return None;
    }
    let scaled = Matrix3::from_fn(|row, column| product[(row, column)] / (lengths[row] * lengths[column]));
    let inverse = scaled.cholesky()?.inverse();
    Some(Matrix3::from_fn(|row, column| variance * inverse[(row, column)] / (lengths[row] * lengths[column])))
}

fn describe(points: &[Point], distinct: usize, minimum: &Minimum, superlinear: bool) -> Fit {
    let parameters = minimum.parameters;
    let degrees_of_freedom = points.len() - 3;
    let variance = (degrees_of_freedom > 0).then(|| minimum.squares / degrees_of_freedom as f64);
    let covariance = variance.and_then(|variance| covariance(points, &parameters, variance));
    let t = t_quantile_95(degrees_of_freedom);
    let estimate = |index: usize, upper: f64, at_bound: bool| {
        let standard_error = covariance.map(|covariance| covariance[(index, index)].sqrt());
        let value = parameters[index];
        let interval_95 = standard_error
            .zip(t)
            .map(|(error, t)| [(value - t * error).clamp(0.0, upper), (value + t * error).clamp(0.0, upper)]);
        Estimate { value, standard_error, interval_95, at_bound }
    };
    let mean = points.iter().map(|point| point.throughput).sum::<f64>() / points.len() as f64;
    let spread: f64 = points.iter().map(|point| (point.throughput - mean).powi(2)).sum();
    let mut fit = Fit {
        contention: estimate(0, 1.0, minimum.held[0]),
        coherency: estimate(1, 1.0, minimum.held[1]),
        scale: estimate(2, f64::INFINITY, false),
        observations: points.len(),
        distinct,
        degrees_of_freedom,
        residual_standard_error: variance.map(f64::sqrt),
        r_squared: (spread > 0.0).then(|| 1.0 - minimum.squares / spread),
        asymptote: (parameters[0] > 0.0).then(|| parameters[2] / parameters[0]),
        peak: peak(&parameters, covariance.as_ref()),
        optimum: (parameters[0] > 0.0).then(|| 1.0 / parameters[0]),
        measured_to: points.iter().map(|point| point.n).fold(0.0, f64::max),
        notes: Vec::new(),
        covariance,
    };
    fit.notes = notes(&fit, mean, superlinear);
    fit
}

fn peak(parameters: &Vector3<f64>, covariance: Option<&Matrix3<f64>>) -> Option<Peak> {
    let (contention, coherency) = (parameters[0], parameters[1]);
    let n = ((1.0 - contention) / coherency).sqrt();
    if coherency <= 0.0 || n < 1.0 {
        return None;
    }
    let slope = Vector3::new(-1.0 / (2.0 * n * coherency), -n / (2.0 * coherency), 0.0);
    let n_standard_error =
        covariance.map(|covariance| (slope.transpose() * covariance * slope)[(0, 0)].max(0.0).sqrt());
    Some(Peak { n, n_standard_error, throughput: model(parameters, n) })
}

fn notes(fit: &Fit, mean: f64, superlinear: bool) -> Vec<Note> {
    let includes_zero = |estimate: &Estimate| estimate.interval_95.is_some_and(|interval| interval[0] <= 0.0);
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
        notes.push(Note::Scattered { percent: 100.0 * error / mean });
    }
    notes
}
