//! Many draws together: from evidence and a goal to a plan.

use super::draw::Draw;
use super::error::PlanError;
use super::evidence::{ArmEvidence, ClusterSize};
use super::figure::{Class, Figure};
use super::goal::Goal;
use super::proposal::{CapacityPlan, CurvePoint, MeasuredSize, PlannedCost};
use super::size::Because;
use super::usable::{Usable, UsableSource};
use super::{Effort, advice, assumptions, check, limits, resample};
use crate::results::prices::Prices;

/// Plans for a goal. Without `prices` nothing is said about cost.
///
/// # Errors
/// [`PlanError`] where the goal makes no sense, or cannot be reached by more nodes.
pub fn plan(
    evidence: &ArmEvidence,
    goal: &Goal,
    prices: Option<&Prices>,
    effort: &Effort,
) -> Result<CapacityPlan, PlanError> {
    goal.check()?;
    let usable = Usable::of(evidence, goal, effort)?;
    let fraction = |number: u64| usable.fractions[number as usize % usable.fractions.len()];
    let draw = |number: u64| Draw::of(evidence, goal, fraction(number), number, None);
    let draws: Vec<Draw> = (0..effort.draws.max(1)).map(draw).collect::<Result<_, _>>()?;
    let cell = evidence.cell();
    let peak = goal.peak_per_second();
    let counts: Vec<u32> = draws.iter().map(|draw| draw.nodes.0).collect();
    let nodes = figure_of_counts(&counts, |count| Class::of(f64::from(count), f64::from(cell.nodes)));
    let tier = |of: fn(&Draw) -> Option<(f64, u32)>, measured_to: f64| {
        let counts: Option<Vec<u32>> = draws.iter().map(|draw| Some(of(draw)?.1)).collect();
        // Several of a tier were never measured side by side.
        let class = |count: u32| if count > 1 { Class::Scenario } else { Class::of(peak, measured_to) };
        counts.map(|counts| figure_of_counts(&counts, class))
    };
    let balancers = tier(|draw| draw.balancers, limits::busiest_with(evidence, |run| run.balancer_seconds.is_some()));
    let stores = tier(|draw| draw.stores, limits::busiest_with(evidence, |run| run.store.is_some()));
    let failures = draws.iter().filter(|draw| draw.nodes.1 == Because::Failures).count();
    let mut plan = CapacityPlan {
        goal: goal.clone(),
        peak_per_second: peak,
        arm: evidence.arm.clone(),
        cell_nodes: cell.nodes,
        node_cores: cell.runs.iter().find_map(|run| Some(run.quota_cores? / f64::from(cell.nodes))),
        usable_fraction: figure(draws.iter().map(|draw| draw.fraction), Class::Measured.max(class_of(usable.source))),
        usable_source: usable.source,
        nodes,
        because: if 2 * failures > draws.len() { Because::Failures } else { Because::Headroom },
        balancers,
        stores,
        limits: limits::of(evidence, &draws),
        cost: None,
        advice: advice::of(evidence, goal, &usable, effort),
        assumes: Vec::new(),
        cannot_know: Vec::new(),
        curve: curve(&draws, cell, nodes),
        measured: measured(evidence),
        check: check::check(evidence, effort).ok(),
    };
    plan.cost = prices.and_then(|prices| cost(evidence, &plan, &draws, prices));
    plan.assumes = assumptions::assumes(evidence, &plan);
    plan.cannot_know = assumptions::cannot_know(evidence, &plan, prices);
    Ok(plan)
}

fn class_of(source: UsableSource) -> Class {
    match source {
        UsableSource::Ladder | UsableSource::LadderAlone => Class::Measured,
        UsableSource::Simulated => Class::Predicted,
        UsableSource::Assumed => Class::Scenario,
    }
}

fn figure(values: impl Iterator<Item = f64>, class: Class) -> Figure {
    let values: Vec<f64> = values.collect();
    // There is one draw at least.
    Figure::of(&values, class).unwrap_or(Figure { value: 0.0, interval_95: [0.0, f64::INFINITY], class })
}

/// The class is that of the upper end: who buys that much relies on it.
fn figure_of_counts(counts: &[u32], class: impl Fn(u32) -> Class) -> Figure {
    let figure = Figure::of_counts(counts, Class::Scenario);
    figure.map_or(Figure { value: 0.0, interval_95: [0.0, f64::INFINITY], class: Class::Scenario }, |figure| Figure {
        class: class(figure.interval_95[1] as u32),
        ..figure
    })
}

/// Points of the curve.
const POINTS: usize = 48;
/// How far beyond the plan it is drawn.
const BEYOND: f64 = 1.25;

