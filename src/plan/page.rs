//! `plan.html`: the answer first, then the chart, what gives way, what it assumes, and how well the model did. One file, no network.

use maud::{Markup, html};

use super::chart;
use super::check::Check;
use super::proposal::CapacityPlan;
use super::text;
use crate::design::{Text, both};
use crate::report::page::{self, Further};

/// The whole page.
pub fn render(plan: &CapacityPlan) -> String {
    let title = both!(
        "A plan for {rate} requests a second · webapp",
        "Un plan para {rate} peticiones por segundo · webapp",
        rate = crate::results::number::plain(plan.goal.rate_per_second)
    );
    page::page(
        &title,
        &[],
        &html! {
            section.hero {
                div.headline {
                    p.question { (Text::new("How many nodes, balancers and stores?", "¿Cuántos nodos, balanceadores y almacenes?")) }
                    h1.plan { (text::headline(plan)) }
                    p.evidence { (planned_from(plan)) }
                }
            }
            div.grid { (sections(plan, &Text::default())) }
        },
    )
}

fn planned_from(plan: &CapacityPlan) -> Text {
    both!(
        "Planned from what was measured of '{arm}'. Measured: within what was measured; predicted: to twice as far; scenario: beyond.",
        "Planeado con lo que se midió de '{arm}'. Medido: dentro de lo que se midió; predicho: hasta el doble; hipotético: más allá.",
        arm = Text::name(&plan.arm)
    )
}

/// The plan as sections of the report.
pub fn further(plan: &CapacityPlan) -> Further {
    Further { id: "plan", name: Text::new("Plan", "Plan"), sections: sections(plan, &text::headline(plan)) }
}

/// The check alone, as a section of the report.
pub fn further_check(check: &Check) -> Further {
    Further { id: "model", name: Text::new("Model", "Modelo"), sections: check_section(check) }
}

/// `answer` stands first, where the page does not say it in large letters.
fn sections(plan: &CapacityPlan, answer: &Text) -> Markup {
    html! {
        (page::panel("plan", "wide", &Text::new("The plan", "El plan"), &html! {
            @if !answer.is_empty() { p { b { (answer) } } }
            (table(&["", "number", "95 %", "class"], &text::tier_rows(plan)))
            p { (Text::new("Usable: ", "Lo que se puede usar: ")) (text::usable_words(plan)) "." }
            @if let Some(cost) = &plan.cost { p { (text::cost_words(cost).upper_first()) } }
        }))
        (panel(&Text::new("Throughput over nodes", "Rendimiento según los nodos"), &page::figure(&chart::chart(plan))))
        (panel(&Text::new("What gives way first", "Qué cede primero"), &html! {
            p { (Text::new(
                "If there were one of each: requests a second within the objective.",
                "Si hubiera uno de cada uno: peticiones por segundo dentro del objetivo."
            )) }
            (table(&["first to last", "at", "95 %", "class", "then"], &text::limit_rows(plan)))
        }))
        (panel(&Text::new("What it assumes", "Qué supone"), &html! {
            (list(&plan.assumes))
            @if !plan.cannot_know.is_empty() {
                h3 { (Text::new("What it cannot know", "Qué no puede saber")) }
                (list(&plan.cannot_know))
            }
            @if !plan.advice.is_empty() {
                h3 { (Text::new("What would make it surer", "Qué lo haría más seguro")) }
                (list(&plan.advice.iter().map(text::advice_words).collect::<Vec<_>>()))
            }
        }))
        @if let Some(check) = &plan.check { (check_section(check)) }
    }
}

/// Predicted against measured: a section of the plan, and of the report.
fn check_section(check: &Check) -> Markup {
    page::panel(
        "model",
        "wide",
        &Text::new("The model, checked", "El modelo, puesto a prueba"),
        &html! {
            p { (text::check_headline(check)) }
            (table(&["", "predicted", "95 %", "measured", "error"], &text::check_rows(check)))
            @for note in &check.notes { p.note { (note.upper_first()) "." } }
        },
    )
}

fn panel(name: &Text, content: &Markup) -> Markup {
    page::panel("", "wide", name, content)
}

fn list(items: &[Text]) -> Markup {
    html! { ul.prose { @for item in items { li { (item) } } } }
}

fn table(heads: &[&str], rows: &[Vec<Text>]) -> Markup {
    page::table(heads, rows.iter().cloned())
}
