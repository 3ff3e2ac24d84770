//! The arguments of `webapp serve` as plain data, and what each part of the node is told of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::ValueEnum;

use crate::app::{self, Model, Network};
use crate::cli::process::LogLevel;
use crate::cli::units;
use crate::http::Limits;
use crate::pool;

use super::state::StateArgs;

/// Threads of the pool in model sync, as in Tomcat's default configuration (`maxThreads`, 200).
const SYNC_POOL_THREADS: usize = 200;

/// Which connection loop serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// Every promise of HTTP/1.1, with limits.
    Strict,
    /// `may_minihttp` as published: the raw-speed reference, for trusted clients only.
    Minihttp,
}

/// Runs a node: the demo addresses, /stats and /metrics.
///
/// Example: webapp serve --listen 127.0.0.1:3000 --model sync --pool-threads 8
#[derive(clap::Args)]
#[command(after_help = addresses())]
pub struct Args {
    /// Address to listen on; port 0 takes a free one. Ignored when a socket is handed over (LISTEN_FDS).
    #[arg(long, env = "WEBAPP_LISTEN", default_value = "127.0.0.1:3000", value_name = "HOST:PORT")]
    pub listen: String,
    /// Name of the node, in X-Node and in every answer [default: hostname:port].
    #[arg(long, env = "WEBAPP_NODE", value_name = "NAME")]
    pub node: Option<String>,
    /// Whether a request holds a pool thread only while it works (async), or from start to end (sync).
    #[arg(long, env = "WEBAPP_MODEL", default_value = "async")]
    pub model: Model,
    /// The connection loop.
    #[arg(long, env = "WEBAPP_ENGINE", default_value = "strict")]
    pub engine: Engine,
    /// Threads that run coroutines [default: one a CPU].
    #[arg(long, env = "WEBAPP_WORKERS", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub workers: Option<u64>,
    /// Threads of the worker pool [default: one a CPU; model sync: 200].
    #[arg(long, env = "WEBAPP_POOL_THREADS", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub pool_threads: Option<u64>,
    /// Requests that may wait for a pool thread; more are answered 503.
    #[arg(long, env = "WEBAPP_POOL_QUEUE", value_name = "N", default_value_t = 1_000)]
    pub pool_queue: u64,
    /// Longest wait for a pool thread; then 503.
    #[arg(long, env = "WEBAPP_QUEUE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = units::duration)]
    pub queue_timeout: Duration,
    /// Connections open at once; one more is answered 503 [default: 10000, or what the limit of open files allows].
    #[arg(long, env = "WEBAPP_MAX_CONNECTIONS", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_connections: Option<u64>,
    /// From the first byte of a request to the end of its head; then 408.
    #[arg(long, env = "WEBAPP_HEADER_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = units::duration)]
    pub header_timeout: Duration,
    /// Between two requests of a connection; then it is closed.
    #[arg(long, env = "WEBAPP_IDLE_TIMEOUT", value_name = "DURATION", default_value = "75s", value_parser = units::duration)]
    pub idle_timeout: Duration,
    /// For the body of a request; then 408.
    #[arg(long, env = "WEBAPP_BODY_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = units::duration)]
    pub body_timeout: Duration,
    /// Without progress while an answer is written; then the connection is cut.
    #[arg(long, env = "WEBAPP_WRITE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = units::duration)]
    pub write_timeout: Duration,
    /// Largest body of a request; then 413.
    #[arg(long, env = "WEBAPP_MAX_BODY", value_name = "SIZE", default_value = "1MiB", value_parser = units::size)]
    pub max_body: u64,
    /// Pipelined requests answered before the answers are written; more wait in the socket.
    #[arg(long, env = "WEBAPP_MAX_PIPELINE", value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub max_pipeline: u64,
    /// On SIGTERM, how long requests in flight may take to finish.
    #[arg(long, env = "WEBAPP_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = units::duration)]
    pub drain_timeout: Duration,
    /// On SIGTERM, how long /readyz answers 503 before connections are refused (time for a balancer to notice).
    #[arg(long, env = "WEBAPP_DRAIN_DELAY", value_name = "DURATION", default_value = "0s", value_parser = units::duration)]
    pub drain_delay: Duration,
    /// Largest number of /fib.
    #[arg(long, env = "WEBAPP_MAX_FIB", value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=93))]
    pub max_fib: u64,
    /// Largest cant of /primes.
    #[arg(long, env = "WEBAPP_MAX_PRIMES", value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    pub max_primes: u64,
    /// Largest cant of /rows.
    #[arg(long, env = "WEBAPP_MAX_ROWS", value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(0..=100_000))]
    pub max_rows: u64,
    /// Longest /sleep, and longest hold of /memory.
    #[arg(long, env = "WEBAPP_MAX_SLEEP", value_name = "DURATION", default_value = "10m", value_parser = units::duration)]
    pub max_sleep: Duration,
    /// What /memory may hold, all requests together.
    #[arg(long, env = "WEBAPP_MAX_MEMORY", value_name = "SIZE", default_value = "512MB", value_parser = units::size)]
    pub max_memory: u64,
    /// What one /io may write.
    #[arg(long, env = "WEBAPP_MAX_IO", value_name = "SIZE", default_value = "256MB", value_parser = units::size)]
    pub max_io: u64,
    /// Longest /payload.
    #[arg(long, env = "WEBAPP_MAX_PAYLOAD", value_name = "SIZE", default_value = "100MB", value_parser = units::size)]
    pub max_payload: u64,
    /// Folder for the files of /io [default: the system's folder for temporary files].
    #[arg(long, env = "WEBAPP_IO_DIR", value_name = "DIR")]
    pub io_dir: Option<PathBuf>,
    /// Proxies whose X-Forwarded-For is believed: addresses or blocks, separated by commas.
    #[arg(long, env = "WEBAPP_TRUSTED_PROXIES", value_name = "CIDR,…", value_delimiter = ',')]
    pub trusted_proxies: Vec<Network>,
    /// All nodes of the cluster, for the live page: http://HOST:PORT, separated by commas; or @FILE, one a line.
    #[arg(long, env = "WEBAPP_PEERS", value_name = "URL,…", default_value = "", hide_default_value = true)]
    pub peers: app::Peers,
    /// File in which an autoscaler tells what it does, for the live page; it need not be there.
    #[arg(long, env = "WEBAPP_SCALING", value_name = "FILE")]
    pub scaling: Option<PathBuf>,
    #[command(flatten)]
    pub state: StateArgs,
    /// How long browsers and caches on the way may keep /fib, /primes, /item and /items, in whole seconds: Cache-Control, ETag and
    /// 304. 0s: they keep them, but ask each time whether they are still the same [default: nobody is told that they may].
    #[arg(long, env = "WEBAPP_HTTP_CACHE", value_name = "DURATION", value_parser = units::duration)]
    pub http_cache: Option<Duration>,
    /// How often /stats and /metrics are sampled.
    #[arg(long, env = "WEBAPP_SAMPLE_INTERVAL", value_name = "DURATION", default_value = "1s", value_parser = units::duration)]
    pub sample_interval: Duration,
    /// Least severe messages that are logged (to stderr).
    #[arg(long, env = "WEBAPP_LOG_LEVEL", default_value = "info")]
    pub log_level: LogLevel,
    /// Log every answer.
    #[arg(long, env = "WEBAPP_ACCESS_LOG")]
    pub access_log: bool,
}

