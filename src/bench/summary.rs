//! From what was sampled to what was used over the measured window: arithmetic on plain data.

use super::foreign::{self, Clocks, CpuPart};
use crate::cluster::contract::{ClusterAnswer, ServiceAnswer};
use crate::kernel::clock;
use crate::results::load::LoadOutcome;
use crate::results::manifest::BalancerIdentity;
use crate::results::run::{BalancerUse, MachineUse, NodeUse, RunSample, ServiceSample, ServiceUse, StatsSample};
use crate::stats::{Bottleneck, Resource};

/// A node's snapshot covers the second before it: one taken earlier in the window also covers what was before it.
const SNAPSHOT_SECONDS: f64 = 1.0;

/// The measured window on the clock of the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunWindow {
    /// Its begin in seconds.
    pub from_seconds: f64,
    /// Its end in seconds.
    pub to_seconds: f64,
}

/// What each node used in the window.
pub fn nodes(cluster: &ClusterAnswer, samples: &[RunSample], window: RunWindow, load: &LoadOutcome) -> Vec<NodeUse> {
    let seconds = window.to_seconds - window.from_seconds;
    cluster
        .nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let cpu = used(samples, window, |sample| sample.nodes.get(index)?.cpu_seconds);
            let stats: Vec<&StatsSample> = samples
                .iter()
                .filter(|sample| {
                    sample.t_seconds >= (window.from_seconds + SNAPSHOT_SECONDS).min(window.to_seconds - 0.1)
                })
                .filter_map(|sample| sample.nodes.get(index)?.stats.as_ref())
                .collect();
            let mean = |field: fn(&StatsSample) -> Option<f64>| average(stats.iter().filter_map(|stats| field(stats)));
            let named = load.nodes.get(&node.name).copied();
            // One that is alone has given every answer, whether it names itself or not.
            let alone = (cluster.nodes.len() == 1).then_some(load.requests_ok);
            let answers = named.or(alone).filter(|&answers| answers > 0);
            NodeUse {
                name: node.name.clone(),
                quota_cores: node.quota_cores,
                cpu_cores: cpu.map(|cpu| cpu / seconds),
                cpu_seconds_per_request: cpu.zip(answers).map(|(cpu, answers)| cpu / answers as f64),
                throttled_percent: mean(|stats| stats.throttled_percent),
                pool_percent: mean(|stats| stats.pool_utilization),
                pool_queued: mean(|stats| stats.pool_queued),
                iowait_percent: mean(|stats| stats.iowait),
                store_connections: mean(|stats| stats.store_connections),
                store_response_milliseconds: mean(|stats| stats.store_response_milliseconds),
                bottleneck: most_frequent(stats.iter().filter_map(|stats| stats.bottleneck.as_ref())),
            }
        })
        .collect()
}

/// What the balancer used in the window. `None` without one.
pub fn balancer(cluster: &ClusterAnswer, samples: &[RunSample], window: RunWindow) -> Option<BalancerUse> {
    let cpu = used(samples, window, |sample| sample.balancer_cpu_seconds);
    let cpu_cores = cpu.map(|cpu| cpu / (window.to_seconds - window.from_seconds));
    let balancer = cluster.balancer.as_ref()?;
    let identity =
        BalancerIdentity { kind: balancer.kind.clone(), version: balancer.version.clone(), pid: balancer.pid };
    Some(BalancerUse { identity, cpu_cores })
}

/// What each store and cache used in the window.
pub fn services(cluster: &ClusterAnswer, samples: &[RunSample], window: RunWindow) -> Vec<ServiceUse> {
    let seconds = window.to_seconds - window.from_seconds;
    let used = |index: usize, counter: fn(&ServiceSample) -> Option<f64>| {
        used(samples, window, |sample| counter(sample.services.get(index)?))
    };
    let one = |(index, service): (usize, &ServiceAnswer)| {
        let periods = used(index, |sample| Some(sample.periods?[0] as f64)).filter(|periods| *periods > 0.0);
        let throttled = used(index, |sample| Some(sample.periods?[1] as f64));
        ServiceUse {
            name: service.name.clone(),
            kind: service.kind.clone(),
            role: service.role,
            quota_cores: service.quota_cores,
            cpu_cores: used(index, |sample| sample.cpu_seconds).map(|cpu| cpu / seconds),
            throttled_percent: throttled.zip(periods).map(|(throttled, periods)| 100.0 * throttled / periods),
            memory_bytes: samples
                .iter()
                .rev()
                .filter(|sample| sample.t_seconds <= window.to_seconds)
                .find_map(|sample| sample.services.get(index)?.memory_bytes),
        }
    };
    cluster.services.iter().enumerate().map(one).collect()
}

