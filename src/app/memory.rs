//! `GET /memory?mb=N&seg=S`: holds N MB (10^6 bytes), every page touched, for S seconds, then gives it back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::{Peer, Problem, Reply, Request};
use crate::sleep::sleep;

use super::format::Format;
use super::query::Query;
use super::work::{DemoRequest, in_pool, run};
use super::{Inner, Model};

const MB: u64 = 1_000_000;
const PAGE: usize = 4096;
/// How often a holder looks whether anybody still waits.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let query = Query::new(request.query);
    let caps = &app.config.caps;
    let megabytes = query.number("mb", caps.memory_bytes / MB)?;
    let seconds = query.decimal("seg", caps.sleep.as_secs_f64(), "seconds")?.unwrap_or(0.0);
    let hold = Duration::from_secs_f64(seconds);
    let place = MemoryReservation::take(app, megabytes * MB)?;
    let asked = DemoRequest::new(format, json!({ "mb": megabytes, "seg": seconds }));
    let result = json!(place.bytes);
    if app.config.model == Model::Sync {
        return Ok(in_pool(app, asked, move |peer| {
            let block = place.fill();
            wait(hold, peer, std::thread::sleep);
            drop(block);
            Ok(result)
        }));
    }
    let app = app.clone();
    Ok(Reply::Later(Box::new(move |peer| {
        let filled = match run(&app, peer, move |_| place.fill()) {
            Ok(filled) => filled,
            Err(problem) => return problem.into(),
        };
        let start = Instant::now();
        wait(hold, peer, sleep);
        let worked = filled.worked + start.elapsed();
        let block = filled.value;
        // Giving back many pages takes the kernel a while: that is a thread's work too.
        let _ = run(&app, peer, move |_| drop(block));
        asked.answer(&app, result, filled.queued, worked)
    })))
}

fn wait(hold: Duration, peer: &Peer, pause: impl Fn(Duration)) {
    let end = Instant::now() + hold;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || peer.is_gone() {
            return;
        }
        pause(left.min(LOOK));
    }
}

/// A share of what the node may hold; given back when dropped.
struct MemoryReservation {
    app: Arc<Inner>,
    bytes: u64,
}

/// Memory that is really there, and the place it takes. The bytes go first, then the place.
struct Block {
    _bytes: Vec<u8>,
    _place: MemoryReservation,
}

impl MemoryReservation {
    fn take(app: &Arc<Inner>, bytes: u64) -> Result<MemoryReservation, Problem> {
        let held = &app.memory_held_bytes;
        let most = app.config.caps.memory_bytes;
        let fits = |before: u64| before.checked_add(bytes).filter(|after| *after <= most);
        match held.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits) {
            Ok(_) => Ok(MemoryReservation { app: app.clone(), bytes }),
            Err(before) => {
                let detail = format!("{} of {} MB are held by other requests", before / MB, most / MB);
                Err(Problem::new(503, detail).header("Retry-After", "1"))
            }
        }
    }

    /// Takes the memory and touches every page, so that it counts as resident.
    fn fill(self) -> Block {
        let mut bytes = vec![0_u8; self.bytes as usize];
        bytes.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
        Block { _bytes: std::hint::black_box(bytes), _place: self }
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        self.app.memory_held_bytes.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}
