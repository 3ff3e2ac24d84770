//! `report.html`: the answer on the first screen, then what could be wrong with it, the charts, the tables, the raw runs and the
//! manifest. One file, no network; without JavaScript everything that matters is still there.

mod claim;
mod command;
mod each;
mod heads;
mod hero;
mod manifest;
mod samples;
mod series;
mod shell;
mod tables;

pub use series::{SeriesEntry, series};
pub use shell::page;
pub use tables::table;

use std::hash::{DefaultHasher, Hash, Hasher};

use maud::{Markup, PreEscaped, html};

use super::charts::{Chart, Series, Stroke};
use super::findings::parameters;
use super::verdict::AnswerKind;
use super::{Report, columns, edge, figures, spanish};
use crate::design::{Text, both};
use crate::results::run::Run;

/// Sections that are not made from the report itself, such as a plan, and where the bar leads to.
pub struct Further {
    /// The id of their first section.
    pub id: &'static str,
    /// What the bar calls them.
    pub name: Text,
    /// They themselves.
    pub sections: Markup,
}

/// The whole page. `runs` are the raw runs for its last table; the `further` sections stand before them.
pub fn render(report: &Report, runs: &[Run], further: Option<&Further>) -> String {
    let title = both!(
        "{question} {experiment}, {started} · webapp",
        "{question} {experiment}, {started} · webapp",
        question = spanish::question(&report.manifest.plan),
        experiment = Text::name(&report.manifest.plan.experiment),
        started = Text::name(&report.manifest.started_at)
    );
    let main = html! {
        (hero::hero(report, "answer", ""))
        div.grid {
            @if report.answer != AnswerKind::NothingAnswered { (sections(report, runs, further)) }
            (sources(report, runs))
        }
        script #seconds type="application/json" { (PreEscaped(as_data(&samples::of(runs)))) }
    };
    shell::page(&title, &contents(report, further), &main)
}

/// Data within a page: JSON in which nothing can end the element that holds it.
fn as_data(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default().replace('<', "\\u003c")
}

/// What the bar leads to.
fn contents(report: &Report, further: Option<&Further>) -> Vec<(&'static str, Text)> {
    let mut all = vec![("answer", Text::new("Answer", "Respuesta"))];
    if report.answer != AnswerKind::NothingAnswered {
        if has_doubts(report) {
            all.push(("doubts", Text::new("Doubts", "Dudas")));
        }
        if report.followed.is_some() {
            all.push(("followed", Text::new("Load that changes", "Carga que cambia")));
        }
        all.push(("throughput", Text::new("Throughput", "Rendimiento")));
        all.push(("limits", Text::new("Limits", "Límites")));
        if report.points.iter().any(|point| !point.latency.is_empty()) {
            all.push(("latency", Text::new("Latency", "Latencia")));
        }
        all.extend(further.map(|further| (further.id, further.name.clone())));
    }
    all.push(("runs", Text::new("Runs", "Corridas")));
    all.push(("manifest", Text::new("Manifest", "Manifiesto")));
    all
}

/// What was measured, in one line.
fn what(report: &Report) -> Text {
    let plan = &report.manifest.plan;
    let unit = plan.unit_cpu_percent.map_or_else(
        || Text::new("no CPU limit", "sin límite de CPU"),
        |percent| both!("a unit is {percent} % of a core", "una unidad es el {percent} % de un núcleo", percent),
    );
    let arms = |against: &str| plan.arms.iter().map(|arm| arm.name.as_str()).collect::<Vec<_>>().join(against);
    both!(
        "Experiment {experiment}: {arms}; {unit}; {paths}; {size} plan, {blocks} blocks, {started}.",
        "Experimento {experiment}: {arms}; {unit}; {paths}; plan {size}, {blocks} bloques, {started}.",
        experiment = Text::name(&plan.experiment),
        arms = Text::new(arms(" against "), arms(" contra ")),
        unit,
        paths = Text::name(plan.paths().join(", ")),
        size = Text::name(&plan.name),
        blocks = plan.closed_blocks(),
        started = Text::name(&report.manifest.started_at)
    )
}

/// A panel of the page: its id (empty: none), its name, its width (`wide`, `half`) and what is in it.
pub fn panel(id: &str, width: &str, name: &Text, content: &Markup) -> Markup {
    html! {
        section id=[(!id.is_empty()).then_some(id)] class={ "panel " (width) } {
            h2 { (name) }
            (content)
        }
    }
}

fn has_doubts(report: &Report) -> bool {
    report.incomplete.is_some() || !report.cautions.is_empty()
}

/// What a careful reader holds against the answer, what matters most first.
fn doubts(report: &Report) -> Markup {
    html! {
        ol.doubts {
            @for doubt in report.doubts() { li { b { (doubt.weight().name()) ": " } (doubt.words()) "." } }
        }
    }
}

