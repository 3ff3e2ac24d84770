//! Memory: the machine's, or a limit around this process.

use super::{BindingResource, BottleneckText, Resource, ResourceRule, Used, counted};
use crate::stats::model::Window;

/// Memory in use from which the next allocation may fail or stall: less than a twentieth is left.
const FULL_PERCENT: f64 = 95.0;
/// Time stalled on memory that is felt: a task lost a tenth of the window to reclaim or refaults.
const STALLED_PERCENT: f64 = 10.0;

pub(super) const RULE: ResourceRule =
    ResourceRule { resource: Resource::Memory, label: ["memory", "la memoria"], source: "memory", used, binds };

fn used(window: &Window) -> Option<Used> {
    let machine = window.memory.used_percent.map(|percent| Used::new(percent, "the memory is", "la memoria"));
    let limit = window.cgroup.memory_utilization;
    let limit = limit.map(|percent| Used::new(percent, "the memory limit is", "el límite de memoria"));
    machine.into_iter().chain(limit).max_by(Used::compare)
}

fn binds(window: &Window) -> Option<BindingResource> {
    let (machine, cgroup) = (window.memory.used_percent, window.cgroup.memory_utilization);
    let utilization = used(window).map(|used| used.percent);
    let bound = |en: String, es: String| Some(BindingResource { utilization, figures: BottleneckText { en, es } });
    if let Some(kills) = window.cgroup.oom_kills.filter(|kills| *kills > 0) {
        return bound(
            format!(
                "{} of the group killed for want of memory in this window",
                counted(kills, ["process", "processes"])
            ),
            format!(
                "por falta de memoria, el núcleo terminó {} del grupo en esta ventana",
                counted(kills, ["proceso", "procesos"])
            ),
        );
    }
    if let Some((full, limit)) =
        cgroup.filter(|full| *full >= FULL_PERCENT).zip(window.cgroup.memory_binding_limit_bytes)
    {
        let megabytes = limit as f64 / 1e6;
        return bound(
            format!("{full:.0} % of the limit of {megabytes:.0} MB in use"),
            format!("{full:.0} % del límite de {megabytes:.0} MB en uso"),
        );
    }
    if let Some((full, total)) = machine.filter(|full| *full >= FULL_PERCENT).zip(window.memory.total_bytes) {
        let megabytes = total as f64 / 1e6;
        return bound(
            format!("{full:.0} % of the machine's {megabytes:.0} MB in use"),
            format!("{full:.0} % de los {megabytes:.0} MB de la máquina en uso"),
        );
    }
    let stalled = window.pressure.memory.some_percent.filter(|share| *share >= STALLED_PERCENT)?;
    bound(
        format!("tasks stalled on memory {stalled:.0} % of the time"),
        format!("hubo tareas detenidas por la memoria el {stalled:.0} % del tiempo"),
    )
}
