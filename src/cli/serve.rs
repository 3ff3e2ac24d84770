//! `webapp serve`: runs a node.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;

use crate::app::{self, App, Model, Network, Requests};
use crate::http::{self, Limits};
use crate::kernel::limits;
use crate::pool::{self, Pool};
use crate::stats::{self, ConnectionsReading, NodeReading, PoolReading, Quantiles, RequestsReading};

use super::process::{self, LogLevel};
use super::{Exit, units};

/// Descriptors kept for what is no connection: listening socket, event loops, log, files of `/io`.
const SPARE_DESCRIPTORS: u64 = 256;

/// Which connection loop serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// Every promise of HTTP/1.1, with limits.
    Strict,
    /// `may_minihttp` as published: the raw-speed reference, for trusted clients only.
    Minihttp,
}

/// Runs a node: the demo addresses, /stats and /metrics.
///
/// Example: webapp serve --listen 127.0.0.1:3000 --model sync --pool-threads 8
#[derive(clap::Args)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one. Ignored when a socket is handed over (LISTEN_FDS).
    #[arg(long, env = "WEBAPP_LISTEN", default_value = "127.0.0.1:3000", value_name = "HOST:PORT")]
    listen: String,
    /// Name of the node, in X-Node and in every answer [default: hostname:port].
    #[arg(long, env = "WEBAPP_NODE", value_name = "NAME")]
    node: Option<String>,
    /// Whether a request holds a pool thread only while it works (async), or from start to end (sync).
    #[arg(long, env = "WEBAPP_MODEL", default_value = "async")]
    model: Model,
    /// The connection loop.
    #[arg(long, env = "WEBAPP_ENGINE", default_value = "strict")]
    engine: Engine,
    /// Threads that run coroutines [default: one a CPU].
    #[arg(long, env = "WEBAPP_WORKERS", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    workers: Option<u64>,
    /// Threads of the worker pool [default: one a CPU; model sync: 200].
    #[arg(long, env = "WEBAPP_POOL_THREADS", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pool_threads: Option<u64>,
    /// Requests that may wait for a pool thread; more are answered 503.
    #[arg(long, env = "WEBAPP_POOL_QUEUE", value_name = "N", default_value_t = 1_000)]
    pool_queue: u64,
    /// Longest wait for a pool thread; then 503.
    #[arg(long, env = "WEBAPP_QUEUE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = units::duration)]
    queue_timeout: Duration,
    /// Connections open at once; one more is answered 503 [default: 10000, or what the limit of open files allows].
    #[arg(long, env = "WEBAPP_MAX_CONNECTIONS", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_connections: Option<u64>,
    /// From the first byte of a request to the end of its head; then 408.
    #[arg(long, env = "WEBAPP_HEADER_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = units::duration)]
    header_timeout: Duration,
    /// Between two requests of a connection; then it is closed.
    #[arg(long, env = "WEBAPP_IDLE_TIMEOUT", value_name = "DURATION", default_value = "75s", value_parser = units::duration)]
    idle_timeout: Duration,
    /// For the body of a request; then 408.
    #[arg(long, env = "WEBAPP_BODY_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = units::duration)]
    body_timeout: Duration,
    /// Without progress while an answer is written; then the connection is cut.
    #[arg(long, env = "WEBAPP_WRITE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = units::duration)]
    write_timeout: Duration,
    /// Largest body of a request; then 413.
    #[arg(long, env = "WEBAPP_MAX_BODY", value_name = "SIZE", default_value = "1MiB", value_parser = units::size)]
    max_body: u64,
    /// Pipelined requests answered before the answers are written; more wait in the socket.
    #[arg(long, env = "WEBAPP_MAX_PIPELINE", value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    max_pipeline: u64,
    /// On SIGTERM, how long requests in flight may take to finish.
    #[arg(long, env = "WEBAPP_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = units::duration)]
    drain_timeout: Duration,
    /// On SIGTERM, how long /readyz answers 503 before connections are refused (time for a balancer to notice).
    #[arg(long, env = "WEBAPP_DRAIN_DELAY", value_name = "DURATION", default_value = "0s", value_parser = units::duration)]
    drain_delay: Duration,
    /// Largest number of /fib.
    #[arg(long, env = "WEBAPP_MAX_FIB", value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=93))]
    max_fib: u64,
    /// Largest cant of /primes.
    #[arg(long, env = "WEBAPP_MAX_PRIMES", value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    max_primes: u64,
    /// Longest /sleep, and longest hold of /memory.
    #[arg(long, env = "WEBAPP_MAX_SLEEP", value_name = "DURATION", default_value = "10m", value_parser = units::duration)]
    max_sleep: Duration,
    /// What /memory may hold, all requests together.
    #[arg(long, env = "WEBAPP_MAX_MEMORY", value_name = "SIZE", default_value = "512MB", value_parser = units::size)]
    max_memory: u64,
    /// What one /io may write.
    #[arg(long, env = "WEBAPP_MAX_IO", value_name = "SIZE", default_value = "256MB", value_parser = units::size)]
    max_io: u64,
    /// Longest /payload.
    #[arg(long, env = "WEBAPP_MAX_PAYLOAD", value_name = "SIZE", default_value = "100MB", value_parser = units::size)]
    max_payload: u64,
    /// Folder for the files of /io [default: the system's folder for temporary files].
    #[arg(long, env = "WEBAPP_IO_DIR", value_name = "DIR")]
    io_dir: Option<PathBuf>,
    /// Proxies whose X-Forwarded-For is believed: addresses or blocks, separated by commas.
    #[arg(long, env = "WEBAPP_TRUSTED_PROXIES", value_name = "CIDR,…", value_delimiter = ',')]
    trusted_proxies: Vec<Network>,
    /// All nodes of the cluster, for the live page: http://HOST:PORT, separated by commas; or @FILE, one a line.
    #[arg(long, env = "WEBAPP_PEERS", value_name = "URL,…", default_value = "", hide_default_value = true)]
    peers: app::Peers,
    /// How often /stats and /metrics are sampled.
    #[arg(long, env = "WEBAPP_SAMPLE_INTERVAL", value_name = "DURATION", default_value = "1s", value_parser = units::duration)]
    sample_interval: Duration,
    /// Least severe messages that are logged (to stderr).
    #[arg(long, env = "WEBAPP_LOG_LEVEL", default_value = "info")]
    log_level: LogLevel,
    /// Log every answer.
    #[arg(long, env = "WEBAPP_ACCESS_LOG")]
    access_log: bool,
}

