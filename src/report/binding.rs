//! What stopped a point: the judgements of its nodes, held against balancer and generator.

use std::collections::BTreeMap;

use serde::Serialize;

use super::store_cause::{self, Cause};
use super::usage::ResourceUse;
use crate::design::{Text, both};
use crate::results::invalid;
use crate::results::number::{or_dash, percent, plain, significant};
use crate::results::run::Run;
use crate::stats::{Bottleneck, Resource};

/// A balancer that uses this much of one core has hardly more to give, in percent.
const BALANCER_BUSY_PERCENT: f64 = 90.0;

/// Nodes that use this much of their own quota are stopped by it before a store stops them, in percent.
const NODES_BUSY_PERCENT: f64 = 90.0;

/// Other processes that used this much of the machine, in percent, may be what stopped a point.
const FOREIGN_PERCENT: f64 = 10.0;

/// What stopped a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A resource that the nodes named; [`Resource::None`]: they named nothing.
    Node(Resource),
    /// The balancer's one core.
    Balancer,
    /// The load generator: the figure is not a ceiling.
    Generator,
    /// Other processes on the machine: the figure is not a ceiling.
    Others,
}

impl Limit {
    /// Its name in JSON and in tables: the resource's name, `balancer`, `generator` or `others`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Node(resource) => resource.name(),
            Self::Balancer => "balancer",
            Self::Generator => "generator",
            Self::Others => "others",
        }
    }
}

impl Serialize for Limit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What stopped a point, and the figures that say so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Binding {
    /// What it was.
    pub resource: Limit,
    /// One plain sentence.
    pub evidence: String,
    /// The same in Spanish. `None` where only English is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence_es: Option<String>,
}

impl Binding {
    fn new(resource: Limit, words: &Text) -> Self {
        let spanish = (words.en() != words.es()).then(|| words.es().to_owned());
        Self { resource, evidence: words.en().to_owned(), evidence_es: spanish }
    }

    /// The sentence in both languages.
    pub fn words(&self) -> Text {
        match &self.evidence_es {
            Some(spanish) => Text::new(&self.evidence, spanish),
            None => Text::as_written(&self.evidence),
        }
    }
}

/// What stopped these runs of one level, of which `used` tells the medians and `quota` the cores that all nodes may use.
pub fn of(runs: &[&Run], used: &ResourceUse, quota: Option<f64>) -> Binding {
    if let Some(reason) = runs.iter().find_map(|run| invalid::generator(&run.load.generator)) {
        return Binding::new(Limit::Generator, &reason);
    }
    if let Some(cpu) = used.balancer_cpu_percent.filter(|&cpu| cpu >= BALANCER_BUSY_PERCENT) {
        let cpu = percent(cpu);
        let words = both!("the balancer used {cpu} % of one core", "el balanceador usó el {cpu} % de un núcleo", cpu);
        return Binding::new(Limit::Balancer, &words);
    }
    let store = store_cause::used(runs);
    let names_its_own = most_named(runs).is_some_and(|named| named.resource != Resource::None);
    // A store that is used up stops nodes that have CPU left, whatever these believe, and those that name nothing of their own.
    if store_cause::cause(&store) == Cause::AtLimit
        && (!names_its_own || used.cpu_percent.is_none_or(|percent| percent < NODES_BUSY_PERCENT))
        && let Some(evidence) = store_cause::evidence(&store)
    {
        return Binding::new(Limit::Node(Resource::Store), &evidence);
    }
    let Some(named) = most_named(runs) else {
        let spanish = "los nodos no nombraron ningún cuello de botella";
        let words = Text::new("the nodes named nothing as their bottleneck", spanish);
        return Binding::new(Limit::Node(Resource::None), &words);
    };
    if let (Resource::Cpu, Some((foreign, cores))) = (named.resource, used.foreign_cores.zip(used.machine_cores))
        && 100.0 * foreign >= FOREIGN_PERCENT * cores
    {
        let words = both!(
            "other processes used {foreign} of {cores} cores meanwhile",
            "otros procesos usaron {foreign} de {cores} núcleos mientras tanto",
            foreign = format!("{foreign:.1}"),
            cores = format!("{cores:.0}")
        );
        return Binding::new(Limit::Others, &words);
    }
    let resource = Limit::Node(named.resource);
    let words = match (named.resource, quota) {
        (Resource::CpuQuota, Some(quota)) => throttled(used, quota),
        (Resource::Pool, _) => pool(used),
        (Resource::Store, _) => store_cause::evidence(&store).unwrap_or_else(|| own_words(named)),
        (Resource::None, _) => Text::new(
            "nothing at the nodes was used up: more connections may bring more",
            "nada se agotó en los nodos: más conexiones pueden dar más",
        ),
        (Resource::CpuQuota, None) | (Resource::Cpu | Resource::Io | Resource::Memory | Resource::Network, _) => {
            own_words(named)
        }
    };
    Binding::new(resource, &words)
}

fn throttled(used: &ResourceUse, quota: f64) -> Text {
    let (cpu, cores) = (or_dash(used.cpu_percent, percent), significant(quota, 2));
    let periods = or_dash(used.throttled_percent, percent);
    Text::counted(
        format!(
            "the nodes used {cpu} % of their {cores} cores and were throttled in {periods} % of the quota's periods"
        ),
        format!(
            "los nodos usaron el {cpu} % de sus {cores} núcleos y fueron frenados en el {periods} % de los períodos de la cuota"
        ),
    )
}

