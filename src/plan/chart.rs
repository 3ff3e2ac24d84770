//! Throughput over nodes, from one to beyond the plan, on log axes: measured, predicted and scenario told apart.

use super::figure::Class;
use super::limits::PlanTier;
use super::proposal::{CapacityPlan, CurvePoint};
use super::text::plain_count;
use crate::report::charts::{Chart, Ink, Marker, Rule, Series, Stroke};
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
    series.push(Series::new("measured ceilings", Ink::Text, Stroke::Only(Marker::Dot), dots(true)));
    if !dots(false).is_empty() {
        let name = "measured, stopped by something else";
        series.push(Series::new(name, Ink::Mark, Stroke::Only(Marker::Cross), dots(false)));
    }
    series.push(planned(plan));
    let rule = |name: String, at: f64| Rule { name, upright: false, at };
    let mut rules = vec![rule(format!("peak {}/s", plain(plan.peak_per_second)), plan.peak_per_second)];
    let tiers = plan.limits.iter().filter(|limit| matches!(limit.tier, PlanTier::Balancer | PlanTier::Store));
    rules.extend(tiers.map(|limit| {
        let name = format!("{} gives way ({})", limit.name, limit.per_second.class.name());
        rule(name, limit.per_second.value)
    }));
    Chart {
        title: format!(
            "What nodes can do at most; {} are planned for {}/s, since the objective, headroom and failures leave a part unused",
            plain_count(plan.nodes.value),
            plain(plan.peak_per_second)
        ),
        alternative: alternative(plan),
        x: "nodes, log scale".into(),
        y: "requests a second, log scale".into(),
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
        Class::Measured => ("measured: the fitted law, with its 95 % band", Stroke::Solid),
        Class::Predicted => ("predicted: to twice what was measured", Stroke::Dashed),
        Class::Scenario => ("scenario: cells side by side, if nothing else gives way", Stroke::Dashed),
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
    Series::new("the plan", Ink::Series(3), Stroke::Only(Marker::Diamond), at.into_iter().collect())
}

fn alternative(plan: &CapacityPlan) -> String {
    let some = plan.curve.iter().step_by(plan.curve.len().div_ceil(8));
    let points: Vec<String> = some
        .map(|point| {
            let [low, high] = point.per_second.interval_95;
            format!(
                "{} nodes: {} (95 %: {} to {}), {}",
                point.nodes,
                plain(point.per_second.value),
                plain(low),
                plain(high),
                point.per_second.class.name()
            )
        })
        .collect();
    format!("Requests a second at most over nodes, both on log scales. {}.", points.join("; "))
}
