//! A plan in words and tables, for a terminal: nothing wider than 100 columns.

use super::advice::Advice;
use super::bars;
use super::check::{Check, Compared};
use super::figure::{Figure, plain_count};
use super::proposal::{CapacityPlan, PlannedCost};
use super::size::Because;
use super::usable::UsableSource;
use crate::design::{Text, both};
use crate::report::table;
use crate::results::number::{milliseconds, percent, plain, price, signed_percent};

/// Everything, as text.
pub fn text(plan: &CapacityPlan) -> String {
    let mut out = table::wrap(headline(plan).en(), 0) + "\n\n";
    out += &tiers(plan);
    if let Some(cost) = &plan.cost {
        out += &paragraph(cost_words(cost).en());
    }
    out += &format!("\n{}", bars::bars(plan));
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

fn list(items: &[Text]) -> String {
    items.iter().map(|item| paragraph(&format!("- {}", item.en()))).collect()
}

/// Rows of texts for a terminal.
fn english(rows: &[Vec<Text>]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.iter().map(|cell| cell.en().to_owned()).collect()).collect()
}

/// What was asked, and the answer in one sentence.
pub fn headline(plan: &CapacityPlan) -> Text {
    let goal = &plan.goal;
    let peak = if goal.peak_to_mean > 1.0 {
        both!(
            " on average and {peak} at the peak",
            " en promedio y {peak} en el pico",
            peak = plain(plan.peak_per_second)
        )
    } else {
        Text::default()
    };
    let because = match plan.because {
        Because::Headroom => both!(
            "so many because {share} % stay unused at the peak",
            "tantos porque en el pico queda sin usar el {share} %",
            share = percent(100.0 * goal.headroom)
        ),
        Because::Failures => Text::new(
            "so many because of the nodes that may be away at the peak",
            "tantos por los nodos que pueden faltar en el pico",
        ),
    };
    both!(
        "For {rate} requests a second{peak}, with {objective}: {nodes} ({class}), built as '{arm}'; {because}.",
        "Para {rate} peticiones por segundo{peak}, con {objective}: {nodes} ({class}), armados como '{arm}'; {because}.",
        rate = plain(goal.rate_per_second),
        peak,
        objective = goal.objective.to_string(),
        nodes = counted_nodes(&plan.nodes),
        class = plan.nodes.class.name(),
        arm = Text::name(&plan.arm),
        because
    )
}

/// `12 nodes (95 %: 11 to 14)`.
fn counted_nodes(figure: &Figure) -> Text {
    let [low, high] = figure.interval_95.map(plain_count);
    let count = plain_count(figure.value);
    if figure.value == 1.0 {
        return both!("{count} node (95 %: {low} to {high})", "{count} nodo (95 %: {low} a {high})", count, low, high);
    }
    both!("{count} nodes (95 %: {low} to {high})", "{count} nodos (95 %: {low} a {high})", count, low, high)
}

/// `11 to 14`.
fn interval(figure: &Figure, number: impl Fn(f64) -> String) -> Text {
    let [low, high] = figure.interval_95.map(number);
    both!("{low} to {high}", "{low} a {high}", low, high)
}

/// Tier, number, interval, class.
pub fn tier_rows(plan: &CapacityPlan) -> Vec<Vec<Text>> {
    let row = |name: Text, figure: &Figure, number: &dyn Fn(f64) -> String| {
        vec![name, Text::figure(number(figure.value)), interval(figure, number), figure.class.name()]
    };
    let tiers = [
        (Text::new("nodes", "nodos"), Some(&plan.nodes)),
        (Text::new("balancers", "balanceadores"), plan.balancers.as_ref()),
        (Text::new("stores", "almacenes"), plan.stores.as_ref()),
    ];
    let counts = tiers.into_iter().filter_map(|(name, figure)| Some(row(name, figure?, &plain_count)));
    let usable = Text::new("of the ceiling usable, %", "del techo se puede usar, %");
    let share = row(usable, &plan.usable_fraction, &|share| percent(100.0 * share));
    counts.chain([share]).collect()
}

fn tiers(plan: &CapacityPlan) -> String {
    let mut out = table::render(&["", "number", "95 %", "class"], &[0, 3], &english(&tier_rows(plan)));
    out.push('\n');
    out += &paragraph(&format!("usable: {}", usable_words(plan).en()));
    out
}

/// Where the usable share of the ceiling is from.
pub fn usable_words(plan: &CapacityPlan) -> Text {
    let objective = plan.goal.objective.to_string();
    match plan.usable_source {
        UsableSource::Simulated => both!(
            "the highest share at which the simulator meets {objective} with random arrivals",
            "la parte más alta con la que el simulador cumple {objective} con llegadas al azar",
            objective
        ),
        UsableSource::Ladder => both!(
            "the open ladder missed {objective} above it; the simulator would allow more",
            "por encima, la escalera abierta no cumplió {objective}; el simulador permitiría más",
            objective
        ),
        UsableSource::LadderAlone => both!(
            "the open ladder missed {objective} above it; the time of a request is not mainly CPU, so it is not simulated",
            "por encima, la escalera abierta no cumplió {objective}; el tiempo de una petición no es sobre todo CPU, así que no se simula",
            objective
        ),
        UsableSource::Assumed => Text::new(
            "a rule of thumb: nothing that was measured tells how response time grows with load",
            "una regla práctica: nada de lo que se midió dice cómo crece el tiempo de respuesta con la carga",
        ),
    }
}

