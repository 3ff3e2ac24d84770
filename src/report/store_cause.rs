//! Why a store stops a point: it is at its own limit, it is slow though it has CPU left, or the nodes have too few connections to it.
//!
//! From the outside all three look alike: every connection is in use, and requests wait for one. The store's own CPU and the time it
//! takes for an answer tell them apart.

use serde::Serialize;

use super::usage::median;
use crate::design::{Text, both};
use crate::results::number::{or_dash, percent, significant};
use crate::results::run::Run;
use crate::results::statistics::Spread;

/// A store that uses this much of its quota has hardly more to give, in percent.
const BUSY_PERCENT: f64 = 90.0;
/// One that is stopped in this many of the quota's periods is at its limit, even where it was idle in between, in percent.
const THROTTLED_PERCENT: f64 = 90.0;
/// Below this it has CPU to spare, in percent of its quota; without one, of a core, since a server may have a single thread.
const IDLE_PERCENT: f64 = 60.0;
/// An answer that takes so many times its CPU spends its time elsewhere: at a disk, a lock or the network. Sending, waking and
/// waiting for a turn alone take up to ten times; questions that one connection sends at once, of which there are up to 16, wait for
/// each other besides.
const SLOW_FACTOR: f64 = 30.0;

/// Medians over some runs of one level.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StoreUse {
    /// The service whose CPU was nearest to its limit.
    pub service: Option<ServiceMedian>,
    /// What the other servers of its kind used of their limits, in percent, rising: a hot shard stands out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others_percent: Vec<f64>,
    /// Connections of each node.
    pub connections: Option<f64>,
    /// Time of an answer of the store at the nodes, the median, in milliseconds.
    pub response_milliseconds: Option<f64>,
    /// CPU of that service for each answer that clients got, in milliseconds.
    pub cpu_milliseconds: Option<f64>,
}

/// A service, over some runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceMedian {
    /// Its name and its kind: `store1 (mariadb)`.
    pub name: String,
    /// CPU it may use, in cores. `None` without a limit.
    pub quota_cores: Option<f64>,
    /// CPU it used, in cores.
    pub cpu_cores: f64,
    /// Share of quota periods in which it was throttled.
    pub throttled_percent: Option<f64>,
}

impl ServiceMedian {
    fn used_percent(&self) -> Option<f64> {
        self.quota_cores.filter(|quota| *quota > 0.0).map(|quota| 100.0 * self.cpu_cores / quota)
    }
}

/// What it is about the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The store's quota is used up.
    AtLimit,
    /// It has CPU left, and answers fast: more connections would bring more.
    TooFewConnections,
    /// It has CPU left, and takes long all the same.
    Slow,
    /// Its figures are not known, or say neither.
    Unclear,
}

/// Each service that these runs of one level have, in the driver's order; those whose CPU is not known are left out.
pub fn services(runs: &[&Run]) -> Vec<ServiceMedian> {
    let count = runs.first().map_or(0, |run| run.services.len());
    let one = |index: usize| {
        let service = runs.first()?.services.get(index)?;
        if !service.role.is_behind_nodes() {
            return None;
        }
        Some(ServiceMedian {
            name: format!("{} ({})", service.name, service.kind),
            quota_cores: service.quota_cores,
            cpu_cores: median(runs, |run| run.services.get(index)?.cpu_cores)?,
            throttled_percent: median(runs, |run| run.services.get(index)?.throttled_percent),
        })
    };
    (0..count).filter_map(one).collect()
}

/// CPU of a service for each answer that clients got, in milliseconds. `None` where there was none.
pub fn cpu_milliseconds(service: &ServiceMedian, runs: &[&Run]) -> Option<f64> {
    let rate = median(runs, |run| Some(run.load.throughput_per_second)).filter(|rate| *rate > 0.0)?;
    Some(1000.0 * service.cpu_cores / rate)
}

/// What was used in these runs of one level.
pub fn used(runs: &[&Run]) -> StoreUse {
    let share = |service: &ServiceMedian| service.used_percent().unwrap_or(100.0 * service.cpu_cores);
    let mut services = services(runs);
    services.sort_by(|a, b| share(a).total_cmp(&share(b)));
    let service = services.pop();
    let kind = |service: &ServiceMedian| service.name.split_once(' ').map(|(_, kind)| kind.to_owned());
    let same = |other: &&ServiceMedian| service.as_ref().is_some_and(|service| kind(service) == kind(other));
    let others_percent = services.iter().filter(same).filter_map(ServiceMedian::used_percent).collect();
    let of_nodes = |value: fn(&crate::results::run::NodeUse) -> Option<f64>| {
        median(runs, |run| Spread::of(run.nodes.iter().filter_map(value)).map(|spread| spread.median))
    };
    StoreUse {
        cpu_milliseconds: service.as_ref().and_then(|service| cpu_milliseconds(service, runs)),
        service,
        others_percent,
        connections: of_nodes(|node| node.store_connections),
        response_milliseconds: of_nodes(|node| node.store_response_milliseconds),
    }
}

