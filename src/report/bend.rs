//! Where nodes that share a service stop growing: what the law of the measured points says, beside what the CPU costs of the
//! smallest cluster predict.
//!
//! The service can answer `service quota / CPU of a request in the service` requests a second, a node `node quota / CPU of a
//! request in the node`. Their quotient is the number of nodes that use up the service: the asymptotic bounds of operational
//! analysis (P. J. Denning and J. P. Buzen, "The Operational Analysis of Queueing Network Models", ACM Computing Surveys 10,
//! 1978), with nodes in place of users.

use serde::Serialize;

use super::analysis::{self, Point};
use super::binding::Limit;
use super::store_cause;
use super::usl::{Fit, LawBend};
use super::words;
use crate::results::arm::Scale;
use crate::results::folder::Results;
use crate::results::number::{plain, significant};
use crate::results::plan::Plan;
use crate::stats::Resource;

/// Prediction and measurement agree when they are not further apart than this, in nodes.
const AGREE_NODES: f64 = 1.0;

/// Where the nodes of one arm stop growing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bend {
    /// Which arm.
    pub arm: String,
    /// The scale whose runs the costs are of: the fewest nodes.
    pub from_scale: Scale,
    /// The service that should be used up first, and its kind: `store1 (mariadb)`.
    pub service: Option<String>,
    /// What a request costs a node, and what a node has.
    pub node: RequestCost,
    /// What a request costs that service, and what it has.
    pub shared: RequestCost,
    /// Nodes that use up the service. `None`: `missing` says why.
    pub predicted_nodes: Option<f64>,
    /// What was not measured, or has no limit.
    pub missing: Option<String>,
    /// Where the law bends. `None` where it does not, or was not fitted.
    pub law: Option<LawBend>,
    /// Most nodes that were measured.
    pub measured_to: f64,
    /// Whether prediction and law are at most one node apart, or both beyond what was measured. `None` where one is missing.
    pub agrees: Option<bool>,
    /// The scales at which the report names a store as the limit.
    pub stopped_at: Vec<Scale>,
}

/// CPU of a request, and CPU that there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RequestCost {
    /// CPU that may be used, in cores. `None` without a limit.
    pub quota_cores: Option<f64>,
    /// CPU of one request, in milliseconds.
    pub cpu_milliseconds: Option<f64>,
}

impl RequestCost {
    /// Requests a second that it carries, or what is missing to tell: `who` is whose.
    fn capacity(self, who: &str) -> Result<f64, String> {
        let usable = |value: Option<f64>| value.filter(|value| *value > 0.0);
        let quota = usable(self.quota_cores).ok_or_else(|| format!("{who} has no CPU quota"))?;
        let cost = usable(self.cpu_milliseconds)
            .ok_or_else(|| format!("the CPU that a request costs {who} was not measured"))?;
        Ok(1e3 * quota / cost)
    }
}

/// How many nodes use up what they share.
///
/// # Errors
/// What is missing to tell, as the begin of a sentence.
pub fn predict(node: RequestCost, shared: RequestCost, service: &str) -> Result<f64, String> {
    Ok(shared.capacity(service)? / node.capacity("a node")?)
}

/// Whether the two bends are the same for a reader: at most a node apart, or both beyond what was measured.
pub fn agree(law: f64, predicted: f64, measured_to: f64) -> bool {
    (law - predicted).abs() <= AGREE_NODES || law.min(predicted) > measured_to
}

/// One entry for each arm whose scale counts its nodes, and whose nodes share a service.
pub fn bends(results: &Results, points: &[Point], law: impl Fn(&str) -> Option<Fit>) -> Vec<Bend> {
    let arms = &results.manifest.plan.arms;
    arms.iter().filter_map(|arm| bend(results, points, &arm.name, law(&arm.name).as_ref())).collect()
}

