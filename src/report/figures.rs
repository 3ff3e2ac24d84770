//! The charts of a report: which lines, and the finding that each title states.

mod compared;
mod death;
mod notes;

pub use compared::{differences, percentiles};
pub use death::death;
pub use notes::number_of;
use notes::{ceiling_note, latency_note};

use super::Report;
use super::analysis::{LatencyPoint, Point};
use super::charts::{Chart, Ink, Marker, ReferenceLine, Series, Stroke};
use super::columns;
use super::cost::BreakEven;
use super::findings::objective_words;
use super::spanish;
use super::words;
use crate::design::{Text, both};
use crate::results::arm::{Arm, Scale};
use crate::results::number::{milliseconds, or_dash, percent, plain, price};

/// Points of a fitted curve.
const CURVE: usize = 60;

/// Throughput over the scale: what was measured, ideal growth where what serves grows, and each law with its band. `None` where the
/// scale has no two numbers.
pub fn throughput(report: &Report) -> Option<Chart> {
    let plan = &report.manifest.plan;
    let numbers: Vec<f64> = plan.scales.iter().filter_map(Scale::number).collect();
    let (least, most) = (numbers.iter().copied().reduce(f64::min)?, numbers.iter().copied().reduce(f64::max)?);
    if most <= least {
        return None;
    }
    let mut series = Vec::new();
    let first = report.points.first().filter(|_| plan.law && plan.arms.iter().any(Arm::grows));
    if let Some((first, at)) = first.and_then(|point| Some((point, point.key.scale.number()?))) {
        let one = first.ceiling_per_second.median / at;
        series.push(Series::new(
            Text::new("ideal growth", "crecimiento ideal"),
            Ink::Mark,
            Stroke::Dashed,
            vec![(least, one * least), (most, one * most)],
        ));
    }
    for (number, arm) in plan.arms.iter().enumerate() {
        series.extend(law(report, number, &arm.name, least, most));
        series.extend(measured(report, number, &arm.name));
    }
    let name = spanish::scale_name(plan);
    Some(Chart {
        title: report.comparisons.last().map_or_else(
            || both!("Throughput over {name}", "Rendimiento según {name}", name),
            |last| words::sentence(last, plan),
        ),
        alternative: both!(
            "Requests a second over {name}. {points}.",
            "Peticiones por segundo según {name}. {points}.",
            name,
            points = ceilings(report)
        ),
        x: name,
        y: requests_a_second(),
        whole: numbers.iter().all(|number| number.fract() == 0.0),
        series,
        ..Chart::default()
    })
}

fn requests_a_second() -> Text {
    Text::new("requests a second", "peticiones por segundo")
}

fn ceilings(report: &Report) -> Text {
    let one = |point: &Point| {
        both!(
            "{at}: {rate} requests a second",
            "{at}: {rate} peticiones por segundo",
            at = words::place(&point.key),
            rate = columns::ceiling(point)
        )
    };
    Text::join(report.points.iter().map(one), "; ")
}

/// The law of an arm with its band.
fn law(report: &Report, number: usize, arm: &str, least: f64, most: f64) -> Option<Series> {
    let fit = report.law(arm)?;
    let at = |step: usize| least + (most - least) * step as f64 / (CURVE - 1) as f64;
    let curve = (0..CURVE).map(|step| (at(step), fit.throughput(at(step)))).collect();
    let what = Text::new("law and its 95 % band", "la ley y su banda del 95 %");
    let mut line = Series::of(arm, &what, Ink::Series(number), Stroke::Solid, curve);
    // A band wider than the chart says no more than one that fills it.
    let top = 1.3 * report.points.iter().map(|point| point.ceiling_per_second.high).fold(0.0, f64::max);
    line.band = (0..CURVE)
        .filter_map(|step| fit.band(at(step)).map(|[low, high]| (at(step), low.min(top), high.min(top))))
        .collect();
    Some(line)
}

