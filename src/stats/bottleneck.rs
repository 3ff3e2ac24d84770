//! What binds: a judgement on one window by the USE method (Gregg, "Thinking Methodically about Performance", ACM Queue
//! 10(12), 2012): for each resource its utilization, its saturation and its errors.
//!
//! The order of the checks is part of the judgement, because one shortage shows as another. Memory comes first: a machine short
//! of it also waits for disks and burns system time. A quota comes before the CPU: throttling is direct evidence that this
//! node is held. The CPU comes before I/O: iowait is idle time, so a disk cannot be what holds a machine that is never idle.
//! The pool comes last: its threads also fill up when what they wait for is short, and more of them would not help then.

use super::model::{Bottleneck, Interface, Resource, Window};

/// Memory in use from which the next allocation may fail or stall: less than a twentieth is left.
const MEMORY_FULL_PERCENT: f64 = 95.0;
/// Time stalled on memory that is felt: a task lost a tenth of the window to reclaim or refaults.
const MEMORY_STALLED_PERCENT: f64 = 10.0;
/// Periods throttled, of those with work, from which Kubernetes' common rules raise an alert (CPUThrottlingHigh).
const THROTTLED_PERCENT: f64 = 25.0;
/// The same of all periods of the window, so that a short burst in an idle window does not name it.
const THROTTLED_WINDOW_PERCENT: f64 = 10.0;
/// CPU in use from which queueing dominates: one that is 90 % busy makes a job wait nine times its service time (M/M/1).
const CPU_BUSY_PERCENT: f64 = 90.0;
/// Time waited for disks that binds by itself: half of the window.
const IO_WAITED_PERCENT: f64 = 50.0;
/// A disk that is always at work, …
const DISK_BUSY_PERCENT: f64 = 90.0;
/// … with tasks that wait for it noticeably: write-back that nobody waits for is no bottleneck.
const DISK_WAITED_PERCENT: f64 = 20.0;
/// Share of a link's speed from which its queue grows; headers and gaps take part of the rest.
const LINK_BUSY_PERCENT: f64 = 90.0;
/// Time with every thread at work and jobs waiting: most of the window.
const POOL_SATURATED_PERCENT: f64 = 50.0;

/// Names the resource that binds in this window, or `none`, with one sentence of figures.
pub fn judge(window: &Window) -> Bottleneck {
    let checks = [memory, cpu_quota, cpu, io, network, pool];
    checks.iter().find_map(|check| check(window)).unwrap_or_else(|| none(window))
}

fn found(resource: Resource, utilization: Option<f64>, figures: &str) -> Bottleneck {
    Bottleneck { resource, utilization, evidence: format!("{}: {figures}", resource.name()) }
}

