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
//!
//! The points are fitted in a unit near their largest throughput, so that no square overflows, and the work of a fit is
//! bounded: whatever the points are, it ends.

mod notes;
mod solver;

use nalgebra::{Matrix3, Vector3};
use serde::Serialize;

pub use notes::{FitError, Note};
use solver::{Minimum, bounded_minimum, covariance, gradient, model};

use crate::results::statistics::t_quantile_95;

/// Fewer different unit counts than this leave the shape of the curve to chance; Gunther asks for six.
pub const ENOUGH_POINTS: usize = 6;

/// The n that can be fitted. Beyond it a double does not tell n from n − 1, and below it not n − 1 from −1.
pub const N_RANGE: std::ops::RangeInclusive<f64> = 1e-15..=1e15;

/// One measured point: the load or size `n` (> 0) and the throughput there (> 0, any rate unit).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Observation {
    /// Units, nodes, users or threads.
    pub n: f64,
    /// What was achieved at `n`.
    pub throughput: f64,
}

/// A fitted parameter with its uncertainty. `None` where the points leave no degree of freedom to estimate it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Coefficient {
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

/// Where ideal growth, `scale · n`, would reach the highest value of the curve: its maximum, or without one its asymptote. Up to
/// there more n pays, beyond it there is nothing left to win. The same point that asymptotic bounds give when service demands are
/// known (E. D. Lazowska et al., *Quantitative System Performance*, 1984, chapter 5).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LawBend {
    /// That n, at least 1.
    pub n: f64,
    /// The 95 % interval (delta method). `None` without error estimate.
    pub interval_95: Option<[f64; 2]>,
}

/// The law fitted to a set of points, and what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fit {
    /// σ (alpha): the share of the work that queues behind itself, in [0, 1].
    pub contention: Coefficient,
    /// κ (beta): the cost of keeping each pair consistent, in [0, 1].
    pub coherency: Coefficient,
    /// γ (lambda): throughput of one unit, in the unit of the points.
    pub scale: Coefficient,
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
    /// Where growth ends. `None` when nothing ends it, or when the maximum would lie below n = 1.
    pub bend: Option<LawBend>,
    /// 1 / contention: the n where ideal growth would meet the asymptote; more units pay less and less beyond.
    pub optimum: Option<f64>,
    /// Largest n measured: what lies beyond is extrapolated.
    pub measured_to: f64,
    /// What a careful reader must know before using the figures.
    pub notes: Vec<Note>,
    /// Of contention, coherency, and the scale in `unit`s.
    #[serde(skip)]
    covariance: Option<Matrix3<f64>>,
    /// The unit of throughput in which the points were fitted.
    #[serde(skip)]
    unit: f64,
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
        let mut parameters = self.parameters();
        parameters[2] /= self.unit;
        let gradient = gradient(&parameters, n);
        let error = self.unit * (gradient.transpose() * covariance * gradient)[(0, 0)].max(0.0).sqrt();
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
/// [`FitError`] when a point is not positive or its n is out of range, when there are fewer than three different n, when no
/// minimum is found, or when a figure of the fit does not fit into a double.
pub fn fit(points: &[Observation]) -> Result<Fit, FitError> {
    let usable = |value: f64| value.is_finite() && value > 0.0;
    if let Some(index) = points.iter().position(|point| !usable(point.n) || !usable(point.throughput)) {
        return Err(FitError::BadPoint(index));
    }
    if let Some(index) = points.iter().position(|point| !N_RANGE.contains(&point.n)) {
        return Err(FitError::BadN(index));
    }
    let distinct = distinct_n(points);
    if distinct < 3 {
        return Err(FitError::TooFewPoints(distinct));
    }
    let unit = unit(points);
    let scaled: Vec<Observation> =
        points.iter().map(|point| Observation { n: point.n, throughput: point.throughput / unit }).collect();
    let (minimum, superlinear) = bounded_minimum(&scaled).ok_or(FitError::NoMinimum)?;
    let fit = describe(&scaled, unit, distinct, &minimum, superlinear);
    if is_finite(&fit, points) { Ok(fit) } else { Err(FitError::OutOfRange) }
}

/// A power of two near the largest throughput: dividing by it rounds nothing.
fn unit(points: &[Observation]) -> f64 {
    let largest = points.iter().map(|point| point.throughput).fold(0.0, f64::max);
    2f64.powi((largest.log2().floor() as i32).clamp(-1000, 1000))
}

/// True when every figure that a reader may be shown is a number.
fn is_finite(fit: &Fit, points: &[Observation]) -> bool {
    let estimate = |estimate: &Coefficient| {
        let interval = estimate.interval_95.is_none_or(|interval| interval.iter().all(|end| end.is_finite()));
        estimate.value.is_finite() && estimate.standard_error.is_none_or(f64::is_finite) && interval
    };
    let point = |point: &Observation| {
        let band = fit.band(point.n).is_none_or(|band| band.iter().all(|end| end.is_finite()));
        let fitted = fit.throughput(point.n);
        let off = 100.0 * ((point.throughput - fitted) / fitted);
        band && fit.ideal(point.n).is_finite() && fitted > 0.0 && fitted.is_finite() && off.is_finite()
    };
    [&fit.contention, &fit.coherency, &fit.scale].into_iter().all(estimate)
        && fit.residual_standard_error.is_none_or(f64::is_finite)
        && fit.scale.value > 0.0
        && points.iter().all(point)
}