/// What a store did at a point, and which of the three it would be, whether or not it stopped the point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoreFinding {
    /// The judgement.
    pub cause: Cause,
    /// Its figures.
    #[serde(flatten)]
    pub used: StoreUse,
}

/// What the store did in these runs. `None` where the nodes share none that could be watched.
pub fn finding(runs: &[&Run]) -> Option<StoreFinding> {
    let used = used(runs);
    used.service.as_ref()?;
    Some(StoreFinding { cause: cause(&used), used })
}

/// Which of the three it is.
pub fn cause(used: &StoreUse) -> Cause {
    let Some(service) = &used.service else { return Cause::Unclear };
    let share = service.used_percent();
    let throttled = service.throttled_percent.is_some_and(|percent| percent >= THROTTLED_PERCENT);
    match (share, used.response_milliseconds.zip(used.cpu_milliseconds)) {
        (Some(share), _) if share >= BUSY_PERCENT || (throttled && share >= IDLE_PERCENT) => Cause::AtLimit,
        (Some(share), _) if share >= IDLE_PERCENT => Cause::Unclear,
        (None, _) if 100.0 * service.cpu_cores >= IDLE_PERCENT => Cause::Unclear,
        (_, Some((response, cpu))) if response >= SLOW_FACTOR * cpu => Cause::Slow,
        (_, Some(_)) => Cause::TooFewConnections,
        (_, None) => Cause::Unclear,
    }
}

/// The cause as a sentence with its figures; `None` where they say nothing.
pub fn evidence(used: &StoreUse) -> Option<Text> {
    let service = used.service.as_ref()?;
    let name = Text::name(&service.name);
    let cpu = match (service.used_percent(), service.quota_cores) {
        (Some(share), Some(quota)) => both!(
            "used {share} % of its {quota} cores",
            "usó el {share} % de sus {quota} núcleos",
            share = percent(share),
            quota = format!("{quota:.2}")
        ),
        _ => both!("used {cores} cores", "usó {cores} núcleos", cores = significant(service.cpu_cores, 2)),
    };
    let figure = |milliseconds: Option<f64>| or_dash(milliseconds, |time| significant(time, 2));
    let (response, busy) = (figure(used.response_milliseconds), figure(used.cpu_milliseconds));
    match cause(used) {
        Cause::AtLimit => {
            let throttled = service.throttled_percent.map_or_else(Text::default, |share| {
                both!(
                    ", throttled in {share} % of periods",
                    ", frenado en el {share} % de los períodos",
                    share = percent(share)
                )
            });
            let others = others(&used.others_percent).unwrap_or_default();
            Some(both!(
                "{name} {cpu}{throttled}{others}",
                "{name} {cpu}{throttled}{others}",
                name,
                cpu,
                throttled,
                others
            ))
        }
        Cause::TooFewConnections => Some(both!(
            "{connections} of each node are all in use, the store is idle: {name} {cpu} and answers in {response} ms; more \
             connections may bring more",
            "{connections} de cada nodo están en uso, todas, y el almacén está ocioso: {name} {cpu} y responde en {response} ms; más \
             conexiones pueden dar más",
            connections = connections(used),
            name,
            cpu,
            response
        )),
        Cause::Slow => Some(both!(
            "the store is slow: {name} takes {response} ms for an answer, of which {busy} ms are CPU, and {cpu}; {connections} of \
             each node wait for a disk, a lock or the network, and where it is the network, more connections bring more",
            "el almacén es lento: {name} tarda {response} ms en una respuesta, de los que {busy} ms son CPU, y {cpu}; {connections} \
             de cada nodo esperan por un disco, un bloqueo o la red; si es la red, más conexiones dan más",
            connections = connections(used),
            name,
            response,
            busy,
            cpu
        )),
        Cause::Unclear => None,
    }
}

/// What the other servers used of their limits; `None` where there are none.
fn others(percents: &[f64]) -> Option<Text> {
    let (least, most) = (percent(*percents.first()?), percent(*percents.last()?));
    Some(match percents.len() {
        1 => both!("; the other one used {most} % of its own", "; el otro usó el {most} % del suyo", most),
        count if least == most => both!(
            "; the other {count} used {most} % of theirs",
            "; los otros {count} usaron el {most} % del suyo",
            count = count.to_string(),
            most
        ),
        count => both!(
            "; the other {count} used {least} to {most} % of theirs",
            "; los otros {count} usaron del {least} al {most} % del suyo",
            count = count.to_string(),
            least,
            most
        ),
    })
}

