//! The charts of a report: which lines, and the finding that each title states.

use super::Report;
use super::analysis::{LatencyPoint, Point};
use super::charts::{Chart, Ink, Rule, Series, Stroke};
use super::cost::BreakEven;
use super::findings::objective_words;
use super::topology::{Topology, most_units};
use crate::results::number::{milliseconds, or_dash, percent, plain, price};

/// Points of a fitted curve.
const CURVE: usize = 60;

/// Throughput over units: what was measured, ideal growth, and each law with its band.
pub fn throughput(report: &Report) -> Chart {
    let mut series = Vec::new();
    let most = f64::from(most_units(&report.manifest.plan));
    let first = report.points.first();
    if let Some(first) = first {
        let one = first.ceiling_per_second.median / f64::from(first.units());
        series.push(Series::new("ideal growth", Ink::Mark, Stroke::Dashed, vec![(1.0, one), (most, one * most)]));
    }
    for (topology, ink, stroke) in WAYS {
        if let Some(fit) = report.law(topology) {
            let at = |step: usize| 1.0 + (most - 1.0) * step as f64 / (CURVE - 1) as f64;
            let curve = (0..CURVE).map(|step| (at(step), fit.throughput(at(step)))).collect();
            let mut line = Series::new(format!("{topology}, law and its 95 % band"), ink, Stroke::Solid, curve);
            // A band wider than the chart says no more than one that fills it.
            let top = 1.3 * report.points.iter().map(|point| point.ceiling_per_second.high).fold(0.0, f64::max);
            line.band = (0..CURVE)
                .filter_map(|step| fit.band(at(step)).map(|[low, high]| (at(step), low.min(top), high.min(top))))
                .collect();
            series.push(line);
        }
        let points: Vec<&Point> = report.of_topology(topology).collect();
        let mut measured = Series::new(
            format!("{topology}, median and range of the repeats"),
            ink,
            if stroke == Stroke::Dots { Stroke::OnlyDots } else { Stroke::OnlyTriangles },
            points.iter().map(|point| (f64::from(point.units()), point.ceiling_per_second.median)).collect(),
        );
        measured.ranges = points
            .iter()
            .map(|point| (f64::from(point.units()), point.ceiling_per_second.low, point.ceiling_per_second.high))
            .collect();
        if !measured.points.is_empty() {
            series.push(measured);
        }
    }
    let title = report.pairs.last().map_or_else(
        || "Throughput over units of CPU".to_owned(),
        |pair| {
            let units = pair.units;
            if pair.distinct {
                let difference = more_or_less(pair.difference_percent);
                format!("With {units} units, many small nodes answer {difference} than one big node")
            } else {
                format!("With {units} units, the repeats show no difference between one big node and many small ones")
            }
        },
    );
    let alternative = listing(report, |point| {
        format!(
            "{} with {} units: {} requests a second",
            point.topology(),
            point.units(),
            plain(point.ceiling_per_second.median)
        )
    });
    Chart {
        title,
        alternative: format!("Requests a second over units of CPU. {alternative}"),
        x: "units of CPU".into(),
        y: "requests a second".into(),
        whole: true,
        log: false,
        series,
        rules: Vec::new(),
    }
}

fn more_or_less(percent: f64) -> String {
    format!("{:.0} % {}", percent.abs(), if percent > 0.0 { "more" } else { "less" })
}

