//! The access log (opt-in): one line an answer, with secrets left out.

use std::time::Duration;

use crate::http::{Request, Response};

/// Parameters whose values are never written, by parts of their names.
const SECRET: [&str; 8] = ["password", "passwd", "pwd", "token", "secret", "key", "auth", "session"];

/// What is kept of a request until its answer is there.
pub(super) struct Entry {
    peer: std::net::SocketAddr,
    line: String,
}

impl Entry {
    pub fn new(request: &Request<'_>) -> Entry {
        let mut line = format!("{} {}", request.method.name(), request.path);
        if !request.query.is_empty() {
            line.push('?');
            line.push_str(&redact(request.query));
        }
        Entry { peer: request.peer, line }
    }

    pub fn log(self, response: &Response, took: Duration) {
        log::info!(
            target: "webapp::access",
            "{} \"{}\" {} {} B {:.3} ms",
            self.peer.ip(), self.line, response.status, response.body.len(), took.as_secs_f64() * 1_000.0
        );
    }
}

/// A query with the values of secret-sounding parameters replaced.
fn redact(query: &str) -> String {
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if SECRET.iter().any(|secret| name.to_ascii_lowercase().contains(secret)) => {
            format!("{name}=***")
        }
        _ => pair.to_owned(),
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
            ("flag", "flag"),
        ] {
            assert_eq!(redact(query), written);
        }
    }
}
