//! The findings in words and tables, for a terminal: nothing wider than 100 columns.

use super::analysis::Point;
use super::comparison::Pair;
use super::cost::Cost;
use super::table;
use super::usl::{Estimate, Fit};
use super::{Law, Report};
use crate::results::number::{counted, milliseconds, or_dash, percent, plain, price};

/// Everything, as text.
pub fn text(report: &Report) -> String {
    let mut out = point_table(&report.points);
    out += "\n\n";
    for pair in &report.pairs {
        out += &paragraph(&pair.sentence());
    }
    out += "\nwhat stopped each, and the ceiling that its CPU allows:\n";
    out += &limit_table(&report.points);
    out.push('\n');
    if report.points.iter().any(|point| !point.latency.is_empty()) {
        let objective = report.manifest.plan.objective;
        out += &format!("\nresponse time over load, objective {objective}:\n");
        out += &latency_table(report);
        out.push('\n');
    }
    out += &deaths(&report.pairs);
    if let Some(cost) = &report.cost {
        out += &format!("\ncost of a million requests in {} ({}):\n", cost.prices.currency, cost.source());
        out += &cost_table(cost);
        out.push('\n');
        out += &paragraph(&cost.break_even.sentence());
    }
    out += "\nthe law (Universal Scalability Law), with 95 % intervals:\n";
    for law in &report.laws {
        out += &paragraph(&law_words(law));
    }
    let cautions = report.incomplete.iter().chain(&report.cautions);
    for (index, caution) in cautions.enumerate() {
        out += if index == 0 { "\n" } else { "" };
        out += &paragraph(&format!("! {caution}"));
    }
    out.push('\n');
    out += &table::wrap(&report.verdict, 0);
    out.push('\n');
    if let Some(headline) = &report.headline {
        out += &format!("\n{}\n", table::wrap(headline, 0));
    }
    out
}

fn paragraph(text: &str) -> String {
    table::wrap(text, 2) + "\n"
}

/// The table of all points.
fn point_table(points: &[Point]) -> String {
    let heads = [
        "topology",
        "units",
        "req/s",
        "±%",
        "p50 ms",
        "p99 ms",
        "CPU %",
        "throttled %",
        "pool %",
        "eff. %",
        "  served by each",
    ];
    let row = |point: &Point| {
        vec![
            point.topology().to_string(),
            point.units().to_string(),
            bounded(point.is_limit, point.ceiling_per_second.median),
            format!("{:.1}", point.spread_percent / 2.0),
            or_dash(point.p50_milliseconds, milliseconds),
            or_dash(point.p99_milliseconds, milliseconds),
            or_dash(point.used.cpu_percent, percent),
            or_dash(point.used.throttled_percent, percent),
            or_dash(point.used.pool_percent, percent),
            or_dash(point.efficiency_percent, percent),
            format!("  {}", point.served.values().map(u64::to_string).collect::<Vec<_>>().join(" ")),
        ]
    };
    table::render_with_gap(&heads, &[0, 10], &points.iter().map(row).collect::<Vec<_>>(), 1)
}

/// A ceiling, marked where it is a lower bound.
pub fn bounded(is_limit: bool, per_second: f64) -> String {
    format!("{}{}", if is_limit { "" } else { "≥ " }, plain(per_second))
}

fn limit_table(points: &[Point]) -> String {
    let row = |point: &Point| {
        vec![
            point.topology().to_string(),
            point.units().to_string(),
            or_dash(point.demand_milliseconds, |demand| milliseconds(demand.median)),
            or_dash(point.predicted_per_second, plain),
            bounded(point.is_limit, point.ceiling_per_second.median),
            format!("{}: {}", point.binding.resource, point.binding.evidence),
        ]
    };
    let heads = ["topology", "units", "CPU ms/req", "allows/s", "reached/s", "stopped by"];
    table::render_with_gap(&heads, &[0, 5], &points.iter().map(row).collect::<Vec<_>>(), 2)
}

fn latency_table(report: &Report) -> String {
    let rows: Vec<Vec<String>> = report
        .points
        .iter()
        .flat_map(|point| point.latency.iter().map(move |latency| (point, latency)))
        .map(|(point, latency)| {
            vec![
                point.topology().to_string(),
                point.units().to_string(),
                percent(100.0 * latency.fraction),
                plain(latency.rate_per_second),
                plain(latency.goodput_per_second),
                or_dash(latency.p50_milliseconds, milliseconds),
                or_dash(latency.p99_milliseconds, milliseconds),
                percent(latency.failed_percent),
                or_dash(latency.used.cpu_percent, percent),
                if latency.met { " met" } else { " missed" }.to_owned(),
            ]
        })
        .collect();
    let heads = [
        "topology",
        "units",
        "load %",
        "offered/s",
        "answered/s",
        "p50 ms",
        "p99 ms",
        "failed %",
        "CPU %",
        " objective",
    ];
    let mut out = table::render_with_gap(&heads, &[0, 9], &rows, 1);
    for point in report.points.iter().filter(|point| !point.latency.is_empty()) {
        out.push('\n');
        out += &format!("{} with {}: {}", point.topology(), point.units(), objective_words(point));
    }
    out
}

