//! The machine's CPUs, or those of them that this process may use.

use super::{BindingResource, BottleneckText, Resource, ResourceRule, Used, comma, counted};
use crate::stats::model::Window;

/// CPU in use from which queueing dominates: one that is 90 % busy makes a job wait nine times its service time (M/M/1).
const BUSY_PERCENT: f64 = 90.0;

pub(super) const RULE: ResourceRule =
    ResourceRule { resource: Resource::Cpu, label: ["the CPU", "la CPU"], source: "cpu", used, binds };

/// How busy the CPUs are, and how many they are. A process that may use only some of them is held by those, however idle
/// the others are.
fn busy(window: &Window) -> Option<(f64, Option<u64>)> {
    let cpu = &window.cpu;
    match cpu.allowed_busy.filter(|_| cpu.allowed_cores < cpu.cores) {
        Some(busy) => Some((busy, cpu.allowed_cores)),
        None => Some((cpu.shares.busy?, cpu.cores)),
    }
}

fn used(window: &Window) -> Option<Used> {
    busy(window).map(|(percent, _)| Used::new(percent, "the CPUs are", "las CPU"))
}

fn binds(window: &Window) -> Option<BindingResource> {
    let cpu = &window.cpu;
    let (busy, cores) = busy(window)?;
    (busy >= BUSY_PERCENT).then_some(())?;
    let mut figures = BottleneckText { en: format!("{busy:.0} % busy"), es: format!("ocupada al {busy:.0} %") };
    if let Some(cores) = cores {
        figures.push(
            format!(" on {}", counted(cores, ["core", "cores"])),
            format!(" en {}", counted(cores, ["núcleo", "núcleos"])),
        );
    }
    if let Some(used) = window.process.cpu_percent {
        let cores = format!("{:.1}", used / 100.0);
        figures.push(format!(" (this node uses {cores})"), format!(" (este nodo usa {})", comma(cores)));
    }
    if let Some(runnable) = cpu.runnable {
        figures.push(
            format!(", {} ready to run", counted(runnable, ["task", "tasks"])),
            format!(", {} para ejecutar", counted(runnable, ["tarea lista", "tareas listas"])),
        );
    }
    if let Some(steal) = cpu.shares.steal.filter(|steal| *steal >= 1.0) {
        figures.push(
            format!(", {steal:.0} % taken by the hypervisor"),
            format!(", el hipervisor se lleva el {steal:.0} %"),
        );
    }
    Some(BindingResource { utilization: Some(busy), figures })
}