/// Response time over load at one unit count, both topologies, with the objective.
pub fn latency(report: &Report, units: u32) -> Option<Chart> {
    let mut series = Vec::new();
    let mut limits = Vec::new();
    let mut values = Vec::new();
    for (topology, ink, stroke) in WAYS {
        let Some(point) = report.of_topology(topology).find(|point| point.units() == units) else { continue };
        if point.latency.is_empty() {
            continue;
        }
        let line = |of: fn(&LatencyPoint) -> Option<f64>| {
            point.latency.iter().filter_map(|at| Some((at.rate_per_second, of(at)?))).collect::<Vec<_>>()
        };
        series.push(Series::new(format!("{topology}, 99 %"), ink, stroke, line(|at| at.p99_milliseconds)));
        series.push(Series::new(format!("{topology}, half"), ink, Stroke::Dashed, line(|at| at.p50_milliseconds)));
        limits.push(format!("{topology}: {}", objective_words(point)));
        values.extend(point.latency.iter().map(|at| {
            format!(
                "{topology} at {}/s: p50 {}, p99 {} ms",
                plain(at.rate_per_second),
                or_dash(at.p50_milliseconds, milliseconds),
                or_dash(at.p99_milliseconds, milliseconds)
            )
        }));
    }
    if series.is_empty() {
        return None;
    }
    let objective = report.manifest.plan.objective;
    Some(Chart {
        title: format!("{units} units, {objective}: {}", limits.join("; ")),
        alternative: format!("Response time over offered load, log scale. {}.", values.join("; ")),
        x: "requests offered a second".into(),
        y: "response time, ms".into(),
        whole: false,
        log: true,
        series,
        rules: vec![Rule { name: objective.to_string(), upright: false, at: objective.milliseconds }],
    })
}

/// What each resource was used over load, of one point.
pub fn utilization(point: &Point) -> Option<Chart> {
    type Of = fn(&LatencyPoint) -> Option<f64>;
    let lines: [(&str, Ink, Stroke, Of); 6] = [
        ("CPU quota", Ink::Vertical, Stroke::Dots, |at| at.used.cpu_percent),
        ("throttled periods", Ink::Horizontal, Stroke::Triangles, |at| at.used.throttled_percent),
        ("pool threads", Ink::Purple, Stroke::Solid, |at| at.used.pool_percent),
        ("balancer (of one core)", Ink::Green, Stroke::Dots, |at| at.used.balancer_cpu_percent),
        ("generator (of one core)", Ink::Amber, Stroke::Dashed, |at| at.used.generator_cpu_percent),
        ("I/O wait", Ink::Mark, Stroke::Solid, |at| at.used.iowait_percent),
    ];
    let series: Vec<Series> = lines
        .into_iter()
        .map(|(name, ink, stroke, of)| {
            let points = point.latency.iter().filter_map(|at| Some((at.rate_per_second, of(at)?))).collect();
            Series::new(name, ink, stroke, points)
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
            "{}, {} units: the fullest at {}/s is {} ({} %)",
            point.topology(),
            point.units(),
            plain(last.rate_per_second),
            highest.1,
            percent(highest.0)
        ),
        alternative: format!(
            "Use of each resource over offered load, {} topology. At the highest load: {}.",
            point.topology(),
            series
                .iter()
                .filter_map(|series| Some(format!("{} {} %", series.name, percent(series.points.last()?.1))))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        x: "requests offered a second".into(),
        y: "used, %".into(),
        whole: false,
        log: false,
        series,
        rules: Vec::new(),
    })
}

/// What a million requests cost, over units.
pub fn cost(report: &Report) -> Option<Chart> {
    let cost = report.cost.as_ref()?;
    let of = |per_million: fn(&super::cost::CostRow) -> Option<f64>| {
        cost.rows.iter().filter_map(|row| Some((f64::from(row.units), per_million(row)?))).collect::<Vec<_>>()
    };
    let series = vec![
        Series::new("one big machine", Ink::Vertical, Stroke::Dots, of(|row| row.vertical_per_million)),
        Series::new(
            "small machines and a balancer",
            Ink::Horizontal,
            Stroke::Triangles,
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
        title: cost.break_even.sentence().trim_end_matches('.').to_owned(),
        alternative: format!(
            "Cost of a million requests in {}, one big machine against small ones. {}.",
            cost.prices.currency,
            values.collect::<Vec<_>>().join("; ")
        ),
        x: "units of CPU".into(),
        y: format!("{} a million requests", cost.prices.currency),
        whole: true,
        log: false,
        series,
        rules,
    })
}

/// Topologies with their colour and their mark, which tells them apart without colour, too.
const WAYS: [(Topology, Ink, Stroke); 2] =
    [(Topology::Vertical, Ink::Vertical, Stroke::Dots), (Topology::Horizontal, Ink::Horizontal, Stroke::Triangles)];

fn listing(report: &Report, words: impl Fn(&Point) -> String) -> String {
    let all: Vec<String> = report.points.iter().map(words).collect();
    format!("{}.", all.join("; "))
}
