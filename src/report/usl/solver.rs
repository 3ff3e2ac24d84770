//! The least squares of the law: Levenberg-Marquardt within bounds, and the covariance at the minimum.

use std::cell::Cell;

use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt};
use nalgebra::{DMatrix, DVector, Dyn, Matrix3, Owned, Vector3};

use super::Observation;

/// How often one fit may compute the law at a point, over all starts and bounds: some points keep the solver going.
const MOST_EVALUATIONS: usize = 2_000_000;

/// The law, written so that a large scale and a large n do not overflow between them.
pub(super) fn model(parameters: &Vector3<f64>, n: f64) -> f64 {
    parameters[2] * (n / (1.0 + parameters[0] * (n - 1.0) + parameters[1] * n * (n - 1.0)))
}

pub(super) fn gradient(parameters: &Vector3<f64>, n: f64) -> Vector3<f64> {
    let denominator = 1.0 + parameters[0] * (n - 1.0) + parameters[1] * n * (n - 1.0);
    let throughput = parameters[2] * (n / denominator);
    Vector3::new(-throughput * (n - 1.0) / denominator, -throughput * n * (n - 1.0) / denominator, n / denominator)
}

/// The least-squares problem over the parameters that are free; the others keep their value.
struct LeastSquares<'a> {
    points: &'a [Observation],
    /// How often the law may still be computed.
    evaluations: &'a Cell<usize>,
    free: Vec<usize>,
    parameters: Vector3<f64>,
}

impl LeastSquaresProblem<f64, Dyn, Dyn> for LeastSquares<'_> {
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
        self.evaluations.set(self.evaluations.get().checked_sub(self.points.len())?);
        let residual = |point: &Observation| model(&self.parameters, point.n) - point.throughput;
        Some(DVector::from_iterator(self.points.len(), self.points.iter().map(residual)))
    }

    fn jacobian(&self) -> Option<DMatrix<f64>> {
        let rows = self.points.iter().map(|point| gradient(&self.parameters, point.n)).collect::<Vec<_>>();
        Some(DMatrix::from_fn(rows.len(), self.free.len(), |row, column| rows[row][self.free[column]]))
    }
}

/// A minimum: the parameters, which of them were held at a bound, and the residual sum of squares.
pub(super) struct Minimum {
    pub parameters: Vector3<f64>,
    pub held: [bool; 2],
    pub squares: f64,
}

/// The minimum within the bounds, and whether the free minimum asked for growth faster than n.
pub(super) fn bounded_minimum(points: &[Observation]) -> Option<(Minimum, bool)> {
    let evaluations = &Cell::new(MOST_EVALUATIONS);
    let free = minimum_with(points, [None, None], evaluations);
    if let Some(minimum) = free.as_ref().filter(|minimum| within_bounds(&minimum.parameters)) {
        return Some((Minimum { parameters: minimum.parameters, held: minimum.held, squares: minimum.squares }, false));
    }
    let choices = [None, Some(0.0), Some(1.0)];
    let held = choices.iter().flat_map(|&contention| choices.iter().map(move |&coherency| [contention, coherency]));
    let minimum = held
        .filter(|held| *held != [None, None])
        .filter_map(|held| minimum_with(points, held, evaluations))
        .filter(|minimum| within_bounds(&minimum.parameters))
        .min_by(|a, b| a.squares.total_cmp(&b.squares))?;
    let superlinear = minimum.parameters[0] == 0.0
        && grows_faster_than_n(points)
        && free.is_some_and(|free| free.parameters[0] < 0.0 && model(&free.parameters, 2.0) > 2.0 * free.parameters[2]);
    Some((minimum, superlinear))
}

/// Whether a point has more throughput for each n than the points of the smallest n.
fn grows_faster_than_n(points: &[Observation]) -> bool {
    let smallest = points.iter().map(|point| point.n).fold(f64::INFINITY, f64::min);
    let each = |point: &Observation| point.throughput / point.n;
    let first = points.iter().filter(|point| point.n == smallest).map(each).fold(0.0, f64::max);
    points.iter().any(|point| each(point) > first)
}