/// What was measured of an arm; points without a valid run in a series of their own.
fn measured(report: &Report, number: usize, arm: &str) -> Vec<Series> {
    let of = |valid: bool, what: Text, ink, marker| {
        let points: Vec<(f64, &Point)> = report
            .of_arm(arm)
            .filter(|point| point.valid == valid)
            .filter_map(|point| Some((point.key.scale.number()?, point)))
            .collect();
        let middle = points.iter().map(|(at, point)| (*at, point.ceiling_per_second.median)).collect();
        let mut series = Series::of(arm, &what, ink, Stroke::Only(marker), middle);
        let ends = |(at, point): &(f64, &Point)| (*at, point.ceiling_per_second.low, point.ceiling_per_second.high);
        series.ranges = points.iter().map(ends).collect();
        series.notes = points.iter().map(|(_, point)| ceiling_note(report, point)).collect();
        series
    };
    let blocks = Text::new("median and range of the blocks", "mediana y rango de los bloques");
    let valid = of(true, blocks, Ink::Series(number), Marker::of(number));
    let invalid = of(false, Text::new("not valid", "no válido"), Ink::Mark, Marker::of(number));
    [valid, invalid].into_iter().filter(|series| !series.points.is_empty()).collect()
}

/// Response time over load at one scale, all arms, with the objective.
pub fn latency(report: &Report, scale: &Scale) -> Option<Chart> {
    let mut series = Vec::new();
    let mut limits = Vec::new();
    let mut values = Vec::new();
    for (number, arm) in report.manifest.plan.arms.iter().enumerate() {
        let arm = arm.name.as_str();
        let Some(point) = report.of_arm(arm).find(|point| point.key.scale == *scale) else { continue };
        if point.latency.is_empty() {
            continue;
        }
        let line = |of: fn(&LatencyPoint) -> Option<f64>| {
            let valid = point.latency.iter().filter(|at| at.valid);
            valid.filter_map(|at| Some((at.rate_per_second, of(at)?))).collect::<Vec<_>>()
        };
        let (ink, stroke) = (Ink::Series(number), Stroke::Marked(Marker::of(number)));
        let mut slow = Series::of(arm, &Text::name("99 %"), ink, stroke, line(|at| at.p99_milliseconds));
        let noted = point.latency.iter().filter(|at| at.valid && at.p99_milliseconds.is_some());
        slow.notes = noted.map(|at| latency_note(report, point, at)).collect();
        series.push(slow);
        let half = Text::new("half", "la mitad");
        series.push(Series::of(arm, &half, ink, Stroke::Dashed, line(|at| at.p50_milliseconds)));
        limits.push(both!("{arm}: {limit}", "{arm}: {limit}", arm = Text::name(arm), limit = objective_words(point)));
        values.extend(point.latency.iter().map(|at| response(arm, at)));
    }
    if series.iter().all(|series| series.points.is_empty()) {
        return None;
    }
    let objective = report.manifest.plan.objective;
    Some(Chart {
        title: both!(
            "{at}, {objective}: {limits}",
            "{at}, {objective}: {limits}",
            at = words::scale(&report.manifest.plan, scale),
            objective = objective.to_string(),
            limits = Text::join(limits, "; ")
        ),
        alternative: both!(
            "Response time over offered load, log scale. {values}.",
            "Tiempo de respuesta según la carga ofrecida, escala logarítmica. {values}.",
            values = Text::join(values, "; ")
        ),
        x: offered(),
        y: response_time(),
        log: true,
        series,
        rules: vec![ReferenceLine {
            name: Text::figure(objective.to_string()),
            upright: false,
            at: objective.milliseconds,
        }],
        ..Chart::default()
    })
}

fn offered() -> Text {
    Text::new("requests offered a second", "peticiones ofrecidas por segundo")
}

fn response_time() -> Text {
    Text::new("response time, ms", "tiempo de respuesta, ms")
}

/// Response times of an arm at one rate.
fn response(arm: &str, at: &LatencyPoint) -> Text {
    both!(
        "{arm} at {rate}/s: p50 {p50}, p99 {p99} ms{valid}",
        "{arm} a {rate}/s: p50 {p50}, p99 {p99} ms{valid}",
        arm = Text::name(arm),
        rate = plain(at.rate_per_second),
        p50 = or_dash(at.p50_milliseconds, milliseconds),
        p99 = or_dash(at.p99_milliseconds, milliseconds),
        valid = if at.valid { Text::default() } else { Text::new(" (not valid)", " (no válido)") }
    )
}