fn distinct_n(points: &[Observation]) -> usize {
    let mut all: Vec<f64> = points.iter().map(|point| point.n).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all.len()
}

/// What follows from the minimum of points whose throughput is given in `unit`s.
fn describe(points: &[Observation], unit: f64, distinct: usize, minimum: &Minimum, superlinear: bool) -> Fit {
    let parameters = minimum.parameters;
    let degrees_of_freedom = points.len() - 3;
    let variance = (degrees_of_freedom > 0).then(|| minimum.squares / degrees_of_freedom as f64);
    let covariance = variance.and_then(|variance| covariance(points, &parameters, variance));
    let t = t_quantile_95(degrees_of_freedom);
    let estimate = |index: usize, unit: f64, upper: f64, at_bound: bool| {
        let standard_error = covariance.map(|covariance| unit * covariance[(index, index)].sqrt());
        let value = unit * parameters[index];
        let interval_95 = standard_error
            .zip(t)
            .map(|(error, t)| [(value - t * error).clamp(0.0, upper), (value + t * error).clamp(0.0, upper)]);
        Coefficient { value, standard_error, interval_95, at_bound }
    };
    let mean = points.iter().map(|point| point.throughput).sum::<f64>() / points.len() as f64;
    let spread: f64 = points.iter().map(|point| (point.throughput - mean).powi(2)).sum();
    let limit = |value: f64| Some(value).filter(|value| parameters[0] > 0.0 && value.is_finite());
    let mut fit = Fit {
        contention: estimate(0, 1.0, 1.0, minimum.held[0]),
        coherency: estimate(1, 1.0, 1.0, minimum.held[1]),
        scale: estimate(2, unit, f64::INFINITY, false),
        observations: points.len(),
        distinct,
        degrees_of_freedom,
        residual_standard_error: variance.map(|variance| unit * variance.sqrt()),
        r_squared: (spread > 0.0).then(|| 1.0 - minimum.squares / spread),
        asymptote: limit(unit * (parameters[2] / parameters[0])),
        peak: peak(&parameters, unit, covariance.as_ref()),
        bend: bend(&parameters, covariance.as_ref(), t),
        optimum: limit(1.0 / parameters[0]),
        measured_to: points.iter().map(|point| point.n).fold(0.0, f64::max),
        notes: Vec::new(),
        covariance,
        unit,
    };
    fit.notes = notes::of(&fit, unit * mean, superlinear);
    fit
}

fn peak(parameters: &Vector3<f64>, unit: f64, covariance: Option<&Matrix3<f64>>) -> Option<Peak> {
    let (contention, coherency) = (parameters[0], parameters[1]);
    let n = ((1.0 - contention) / coherency).sqrt();
    if coherency <= 0.0 || n < 1.0 {
        return None;
    }
    let slope = Vector3::new(-1.0 / (2.0 * n * coherency), -n / (2.0 * coherency), 0.0);
    let n_standard_error = covariance
        .map(|covariance| (slope.transpose() * covariance * slope)[(0, 0)].max(0.0).sqrt())
        .filter(|error| error.is_finite());
    let throughput = unit * model(parameters, n);
    throughput.is_finite().then_some(Peak { n, n_standard_error, throughput })
}

/// The bend depends on contention and coherency alone. At the maximum the curve is level in n, so its slopes are those at a fixed n.
fn bend(parameters: &Vector3<f64>, covariance: Option<&Matrix3<f64>>, t: Option<f64>) -> Option<LawBend> {
    let (contention, coherency) = (parameters[0], parameters[1]);
    let (n, slope) = if coherency > 0.0 {
        let peak = ((1.0 - contention) / coherency).sqrt();
        if peak < 1.0 {
            return None;
        }
        let n = peak / (1.0 + contention * (peak - 1.0) + coherency * peak * (peak - 1.0));
        (n, Vector3::new(-n * n * (peak - 1.0) / peak, -n * n * (peak - 1.0), 0.0))
    } else {
        let n = 1.0 / contention;
        (n, Vector3::new(-n * n, 0.0, 0.0))
    };
    let error = covariance.map(|covariance| (slope.transpose() * covariance * slope)[(0, 0)].max(0.0).sqrt());
    let margin = error.zip(t).map(|(error, t)| t * error).filter(|margin| margin.is_finite());
    let interval_95 = margin.map(|margin| [(n - margin).max(1.0), n + margin]);
    n.is_finite().then_some(LawBend { n, interval_95 })
}
