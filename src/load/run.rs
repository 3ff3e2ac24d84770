//! One run from start to end: connect, warm up, measure, drain, judge.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::agent::{Exchange, Mission, Shot, failed_to_connect};
use super::failure::FailedRequest;
use super::gate::Gate;
use super::guard;
use super::limits::Limits;
use super::plan::{Load, Plan};
use super::recorder::{Sample, Window};
use super::recorders::{Counts, Recorders};
use super::target;
use super::watch::{Clock, NEVER, Watchman};
use super::{Interrupt, Progress, closed, open, summary};
use crate::results::load::LoadOutcome;
use crate::worker;

/// What all coroutines of a run share.
pub(super) struct Run {
    pub mission: Mission,
    pub pattern: Vec<u16>,
    pub recorders: Recorders,
    pub watchman: Watchman,
    /// Nanoseconds.
    pub timeout: u64,
    started_at: AtomicU64,
    window_start: AtomicU64,
    window_end: AtomicU64,
    /// Opened when the clock starts.
    pub start: Gate,
    /// Coroutines that are ready for the start.
    pub ready: AtomicUsize,
    /// Coroutines that have not ended.
    pub agents: AtomicUsize,
    connections: AtomicUsize,
    pub connections_peak: AtomicUsize,
    pub connections_opened: AtomicU64,
}

impl Run {
    /// The measured window; empty until the clock starts.
    pub fn window(&self) -> Window {
        Window { start: self.window_start.load(Ordering::Acquire), end: self.window_end.load(Ordering::Acquire) }
    }

    /// When the clock started; known once `start` is open.
    pub fn started_at(&self) -> u64 {
        self.started_at.load(Ordering::Acquire)
    }

    /// Takes the end of a request, on whatever thread it ended.
    pub fn record(&self, sample: Sample<'_>, exchange: Exchange) {
        let counters = self.recorders.counters();
        if exchange.sent {
            counters.sent.fetch_add(1, Ordering::Relaxed);
        }
        if exchange.answered {
            counters.answered.fetch_add(1, Ordering::Relaxed);
        }
        if sample.failure.is_none() {
            counters.good.fetch_add(1, Ordering::Relaxed);
        }
        if exchange.opened {
            self.connections_opened.fetch_add(1, Ordering::Relaxed);
        }
        self.recorders.mine().record(sample, self.window());
        counters.ended.fetch_add(1, Ordering::Release);
    }
}

/// Counts a coroutine as long as it lives, however it ends.
pub(super) struct Presence {
    run: Arc<Run>,
    connection: bool,
}

impl Presence {
    /// A coroutine without a connection of its own.
    pub fn new(run: &Arc<Run>) -> Self {
        run.agents.fetch_add(1, Ordering::AcqRel);
        Self { run: Arc::clone(run), connection: false }
    }