/// The limit by the objective, with the word lower bound where nothing failed above it.
pub fn objective_words(point: &Point) -> String {
    let limit = &point.objective;
    match (limit.last_success_per_second, limit.first_failure_per_second) {
        (Some(success), Some(failure)) => {
            format!("last success {}/s, first failure {}/s", plain(success), plain(failure))
        }
        (Some(success), None) => format!("last success {}/s, no failure: a lower bound", plain(success)),
        (None, Some(failure)) => format!("no success, first failure {}/s", plain(failure)),
        (None, None) => "not measured".to_owned(),
    }
}

fn deaths(pairs: &[Pair]) -> String {
    let mut out = String::new();
    for pair in pairs {
        let Some((vertical, horizontal)) = pair.one_dead.vertical.as_ref().zip(pair.one_dead.horizontal.as_ref())
        else {
            continue;
        };
        for (words, death) in [("the one big node", vertical), ("one of the small nodes", horizontal)] {
            out += &paragraph(&format!(
                "{}: {words} ({}) dies {:.1} s into {:.1} s at {}/s: {} of {} requests fail, p99 of the rest {} ms",
                counted(pair.units, "unit"),
                death.node,
                death.at_seconds,
                death.window_seconds,
                plain(death.rate_per_second),
                death.failed,
                death.requests,
                or_dash(death.p99_milliseconds, milliseconds)
            ));
        }
    }
    if out.is_empty() { out } else { format!("\nwhen a node dies:\n{out}") }
}

fn cost_table(cost: &Cost) -> String {
    let row = |row: &super::cost::CostRow| {
        vec![
            row.units.to_string(),
            or_dash(row.vertical_per_hour, price),
            or_dash(row.horizontal_per_hour, price),
            or_dash(row.vertical_per_million, price),
            or_dash(row.horizontal_per_million, price),
        ]
    };
    let heads = ["units", "vertical/h", "horizontal/h", "vertical/million", "horizontal/million"];
    table::render(&heads, &[], &cost.rows.iter().map(row).collect::<Vec<_>>())
}

/// A law in one or two sentences.
fn law_words(law: &Law) -> String {
    let fitted = law.fit.as_ref().map_or_else(|| "no law fitted".to_owned(), parameters);
    format!("{}: {fitted}. {}", law.topology, law.notes.join(". "))
}

/// The parameters of a fit with their intervals, and where it bends.
pub fn parameters(fit: &Fit) -> String {
    let parameter = |estimate: &Estimate| {
        let interval = estimate.interval_95.map_or_else(String::new, |[low, high]| format!(" [{low:.4}, {high:.4}]"));
        format!("{:.4}{interval}", estimate.value)
    };
    let peak = fit.peak.as_ref().map_or_else(
        || "no peak".to_owned(),
        |peak| format!("peak {}/s at {:.0} units", plain(peak.throughput), peak.n),
    );
    let bends = fit.asymptote.zip(fit.optimum).map_or_else(
        || "no asymptote".to_owned(),
        |(asymptote, optimum)| format!("asymptote {}/s, optimum {} units", plain(asymptote), plain(optimum)),
    );
    format!(
        "contention {}, coherency {}, {}/s a unit, {bends}, {peak}",
        parameter(&fit.contention),
        parameter(&fit.coherency),
        plain(fit.scale.value)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::results::prices::Prices;

    #[test]
    fn fits_the_terminal_and_says_everything() {
        let report = Report::of(&sample::results(), &Prices::example()).unwrap();
        let text = text(&report);
        for line in text.lines() {
            assert!(line.chars().count() <= usize::from(table::WIDTH), "{line}");
        }
        for words in [
            "eff. %",
            "stopped by",
            "last success 282/s, first failure 313/s",
            "node4) dies 1.5 s into",
            "horizontal/million",
            "contention",
        ] {
            assert!(text.contains(words), "no '{words}' in\n{text}");
        }
        assert!(text.trim_end().ends_with("no bigger machine is to be had."), "the verdict comes last:\n{text}");
    }
}