/// What the machine did in the window, and what of it belongs to the run. `is_here`: whether an address is on this machine.
pub fn machine(
    cluster: &ClusterAnswer,
    samples: &[RunSample],
    window: RunWindow,
    load: &LoadOutcome,
    is_here: impl Fn(&str) -> bool,
) -> MachineUse {
    let seconds = window.to_seconds - window.from_seconds;
    let cores_of =
        |counter: &dyn Fn(&RunSample) -> Option<f64>| used(samples, window, counter).map(|used| used / seconds);
    let part = |used: Option<f64>, address: &str| match used {
        Some(used) => CpuPart::Used(used),
        None if is_here(address) => CpuPart::Unknown,
        None => CpuPart::Used(0.0),
    };
    let nodes =
        CpuPart::sum(cluster.nodes.iter().enumerate().map(|(index, node)| {
            part(cores_of(&|sample: &RunSample| sample.nodes.get(index)?.cpu_seconds), &node.url)
        }));
    let balancer = match &cluster.balancer {
        Some(_) => part(cores_of(&|sample: &RunSample| sample.balancer_cpu_seconds), &cluster.target),
        None => CpuPart::Used(0.0),
    };
    let services = CpuPart::sum(cluster.services.iter().enumerate().map(|(index, service)| {
        let used = cores_of(&|sample: &RunSample| sample.services.get(index)?.cpu_seconds);
        part(used, &format!("tcp://{}", service.address))
    }));
    let known = |used: Option<f64>| used.map_or(CpuPart::Unknown, CpuPart::Used);
    let generator = known(load.generator.cpu_percent.map(|percent| percent / 100.0));
    let bench = known(cores_of(&|sample: &RunSample| sample.bench_cpu_seconds));
    let shares = shares(samples, window);
    let hz = clock::ticks_per_second() as f64;
    let ticks = |index: usize| cores_of(&|sample: &RunSample| Some(sample.machine_ticks?[index] as f64 / hz));
    let clocks = Clocks {
        cores: ticks(2),
        busy_by_ticks: ticks(0),
        stolen: ticks(1),
        busy_exactly: cores_of(&|sample: &RunSample| sample.machine_busy_seconds),
    };
    let busy = foreign::busy(&clocks);
    MachineUse {
        cores: clocks.cores,
        busy_cores: busy,
        nodes_cores: nodes.cores(),
        balancer_cores: balancer.cores(),
        services_cores: services.cores(),
        generator_cores: generator.cores(),
        bench_cores: bench.cores(),
        foreign_cores: foreign::foreign(busy, &[nodes, balancer, services, generator, bench]),
        ..shares
    }
}

/// The machine's shares in percent, and its speed.
fn shares(samples: &[RunSample], window: RunWindow) -> MachineUse {
    let ticks =
        |index: usize| used(samples, window, move |sample| sample.machine_ticks.map(|ticks| ticks[index] as f64));
    let all = ticks(2).filter(|all| *all > 0.0);
    let percent = |part: Option<f64>| part.zip(all).map(|(part, all)| (100.0 * part / all).clamp(0.0, 100.0));
    let computations = used(samples, window, |sample| Some(sample.speed?.0 as f64));
    let seconds = used(samples, window, |sample| Some(sample.speed?.1)).filter(|seconds| *seconds > 0.0);
    MachineUse {
        busy_percent: percent(ticks(0)),
        steal_percent: percent(ticks(1)),
        speed_per_second: computations.zip(seconds).map(|(computations, seconds)| computations / seconds),
        ..MachineUse::default()
    }
}