    /// A coroutine that is a connection.
    pub fn of_connection(run: &Arc<Run>) -> Self {
        let now = run.connections.fetch_add(1, Ordering::Relaxed) + 1;
        run.connections_peak.fetch_max(now, Ordering::Relaxed);
        run.agents.fetch_add(1, Ordering::AcqRel);
        Self { run: Arc::clone(run), connection: true }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if self.connection {
            self.run.connections.fetch_sub(1, Ordering::Relaxed);
        }
        self.run.agents.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How often the main thread looks: it samples the requests in flight, and follows an interrupt. On average; at even
/// times it would see even arrivals always at the same point of their way.
const TICK: Duration = Duration::from_millis(5);
/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// An interrupted run waits this long for the answers that are due.
const INTERRUPT_GRACE: Duration = Duration::from_secs(1);
/// Deadlines are kept to a fiftieth of the timeout and 50 ms; a request that outlives its deadline by this is given up.
const DRAIN_GRACE: Duration = Duration::from_secs(5);

/// What the main thread gathers while a run lasts.
#[derive(Default)]
pub(super) struct Observed {
    pub usage: Option<anyhow::Result<guard::Usage>>,
    pub in_flight_sum: f64,
    pub in_flight_samples: u64,
    pub interrupted: bool,
    /// Requests that were given up at the end.
    pub unfinished: u64,
    pub open_files_limit: Option<u64>,
    pub threads: usize,
}

/// Runs a plan. `interrupt` ends it early; `progress` is called about twice a second from the calling thread.
///
/// # Errors
/// When the plan makes no sense, the machine's limits forbid it, or nothing listens at an address.
pub(super) fn run(
    plan: &Plan,
    interrupt: &Interrupt,
    mut progress: Option<&mut dyn FnMut(&Progress)>,
) -> anyhow::Result<LoadOutcome> {
    plan.check()?;
    let mut observed = Observed::default();
    let run = prepare(plan, progress.is_some(), &mut observed)?;
    match plan.load {
        Load::Closed { connections } => closed::start(&run, connections, interrupt)?,
        Load::Open { rate, arrivals, max_connections, seed } => {
            open::start(&run, observed.threads, (rate, arrivals, seed), max_connections)?;
        }
    }
    begin(&run, plan);
    measure(&run, plan, interrupt, &mut progress, &mut observed);
    drain(&run, plan, interrupt, &mut progress, &mut observed);
    Ok(summary::outcome(plan, &run, observed))
}

/// Starts the coroutine workers, the first time. Gives how many there are.
fn start_workers(plan: &Plan) -> anyhow::Result<usize> {
    static WORKERS: OnceLock<usize> = OnceLock::new();
    let threads = *WORKERS.get_or_init(|| {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = plan.thread_count(cpus);
        may::config().set_workers(threads).set_worker_pin(false);
        threads
    });
    worker::open_doors().context("starting the coroutine workers")?;
    Ok(threads)
}

fn prepare(plan: &Plan, live: bool, observed: &mut Observed) -> anyhow::Result<Arc<Run>> {
    let mut authorities: Vec<(String, u16)> = Vec::new();
    let mut shots = Vec::new();
    for target in &plan.targets {
        let authority = (target.url.host.clone(), target.url.port);
        let origin = authorities.iter().position(|known| *known == authority).unwrap_or_else(|| {
            authorities.push(authority);
            authorities.len() - 1
        });
        shots.push(Shot { origin, request: plan.request(target) });
    }
    let connections = match plan.load {
        Load::Closed { connections } => connections,
        Load::Open { max_connections, .. } => max_connections,
    };
    let limits = Limits::read();
    observed.open_files_limit = limits.open_files;
    limits.check(connections as u64, authorities.len() as u64)?;
    let origins = authorities
        .iter()
        .map(|(host, port)| resolve(host, *port, plan.timeout))
        .collect::<anyhow::Result<Vec<_>>>()?;
    observed.threads = start_workers(plan)?;
    let clock = Clock(Instant::now());
    let head_request = plan.method == "HEAD";
    let open_loop = matches!(plan.load, Load::Open { .. });
    Ok(Arc::new(Run {
        mission: Mission {
            clock,
            origins,
            shots,
            head_request,
            keepalive: plan.keepalive,
            expect: plan.expect.clone(),
        },
        pattern: target::pattern(&plan.targets),
        recorders: Recorders::new(observed.threads, plan.targets.len(), open_loop, live),
        watchman: Watchman::start(clock, plan.timeout).context("starting the watchman thread")?,
        timeout: nanoseconds(plan.timeout),
        started_at: AtomicU64::new(0),
        window_start: AtomicU64::new(NEVER),
        window_end: AtomicU64::new(NEVER),
        start: Gate::default(),
        ready: AtomicUsize::new(0),
        agents: AtomicUsize::new(0),
        connections: AtomicUsize::new(0),
        connections_peak: AtomicUsize::new(0),
        connections_opened: AtomicU64::new(0),
    }))
}

pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Finds the first address of a host that takes a connection.
fn resolve(host: &str, port: u16, timeout: Duration) -> anyhow::Result<SocketAddr> {
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

/// Starts the clock.
fn begin(run: &Run, plan: &Plan) {
    let start = run.mission.clock.now();
    run.started_at.store(start, Ordering::Release);
    let from = start + nanoseconds(plan.warmup);
    run.window_end.store(from + nanoseconds(plan.duration), Ordering::Release);
    run.window_start.store(from, Ordering::Release);
    run.start.open();
}

/// Sits through warm-up and window.
fn measure(
    run: &Run,
    plan: &Plan,
    interrupt: &Interrupt,
    progress: &mut Option<&mut dyn FnMut(&Progress)>,
    observed: &mut Observed,
) {
    let window = run.window();
    let mut before: Option<anyhow::Result<guard::Reading>> = None;
    let mut teller = Teller::new(run, plan);
    loop {
        let now = run.mission.clock.now();
        if now >= window.start && before.is_none() {
            before = Some(guard::read());
        }
        if now >= window.end {
            break;
        }
        if interrupt.is_set() {
            observed.interrupted = true;
            run.window_end.store(now.max(window.start), Ordering::Release);
            break;
        }
        if now >= window.start {
            observed.in_flight_sum += in_flight(run.recorders.counts()) as f64;
            observed.in_flight_samples += 1;
        }
        teller.tell(run, now, progress);
        let tick = TICK.mul_f64(0.5 + fastrand::f64());
        std::thread::sleep(tick.min(Duration::from_nanos(next_mark(now, window) - now)));
    }
    observed.usage = before.map(|before| before.and_then(|before| guard::read()?.since(&before)));
}

/// The next time the main thread must not sleep over.
fn next_mark(now: u64, window: Window) -> u64 {
    if now < window.start { window.start } else { window.end.max(now) }
}

pub(super) fn in_flight(counts: Counts) -> u64 {
    counts.begun.saturating_sub(counts.ended)
}

/// Waits for the answers that are still due.
fn drain(
    run: &Run,
    plan: &Plan,
    interrupt: &Interrupt,
    progress: &mut Option<&mut dyn FnMut(&Progress)>,
    observed: &mut Observed,
) {
    let mut give_up = Instant::now() + plan.timeout + DRAIN_GRACE;
    let mut hurry = false;
    let mut teller = Teller::new(run, plan);
    while run.agents.load(Ordering::Acquire) > 0 && Instant::now() < give_up {
        if (observed.interrupted || interrupt.is_set()) && !hurry {
            hurry = true;
            run.watchman.nudge_all();
            let grace = plan.timeout.min(INTERRUPT_GRACE);
            run.watchman.set_latest(run.mission.clock.now() + nanoseconds(grace));
            give_up = give_up.min(Instant::now() + grace + INTERRUPT_GRACE);
        }
        teller.tell(run, run.mission.clock.now(), progress);
        std::thread::sleep(TICK);
    }
    observed.unfinished = in_flight(run.recorders.counts());
}

/// Tells progress at its interval.
struct Teller {
    next: Instant,
    last: Instant,
    counts: Counts,
    total: u64,
}

impl Teller {
    fn new(run: &Run, plan: &Plan) -> Self {
        let now = Instant::now();
        let total = nanoseconds(plan.duration + plan.warmup);
        Self { next: now + PROGRESS_INTERVAL, last: now, counts: run.recorders.counts(), total }
    }

    fn tell(&mut self, run: &Run, now: u64, progress: &mut Option<&mut dyn FnMut(&Progress)>) {
        let Some(tell) = progress else { return };
        let at = Instant::now();
        if at < self.next {
            return;
        }
        let seconds = at.duration_since(self.last).as_secs_f64();
        let counts = run.recorders.counts();
        let window = run.window();
        let recent = run.recorders.take_recent();
        tell(&Progress {
            warming_up: now < window.start,
            total: Duration::from_nanos(self.total),
            left: Duration::from_nanos(window.end.saturating_sub(now)),
            per_second: (counts.good - self.counts.good) as f64 / seconds,
            p99_milliseconds: (!recent.is_empty()).then(|| recent.value_at_quantile(0.99) as f64 / 1e6),
            // Both counters move on while they are read.
            errors: counts.ended.saturating_sub(counts.good),
            in_flight: in_flight(counts),
        });
        (self.next, self.last, self.counts) = (at + PROGRESS_INTERVAL, at, counts);
    }
}
