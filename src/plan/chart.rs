//! Throughput over nodes, from one to beyond the plan, on log axes: measured, predicted and scenario told apart.

use super::figure::{Class, plain_count};
use super::limits::PlanTier;
use super::proposal::{CapacityPlan, CurvePoint};
use crate::design::{Text, both};
use crate::report::charts::{Chart, Ink, Marker, ReferenceLine, Series, Stroke};
use crate::results::number::plain;

/// The chart of a plan.
pub fn chart(plan: &CapacityPlan) -> Chart {
    let mut series: Vec<Series> = [Class::Measured, Class::Predicted, Class::Scenario]
        .into_iter()
        .enumerate()
        .filter_map(|(number, class)| curve(plan, number, class))
        .collect();
    let dots = |limit: bool| {
        let sizes = plan.measured.iter().filter(|size| size.nodes_were_the_limit == limit);
        sizes.map(|size| (f64::from(size.nodes), size.per_second)).collect::<Vec<_>>()
    };
    let ceilings = Text::new("measured ceilings", "techos medidos");
    series.push(Series::new(ceilings, Ink::Text, Stroke::Only(Marker::Dot), dots(true)));
    if !dots(false).is_empty() {
        let name = Text::new("measured, stopped by something else", "medido; el límite fue otra cosa");
        series.push(Series::new(name, Ink::Mark, Stroke::Only(Marker::Cross), dots(false)));
    }
    series.push(planned(plan));
    let peak = plain(plan.peak_per_second);
    let peak_name = both!("peak {peak}/s", "pico {peak}/s", peak);
    let mut rules = vec![ReferenceLine { name: peak_name, upright: false, at: plan.peak_per_second }];
    let tiers = plan.limits.iter().filter(|limit| matches!(limit.tier, PlanTier::Balancer | PlanTier::Store));
    rules.extend(tiers.map(|limit| ReferenceLine {
        name: both!(
            "{name} gives way ({class})",
            "{name} cede ({class})",
            name = limit.name,
            class = limit.per_second.class.name()
        ),
        upright: false,
        at: limit.per_second.value,
    }));
    Chart {
        title: both!(
            "What nodes can do at most; {nodes} are planned for {peak}/s, since the objective, headroom and failures leave a part unused",
            "Lo máximo que pueden los nodos; se planean {nodes} para {peak}/s, porque el objetivo, la reserva y las fallas dejan una parte sin usar",
            nodes = plain_count(plan.nodes.value),
            peak
        ),
        alternative: alternative(plan),
        x: Text::new("nodes, log scale", "nodos, escala logarítmica"),
        y: Text::new("requests a second, log scale", "peticiones por segundo, escala logarítmica"),
        whole: true,
        log_x: true,
        log: true,
        series,
        rules,
        ..Chart::default()
    }
}

/// The part of the curve of one class, joined to the one before it.
fn curve(plan: &CapacityPlan, number: usize, class: Class) -> Option<Series> {
    let from = plan.curve.iter().position(|point| point.per_second.class == class)?;
    let points: Vec<&CurvePoint> =
        plan.curve[from.saturating_sub(1)..].iter().take_while(|point| point.per_second.class <= class).collect();
    let at = |point: &&CurvePoint| (f64::from(point.nodes), point.per_second.value);
    let (name, stroke) = match class {
        Class::Measured => (
            Text::new("measured: the fitted law, with its 95 % band", "medido: la ley ajustada, con su banda del 95 %"),
            Stroke::Solid,
        ),
        Class::Predicted => (
            Text::new("predicted: to twice what was measured", "predicho: hasta el doble de lo medido"),
            Stroke::Dashed,
        ),
        Class::Scenario => (
            Text::new(
                "scenario: cells side by side, if nothing else gives way",
                "hipotético: celdas una al lado de la otra, si ninguna otra cosa cede",
            ),
            Stroke::Dashed,
        ),
    };
    let mut series = Series::new(name, Ink::Series(number), stroke, points.iter().map(at).collect());
    let band = |point: &&CurvePoint| {
        let [low, high] = point.per_second.interval_95;
        (f64::from(point.nodes), low, high)
    };
    series.band = points.iter().map(band).collect();
    Some(series)
}

/// Where the plan stands.
fn planned(plan: &CapacityPlan) -> Series {
    let nearest = plan.curve.iter().min_by(|a, b| {
        let off = |point: &CurvePoint| (f64::from(point.nodes) - plan.nodes.value).abs();
        off(a).total_cmp(&off(b))
    });
    let at = nearest.map(|point| {
        let each = point.per_second.value / f64::from(point.nodes);
        (plan.nodes.value, plan.nodes.value * each)
    });
    Series::new(
        Text::new("the plan", "el plan"),
        Ink::Series(3),
        Stroke::Only(Marker::Diamond),
        at.into_iter().collect(),
    )
}

fn alternative(plan: &CapacityPlan) -> Text {
    let some = plan.curve.iter().step_by(plan.curve.len().div_ceil(8));
    let points = some.map(|point| {
        let [low, high] = point.per_second.interval_95.map(plain);
        both!(
            "{nodes} nodes: {rate} (95 %: {low} to {high}), {class}",
            "{nodes} nodos: {rate} (95 %: {low} a {high}), {class}",
            nodes = point.nodes,
            rate = plain(point.per_second.value),
            low,
            high,
            class = point.per_second.class.name()
        )
    });
    both!(
        "Requests a second at most over nodes, both on log scales. {points}.",
        "Peticiones por segundo, como máximo, según los nodos; las dos escalas son logarítmicas. {points}.",
        points = Text::join(points, "; ")
    )
}
