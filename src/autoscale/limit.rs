//! What holds a proposal back: stabilization windows, scaling policies, smallest and largest size.
//!
//! Source: `stabilizeRecommendationWithBehaviors`, `convertDesiredReplicasWithBehaviorRate`,
//! `calculateScaleUpLimitWithScalingRules` and `calculateScaleDownLimitWithBehaviors` in Kubernetes'
//! pkg/controller/podautoscaler/horizontal.go; KEP-853.

use super::config::{AllowedChange, Config, Rules, Select};
use super::decision::SizeBound;
use super::history::DecisionHistory;

/// The size that the windows leave of a proposal: the present size, raised to the smallest proposal of the window for
/// growing, lowered to the largest of the window for shrinking.
pub fn stabilized(config: &Config, history: &DecisionHistory, size: u32, proposed: u32, now: f64) -> u32 {
    let within = |rules: &Rules| history.proposals_within(now, rules.window.as_secs_f64());
    let least = within(&config.up).fold(proposed, u32::min);
    let most = within(&config.down).fold(proposed, u32::max);
    size.max(least).min(most)
}

/// The size that policies, smallest and largest size leave of `wanted`, and which of them held it.
pub fn bounded(config: &Config, history: &DecisionHistory, size: u32, wanted: u32, now: f64) -> (u32, SizeBound) {
    if wanted > size {
        let limit = up_limit(&config.up, history, size, now);
        let (most, bound) = if config.max > limit { (limit, SizeBound::Policy) } else { (config.max, SizeBound::Max) };
        if wanted > most { (most, bound) } else { (wanted, SizeBound::None) }
    } else if wanted < size {
        let limit = down_limit(&config.down, history, size, now);
        let (least, bound) = if config.min < limit { (limit, SizeBound::Policy) } else { (config.min, SizeBound::Min) };
        if wanted < least { (least, bound) } else { (wanted, SizeBound::None) }
    } else {
        (wanted, SizeBound::None)
    }
}

/// The most that the policies for growing allow; at least the present size, also after more was added than they allow.
fn up_limit(rules: &Rules, history: &DecisionHistory, size: u32, now: f64) -> u32 {
    let limits = rules.policies.iter().map(|policy| {
        let start = i64::from(size) - history.grown_within(now, policy.period.as_secs_f64());
        match policy.change {
            AllowedChange::Nodes(nodes) => start + i64::from(nodes),
            // Rounded up, so that a small cluster can grow at all.
            AllowedChange::Percent(percent) => (start as f64 * (1.0 + f64::from(percent) / 100.0)).ceil() as i64,
        }
    });
    let limit = match rules.select {
        Select::Max => limits.max(),
        Select::Min => limits.min(),
        Select::Disabled => None,
    };
    u32::try_from(limit.unwrap_or_default().max(i64::from(size))).unwrap_or(u32::MAX)
}

/// The least that the policies for shrinking allow; at most the present size.
fn down_limit(rules: &Rules, history: &DecisionHistory, size: u32, now: f64) -> u32 {
    let limits = rules.policies.iter().map(|policy| {
        let start = i64::from(size) - history.grown_within(now, policy.period.as_secs_f64());
        match policy.change {
            AllowedChange::Nodes(nodes) => start - i64::from(nodes),
            // Cut off.
            AllowedChange::Percent(percent) => (start as f64 * (1.0 - f64::from(percent) / 100.0)) as i64,
        }
    });
    let limit = match rules.select {
        Select::Max => limits.min(),
        Select::Min => limits.max(),
        Select::Disabled => None,
    };
    let size = i64::from(size);
    u32::try_from(limit.unwrap_or(size).clamp(0, size)).unwrap_or_default()
}
