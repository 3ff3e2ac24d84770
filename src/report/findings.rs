//! The findings in words and tables, for a terminal: nothing wider than 100 columns.

use super::analysis::Point;
use super::columns::{self, Column};
use super::cost::Cost;
use super::scaling::{self, Followed};
use super::usl::{Coefficient, Fit};
use super::verdict::Answer;
use super::{Law, Report};
use super::{bars, table, words};
use crate::results::number::{or_dash, plain, price};

/// Where there are more rows by address, a terminal shows those of the last scale; the page has all.
const MOST_ADDRESS_ROWS: usize = 16;

/// Everything, as text.
pub fn text(report: &Report) -> String {
    text_with(report, "")
}

/// Everything, as text, with `further` findings before the paragraph and the answer, which comes last.
pub fn text_with(report: &Report, further: &str) -> String {
    let answer = table::wrap(&report.question, 0) + "\n" + &table::wrap(&report.headline, 0) + "\n";
    if report.answer == Answer::NothingAnswered {
        return answer;
    }
    let mut out = short_table(columns::POINTS, &report.points, 1);
    if !report.valid {
        out += &format!("\n{}", columns::NOT_VALID);
    }
    out += "\n\n";
    let bars = bars::bars(report);
    if !bars.is_empty() {
        out += &format!("{bars}\n");
    }
    for comparison in &report.comparisons {
        out += &paragraph(&words::sentence(comparison, &report.manifest.plan));
    }
    out += "\nwhat stopped each, and the ceiling that its CPU allows:\n";
    out += &short_table(columns::LIMITS, &report.points, 2);
    out.push('\n');
    let mut addresses = columns::address_rows(&report.points);
    if addresses.len() > MOST_ADDRESS_ROWS {
        let last = report.points.last().map(|point| &point.key.scale);
        addresses.retain(|row| Some(&row.key.scale) == last);
    }
    if !addresses.is_empty() {
        out += "\nby address:\n";
        out += &short_table(columns::ADDRESSES, &addresses, 2);
        out.push('\n');
    }
    let latency = columns::latency_rows(&report.points);
    if !latency.is_empty() {
        let objective = report.manifest.plan.objective;
        out += &format!("\nresponse time over load, objective {objective}:\n");
        out += &short_table(columns::LATENCY, &latency, 1);
        out += &objectives(&report.points);
        out.push('\n');
    }
    if let Some(followed) = &report.followed {
        out += &followed_text(followed);
    }
    let events = columns::event_rows(&report.points);
    if !events.is_empty() {
        out += "\nwhen a node dies:\n";
        out += &short_table(columns::EVENTS, &events, 1);
        out.push('\n');
    }
    if let Some(cost) = &report.cost {
        out += &format!("\ncost of a million requests in {} ({}):\n", cost.prices.currency, cost.source());
        out += &cost_table(cost);
        out.push('\n');
        if cost.given {
            out += &paragraph(&cost.break_even.sentence());
        }
    }
    if !report.laws.is_empty() {
        out += "\nthe law (Universal Scalability Law), with 95 % intervals:\n";
        for law in &report.laws {
            out += &paragraph(&law_words(law));
        }
    }
    if !report.bends.is_empty() {
        out += "\nwhere the nodes use up what they share (the law bends where ideal growth reaches its maximum):\n";
        for bend in &report.bends {
            out += &paragraph(&bend.arithmetic(&report.manifest.plan));
        }
    }
    out += further;
    let cautions = report.incomplete.iter().chain(&report.cautions);
    for (index, caution) in cautions.enumerate() {
        out += if index == 0 { "\n" } else { "" };
        out += &paragraph(&format!("! {caution}"));
    }
    out.push('\n');
    out += &table::wrap(&report.verdict, 0);
    out.push_str("\n\n");
    out + &answer
}

/// How sizes followed a load that changes.
fn followed_text(followed: &Followed) -> String {
    let rows = scaling::text::rows(followed);
    let mut out = "\na load that changes:\n".to_owned();
    for arm in &followed.arms {
        out += &scaling::text::timeline(arm);
    }
    out += &format!("\n{}\n", short_table(scaling::text::COST, &rows, 2));
    out += &format!("\n{}\n", short_table(scaling::text::ELASTICITY, &rows, 2));
    out + &paragraph(scaling::text::ELASTICITY_NOTE)
}

fn paragraph(text: &str) -> String {
    table::wrap(text, 2) + "\n"
}

/// The columns of a table that fit a terminal.
fn short_table<T>(columns: &[Column<T>], rows: &[T], gap: u8) -> String {
    let shown: Vec<&Column<T>> = columns.iter().filter(|column| column.short.is_some()).collect();
    let heads: Vec<&str> = shown.iter().filter_map(|column| column.short).collect();
    let left: Vec<usize> = (0..shown.len()).filter(|&index| shown[index].words).collect();
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| shown.iter().map(|column| (column.cell)(row)).collect()).collect();
    table::render_with_gap(&heads, &left, &cells, gap)
}

fn objectives(points: &[Point]) -> String {
    let measured = points.iter().filter(|point| !point.latency.is_empty());
    measured.map(|point| format!("\n{}: {}", point.key, objective_words(point))).collect()
}

/// The limit by the objective, with the word lower bound where nothing failed above it.
pub fn objective_words(point: &Point) -> String {
    let limit = &point.objective;
    let words = match (limit.last_success_per_second, limit.first_failure_per_second) {
        (Some(success), Some(failure)) => {
            format!("last success {}/s, first failure {}/s", plain(success), plain(failure))
        }
        (Some(success), None) => format!("last success {}/s, no failure: a lower bound", plain(success)),
        (None, Some(failure)) => format!("no success, first failure {}/s", plain(failure)),
        (None, None) => "not measured".to_owned(),
    };
    if limit.valid { words } else { words + " (not valid)" }
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
    format!("{}: {fitted}. {}", law.arm, law.notes.join(". "))
}

/// The parameters of a fit with their intervals, and where it bends.
pub fn parameters(fit: &Fit) -> String {
    let parameter = |estimate: &Coefficient| {
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
        let report = Report::of(&sample::results(), Some(&Prices::example())).unwrap();
        let text = text(&report);
        for line in text.lines() {
            assert!(line.chars().count() <= usize::from(table::WIDTH), "{line}");
        }
        for words in [
            "eff. %",
            "stopped by",
            "last success 282/s, first failure 313/s",
            "1.5 of 2.0",
            "horizontal/million",
            "contention",
        ] {
            assert!(text.contains(words), "no '{words}' in\n{text}");
        }
        assert!(text.trim_end().ends_with(&table::wrap(&report.headline, 0)), "the answer comes last:\n{text}");
    }
}
