//! A plan in words and tables, for a terminal: nothing wider than 100 columns.

use super::advice::Advice;
use super::check::{Check, Compared};
use super::figure::Figure;
use super::proposal::{CapacityPlan, PlannedCost};
use super::size::Because;
use super::usable::UsableSource;
use crate::report::{table, words};
use crate::results::number::{counted, milliseconds, percent, plain, price, signed_percent};

/// Everything, as text.
pub fn text(plan: &CapacityPlan) -> String {
    let mut out = table::wrap(&headline(plan), 0) + "\n\n";
    out += &tiers(plan);
    if let Some(cost) = &plan.cost {
        out += &paragraph(&cost_words(cost));
    }
    out += "\nWhat gives way, if there is one of each (requests a second, within the objective):\n";
    out += &limits(plan);
    out += "\nIt assumes:\n";
    out += &list(&plan.assumes);
    if !plan.cannot_know.is_empty() {
        out += "\nIt cannot know:\n";
        out += &list(&plan.cannot_know);
    }
    if !plan.advice.is_empty() {
        out += "\nWhat would make it surer:\n";
        out += &list(&plan.advice.iter().map(advice_words).collect::<Vec<_>>());
    }
    if let Some(check) = &plan.check {
        out.push('\n');
        out += &check_text(check);
    }
    out
}

fn paragraph(text: &str) -> String {
    table::wrap(text, 2) + "\n"
}

fn list(items: &[String]) -> String {
    items.iter().map(|item| paragraph(&format!("- {item}"))).collect()
}

/// What was asked, and the answer in one sentence.
pub fn headline(plan: &CapacityPlan) -> String {
    let goal = &plan.goal;
    let peak = if goal.peak_to_mean > 1.0 {
        format!(" on average and {} at the peak", plain(plan.peak_per_second))
    } else {
        String::new()
    };
    let because = match plan.because {
        Because::Headroom => format!("so many because {} % stay unused at the peak", percent(100.0 * goal.headroom)),
        Because::Failures => "so many because of the nodes that may be away at the peak".to_owned(),
    };
    format!(
        "For {} requests a second{peak}, with {}: {} ({}), built as '{}'; {because}.",
        plain(goal.rate_per_second),
        goal.objective,
        counted_figure(&plan.nodes, "node"),
        plan.nodes.class.name(),
        plan.arm,
    )
}

/// `12 nodes (95 %: 11 to 14)`.
fn counted_figure(figure: &Figure, word: &str) -> String {
    let count = |value: f64| plain_count(value);
    let plural = if figure.value == 1.0 { "" } else { "s" };
    let [low, high] = figure.interval_95;
    format!("{} {word}{plural} (95 %: {} to {})", count(figure.value), count(low), count(high))
}

/// A whole number: `12`, `12,345`.
pub fn plain_count(value: f64) -> String {
    if value < 100.0 { format!("{value:.0}") } else { plain(value) }
}

/// Tier, number, interval, class.
pub fn tier_rows(plan: &CapacityPlan) -> Vec<Vec<String>> {
    let row = |name: &str, figure: &Figure| {
        let [low, high] = figure.interval_95;
        vec![
            name.to_owned(),
            plain_count(figure.value),
            format!("{} to {}", plain_count(low), plain_count(high)),
            figure.class.name().to_owned(),
        ]
    };
    let tiers =
        [("nodes", Some(&plan.nodes)), ("balancers", plan.balancers.as_ref()), ("stores", plan.stores.as_ref())];
    let mut rows: Vec<Vec<String>> = tiers.into_iter().filter_map(|(name, figure)| Some(row(name, figure?))).collect();
    let share = &plan.usable_fraction;
    let [low, high] = share.interval_95.map(|end| percent(100.0 * end));
    rows.push(vec![
        "of the ceiling usable, %".to_owned(),
        percent(100.0 * share.value),
        format!("{low} to {high}"),
        share.class.name().to_owned(),
    ]);
    rows
}

fn tiers(plan: &CapacityPlan) -> String {
    let mut out = table::render(&["", "number", "95 %", "class"], &[0, 3], &tier_rows(plan));
    out.push('\n');
    out += &paragraph(&format!("usable: {}", usable_words(plan)));
    out
}

/// Where the usable share of the ceiling is from.
pub fn usable_words(plan: &CapacityPlan) -> String {
    let objective = plan.goal.objective;
    match plan.usable_source {
        UsableSource::Simulated => {
            format!("the highest share at which the simulator meets {objective} with random arrivals")
        }
        UsableSource::Ladder => format!("the open ladder missed {objective} above it; the simulator would allow more"),
        UsableSource::LadderAlone => format!(
            "the open ladder missed {objective} above it; the time of a request is not mainly CPU, so it is not simulated"
        ),
        UsableSource::Assumed => {
            "a rule of thumb: nothing that was measured tells how response time grows with load".to_owned()
        }
    }
}

/// Cost with its interval.
pub fn cost_words(cost: &PlannedCost) -> String {
    let range = |figure: &Figure| {
        let [low, high] = figure.interval_95;
        format!("{} (95 %: {} to {})", price(figure.value), price(low), price(high))
    };
    format!(
        "cost in {} ({}): {} an hour, {} for a million requests. {}",
        cost.currency,
        cost.per_hour.class.name(),
        range(&cost.per_hour),
        range(&cost.per_million),
        cost.about
    )
}

