//! The access log (opt-in): one line an answer, with secrets left out.

use std::time::Duration;

use crate::http::{Request, Response};
use crate::secret::is_secret;

use super::query::decode;

/// What is kept of a request until its answer is there.
pub(super) struct AccessEntry {
    peer: std::net::SocketAddr,
    line: String,
}

impl AccessEntry {
    pub fn new(request: &Request<'_>) -> AccessEntry {
        let mut line = format!("{} {}", request.method.name(), request.path);
        if !request.query.is_empty() {
            line.push('?');
            line.push_str(&redact(request.query));
        }
        AccessEntry { peer: request.peer, line }
    }

    pub fn log(self, response: &Response, took: Duration) {
        log::info!(
            target: "webapp::access",
            "{} \"{}\" {} {} B {:.3} ms",
            self.peer.ip(), self.line, response.status, response.body.len(), took.as_secs_f64() * 1_000.0
        );
    }
}

/// A query without the values of secret parameters.
fn redact(query: &str) -> String {
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if decode(name).is_none_or(|name| is_secret(&name)) => format!("{name}=***"),
        Some(_) | None => pair.to_owned(),
    };
    query.split('&').map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_written() {
        for (query, written) in [
            ("number=3", "number=3"),
            ("user=ana&password=hunter2", "user=ana&password=***"),
            ("API_KEY=1&x=2", "API_KEY=***&x=2"),
            ("access_token=a=b", "access_token=***"),
            ("pass%77ord=hunter2", "pass%77ord=***"),
            ("%=1", "%=***"),
            ("flag", "flag"),
        ] {
            assert_eq!(redact(query), written);
        }
    }
}
