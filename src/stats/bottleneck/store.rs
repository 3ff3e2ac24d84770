//! The store, or the connections to it.

use super::{BindingResource, BottleneckText, Resource, ResourceRule, Used, comma, counted};
use crate::stats::model::Window;
use crate::stats::store_target::StoreTarget;

/// Time with every connection in use and requests waiting for one: most of the window, as for the pool.
const SATURATED_PERCENT: f64 = 50.0;

pub(super) const RULE: ResourceRule = ResourceRule {
    resource: Resource::Store,
    label: ["the store", "el almacén"],
    source: "store.utilization",
    used,
    binds,
};

fn used(window: &Window) -> Option<Used> {
    let percent = window.store.utilization?;
    Some(Used::new(percent, "the connections to the store are", "las conexiones al almacén"))
}

fn binds(window: &Window) -> Option<BindingResource> {
    let store = &window.store;
    let saturated = store.saturated_percent?;
    let rejected = store.rejected.unwrap_or_default();
    (saturated >= SATURATED_PERCENT || rejected > 0).then_some(())?;
    // Of several servers the one that is saturated most, with its own figures.
    let hottest = hottest(&store.targets);
    let (to, al) = hottest.map(|one| (format!(" to {}", one.url), format!(" a {}", one.url))).unwrap_or_default();
    let (who, quienes) = match hottest.map_or(store.connections, |one| one.connections) {
        1 => (format!("the one connection{to}"), format!("la única conexión{al} en uso")),
        connections => {
            (format!("all {connections} connections{to}"), format!("las {connections} conexiones{al} en uso"))
        }
    };
    let waiting = hottest.map_or(store.waiting, |one| one.waiting);
    let response = hottest.map_or(store.response_milliseconds, |one| one.response_milliseconds);
    let mut figures = BottleneckText {
        en: format!("{who} in use and requests waiting {saturated:.0} % of the time, {waiting} waiting now"),
        es: format!("{quienes} y pedidos esperando el {saturated:.0} % del tiempo; ahora esperan {waiting}"),
    };
    if let Some((time, slowest)) = response.p50.zip(response.p99) {
        let (en, en_p99) = (format!("{time:.1}"), format!("{slowest:.1}"));
        figures.push(
            format!("; the store answers in {en} ms (p99 {en_p99})"),
            format!("; el almacén responde en {} ms (p99 {})", comma(&en), comma(&en_p99)),
        );
    }
    if let Some(share) = store.response_percent {
        figures.push(
            format!(", {share:.0} % of what a request waits for it"),
            format!(", el {share:.0} % de lo que un pedido lo espera"),
        );
    }
    if rejected > 0 {
        figures.push(
            format!(", {} refused in this window: too many waited", counted(rejected, ["request", "requests"])),
            format!(
                "; con demasiados en espera, {} en esta ventana",
                counted(rejected, ["pedido rechazado", "pedidos rechazados"])
            ),
        );
    }
    Some(BindingResource { utilization: store.utilization, figures })
}

/// The server that is saturated most, where the store has several.
fn hottest(targets: &[StoreTarget]) -> Option<&StoreTarget> {
    let of_several = targets.iter().filter(|target| target.role.is_some());
    of_several.max_by(|a, b| a.saturated_percent.unwrap_or(0.0).total_cmp(&b.saturated_percent.unwrap_or(0.0)))
}
