//! The one thread that samples, and the snapshots that every view reads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;

use super::history::History;
use super::model::{NodeStats, Stats};
use super::raw::Raw;
use super::reading::{NodeReading, SamplerConfig};
use super::sample::{Collector, Sample};
use super::{bottleneck, prometheus, window};
use crate::kernel::Root;
use crate::kernel::host::Host;
use crate::lock::lock;

/// The longest time from the start to the end of the first window.
const FIRST_WINDOW: Duration = Duration::from_millis(200);

/// What the sampler left at the end of a window, ready to be sent.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The figures.
    pub stats: Stats,
    /// The same as JSON: the body of `/stats`.
    pub json: Arc<[u8]>,
    /// The same as Prometheus text: the body of `/metrics`.
    pub metrics: Arc<[u8]>,
}

/// Where the sampler leaves its snapshots. Once the last holder drops it, the sampler ends.
pub struct Snapshots {
    latest: RwLock<Arc<Snapshot>>,
    history: Mutex<History>,
    /// Dropped with them, which ends the sampler's wait at once.
    _alive: std::sync::mpsc::Sender<()>,
}

impl Snapshots {
    /// The snapshot of the last window.
    pub fn latest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.latest.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last five minutes as JSON, oldest point first.
    pub fn history_json(&self) -> Arc<[u8]> {
        self.history().json()
    }

    fn history(&self) -> MutexGuard<'_, History> {
        lock(&self.history)
    }

    fn publish(&self, snapshot: Snapshot) {
        self.history().push(&snapshot.stats);
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }
}

/// Takes the first sample and starts the sampler thread. `read_node` is called in it, once a sample.
///
/// The first snapshot has states but no rates; the first window ends 200 ms later, the others every `config.interval`.
///
/// # Errors
/// When the interval is zero, or the thread cannot be started.
pub fn start(
    config: SamplerConfig,
    read_node: impl Fn() -> NodeReading + Send + 'static,
) -> anyhow::Result<Arc<Snapshots>> {
    anyhow::ensure!(!config.interval.is_zero(), "the sample interval must be longer than 0");
    let mut sampler = Sampler::new(config, read_node);
    let (alive, ended) = std::sync::mpsc::channel();
    let snapshots = Arc::new(Snapshots {
        latest: RwLock::new(Arc::new(sampler.snapshot()?)),
        history: Mutex::new(History::new(sampler.config.interval.as_secs_f64())),
        _alive: alive,
    });
    let weak = Arc::downgrade(&snapshots);
    std::thread::Builder::new()
        .name("sampler".to_owned())
        .spawn(move || sampler.run(&weak, &ended))
        .context("cannot start the sampler thread")?;
    Ok(snapshots)
}

struct Sampler<F> {
    config: SamplerConfig,
    read_node: F,
    collector: Collector,
    started: Instant,
    hostname: String,
    kernel: Option<String>,
    before: Option<Sample>,
}

impl<F: Fn() -> NodeReading> Sampler<F> {
    fn new(config: SamplerConfig, read_node: F) -> Self {
        Self {
            collector: Collector::new(Root::real(), config.listen),
            config,
            read_node,
            started: Instant::now(),
            hostname: Host::hostname(),
            kernel: Host::kernel_version(),
            before: None,
        }
    }

    fn run(mut self, snapshots: &Weak<Snapshots>, ended: &std::sync::mpsc::Receiver<()>) {
        let interval = self.config.interval;
        let mut next = Instant::now() + interval.min(FIRST_WINDOW);
        // Nobody ever sends: the wait ends by time, or because nobody holds the snapshots any more.
        while ended.recv_timeout(next.saturating_duration_since(Instant::now()))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            match (self.snapshot(), snapshots.upgrade()) {
                (_, None) => return,
                (Ok(snapshot), Some(snapshots)) => snapshots.publish(snapshot),
                (Err(error), Some(_)) => log::error!("a sample was lost: {error:#}"),
            }
            next += interval;
            // Behind by more than a window (throttled, or suspended): the windows that were missed are not made up for.
            next = next.max(Instant::now() + interval / 10);
        }
    }

    fn snapshot(&mut self) -> anyhow::Result<Snapshot> {
        let sample = self.collector.sample(&self.read_node);
        let (window, mut unavailable) = window::window(self.before.as_ref(), &sample);
        let sampled_at = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(sample.unix_seconds);
        let stats = Stats {
            node: self.node(),
            sampled_at: humantime::format_rfc3339_millis(sampled_at).to_string(),
            bottleneck: bottleneck::judge(&window),
            resources: bottleneck::resources(&window, &mut unavailable),
            window,
            unavailable,
            raw: Raw::from(&sample),
        };
        self.before = Some(sample);
        let json = serde_json::to_vec(&stats).context("cannot write the figures as JSON")?.into();
        let metrics = prometheus::text(&stats).into_bytes().into();
        Ok(Snapshot { stats, json, metrics })
    }

    fn node(&self) -> NodeStats {
        let identity = &self.config.identity;
        NodeStats {
            name: identity.name.clone(),
            hostname: self.hostname.clone(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: self.kernel.clone(),
            listen: self.config.listen.to_string(),
            uptime_seconds: (self.started.elapsed().as_secs_f64() * 1e3).round() / 1e3,
            model: identity.model.clone(),
            engine: identity.engine.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::stats::NodeIdentity;

    fn config(interval: Duration) -> SamplerConfig {
        let identity = NodeIdentity { name: "n1".into(), model: "async".into(), engine: "strict".into() };
        SamplerConfig { interval, identity, listen: "127.0.0.1:1".parse().unwrap() }
    }

    #[test]
    fn the_first_snapshot_is_there_and_the_first_window_follows() {
        let snapshots = start(config(Duration::from_secs(60)), NodeReading::default).unwrap();
        let first = snapshots.latest();
        assert_eq!(first.stats.node.name, "n1");
        assert_eq!(first.stats.window.window_seconds, None);
        assert!(first.stats.unavailable.contains_key("window_seconds"));
        while snapshots.latest().stats.window.window_seconds.is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let document: serde_json::Value = serde_json::from_slice(&snapshots.history_json()).unwrap();
        assert_eq!(document["points"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn the_sampler_ends_with_its_board() {
        let alive = Arc::new(AtomicU64::new(0));
        let held = Arc::clone(&alive);
        let snapshots = start(config(Duration::from_secs(3600)), move || {
            held.fetch_add(1, Ordering::Relaxed);
            NodeReading::default()
        })
        .unwrap();
        drop(snapshots);
        // The thread owns the closure, and so the other handle, until it returns.
        while Arc::strong_count(&alive) > 1 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn no_interval_is_refused() {
        assert!(start(config(Duration::ZERO), NodeReading::default).is_err());
    }
}
