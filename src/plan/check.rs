//! The model against what was measured: from the small sizes and the closed runs alone, the ceiling of the largest size and the response
//! times of its open ladder.

use serde::Serialize;

use super::Effort;
use super::curve::{self, ThroughputCurve};
use super::draw::SEED;
use super::error::PlanError;
use super::evidence::{ArmEvidence, OpenPoint};
use super::figure::{Class, Figure};
use super::latency::{LatencyModel, STEADY};
use super::random::Draws;
use super::resample::{self, Resample};
use crate::design::{Text, both};
use crate::report::usl::Observation;
use crate::results::number::percent;
use crate::results::objective::LatencyFigure;
use crate::simulate::TimeSummary;

/// Predicted beside measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// The arm.
    pub arm: String,
    /// Nodes of the sizes from which it was predicted.
    pub from_nodes: Vec<u32>,
    /// Nodes of the size that was predicted.
    pub at_nodes: u32,
    /// Its ceiling, requests a second.
    pub ceiling: Compared,
    /// The ceiling of as many cells of the largest small size, where they fill it.
    pub ceiling_by_cells: Option<Compared>,
    /// The open ladder, rising in rate. Empty where it was not climbed, or where CPU does not tell response times.
    pub latency: Vec<LatencyCheck>,
    /// What the check could not do, and why.
    pub notes: Vec<Text>,
}

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// From the small sizes.
    pub predicted: Figure,
    /// What was measured.
    pub measured: f64,
    /// How far the prediction is off, in percent of what was measured.
    pub error_percent: f64,
}

/// One rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LatencyCheck {
    /// Share of the measured ceiling.
    pub fraction: f64,
    /// Requests a second.
    pub rate_per_second: f64,
    /// Requests behind what was measured.
    pub requests: u64,
    /// CPU of a request at its node, milliseconds: when the machine changes its pace, this is off first.
    pub cpu: Option<Compared>,
    /// The median, milliseconds.
    pub p50: Compared,
    /// The 99th percentile, milliseconds.
    pub p99: Compared,
}

impl Compared {
    fn new(predicted: Figure, measured: f64) -> Self {
        Self { predicted, measured, error_percent: 100.0 * (predicted.value / measured - 1.0) }
    }
}

/// A request that takes so many percent more or less CPU in the open runs than was predicted met a machine of another pace.
const ANOTHER_PACE_PERCENT: f64 = 5.0;

/// Checks the model of one arm.
///
/// # Errors
/// [`PlanError::NothingToCheck`] with fewer than two small sizes.
pub fn check(evidence: &ArmEvidence, effort: &Effort) -> Result<Check, PlanError> {
    let small = evidence.without_largest().filter(|small| small.sizes.len() > 1).ok_or(PlanError::NothingToCheck(
        "three sizes at which the nodes were the limit are needed, two to predict from and one to predict; webapp bench --units 1,2,4 \
         measures them",
    ))?;
    if small.sizes.iter().all(|size| size.runs.len() < 2) {
        return Err(PlanError::NothingToCheck("no small size was measured twice; measure more blocks"));
    }
    let largest = evidence.cell();
    let measured = resample::rate(largest);
    let n = f64::from(largest.nodes);
    let class = Class::of(n, f64::from(small.cell().nodes));
    let ceilings = predicted_ceilings(&small, n, effort);
    let of = |values: &[f64]| Figure::of(values, class).map(|figure| Compared::new(figure, measured));
    let ceiling = of(&ceilings).ok_or(PlanError::NothingToCheck("the law could not be fitted"))?;
    let mut notes = Vec::new();
    let latency = if evidence.open.is_empty() {
        notes.push(Text::new(
            "no open ladder was climbed at the largest size, so no response times can be compared",
            "con el tamaño más grande no se subió ninguna escalera abierta, así que no se puede comparar ningún tiempo de respuesta",
        ));
        Vec::new()
    } else {
        let found = latencies(evidence, &small, &ceilings, ceiling.predicted.value, effort);
        if found.is_empty() {
            notes.push(Text::new(
                "a request waits for something other than CPU, which the model of response times does not have",
                "una petición espera por algo que no es CPU, y el modelo de los tiempos de respuesta no lo tiene",
            ));
        }
        found
    };
    let above = evidence.open.len() - latency.len();
    if above > 0 && !latency.is_empty() {
        notes.push(both!(
            "{above} of the rates are at or above the predicted ceiling, where no response time is steady",
            "{above} de las tasas están en el techo predicho o por encima, donde ningún tiempo de respuesta es estable",
            above
        ));
    }
    notes.extend(pace(&latency));
    Ok(Check {
        arm: evidence.arm.clone(),
        from_nodes: small.sizes.iter().map(|size| size.nodes).collect(),
        at_nodes: largest.nodes,
        ceiling,
        ceiling_by_cells: of(&by_cells(&small, largest.nodes, effort)),
        latency,
        notes,
    })
}