/// Runs a node until it is told to stop.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    process::start_log(args.log_level);
    process::log_panics();
    if args.sample_interval < Duration::from_millis(100) {
        bail!("--sample-interval is {:?}; the least is 100ms", args.sample_interval);
    }
    args.peers.read().map_err(anyhow::Error::msg)?;
    let cpus = num_cpus::get();
    let workers = args.workers.map_or(cpus, |workers| workers as usize);
    let pool_threads = args.pool_threads.map(|threads| threads as usize);
    let pool_threads = pool_threads.unwrap_or(if args.model == Model::Sync { 200 } else { cpus });
    let max_connections = fit_connections(args.max_connections)?;
    let signals = process::Signals::watch()?;

    let runtime = may::config();
    runtime.set_workers(workers).set_pool_capacity(128);
    // Several nodes on one machine would all sit on its first cores.
    runtime.set_worker_pin(false);

    let listener = listen(&args.listen)?;
    let bound = listener.local_addr().context("cannot read the address of the listening socket")?;
    let hostname = sysinfo::System::host_name().unwrap_or_else(|_| "localhost".into());
    let node = args.node.clone().unwrap_or_else(|| format!("{hostname}:{}", bound.port()));
    if node.is_empty() || !node.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("--node is '{node}'; a name is ASCII without spaces");
    }

    let pool =
        pool::Config { threads: pool_threads, queue: args.pool_queue as usize, queue_timeout: args.queue_timeout };
    let pool = Arc::new(Pool::start(pool).context("cannot start the threads of the pool; lower --pool-threads")?);
    let requests = Requests::default();
    let counters = Arc::<http::Counters>::default();
    let identity = stats::Identity {
        name: node.clone(),
        model: args.model.name().into(),
        engine: if args.engine == Engine::Strict { "strict" } else { "minihttp" }.into(),
    };
    let sampler = stats::SamplerConfig { interval: args.sample_interval, identity, listen: bound };
    let read = reader(pool.clone(), counters.clone(), requests.clone());
    let board = stats::start(sampler, read).context("cannot start the sampler")?;
    let app = App::new(app_config(&args, &node, bound), pool, board, &requests, own_addresses());

    let fixed = [("Server", "webapp"), ("X-Node", node.as_str())];
    let server = match args.engine {
        Engine::Strict => {
            let limits = connection_limits(&args, max_connections);
            Some(http::Server::start(listener, app.clone(), limits, counters, &fixed)?)
        }
        Engine::Minihttp => {
            drop(listener);
            http::minihttp::start(bound, app.clone(), &fixed).context("cannot start the engine minihttp")?;
            log::warn!("engine minihttp is the raw-speed reference, for trusted clients only: no limits, no drain");
            None
        }
    };
    process::say_listening(bound)?;
    log::info!("node {node}: model {}, {workers} workers, {pool_threads} pool threads", args.model.name());
    process::Supervisor::ready();

    signals.wait();
    log::info!("stopping: finishing what is in flight, for {:?} at most", args.drain_timeout);
    process::Supervisor::stopping();
    signals.exit_on_next();
    app.start_draining();
    std::thread::sleep(args.drain_delay);
    if server.is_some_and(|server| !server.drain(args.drain_timeout)) {
        log::warn!("some requests did not finish in {:?} and are cut", args.drain_timeout);
    }
    log::info!("stopped");
    Ok(Exit::Done)
}

