//! What others on the way may keep of the answers of `--http-cache`, and for how long (RFC 9111): `Cache-Control`, strong entity
//! tags, and 304 for who has the answer already. Where the result follows from the question alone, that is said before it is
//! worked out. There is no `Last-Modified`: no row knows when it was written.

use std::time::Duration;

use crate::http::{Body, Request, Response};

use super::Inner;
use super::fnv;
use super::format::Format;
use super::question::{CacheUse, Question};

/// How long others may keep an answer.
#[derive(Clone, Debug)]
pub struct HttpCache {
    /// Value of `Cache-Control`.
    control: String,
}

impl HttpCache {
    /// For so long, whole seconds; 0: they must ask each time whether it is still the same.
    pub fn new(duration: Duration) -> Self {
        let control = match duration.as_secs() {
            0 => "no-cache".to_owned(),
            seconds => format!("public, max-age={seconds}"),
        };
        Self { control }
    }
}

/// How a client wants an answer, and what it has of it.
pub(super) struct Wanted {
    format: Format,
    /// Whether others may keep the answer.
    kept: bool,
    /// What the client has: the values of `If-None-Match`.
    has: Vec<String>,
}

impl Wanted {
    pub fn new(app: &Inner, request: &Request<'_>, format: Format) -> Self {
        let kept = app.config.http_cache.is_some();
        let has = if kept { request.values("if-none-match").map(str::to_owned).collect() } else { Vec::new() };
        Self { format, kept, has }
    }

    pub fn is_plain(&self) -> bool {
        self.format == Format::Text
    }

    pub fn may_be_kept(&self) -> bool {
        self.kept
    }

    /// 304 for a question whose answer the client has, before it is worked out.
    pub fn unchanged_before<Q: Question>(&self, app: &Inner, question: &Q) -> Option<Response> {
        let tag = (self.kept && question.is_pure() && !self.has.is_empty()).then(|| self.tag(question, b""))?;
        self.names(&tag).then(|| self.with_fields(app, not_modified(tag), CacheUse::None))
    }

    /// 304 for a result that the client has.
    pub fn unchanged<Q: Question>(&self, question: &Q, result: &[u8]) -> Option<Response> {
        let tag = (self.kept && !self.has.is_empty()).then(|| self.tag(question, result))?;
        self.names(&tag).then(|| not_modified(tag))
    }

    /// With the entity tag of the result.
    pub fn with_tag<Q: Question>(&self, response: Response, question: &Q, result: &[u8]) -> Response {
        if self.kept { response.header("ETag", self.tag(question, result)) } else { response }
    }

    /// With what caches need to know: those on the way, and what the node's own had of it.
    pub fn with_fields(&self, app: &Inner, response: Response, from: CacheUse) -> Response {
        let response = match (&app.config.http_cache, self.kept) {
            (Some(cache), true) => response.header("Cache-Control", cache.control.clone()),
            _ => response.header("Cache-Control", "no-store"),
        };
        match app.state.cache.as_ref().and_then(|cache| from.status(cache)) {
            Some(status) => response.header("Cache-Status", status),
            None => response,
        }
    }

    fn names(&self, tag: &str) -> bool {
        crate::http::names_tag(self.has.iter().map(String::as_str), tag)
    }

    /// A hash of what makes the answer what it is: the question, the format, this version, and the result unless it follows from
    /// those.
    fn tag<Q: Question>(&self, question: &Q, result: &[u8]) -> String {
        let mut asked = Vec::with_capacity(64);
        question.put_parameters(&mut asked);
        let result = if question.is_pure() { b"" } else { result };
        let address = question.key().address;
        let parts = [env!("CARGO_PKG_VERSION"), self.format.media_type(), address].map(str::as_bytes);
        let parts = parts.into_iter().chain([&asked[..], result]);
        format!("\"{:016x}\"", fnv::hash(parts))
    }
}

fn not_modified(tag: String) -> Response {
    Response::new(304, "", Body::Static(b"")).header("ETag", tag)
}
