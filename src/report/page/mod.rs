//! `report.html`: the verdict first, then the charts, the tables, the raw runs and the manifest. One file, no network.

mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts::{Chart, Ink, Stroke};
use super::findings::parameters;
use super::{Report, figures};
use crate::report::topology::{self, most_units};
use crate::results::number::{milliseconds, percent, plain};
use crate::results::run::Run;

const STYLE: &str = include_str!("style.css");

/// The whole page. `runs` are the raw runs for its last table.
pub fn render(report: &Report, runs: &[Run]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                link rel="icon" href="data:,";
                title { "webapp bench: vertical against horizontal, " (report.manifest.started_at) }
                style { (PreEscaped(STYLE)) (PreEscaped(inks())) }
            }
            body {
                header {
                    h1 { "Bigger or more?" }
                    p.what { (what(report)) }
                }
                main { (sections(report, runs)) }
            }
        }
    };
    page.into_string()
}

/// What was measured, in one line.
fn what(report: &Report) -> String {
    let plan = &report.manifest.plan;
    let unit = plan
        .unit_cpu_percent
        .map_or_else(|| "no CPU limit".to_owned(), |percent| format!("a unit is {percent} % of a core"));
    let paths: Vec<&str> = plan.work.iter().map(|path| path.path.as_str()).collect();
    format!(
        "One big node against many small ones behind {}: {unit}; {} with model {}; {} plan, {}.",
        plan.balancer,
        paths.join(", "),
        plan.model,
        plan.name,
        report.manifest.started_at
    )
}

fn sections(report: &Report, runs: &[Run]) -> Markup {
    html! {
        section.verdict {
            h2 { "Verdict" }
            @if let Some(headline) = &report.headline { p.headline { (headline) } }
            (tiles(report))
            p { (report.verdict) }
            @for caution in report.incomplete.iter().chain(&report.cautions) {
                p.caution { (caution) "." }
            }
        }
        section {
            h2 { "Throughput" }
            (figure(&figures::throughput(report)))
            (tables::points_table(report))
        }
        section {
            h2 { "What stopped it" }
            p { "Quota divided by the CPU that an answer costs (its service demand) is the ceiling that the CPU allows." }
            (tables::limits_table(report))
        }
        @if report.points.iter().any(|point| !point.latency.is_empty()) {
            section {
                h2 { "Latency over load" }
                p { "Response time runs from the moment a request was due, so waiting for a busy server counts." }
                @for units in topology::units(&report.manifest.plan.open_scales) {
                    @if let Some(chart) = figures::latency(report, units) { (figure(&chart)) }
                }
                (tables::latency_table(report))
            }
            section {
                h2 { "Use of each resource over load" }
                @for point in report.points.iter().filter(|point| point.units() == most_units(&report.manifest.plan)) {
                    @if let Some(chart) = figures::utilization(point) { (figure(&chart)) }
                }
            }
        }
        (tables::death_section(report))
        @if let (Some(cost), Some(chart)) = (&report.cost, figures::cost(report)) {
            section {
                h2 { "Cost" }
                (figure(&chart))
                p { "Prices: " (cost.prices.about) }
                (tables::cost_table(report))
            }
        }
        section {
            h2 { "The law" }
            p { "Universal Scalability Law: X(n) = scale · n / (1 + contention · (n − 1) + coherency · n · (n − 1)), with 95 % intervals." }
            @for law in &report.laws {
                h3 { (law.topology) }
                @if let Some(fit) = &law.fit { p { (parameters(fit)) "." } }
                @for note in &law.notes { p.note { (note) "." } }
            }
        }
        section {
            h2 { "All runs" }
            details { summary { (runs.len()) " runs, in order" } (tables::runs_table(runs)) }
        }
        section {
            h2 { "Manifest" }
            details open { summary { "Machine, versions and settings" } (tables::manifest(report)) }
        }
    }
}

