//! The node's worker pool.

use super::{BindingResource, BottleneckText, Resource, ResourceRule, Used, counted};
use crate::stats::model::Window;

/// Time with every thread at work and jobs waiting: most of the window.
const SATURATED_PERCENT: f64 = 50.0;

pub(super) const RULE: ResourceRule = ResourceRule {
    resource: Resource::Pool,
    label: ["the thread pool", "el pool de hilos"],
    source: "pool",
    used,
    binds,
};

fn used(window: &Window) -> Option<Used> {
    window.pool.utilization.map(|percent| Used::new(percent, "the worker pool is", "el pool de hilos"))
}

fn binds(window: &Window) -> Option<BindingResource> {
    let pool = &window.pool;
    let saturated = pool.saturated_percent?;
    let rejected = pool.rejected.unwrap_or_default();
    (saturated >= SATURATED_PERCENT || rejected > 0).then_some(())?;
    let (who, quienes) = match pool.threads {
        1 => ("the one thread".to_owned(), "el único hilo ocupado".to_owned()),
        threads => (format!("all {threads} threads"), format!("los {threads} hilos ocupados")),
    };
    let queued = pool.queued;
    let mut figures = BottleneckText {
        en: format!("{who} at work and jobs waiting {saturated:.0} % of the time, {queued} waiting now"),
        es: format!("{quienes} y trabajos esperando el {saturated:.0} % del tiempo; ahora esperan {queued}"),
    };
    if rejected > 0 {
        figures.push(
            format!(", {} refused in this window: the queue was full", counted(rejected, ["job", "jobs"])),
            format!(
                "; con la cola llena, {} en esta ventana",
                counted(rejected, ["trabajo rechazado", "trabajos rechazados"])
            ),
        );
    }
    Some(BindingResource { utilization: pool.utilization, figures })
}