fn curve(draws: &[Draw], cell: &ClusterSize, nodes: Figure) -> Vec<CurvePoint> {
    let last = (nodes.interval_95[1] * BEYOND).max(2.0 * f64::from(cell.nodes));
    let at = |step: usize| last.powf(step as f64 / (POINTS - 1) as f64).round() as u32;
    let mut counts: Vec<u32> = (0..POINTS).map(at).chain([cell.nodes, 2 * cell.nodes]).collect();
    counts.sort_unstable();
    counts.dedup();
    let point = |nodes: u32| {
        let class = Class::of(f64::from(nodes), f64::from(cell.nodes));
        CurvePoint {
            nodes,
            per_second: figure(draws.iter().map(|draw| draw.capacity.per_second(nodes) / draw.fraction), class),
        }
    };
    counts.into_iter().map(point).collect()
}

fn measured(evidence: &ArmEvidence) -> Vec<MeasuredSize> {
    let of = |size: &ClusterSize, nodes_were_the_limit| MeasuredSize {
        nodes: size.nodes,
        per_second: resample::rate(size),
        nodes_were_the_limit,
    };
    let others = evidence.left_out.iter().map(|left| of(&left.size, false));
    evidence.sizes.iter().map(|size| of(size, true)).chain(others).collect()
}