/// Takes the socket that was handed over, else binds one.
fn listen(address: &str) -> anyhow::Result<TcpListener> {
    if let Some(listener) = process::inherited_listener()? {
        return Ok(listener);
    }
    http::bind(address)
        .with_context(|| format!("cannot listen on {address}; is the port taken? --listen HOST:PORT names another"))
}

/// Raises the limit of open files as far as allowed, and fits the number of connections under it.
fn fit_connections(asked: Option<u64>) -> anyhow::Result<usize> {
    let files = limits::raise_open_files().context("cannot read the limit of open files")?;
    let most = files.saturating_sub(SPARE_DESCRIPTORS).max(16);
    match asked {
        Some(asked) if asked > most => {
            log::warn!(
                "--max-connections {asked} does not fit under the limit of {files} open files: {most} it is (ulimit -n, LimitNOFILE)"
            );
            Ok(most as usize)
        }
        Some(asked) => Ok(asked as usize),
        None => Ok(most.min(10_000) as usize),
    }
}

fn connection_limits(args: &Args, max_connections: usize) -> Limits {
    Limits {
        max_connections,
        header_timeout: args.header_timeout,
        idle_timeout: args.idle_timeout,
        body_timeout: args.body_timeout,
        write_timeout: args.write_timeout,
        max_body_bytes: args.max_body,
        max_pipeline: args.max_pipeline as usize,
        ..Limits::default()
    }
}

fn app_config(args: &Args, node: &str, listen: SocketAddr) -> app::Config {
    app::Config {
        node: node.to_owned(),
        model: args.model,
        caps: app::Caps {
            fib: args.max_fib,
            primes: args.max_primes,
            sleep: args.max_sleep,
            memory_bytes: args.max_memory,
            io_bytes: args.max_io,
            payload_bytes: args.max_payload,
        },
        io_dir: args.io_dir.clone().unwrap_or_else(std::env::temp_dir),
        trusted_proxies: args.trusted_proxies.clone(),
        listen,
        peers: args.peers.clone(),
        access_log: args.access_log,
    }
}

/// What the sampler asks the node itself once a window.
fn reader(pool: Arc<Pool>, counters: Arc<http::Counters>, requests: Requests) -> impl Fn() -> NodeReading + Send {
    move || {
        let now = pool.reading();
        let open = counters.open.load(Ordering::Relaxed) as u64;
        NodeReading {
            pool: PoolReading {
                threads: now.threads as u64,
                active: now.active as u64,
                queued: now.queued as u64,
                queue_capacity: now.queue_capacity as u64,
                peak_active: now.peak_active as u64,
                completed_total: now.completed_total,
                rejected_total: now.rejected_total,
                expired_total: now.expired_total,
                busy_seconds_total: now.busy_seconds_total,
                saturated_seconds_total: now.saturated_seconds_total,
                queue_wait_milliseconds: Quantiles {
                    p50: now.queue_wait_p50_milliseconds,
                    p99: now.queue_wait_p99_milliseconds,
                },
                queue_waits: now.queue_waits,
            },
            connections: ConnectionsReading {
                open,
                peak: counters.peak.load(Ordering::Relaxed) as u64,
                accepted_total: counters.accepted_total.load(Ordering::Relaxed),
                rejected_total: counters.rejected_total.load(Ordering::Relaxed),
                accept_errors_total: counters.accept_errors_total.load(Ordering::Relaxed),
            },
            requests: RequestsReading {
                in_flight: counters.in_flight.load(Ordering::Relaxed) as u64,
                total: requests.total(),
                panics_total: counters.panics_total.load(Ordering::Relaxed),
                endpoints: requests.endpoints(),
            },
        }
    }
}

/// The machine's addresses, loopback left out.
fn own_addresses() -> Vec<std::net::IpAddr> {
    let Ok(networks) = sysinfo::Networks::new_with_refreshed_list() else { return Vec::new() };
    let mut addresses: Vec<_> = networks
        .values()
        .flat_map(|data| data.ip_networks().iter().map(|network| network.addr))
        .filter(|address| !address.is_loopback())
        .collect();
    addresses.sort();
    addresses
}
