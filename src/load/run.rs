//! One run from start to end: connect, warm up, measure, drain, judge.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::connect_to::ConnectTo;
use super::context::{RunContext, nanoseconds};
use super::deadlines::{Clock, DeadlineMonitor};
use super::exchange::{ExchangeContext, OriginServer};
use super::failure::{FailedRequest, failed_to_connect};
use super::interrupt::StopFlag;
use super::limits::MachineLimits;
use super::plan::{Load, LoadPlan};
use super::progress::{Listener, ProgressReporter};
use super::recorder::MeasuredWindow;
use super::recorders::Recorders;
use super::request::PreparedRequest;
use super::rows::RowSource;
use super::schedule::Pace;
use super::start::Moment;
use super::summary::Observed;
use super::tls::TlsClient;
use super::{closed, open, summary, target, usage};
use crate::http::url::{Origin, Scheme};
use crate::results::load::LoadOutcome;
use crate::worker;

/// How often the main thread looks: it samples the requests in flight, and follows an interrupt. On average; at even
/// times it would see even arrivals always at the same point of their way.
const TICK: Duration = Duration::from_millis(5);
/// An interrupted run waits this long for the answers that are due.
const INTERRUPT_GRACE: Duration = Duration::from_secs(1);
/// Deadlines are kept to a fiftieth of the timeout and 50 ms; a request that outlives its deadline by this is given up.
const DRAIN_GRACE: Duration = Duration::from_secs(5);

/// Runs a plan to its end; `interrupt` ends it early. `listener` is called about twice a second on the calling thread.
///
/// # Errors
/// When the plan makes no sense, the machine's limits forbid it, or nothing listens at an address.
pub fn run(plan: &LoadPlan, interrupt: &StopFlag, mut listener: Listener<'_>) -> anyhow::Result<LoadOutcome> {
    plan.check()?;
    let mut observed = Observed::default();
    plan.check_start()?;
    let mut moment = plan.at.map(|at| Moment::approach(at, &plan.targets[0].url, interrupt));
    let context = prepare(plan, listener.is_some(), &mut observed)?;
    match plan.load {
        Load::Closed { connections } => closed::start(&context, connections, interrupt)?,
        Load::Open { rate, arrivals, max_connections } => {
            let pace = Pace { rate, profile: plan.profile.clone(), arrivals, seed: plan.seed };
            let users = open::OpenConnections { most: max_connections, in_turn: plan.in_turn };
            open::start(&context, observed.threads, &pace, users)?;
        }
    }
    if let Some(moment) = &mut moment {
        moment.wait(interrupt);
    }
    context.begin(plan.warmup, plan.duration);
    measure(&context, plan, interrupt, &mut listener, &mut observed);
    drain(&context, plan, interrupt, &mut listener, &mut observed);
    let mut outcome = summary::outcome(plan, &context, observed);
    if let Some(moment) = moment {
        moment.note(&mut outcome);
    }
    Ok(outcome)
}

/// Starts the coroutine workers, the first time. Gives how many there are.
fn start_workers(plan: &LoadPlan) -> anyhow::Result<usize> {
    static WORKERS: OnceLock<usize> = OnceLock::new();
    let threads = *WORKERS.get_or_init(|| {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = plan.thread_count(cpus);
        may::config().set_workers(threads).set_worker_pin(false);
        threads
    });
    worker::start().context("starting the coroutine workers")?;
    Ok(threads)
}

fn prepare(plan: &LoadPlan, live: bool, observed: &mut Observed) -> anyhow::Result<Arc<RunContext>> {
    let mut origins: Vec<&Origin> = Vec::new();
    let mut requests = Vec::new();
    for target in &plan.targets {
        let index = origins.iter().position(|known| **known == target.url.origin).unwrap_or_else(|| {
            origins.push(&target.url.origin);
            origins.len() - 1
        });
        requests.push(PreparedRequest::new(plan, target, index));
    }
    let connections = match plan.load {
        Load::Closed { connections } => connections,
        Load::Open { max_connections, .. } => max_connections,
    };
    let limits = MachineLimits::read();
    observed.open_files_limit = limits.open_files;
    limits.check(connections as u64, origins.len() as u64)?;
    let servers = servers(plan, &origins)?;
    observed.threads = start_workers(plan)?;
    let clock = Clock(Instant::now());
    let open_loop = matches!(plan.load, Load::Open { .. });
    let exchange = ExchangeContext {
        clock,
        servers,
        requests,
        keepalive: plan.keepalive,
        expect: plan.expect.clone(),
        cookies: plan.cookies,
        seed: plan.seed,
        rows: plan.rows.clone().map(RowSource::new),
    };
    let mut recorders = Recorders::new(observed.threads, plan.targets.len(), open_loop, live);
    if plan.profile.is_some() || plan.at.is_some() {
        recorders.keep_timeline();
    }
    let deadlines = DeadlineMonitor::start(clock, plan.timeout).context("starting the thread for deadlines")?;
    Ok(Arc::new(RunContext::new(exchange, target::pattern(&plan.targets), recorders, deadlines, plan.timeout)))
}