fn bend(results: &Results, points: &[Point], arm: &str, law: Option<&Fit>) -> Option<Bend> {
    let here: Vec<&Point> = points.iter().filter(|point| point.key.arm == arm).collect();
    let nodes = |point: &&Point| analysis::ceiling_runs(results, &point.key).first().map(|run| run.nodes.len() as f64);
    let counts_nodes = here.iter().all(|point| point.key.scale.number().is_some_and(|n| nodes(point) == Some(n)));
    let (first, last) = (here.first()?, here.last()?);
    let runs = analysis::ceiling_runs(results, &first.key);
    let shares = runs.first().is_some_and(|run| !run.services.is_empty());
    if here.len() < 2 || !counts_nodes || !shares {
        return None;
    }
    let count = first.key.scale.number()?;
    let node = RequestCost {
        quota_cores: first.quota_cores.map(|quota| quota / count),
        cpu_milliseconds: first.demand_milliseconds.map(|demand| demand.median),
    };
    let each = store_cause::services(&runs).into_iter().map(|service| {
        let cpu_milliseconds = store_cause::cpu_milliseconds(&service, &runs);
        let shared = RequestCost { quota_cores: service.quota_cores, cpu_milliseconds };
        (predict(node, shared, &service.name), shared, service.name)
    });
    let order = |predicted: &Result<f64, String>| *predicted.as_ref().unwrap_or(&f64::INFINITY);
    let found = each.min_by(|a, b| order(&a.0).total_cmp(&order(&b.0)));
    let (predicted, shared, service) = match found {
        Some((predicted, shared, name)) => (predicted, shared, Some(name)),
        None => (Err("the CPU of the service was not measured".to_owned()), RequestCost::default(), None),
    };
    let measured_to = last.key.scale.number()?;
    let law = law.and_then(|fit| fit.bend);
    let store = Limit::Node(Resource::Store);
    Some(Bend {
        arm: arm.to_owned(),
        from_scale: first.key.scale.clone(),
        service,
        node,
        shared,
        law,
        measured_to,
        agrees: law.zip(predicted.as_ref().ok()).map(|(law, predicted)| agree(law.n, *predicted, measured_to)),
        stopped_at: here
            .iter()
            .filter(|point| point.binding.resource == store)
            .map(|point| point.key.scale.clone())
            .collect(),
        missing: predicted.as_ref().err().cloned(),
        predicted_nodes: predicted.ok(),
    })
}

impl Bend {
    fn nodes(n: f64) -> String {
        format!("{} nodes", significant(n, 2))
    }

    fn law_words(&self) -> Option<String> {
        let law = self.law?;
        let interval =
            law.interval_95.map(|[low, high]| format!(" (95 %: {} to {})", significant(low, 2), significant(high, 2)));
        Some(format!("{}{}", Self::nodes(law.n), interval.unwrap_or_default()))
    }

    /// Both bends in one sentence, without its begin: `throughput bends at …`.
    fn both(&self) -> String {
        let law = self.law.filter(|law| law.n <= self.measured_to).and_then(|_| self.law_words());
        let up_to = self.measured_to;
        let costs = match self.from_scale.number() {
            Some(1.0) => "the CPU costs of one node's run".to_owned(),
            _ => format!("the CPU costs of the run with {} nodes", self.from_scale),
        };
        match (law, self.predicted_nodes) {
            (Some(law), Some(predicted)) => {
                let agreed = if self.agrees == Some(true) {
                    "the two agree within one node"
                } else {
                    "the two do not agree within one node"
                };
                format!("throughput bends at {law} by the law, and at {} by {costs}: {agreed}", Self::nodes(predicted))
            }
            (Some(law), None) => format!("throughput bends at {law} by the law{}", self.missing_words()),
            (None, Some(predicted)) if predicted > self.measured_to => format!(
                "throughput does not bend up to the {up_to} nodes that were measured, as {costs} predict ({})",
                Self::nodes(predicted)
            ),
            (None, Some(predicted)) => format!(
                "the law shows no bend up to the {up_to} nodes that were measured, but {costs} predict one at {}",
                Self::nodes(predicted)
            ),
            (None, None) => {
                format!("the law shows no bend up to the {up_to} nodes that were measured{}", self.missing_words())
            }
        }
    }

    fn missing_words(&self) -> String {
        self.missing.as_ref().map_or_else(String::new, |missing| format!(" (no prediction: {missing})"))
    }