fn within_bounds(parameters: &Vector3<f64>) -> bool {
    (0.0..=1.0).contains(&parameters[0]) && (0.0..=1.0).contains(&parameters[1]) && parameters[2] > 0.0
}

/// The best minimum from several starts, with contention and coherency held where `held` says so. Two starts that end in
/// the same minimum are enough; where only the scale is free, the problem is linear and one start is.
fn minimum_with(points: &[Observation], held: [Option<f64>; 2], evaluations: &Cell<usize>) -> Option<Minimum> {
    let per_unit = points.iter().map(|point| point.throughput / point.n).fold(0.0, f64::max);
    let guesses =
        [Vector3::new(0.1, 0.0, per_unit), Vector3::new(0.01, 1e-4, per_unit), Vector3::new(0.5, 0.01, per_unit)];
    let starts = linearized(points).into_iter().chain(guesses);
    let mut best: Option<Minimum> = None;
    for start in starts {
        let Some(found) = minimum_from(start, points, held, evaluations) else { continue };
        let agrees = best.as_ref().is_some_and(|best| (found.squares - best.squares).abs() <= 1e-9 * best.squares);
        if best.as_ref().is_none_or(|best| found.squares < best.squares) {
            best = Some(found);
        }
        if agrees || held.iter().all(Option::is_some) {
            break;
        }
    }
    best
}

fn minimum_from(
    mut start: Vector3<f64>,
    points: &[Observation],
    held: [Option<f64>; 2],
    evaluations: &Cell<usize>,
) -> Option<Minimum> {
    for (index, value) in held.iter().enumerate() {
        start[index] = value.unwrap_or(start[index]);
    }
    let free: Vec<usize> = (0..3).filter(|&index| index == 2 || held[index].is_none()).collect();
    let problem = LeastSquares { points, evaluations, free, parameters: start };
    let (solved, report) = LevenbergMarquardt::new().with_patience(100).minimize(problem);
    let squares = solved.residuals()?.norm_squared();
    let usable = report.termination.was_successful() || squares.is_finite() && squares > 0.0;
    (usable && solved.parameters.iter().all(|value| value.is_finite())).then(|| Minimum {
        parameters: solved.parameters,
        held: [held[0].is_some(), held[1].is_some()],
        squares,
    })
}

/// A start from linear least squares: n / X is linear in 1/scale, contention/scale and coherency/scale.
/// Weighted with X² / n, so that errors count as they do in X: the left side is then X.
fn linearized(points: &[Observation]) -> Option<Vector3<f64>> {
    let weight = |point: &Observation| point.throughput * point.throughput / point.n;
    let rows = DMatrix::from_fn(points.len(), 3, |row, column| {
        let point = &points[row];
        let term = [1.0, point.n - 1.0, point.n * (point.n - 1.0)][column];
        term * weight(point)
    });
    let target = DVector::from_iterator(points.len(), points.iter().map(|point| point.throughput));
    let solution = rows.try_svd(true, true, f64::EPSILON, 1000)?.solve(&target, 1e-12).ok()?;
    let scale = 1.0 / solution[0];
    let start = Vector3::new(solution[1] * scale, solution[2] * scale, scale);
    (start.iter().all(|value| value.is_finite()) && scale > 0.0).then_some(start)
}

/// s²·(JᵀJ)⁻¹, with the columns brought to length 1 before inverting. `None` when the points do not determine it.
pub(super) fn covariance(points: &[Observation], parameters: &Vector3<f64>, variance: f64) -> Option<Matrix3<f64>> {
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
    let covariance =
        Matrix3::from_fn(|row, column| variance * inverse[(row, column)] / (lengths[row] * lengths[column]));
    let usable = covariance.iter().all(|value| value.is_finite()) && covariance.diagonal().iter().all(|&v| v >= 0.0);
    usable.then_some(covariance)
}
