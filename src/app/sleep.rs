//! `GET /sleep?min=M&seg=S`: answers after M minutes and S seconds. Async it waits in its coroutine; sync it
//! holds a thread of the pool all the while: the difference the course is about.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::{Peer, Problem, Reply, Request};
use crate::sleep::sleep_unless;

use super::format::Format;
use super::query::Query;
use super::work::{DemoRequest, in_pool};
use super::{Inner, Model};

/// How often a thread that sleeps looks whether anybody still waits.
const LOOK: Duration = Duration::from_millis(250);

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let query = Query::new(request.query);
    let most = app.config.caps.sleep.as_secs_f64();
    let minutes = query.decimal("min", most / 60.0, "minutes")?;
    let seconds = query.decimal("seg", most, "seconds")?;
    if minutes.is_none() && seconds.is_none() {
        return Err(Problem::parameter(
            "seg",
            None,
            &format!("a number of seconds from 0 to {most}, decimals allowed (or 'min', minutes)"),
        ));
    }
    let total = minutes.unwrap_or(0.0) * 60.0 + seconds.unwrap_or(0.0);
    if total > most {
        return Err(Problem::parameter(
            "seg",
            Some(&format!("{total} together with min")),
            &format!("at most {most} seconds in all"),
        ));
    }
    let model = query.choice("model", &[("sync", Model::Sync), ("async", Model::Async)])?.unwrap_or(app.config.model);
    let duration = Duration::from_secs_f64(total);
    let asked = DemoRequest::new(
        format,
        json!({ "min": minutes.unwrap_or(0.0), "seg": seconds.unwrap_or(0.0), "model": model.name() }),
    );
    Ok(match model {
        Model::Sync => in_pool(app, asked, move |peer| {
            hold_thread(duration, peer);
            Ok(json!(total))
        }),
        Model::Async => {
            let app = app.clone();
            Reply::Later(Box::new(move |peer| {
                let start = Instant::now();
                sleep_unless(duration, || peer.is_gone());
                asked.answer(&app, json!(total), Duration::ZERO, start.elapsed())
            }))
        }
    })
}

fn hold_thread(duration: Duration, peer: &Peer) {
    let end = Instant::now() + duration;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || peer.is_gone() {
            return;
        }
        std::thread::sleep(left.min(LOOK));
    }
}

impl Model {
    /// The word for it in flags and answers.
    pub fn name(self) -> &'static str {
        match self {
            Model::Async => "async",
            Model::Sync => "sync",
        }
    }
}
