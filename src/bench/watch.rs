//! Watches nodes, balancer and machine while a run is driven, all on one clock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use super::speed::{PAUSE, SpeedProbe};
use crate::cluster::contract::{ClusterAnswer, NodeAnswer};
use crate::http::blocking;
use crate::http::outgoing::ClientError;
use crate::kernel::cgroup::quota;
use crate::kernel::{Root, busy, clock, cpu, process};
use crate::lock::lock;
use crate::results::run::{NodeSample, RunSample, ServiceSample, StatsSample};
use crate::stats::Bottleneck;

/// CPU clocks are read this often: four points in each second of the charts.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A node takes a new snapshot once a second; asked twice as often, none is missed.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// A node under a quota may be frozen for most of a period, several periods in a row.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// The last look at a node holds up the next run.
const LAST_TIMEOUT: Duration = Duration::from_millis(500);

/// A watch that is kept; [`Watch::end`] gives back what was seen.
pub struct Watch {
    started: Instant,
    over: Arc<AtomicBool>,
    all_asked: Arc<AtomicBool>,
    looker: JoinHandle<Vec<RunSample>>,
    nodes: Arc<Mutex<Nodes>>,
}

type Latest = Arc<Mutex<Option<StatsSample>>>;
/// What the speed probe has counted so far.
type ProbeCounts = Arc<Mutex<(u64, f64)>>;

impl Watch {
    /// Begins to watch `cluster`.
    pub fn start(cluster: &ClusterAnswer) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let nodes = Arc::new(Mutex::new(Nodes::default()));
        lock(&nodes).join(&cluster.nodes, &over);
        let family = |pid: Option<u32>| pid.map(|pid| process::descendants(&Root::real(), pid));
        let balancer = family(cluster.balancer.as_ref().and_then(|balancer| balancer.pid));
        let services: Vec<Option<Vec<u32>>> = cluster.services.iter().map(|service| family(service.pid)).collect();
        let counted = ProbeCounts::default();
        {
            let (counted, over) = (Arc::clone(&counted), Arc::clone(&over));
            thread::spawn(move || probe(&counted, &over));
        }
        let started = Instant::now();
        let all_asked = Arc::new(AtomicBool::new(false));
        let looker = {
            let (all_asked, nodes) = (Arc::clone(&all_asked), Arc::clone(&nodes));
            let families = Families { services, balancer };
            thread::spawn(move || look(started, &families, &nodes, &counted, &all_asked))
        };
        Self { started, over, all_asked, looker, nodes }
    }

    /// Watches these nodes as well. One that is known by its name and has another process now goes on under its name.
    pub fn join(&self, nodes: &[NodeAnswer]) {
        lock(&self.nodes).join(nodes, &self.over);
    }

    /// All nodes that were watched, in the order of the samples.
    pub fn nodes(&self) -> Vec<NodeAnswer> {
        lock(&self.nodes).watched.iter().map(|watched| watched.node.clone()).collect()
    }

    /// Seconds since the watch began: the clock of its samples.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Ends the watch with a last look at every node: its snapshot covers the second before, so that a short run has
    /// one, too.
    pub fn end(self) -> Vec<RunSample> {
        self.over.store(true, Ordering::Relaxed);
        let askers = std::mem::take(&mut lock(&self.nodes).askers);
        for asker in askers {
            asker.thread().unpark();
            // One that panicked has nothing to add.
            let _ = asker.join();
        }
        self.all_asked.store(true, Ordering::Relaxed);
        self.looker.thread().unpark();
        self.looker.join().unwrap_or_default()
    }
}

/// The nodes of a cluster, which may come and go.
#[derive(Default)]
struct Nodes {
    watched: Vec<WatchedNode>,
    askers: Vec<JoinHandle<()>>,
}

struct WatchedNode {
    node: NodeAnswer,
    latest: Latest,
    /// Its processes one after the other, each with its descendants and the CPU seconds that were read last.
    processes: Vec<(Vec<u32>, f64)>,
}

impl Nodes {
    fn join(&mut self, nodes: &[NodeAnswer], over: &Arc<AtomicBool>) {
        for node in nodes {
            let known = self.watched.iter_mut().find(|watched| watched.node.name == node.name);
            let latest = match known {
                Some(known) if known.node.pid == node.pid => continue,
                Some(known) => {
                    known.node.clone_from(node);
                    known.processes.extend(node.pid.map(started));
                    Arc::clone(&known.latest)
                }
                None => {
                    let latest = Latest::default();
                    let processes = node.pid.map(started).into_iter().collect();
                    self.watched.push(WatchedNode { node: node.clone(), latest: Arc::clone(&latest), processes });
                    latest
                }
            };
            let (url, over) = (node.url.clone(), Arc::clone(over));
            self.askers.push(thread::spawn(move || ask(&url, &latest, &over)));
        }
    }

    fn look(&mut self) -> Vec<NodeSample> {
        self.watched.iter_mut().map(WatchedNode::look).collect()
    }
}

fn started(pid: u32) -> (Vec<u32>, f64) {
    (process::descendants(&Root::real(), pid), 0.0)
}

impl WatchedNode {
    /// What all its processes used: one that has ended keeps what was read last.
    fn look(&mut self) -> NodeSample {
        for (family, seconds) in &mut self.processes {
            *seconds = cpu_seconds(family).unwrap_or(*seconds);
        }
        let used = self.processes.iter().map(|(_, seconds)| *seconds).reduce(|a, b| a + b);
        NodeSample { cpu_seconds: used.filter(|used| *used > 0.0), stats: lock(&self.latest).take() }
    }
}