/// How much a rising counter grew over the window; between two samples it is taken to have risen evenly.
fn used(samples: &[RunSample], window: RunWindow, counter: impl Fn(&RunSample) -> Option<f64>) -> Option<f64> {
    let readings: Vec<(f64, f64)> =
        samples.iter().filter_map(|sample| Some((sample.t_seconds, counter(sample)?))).collect();
    Some((at(&readings, window.to_seconds)? - at(&readings, window.from_seconds)?).max(0.0))
}

fn at(readings: &[(f64, f64)], t: f64) -> Option<f64> {
    let after = readings.iter().position(|&(time, _)| time >= t);
    match after {
        None => readings.last().map(|&(_, value)| value),
        Some(0) => readings.first().map(|&(_, value)| value),
        Some(index) => {
            let ((t0, v0), (t1, v1)) = (readings[index - 1], readings[index]);
            Some(v0 + (v1 - v0) * (t - t0) / (t1 - t0).max(f64::MIN_POSITIVE))
        }
    }
}

fn average(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}

/// The resource named most often, with its latest evidence.
fn most_frequent<'a>(named: impl DoubleEndedIterator<Item = &'a Bottleneck> + Clone) -> Option<Bottleneck> {
    let count = |resource: Resource| named.clone().filter(|bottleneck| bottleneck.resource == resource).count();
    named
        .clone()
        .rev()
        .max_by_key(|bottleneck| count(bottleneck.resource))
        .map(|most| named.clone().rev().find(|bottleneck| bottleneck.resource == most.resource).unwrap_or(most).clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::results::load::GeneratorUse;
    use crate::results::run::{NodeSample, ServiceRole};

    fn cluster() -> ClusterAnswer {
        serde_json::from_str(
            r#"{"target":"http://h:1","nodes":[{"name":"node1","url":"http://h:2","quota_cores":0.25}],
                "balancer":{"kind":"haproxy","version":"2.6","pid":1}}"#,
        )
        .unwrap()
    }

    fn sample(t: f64, cpu: f64, stats: Option<StatsSample>) -> RunSample {
        RunSample {
            t_seconds: t,
            nodes: vec![NodeSample { cpu_seconds: Some(cpu), stats }],
            balancer_cpu_seconds: Some(cpu / 10.0),
            services: vec![],
            machine_ticks: Some([(t * 100.0) as u64, 0, (t * 200.0) as u64]),
            machine_busy_seconds: Some(t * 1.05),
            bench_cpu_seconds: Some(t * 0.01),
            speed: Some(((t * 100.0) as u64, t / 400.0)),
        }
    }

    fn stats(throttled: f64, resource: Resource) -> Option<StatsSample> {
        let bottleneck = Some(Bottleneck { resource, evidence: format!("{throttled}"), ..Bottleneck::default() });
        Some(StatsSample { throttled_percent: Some(throttled), bottleneck, ..StatsSample::default() })
    }

    #[test]
    fn use_over_the_window() {
        let samples = [
            sample(0.0, 1.0, stats(0.0, Resource::None)),
            sample(1.0, 1.0, None),
            sample(2.0, 1.25, stats(90.0, Resource::CpuQuota)),
            sample(3.0, 1.5, stats(100.0, Resource::CpuQuota)),
            sample(4.0, 1.75, stats(80.0, Resource::Pool)),
        ];
        let window = RunWindow { from_seconds: 1.0, to_seconds: 3.5 };
        let load = LoadOutcome { nodes: BTreeMap::from([("node1".to_owned(), 125)]), ..LoadOutcome::default() };
        let node = &nodes(&cluster(), &samples, window, &load)[0];
        assert!((node.cpu_cores.unwrap() - 0.25).abs() < 1e-9);
        assert!((node.cpu_seconds_per_request.unwrap() - 0.005).abs() < 1e-9);
        assert_eq!(node.throttled_percent, Some(90.0));
        assert_eq!(node.bottleneck.as_ref().unwrap().resource, Resource::CpuQuota);
        assert_eq!(node.bottleneck.as_ref().unwrap().evidence, "100");
        assert!((balancer(&cluster(), &samples, window).unwrap().cpu_cores.unwrap() - 0.025).abs() < 1e-9);
    }

    #[test]
    fn the_machine_and_who_used_it() {
        let window = RunWindow { from_seconds: 1.0, to_seconds: 3.0 };
        // A node that uses 0.25 cores, a balancer of a tenth of that, a generator of 5 %, the bench 1 %: of 1.05 cores.
        let samples: Vec<RunSample> = (0..=4).map(|t| sample(f64::from(t), f64::from(t) / 4.0, None)).collect();
        let generator = GeneratorUse { cpu_percent: Some(5.0), ..GeneratorUse::default() };
        let load = LoadOutcome { generator, ..LoadOutcome::default() };
        let machine = |samples: &[RunSample], here: bool| machine(&cluster(), samples, window, &load, |_| here);
        let found = machine(&samples, true);
        let near = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 1e-9;
        assert!(near(found.busy_percent, 50.0) && near(found.speed_per_second, 40_000.0));
        assert!(near(found.cores, 2.0) && near(found.busy_cores, 1.05) && near(found.nodes_cores, 0.25));
        assert!(
            near(found.balancer_cores, 0.025) && near(found.generator_cores, 0.05) && near(found.bench_cores, 0.01)
        );
        assert!(near(found.foreign_cores, 0.715), "{found:?}");
        // A node without a process number: on this machine nobody knows what it used; on another it used nothing here.
        let mut nameless = samples;
        for sample in &mut nameless {
            sample.nodes[0].cpu_seconds = None;
        }
        assert_eq!(machine(&nameless, true).foreign_cores, None);
        assert!(near(machine(&nameless, false).foreign_cores, 0.965));
    }

    #[test]
    fn services_over_the_window() {
        let cluster: ClusterAnswer = serde_json::from_str(
            r#"{"target":"http://h:1","nodes":[],"services":[
                {"name":"store1","kind":"redis","role":"primary","address":"h:6379","pid":7,"quota_cores":0.5,"up":true}]}"#,
        )
        .unwrap();
        let window = RunWindow { from_seconds: 1.0, to_seconds: 3.0 };
        let at = |t: u32| RunSample {
            t_seconds: f64::from(t),
            services: vec![ServiceSample {
                cpu_seconds: Some(f64::from(t) * 0.4),
                periods: Some([u64::from(t) * 10, u64::from(t) * 4]),
                memory_bytes: Some(u64::from(t) << 20),
            }],
            ..RunSample::default()
        };
        let samples: Vec<RunSample> = (0..5).map(at).collect();
        let found = &services(&cluster, &samples, window)[0];
        assert_eq!(
            (found.role, found.quota_cores, found.memory_bytes),
            (ServiceRole::Primary, Some(0.5), Some(3 << 20))
        );
        assert!(
            (found.cpu_cores.unwrap() - 0.4).abs() < 1e-9 && (found.throttled_percent.unwrap() - 40.0).abs() < 1e-9
        );
        assert!(machine(&cluster, &samples, window, &LoadOutcome::default(), |_| false).services_cores.is_some());
        let unknown = &services(&cluster, &[], window)[0];
        assert_eq!((unknown.cpu_cores, unknown.throttled_percent, unknown.memory_bytes), (None, None, None));
    }

    #[test]
    fn what_was_not_read_stays_unknown() {
        let window = RunWindow { from_seconds: 0.0, to_seconds: 1.0 };
        let node = &nodes(&cluster(), &[], window, &LoadOutcome::default())[0];
        assert_eq!((node.cpu_cores, node.throttled_percent, node.bottleneck.as_ref()), (None, None, None));
        let machine = machine(&cluster(), &[], window, &LoadOutcome::default(), |_| true);
        assert_eq!(machine, MachineUse { services_cores: Some(0.0), ..MachineUse::default() }, "there are no services");
    }
}
