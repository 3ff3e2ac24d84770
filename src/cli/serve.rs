//! `webapp serve`: runs a node.

mod args;
mod room;
mod shards;
mod state;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::app::{App, AppState, Requests};
use crate::http;
use crate::pool::Pool;
use crate::stats::{self, NodeReading};

use super::Exit;
use super::process;
pub use args::Args;
use args::Engine;

/// Runs a node until it is told to stop.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    process::start_log(args.log_level);
    process::log_panics();
    args.check()?;
    let cpus = num_cpus::get();
    let max_connections = room::connections(args.max_connections)?;
    let signals = process::Signals::watch()?;
    let runtime = may::config();
    runtime.set_workers(args.workers(cpus)).set_pool_capacity(128);
    // Several nodes on one machine would all sit on its first cores.
    runtime.set_worker_pin(false);

    let listener = listen(&args.listen)?;
    let bound = listener.local_addr().context("cannot read the address of the listening socket")?;
    let hostname = sysinfo::System::host_name().unwrap_or_else(|_| "localhost".into());
    let node = args.node_name(&hostname, bound.port())?;

    let pool_config = args.pool(cpus);
    let pool = Pool::start(pool_config).context("cannot start the threads of the pool; lower --pool-threads")?;
    let pool = Arc::new(pool);
    let state = Arc::new(args.state.start(args.pool_queue, cpus)?);
    let requests = Requests::default();
    let counters = Arc::<http::ConnectionCounters>::default();
    let identity =
        stats::NodeIdentity { name: node.clone(), model: args.model.name().into(), engine: args.engine.name().into() };
    let sampler = stats::SamplerConfig { interval: args.sample_interval, identity, listen: bound };
    let read = reader(pool.clone(), state.clone(), counters.clone(), requests.clone());
    let snapshots = stats::start(sampler, read).context("cannot start the sampler")?;
    let app = App::new(args.app_config(node.clone(), bound), pool, state, snapshots, &requests, own_addresses());

    let fixed = [("Server", "webapp"), ("X-Node", node.as_str())];
    let server = match args.engine {
        Engine::Strict => {
            let limits = args.connection_limits(max_connections);
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
    let (model, workers, threads) = (args.model.name(), args.workers(cpus), pool_config.threads);
    log::info!("node {node}: model {model}, {workers} workers, {threads} pool threads");
    process::Supervisor::ready();

    signals.wait();
    stop(signals, &app, server, args.drain_delay, args.drain_timeout);
    Ok(Exit::Done)
}

/// Lets the requests in flight finish. A second signal ends the process at once.
fn stop(signals: process::Signals, app: &App, server: Option<http::Server>, delay: Duration, timeout: Duration) {
    log::info!("stopping: finishing what is in flight, for {timeout:?} at most");
    process::Supervisor::stopping();
    signals.exit_on_next();
    app.start_draining();
    std::thread::sleep(delay);
    if server.is_some_and(|server| !server.drain(timeout)) {
        log::warn!("some requests did not finish in {timeout:?} and are cut");
    }
    log::info!("stopped");
}

/// Takes the socket that was handed over, else binds one.
fn listen(address: &str) -> anyhow::Result<TcpListener> {
    if let Some(listener) = process::inherited_listener()? {
        return Ok(listener);
    }
    let listener = http::bind(address)
        .with_context(|| format!("cannot listen on {address}; is the port taken? --listen HOST:PORT names another"))?;
    room::tell_short_queue();
    Ok(listener)
}

/// What the sampler asks the node itself once a window.
fn reader(
    pool: Arc<Pool>,
    state: Arc<AppState>,
    counters: Arc<http::ConnectionCounters>,
    requests: Requests,
) -> impl Fn() -> NodeReading + Send {
    move || NodeReading {
        pool: pool.reading(),
        connections: (&*counters).into(),
        requests: requests.reading(),
        store: state.reading(),
        cache: state.cache.as_ref().map(|cache| cache.reading()),
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