/// The other processes that are watched: each with its descendants. `None` where it is not on this machine, or not known.
struct Families {
    services: Vec<Option<Vec<u32>>>,
    balancer: Option<Vec<u32>>,
}

fn look(
    started: Instant,
    families: &Families,
    nodes: &Mutex<Nodes>,
    counted: &ProbeCounts,
    over: &AtomicBool,
) -> Vec<RunSample> {
    let mut samples = Vec::new();
    loop {
        let last = over.load(Ordering::Relaxed);
        samples.push(RunSample {
            t_seconds: (started.elapsed().as_secs_f64() * 1e4).round() / 1e4,
            nodes: lock(nodes).look(),
            services: families.services.iter().map(|family| service(family.as_deref())).collect(),
            balancer_cpu_seconds: families.balancer.as_deref().and_then(cpu_seconds),
            machine_ticks: machine_ticks(),
            machine_busy_seconds: busy::busy_seconds(&Root::real()),
            bench_cpu_seconds: clock::process_cpu_seconds(std::process::id()),
            speed: Some(*lock(counted)),
        });
        if last {
            return samples;
        }
        thread::park_timeout(LOOK_EVERY);
    }
}

fn service(family: Option<&[u32]>) -> ServiceSample {
    let Some(family) = family else { return ServiceSample::default() };
    let root = Root::real();
    let level = family.first().and_then(|&pid| quota::level_of_process(&root, pid).ok()?);
    let memory = family.iter().filter_map(|&pid| process::resident_bytes(&root, pid).ok());
    ServiceSample {
        cpu_seconds: cpu_seconds(family),
        periods: level.and_then(|level| Some([level.periods?, level.throttled_periods?])),
        memory_bytes: memory.reduce(|a, b| a + b),
    }
}

/// CPU seconds of a process and its descendants. `None` when none of them lives.
fn cpu_seconds(family: &[u32]) -> Option<f64> {
    family.iter().filter_map(|&pid| clock::process_cpu_seconds(pid)).reduce(|a, b| a + b)
}

/// Clock ticks of the machine since its start: busy, stolen by the hypervisor, all.
fn machine_ticks() -> Option<[u64; 3]> {
    let ticks = cpu::read(&Root::real()).ok()?.total;
    Some([ticks.busy(), ticks.steal?, ticks.all()])
}

fn probe(counted: &ProbeCounts, over: &AtomicBool) {
    let mut probe = SpeedProbe::new();
    while !over.load(Ordering::Relaxed) {
        probe.compute();
        *lock(counted) = probe.total();
        thread::sleep(PAUSE);
    }
}

fn ask(url: &str, latest: &Latest, over: &AtomicBool) {
    loop {
        let last = over.load(Ordering::Relaxed);
        let answer = blocking::get(url, "/stats", if last { LAST_TIMEOUT } else { ASK_TIMEOUT });
        // A service without /stats says so, and is not asked again.
        let has_none = matches!(&answer, Err(ClientError::Status(400..500)));
        if let Some(stats) = answer.ok().and_then(|body| serde_json::from_slice(&body).ok()).map(|json| read(&json)) {
            *lock(latest) = Some(stats);
        }
        if last || has_none {
            return;
        }
        thread::park_timeout(ASK_EVERY);
    }
}

/// What is kept of a `/stats`; a field it lacks is `None`.
fn read(stats: &Value) -> StatsSample {
    let number = |pointer: &str| stats.pointer(pointer).and_then(Value::as_f64);
    StatsSample {
        requests_total: stats.pointer("/requests/total").and_then(Value::as_u64),
        throttled_percent: number("/cgroup/throttled_percent"),
        pool_utilization: number("/pool/utilization"),
        pool_queued: number("/pool/queued"),
        cpu_busy: number("/cpu/busy"),
        iowait: number("/cpu/iowait"),
        store_connections: number("/store/connections"),
        store_response_milliseconds: number("/store/response_milliseconds/p50"),
        // A resource that this version does not know is as good as none.
        bottleneck: stats.get("bottleneck").and_then(|judged| Bottleneck::deserialize(judged).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Resource;

    #[test]
    fn keeps_what_is_there() {
        let stats = serde_json::json!({
            "cpu": {"busy": 48.5, "iowait": null},
            "cgroup": {"throttled_percent": 97.0},
            "pool": {"utilization": 100.0, "queued": 12},
            "requests": {"total": 4711},
            "store": {"connections": 4, "response_milliseconds": {"p50": 2.5, "p99": 40.0}},
            "bottleneck": {"resource": "cpu-quota", "evidence": "throttled in 97 % of periods"},
        });
        let sample = read(&stats);
        assert_eq!(sample.requests_total, Some(4711));
        assert_eq!((sample.cpu_busy, sample.iowait), (Some(48.5), None));
        assert_eq!((sample.store_connections, sample.store_response_milliseconds), (Some(4.0), Some(2.5)));
        assert_eq!(sample.bottleneck.unwrap().resource, Resource::CpuQuota);
        assert_eq!(read(&serde_json::json!({"bottleneck": {"resource": "tape", "evidence": ""}})).bottleneck, None);
        assert_eq!(read(&serde_json::json!({})), StatsSample::default());
    }
}