fn sections(report: &Report, runs: &[Run], further: Option<&Further>) -> Markup {
    let name = |en: &str, es: &str| Text::new(en, es);
    html! {
        @if has_doubts(report) {
            (panel("doubts", "wide", &name("What could be wrong with this", "Qué podría estar mal en esto"), &doubts(report)))
        }
        @if let Some(followed) = &report.followed { (tables::followed(report, followed)) }
        (throughput(report))
        (panel("limits", "wide", &name("What stopped it", "Qué lo detuvo"), &html! {
            p.note { (name(
                "Quota divided by the CPU that an answer costs (its service demand) is the ceiling that the CPU allows.",
                "La cuota dividida por la CPU que cuesta una respuesta (su demanda de servicio) es el techo que la CPU permite."
            )) }
            (tables::limits(report))
        }))
        @if columns::has_answer_cpu(&report.points) {
            (panel("answer-cpu", "wide", &name("CPU of an answer", "CPU de una respuesta"), &html! {
                p.note { (name(
                    "At the ceiling, by who used it. The generator stands for the clients, and is no part of what serves.",
                    "En el techo, según quién la usó. El generador hace de clientes y no es parte de lo que sirve."
                )) }
                (tables::answer_cpu(report))
            }))
        }
        @let addresses = columns::address_rows(&report.points);
        @if !addresses.is_empty() {
            (panel("", "wide", &name("By address", "Por dirección"), &tables::addresses(report, &addresses)))
        }
        @if report.points.iter().any(|point| !point.latency.is_empty()) { (over_load(report, runs)) }
        @let events = columns::event_rows(&report.points);
        @if !events.is_empty() {
            (panel("deaths", "wide", &name("When a node dies", "Cuando muere un nodo"), &html! {
                div.charts { @for chart in deaths(report, runs) { (figure(&chart)) } }
                (tables::events(report, &events))
            }))
        }
        (laws(report))
        @if let Some(further) = further { (further.sections) }
        @if !report.verdict.is_empty() {
            (panel("", "wide", &name("The findings in one paragraph", "Los hallazgos en un párrafo"), &html! {
                p.prose { (report.verdict) }
            }))
        }
    }
}

/// The deaths at the last scale, second by second.
fn deaths(report: &Report, runs: &[Run]) -> Vec<Chart> {
    let last = report.points.iter().rev().find(|point| point.death.is_some()).map(|point| &point.key.scale);
    let there = report.points.iter().filter(|point| Some(&point.key.scale) == last);
    there.filter_map(|point| figures::death(runs, point)).collect()
}

/// Ceilings over the scale, and each comparison.
fn throughput(report: &Report) -> Markup {
    html! {
        (panel("throughput", "wide", &Text::new("Throughput", "Rendimiento"), &html! {
            div.charts {
                @if let Some(chart) = figures::throughput(report) { (figure(&chart)) }
                @if let Some(chart) = figures::differences(report) { (figure(&chart)) }
            }
            (tables::points_section(report))
        }))
    }
}

/// What the figures follow, and what they cost.
fn laws(report: &Report) -> Markup {
    html! {
        @if let (Some(cost), Some(chart)) = (&report.cost, figures::cost(report)) {
            (panel("", "wide", &Text::new("Cost", "Costo"), &html! {
                (figure(&chart))
                p.note { (cost.source().upper_first()) ". " (cost.prices.about.text()) }
                (tables::cost_table(report))
            }))
        }
        @if !report.laws.is_empty() {
            (panel("", "wide", &Text::new("The law", "La ley"), &html! {
                p.note { (Text::new(
                    "Universal Scalability Law: X(n) = scale · n / (1 + contention · (n − 1) + coherency · n · (n − 1)), with 95 % intervals.",
                    "Ley universal de escalabilidad: X(n) = escala · n / (1 + contención · (n − 1) + coherencia · n · (n − 1)), con intervalos del 95 %."
                )) }
                @for law in &report.laws {
                    h3 { (law.arm) }
                    @if let Some(fit) = &law.fit { p { (parameters(fit)) "." } }
                    @for note in &law.notes { p.note { (note) "." } }
                }
            }))
        }
        @let edges = edge::paragraphs(report);
        @if !edges.is_empty() {
            (panel("", "wide", &Text::new("What a cache at the edge costs and saves", "Qué cuesta y qué ahorra una caché en el borde"), &html! {
                @for words in &edges { p { (words) } }
            }))
        }
        @if !report.bends.is_empty() {
            (panel("", "wide", &Text::new("Where the nodes use up what they share", "Dónde los nodos agotan lo que comparten"), &html! {
                p.note { (Text::new(
                    "The law bends where ideal growth, as of its first node, would reach its highest value.",
                    "La ley se dobla donde el crecimiento ideal, el de su primer nodo, alcanzaría su valor más alto."
                )) }
                @for bend in &report.bends { p { (bend.arithmetic(&report.manifest.plan)) "." } }
            }))
        }
    }
}