/// Cost with its interval.
pub fn cost_words(cost: &PlannedCost) -> Text {
    let range = |figure: &Figure| {
        let (value, interval) = (price(figure.value), interval(figure, price));
        both!("{value} (95 %: {interval})", "{value} (95 %: {interval})", value, interval)
    };
    both!(
        "cost in {currency} ({class}): {hour} an hour, {million} for a million requests. {about}",
        "costo en {currency} ({class}): {hour} por hora, {million} por un millón de peticiones. {about}",
        currency = Text::name(&cost.currency),
        class = cost.per_hour.class.name(),
        hour = range(&cost.per_hour),
        million = range(&cost.per_million),
        about = cost.about
    )
}

/// Order, tier, where it gives way, interval, class, what then.
pub fn limit_rows(plan: &CapacityPlan) -> Vec<Vec<Text>> {
    let row = |limit: &super::limits::TierLimit| {
        let at = &limit.per_second;
        vec![
            limit.name.clone(),
            Text::figure(plain(at.value)),
            interval(at, plain),
            at.class.name(),
            limit.then.clone(),
        ]
    };
    plan.limits.iter().map(row).collect()
}

fn limits(plan: &CapacityPlan) -> String {
    let rows = english(&limit_rows(plan));
    table::render_with_gap(&["first to last", "at", "95 %", "class", "then"], &[0, 3, 4], &rows, 2) + "\n"
}

/// What to measure, and for how long.
pub fn advice_words(advice: &Advice) -> Text {
    both!(
        "{effect}: {command} (about {time})",
        "{effect}: {command} (unos {time})",
        effect = advice.effect,
        command = advice.command,
        time = duration(advice.seconds)
    )
}

fn duration(seconds: f64) -> Text {
    match (seconds / 60.0).round().max(1.0) as u32 {
        1 => Text::new("1 minute", "1 minuto"),
        minutes if minutes < 120 => both!("{minutes} minutes", "{minutes} minutos", minutes),
        minutes => {
            let hours = format!("{:.0}", f64::from(minutes) / 60.0);
            both!("{hours} hours", "{hours} horas", hours)
        }
    }
}

/// Predicted against measured.
pub fn check_text(check: &Check) -> String {
    let mut out = table::wrap(check_headline(check).en(), 0) + "\n";
    out += &table::render(&["", "predicted", "95 %", "measured", "error"], &[0], &english(&check_rows(check)));
    out.push('\n');
    for note in &check.notes {
        out += &paragraph(&format!("! {}", note.en()));
    }
    out
}

/// What is compared.
pub fn check_headline(check: &Check) -> Text {
    both!(
        "The model against what was measured ('{arm}'): {nodes} nodes predicted from {from} nodes and closed runs alone; rates with \
         their share of the measured ceiling.",
        "El modelo contra lo que se midió ('{arm}'): {nodes} nodos predichos solo con {from} nodos y corridas cerradas; las tasas, con su \
         parte del techo medido.",
        arm = Text::name(&check.arm),
        nodes = check.at_nodes,
        from = Text::list(check.from_nodes.iter().map(|nodes| Text::name(nodes.to_string())))
    )
}

/// Figure, predicted, interval, measured, error.
pub fn check_rows(check: &Check) -> Vec<Vec<Text>> {
    let row = |name: Text, compared: &Compared, number: fn(f64) -> String| {
        vec![
            name,
            Text::figure(number(compared.predicted.value)),
            interval(&compared.predicted, number),
            Text::figure(number(compared.measured)),
            Text::figure(signed_percent(compared.error_percent)),
        ]
    };
    let law = Text::new("ceiling by the law, requests/s", "techo según la ley, peticiones/s");
    let cells = || Text::new("ceiling by cells, requests/s", "techo según las celdas, peticiones/s");
    let mut rows = vec![row(law, &check.ceiling, plain)];
    rows.extend(check.ceiling_by_cells.iter().map(|compared| row(cells(), compared, plain)));
    for point in &check.latency {
        // With its share of the ceiling.
        let (rate, share) = (plain(point.rate_per_second), percent(100.0 * point.fraction));
        let at = both!("at {rate}/s ({share} %), ms", "a {rate}/s ({share} %), ms", rate, share);
        let named = |figure: Text| both!("{figure} {at}", "{figure} {at}", figure, at);
        rows.push(row(named(Text::name("p50")), &point.p50, milliseconds));
        rows.push(row(named(Text::name("p99")), &point.p99, milliseconds));
        let cpu_name = Text::new("CPU a request", "CPU por petición");
        rows.extend(point.cpu.iter().map(|cpu| row(named(cpu_name.clone()), cpu, milliseconds)));
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
        let page = page::render(&plan(1e5)).replace('\u{a0}', " ");
        for word in
            ["<svg", "scenario", "measured", "predicted", "The model, checked", "What gives way first", "gives way"]
        {
            assert!(page.contains(word), "{word}");
        }
        let further = page::further(&plan(1e5)).sections.into_string().replace('\u{a0}', " ");
        assert!(further.contains("id=\"plan\"") && further.contains("id=\"model\""));
        assert!(further.contains(headline(&plan(1e5)).es()), "the report says the answer, too");
    }
}
