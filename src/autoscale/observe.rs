//! What the nodes say of themselves, between one decision and the next.
//!
//! Each node is asked for its `/stats` about once a second; a figure is the mean over what it answered, so that one
//! answer that fails or comes late is no missing sample.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::config::Metric;
use super::sample::{SampledNode, SampledState};
use crate::cluster::contract::{ClusterAnswer, NodeAnswer, NodeState};
use crate::http::blocking;
use crate::stats::model::Endpoint;
use crate::stats::{EndpointKind, Stats};

/// How often a node is asked.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long an answer may take, in each of its steps.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a waiting thread looks at the interrupt.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a node answered in the interval.
#[derive(Debug, Default)]
pub struct Answers {
    answers: Vec<Stats>,
    /// Why the last question that failed did.
    pub failure: Option<String>,
}

/// Asks all nodes for `interval`; returns early when `interrupted` becomes true. In the order of the nodes.
pub fn listen(cluster: &ClusterAnswer, interval: Duration, interrupted: &AtomicBool) -> Vec<Answers> {
    let until = Instant::now() + interval;
    thread::scope(|scope| {
        let ask = |node: &NodeAnswer| {
            let url = node.url.clone();
            scope.spawn(move || listen_to(&url, until, interrupted))
        };
        let threads: Vec<_> = cluster.nodes.iter().map(ask).collect();
        pause_until(until, interrupted);
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

fn listen_to(url: &str, until: Instant, interrupted: &AtomicBool) -> Answers {
    let mut heard = Answers::default();
    let mut turn = Instant::now();
    while !interrupted.load(Ordering::Relaxed) {
        match ask(url) {
            Ok(stats) => heard.answers.push(stats),
            Err(error) => heard.failure = Some(format!("{error:#}")),
        }
        turn += ASK_EVERY;
        if turn.max(Instant::now()) >= until {
            break;
        }
        pause_until(turn, interrupted);
    }
    heard
}

fn ask(url: &str) -> anyhow::Result<Stats> {
    Ok(serde_json::from_slice(&blocking::get(url, "/stats", ASK_TIMEOUT)?)?)
}

/// Waits for a moment, or for the interrupt.
pub fn pause_until(moment: Instant, interrupted: &AtomicBool) {
    while !interrupted.load(Ordering::Relaxed) {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(LOOK_EVERY));
    }
}

impl Answers {
    /// The figures of the interval: those that could be had. `quota_cores` is what the driver says the node may use.
    pub fn readings(&self, quota_cores: Option<f64>) -> BTreeMap<Metric, f64> {
        Metric::ALL.into_iter().filter_map(|metric| Some((metric, self.reading(metric, quota_cores)?))).collect()
    }

    fn reading(&self, metric: Metric, quota_cores: Option<f64>) -> Option<f64> {
        let last = self.answers.last()?;
        match metric {
            Metric::Cpu => mean(self.answers.iter().filter_map(|stats| cpu_percent(stats, quota_cores))),
            Metric::Memory => last.window.cgroup.memory_utilization.or(last.window.memory.used_percent),
            Metric::Rate => self.rate(),
            Metric::Queue => mean(self.answers.iter().map(in_pool)),
            Metric::P99 => {
                let used = last.window.requests.endpoints.iter().filter(|endpoint| by_users(endpoint));
                used.filter_map(|endpoint| endpoint.p99).reduce(f64::max)
            }
        }
    }

    /// Requests of users between the first and the last answer; with one answer alone, all requests of its window.
    fn rate(&self) -> Option<f64> {
        let (first, last) = (self.answers.first()?, self.answers.last()?);
        let seconds = last.node.uptime_seconds - first.node.uptime_seconds;
        if seconds <= 0.0 {
            return last.window.requests.per_second;
        }
        let answered = |stats: &Stats| -> u64 {
            let endpoints = stats.window.requests.endpoints.iter();
            endpoints.filter(|endpoint| by_users(endpoint)).map(|endpoint| endpoint.count).sum()
        };
        Some(answered(last).saturating_sub(answered(first)) as f64 / seconds)
    }

    /// How far back the figures reach.
    fn reach_seconds(&self) -> Option<f64> {
        let (first, last) = (self.answers.first()?, self.answers.last()?);
        let between = (last.node.uptime_seconds - first.node.uptime_seconds).max(0.0);
        Some(between + first.window.window_seconds.unwrap_or(0.0))
    }

    fn uptime_seconds(&self) -> Option<f64> {
        self.answers.last().map(|stats| stats.node.uptime_seconds)
    }
}

/// CPU in percent of the quota, or of the CPUs where there is no quota: at most 100. Where the kernel does not count by control
/// group (version 1 without the accounting controller), the process is the node.
///
/// A window of one second may hold the use of one period of the quota more than its own ten, and then reads up to 110 %. That is
/// the window's edge and no need for more: counted as it is read, a target near the quota would sometimes be passed by chance.
fn cpu_percent(stats: &Stats, quota_cores: Option<f64>) -> Option<f64> {
    let window = &stats.window;
    let percent = window.cgroup.cpu_quota_utilization.or_else(|| {
        let cores = window.cpu.allowed_cores.or(window.cpu.cores).map(|cores| cores as f64);
        let quota = window.cgroup.cpu_quota_cores.or(quota_cores).or(cores).filter(|cores| *cores > 0.0)?;
        Some(window.process.cpu_percent? / quota)
    })?;
    Some(percent.min(100.0))
}

fn in_pool(stats: &Stats) -> f64 {
    (stats.window.pool.active + stats.window.pool.queued) as f64
}

/// Whether users ask for it. What observers ask is no load.
fn by_users(endpoint: &Endpoint) -> bool {
    match endpoint.kind {
        EndpointKind::Demo => true,
        EndpointKind::Monitoring | EndpointKind::Page => false,
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Which nodes were ready, and since when, as the loop saw it.
#[derive(Debug, Default)]
pub struct Readiness {
    /// `None`: since before the loop began.
    ready_since: HashMap<String, Option<Instant>>,
    begun: bool,
}

impl Readiness {
    /// The nodes as the driver described them at the moment `seen`, with what they answered from then until `now`. A node
    /// that was ready and is not any more has failed; one that never was starts.
    pub fn nodes(
        &mut self,
        cluster: &ClusterAnswer,
        answers: &[Answers],
        seen: Instant,
        now: Instant,
    ) -> Vec<SampledNode> {
        self.ready_since.retain(|name, _| cluster.nodes.iter().any(|node| node.name == *name));
        let nodes = cluster.nodes.iter().zip(answers);
        let nodes = nodes.map(|(node, answers)| self.node(node, answers, seen, now)).collect();
        self.begun = true;
        nodes
    }

    fn node(&mut self, node: &NodeAnswer, answers: &Answers, seen: Instant, now: Instant) -> SampledNode {
        let known = self.ready_since.contains_key(&node.name);
        let up = match node.state {
            Some(NodeState::Ready) => Some(true),
            Some(NodeState::Down) => Some(false),
            Some(NodeState::Drained) => None,
            None => Some(node.up.unwrap_or(true)),
        };
        let state = match up {
            None => SampledState::Draining,
            Some(true) => SampledState::Running { ready: true },
            Some(false) if known => SampledState::Failed,
            Some(false) => SampledState::Starting,
        };
        if up == Some(true) {
            let since = self.begun.then_some(seen);
            self.ready_since.entry(node.name.clone()).or_insert(since);
        }
        let since = self.ready_since.get(&node.name);
        SampledNode {
            name: node.name.clone(),
            state,
            age_seconds: answers.uptime_seconds(),
            since_seconds: since.copied().flatten().map(|since| (now - since).as_secs_f64()),
            sample_seconds: answers.reach_seconds(),
            was_ready: since.is_some(),
            quota: node.quota_cores.filter(|quota| *quota > 0.0).unwrap_or(1.0),
            readings: answers.readings(node.quota_cores),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Stats, Window};

    fn stats(uptime: f64, change: impl FnOnce(&mut Window)) -> Stats {
        let mut stats = Stats::default();
        stats.node.uptime_seconds = uptime;
        stats.window.window_seconds = Some(1.0);
        change(&mut stats.window);
        stats
    }

    fn endpoint(path: &'static str, count: u64, p99: f64) -> Endpoint {
        let kind = if path == "/stats" { EndpointKind::Monitoring } else { EndpointKind::Demo };
        Endpoint { path: path.into(), kind, count, p99: Some(p99), ..Default::default() }
    }

    #[test]
    fn figures_are_means_over_the_interval() {
        let first = stats(100.0, |window| {
            window.cgroup.cpu_quota_utilization = Some(40.0);
            (window.pool.active, window.pool.queued) = (2, 0);
            window.requests.endpoints = vec![endpoint("/fib", 1000, 9.0), endpoint("/stats", 50, 1.0)];
        });
        let last = stats(110.0, |window| {
            window.cgroup.cpu_quota_utilization = Some(80.0);
            (window.pool.active, window.pool.queued) = (2, 5);
            window.memory.used_percent = Some(30.0);
            window.requests.endpoints =
                vec![endpoint("/fib", 1200, 12.0), endpoint("/sleep", 3, 4.0), endpoint("/stats", 60, 99.0)];
        });
        let answers = Answers { answers: vec![first, last], failure: None };
        let expected = [
            (Metric::Cpu, 60.0),
            (Metric::Memory, 30.0),
            (Metric::Rate, 20.3),
            (Metric::Queue, 4.5),
            (Metric::P99, 12.0),
        ];
        assert_eq!(answers.readings(None), BTreeMap::from(expected));
        assert_eq!(answers.reach_seconds(), Some(11.0));
    }

    #[test]
    fn without_a_quota_cpu_is_of_the_cores() {
        let alone = stats(5.0, |window| {
            window.process.cpu_percent = Some(150.0);
            window.cpu.allowed_cores = Some(2);
            window.requests.per_second = Some(7.0);
        });
        let answers = Answers { answers: vec![alone], failure: None };
        assert_eq!(answers.reading(Metric::Cpu, None), Some(75.0));
        assert_eq!(answers.reading(Metric::Cpu, Some(1.5)), Some(100.0), "the driver knows the quota");
        assert_eq!(answers.reading(Metric::Rate, None), Some(7.0));
        assert!(Answers::default().readings(None).is_empty());
    }

    #[test]
    fn more_cpu_than_the_quota_is_the_quota() {
        let read = |percent| {
            let edge = stats(5.0, |window| window.cgroup.cpu_quota_utilization = Some(percent));
            Answers { answers: vec![edge], failure: None }.reading(Metric::Cpu, None)
        };
        assert_eq!([99.5, 100.0, 106.0].map(read), [Some(99.5), Some(100.0), Some(100.0)]);
    }

    #[test]
    fn a_node_that_was_ready_has_failed_and_a_new_one_starts() {
        let cluster = |states: &[(&str, &str)]| -> ClusterAnswer {
            let nodes: Vec<_> = states
                .iter()
                .map(|(name, state)| serde_json::json!({"name": name, "url": "http://h:1", "state": state}))
                .collect();
            serde_json::from_value(serde_json::json!({ "target": "http://h:1", "nodes": nodes })).unwrap()
        };
        let answers = || [Answers::default(), Answers::default(), Answers::default()];
        let mut seen = Readiness::default();
        let moment = Instant::now();
        let first =
            seen.nodes(&cluster(&[("a", "ready"), ("b", "down"), ("c", "drained")]), &answers(), moment, moment);
        let states: Vec<SampledState> = first.iter().map(|node| node.state).collect();
        assert_eq!(states, [SampledState::Running { ready: true }, SampledState::Starting, SampledState::Draining]);
        assert_eq!(first[0].since_seconds, None, "it was ready before the loop began");
        let later = moment + Duration::from_secs(15);
        let second = seen.nodes(&cluster(&[("a", "down"), ("b", "ready"), ("d", "down")]), &answers(), moment, later);
        let states: Vec<SampledState> = second.iter().map(|node| node.state).collect();
        assert_eq!(states, [SampledState::Failed, SampledState::Running { ready: true }, SampledState::Starting]);
        assert_eq!(second[1].since_seconds, Some(15.0));
    }
}
