//! What is simulated, as plain data. Times are in seconds.

use serde::{Deserialize, Serialize};

use super::arrivals::ArrivalProcess;
use super::model_error::{MOST_NODES, ModelError};
use super::service::ServiceTime;

/// A system and the load on it.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemModel {
    /// When requests arrive.
    pub arrivals: ArrivalProcess,
    /// How long a node works on a request (on each of its tasks, when it is forked).
    pub service: ServiceTime,
    /// Nodes at the start.
    pub nodes: usize,
    /// What a node is.
    pub server: SimulatedServer,
    /// How the balancer chooses a node.
    pub balancer: Policy,
    /// So long after a death, or a return, the balancer sees it.
    pub check_seconds: f64,
    /// Tasks of a request: it is done when all are, each on a node of its own.
    pub fork: usize,
    /// What a request needs after the node's work.
    pub store: Option<StoreModel>,
    /// What a client does when there is no answer.
    pub client: ClientModel,
    /// Nodes that die.
    pub deaths: Vec<Death>,
    /// From the order of a node to its first request.
    pub start_seconds: f64,
    /// Requests that are measured.
    pub requests: u64,
    /// Requests before them, that are not.
    pub warmup: u64,
    /// Equal seeds give equal results.
    pub seed: u64,
}

impl SystemModel {
    /// Nodes with one thread each, Poisson arrivals, an unlimited queue: the plain case, to be changed with `..`.
    pub fn new(rate: f64, service: ServiceTime, nodes: usize, requests: u64) -> Self {
        Self {
            arrivals: ArrivalProcess::Poisson { rate },
            service,
            nodes,
            server: SimulatedServer::default(),
            balancer: Policy::Random,
            check_seconds: 2.0,
            fork: 1,
            store: None,
            client: ClientModel::default(),
            deaths: Vec::new(),
            start_seconds: 0.0,
            requests,
            warmup: requests / 10,
            seed: 1,
        }
    }

    /// Offered work over what the nodes can do, while all of them live and nothing is sent twice: 1 is full.
    pub fn load(&self) -> f64 {
        let work = self.arrivals.mean_rate() * self.service.mean() * self.fork as f64;
        work / (self.nodes as f64 * self.server.cores())
    }

    /// The same for the stores.
    pub fn store_load(&self) -> Option<f64> {
        let store = self.store.as_ref()?;
        let work = self.arrivals.mean_rate() * store.share * store.service.mean() * self.fork as f64;
        Some(work / (store.count as f64 * store.server.cores()))
    }

    /// # Errors
    /// The first thing that cannot be simulated.
    pub fn check(&self) -> Result<(), ModelError> {
        self.arrivals.check()?;
        self.service.check()?;
        self.server.check()?;
        if !(1..=MOST_NODES).contains(&self.nodes) {
            return Err(ModelError::Nodes(self.nodes));
        }
        if !(1..=self.nodes).contains(&self.fork) {
            return Err(ModelError::Fork { fork: self.fork, nodes: self.nodes });
        }
        if let Some(store) = &self.store {
            store.check(&self.server)?;
        }
        for (what, seconds) in [("check", self.check_seconds), ("start", self.start_seconds)] {
            not_negative(what, seconds)?;
        }
        self.client.check()?;
        for death in &self.deaths {
            death.check(self.nodes)?;
        }
        if self.requests == 0 || self.requests.checked_add(self.warmup).is_none() {
            return Err(ModelError::Requests);
        }
        Ok(())
    }
}

fn not_negative(what: &'static str, seconds: f64) -> Result<(), ModelError> {
    if seconds.is_finite() && seconds >= 0.0 { Ok(()) } else { Err(ModelError::Seconds(what, seconds)) }
}

/// What serves requests: a node, or a store.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedServer {
    /// Threads, each on a core of its own.
    pub threads: u32,
    /// Requests that may wait for a thread; `None` is any number.
    pub queue: Option<u32>,
    /// In which order.
    pub discipline: Discipline,
    /// A limit on the CPU time of all threads together.
    pub quota: Option<SimulatedQuota>,
}

impl Default for SimulatedServer {
    fn default() -> Self {
        Self { threads: 1, queue: None, discipline: Discipline::Fcfs, quota: None }
    }
}

