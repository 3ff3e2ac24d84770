//! The charts of a report: which lines, and the finding that each title states.

mod compared;
mod notes;

pub use compared::{differences, percentiles};
use notes::{ceiling_note, comparison_es, fullest_es, latency_note};

use super::Report;
use super::analysis::{LatencyPoint, Point};
use super::charts::{Chart, Ink, Marker, Rule, Series, Stroke};
use super::columns;
use super::cost::BreakEven;
use super::findings::objective_words;
use super::words;
use crate::results::arm::{Arm, Scale};
use crate::results::number::{milliseconds, or_dash, percent, plain, price};

/// Points of a fitted curve.
const CURVE: usize = 60;

/// Throughput over the scale: what was measured, ideal growth, and each law with its band. `None` where the scale has no two
/// numbers.
pub fn throughput(report: &Report) -> Option<Chart> {
    let plan = &report.manifest.plan;
    let numbers: Vec<f64> = plan.scales.iter().filter_map(Scale::number).collect();
    let (least, most) = (numbers.iter().copied().reduce(f64::min)?, numbers.iter().copied().reduce(f64::max)?);
    if most <= least {
        return None;
    }
    let mut series = Vec::new();
    let first = report.points.first().filter(|_| plan.arms.iter().any(Arm::grows));
    if let Some((first, at)) = first.and_then(|point| Some((point, point.key.scale.number()?))) {
        let one = first.ceiling_per_second.median / at;
        series.push(Series::new(
            "ideal growth",
            Ink::Mark,
            Stroke::Dashed,
            vec![(least, one * least), (most, one * most)],
        ));
    }
    for (number, arm) in plan.arms.iter().enumerate() {
        series.extend(law(report, number, &arm.name, least, most));
        series.extend(measured(report, number, &arm.name));
    }
    let alternative = listing(report, |point| format!("{}: {} requests a second", point.key, columns::ceiling(point)));
    Some(Chart {
        title: report
            .comparisons
            .last()
            .map_or_else(|| format!("Throughput over {}", plan.scale_name), |last| words::sentence(last, plan)),
        alternative: format!("Requests a second over {}. {alternative}", plan.scale_name),
        x: plan.scale_name.clone(),
        y: "requests a second".into(),
        whole: numbers.iter().all(|number| number.fract() == 0.0),
        log_x: false,
        log: false,
        series,
        rules: Vec::new(),
        title_es: report.comparisons.last().map(comparison_es),
        ..Chart::default()
    })
}

/// The law of an arm with its band.
fn law(report: &Report, number: usize, arm: &str, least: f64, most: f64) -> Option<Series> {
    let fit = report.law(arm)?;
    let at = |step: usize| least + (most - least) * step as f64 / (CURVE - 1) as f64;
    let curve = (0..CURVE).map(|step| (at(step), fit.throughput(at(step)))).collect();
    let mut line = Series::new(format!("{arm}, law and its 95 % band"), Ink::Series(number), Stroke::Solid, curve);
    // A band wider than the chart says no more than one that fills it.
    let top = 1.3 * report.points.iter().map(|point| point.ceiling_per_second.high).fold(0.0, f64::max);
    line.band = (0..CURVE)
        .filter_map(|step| fit.band(at(step)).map(|[low, high]| (at(step), low.min(top), high.min(top))))
        .collect();
    Some(line)
}

