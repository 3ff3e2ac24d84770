//! `plan.html`: the answer first, then the chart, what gives way, what it assumes, and how well the model did. One file, no network.

use maud::{Markup, html};

use super::chart;
use super::check::Check;
use super::proposal::CapacityPlan;
use super::text;
use crate::report::page;

/// The whole page.
pub fn render(plan: &CapacityPlan) -> String {
    let title = format!("webapp plan: {} requests a second", crate::results::number::plain(plan.goal.rate_per_second));
    page::page(
        &title,
        &[],
        &html! {
            section.hero lang="en" {
                div.headline {
                    p.question { "How many nodes, balancers and stores?" }
                    h1.plan { (text::headline(plan)) }
                    p.evidence { "Planned from what was measured of '" (plan.arm) "'. Measured: within what was measured; predicted: to twice as far; scenario: beyond." }
                }
            }
            div.grid lang="en" { (sections(plan)) }
        },
    )
}

fn sections(plan: &CapacityPlan) -> Markup {
    html! {
        (panel("The plan", &html! {
            (table(&["", "number", "95 %", "class"], &text::tier_rows(plan)))
            p { "Usable: " (text::usable_words(plan)) "." }
            @if let Some(cost) = &plan.cost { p { (text::cost_words(cost)) } }
        }))
        (panel("Throughput over nodes", &page::figure(&chart::chart(plan))))
        (panel("What gives way first", &html! {
            p { "If there were one of each: requests a second within the objective." }
            (table(&["first to last", "at", "95 %", "class", "then"], &text::limit_rows(plan)))
        }))
        (panel("What it assumes", &html! {
            (list(&plan.assumes))
            @if !plan.cannot_know.is_empty() { h3 { "What it cannot know" } (list(&plan.cannot_know)) }
            @if !plan.advice.is_empty() {
                h3 { "What would make it surer" }
                (list(&plan.advice.iter().map(text::advice_words).collect::<Vec<_>>()))
            }
        }))
        @if let Some(check) = &plan.check { (check_section(check)) }
    }
}

/// Predicted against measured: a section of the plan, and of the report.
pub fn check_section(check: &Check) -> Markup {
    panel(
        "The model, checked",
        &html! {
            p { (text::check_headline(check)) }
            (table(&["", "predicted", "95 %", "measured", "error"], &text::check_rows(check)))
            @for note in &check.notes { p.note { (note) "." } }
        },
    )
}

fn panel(name: &str, content: &Markup) -> Markup {
    page::panel("", "wide", &name.into(), content)
}

fn list(items: &[String]) -> Markup {
    html! { ul.prose { @for item in items { li { (item) } } } }
}

fn table(heads: &[&str], rows: &[Vec<String>]) -> Markup {
    page::table(heads, rows.iter().cloned())
}
