//! `plan.html`: the answer first, then the chart, what gives way, what it assumes, and how well the model did. One file, no network.

use maud::{DOCTYPE, Markup, html};

use super::chart;
use super::check::Check;
use super::proposal::CapacityPlan;
use super::text;
use crate::report::page;

/// The whole page.
pub fn render(plan: &CapacityPlan) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            (page::head(&format!("webapp plan: {} requests a second", crate::results::number::plain(plan.goal.rate_per_second))))
            body {
                header {
                    h1 { "How many nodes, balancers and stores?" }
                    p.what { "Planned from what was measured of '" (plan.arm) "'. Measured: within what was measured; predicted: to twice as far; scenario: beyond." }
                }
                main { (sections(plan)) }
            }
        }
    };
    markup.into_string()
}

fn sections(plan: &CapacityPlan) -> Markup {
    html! {
        section.verdict {
            h2 { "The plan" }
            p.headline { (text::headline(plan)) }
            (table(&["", "number", "95 %", "class"], &text::tier_rows(plan)))
            p { "Usable: " (text::usable_words(plan)) "." }
            @if let Some(cost) = &plan.cost { p { (text::cost_words(cost)) } }
        }
        section {
            h2 { "Throughput over nodes" }
            (page::figure(&chart::chart(plan)))
        }
        section {
            h2 { "What gives way first" }
            p { "If there were one of each: requests a second within the objective." }
            (table(&["first to last", "at", "95 %", "class", "then"], &text::limit_rows(plan)))
        }
        section {
            h2 { "What it assumes" }
            (list(&plan.assumes))
            @if !plan.cannot_know.is_empty() { h3 { "What it cannot know" } (list(&plan.cannot_know)) }
            @if !plan.advice.is_empty() {
                h3 { "What would make it surer" }
                (list(&plan.advice.iter().map(text::advice_words).collect::<Vec<_>>()))
            }
        }
        @if let Some(check) = &plan.check { (check_section(check)) }
    }
}

/// Predicted against measured: a section of the plan, and of the report.
pub fn check_section(check: &Check) -> Markup {
    html! {
        section {
            h2 { "The model, checked" }
            p { (text::check_headline(check)) }
            (table(&["", "predicted", "95 %", "measured", "error"], &text::check_rows(check)))
            @for note in &check.notes { p.note { (note) "." } }
        }
    }
}

fn list(items: &[String]) -> Markup {
    html! { ul { @for item in items { li { (item) } } } }
}

fn table(heads: &[&str], rows: &[Vec<String>]) -> Markup {
    page::table(heads, rows.iter().cloned())
}