/// What was measured of an arm; points without a valid run in a series of their own.
fn measured(report: &Report, number: usize, arm: &str) -> Vec<Series> {
    let of = |valid: bool, name: String, ink, marker| {
        let points: Vec<(f64, &Point)> = report
            .of_arm(arm)
            .filter(|point| point.valid == valid)
            .filter_map(|point| Some((point.key.scale.number()?, point)))
            .collect();
        let middle = points.iter().map(|(at, point)| (*at, point.ceiling_per_second.median)).collect();
        let mut series = Series::new(name, ink, Stroke::Only(marker), middle);
        let ends = |(at, point): &(f64, &Point)| (*at, point.ceiling_per_second.low, point.ceiling_per_second.high);
        series.ranges = points.iter().map(ends).collect();
        series.notes = points.iter().map(|(_, point)| ceiling_note(report, point)).collect();
        series
    };
    let valid = of(true, format!("{arm}, median and range of the blocks"), Ink::Series(number), Marker::of(number));
    let invalid = of(false, format!("{arm}, not valid"), Ink::Mark, Marker::of(number));
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
        let mut slow = Series::new(format!("{arm}, 99 %"), ink, stroke, line(|at| at.p99_milliseconds));
        let noted = point.latency.iter().filter(|at| at.valid && at.p99_milliseconds.is_some());
        slow.notes = noted.map(|at| latency_note(report, point, at)).collect();
        series.push(slow);
        series.push(Series::new(format!("{arm}, half"), ink, Stroke::Dashed, line(|at| at.p50_milliseconds)));
        limits.push(format!("{arm}: {}", objective_words(point)));
        values.extend(point.latency.iter().map(|at| {
            format!(
                "{arm} at {}/s: p50 {}, p99 {} ms{}",
                plain(at.rate_per_second),
                or_dash(at.p50_milliseconds, milliseconds),
                or_dash(at.p99_milliseconds, milliseconds),
                if at.valid { "" } else { " (not valid)" }
            )
        }));
    }
    if series.iter().all(|series| series.points.is_empty()) {
        return None;
    }
    let objective = report.manifest.plan.objective;
    Some(Chart {
        title: format!("{}, {objective}: {}", words::scale(&report.manifest.plan, scale), limits.join("; ")),
        alternative: format!("Response time over offered load, log scale. {}.", values.join("; ")),
        x: "requests offered a second".into(),
        y: "response time, ms".into(),
        whole: false,
        log_x: false,
        log: true,
        series,
        rules: vec![Rule { name: objective.to_string(), upright: false, at: objective.milliseconds }],
        title_es: Some(format!("Escala {scale}: tiempo de respuesta según la carga, objetivo {objective}")),
        ..Chart::default()
    })
}

/// What each resource was used over load, of one point.
pub fn utilization(point: &Point) -> Option<Chart> {
    type Of = fn(&LatencyPoint) -> Option<f64>;
    let lines: [(&str, Of); 6] = [
        ("CPU quota", |at| at.used.cpu_percent),
        ("throttled periods", |at| at.used.throttled_percent),
        ("pool threads", |at| at.used.pool_percent),
        ("balancer (of one core)", |at| at.used.balancer_cpu_percent),
        ("generator (of one core)", |at| at.used.generator_cpu_percent),
        ("I/O wait", |at| at.used.iowait_percent),
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
    Some(Chart {
        title: format!(
            "{}: the fullest at {}/s is {} ({} %)",
            point.key,
            plain(last.rate_per_second),
            highest.1,
            percent(highest.0)
        ),
        alternative: format!(
            "Use of each resource over offered load, {}. At the highest load: {}.",
            point.key,
            series
                .iter()
                .filter_map(|series| Some(format!("{} {} %", series.name, percent(series.points.last()?.1))))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        title_es: Some(fullest_es(&point.key, last.rate_per_second, highest)),
        x: "requests offered a second".into(),
        y: "used, %".into(),
        whole: false,
        log_x: false,
        log: false,
        series,
        rules: Vec::new(),
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
            "one big machine",
            Ink::Series(0),
            Stroke::Marked(Marker::of(0)),
            of(|row| row.vertical_per_million),
        ),
        Series::new(
            "small machines and a balancer",
            Ink::Series(1),
            Stroke::Marked(Marker::of(1)),
            of(|row| row.horizontal_per_million),
        ),
    ];
    let rules = match cost.break_even {
        BreakEven::At { units } => vec![Rule { name: "break-even".into(), upright: true, at: units }],
        _ => Vec::new(),
    };
    let values = cost.rows.iter().map(|row| {
        format!(
            "{} units: {} against {}",
            row.units,
            or_dash(row.vertical_per_million, price),
            or_dash(row.horizontal_per_million, price)
        )
    });
    Some(Chart {
        title: if cost.given {
            cost.break_even.sentence().trim_end_matches('.').to_owned()
        } else {
            "What a million requests would cost at example prices".to_owned()
        },
        alternative: format!(
            "Cost of a million requests in {}, one big machine against small ones. {}.",
            cost.prices.currency,
            values.collect::<Vec<_>>().join("; ")
        ),
        x: "units of CPU".into(),
        y: format!("{} a million requests", cost.prices.currency),
        whole: true,
        log_x: false,
        log: false,
        series,
        rules,
        ..Chart::default()
    })
}

fn listing(report: &Report, words: impl Fn(&Point) -> String) -> String {
    let all: Vec<String> = report.points.iter().map(words).collect();
    format!("{}.", all.join("; "))
}
