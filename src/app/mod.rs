//! The demo application: one route table, one file an endpoint, the page.

mod access;
mod cache;
mod cluster;
mod cookie;
mod fib;
mod fnv;
mod format;
mod freshness;
mod health;
mod io;
mod item;
mod items;
mod json;
mod login;
mod memory;
pub mod own_writes;
mod page;
mod payload;
mod peer;
mod peers;
mod place;
mod primes;
mod query;
mod question;
mod recorder;
mod routes;
mod rows;
mod scaling;
mod secrets;
mod session;
mod sleep;
mod state;
mod stats;
mod token;
mod tries;
pub mod users;
mod waiting;
mod whoami;
mod work;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::http::{Reply, Request, Service};
use crate::pool::Pool;
use crate::stats::{RequestsReading, Snapshots};

pub use fib::fib;
pub use freshness::HttpCache;
pub use peers::{MAX_PEERS, Peers};
use recorder::AnswerRecorder;
pub use routes::{Action, Route, addresses};
pub use state::{AppState, Sessions, TokenKey};
pub use whoami::Network;

/// Whether a request holds a thread only while it works, or from start to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// A request holds a thread of the pool only while it computes or touches a disk.
    Async,
    /// A request holds a thread of the pool from start to end, as in a classic servlet container.
    Sync,
}

/// The most that one request may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Largest `number` of `/fib`.
    pub fib: u64,
    /// Largest `cant` of `/primes`.
    pub primes: u64,
    /// Largest `cant` of `/rows`.
    pub rows: u64,
    /// Longest `/sleep`, and longest hold of `/memory`.
    pub sleep: Duration,
    /// What `/memory` may hold at once, all requests together, bytes.
    pub memory_bytes: u64,
    /// What one `/io` may write, bytes.
    pub io_bytes: u64,
    /// Longest `/payload`, bytes.
    pub payload_bytes: u64,
}

/// What the application is told at its start.
pub struct AppConfig {
    /// Name of the node.
    pub node: String,
    /// Sync or async.
    pub model: Model,
    /// Caps of the demo addresses.
    pub caps: Caps,
    /// Where `/io` puts its file.
    pub io_dir: PathBuf,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Address that the node listens on, as bound.
    pub listen: SocketAddr,
    /// The nodes of the cluster that the page shows, in order; this one may be among them.
    pub peers: Peers,
    /// The file in which an autoscaler tells what it does.
    pub scaling: Option<PathBuf>,
    /// How long others may keep the answers that may be kept; else nobody is told that they may.
    pub http_cache: Option<HttpCache>,
    /// Whether every answer is logged.
    pub access_log: bool,
}

/// The application. Cheap to clone: a handle.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    config: AppConfig,
    pool: Arc<Pool>,
    snapshots: Arc<Snapshots>,
    recorder: Arc<AnswerRecorder>,
    whoami: whoami::FixedFields,
    cluster: Arc<cluster::ClusterView>,
    draining: AtomicBool,
    memory_held_bytes: AtomicU64,
    state: Arc<AppState>,
    tries: tries::Tries,
}

/// Counts the requests of each address; made before the application, as the sampler reads it too.
#[derive(Clone, Default)]
pub struct Requests {
    recorder: Arc<AnswerRecorder>,
}

impl Requests {
    /// What was counted so far.
    pub fn reading(&self) -> RequestsReading {
        RequestsReading { total: self.recorder.total(), endpoints: self.recorder.endpoints() }
    }
}

impl App {
    /// Puts the application together. `addresses` are the machine's own, for `/whoami`.
    pub fn new(
        config: AppConfig,
        pool: Arc<Pool>,
        state: Arc<AppState>,
        snapshots: Arc<Snapshots>,
        requests: &Requests,
        addresses: Vec<IpAddr>,
    ) -> App {
        let whoami = whoami::FixedFields::new(&config.node, addresses);
        let cluster = cluster::ClusterView::new(config.peers.clone(), config.scaling.clone());
        let inner = Inner {
            config,
            pool,
            snapshots,
            recorder: requests.recorder.clone(),
            whoami,
            cluster,
            draining: AtomicBool::new(false),
            memory_held_bytes: AtomicU64::new(0),
            state,
            tries: tries::Tries::default(),
        };
        App { inner: Arc::new(inner) }
    }

    /// From now on `/readyz` answers 503.
    pub fn start_draining(&self) {
        self.inner.draining.store(true, Ordering::SeqCst);
    }
}

impl Service for App {
    fn call(&self, request: &Request<'_>) -> Reply {
        routes::call(&self.inner, request)
    }
}
