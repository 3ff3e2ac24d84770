//! The findings in words and tables, for a terminal: nothing wider than 100 columns.

use super::analysis::Point;
use super::columns::{self, Column};
use super::cost::Cost;
use super::edge;
use super::scaling::{self, Followed};
use super::usl::{Coefficient, Fit};
use super::verdict::AnswerKind;
use super::{Law, Report};
use super::{bars, table, words};
use crate::design::{Text, both};
use crate::results::number::{or_dash, plain, price};

/// Where there are more rows by address, a terminal shows those of the last scale; the page has all.
const MOST_ADDRESS_ROWS: usize = 16;

/// Everything, as text.
pub fn text(report: &Report) -> String {
    text_with(report, "")
}

/// Everything, as text, with `further` findings before the paragraph and the answer, which comes last.
pub fn text_with(report: &Report, further: &str) -> String {
    let answer = table::wrap(&report.question, 0) + "\n" + &table::wrap(report.headline.en(), 0) + "\n";
    if report.answer == AnswerKind::NothingAnswered {
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
        out += &paragraph(words::sentence(comparison, &report.manifest.plan).en());
    }
    out += "\nwhat stopped each, and the ceiling that its CPU allows:\n";
    out += &short_table(columns::LIMITS, &report.points, 2);
    out.push('\n');
    if columns::has_answer_cpu(&report.points) {
        out += "\nCPU of an answer at the ceiling, by who used it:\n";
        out += &short_table(columns::ANSWER_CPU, &report.points, 2);
        out.push('\n');
    }
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
        out += &format!("\ncost of a million requests in {} ({}):\n", cost.prices.currency, cost.source().en());
        out += &cost_table(cost);
        out.push('\n');
        if cost.given {
            out += &paragraph(cost.break_even.sentence().en());
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
            out += &paragraph(bend.arithmetic(&report.manifest.plan).en());
        }
    }
    let edges = edge::paragraphs(report);
    if !edges.is_empty() {
        out += "\nwhat a cache at the edge costs and saves:\n";
        out += &edges.iter().map(|words| paragraph(words.en())).collect::<String>();
    }
    out += further;
    for (index, caution) in report.doubts().into_iter().enumerate() {
        out += if index == 0 { "\n" } else { "" };
        out += &paragraph(&format!("! {}", caution.words().en()));
    }
    out.push('\n');
    out += &table::wrap(report.verdict.en(), 0);
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
    out + &paragraph(scaling::text::elasticity_note().en())
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
    measured.map(|point| format!("\n{}: {}", point.key, objective_words(point).en())).collect()
}

/// The limit by the objective, with the word lower bound where nothing failed above it.
pub fn objective_words(point: &Point) -> Text {
    let limit = &point.objective;
    let words = match (limit.last_success_per_second, limit.first_failure_per_second) {
        (Some(success), Some(failure)) => both!(
            "last success {success}/s, first failure {failure}/s",
            "último éxito {success}/s, primer fallo {failure}/s",
            success = plain(success),
            failure = plain(failure)
        ),
        (Some(success), None) => both!(
            "last success {success}/s, no failure: a lower bound",
            "último éxito {success}/s, ningún fallo: una cota inferior",
            success = plain(success)
        ),
        (None, Some(failure)) => both!(
            "no success, first failure {failure}/s",
            "ningún éxito, primer fallo {failure}/s",
            failure = plain(failure)
        ),
        (None, None) => Text::new("not measured", "no se midió"),
    };
    if limit.valid { words } else { both!("{words} (not valid)", "{words} (no válido)", words) }
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
    let fitted = law.fit.as_ref().map_or_else(|| Text::new("no law fitted", ""), parameters);
    let notes: Vec<&str> = law.notes.iter().map(Text::en).collect();
    format!("{}: {}. {}", law.arm, fitted.en(), notes.join(". "))
}

/// The parameters of a fit with their intervals, and where it bends.
pub fn parameters(fit: &Fit) -> Text {
    let parameter = |estimate: &Coefficient| {
        let interval = estimate.interval_95.map_or_else(Text::default, |[low, high]| {
            both!(" [{low}, {high}]", " [{low}; {high}]", low = format!("{low:.4}"), high = format!("{high:.4}"))
        });
        Text::join([Text::figure(format!("{:.4}", estimate.value)), interval], "")
    };
    let peak = fit.peak.as_ref().map_or_else(
        || Text::new("no peak", "sin máximo"),
        |peak| {
            let (throughput, n) = (plain(peak.throughput), format!("{:.0}", peak.n));
            both!("peak {throughput}/s at {n} units", "máximo {throughput}/s con {n} unidades", throughput, n)
        },
    );
    let bends = fit.asymptote.zip(fit.optimum).map_or_else(
        || Text::new("no asymptote", "sin asíntota"),
        |(asymptote, optimum)| {
            both!(
                "asymptote {asymptote}/s, optimum {optimum} units",
                "asíntota {asymptote}/s, óptimo {optimum} unidades",
                asymptote = plain(asymptote),
                optimum = plain(optimum)
            )
        },
    );
    both!(
        "contention {contention}, coherency {coherency}, {scale}/s a unit, {bends}, {peak}",
        "contención {contention}, coherencia {coherency}, {scale}/s por unidad, {bends}, {peak}",
        contention = parameter(&fit.contention),
        coherency = parameter(&fit.coherency),
        scale = plain(fit.scale.value),
        bends,
        peak
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
        assert!(text.trim_end().ends_with(&table::wrap(report.headline.en(), 0)), "the answer comes last:\n{text}");
    }
}