/// Order, tier, where it gives way, interval, class, what then.
pub fn limit_rows(plan: &CapacityPlan) -> Vec<Vec<String>> {
    let row = |limit: &super::limits::TierLimit| {
        let [low, high] = limit.per_second.interval_95;
        vec![
            limit.name.clone(),
            plain(limit.per_second.value),
            format!("{} to {}", plain(low), plain(high)),
            limit.per_second.class.name().to_owned(),
            limit.then.clone(),
        ]
    };
    plan.limits.iter().map(row).collect()
}

fn limits(plan: &CapacityPlan) -> String {
    table::render_with_gap(&["first to last", "at", "95 %", "class", "then"], &[0, 3, 4], &limit_rows(plan), 2) + "\n"
}

/// What to measure, and for how long.
pub fn advice_words(advice: &Advice) -> String {
    format!("{}: {} (about {})", advice.effect, advice.command, duration(advice.seconds))
}

fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round().max(1.0) as u32;
    if minutes < 120 { counted(minutes, "minute") } else { format!("{:.0} hours", f64::from(minutes) / 60.0) }
}

/// Predicted against measured.
pub fn check_text(check: &Check) -> String {
    let mut out = table::wrap(&check_headline(check), 0) + "\n";
    out += &table::render(&["", "predicted", "95 %", "measured", "error"], &[0], &check_rows(check));
    out.push('\n');
    for note in &check.notes {
        out += &paragraph(&format!("! {note}"));
    }
    out
}

/// What is compared.
pub fn check_headline(check: &Check) -> String {
    let from: Vec<String> = check.from_nodes.iter().map(ToString::to_string).collect();
    let from = words::list(&from);
    format!(
        "The model against what was measured ('{}'): {} predicted from {} nodes and closed runs alone; rates with their share of the \
         measured ceiling.",
        check.arm,
        counted(check.at_nodes, "node"),
        from,
    )
}

/// Figure, predicted, interval, measured, error.
pub fn check_rows(check: &Check) -> Vec<Vec<String>> {
    let row = |name: String, compared: &Compared, number: fn(f64) -> String| {
        let [low, high] = compared.predicted.interval_95;
        vec![
            name,
            number(compared.predicted.value),
            format!("{} to {}", number(low), number(high)),
            number(compared.measured),
            signed_percent(compared.error_percent),
        ]
    };
    let mut rows = vec![row("ceiling by the law, requests/s".to_owned(), &check.ceiling, plain)];
    rows.extend(
        check.ceiling_by_cells.iter().map(|cells| row("ceiling by cells, requests/s".to_owned(), cells, plain)),
    );
    for point in &check.latency {
        // With its share of the ceiling.
        let at = format!("at {}/s ({} %), ms", plain(point.rate_per_second), percent(100.0 * point.fraction));
        rows.push(row(format!("p50 {at}"), &point.p50, milliseconds));
        rows.push(row(format!("p99 {at}"), &point.p99, milliseconds));
        rows.extend(point.cpu.iter().map(|cpu| row(format!("CPU a request {at}"), cpu, milliseconds)));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::goal::Goal;
    use super::super::{Effort, page, planner, sample};
    use super::*;
    use crate::results::objective::{LatencyFigure, Objective};
    use crate::results::prices::Prices;

    fn plan(rate_per_second: f64) -> CapacityPlan {
        let objective = Objective { figure: LatencyFigure::P99, milliseconds: 250.0 };
        let goal = Goal { rate_per_second, peak_to_mean: 3.0, objective, headroom: 0.3, survive: 2, zones: 3 };
        let evidence = sample::evidence(&[(1, 100.0), (2, 195.0), (4, 370.0)], 0.02);
        let evidence = sample::with_store(sample::with_ladder(evidence, 370.0, &[(0.5, 2.9, 4.4)]), 0.1e-3);
        let effort = Effort { draws: 12, simulations: 1, requests: 1000 };
        planner::plan(&evidence, &goal, Some(&Prices::example()), &effort).unwrap()
    }

    #[test]
    fn words_fit_a_terminal_and_leave_nothing_out() {
        for rate in [50.0, 1e7] {
            let text = text(&plan(rate));
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(table::WIDTH)), "{text}");
            for word in [
                "nodes",
                "balancers",
                "stores",
                "95 %",
                "What gives way",
                "one store: store1 (mariadb)",
                "It assumes",
                "What would make it surer",
                "cost in USD",
                "predicted",
                "measured",
                "p99 at",
            ] {
                assert!(text.contains(word), "{word}: {text}");
            }
        }
        assert!(text(&plan(1e7)).contains("scenario"));
    }

    #[test]
    fn the_page_shows_the_same() {
        let page = page::render(&plan(1e5));
        for word in
            ["<svg", "scenario", "measured", "predicted", "The model, checked", "What gives way first", "gives way"]
        {
            assert!(page.contains(word), "{word}");
        }
    }
}