fn pool(used: &ResourceUse) -> Text {
    let (busy, waiting) = (or_dash(used.pool_percent, percent), or_dash(used.pool_queued, plain));
    Text::counted(
        format!("{busy} % of the pool's threads were busy, and {waiting} jobs waited at each node"),
        format!("el {busy} % de los hilos del pool estuvo ocupado, y {waiting} tareas esperaban en cada nodo"),
    )
}

/// A node's sentence begins with the name, which stands before it here already.
fn own_words(named: &Bottleneck) -> Text {
    let rest = |evidence: &str| {
        let rest = evidence.strip_prefix(named.resource.name());
        rest.map_or(evidence, |rest| rest.trim_start_matches([':', ' '])).to_owned()
    };
    let english = rest(&named.evidence);
    match rest(&named.evidence_es) {
        spanish if spanish.is_empty() => Text::as_written(english),
        spanish => Text::new(english, spanish),
    }
}

/// The resource that most nodes of most runs named, with evidence that names it.
fn most_named<'a>(runs: &[&'a Run]) -> Option<&'a Bottleneck> {
    let mut named: BTreeMap<Resource, (usize, &Bottleneck)> = BTreeMap::new();
    for bottleneck in runs.iter().flat_map(|run| &run.nodes).filter_map(|node| node.bottleneck.as_ref()) {
        let entry = named.entry(bottleneck.resource).or_insert((0, bottleneck));
        *entry = (entry.0 + 1, bottleneck);
    }
    named.into_values().max_by_key(|(count, _)| *count).map(|(_, bottleneck)| bottleneck)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::results::load::GeneratorUse;
    use crate::results::run::{NodeUse, ServiceRole, ServiceUse};

    #[test]
    fn what_stops_a_point() {
        let quota = Some(0.5);
        let busy = ResourceUse { cpu_percent: Some(99.4), throttled_percent: Some(88.0), ..ResourceUse::default() };
        let run = |named: &[Resource]| {
            let mut run = sample::closed(1, 2, 16, 100.0);
            run.nodes = named
                .iter()
                .map(|name| NodeUse {
                    bottleneck: Some(Bottleneck {
                        resource: *name,
                        evidence: format!("{}: slow disk", name.name()),
                        ..Bottleneck::default()
                    }),
                    ..NodeUse::default()
                })
                .collect();
            run
        };
        let quotas = run(&[Resource::CpuQuota, Resource::CpuQuota, Resource::Pool]);
        let found = of(&[&quotas], &busy, quota);
        assert_eq!(found.resource, Limit::Node(Resource::CpuQuota));
        assert_eq!(
            found.evidence,
            "the nodes used 99 % of their 0.50 cores and were throttled in 88 % of the quota's periods"
        );
        assert_eq!(of(&[&quotas, &run(&[Resource::Io; 3])], &busy, quota).evidence, "slow disk");
        assert_eq!(of(&[&run(&[])], &busy, quota).resource, Limit::Node(Resource::None));
        // The machine's CPU is not the limit of a point when others used it.
        let machine = run(&[Resource::Cpu]);
        for (foreign, limit) in
            [(Some(0.9), Limit::Others), (Some(0.1), Limit::Node(Resource::Cpu)), (None, Limit::Node(Resource::Cpu))]
        {
            let used = ResourceUse { foreign_cores: foreign, machine_cores: Some(2.0), ..busy.clone() };
            assert_eq!(of(&[&machine], &used, quota).resource, limit, "{foreign:?}");
        }
        let through = ResourceUse { balancer_cpu_percent: Some(97.0), ..busy.clone() };
        assert_eq!(of(&[&quotas], &through, quota).resource, Limit::Balancer);
        let mut bound = quotas.clone();
        bound.load.generator = GeneratorUse { reason: "late".into(), ..GeneratorUse::default() };
        assert_eq!(
            of(&[&quotas, &bound], &through, quota),
            Binding { resource: Limit::Generator, evidence: "late".into(), evidence_es: None }
        );
    }

    #[test]
    fn a_store_that_is_used_up_is_named_before_what_the_nodes_believe() {
        let mut run = sample::closed(1, 4, 16, 900.0);
        run.services = vec![ServiceUse {
            name: "store1".into(),
            kind: "mariadb".into(),
            role: ServiceRole::Primary,
            quota_cores: Some(0.1),
            cpu_cores: Some(0.0991),
            throttled_percent: Some(100.0),
            memory_bytes: None,
        }];
        let named = |cpu_percent| {
            of(&[&run], &ResourceUse { cpu_percent: Some(cpu_percent), ..ResourceUse::default() }, Some(0.4))
        };
        let found = named(40.0);
        assert_eq!(found.resource, Limit::Node(Resource::Store));
        assert_eq!(found.evidence, "store1 (mariadb) used 99 % of its 0.10 cores, throttled in 100 % of periods");
        // Nodes that are used up themselves come first, where they say so.
        assert_eq!(named(99.0).resource, Limit::Node(Resource::CpuQuota));
        for node in &mut run.nodes {
            node.bottleneck = Some(Bottleneck { resource: Resource::None, ..Bottleneck::default() });
        }
        let used = ResourceUse { cpu_percent: Some(92.0), ..ResourceUse::default() };
        assert_eq!(of(&[&run], &used, Some(0.4)).resource, Limit::Node(Resource::Store));
    }
}
