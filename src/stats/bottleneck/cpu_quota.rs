//! The CPU quota around this process: throttling says directly that the node is held back.

use super::{BindingResource, BottleneckText, Resource, ResourceRule, Used, comma};
use crate::stats::model::Window;

/// Periods throttled, of those with work, from which Kubernetes' common rules raise an alert (CPUThrottlingHigh).
const THROTTLED_PERCENT: f64 = 25.0;
/// The same of all periods of the window, so that a short burst in an idle window does not name it.
const THROTTLED_WINDOW_PERCENT: f64 = 10.0;

pub(super) const RULE: ResourceRule = ResourceRule {
    resource: Resource::CpuQuota,
    label: ["the CPU quota", "la cuota de CPU"],
    source: "cgroup.cpu_quota_cores",
    used,
    binds,
};

fn used(window: &Window) -> Option<Used> {
    utilization(window, window.cgroup.cpu_quota_cores?)
        .map(|percent| Used::new(percent, "the CPU quota is", "la cuota de CPU"))
}

/// CPU time used, of a quota. Where the kernel does not account the group, this process is the part of it that is known.
fn utilization(window: &Window, quota: f64) -> Option<f64> {
    let own = || Some(window.process.cpu_percent? / quota);
    window.cgroup.cpu_quota_utilization.or_else(own).map(|share| share.min(100.0))
}

fn binds(window: &Window) -> Option<BindingResource> {
    let cgroup = &window.cgroup;
    let throttled = cgroup.throttled_percent.filter(|share| *share >= THROTTLED_PERCENT)?;
    cgroup.throttled_window_percent.filter(|share| *share >= THROTTLED_WINDOW_PERCENT)?;
    let quota = cgroup.throttled_quota_cores?;
    let figures = BottleneckText {
        en: format!("{throttled:.0} % of periods throttled at {quota} cores"),
        es: format!("{throttled:.0} % de los períodos frenados, con {} núcleos", comma(quota)),
    };
    Some(BindingResource { utilization: utilization(window, quota), figures })
}