    /// How the prediction was made, for the table of findings.
    pub fn arithmetic(&self, plan: &Plan) -> String {
        let cores = |cost: RequestCost| {
            cost.quota_cores.map_or_else(|| "no quota".to_owned(), |cores| format!("{cores:.2} cores"))
        };
        let cpu = |cost: RequestCost| {
            cost.cpu_milliseconds
                .map_or_else(|| "not measured".to_owned(), |time| format!("{} ms", significant(time, 3)))
        };
        let service = self.service.as_deref().unwrap_or("the service");
        let law = self.law_words().unwrap_or_else(|| "none".to_owned());
        let predicted = match (self.predicted_nodes, &self.missing) {
            (Some(predicted), _) => Self::nodes(predicted),
            (None, Some(missing)) => format!("none, since {missing}"),
            (None, None) => "none".to_owned(),
        };
        format!(
            "{}: predicted {predicted}, from the runs at {}: (CPU of {service} {} / of a node {}) x (CPU of a request in a \
             node {} / in {service} {}); by the law {law}",
            self.arm,
            words::scale(plan, &self.from_scale),
            cores(self.shared),
            cores(self.node),
            cpu(self.node),
            cpu(self.shared)
        )
    }
}

/// For the headline: where an arm bends, by law and by prediction, and what stops it beyond.
pub fn sentence(bend: &Bend, plan: &Plan, points: &[Point]) -> String {
    let label = plan.arm(&bend.arm).map_or(bend.arm.as_str(), |arm| arm.label());
    let mut sentence = format!("With {label}, {}.", bend.both());
    let stopped: Vec<&Point> =
        points.iter().filter(|point| point.key.arm == bend.arm && bend.stopped_at.contains(&point.key.scale)).collect();
    if let Some(last) = stopped.last() {
        let rates: Vec<String> = stopped
            .iter()
            .map(|point| format!("{} ({} requests a second)", point.key.scale, plain(point.ceiling_per_second.median)))
            .collect();
        sentence +=
            &format!(" The store stops it at {} {}: {}.", words::list(&rates), plan.scale_name, last.binding.evidence);
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Report, sample};
    use crate::results::arm::{Arm, PointKey};
    use crate::results::run::{Level, ServiceRole, ServiceUse};

    fn cost(quota: f64, milliseconds: f64) -> RequestCost {
        RequestCost { quota_cores: Some(quota), cpu_milliseconds: Some(milliseconds) }
    }

    #[test]
    fn predictions_of_a_table() {
        for (node, shared, nodes) in [
            (cost(0.1, 0.191), cost(0.1, 0.0838), 2.279),
            (cost(0.25, 0.3), cost(0.25, 0.094), 3.191),
            (cost(0.1, 0.2), cost(0.4, 0.2), 4.0),
            (cost(0.5, 0.05), cost(0.1, 0.1), 0.1),
        ] {
            let predicted = predict(node, shared, "store1 (mariadb)").unwrap();
            assert!((predicted - nodes).abs() < 1e-3, "{node:?} {shared:?}: {predicted}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let whole = cost(0.1, 0.2);
        let unlimited = RequestCost { quota_cores: None, ..whole };
        let unmeasured = RequestCost { cpu_milliseconds: None, ..whole };
        for (node, shared, words) in [
            (unlimited, whole, "a node has no CPU quota"),
            (whole, unlimited, "store1 (redis) has no CPU quota"),
            (unmeasured, whole, "the CPU that a request costs a node was not measured"),
            (whole, unmeasured, "the CPU that a request costs store1 (redis) was not measured"),
            (whole, cost(0.1, 0.0), "the CPU that a request costs store1 (redis) was not measured"),
        ] {
            assert_eq!(predict(node, shared, "store1 (redis)"), Err(words.to_owned()));
        }
    }

    #[test]
    fn agreement_is_within_a_node_or_beyond_the_measured() {
        for (law, predicted, expected) in [
            (2.3, 2.3, true),
            (2.3, 3.3, true),
            (2.3, 3.4, false),
            (9.0, 20.0, true),
            (7.5, 20.0, false),
            (20.0, 5.0, false),
        ] {
            assert_eq!(agree(law, predicted, 8.0), expected, "{law} {predicted}");
        }
    }

    /// 1, 2, 4 and 8 nodes of 0.1 cores that share a store of 0.1 cores; a request costs a node 0.2 ms, and the store `shared` ms.
    fn results(shared: f64, quota: Option<f64>) -> Results {
        let mut results = sample::results();
        let plan = &mut results.manifest.plan;
        plan.arms = vec![Arm { name: "horizontal".into(), label: Some("one store".into()), ..Arm::default() }];
        plan.scales = [1, 2, 4, 8].map(Scale::from).to_vec();
        plan.scale_name = "nodes".into();
        (plan.blocks, plan.further_blocks, plan.connections) = (3, 0, vec![8]);
        let most = 1e3 * 0.1 / shared;
        let ceiling = |n: u32| (500.0 * f64::from(n)).min(most) * if n == 8 { 0.95 } else { 1.0 };
        let one = |block: u32, n: u32| {
            let rate = ceiling(n) * (1.0 + 0.002 * f64::from(block));
            let mut run = sample::run(block, "horizontal", n, Level::Closed { connections: 8 * n }, rate, 50.0);
            for node in &mut run.nodes {
                node.quota_cores = Some(0.1);
                node.cpu_cores = Some(0.2e-3 * rate / f64::from(n));
            }
            run.services = vec![ServiceUse {
                name: "store1".into(),
                kind: "mariadb".into(),
                role: ServiceRole::Primary,
                quota_cores: quota,
                cpu_cores: Some(shared / 1e3 * rate),
                throttled_percent: Some(if rate >= 0.9 * most { 100.0 } else { 5.0 }),
                memory_bytes: None,
            }];
            run
        };
        results.runs = (1..=3).flat_map(|block| [1, 2, 4, 8].map(|n| one(block, n))).collect();
        results
    }

    #[test]
    fn the_headline_tells_both_bends_and_what_stops_the_nodes() {
        let report = Report::of(&results(0.08, Some(0.1)), None).unwrap();
        let bend = &report.bends[0];
        assert!((bend.predicted_nodes.unwrap() - 2.5).abs() < 0.01, "{bend:?}");
        let law = bend.law.unwrap();
        assert!((law.n - 2.5).abs() < 0.6 && law.interval_95.unwrap()[0] < law.n, "{law:?}");
        assert_eq!(bend.stopped_at, [4.into(), 8.into()] as [Scale; 2]);
        for words in [
            "With one store, throughput bends at 2.",
            "by the law, and at 2.5 nodes by the CPU costs of one node's run: the two agree within one node.",
            "The store stops it at 4 (1255 requests a second) and 8 (1192 requests a second) nodes: store1 (mariadb) used",
            "of its 0.10 cores, throttled in 100 % of periods.",
        ] {
            assert!(report.headline.contains(words), "'{words}' in {}", report.headline);
        }
        let text = crate::report::findings::text(&report);
        assert!(text.contains("where the nodes use up what they share"), "{text}");
        assert_eq!(serde_json::to_value(&report).unwrap()["bends"][0]["service"], "store1 (mariadb)");
    }

    #[test]
    fn a_store_that_is_large_enough_bends_nothing() {
        let report = Report::of(&results(0.01, Some(0.1)), None).unwrap();
        assert_eq!(report.bends[0].predicted_nodes.map(f64::round), Some(20.0));
        let words = "throughput does not bend up to the 8 nodes that were measured, as the CPU costs of one node's run predict (20 nodes)";
        assert!(report.headline.contains(words), "{}", report.headline);
        let unlimited = Report::of(&results(0.08, None), None).unwrap();
        assert!(
            unlimited.headline.contains("by the law (no prediction: store1 (mariadb) has no CPU quota)"),
            "{}",
            unlimited.headline
        );
    }

    #[test]
    fn nothing_is_said_of_nodes_that_share_nothing_or_of_another_scale() {
        assert!(Report::of(&sample::results(), None).unwrap().bends.is_empty());
        let mut rows = results(0.08, Some(0.1));
        for run in &mut rows.runs {
            run.nodes.truncate(1);
        }
        assert!(Report::of(&rows, None).unwrap().bends.is_empty(), "the scale does not count nodes");
        let mut one = results(0.08, Some(0.1));
        one.runs.retain(|run| run.point == PointKey::new("horizontal", 1));
        assert!(Report::of(&one, None).unwrap().bends.is_empty(), "one size has no bend");
    }
}