/// The figures that one takes away, large.
fn tiles(report: &Report) -> Markup {
    let Some(pair) = report.pairs.last() else { return html! {} };
    let mut tiles = vec![
        (plain(pair.vertical_per_second), format!("requests a second from one big node of {} units", pair.units)),
        (plain(pair.horizontal_per_second), format!("requests a second from {} small nodes", pair.units)),
        (
            format!("{} %", percent(pair.one_dead.horizontal_lost_percent)),
            "of the small ones' capacity dies with a node; of the big one's, all".to_owned(),
        ),
    ];
    if let Some((vertical, horizontal)) =
        pair.same_load.and_then(|same| same.vertical_p99_milliseconds.zip(same.horizontal_p99_milliseconds))
    {
        let words = "ms hold 99 % of the answers at the same load: big node, small nodes";
        tiles.insert(2, (format!("{} | {}", milliseconds(vertical), milliseconds(horizontal)), words.to_owned()));
    }
    html! { ul.tiles { @for (figure, words) in tiles { li { b { (figure) } " " (words) } } } }
}

/// A chart under the sentence that says what it shows, with its legend.
fn figure(chart: &Chart) -> Markup {
    html! {
        figure {
            figcaption { (chart.title) }
            ul.legend {
                @for series in &chart.series {
                    li { span class={ "key " (series.ink.name()) } aria-hidden="true" { (mark(series.stroke)) } " " (series.name) }
                }
            }
            (PreEscaped(chart.svg()))
        }
    }
}

/// A mark that tells a line by its shape.
fn mark(stroke: Stroke) -> &'static str {
    match stroke {
        Stroke::Dots => "─●─",
        Stroke::Triangles => "─▲─",
        Stroke::Solid => "───",
        Stroke::Dashed => "╌╌╌",
        Stroke::OnlyDots => "●",
        Stroke::OnlyTriangles => "▲",
    }
}

/// Each colour of the drawing becomes one of the page's, which knows light and dark.
fn inks() -> String {
    Ink::ALL
        .into_iter()
        .map(|ink| {
            let (code, name) = (ink.code(), ink.name());
            format!("svg [fill='{code}']{{fill:var(--{name})}}svg [stroke='{code}']{{stroke:var(--{name})}}.key.{name}{{color:var(--{name})}}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::results::prices::Prices;

    fn page(results: &crate::results::folder::Results) -> String {
        render(&Report::of(results, &Prices::example()).unwrap(), &results.runs)
    }

    #[test]
    fn one_file_that_needs_no_network() {
        let page = page(&sample::results());
        for word in ["src=", "href=\"http", "url(", "@import", "<script"] {
            assert!(!page.contains(word), "{word}");
        }
        assert_eq!(page.matches("http://").count(), 0, "an address in the page");
        assert!(page.find("Verdict").unwrap() < page.find("<svg").unwrap(), "the verdict comes first");
        assert_eq!(page.matches("<svg").count(), page.matches("role=\"img\"").count());
        assert_eq!(page.matches("<svg").count(), 5, "throughput, latency, two of use, cost");
        assert_eq!(page.matches("<figcaption>").count(), 5);
    }

    #[test]
    fn nothing_of_the_results_becomes_markup() {
        let mut results = sample::results();
        results.manifest.machine.hostname = Some("<script>alert(1)</script>".into());
        results.runs[0].nodes[0].bottleneck = None;
        assert!(!page(&results).contains("<script>"));
    }

    #[test]
    fn little_data_makes_a_page_too() {
        let all = sample::results();
        for count in [1, 4, 9, 20] {
            let mut results = all.clone();
            results.runs.truncate(count);
            assert!(page(&results).contains("incomplete"), "{count} runs");
        }
        let mut one_way = all;
        one_way.runs.retain(|run| run.point.arm == "horizontal");
        assert!(page(&one_way).contains("incomplete"), "one of two topologies");
    }
}
