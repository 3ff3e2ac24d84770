//! Network links, and the queue of connections that wait to be accepted.

use super::{BindingResource, BottleneckText, Resource, ResourceRule, Used};
use crate::stats::model::{Interface, Window};

/// Share of a link's speed from which its queue grows; headers and gaps take part of the rest.
const BUSY_PERCENT: f64 = 90.0;

pub(super) const RULE: ResourceRule =
    ResourceRule { resource: Resource::Network, label: ["the network", "la red"], source: "network", used, binds };

fn busiest(window: &Window) -> Option<(&Interface, f64)> {
    let links = window.network.iter().flatten();
    links.filter_map(|link| Some((link, link.utilization?))).max_by(|left, right| left.1.total_cmp(&right.1))
}

fn used(window: &Window) -> Option<Used> {
    let link = busiest(window).map(|(Interface { interface, .. }, percent)| {
        Used::new(percent, format!("the link {interface} is"), format!("el enlace {interface}"))
    });
    let sockets = &window.sockets;
    let queue = sockets.listen_queue.zip(sockets.listen_queue_limit).filter(|(_, limit)| *limit > 0);
    let queue = queue.map(|(waiting, limit)| {
        let percent = (100.0 * waiting as f64 / limit as f64).min(100.0);
        Used::new(percent, "the accept queue is", "la cola de accept")
    });
    link.into_iter().chain(queue).max_by(Used::compare)
}

fn binds(window: &Window) -> Option<BindingResource> {
    let (link, used) = busiest(window)?;
    (used >= BUSY_PERCENT).then_some(())?;
    let (name, megabits) = (&link.interface, link.speed_bytes_per_second? as f64 * 8.0 / 1e6);
    let figures = BottleneckText {
        en: format!("{name} carries {used:.0} % of its {megabits:.0} Mbit/s"),
        es: format!("{name} transporta el {used:.0} % de sus {megabits:.0} Mbit/s"),
    };
    Some(BindingResource { utilization: Some(used), figures })
}
