//! What stopped a point: the judgements of its nodes, held against balancer and generator.

use std::collections::BTreeMap;

use serde::Serialize;

use super::usage::Use;
use crate::results::load::Validity;
use crate::results::number::{or_dash, percent, plain, significant};
use crate::results::run::Run;
use crate::stats::{Bottleneck, Resource};

/// A balancer that uses this much of one core has hardly more to give, in percent.
const BALANCER_BUSY_PERCENT: f64 = 90.0;

/// The resource that stopped a point, and the figures that say so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Binding {
    /// `cpu`, `cpu-quota`, `io`, `memory`, `network` or `pool` of the nodes, `balancer`, `generator`, or `none`.
    pub resource: String,
    /// One plain sentence.
    pub evidence: String,
}

/// What stopped these runs of one level, of which `used` tells the medians and `quota` the cores that all nodes may use.
pub fn of(runs: &[&Run], used: &Use, quota: Option<f64>) -> Binding {
    let binding = |resource: &str, evidence: String| Binding { resource: resource.to_owned(), evidence };
    if let Some(reason) = runs.iter().find_map(|run| generator_bound(run)) {
        return binding("generator", reason);
    }
    if let Some(cpu) = used.balancer_cpu_percent.filter(|&cpu| cpu >= BALANCER_BUSY_PERCENT) {
        return binding("balancer", format!("the balancer used {} % of one core", percent(cpu)));
    }
    let Some(named) = most_named(runs) else {
        return binding("none", "the nodes named nothing as their bottleneck".to_owned());
    };
    let evidence = match (named.resource, quota) {
        (Resource::CpuQuota, Some(quota)) => format!(
            "the nodes used {} % of their {} cores and were throttled in {} % of the quota's periods",
            or_dash(used.cpu_percent, percent),
            significant(quota, 2),
            or_dash(used.throttled_percent, percent)
        ),
        (Resource::Pool, _) => format!(
            "{} % of the pool's threads were busy, and {} jobs waited at each node",
            or_dash(used.pool_percent, percent),
            or_dash(used.pool_queued, plain)
        ),
        (Resource::None, _) => "nothing at the nodes was used up: more connections may bring more".to_owned(),
        // A node's sentence begins with the name, which stands before it here already.
        (resource, _) => named
            .evidence
            .strip_prefix(resource.name())
            .map_or(named.evidence.as_str(), |rest| rest.trim_start_matches([':', ' ']))
            .to_owned(),
    };
    binding(named.resource.name(), evidence)
}

fn generator_bound(run: &Run) -> Option<String> {
    match run.load.generator.verdict {
        Validity::Valid => None,
        Validity::GeneratorBound => Some(run.load.generator.reason.clone()),
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
    use crate::results::run::NodeUse;

    #[test]
    fn what_stops_a_point() {
        let quota = Some(0.5);
        let busy = Use { cpu_percent: Some(99.4), throttled_percent: Some(88.0), ..Use::default() };
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
        assert_eq!(found.resource, "cpu-quota");
        assert_eq!(
            found.evidence,
            "the nodes used 99 % of their 0.50 cores and were throttled in 88 % of the quota's periods"
        );
        assert_eq!(of(&[&quotas, &run(&[Resource::Io; 3])], &busy, quota).evidence, "slow disk");
        assert_eq!(of(&[&run(&[])], &busy, quota).resource, "none");
        let through = Use { balancer_cpu_percent: Some(97.0), ..busy.clone() };
        assert_eq!(of(&[&quotas], &through, quota).resource, "balancer");
        let mut bound = quotas.clone();
        bound.load.generator = GeneratorUse { reason: "late".into(), ..GeneratorUse::default() };
        assert_eq!(
            of(&[&quotas, &bound], &through, quota),
            Binding { resource: "generator".into(), evidence: "late".into() }
        );
    }
}