/// `1 task`, `2 tasks`.
fn some(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn memory(window: &Window) -> Option<Bottleneck> {
    let (machine, cgroup) = (window.memory.used_percent, window.cgroup.memory_utilization);
    let fullest = machine.into_iter().chain(cgroup).reduce(f64::max);
    let named = |figures: &str| Some(found(Resource::Memory, fullest, figures));
    if let Some(kills) = window.cgroup.oom_kills.filter(|kills| *kills > 0) {
        let processes = some(kills, "process", "processes");
        return named(&format!("{processes} of the group killed for want of memory in this window"));
    }
    if let Some((full, limit)) =
        cgroup.filter(|full| *full >= MEMORY_FULL_PERCENT).zip(window.cgroup.memory_binding_limit_bytes)
    {
        return named(&format!("{full:.0} % of the limit of {:.0} MB in use", limit as f64 / 1e6));
    }
    if let Some((full, total)) = machine.filter(|full| *full >= MEMORY_FULL_PERCENT).zip(window.memory.total_bytes) {
        return named(&format!("{full:.0} % of the machine's {:.0} MB in use", total as f64 / 1e6));
    }
    let stalled = window.pressure.memory.some_percent.filter(|share| *share >= MEMORY_STALLED_PERCENT)?;
    named(&format!("tasks stalled on memory {stalled:.0} % of the time"))
}

fn cpu_quota(window: &Window) -> Option<Bottleneck> {
    let cgroup = &window.cgroup;
    let throttled = cgroup.throttled_percent.filter(|share| *share >= THROTTLED_PERCENT)?;
    cgroup.throttled_window_percent.filter(|share| *share >= THROTTLED_WINDOW_PERCENT)?;
    let quota = cgroup.throttled_quota_cores?;
    // Where the kernel does not account the group, this process is the part of it that is known.
    let own = || Some((window.process.cpu_percent? / quota).min(100.0));
    let utilization = cgroup.cpu_quota_utilization.or_else(own).map(|share| share.min(100.0));
    Some(found(Resource::CpuQuota, utilization, &format!("{throttled:.0} % of periods throttled at {quota} cores")))
}

fn cpu(window: &Window) -> Option<Bottleneck> {
    let cpu = &window.cpu;
    // A process that may use only some of the CPUs is held by those, however idle the others are.
    let (busy, cores) = match cpu.allowed_busy.filter(|_| cpu.allowed_cores < cpu.cores) {
        Some(busy) => (busy, cpu.allowed_cores),
        None => (cpu.shares.busy?, cpu.cores),
    };
    (busy >= CPU_BUSY_PERCENT).then_some(())?;
    let mut figures = format!("{busy:.0} % busy");
    if let Some(cores) = cores {
        figures += &format!(" on {}", some(cores, "core", "cores"));
    }
    if let Some(used) = window.process.cpu_percent {
        figures += &format!(" (this node uses {:.1})", used / 100.0);
    }
    if let Some(runnable) = cpu.runnable {
        figures += &format!(", {} ready to run", some(runnable, "task", "tasks"));
    }
    if let Some(steal) = cpu.shares.steal.filter(|steal| *steal >= 1.0) {
        figures += &format!(", {steal:.0} % taken by the hypervisor");
    }
    Some(found(Resource::Cpu, Some(busy), &figures))
}

fn io(window: &Window) -> Option<Bottleneck> {
    let (waited, how) = match (window.pressure.io.some_percent, window.cpu.shares.iowait) {
        (Some(share), _) => (share, "tasks waited for a disk {} % of the time"),
        (None, Some(share)) => (share, "the CPUs idled for a disk {} % of the time"),
        (None, None) => return None,
    };
    let busiest = window
        .disks
        .iter()
        .flatten()
        .max_by(|left, right| left.utilization.unwrap_or(-1.0).total_cmp(&right.utilization.unwrap_or(-1.0)));
    let used = busiest.and_then(|disk| disk.utilization);
    let disk_binds = used.is_some_and(|used| used >= DISK_BUSY_PERCENT) && waited >= DISK_WAITED_PERCENT;
    (waited >= IO_WAITED_PERCENT || disk_binds).then_some(())?;
    let mut figures = how.replace("{}", &format!("{waited:.0}"));
    if let Some((disk, used)) = busiest.zip(used) {
        figures += &format!(", {} {used:.0} % busy", disk.device);
    }
    Some(found(Resource::Io, used.or(Some(waited)), &figures))
}

fn network(window: &Window) -> Option<Bottleneck> {
    let used = |interface: &&Interface| interface.utilization.unwrap_or(-1.0);
    let interface = window.network.iter().flatten().max_by(|left, right| used(left).total_cmp(&used(right)))?;
    let (used, speed) = interface.utilization.zip(interface.speed_bytes_per_second)?;
    (used >= LINK_BUSY_PERCENT).then_some(())?;
    let figures = format!("{} carries {used:.0} % of its {:.0} Mbit/s", interface.interface, speed as f64 * 8.0 / 1e6);
    Some(found(Resource::Network, Some(used), &figures))
}

fn pool(window: &Window) -> Option<Bottleneck> {
    let pool = &window.pool;
    let saturated = pool.saturated_percent?;
    let rejected = pool.rejected.unwrap_or_default();
    (saturated >= POOL_SATURATED_PERCENT || rejected > 0).then_some(())?;
    let mut figures = match pool.threads {
        1 => "the one thread".to_owned(),
        threads => format!("all {threads} threads"),
    };
    figures += &format!(" at work and jobs waiting {saturated:.0} % of the time, {} waiting now", pool.queued);
    if rejected > 0 {
        figures += &format!(", {} refused in this window: the queue was full", some(rejected, "job", "jobs"));
    }
    Some(found(Resource::Pool, pool.utilization, &figures))
}

fn none(window: &Window) -> Bottleneck {
    if window.window_seconds.is_none() {
        return found(Resource::None, None, "the first window has not ended yet");
    }
    let machine = [
        ("the CPUs are", window.cpu.shares.busy),
        ("the CPU quota is", window.cgroup.cpu_quota_utilization),
        ("the memory is", window.memory.used_percent),
        ("the memory limit is", window.cgroup.memory_utilization),
        ("the worker pool is", window.pool.utilization),
    ];
    let disks = window.disks.iter().flatten().map(|disk| (format!("the disk {} is", disk.device), disk.utilization));
    let links =
        window.network.iter().flatten().map(|link| (format!("the link {} is", link.interface), link.utilization));
    let fullest = machine
        .map(|(name, used)| (name.to_owned(), used))
        .into_iter()
        .chain(disks)
        .chain(links)
        .filter_map(|(name, used)| Some((name, used?)))
        .max_by(|left, right| left.1.total_cmp(&right.1));
    match fullest {
        Some((name, used)) => found(Resource::None, Some(used), &format!("{name} used most, {used:.0} %")),
        None => found(Resource::None, None, "no figure of this machine could be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::model::Disk;

    fn quiet() -> Window {
        let mut window = Window { window_seconds: Some(1.0), ..Window::default() };
        window.cpu.shares.busy = Some(10.0);
        window.cpu.shares.iowait = Some(0.0);
        window.cpu.cores = Some(2);
        window.cpu.allowed_cores = Some(2);
        window.cpu.allowed_busy = Some(10.0);
        window.memory.used_percent = Some(30.0);
        window.memory.total_bytes = Some(8_000_000_000);
        window.pool.threads = 2;
        window.pool.saturated_percent = Some(0.0);
        window
    }

    fn throttled(window: &mut Window) {
        window.cgroup.throttled_percent = Some(74.0);
        window.cgroup.throttled_window_percent = Some(74.0);
        window.cgroup.throttled_quota_cores = Some(0.25);
    }

    fn saturated(window: &mut Window) {
        window.pool.saturated_percent = Some(100.0);
        window.pool.queued = 5;
    }

    fn busy(window: &mut Window) {
        window.cpu.shares.busy = Some(99.0);
    }

    fn disk(window: &mut Window, used: f64, waited: f64) {
        window.disks = Some(vec![Disk { device: "vda".into(), utilization: Some(used), ..Disk::default() }]);
        window.pressure.io.some_percent = Some(waited);
    }

    fn link(window: &mut Window, used: f64) {
        let interface = Interface {
            interface: "eth0".into(),
            utilization: Some(used),
            speed_bytes_per_second: Some(125_000_000),
            ..Interface::default()
        };
        window.network = Some(vec![interface]);
    }

    type Case = (&'static str, fn(&mut Window), Resource, &'static str);

    const CASES: &[Case] = &[
        ("quiet", |_| {}, Resource::None, "none: the memory is used most, 30 %"),
        ("cpu", busy, Resource::Cpu, "cpu: 99 % busy on 2 cores"),
        (
            "cpu below the mark",
            |w| w.cpu.shares.busy = Some(89.9),
            Resource::None,
            "none: the CPUs are used most, 90 %",
        ),
        (
            "one allowed core of two",
            |w| {
                w.cpu.shares.busy = Some(50.0);
                w.cpu.allowed_cores = Some(1);
                w.cpu.allowed_busy = Some(98.0);
            },
            Resource::Cpu,
            "cpu: 98 % busy on 1 core",
        ),
        (
            "stolen",
            |w| {
                busy(w);
                w.process.cpu_percent = Some(12.0);
                w.cpu.runnable = Some(1);
                w.cpu.shares.steal = Some(40.0);
            },
            Resource::Cpu,
            "cpu: 99 % busy on 2 cores (this node uses 0.1), 1 task ready to run, 40 % taken by the hypervisor",
        ),
        ("quota", throttled, Resource::CpuQuota, "cpu-quota: 74 % of periods throttled at 0.25 cores"),
        (
            "quota for a moment",
            |w| {
                throttled(w);
                w.cgroup.throttled_window_percent = Some(9.0);
            },
            Resource::None,
            "none: the memory is used most, 30 %",
        ),
        (
            "quota before cpu and pool",
            |w| {
                throttled(w);
                busy(w);
                saturated(w);
            },
            Resource::CpuQuota,
            "cpu-quota: 74 % of periods throttled at 0.25 cores",
        ),
        (
            "cpu before pool",
            |w| {
                busy(w);
                saturated(w);
            },
            Resource::Cpu,
            "cpu: 99 % busy on 2 cores",
        ),
        (
            "io by pressure",
            |w| disk(w, 60.0, 80.0),
            Resource::Io,
            "io: tasks waited for a disk 80 % of the time, vda 60 % busy",
        ),
        (
            "io by a full disk",
            |w| disk(w, 97.0, 25.0),
            Resource::Io,
            "io: tasks waited for a disk 25 % of the time, vda 97 % busy",
        ),
        (
            "write-back nobody waits for",
            |w| disk(w, 100.0, 5.0),
            Resource::None,
            "none: the disk vda is used most, 100 %",
        ),
        (
            "io without pressure figures",
            |w| w.cpu.shares.iowait = Some(60.0),
            Resource::Io,
            "io: the CPUs idled for a disk 60 % of the time",
        ),
        (
            "memory limit",
            |w| {
                w.cgroup.memory_utilization = Some(96.0);
                w.cgroup.memory_binding_limit_bytes = Some(64_000_000);
            },
            Resource::Memory,
            "memory: 96 % of the limit of 64 MB in use",
        ),
        (
            "memory before io",
            |w| {
                w.pressure.memory.some_percent = Some(30.0);
                disk(w, 100.0, 90.0);
            },
            Resource::Memory,
            "memory: tasks stalled on memory 30 % of the time",
        ),
        (
            "killed",
            |w| w.cgroup.oom_kills = Some(1),
            Resource::Memory,
            "memory: 1 process of the group killed for want of memory in this window",
        ),
        ("network", |w| link(w, 95.0), Resource::Network, "network: eth0 carries 95 % of its 1000 Mbit/s"),
        ("network below the mark", |w| link(w, 80.0), Resource::None, "none: the link eth0 is used most, 80 %"),
        (
            "pool",
            saturated,
            Resource::Pool,
            "pool: all 2 threads at work and jobs waiting 100 % of the time, 5 waiting now",
        ),
        (
            "pool that refuses",
            |w| w.pool.rejected = Some(3),
            Resource::Pool,
            "pool: all 2 threads at work and jobs waiting 0 % of the time, 0 waiting now, 3 jobs refused in this window: the queue was full",
        ),
        ("first window", |w| w.window_seconds = None, Resource::None, "none: the first window has not ended yet"),
    ];

    #[test]
    fn a_table_of_windows() {
        for (name, change, resource, evidence) in CASES {
            let mut window = quiet();
            change(&mut window);
            let judgement = judge(&window);
            assert_eq!((judgement.resource, &*judgement.evidence), (*resource, *evidence), "{name}");
        }
    }

    #[test]
    fn a_window_without_any_figure() {
        let window = Window { window_seconds: Some(1.0), ..Window::default() };
        assert_eq!(judge(&window).evidence, "none: no figure of this machine could be read");
    }
}
