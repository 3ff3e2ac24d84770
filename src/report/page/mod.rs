//! `report.html`: the verdict first, then the charts, the tables, the raw runs and the manifest. One file, no network.

mod tables;

pub use tables::table;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts::{Chart, Ink, Stroke};
use super::findings::parameters;
use super::verdict::Answer;
use super::{Report, columns, figures};
use crate::results::number::percent;
use crate::results::run::Run;

const STYLE: &str = include_str!("style.css");

/// The whole page. `runs` are the raw runs for its last table; `further` are sections that stand before them.
pub fn render(report: &Report, runs: &[Run], further: Option<&Markup>) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&format!("webapp bench: {}, {}", report.manifest.plan.experiment, report.manifest.started_at)))
            body {
                header {
                    h1 { (report.question) }
                    p.what { (what(report)) }
                }
                main { (sections(report, runs, further)) }
            }
        }
    };
    page.into_string()
}

/// The head of a page of this kind.
pub fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
            link rel="icon" href="data:,";
            title { (title) }
            style { (PreEscaped(STYLE)) (PreEscaped(inks())) }
        }
    }
}

/// What was measured, in one line.
fn what(report: &Report) -> String {
    let plan = &report.manifest.plan;
    let unit = plan
        .unit_cpu_percent
        .map_or_else(|| "no CPU limit".to_owned(), |percent| format!("a unit is {percent} % of a core"));
    let paths: Vec<&str> = plan.work.iter().map(|path| path.path.as_str()).collect();
    format!(
        "Experiment {}: {}; {unit}; {}; {} plan, {}, {}.",
        plan.experiment,
        plan.arms.iter().map(|arm| arm.name.as_str()).collect::<Vec<_>>().join(" against "),
        paths.join(", "),
        plan.name,
        plan.blocks_words(),
        report.manifest.started_at
    )
}

fn sections(report: &Report, runs: &[Run], further: Option<&Markup>) -> Markup {
    if report.answer == Answer::NothingAnswered {
        return html! {
            section.verdict { h2 { "Verdict" } p.headline { (report.headline) } }
            (sources(report, runs))
        };
    }
    html! {
        section.verdict {
            h2 { "Verdict" }
            p.headline { (report.headline) }
            @if report.followed.is_none() { (tiles(report)) }
            p { (report.verdict) }
            @for caution in report.incomplete.iter().chain(&report.cautions) {
                p.caution { (caution) "." }
            }
        }
        @if let Some(followed) = &report.followed { (tables::followed(report, followed)) }
        section {
            h2 { "Throughput" }
            @if let Some(chart) = figures::throughput(report) { (figure(&chart)) }
            (tables::points_section(report))
        }
        section {
            h2 { "What stopped it" }
            p { "Quota divided by the CPU that an answer costs (its service demand) is the ceiling that the CPU allows." }
            (tables::full_table(columns::LIMITS, &report.points))
        }
        @let addresses = columns::address_rows(&report.points);
        @if !addresses.is_empty() {
            section {
                h2 { "By address" }
                (tables::full_table(columns::ADDRESSES, &addresses))
            }
        }
        @if report.points.iter().any(|point| !point.latency.is_empty()) { (over_load(report)) }
        @let events = columns::event_rows(&report.points);
        @if !events.is_empty() {
            section {
                h2 { "When a node dies" }
                (tables::full_table(columns::EVENTS, &events))
            }
        }
        @if let (Some(cost), Some(chart)) = (&report.cost, figures::cost(report)) {
            section {
                h2 { "Cost" }
                (figure(&chart))
                p { (cost.source()) ". " (cost.prices.about) }
                (tables::cost_table(report))
            }
        }
        section {
            h2 { "The law" }
            p { "Universal Scalability Law: X(n) = scale · n / (1 + contention · (n − 1) + coherency · n · (n − 1)), with 95 % intervals." }
            @for law in &report.laws {
                h3 { (law.arm) }
                @if let Some(fit) = &law.fit { p { (parameters(fit)) "." } }
                @for note in &law.notes { p.note { (note) "." } }
            }
        }
        @if !report.bends.is_empty() {
            section {
                h2 { "Where the nodes use up what they share" }
                p { "The law bends where ideal growth, as of its first node, would reach its highest value." }
                @for bend in &report.bends { p { (bend.arithmetic(&report.manifest.plan)) "." } }
            }
        }
        @if let Some(further) = further { (further) }
        (sources(report, runs))
    }
}

/// Response times and use of each resource over the load that was offered.
fn over_load(report: &Report) -> Markup {
    let plan = &report.manifest.plan;
    html! {
        section {
            h2 { "Latency over load" }
            p { "Response time runs from the moment a request was due, so waiting for a busy server counts." }
            @for scale in &plan.open_scales {
                @if let Some(chart) = figures::latency(report, scale) { (figure(&chart)) }
            }
            (tables::full_table(columns::LATENCY, &columns::latency_rows(&report.points)))
            (tables::objectives(report))
        }
        section {
            h2 { "Use of each resource over load" }
            @for point in report.points.iter().filter(|point| Some(&point.key.scale) == plan.scales.last()) {
                @if let Some(chart) = figures::utilization(point) { (figure(&chart)) }
            }
        }
    }
}

/// What the figures were made from.
fn sources(report: &Report, runs: &[Run]) -> Markup {
    html! {
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
    let Some(last) = report.points.last() else { return html! {} };
    let here = || report.points.iter().filter(|point| point.key.scale == last.key.scale);
    html! {
        ul.tiles {
            @for point in here() { li { b { (columns::ceiling(point)) } " requests a second, " (point.key) } }
            @for point in here() {
                @if let Some(death) = point.death.as_ref().filter(|death| death.requests > 0) {
                    li {
                        b { (percent(100.0 * death.failed as f64 / death.requests as f64)) " %" @if !death.valid { " ✗" } }
                        " of the requests fail when a node dies, " (point.key)
                    }
                }
            }
        }
    }
}

/// A chart under the sentence that says what it shows, with its legend.
pub fn figure(chart: &Chart) -> Markup {
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
fn mark(stroke: Stroke) -> String {
    match stroke {
        Stroke::Marked(marker) => format!("─{}─", marker.character()),
        Stroke::Only(marker) => marker.character().to_string(),
        Stroke::Solid => "───".to_owned(),
        Stroke::Dashed => "╌╌╌".to_owned(),
    }
}

/// Each colour of the drawing becomes one of the page's, which knows light and dark.
fn inks() -> String {
    Ink::all()
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

    fn page(results: &crate::results::folder::Results) -> String {
        render(&Report::of(results, None).unwrap(), &results.runs, None)
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
