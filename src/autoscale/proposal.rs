//! The number of nodes that one metric wants.
//!
//! Source: `GetResourceReplicas`, `GetMetricReplicas`, `GetExternalPerPodMetricReplicas` and `groupPods` in Kubernetes'
//! pkg/controller/podautoscaler/replica_calculator.go, and pkg/controller/podautoscaler/metrics/utilization.go. The
//! floating-point steps are the same, so that what is rounded falls the same way.

use super::config::{Config, Metric, MetricKind, MetricTarget};
use super::sample::{SampledNode, SampledState, Samples};

/// A start burst is not load: for so long after its start a node's CPU counts only while it is ready, and only as far as
/// the sample reaches back to no earlier moment (`--horizontal-pod-autoscaler-cpu-initialization-period`).
const CPU_INITIALIZATION_SECONDS: f64 = 300.0;

/// What a metric wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proposal {
    /// The metric and its target.
    pub target: MetricTarget,
    /// What the nodes with a sample use, in the metric's unit; for a total, the total divided by the size.
    pub value: f64,
    /// The same with the nodes that start or gave no sample, where they were counted.
    pub adjusted: Option<f64>,
    /// Nodes.
    pub wanted: u32,
}

/// No node gave a usable sample of this metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSample(pub Metric);

/// What `target` wants, or that it cannot be read.
///
/// # Errors
/// [`NoSample`] when no node that counts gave a sample.
pub fn propose(config: &Config, target: MetricTarget, samples: &Samples) -> Result<Proposal, NoSample> {
    if let Some(total) = samples.totals.get(&target.metric) {
        return Ok(of_total(config, target, samples.size, *total));
    }
    let groups = Groups::of(target.metric, &samples.nodes);
    if groups.measured.is_empty() {
        return Err(NoSample(target.metric));
    }
    let kind = target.metric.kind();
    let value = together(kind, &groups.measured);
    let ratio = value / target.value;
    let starting = ratio > 1.0 && !groups.ignored.is_empty();
    if !starting && groups.missing.is_empty() {
        let wanted =
            if tolerated(config, ratio) { samples.size } else { rounded_up(ratio * groups.measured.len() as f64) };
        return Ok(Proposal { target, value, adjusted: None, wanted });
    }
    let all = groups.filled(target, ratio);
    let adjusted = together(kind, &all);
    let again = adjusted / target.value;
    let turned = (ratio < 1.0 && again > 1.0) || (ratio > 1.0 && again < 1.0);
    let wanted = if tolerated(config, again) || turned {
        samples.size
    } else {
        let wanted = rounded_up(again * all.len() as f64);
        // Fewer or more nodes in the sum must not turn the direction either.
        if again < 1.0 { wanted.min(samples.size) } else { wanted.max(samples.size) }
    };
    Ok(Proposal { target, value, adjusted: Some(adjusted), wanted })
}

fn of_total(config: &Config, target: MetricTarget, size: u32, total: f64) -> Proposal {
    let ratio = total / (target.value * f64::from(size));
    let wanted = if tolerated(config, ratio) { size } else { rounded_up(total / target.value) };
    Proposal { target, value: total / f64::from(size), adjusted: None, wanted }
}

fn tolerated(config: &Config, ratio: f64) -> bool {
    (1.0 - config.down.tolerance..=1.0 + config.up.tolerance).contains(&ratio)
}

/// Saturates: no cluster has more nodes than that.
fn rounded_up(nodes: f64) -> u32 {
    nodes.ceil() as u32
}

/// A figure and the quota that it is weighed by.
type Weighed = (f64, f64);

struct Groups {
    measured: Vec<Weighed>,
    /// Quotas of the nodes that start, or whose CPU is not yet that of serving.
    ignored: Vec<f64>,
    /// Quotas of the nodes that gave no sample.
    missing: Vec<f64>,
}

impl Groups {
    fn of(metric: Metric, nodes: &[SampledNode]) -> Self {
        let mut groups = Self { measured: Vec::new(), ignored: Vec::new(), missing: Vec::new() };
        for node in nodes.iter().filter(|node| node.counts()) {
            match node.readings.get(&metric) {
                _ if node.state == SampledState::Starting => groups.ignored.push(node.quota),
                None => groups.missing.push(node.quota),
                Some(_) if metric == Metric::Cpu && !serves(node) => groups.ignored.push(node.quota),
                Some(value) => groups.measured.push((*value, node.quota)),
            }
        }
        groups
    }

    /// All figures, with assumed ones that do not exaggerate the change: with little use, a node without a sample uses
    /// all that it may or the target; with much use it uses nothing, and so does one that starts. Exactly at the target
    /// nothing is assumed.
    fn filled(&self, target: MetricTarget, ratio: f64) -> Vec<Weighed> {
        let full = match target.metric.kind() {
            MetricKind::Utilization => target.value.max(100.0),
            MetricKind::Average | MetricKind::Largest => target.value,
        };
        let at = |value: f64| move |quota: &f64| (value, *quota);
        let mut all = self.measured.clone();
        if ratio < 1.0 {
            all.extend(self.missing.iter().map(at(full)));
        } else if ratio > 1.0 {
            all.extend(self.missing.iter().chain(&self.ignored).map(at(0.0)));
        }
        all
    }
}

/// Its CPU is that of serving requests, not that of starting.
fn serves(node: &SampledNode) -> bool {
    let ready = match node.state {
        SampledState::Running { ready } => ready,
        SampledState::Starting | SampledState::Draining | SampledState::Failed => false,
    };
    if node.age_seconds.is_some_and(|age| age < CPU_INITIALIZATION_SECONDS) {
        let fresh = match (node.sample_seconds, node.since_seconds) {
            (Some(reach), Some(since)) => reach <= since,
            _ => true,
        };
        ready && fresh
    } else {
        // One that was ready once and is not now may well be so busy that it answers nobody.
        ready || node.was_ready
    }
}

/// One figure for several nodes, at least one.
fn together(kind: MetricKind, all: &[Weighed]) -> f64 {
    match kind {
        MetricKind::Utilization => {
            let used: f64 = all.iter().map(|(percent, quota)| percent * quota).sum();
            let quotas: f64 = all.iter().map(|(_, quota)| quota).sum();
            // A sum of decimals may lie a little below the whole number that it is.
            (used / quotas + 1e-9).floor()
        }
        // In thousandths, cut off, as Kubernetes' quantities are.
        MetricKind::Average => {
            let sum: f64 = all.iter().map(|(value, _)| value).sum();
            (sum * 1e3 / all.len() as f64 + 1e-6).floor() / 1e3
        }
        MetricKind::Largest => all.iter().map(|(value, _)| *value).fold(0.0, f64::max),
    }
}
