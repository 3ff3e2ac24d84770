//! Sample (raw counters) -> window (rates from two samples) -> bottleneck (judgement).

mod reading;

use std::sync::{Arc, Mutex, PoisonError};

pub use reading::*;
use serde_json::json;

/// The latest snapshot, for every view.
pub struct Board {
    latest: Mutex<Arc<Snapshot>>,
}

/// One snapshot, ready as bytes.
pub struct Snapshot {
    /// `/stats`.
    pub json: Arc<[u8]>,
    /// `/metrics`.
    pub metrics: Arc<[u8]>,
}

impl Board {
    /// The latest snapshot.
    pub fn latest(&self) -> Arc<Snapshot> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last five minutes.
    pub fn history_json(&self) -> Arc<[u8]> {
        Arc::from(&b"{\"interval_seconds\":1,\"points\":[]}\n"[..])
    }
}

/// Starts the sampler.
pub fn start(
    config: SamplerConfig,
    read_node: impl Fn() -> NodeReading + Send + 'static,
) -> anyhow::Result<Arc<Board>> {
    let snapshot = move || {
        let reading = read_node();
        let (pool, connections, requests) = (reading.pool, reading.connections, reading.requests);
        let endpoints: Vec<_> = requests.endpoints.iter().map(|endpoint| json!({"path": endpoint.path, "count": endpoint.count, "errors": endpoint.errors, "p50": endpoint.p50, "p90": endpoint.p90, "p99": endpoint.p99})).collect();
        let stats = json!({
            "node": {"name": config.identity.name, "model": config.identity.model, "engine": config.identity.engine},
            "pool": {"threads": pool.threads, "active": pool.active, "queued": pool.queued, "queue_capacity": pool.queue_capacity, "completed_total": pool.completed_total, "rejected_total": pool.rejected_total},
            "connections": {"open": connections.open, "peak": connections.peak, "accepted_total": connections.accepted_total, "rejected_total": connections.rejected_total},
            "requests": {"in_flight": requests.in_flight, "total": requests.total, "endpoints": endpoints},
        });
        Arc::new(Snapshot { json: Arc::from(stats.to_string().into_bytes()), metrics: Arc::from(&b""[..]) })
    };
    let board = Arc::new(Board { latest: Mutex::new(snapshot()) });
    let writer = board.clone();
    std::thread::Builder::new().name("sampler".into()).spawn(move || {
        loop {
            std::thread::sleep(config.interval);
            *writer.latest.lock().unwrap_or_else(PoisonError::into_inner) = snapshot();
        }
    })?;
    Ok(board)
}