/// `None` where the prices know no such machine.
fn cost(evidence: &ArmEvidence, plan: &CapacityPlan, draws: &[Draw], prices: &Prices) -> Option<PlannedCost> {
    let node = prices.machine(evidence.node_units)?;
    let store = if plan.stores.is_some() { prices.machine(evidence.store_units())? } else { 0.0 };
    let hours: Vec<f64> = draws
        .iter()
        .map(|draw| {
            let count = |tier: Option<(f64, u32)>| tier.map_or(0.0, |(_, count)| f64::from(count));
            f64::from(draw.nodes.0) * node
                + count(draw.balancers) * prices.balancer_per_hour
                + count(draw.stores) * store
        })
        .collect();
    let classes = [Some(plan.nodes), plan.balancers, plan.stores];
    let class = classes.into_iter().flatten().map(|figure| figure.class).max().unwrap_or(Class::Scenario);
    let millions_an_hour = plan.goal.rate_per_second * 3600.0 / 1e6;
    Some(PlannedCost {
        currency: prices.currency.clone(),
        per_hour: figure(hours.iter().copied(), class),
        per_million: figure(hours.iter().map(|hour| hour / millions_an_hour), class),
        about: prices.about.text(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::sample;
    use super::*;
    use crate::plan::limits::PlanTier;
    use crate::results::objective::{LatencyFigure, Objective};

    const EFFORT: Effort = Effort { draws: 24, simulations: 1, requests: 1000 };

    fn goal(rate_per_second: f64) -> Goal {
        let objective = Objective { figure: LatencyFigure::P99, milliseconds: 250.0 };
        Goal { rate_per_second, peak_to_mean: 1.0, objective, headroom: 0.3, survive: 1, zones: 1 }
    }

    fn three_sizes() -> ArmEvidence {
        sample::evidence(&[(1, 100.0), (2, 195.0), (4, 370.0)], 0.02)
    }

    fn of(evidence: &ArmEvidence, rate: f64) -> CapacityPlan {
        plan(evidence, &goal(rate), None, &EFFORT).unwrap()
    }

    #[test]
    fn the_class_follows_the_distance() {
        for (rate, class, least, most) in [
            (150.0, Class::Measured, 3.0, 4.0),
            (400.0, Class::Predicted, 6.0, 8.0),
            (1e5, Class::Scenario, 1300.0, 2500.0),
            (1e7, Class::Scenario, 130_000.0, 250_000.0),
        ] {
            let plan = of(&three_sizes(), rate);
            let [low, high] = plan.nodes.interval_95;
            assert_eq!(plan.nodes.class, class, "{rate}: {:?}", plan.nodes);
            assert!(
                low <= plan.nodes.value && plan.nodes.value <= high && least <= low && high <= most,
                "{:?}",
                plan.nodes
            );
        }
    }

    #[test]
    fn tiers_give_way_in_order() {
        let plan = of(&sample::with_store(three_sizes(), 0.1e-3), 1e5);
        let tiers: Vec<PlanTier> = plan.limits.iter().map(|limit| limit.tier).collect();
        assert_eq!(tiers, [PlanTier::Node, PlanTier::Cell, PlanTier::Store, PlanTier::Balancer]);
        // 0.2 ms a request: 5000 a second, of which 80 % are planned, 70 % of them used; as the store, with 0.1 cores, 1000.
        let near = |figure: Figure, expected: f64| (figure.value / expected - 1.0).abs() < 0.02;
        assert!(near(plan.limits[3].per_second, 4000.0) && near(plan.balancers.unwrap(), 36.0), "{:?}", plan.balancers);
        assert!(near(plan.limits[2].per_second, 800.0) && near(plan.stores.unwrap(), 179.0), "{:?}", plan.stores);
        assert_eq!(
            (plan.balancers.unwrap().class, plan.limits[3].per_second.class),
            (Class::Scenario, Class::Scenario)
        );
        assert_eq!(of(&three_sizes(), 1e5).stores, None);
    }

    #[test]
    fn cost_needs_prices() {
        let evidence = three_sizes();
        assert_eq!(of(&evidence, 1e4).cost, None);
        let priced = plan(&evidence, &goal(1e4), Some(&Prices::example()), &EFFORT).unwrap();
        let cost = priced.cost.unwrap();
        let [low, high] = cost.per_hour.interval_95;
        let expected = priced.nodes.value * 0.010 + priced.balancers.unwrap().value * 0.006;
        assert!((cost.per_hour.value / expected - 1.0).abs() < 0.02 && low < high, "{cost:?}");
        assert!((cost.per_million.value / (cost.per_hour.value / 36.0) - 1.0).abs() < 1e-9);
        let mut big = evidence;
        big.node_units = 1000;
        let priced = plan(&big, &goal(1e4), Some(&Prices::example()), &EFFORT).unwrap();
        assert!(
            priced.cost.is_none()
                && priced.cannot_know.iter().any(|words| words.en().contains("no machine of 1000 units"))
        );
    }

    #[test]
    fn two_sizes_say_what_they_cannot_know() {
        let two = of(&sample::evidence(&[(1, 100.0), (2, 195.0)], 0.02), 1e4);
        assert!(
            two.cannot_know.iter().any(|words| words.en().contains("cannot tell contention from coherency")),
            "{two:?}"
        );
        assert!(two.check.is_none());
        let three = of(&three_sizes(), 1e4);
        assert!(!three.cannot_know.iter().any(|words| words.en().contains("contention")));
        assert!(three.check.is_some());
    }

    #[test]
    fn noise_widens_and_advice_narrows() {
        let noisy = of(&sample::evidence(&[(1, 100.0), (2, 195.0), (4, 370.0)], 0.06), 1e5);
        let calm = of(&three_sizes(), 1e5);
        assert!(noisy.nodes.relative_width() > 1.8 * calm.nodes.relative_width());
        assert!(noisy.advice[0].effect.en().contains("make the number of nodes unsure"), "{:?}", noisy.advice);
        assert!(noisy.advice.iter().all(|advice| advice.seconds > 0.0 && advice.command.en().contains("webapp bench")));
        assert!(
            noisy.advice.iter().any(|advice| advice.command.en().contains("--units 1,2,4,8")),
            "{:?}",
            noisy.advice
        );
        let exact = of(&sample::evidence(&[(1, 100.0), (2, 195.0), (4, 370.0)], 0.0001), 1e5);
        assert!(!exact.advice.iter().any(|advice| advice.effect.en().contains("unsure by")), "{:?}", exact.advice);
    }

    #[test]
    fn no_figure_without_interval_and_class() {
        fn walk(value: &Value, path: &str, found: &mut u32) {
            match value {
                Value::Object(fields) => {
                    if fields.contains_key("value") {
                        *found += 1;
                        let whole = fields["interval_95"].as_array().is_some_and(|ends| ends.len() == 2);
                        assert!(whole && fields["class"].is_string(), "{path}: {value}");
                    }
                    fields.iter().for_each(|(name, field)| walk(field, &format!("{path}.{name}"), found));
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, path, found)),
                _ => {}
            }
        }
        let plan = of(&sample::with_store(three_sizes(), 0.1e-3), 1e4);
        let mut found = 0;
        let json = serde_json::to_value(&plan).unwrap();
        walk(&json, "", &mut found);
        assert!(found > 20, "{found}");
        for tier in ["nodes", "balancers", "stores", "usable_fraction"] {
            assert!(json[tier]["class"].is_string(), "{tier}: {}", json[tier]);
        }
    }

    #[test]
    fn equal_folders_give_equal_plans() {
        assert_eq!(of(&three_sizes(), 1e4), of(&three_sizes(), 1e4));
    }

    #[test]
    fn goals_that_cannot_be_had_are_refused() {
        assert!(plan(&three_sizes(), &goal(0.0), None, &EFFORT).is_err());
        assert_eq!(plan(&three_sizes(), &goal(1e18), None, &EFFORT).unwrap_err(), PlanError::TooLarge);
    }
}