/// What the machine's own pace does to the comparison.
fn pace(latency: &[LatencyCheck]) -> Option<Text> {
    let errors = latency.iter().filter_map(|point| Some(point.cpu?.error_percent));
    let farthest =
        errors.max_by(|a, b| a.abs().total_cmp(&b.abs())).filter(|error| error.abs() > ANOTHER_PACE_PERCENT)?;
    Some(both!(
        "a request took up to {share} % {way} CPU in the open runs than the closed runs told: the machine changed its pace in between, and \
         response times are off by as much, or by more near the ceiling",
        "una petición tomó hasta un {share} % {way} de CPU en las corridas abiertas de lo que decían las cerradas: la máquina cambió de ritmo \
         entre unas y otras, y los tiempos de respuesta se desvían otro tanto, o más cerca del techo",
        share = percent(100.0 * (1.0 / (1.0 + farthest / 100.0) - 1.0).abs()),
        way = if farthest < 0.0 { Text::new("more", "más") } else { Text::new("less", "menos") }
    ))
}

/// By the law: of three sizes or more fitted to each draw, of two with contention alone.
fn predicted_ceilings(small: &ArmEvidence, n: f64, effort: &Effort) -> Vec<f64> {
    if small.sizes.len() == 2 {
        let points: Vec<Observation> = small
            .sizes
            .iter()
            .flat_map(|size| {
                size.runs.iter().map(|run| Observation { n: f64::from(size.nodes), throughput: run.per_second })
            })
            .collect();
        return curve::beyond_two_sizes(&points, n, effort.draws as usize, &mut Draws::new(SEED, 0));
    }
    let one = |number| {
        ThroughputCurve::through(&Resample::draw(small, &mut Draws::new(SEED, number), None).points()).throughput(n)
    };
    (0..effort.draws).map(one).collect()
}

fn by_cells(small: &ArmEvidence, nodes: u32, effort: &Effort) -> Vec<f64> {
    let cell = small.cell().nodes;
    if !nodes.is_multiple_of(cell) {
        return Vec::new();
    }
    let one = |number| {
        let points = Resample::draw(small, &mut Draws::new(SEED, number), None).points();
        f64::from(nodes / cell) * ThroughputCurve::through(&points).throughput(f64::from(cell))
    };
    (0..effort.draws).map(one).collect()
}

