//! `GET /stats` and `GET /metrics`: the sampler's latest snapshot, ready as bytes.

use std::sync::Arc;

use crate::http::{Body, Problem, Reply, Request, Response};

use super::format::Format;
use super::query::Query;
use super::{Inner, page};

/// Points of history that are kept: five minutes of seconds.
const HISTORY: u64 = 300;

pub(super) fn json(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    // A person looks rather than reads.
    if format == Format::Html {
        return Ok(Reply::Now(page::index(request)));
    }
    let bytes = if request.query.contains("history") {
        Query::new(request.query).number("history", HISTORY)?;
        app.snapshots.history_json()
    } else {
        app.snapshots.latest().json.clone()
    };
    Ok(Reply::Now(fresh(Response::new(200, "application/json", Body::Shared(bytes)))))
}

pub(super) fn metrics(app: &Arc<Inner>, _request: &Request<'_>, _format: Format) -> Result<Reply, Problem> {
    let bytes = app.snapshots.latest().metrics.clone();
    Ok(Reply::Now(fresh(Response::new(200, Format::Metrics.media_type(), Body::Shared(bytes)))))
}

fn fresh(response: Response) -> Response {
    response.header("Cache-Control", "no-store")
}
