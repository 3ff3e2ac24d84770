//! The decision.

use super::config::{Config, Metric};
use super::decision::{Decision, DecisionReason, HeldBy, SizeLimit, Stabilized};
use super::history::DecisionHistory;
use super::limit::{bounded, stabilized};
use super::proposal::{Proposal, propose};
use super::sample::Samples;

/// How many nodes there shall be at the moment `now` (seconds, of the clock of `history`).
///
/// The semantics are those of Kubernetes' HorizontalPodAutoscaler v2 (kubernetes/kubernetes,
/// pkg/controller/podautoscaler/horizontal.go and replica_calculator.go; KEP-853, KEP-4951):
///
/// 1. A cluster without nodes stays so. A size outside `min` to `max` is brought back inside at once.
/// 2. Each metric proposes a number ([`propose`]); the largest counts. While one cannot be read, the size does not go
///    down; while none can, it does not change and nothing is noted.
/// 3. The present size is held between the smallest proposal of the window for growing and the largest of the window for
///    shrinking ([`stabilized`]).
/// 4. Policies, `min` and `max` bound the change ([`bounded`]).
///
/// Nothing here changes `history`: who carries a decision out notes it by [`DecisionHistory::record`].
///
/// Where it differs from Kubernetes, on purpose:
/// - Percentages are of a node's quota, which here is both request and limit.
/// - A node that starts is known by its state, so a metric other than CPU leaves it out too; a sample of unknown age
///   counts as fresh.
/// - p99 is judged by its largest node, not by a mean: percentiles have none.
/// - Of an amount (rate, queue) exactly at its target, nothing is assumed for nodes without a sample; Kubernetes assumes 0,
///   and may remove nodes for it.
/// - An empty history is allowed: then nothing but what is known holds a first step down ([`DecisionHistory::starting`] is
///   Kubernetes' way).
pub fn decide(config: &Config, samples: &Samples, history: &DecisionHistory, now: f64) -> Decision {
    let size = samples.size;
    let fixed = |wanted, reason| Decision { size, wanted, proposed: None, reason };
    if size == 0 {
        return fixed(0, DecisionReason::Off);
    } else if size > config.max {
        return fixed(config.max, DecisionReason::Outside(SizeLimit::Max(config.max)));
    } else if size < config.min {
        return fixed(config.min, DecisionReason::Outside(SizeLimit::Min(config.min)));
    }
    let (largest, unreadable) = largest_proposal(config, samples);
    let Some(proposal) = largest else {
        return fixed(size, DecisionReason::Unreadable(unreadable));
    };
    if !unreadable.is_empty() && proposal.wanted < size {
        return fixed(size, DecisionReason::Blocked { unreadable, proposal });
    }
    let proposed = proposal.wanted;
    let steady = stabilized(config, history, size, proposed, now);
    let (wanted, bound) = bounded(config, history, size, steady, now);
    let rules = if steady > size { &config.up } else { &config.down };
    let held = HeldBy::by(bound, rules, size, wanted);
    let stabilized = (steady != proposed).then(|| {
        let up = proposed > steady;
        let window = if up { config.up.window } else { config.down.window };
        Stabilized { size: steady, window_seconds: window.as_secs_f64(), up }
    });
    let reason = DecisionReason::Metrics { proposal, unreadable, stabilized, held };
    Decision { size, wanted, proposed: Some(proposed), reason }
}

/// The largest proposal, the first of equal ones; and the metrics that could not be read.
fn largest_proposal(config: &Config, samples: &Samples) -> (Option<Proposal>, Vec<Metric>) {
    let (mut largest, mut unreadable) = (None::<Proposal>, Vec::new());
    for target in &config.targets {
        match propose(config, *target, samples) {
            Ok(proposal) if largest.is_none_or(|largest| proposal.wanted > largest.wanted) => largest = Some(proposal),
            Ok(_) => {}
            Err(missing) => unreadable.push(missing.0),
        }
    }
    (largest, unreadable)
}