/// What the node answers, for the end of the help.
fn addresses() -> String {
    let width = app::addresses().map(|(address, _)| address.len()).max().unwrap_or_default();
    let line = |(address, summary): (String, &str)| format!("  {address:width$}  {}", summary.replace('`', ""));
    format!("Addresses:\n{}", app::addresses().map(line).collect::<Vec<_>>().join("\n"))
}

impl Engine {
    /// The word for it in `/stats`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Minihttp => "minihttp",
        }
    }
}

impl Args {
    /// Refuses what no single argument's parser can see.
    ///
    /// # Errors
    /// One sentence that names the argument.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.sample_interval < Duration::from_millis(100) {
            bail!("--sample-interval is {:?}; the least is 100ms", self.sample_interval);
        }
        self.peers.read().map_err(anyhow::Error::msg)?;
        Ok(())
    }

    /// The node's name: the one that was given, else host name and port.
    ///
    /// # Errors
    /// When it cannot stand in a header field.
    pub fn node_name(&self, hostname: &str, port: u16) -> anyhow::Result<String> {
        let node = self.node.clone().unwrap_or_else(|| format!("{hostname}:{port}"));
        if node.is_empty() || !node.bytes().all(|byte| byte.is_ascii_graphic()) {
            bail!("--node is '{node}'; a name is ASCII without spaces");
        }
        Ok(node)
    }

    /// Threads that run coroutines, on a machine with that many CPUs.
    pub fn workers(&self, cpus: usize) -> usize {
        self.workers.map_or(cpus, |workers| workers as usize)
    }

    /// Size of the worker pool, on a machine with that many CPUs.
    pub fn pool(&self, cpus: usize) -> pool::PoolConfig {
        let threads = match (self.pool_threads, self.model) {
            (Some(threads), _) => threads as usize,
            (None, Model::Sync) => SYNC_POOL_THREADS,
            (None, Model::Async) => cpus,
        };
        pool::PoolConfig {
            name: "pool",
            threads,
            queue: self.pool_queue as usize,
            queue_timeout: self.queue_timeout,
            timeout: None,
        }
    }

    /// What a connection may take.
    pub fn connection_limits(&self, max_connections: usize) -> Limits {
        Limits {
            max_connections,
            header_timeout: self.header_timeout,
            idle_timeout: self.idle_timeout,
            body_timeout: self.body_timeout,
            write_timeout: self.write_timeout,
            max_body_bytes: self.max_body,
            max_pipeline: self.max_pipeline as usize,
            ..Limits::default()
        }
    }

    /// What the application is told: its name, and the address that it listens on, as bound.
    pub fn app_config(&self, node: String, listen: SocketAddr) -> app::AppConfig {
        app::AppConfig {
            node,
            model: self.model,
            caps: app::Caps {
                fib: self.max_fib,
                primes: self.max_primes,
                rows: self.max_rows,
                sleep: self.max_sleep,
                memory_bytes: self.max_memory,
                io_bytes: self.max_io,
                payload_bytes: self.max_payload,
            },
            io_dir: self.io_dir.clone().unwrap_or_else(std::env::temp_dir),
            trusted_proxies: self.trusted_proxies.clone(),
            listen,
            peers: self.peers.clone(),
            scaling: self.scaling.clone(),
            http_cache: self.http_cache.map(app::HttpCache::new),
            access_log: self.access_log,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &[&str]) -> Args {
        Line::parse_from([&["serve"], words].concat()).args
    }

    #[test]
    fn the_pool_follows_the_model() {
        for (words, threads) in [
            (&[][..], 4),
            (&["--model", "sync"], SYNC_POOL_THREADS),
            (&["--model", "sync", "--pool-threads", "8"], 8),
            (&["--pool-threads", "2"], 2),
        ] {
            assert_eq!(args(words).pool(4).threads, threads, "{words:?}");
        }
        assert_eq!((args(&[]).workers(4), args(&["--workers", "9"]).workers(4)), (4, 9));
    }

    #[test]
    fn names_of_nodes() {
        assert_eq!(args(&[]).node_name("host", 3000).unwrap(), "host:3000");
        assert_eq!(args(&["--node", "n1"]).node_name("host", 3000).unwrap(), "n1");
        for name in ["", "a b", "caf\u{e9}"] {
            let refused = args(&["--node", name]).node_name("host", 3000).unwrap_err().to_string();
            assert!(refused.starts_with("--node is"), "{refused}");
        }
    }

    #[test]
    fn a_sample_interval_has_a_least() {
        assert!(args(&["--sample-interval", "100ms"]).check().is_ok());
        let refused = args(&["--sample-interval", "99ms"]).check().unwrap_err().to_string();
        assert!(refused.contains("the least is 100ms"), "{refused}");
    }
}