fn connections(used: &StoreUse) -> Text {
    match used.connections {
        None => Text::new("all connections", "las conexiones"),
        Some(count) => both!("{count} connections", "las {count} conexiones", count = format!("{count:.0}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::results::run::{ServiceRole, ServiceUse};

    fn store(quota: Option<f64>, cpu: f64, throttled: Option<f64>, response: f64, rate: f64) -> StoreUse {
        let service = ServiceMedian {
            name: "store1 (mariadb)".to_owned(),
            quota_cores: quota,
            cpu_cores: cpu,
            throttled_percent: throttled,
        };
        StoreUse {
            service: Some(service),
            others_percent: Vec::new(),
            connections: Some(8.0),
            response_milliseconds: Some(response),
            cpu_milliseconds: Some(1000.0 * cpu / rate),
        }
    }

    #[test]
    fn three_causes_are_told_apart() {
        for (used, expected, words) in [
            (
                store(Some(0.1), 0.0993, Some(100.0), 31.0, 960.0),
                Cause::AtLimit,
                "store1 (mariadb) used 99 % of its 0.10 cores, throttled in 100 % of periods",
            ),
            // Stopped in every period, though the windows of the CPU clock and the quota differ a little.
            (store(Some(0.1), 0.085, Some(100.0), 31.0, 960.0), Cause::AtLimit, "used 85 % of its 0.10 cores"),
            (
                store(Some(0.5), 0.05, Some(0.0), 0.4, 1000.0),
                Cause::TooFewConnections,
                "8 connections of each node are all in use, the store is idle",
            ),
            (store(None, 0.05, None, 0.4, 1000.0), Cause::TooFewConnections, "used 0.050 cores"),
            (
                store(Some(0.5), 0.02, Some(0.0), 12.0, 400.0),
                Cause::Slow,
                "takes 12 ms for an answer, of which 0.050 ms are CPU",
            ),
        ] {
            assert_eq!(cause(&used), expected, "{used:?}");
            let evidence = evidence(&used).unwrap();
            assert!(evidence.en().contains(words), "{words} in {evidence:?}");
        }
    }

    #[test]
    fn a_hot_shard_stands_beside_the_others() {
        let used = |others: &[f64]| {
            let used = store(Some(0.1), 0.0993, Some(100.0), 31.0, 960.0);
            evidence(&StoreUse { others_percent: others.to_vec(), ..used }).unwrap()
        };
        for (others, end) in [
            (&[][..], "periods"),
            (&[52.4], "periods; the other one used 52 % of its own"),
            (&[98.0, 98.4], "periods; the other 2 used 98 % of theirs"),
            (&[38.0, 41.0, 52.0], "periods; the other 3 used 38 to 52 % of theirs"),
        ] {
            let text = used(others);
            assert!(text.en().ends_with(end), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_claimed() {
        let busy_but_not_full = store(Some(0.1), 0.07, Some(50.0), 5.0, 900.0);
        let silent = StoreUse { response_milliseconds: None, ..store(Some(0.5), 0.05, None, 0.4, 1000.0) };
        let one_core = store(None, 0.95, None, 10.0, 95.0);
        for used in [StoreUse::default(), busy_but_not_full, silent, one_core] {
            assert_eq!((cause(&used), evidence(&used)), (Cause::Unclear, None), "{used:?}");
        }
    }

    #[test]
    fn the_service_nearest_to_its_limit_counts() {
        let service = |name: &str, quota_cores: f64, cpu_cores: f64| ServiceUse {
            name: name.to_owned(),
            kind: "redis".to_owned(),
            role: ServiceRole::Primary,
            quota_cores: Some(quota_cores),
            cpu_cores: Some(cpu_cores),
            throttled_percent: Some(100.0),
            memory_bytes: None,
        };
        let mut run = sample::closed(1, 4, 16, 500.0);
        run.services = vec![service("store1", 0.1, 0.099), service("sessions1", 0.5, 0.2)];
        for node in &mut run.nodes {
            (node.store_connections, node.store_response_milliseconds) = (Some(4.0), Some(3.0));
        }
        let used = used(&[&run, &run]);
        assert_eq!(used.service.as_ref().unwrap().name, "store1 (redis)");
        assert_eq!((used.connections, used.response_milliseconds), (Some(4.0), Some(3.0)));
        assert!((used.cpu_milliseconds.unwrap() - 0.198).abs() < 1e-9);
        assert_eq!(cause(&used), Cause::AtLimit);
    }
}
