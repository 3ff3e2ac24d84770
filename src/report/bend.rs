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
use super::spanish::{label, scale_name};
use super::store_cause;
use super::usl::{Fit, LawBend};
use super::words;
use crate::design::{Text, both};
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
    pub missing: Option<Text>,
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
    fn capacity(self, who: &Text) -> Result<f64, Text> {
        let usable = |value: Option<f64>| value.filter(|value| *value > 0.0);
        let no_quota = || both!("{who} has no CPU quota", "{who} no tiene cuota de CPU", who);
        let not_measured = || {
            both!(
                "the CPU that a request costs {who} was not measured",
                "no se midió la CPU que una petición le cuesta a {who}",
                who
            )
        };
        let quota = usable(self.quota_cores).ok_or_else(no_quota)?;
        let cost = usable(self.cpu_milliseconds).ok_or_else(not_measured)?;
        Ok(1e3 * quota / cost)
    }
}

/// How many nodes use up what they share.
///
/// # Errors
/// What is missing to tell, as the begin of a sentence.
pub fn predict(node: RequestCost, shared: RequestCost, service: &str) -> Result<f64, Text> {
    Ok(shared.capacity(&Text::name(service))? / node.capacity(&Text::new("a node", "un nodo"))?)
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
    let order = |predicted: &Result<f64, Text>| *predicted.as_ref().unwrap_or(&f64::INFINITY);
    let found = each.min_by(|a, b| order(&a.0).total_cmp(&order(&b.0)));
    let (predicted, shared, service) = match found {
        Some((predicted, shared, name)) => (predicted, shared, Some(name)),
        None => {
            let missing = Text::new("the CPU of the service was not measured", "no se midió la CPU del servicio");
            (Err(missing), RequestCost::default(), None)
        }
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
    fn nodes(n: f64) -> Text {
        both!("{n} nodes", "{n} nodos", n = significant(n, 2))
    }

    fn law_words(&self) -> Option<Text> {
        let law = self.law?;
        let interval = law.interval_95.map_or_else(Text::default, |[low, high]| {
            let (low, high) = (significant(low, 2), significant(high, 2));
            both!(" (95 %: {low} to {high})", " (95 %: {low} a {high})", low, high)
        });
        Some(Text::join([Self::nodes(law.n), interval], ""))
    }

    /// Both bends in one sentence, without its begin: `throughput bends at …`.
    fn both(&self) -> Text {
        let law = self.law.filter(|law| law.n <= self.measured_to).and_then(|_| self.law_words());
        let up_to = self.measured_to.to_string();
        let costs = match self.from_scale.number() {
            Some(1.0) => {
                Text::new("the CPU costs of one node's run", "los costos de CPU de la corrida con un solo nodo")
            }
            _ => both!(
                "the CPU costs of the run with {scale} nodes",
                "los costos de CPU de la corrida con {scale} nodos",
                scale = self.from_scale.to_string()
            ),
        };
        match (law, self.predicted_nodes) {
            (Some(law), Some(predicted)) => {
                let agreed = if self.agrees == Some(true) {
                    Text::new("the two agree within one node", "los dos coinciden dentro de un nodo")
                } else {
                    Text::new("the two do not agree within one node", "los dos no coinciden dentro de un nodo")
                };
                both!(
                    "throughput bends at {law} by the law, and at {predicted} by {costs}: {agreed}",
                    "el rendimiento se dobla en {law} según la ley, y en {predicted} según {costs}: {agreed}",
                    law,
                    predicted = Self::nodes(predicted),
                    costs,
                    agreed
                )
            }
            (Some(law), None) => both!(
                "throughput bends at {law} by the law{missing}",
                "el rendimiento se dobla en {law} según la ley{missing}",
                law,
                missing = self.missing_words()
            ),
            (None, Some(predicted)) if predicted > self.measured_to => both!(
                "throughput does not bend up to the {up_to} nodes that were measured, as {costs} predict ({predicted})",
                "el rendimiento no se dobla hasta los {up_to} nodos que se midieron, como predicen {costs} ({predicted})",
                up_to,
                costs,
                predicted = Self::nodes(predicted)
            ),
            (None, Some(predicted)) => both!(
                "the law shows no bend up to the {up_to} nodes that were measured, but {costs} predict one at {predicted}",
                "la ley no se dobla hasta los {up_to} nodos que se midieron, pero {costs} predicen que se dobla en {predicted}",
                up_to,
                costs,
                predicted = Self::nodes(predicted)
            ),
            (None, None) => both!(
                "the law shows no bend up to the {up_to} nodes that were measured{missing}",
                "la ley no se dobla hasta los {up_to} nodos que se midieron{missing}",
                up_to,
                missing = self.missing_words()
            ),
        }
    }

    fn missing_words(&self) -> Text {
        self.missing.as_ref().map_or_else(Text::default, |missing| {
            both!(" (no prediction: {missing})", " (sin predicción: {missing})", missing)
        })
    }

    /// How the prediction was made, for the table of findings.
    pub fn arithmetic(&self, plan: &Plan) -> Text {
        let cores = |cost: RequestCost| match cost.quota_cores {
            None => Text::new("no quota", "sin cuota"),
            Some(cores) => both!("{cores} cores", "{cores} núcleos", cores = format!("{cores:.2}")),
        };
        let cpu = |cost: RequestCost| match cost.cpu_milliseconds {
            None => Text::new("not measured", "no se midió"),
            Some(time) => Text::figure(format!("{} ms", significant(time, 3))),
        };
        let none = || Text::new("none", "ninguno");
        let predicted = match (self.predicted_nodes, &self.missing) {
            (Some(predicted), _) => Self::nodes(predicted),
            (None, Some(missing)) => both!("none, since {missing}", "ninguno, porque {missing}", missing),
            (None, None) => none(),
        };
        both!(
            "{arm}: predicted {predicted}, from the runs at {at}: (CPU of {service} {shared_cores} / of a node {node_cores}) x \
             (CPU of a request in a node {node_cpu} / in {service} {shared_cpu}); by the law {law}",
            "{arm}: predicho {predicted}, de las corridas con {at}: (CPU de {service} {shared_cores} / de un nodo {node_cores}) x \
             (CPU de una petición en un nodo {node_cpu} / en {service} {shared_cpu}); según la ley {law}",
            arm = Text::name(&self.arm),
            predicted,
            at = words::scale(plan, &self.from_scale),
            service = self.service.as_ref().map_or_else(|| Text::new("the service", "el servicio"), Text::name),
            shared_cores = cores(self.shared),
            node_cores = cores(self.node),
            node_cpu = cpu(self.node),
            shared_cpu = cpu(self.shared),
            law = self.law_words().unwrap_or_else(none)
        )
    }
}

/// For the headline: where an arm bends, by law and by prediction, and what stops it beyond.
pub fn sentence(bend: &Bend, plan: &Plan, points: &[Point]) -> Text {
    let (arm, bends) = (label(plan, &bend.arm), bend.both());
    let sentence = both!("With {arm}, {bends}.", "Con {arm}, {bends}.", arm, bends);
    let stopped: Vec<&Point> =
        points.iter().filter(|point| point.key.arm == bend.arm && bend.stopped_at.contains(&point.key.scale)).collect();
    let beyond = stopped.last().map(|last| {
        let rate = |point: &&Point| {
            both!(
                "{scale} ({rate} requests a second)",
                "{scale} ({rate} peticiones por segundo)",
                scale = point.key.scale.to_string(),
                rate = plain(point.ceiling_per_second.median)
            )
        };
        both!(
            "The store stops it at {rates} {nodes}: {evidence}.",
            "El almacén la detiene con {rates} {nodes}: {evidence}.",
            rates = Text::list(stopped.iter().map(rate)),
            nodes = scale_name(plan),
            evidence = last.binding.words()
        )
    });
    Text::join(std::iter::once(sentence).chain(beyond), " ")
}

#[cfg(test)]
mod tests;
