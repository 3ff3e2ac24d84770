//! Several benches in one page, as of a whole lab: a cover with question and answer of each, then the first screen of each with
//! its charts, and a link to its own report.

use maud::{Markup, html};

use super::{claim, figure, hero, shell};
use crate::design::{Text, both};
use crate::report::charts::Chart;
use crate::report::{Report, figures, spanish};

/// One bench of the series.
pub struct SeriesEntry {
    /// What the folder is called.
    pub name: String,
    /// Where its own report is, as seen from the page of the series.
    pub link: String,
    /// Its report.
    pub report: Report,
}

/// The whole page.
pub fn series(entries: &[SeriesEntry]) -> String {
    let ids: Vec<String> = (1..=entries.len()).map(|number| format!("bench-{number}")).collect();
    let sections: Vec<(&str, Text)> =
        ids.iter().zip(entries).map(|(id, entry)| (id.as_str(), Text::name(&entry.name))).collect();
    let main = html! {
        (cover(entries, &ids))
        @for (id, entry) in ids.iter().zip(entries) { (bench(id, entry)) }
    };
    shell::page(
        &both!("{count} questions · webapp", "{count} preguntas · webapp", count = entries.len()),
        &sections,
        &main,
    )
}

fn cover(entries: &[SeriesEntry], ids: &[String]) -> Markup {
    html! {
        section.hero {
            div.headline {
                p.question { (Text::new("What was asked, and what came out", "Qué se preguntó, y qué salió")) }
                h1 { (Text::new(format!("{} questions", entries.len()), format!("{} preguntas", entries.len()))) }
            }
            ol.cover {
                @for (id, entry) in ids.iter().zip(entries) {
                    @let report = &entry.report;
                    li {
                        a href={ "#" (id) } { (spanish::question(&report.manifest.plan)) }
                        p { b { (claim::loud(report)) } " " span.chip { (claim::class(report.answer, report.manifest.plan.smallest_effect_percent).0) } }
                        p.small { (entry.name) ", " (report.manifest.started_at) }
                    }
                }
            }
        }
    }
}

fn bench(id: &str, entry: &SeriesEntry) -> Markup {
    let charts = [figures::throughput(&entry.report), figures::differences(&entry.report)];
    html! {
        (hero::hero(&entry.report, id, &entry.link))
        section.panel.bench {
            div.charts { @for chart in charts.into_iter().flatten() { (figure(&without_links(chart))) } }
            p { a href=(entry.link) { (Text::new("The whole report, with every run", "El informe completo, con todas las corridas")) } }
        }
    }
}

/// A chart whose points lead nowhere: the runs are in the bench's own report.
fn without_links(mut chart: Chart) -> Chart {
    chart.series.iter_mut().flat_map(|series| &mut series.notes).for_each(|note| note.point = None);
    chart
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_cover_lists_each_question_with_its_answer() {
        let entry = |name: &str| SeriesEntry {
            name: name.to_owned(),
            link: format!("{name}/report.html"),
            report: Report::of(&sample::results(), None).unwrap(),
        };
        let page = series(&[entry("first"), entry("second")]).replace('\u{a0}', " ");
        assert_eq!(
            page.matches("13 % fewer answers with many small nodes").count(),
            4,
            "on the cover and below, of both"
        );
        assert!(page.contains("href=\"first/report.html\"") && page.contains("id=\"bench-2\""));
        assert!(!page.contains("href=\"#runs-"), "its runs are not in this page");
        assert!(page.contains("href=\"first/report.html#runs-"), "but in its own");
        for id in ["bench-1", "bench-2", "loud-bench-1"] {
            assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        }
    }
}
