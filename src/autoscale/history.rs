//! The past that a decision looks at: what was proposed, and what was changed. Times are seconds of any one clock.

use super::config::Config;
use super::decision::Decision;

/// Earlier proposals and changes, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DecisionHistory {
    proposals: Vec<(f64, u32)>,
    changes: Vec<(f64, i64)>,
}

impl DecisionHistory {
    /// A history whose first proposal is the size found at the start, so that what an autoscaler finds is not taken
    /// away before it has watched for a whole window (`recordInitialRecommendation` in horizontal.go).
    pub fn starting(at: f64, size: u32) -> Self {
        Self { proposals: vec![(at, size)], changes: Vec::new() }
    }

    /// Notes a proposal: what the metrics wanted, before windows and policies.
    pub fn propose(&mut self, at: f64, nodes: u32) {
        self.proposals.push((at, nodes));
    }

    /// Notes that the size was changed from one to another.
    pub fn change(&mut self, at: f64, from: u32, to: u32) {
        if from != to {
            self.changes.push((at, i64::from(to) - i64::from(from)));
        }
    }

    /// Notes a decision that was carried out.
    pub fn record(&mut self, at: f64, decision: &Decision) {
        if let Some(nodes) = decision.proposed {
            self.propose(at, nodes);
        }
        self.change(at, decision.size, decision.wanted);
    }

    /// Forgets what no window and no period of `config` reaches.
    pub fn forget(&mut self, config: &Config, now: f64) {
        let window = config.up.window.max(config.down.window).as_secs_f64();
        self.proposals.retain(|(at, _)| *at > now - window);
        let policies = config.up.policies.iter().chain(&config.down.policies);
        let period = policies.map(|policy| policy.period.as_secs_f64()).fold(0.0, f64::max);
        self.changes.retain(|(at, _)| *at > now - period);
    }

    /// The proposals younger than `seconds`.
    pub(super) fn proposals_within(&self, now: f64, seconds: f64) -> impl Iterator<Item = u32> {
        self.proposals.iter().filter(move |(at, _)| *at > now - seconds).map(|(_, nodes)| *nodes)
    }

    /// By how much the size grew in the last `seconds`: what was added, less what was removed.
    pub(super) fn grown_within(&self, now: f64, seconds: f64) -> i64 {
        self.changes.iter().filter(|(at, _)| *at > now - seconds).map(|(_, change)| change).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscale::config::{Metric, MetricTarget};

    #[test]
    fn what_is_younger_than_a_period_counts() {
        let mut history = DecisionHistory::default();
        history.change(0.0, 5, 9);
        history.change(10.0, 9, 7);
        history.change(12.0, 7, 7);
        assert_eq!(history.grown_within(14.0, 15.0), 2);
        assert_eq!(history.grown_within(15.0, 15.0), -2, "15 s ago is not within 15 s");
        history.propose(0.0, 9);
        history.propose(20.0, 4);
        assert_eq!(history.proposals_within(20.0, 20.0).collect::<Vec<_>>(), [4]);
        assert_eq!(history.proposals_within(20.0, 21.0).collect::<Vec<_>>(), [9, 4]);
    }

    #[test]
    fn what_nothing_reaches_is_forgotten() {
        let config = Config::new(vec![MetricTarget { metric: Metric::Cpu, value: 70.0 }], 10);
        let mut history = DecisionHistory::starting(0.0, 3);
        history.change(0.0, 3, 5);
        history.forget(&config, 14.0);
        assert_eq!(history.grown_within(14.0, 15.0), 2);
        history.forget(&config, 299.0);
        assert_eq!(history.proposals_within(299.0, 300.0).collect::<Vec<_>>(), [3]);
        history.forget(&config, 300.0);
        assert_eq!(history, DecisionHistory::default());
    }
}