/// What each resource was used over load, of one point.
pub fn utilization(point: &Point) -> Option<Chart> {
    type Of = fn(&LatencyPoint) -> Option<f64>;
    let lines: [(Text, Of); 6] = [
        (Text::new("CPU quota", "cuota de CPU"), |at| at.used.cpu_percent),
        (Text::new("throttled periods", "períodos frenados"), |at| at.used.throttled_percent),
        (Text::new("pool threads", "hilos del pool"), |at| at.used.pool_percent),
        (Text::new("balancer (of one core)", "balanceador (de un núcleo)"), |at| at.used.balancer_cpu_percent),
        (Text::new("generator (of one core)", "generador (de un núcleo)"), |at| at.used.generator_cpu_percent),
        (Text::new("I/O wait", "espera de E/S"), |at| at.used.iowait_percent),
    ];
    let series: Vec<Series> = lines
        .into_iter()
        .enumerate()
        .map(|(number, (name, of))| {
            let points = point.latency.iter().filter_map(|at| Some((at.rate_per_second, of(at)?))).collect();
            Series::new(name, Ink::Series(number), Stroke::Marked(Marker::of(number)), points)
        })
        .filter(|series| !series.points.is_empty())
        .collect();
    let last = point.latency.last()?;
    let highest = series
        .iter()
        .filter_map(|series| Some((series.points.last()?.1, &series.name)))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    let used = series.iter().filter_map(|series| {
        let used = percent(series.points.last()?.1);
        Some(both!("{name} {used} %", "{name} {used} %", name = series.name, used))
    });
    Some(Chart {
        title: both!(
            "{at}: the fullest at {rate}/s is {name} ({used} %)",
            "{at}: a {rate}/s lo más lleno es {name} ({used} %)",
            at = words::place(&point.key),
            rate = plain(last.rate_per_second),
            name = highest.1,
            used = percent(highest.0)
        ),
        alternative: both!(
            "Use of each resource over offered load, {at}. At the highest load: {used}.",
            "Uso de cada recurso según la carga ofrecida, {at}. Con la carga más alta: {used}.",
            at = words::place(&point.key),
            used = Text::join(used, ", ")
        ),
        x: offered(),
        y: Text::new("used, %", "usado, %"),
        series,
        ..Chart::default()
    })
}

/// What a million requests cost, over units.
pub fn cost(report: &Report) -> Option<Chart> {
    let cost = report.cost.as_ref()?;
    let of = |per_million: fn(&super::cost::CostRow) -> Option<f64>| {
        cost.rows.iter().filter_map(|row| Some((f64::from(row.units), per_million(row)?))).collect::<Vec<_>>()
    };
    let series = vec![
        Series::new(
            Text::new("one big machine", "una máquina grande"),
            Ink::Series(0),
            Stroke::Marked(Marker::of(0)),
            of(|row| row.vertical_per_million),
        ),
        Series::new(
            Text::new("small machines and a balancer", "máquinas pequeñas y un balanceador"),
            Ink::Series(1),
            Stroke::Marked(Marker::of(1)),
            of(|row| row.horizontal_per_million),
        ),
    ];
    let rules = match cost.break_even {
        BreakEven::At { units } => {
            vec![ReferenceLine { name: Text::new("break-even", "punto de equilibrio"), upright: true, at: units }]
        }
        _ => Vec::new(),
    };
    let values = cost.rows.iter().map(|row| {
        both!(
            "{units} units: {big} against {small}",
            "{units} unidades: {big} contra {small}",
            units = row.units,
            big = or_dash(row.vertical_per_million, price),
            small = or_dash(row.horizontal_per_million, price)
        )
    });
    let currency = Text::name(&cost.prices.currency);
    Some(Chart {
        title: if cost.given {
            cost.break_even.sentence()
        } else {
            Text::new(
                "What a million requests would cost at example prices",
                "Lo que costaría un millón de peticiones a los precios del ejemplo",
            )
        },
        alternative: both!(
            "Cost of a million requests in {currency}, one big machine against small ones. {values}.",
            "Costo de un millón de peticiones en {currency}, una máquina grande contra máquinas pequeñas. {values}.",
            currency,
            values = Text::join(values, "; ")
        ),
        x: Text::new("units of CPU", "unidades de CPU"),
        y: both!("{currency} a million requests", "{currency} por millón de peticiones", currency),
        whole: true,
        series,
        rules,
        ..Chart::default()
    })
}