impl SimulatedServer {
    /// CPU seconds a second that it can give.
    pub fn cores(&self) -> f64 {
        let threads = f64::from(self.threads);
        self.quota.map_or(threads, |quota| quota.cores.min(threads))
    }

    fn check(&self) -> Result<(), ModelError> {
        if self.threads == 0 {
            return Err(ModelError::Threads);
        }
        if let Some(SimulatedQuota { cores, period_seconds }) = self.quota {
            let usable = |value: f64| value.is_finite() && value > 0.0;
            if !usable(cores) || !usable(period_seconds) {
                return Err(ModelError::Quota);
            }
        }
        Ok(())
    }
}

/// Which requests a server works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Discipline {
    /// First come, first served: a thread works on one request from start to end.
    Fcfs,
    /// Processor sharing: all requests run at once and share the threads evenly.
    Ps,
}

/// The bandwidth limit of the kernel's scheduler (Documentation/scheduler/sched-bwc.rst): in each period the threads together
/// get so much CPU time; when it is used up, all stand still until the next period begins. Nothing is carried over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimulatedQuota {
    /// CPU time of a period over its length.
    pub cores: f64,
    /// The kernel's default is 0.1.
    pub period_seconds: f64,
}

/// How a balancer chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Any node, each as likely as the others.
    Random,
    /// One after the other.
    RoundRobin,
    /// A node with the fewest open requests; among several, any.
    LeastConnections,
    /// Of two random nodes the one with fewer open requests (Mitzenmacher 2001).
    TwoChoices,
}

/// A layer of stores behind the nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreModel {
    /// Shards; a request needs any one of them.
    pub count: usize,
    /// What a shard is.
    pub server: SimulatedServer,
    /// How long it works on a request.
    pub service: ServiceTime,
    /// Share of the requests that need a store.
    pub share: f64,
    /// Whether the node's thread waits for the store (a synchronous server), instead of taking the next request.
    pub holds_thread: bool,
}

impl StoreModel {
    fn check(&self, node: &SimulatedServer) -> Result<(), ModelError> {
        self.server.check()?;
        self.service.check()?;
        if !(1..=MOST_NODES).contains(&self.count) {
            return Err(ModelError::Stores(self.count));
        }
        if !(0.0..=1.0).contains(&self.share) {
            return Err(ModelError::StoreShare(self.share));
        }
        if self.holds_thread && node.discipline == Discipline::Ps {
            return Err(ModelError::HeldThreads);
        }
        Ok(())
    }
}

/// What a client does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientModel {
    /// So long it waits for the answer of one try.
    pub timeout_seconds: Option<f64>,
    /// Tries after the first.
    pub retries: u32,
    /// Before the first of these; before each further one it waits twice as long.
    pub retry_seconds: f64,
    /// Waits a random part of that time instead of all of it.
    pub jitter: bool,
    /// Retries that are allowed for each request, over all clients: 0.1 is one for ten requests. `None` is any number.
    pub retry_budget: Option<f64>,
    /// Whether a server still serves a queued request whose client has gone; else it is dropped when its turn comes.
    pub serve_abandoned: bool,
}

impl ClientModel {
    fn check(&self) -> Result<(), ModelError> {
        not_negative("retry", self.retry_seconds)?;
        if let Some(seconds) = self.timeout_seconds
            && !(seconds.is_finite() && seconds > 0.0)
        {
            return Err(ModelError::Seconds("timeout", seconds));
        }
        match self.retry_budget {
            Some(budget) if !(budget.is_finite() && budget >= 0.0) => Err(ModelError::RetryBudget(budget)),
            _ => Ok(()),
        }
    }
}

/// A node that dies: its requests fail, and it refuses new ones until it is back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Death {
    /// Which node, from 0.
    pub node: usize,
    /// Simulated seconds from the start of the warm-up.
    pub at_seconds: f64,
    /// So long it is away; `None` is for good.
    pub for_seconds: Option<f64>,
}

impl Death {
    fn check(&self, nodes: usize) -> Result<(), ModelError> {
        not_negative("death", self.at_seconds)?;
        not_negative("death", self.for_seconds.unwrap_or(0.0))?;
        if self.node < nodes { Ok(()) } else { Err(ModelError::DeadNode { node: self.node + 1, nodes }) }
    }
}