fn latencies(
    evidence: &ArmEvidence,
    small: &ArmEvidence,
    ceilings: &[f64],
    ceiling: f64,
    effort: &Effort,
) -> Vec<LatencyCheck> {
    let nodes = evidence.cell().nodes;
    let measured = resample::rate(evidence.cell());
    let one = |point: &OpenPoint| {
        let rate = point.rate_per_second;
        let times = |ceiling: f64, requests: u64, seed: u64| {
            let model = LatencyModel::of(small, nodes, ceiling, true)?;
            let times = model.times(rate, point.arrivals, requests, seed)?;
            Some((model, times))
        };
        let (model, long) = times(ceiling, effort.requests, 1).filter(|_| rate < STEADY * ceiling)?;
        // As many requests as were measured: the fewer, the more a percentile is chance.
        let short: Vec<(LatencyModel, TimeSummary)> = (0..effort.simulations.max(2))
            .filter_map(|draw| times(ceilings[draw as usize % ceilings.len()], point.requests.max(100), draw + 2))
            .collect();
        let compared = |figure: LatencyFigure, measured: f64| {
            let drawn: Vec<f64> = short.iter().map(|(model, times)| model.milliseconds(times, figure)).collect();
            let predicted =
                Figure { value: model.milliseconds(&long, figure), ..Figure::of(&drawn, Class::Predicted)? };
            let [low, high] = predicted.interval_95;
            let interval_95 = [low.min(predicted.value), high.max(predicted.value)];
            Some(Compared::new(Figure { interval_95, ..predicted }, measured))
        };
        let cpu: Vec<f64> = ceilings.iter().map(|other| 1e3 * model.cpu_seconds * ceiling / other).collect();
        Some(LatencyCheck {
            cpu: Figure::of(&cpu, Class::Predicted).zip(point.node_seconds).map(|(figure, measured)| {
                Compared::new(Figure { value: 1e3 * model.cpu_seconds, ..figure }, 1e3 * measured)
            }),
            fraction: rate / measured,
            rate_per_second: rate,
            requests: point.requests,
            p50: compared(LatencyFigure::P50, point.p50_milliseconds)?,
            p99: compared(LatencyFigure::P99, point.p99_milliseconds)?,
        })
    };
    evidence.open.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    const EFFORT: Effort = Effort { draws: 50, simulations: 2, requests: 2000 };

    #[test]
    fn small_sizes_predict_the_largest() {
        // A quarter of a core a node and 2.5 ms of CPU: 100/s a node, 0.3 ms outside the nodes.
        let ladder = [(0.5, 2.8, 4.5), (0.8, 2.8, 4.6), (1.1, 200.0, 400.0)];
        let evidence =
            sample::with_ladder(sample::evidence(&[(1, 100.0), (2, 198.0), (4, 392.0)], 0.01), 392.0, &ladder);
        let check = check(&evidence, &EFFORT).unwrap();
        assert_eq!((&check.from_nodes[..], check.at_nodes), (&[1, 2][..], 4));
        assert!(check.ceiling.error_percent.abs() < 3.0, "{:?}", check.ceiling);
        let by_cells = check.ceiling_by_cells.unwrap();
        assert!((by_cells.predicted.value - 396.0).abs() < 4.0, "{by_cells:?}");
        assert_eq!(check.latency.len(), 2, "above the ceiling nothing is steady");
        assert!(check.notes[0].en().starts_with("1 of the rates"), "{:?}", check.notes);
        for point in &check.latency {
            assert!(point.p50.error_percent.abs() < 10.0 && point.p99.error_percent.abs() < 35.0, "{point:?}");
            let [low, high] = point.p99.predicted.interval_95;
            assert!(low <= point.p99.predicted.value && point.p99.predicted.value <= high);
        }
    }

    #[test]
    fn a_prediction_can_be_wrong_and_says_so() {
        let evidence = sample::evidence(&[(1, 100.0), (2, 198.0), (4, 200.0)], 0.01);
        let check = check(&evidence, &EFFORT).unwrap();
        assert!(check.ceiling.error_percent > 50.0, "{:?}", check.ceiling);
        assert!(check.latency.is_empty() && check.notes[0].en().contains("no open ladder"), "{:?}", check.notes);
    }

    #[test]
    fn two_sizes_are_too_few() {
        let error = check(&sample::evidence(&[(1, 100.0), (2, 198.0)], 0.01), &EFFORT).unwrap_err();
        assert!(error.to_string().contains("--units 1,2,4"), "{error}");
    }
}
