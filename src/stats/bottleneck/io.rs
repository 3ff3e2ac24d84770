//! Disks.

use super::{BindingResource, BottleneckText, Resource, ResourceRule, Used};
use crate::stats::model::{Disk, Window};

/// Time waited for disks that binds by itself: half of the window.
const WAITED_PERCENT: f64 = 50.0;
/// A disk that is always at work, …
const DISK_BUSY_PERCENT: f64 = 90.0;
/// … with tasks that wait for it noticeably: write-back that nobody waits for is not a bottleneck.
const DISK_WAITED_PERCENT: f64 = 20.0;

pub(super) const RULE: ResourceRule =
    ResourceRule { resource: Resource::Io, label: ["the disk", "el disco"], source: "disks", used, binds };

fn busiest(window: &Window) -> Option<(&Disk, f64)> {
    let disks = window.disks.iter().flatten();
    disks.filter_map(|disk| Some((disk, disk.utilization?))).max_by(|left, right| left.1.total_cmp(&right.1))
}

fn used(window: &Window) -> Option<Used> {
    let (Disk { device, .. }, percent) = busiest(window)?;
    Some(Used::new(percent, format!("the disk {device} is"), format!("el disco {device}")))
}

fn binds(window: &Window) -> Option<BindingResource> {
    let busiest = busiest(window);
    let used = busiest.map(|(_, used)| used);
    let (waited, mut figures) = match (window.pressure.io.some_percent, window.cpu.shares.iowait) {
        (Some(share), _) => (
            share,
            BottleneckText {
                en: format!("tasks waited for a disk {share:.0} % of the time"),
                es: format!("hubo tareas que esperaban un disco el {share:.0} % del tiempo"),
            },
        ),
        (None, Some(share)) => (
            share,
            BottleneckText {
                en: format!("the CPUs idled for a disk {share:.0} % of the time"),
                es: format!("las CPU estuvieron ociosas por esperar un disco el {share:.0} % del tiempo"),
            },
        ),
        (None, None) => return None,
    };
    let disk_binds = used.is_some_and(|used| used >= DISK_BUSY_PERCENT) && waited >= DISK_WAITED_PERCENT;
    (waited >= WAITED_PERCENT || disk_binds).then_some(())?;
    if let Some((Disk { device, .. }, used)) = busiest {
        figures.push(format!(", {device} {used:.0} % busy"), format!(", {device} ocupado al {used:.0} %"));
    }
    Some(BindingResource { utilization: used.or(Some(waited)), figures })
}
