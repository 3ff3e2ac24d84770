//! `GET /payload?kb=N`: N kB (1,000 bytes each) of body. Fills a network.

use std::sync::Arc;

use crate::http::{Body, Problem, Reply, Request, Response};

use super::Inner;
use super::format::Format;
use super::query::Query;

const KB: u64 = 1_000;

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, _format: Format) -> Result<Reply, Problem> {
    let kilobytes = Query::new(request.query).number("kb", app.config.caps.payload_bytes / KB)?;
    Ok(Reply::Now(Response::new(200, "application/octet-stream", Body::Filler(kilobytes * KB))))
}
