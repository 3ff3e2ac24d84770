//! `GET /healthz`: alive. `GET /readyz`: ready to take traffic; 503 while draining, or while a required store
//! is away. A node whose store is there in part is ready, and says what is missing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;

use crate::http::{Problem, Reply, Request, Response};

use super::Inner;
use super::format::Format;

pub(super) fn alive(_app: &Arc<Inner>, _request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    Ok(Reply::Now(state(format, "alive")))
}

pub(super) fn ready(app: &Arc<Inner>, _request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    if app.draining.load(Ordering::SeqCst) {
        return Err(
            Problem::new(503, "draining: finishing what is in flight, taking nothing new").header("Retry-After", "1")
        );
    }
    if let Some(problem) = app.state.problem() {
        return Err(Problem::new(503, problem).header("Retry-After", "1"));
    }
    Ok(Reply::Now(match app.state.problems() {
        problems if problems.is_empty() || format != Format::Json => state(format, "ready"),
        problems => Response::json(&json!({ "state": "ready", "problems": problems })),
    }))
}

fn state(format: Format, state: &str) -> Response {
    if format == Format::Json { Response::json(&json!({ "state": state })) } else { Response::text(state) }
}
