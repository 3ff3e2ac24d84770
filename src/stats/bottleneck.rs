//! What binds: a judgement on one window by the USE method (Gregg, "Thinking Methodically about Performance", 2013): for each
//! resource its utilization, its saturation and its errors.

use super::model::{Bottleneck, Resource, Window};

/// Names the resource that binds in this window, or `none`, with one sentence of figures.
///
/// Order matters where several are short at once, because one shortage shows as another: a cause goes before its effects.
pub fn judge(window: &Window) -> Bottleneck {
    let checks = [memory, cpu_quota, cpu, io, network, pool];
    checks.iter().find_map(|check| check(window)).unwrap_or_else(|| none(window))
}

fn found(resource: Resource, utilization: Option<f64>, evidence: String) -> Option<Bottleneck> {
    Some(Bottleneck { resource, utilization, evidence })
}

fn memory(window: &Window) -> Option<Bottleneck> {
    let stalled = window.pressure.memory.some_percent.filter(|share| *share >= 10.0);
    let full = [window.memory.used_percent, window.cgroup.memory_utilization].into_iter().flatten().reduce(f64::max);
    (stalled.is_some() || full.is_some_and(|share| share >= 95.0)).then_some(())?;
    found(Resource::Memory, full, format!("memory: {:.0} % in use", full.unwrap_or_default()))
}

fn cpu_quota(window: &Window) -> Option<Bottleneck> {
    let cgroup = &window.cgroup;
    let throttled = cgroup.throttled_percent.filter(|share| *share >= 25.0)?;
    cgroup.throttled_window_percent.filter(|share| *share >= 10.0)?;
    let quota = cgroup.throttled_quota_cores?;
    found(
        Resource::CpuQuota,
        cgroup.cpu_quota_utilization.or(Some(100.0)),
        format!("cpu-quota: {throttled:.0} % of periods throttled at {quota} cores"),
    )
}

fn cpu(window: &Window) -> Option<Bottleneck> {
    let busy = window.cpu.shares.busy.filter(|busy| *busy >= 90.0)?;
    found(Resource::Cpu, Some(busy), format!("cpu: {busy:.0} % busy"))
}

fn io(window: &Window) -> Option<Bottleneck> {
    let waited = window.pressure.io.some_percent.or(window.cpu.shares.iowait)?;
    (waited >= 50.0).then_some(())?;
    let busiest = window.disks.iter().flatten().filter_map(|disk| disk.utilization).reduce(f64::max);
    found(Resource::Io, busiest, format!("io: tasks waited for a disk {waited:.0} % of the time"))
}

fn network(window: &Window) -> Option<Bottleneck> {
    let interface = window
        .network
        .iter()
        .flatten()
        .filter(|interface| interface.utilization.is_some_and(|share| share >= 90.0))
        .max_by(|left, right| left.utilization.partial_cmp(&right.utilization).unwrap_or(std::cmp::Ordering::Equal))?;
    let used = interface.utilization?;
    found(Resource::Network, Some(used), format!("network: {} carries {used:.0} % of its speed", interface.interface))
}

fn pool(window: &Window) -> Option<Bottleneck> {
    let pool = &window.pool;
    let saturated = pool.saturated_percent?;
    (saturated >= 50.0 || pool.rejected.is_some_and(|rejected| rejected > 0)).then_some(())?;
    found(
        Resource::Pool,
        pool.utilization,
        format!("pool: all {} threads busy and jobs waiting {saturated:.0} % of the time", pool.threads),
    )
}

fn none(window: &Window) -> Bottleneck {
    let busy = window.cpu.shares.busy;
    let evidence = match busy {
        Some(busy) => format!("none: the CPUs are {busy:.0} % busy"),
        None => "none: the first window has not ended yet".to_owned(),
    };
    Bottleneck { resource: Resource::None, utilization: busy, evidence }
}