/// Response times and use of each resource over the load that was offered.
fn over_load(report: &Report, runs: &[Run]) -> Markup {
    let plan = &report.manifest.plan;
    html! {
        (panel("latency", "wide", &Text::new("Latency over load", "Latencia según la carga"), &html! {
            p.note { (Text::new(
                "Response time runs from the moment a request was due, so waiting for a busy server counts.",
                "El tiempo de respuesta corre desde el momento en que la petición debía salir: la espera por un servidor ocupado cuenta."
            )) }
            div.charts {
                @if let Some(chart) = figures::percentiles(report, runs) { (figure(&chart)) }
                @for scale in plan.open_scales.iter().rev() {
                    @if let Some(chart) = figures::latency(report, scale) { (figure(&chart)) }
                }
            }
            (tables::latency(report))
            (tables::objectives(report))
        }))
        (panel("", "wide", &Text::new("Use of each resource over load", "Uso de cada recurso según la carga"), &html! {
            div.charts {
                @for point in report.points.iter().filter(|point| Some(&point.key.scale) == plan.scales.last()) {
                    @if let Some(chart) = figures::utilization(point) { (figure(&chart)) }
                }
            }
        }))
    }
}

/// What the figures were made from.
fn sources(report: &Report, runs: &[Run]) -> Markup {
    let count = runs.len();
    html! {
        (panel("runs", "wide", &Text::new("All runs", "Todas las corridas"), &html! {
            details {
                summary { (Text::new(format!("{count} runs, by point"), format!("{count} corridas, por punto"))) }
                div data-later { noscript { (tables::runs_table(&report.manifest.plan, runs)) } }
            }
        }))
        (panel("manifest", "wide", &Text::new("Manifest", "Manifiesto"), &html! {
            p.note { (what(report)) }
            p { (Text::new("This repeats it:", "Esto lo repite:")) }
            pre tabindex="0" { code { (command::command(&report.manifest.plan)) } }
            details open {
                summary { (Text::new("Machine, versions and settings", "Máquina, versiones y ajustes")) }
                (manifest::manifest(report))
            }
        }))
    }
}

/// A chart under the sentence that says what it shows, with its legend.
pub fn figure(chart: &Chart) -> Markup {
    let id = id_of(chart);
    html! {
        figure.answers {
            figcaption id=(id) { (chart.title) span.sr { ". " (chart.alternative) } }
            ul.legend {
                @for number in 0..chart.series.len() {
                    @if chart.group(number) == number { li { (legend(chart, number)) } }
                }
            }
            div.plot { (PreEscaped(chart.svg(&id))) }
            script.readings type="application/json" { (PreEscaped(as_data(&chart.readings()))) }
        }
    }
}

/// The box that switches a group of series off, with a mark for each of them.
fn legend(chart: &Chart, group: usize) -> Markup {
    let members: Vec<&Series> = (0..chart.series.len())
        .filter(|&other| chart.group(other) == group)
        .map(|other| &chart.series[other])
        .collect();
    html! {
        label {
            input type="checkbox" data-s=(group) checked;
            @for series in members {
                span class={ "key i-" (series.ink.name()) } aria-hidden="true" { (mark(series.stroke)) } " " (series.name) " "
            }
        }
    }
}

/// An id that is the same whenever the page is made from the same results.
fn id_of(chart: &Chart) -> String {
    let mut hasher = DefaultHasher::new();
    (chart.title.en(), chart.alternative.en(), chart.y.en()).hash(&mut hasher);
    format!("chart-{:016x}", hasher.finish())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn page(results: &crate::results::folder::Results) -> String {
        render(&Report::of(results, None).unwrap(), &results.runs, None).replace('\u{a0}', " ")
    }

    #[test]
    fn one_file_that_needs_no_network() {
        let page = page(&sample::results());
        for word in ["src=", "href=\"http", "url(", "@import", "fetch(", "XMLHttpRequest"] {
            assert!(!page.contains(word), "{word}");
        }
        assert_eq!(page.matches("http://").count(), page.matches("'http://www.w3.org/2000/svg'").count());
        assert!(page.find("id=\"loud-answer\"").unwrap() < page.find("<svg").unwrap(), "the answer comes first");
        assert_eq!(page.matches("<figcaption").count(), 6, "throughput, difference, latency, two of use, cost");
        assert_eq!(page.matches("<svg").count(), page.matches("aria-labelledby=\"chart-").count());
    }

    #[test]
    fn the_first_screen_answers_in_both_languages() {
        let page = page(&sample::results());
        for words in [
            "13 % fewer answers with many small nodes",
            "13 % menos respuestas con muchos nodos pequeños",
            "Con la misma CPU: ¿un nodo grande, o muchos pequeños?",
            "Block by block the difference is -13.0 %, with 95 % confidence between",
            "Bloque por bloque la diferencia es -13,0 %",
            "data-answer=\"different\"",
            "los nodos usaron el 99 % de sus 1,0 núcleos",
        ] {
            assert!(page.to_lowercase().contains(&words.to_lowercase()), "no '{words}'");
        }
        assert_eq!(page.matches("data-binds").count() - page.matches("[data-binds]").count(), 2, "one bar of each arm");
    }

    #[test]
    fn nothing_of_the_results_becomes_markup() {
        let mut results = sample::results();
        results.manifest.machine.hostname = Some("<script>alert(1)</script>".into());
        results.manifest.plan.arms[0].label = Some("<img src=x onerror=alert(2)>".into());
        results.runs[0].nodes[0].bottleneck = None;
        let page = page(&results);
        assert!(!page.contains("<script>alert") && !page.contains("<img"));
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
