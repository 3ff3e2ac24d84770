//! What gives way first, and next: each tier as if there were one of it.

use serde::Serialize;

use super::draw::Draw;
use super::evidence::ArmEvidence;
use super::figure::{Class, Figure};
use super::resample;
use super::size::TIER_USE;
use crate::design::{Text, both};
use crate::report::binding::Limit;
use crate::stats::Resource;

/// A tier that gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanTier {
    /// One node.
    Node,
    /// As many nodes as were measured side by side.
    Cell,
    /// One balancer.
    Balancer,
    /// One store.
    Store,
}

/// Where one of a tier gives way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TierLimit {
    /// Which tier.
    pub tier: PlanTier,
    /// What it is: `one node`, `a cell of 4 nodes`.
    pub name: Text,
    /// The most that it is planned for, in requests a second.
    pub per_second: Figure,
    /// What to do then.
    pub then: Text,
}

/// The limits of all tiers, the lowest first.
pub fn of(evidence: &ArmEvidence, draws: &[Draw]) -> Vec<TierLimit> {
    let cell = evidence.cell();
    let figure = |of: &dyn Fn(&Draw) -> Option<f64>, class: Class| {
        Figure::of(&draws.iter().filter_map(of).collect::<Vec<_>>(), class)
    };
    let mut limits = Vec::new();
    let mut add = |tier, name: Text, per_second: Option<Figure>, then: Text| {
        limits.extend(per_second.map(|per_second| TierLimit { tier, name, per_second, then }));
    };
    let one = figure(&|draw| Some(draw.capacity.per_second(1)), Class::Measured);
    let more = Text::new("more nodes, behind a balancer", "más nodos, detrás de un balanceador");
    add(PlanTier::Node, Text::new("one node", "un nodo"), one, more);
    if cell.nodes > 1 {
        let whole = figure(&|draw| Some(draw.capacity.cell_per_second()), Class::Measured);
        let name = both!("a cell of {nodes} nodes", "una celda de {nodes} nodos", nodes = cell.nodes);
        add(
            PlanTier::Cell,
            name,
            whole,
            Text::new(
                "more cells of this size beside it, which share nothing but what stands below",
                "más celdas de este tamaño al lado, que no comparten nada más que lo que está abajo",
            ),
        );
    }
    let busiest = busiest_with(evidence, |run| run.balancer_seconds.is_some());
    let ceiling = figure(&|draw| draw.balancers.map(|(ceiling, _)| ceiling), Class::Measured);
    let class = ceiling.map_or(Class::Scenario, |ceiling| Class::of(TIER_USE * ceiling.value, busiest));
    let usable = figure(&|draw| draw.balancers.map(|(ceiling, _)| TIER_USE * ceiling), class);
    let then = Text::new(
        "several balancers, behind DNS or a balancer of layer 4",
        "varios balanceadores, detrás de DNS o de un balanceador de capa 4",
    );
    add(PlanTier::Balancer, Text::new("one balancer on one core", "un balanceador en un núcleo"), usable, then);
    if let Some(name) = store_name(evidence) {
        let usable = figure(&|draw| draw.stores.map(|(ceiling, _)| TIER_USE * ceiling), store_class(evidence, draws));
        let then = Text::new(
            "more of it: a cache before it, replicas for reads, shards for writes",
            "más de lo mismo: una caché delante, réplicas para leer, shards para escribir",
        );
        let name = both!("one store: {name}", "un almacén: {name}", name = Text::name(name));
        add(PlanTier::Store, name, usable, then);
    }
    limits.sort_by(|a, b| a.per_second.value.total_cmp(&b.per_second.value));
    limits
}

/// The store's name and kind, where there is one.
pub fn store_name(evidence: &ArmEvidence) -> Option<String> {
    evidence.store_runs().next().map(|(_, store)| store.name.clone())
}

/// Of what one store can do: measured where a store was the limit of a size.
pub fn store_class(evidence: &ArmEvidence, draws: &[Draw]) -> Class {
    if evidence.left_out.iter().any(|left| left.limit == Limit::Node(Resource::Store)) {
        return Class::Measured;
    }
    let ceilings: Vec<f64> =
        draws.iter().filter_map(|draw| draw.stores.map(|(ceiling, _)| TIER_USE * ceiling)).collect();
    let busiest = busiest_with(evidence, |run| run.store.is_some());
    Figure::of(&ceilings, Class::Scenario).map_or(Class::Scenario, |ceiling| Class::of(ceiling.value, busiest))
}

/// The most that was answered a second by a size of which some run fits.
pub fn busiest_with(evidence: &ArmEvidence, fits: impl Fn(&super::measurement::Measurement) -> bool) -> f64 {
    let sizes = evidence.sizes.iter().chain(evidence.left_out.iter().map(|left| &left.size));
    sizes.filter(|size| size.runs.iter().any(&fits)).map(resample::rate).fold(0.0, f64::max)
}