/// Where the origins are, and how they are spoken to.
fn servers(plan: &LoadPlan, origins: &[&Origin]) -> anyhow::Result<Vec<OriginServer>> {
    let is_secure = |origin: &Origin| origin.scheme() == Scheme::Https;
    let client = match origins.iter().any(|origin| is_secure(origin)) {
        true => TlsClient::new(&plan.tls).map(Some)?,
        false => None,
    };
    let server = |origin: &&Origin| {
        let tls = client.as_ref().filter(|_| is_secure(origin));
        let tls = tls.map(|client| client.server(origin.host())).transpose()?;
        Ok(OriginServer { address: resolve(ConnectTo::place(&plan.connect_to, origin), plan.timeout)?, tls })
    };
    origins.iter().map(server).collect()
}

/// Finds the first address of a host that takes a connection.
fn resolve((host, port): (&str, u16), timeout: Duration) -> anyhow::Result<SocketAddr> {
    let addresses: Vec<_> =
        (host, port).to_socket_addrs().with_context(|| format!("the host '{host}' cannot be found"))?.collect();
    let mut last: Option<FailedRequest> = None;
    for address in &addresses {
        match TcpStream::connect_timeout(address, timeout.min(Duration::from_secs(5))) {
            Ok(_) => return Ok(*address),
            Err(error) => last = Some(failed_to_connect(error)),
        }
    }
    let why = last.map_or_else(|| "it has no address".into(), |failure| failure.text);
    bail!("nothing takes connections at {host}:{port} ({why}); is the node running, and is this its port?")
}

/// Waits while the run warms up and measures; samples the requests in flight.
fn measure(
    context: &RunContext,
    plan: &LoadPlan,
    interrupt: &StopFlag,
    listener: &mut Listener<'_>,
    observed: &mut Observed,
) {
    let window = context.window();
    let mut before: Option<anyhow::Result<usage::UsageReading>> = None;
    let mut reporter = ProgressReporter::new(context, plan);
    loop {
        let now = context.exchange.clock.now();
        if now >= window.start && before.is_none() {
            before = Some(usage::read());
        }
        if now >= window.end {
            break;
        }
        if interrupt.is_set() {
            observed.interrupted = true;
            context.end_window(now);
            break;
        }
        if now >= window.start {
            let counts = context.recorders.counts();
            observed.in_flight_sum += counts.in_flight() as f64;
            observed.in_flight_samples += 1;
            observed.silence.look(now, counts.answered, counts.in_flight());
        }
        reporter.report(context, now, listener);
        let tick = TICK.mul_f64(0.5 + fastrand::f64());
        std::thread::sleep(tick.min(Duration::from_nanos(next_mark(now, window) - now)));
    }
    observed.usage = before.map(|before| before.and_then(|before| usage::read()?.since(&before)));
}

/// The next time that the main thread must not sleep over.
fn next_mark(now: u64, window: MeasuredWindow) -> u64 {
    if now < window.start { window.start } else { window.end.max(now) }
}

/// Waits for the answers that are still due.
fn drain(
    context: &RunContext,
    plan: &LoadPlan,
    interrupt: &StopFlag,
    listener: &mut Listener<'_>,
    observed: &mut Observed,
) {
    let mut give_up = Instant::now() + plan.timeout + DRAIN_GRACE;
    let mut hurry = false;
    let mut reporter = ProgressReporter::new(context, plan);
    while context.coroutines.load(Ordering::Acquire) > 0 && Instant::now() < give_up {
        if (observed.interrupted || interrupt.is_set()) && !hurry {
            hurry = true;
            context.deadlines.wake_all();
            let grace = plan.timeout.min(INTERRUPT_GRACE);
            context.deadlines.set_latest(context.exchange.clock.now() + nanoseconds(grace));
            give_up = give_up.min(Instant::now() + grace + INTERRUPT_GRACE);
        }
        let (now, counts) = (context.exchange.clock.now(), context.recorders.counts());
        observed.silence.look(now, counts.answered, counts.in_flight());
        reporter.report(context, now, listener);
        std::thread::sleep(TICK);
    }
    // A dispatcher that is far behind would go on, and the figures with it.
    context.stop_dispatching.store(true, Ordering::Release);
    let patience = Instant::now() + INTERRUPT_GRACE;
    while context.dispatchers.load(Ordering::Acquire) > 0 && Instant::now() < patience {
        std::thread::sleep(TICK);
    }
    observed.unfinished = context.recorders.counts().in_flight();
}
