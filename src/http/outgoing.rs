//! What the two clients share: the request as bytes, the answer as it comes, and the ways to fail.

use std::fmt;
use std::io;

use super::answer::AnswerReader;
use super::request::Method;
use super::url::{InvalidUrl, Origin};

/// A request that a client sends, on a connection of its own.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingRequest<'a> {
    /// The method.
    pub method: Method,
    /// Path and query; starts with `/`. Must be the program's own, not a client's: it is sent as it stands.
    pub path: &'a str,
    /// Further fields, which are sent as they stand. `Host`, `User-Agent`, `Connection` and `Content-Length` are added.
    pub fields: &'a [(&'a str, &'a str)],
    /// The body; may be empty.
    pub body: &'a [u8],
}

impl<'a> OutgoingRequest<'a> {
    /// A GET that asks for JSON.
    pub fn get(path: &'a str) -> Self {
        Self { method: Method::Get, path, fields: &[("Accept", "application/json, */*;q=0.1")], body: &[] }
    }

    /// The bytes that are sent to `origin`.
    pub(super) fn bytes(&self, origin: &Origin) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: webapp/{}\r\nConnection: close\r\n",
            self.method.name(),
            self.path,
            origin.host_field(),
            env!("CARGO_PKG_VERSION")
        );
        for (name, value) in self.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // A method that gives a body a meaning says so where there is none, too (RFC 9110 section 8.6).
        if !self.body.is_empty() || matches!(self.method, Method::Post | Method::Put | Method::Patch) {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        [head.as_bytes(), self.body].concat()
    }
}

/// An answer, read in full. Redirects are not followed: they are answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeAnswer {
    /// Status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// The address is not one that can be asked.
    Url(InvalidUrl),
    /// The host name has no address.
    Unresolved,
    /// Nothing listens there.
    Refused,
    /// Not done in time.
    TimedOut,
    /// The connection broke, or could not be made for another reason.
    Lost,
    /// The answer is not HTTP/1.x, or ended early.
    Malformed,
    /// The answer is longer than was allowed.
    TooLarge,
    /// A whole answer with another status than the one that was needed.
    Status(u16),
}

impl fmt::Display for ClientError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(out),
            Self::Unresolved => write!(out, "the host name cannot be found"),
            Self::Refused => write!(out, "nothing listens there"),
            Self::TimedOut => write!(out, "it did not answer in time"),
            Self::Lost => write!(out, "the connection was lost, or could not be made"),
            Self::Malformed => write!(out, "the answer is not HTTP, or ended early"),
            Self::TooLarge => write!(out, "the answer is too large"),
            Self::Status(status) => write!(out, "it answers {status}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<InvalidUrl> for ClientError {
    fn from(error: InvalidUrl) -> Self {
        Self::Url(error)
    }
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            // A socket with a timeout says `WouldBlock` when it has passed.
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::TimedOut,
            _ => Self::Lost,
        }
    }
}

/// Collects an answer from the bytes that come, up to a size.
pub(super) struct AnswerCollector {
    reader: AnswerReader<()>,
    body: Vec<u8>,
    max_body_bytes: usize,
}

impl AnswerCollector {
    /// For the answer to `request`.
    pub fn new(request: &OutgoingRequest<'_>, max_body_bytes: usize) -> Self {
        let mut reader = AnswerReader::default();
        reader.start(request.method == Method::Head);
        Self { reader, body: Vec::new(), max_body_bytes }
    }

    /// Takes bytes that came; gives the answer once it is complete. No bytes are the end of the connection.
    ///
    /// # Errors
    /// When the answer is malformed, too large, or ended early.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<WholeAnswer>, ClientError> {
        if bytes.is_empty() {
            return if self.reader.end_of_stream() { Ok(Some(self.answer())) } else { Err(ClientError::Malformed) };
        }
        let body = &mut self.body;
        // What follows the answer is nobody's: the connection is closed after it.
        self.reader.take(bytes, &mut |part| body.extend_from_slice(part)).map_err(|_| ClientError::Malformed)?;
        let expected = (self.body.len() as u64).saturating_add(self.reader.remaining());
        if expected > self.max_body_bytes as u64 {
            return Err(ClientError::TooLarge);
        }
        Ok(self.reader.is_done().then(|| self.answer()))
    }

    /// The status code, once the head is read.
    pub fn status(&self) -> Option<u16> {
        Some(self.reader.status()).filter(|status| *status > 0)
    }

    fn answer(&mut self) -> WholeAnswer {
        WholeAnswer { status: self.reader.status(), body: std::mem::take(&mut self.body) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_as_bytes() {
        let origin = Origin::parse("http://a:81").unwrap();
        let text = |request: OutgoingRequest<'_>| String::from_utf8(request.bytes(&origin)).unwrap();
        let common =
            concat!("Host: a:81\r\nUser-Agent: webapp/", env!("CARGO_PKG_VERSION"), "\r\nConnection: close\r\n");
        assert_eq!(
            text(OutgoingRequest::get("/x?y=z")),
            format!("GET /x?y=z HTTP/1.1\r\n{common}Accept: application/json, */*;q=0.1\r\n\r\n")
        );
        let put = OutgoingRequest { method: Method::Put, path: "/item", fields: &[("A", "b")], body: b"value" };
        assert_eq!(text(put), format!("PUT /item HTTP/1.1\r\n{common}A: b\r\nContent-Length: 5\r\n\r\nvalue"));
        let empty = OutgoingRequest { body: b"", fields: &[], ..put };
        assert_eq!(text(empty), format!("PUT /item HTTP/1.1\r\n{common}Content-Length: 0\r\n\r\n"));
    }

    #[test]
    fn answers_are_collected_up_to_a_size() {
        let ok = |status, body: &str| Ok(WholeAnswer { status, body: body.into() });
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", ok(200, "{}")),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}rest", ok(200, "{}")),
            ("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", ok(503, "")),
            ("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", ok(302, "")),
            ("HTTP/1.0 200 OK\r\n\r\nuntil the end", ok(200, "until the end")),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", ok(200, "{}")),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}", Err(ClientError::Malformed)),
            ("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}", Err(ClientError::Malformed)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n{}", Err(ClientError::TooLarge)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n{}", Err(ClientError::TooLarge)),
            ("HTTP/1.1 200 OK\r\nConte", Err(ClientError::Malformed)),
            ("SSH-2.0-OpenSSH\r\n", Err(ClientError::Malformed)),
            ("", Err(ClientError::Malformed)),
        ] {
            for piece in [1, 3, text.len().max(1)] {
                let mut collector = AnswerCollector::new(&OutgoingRequest::get("/"), 64);
                let mut pieces = text.as_bytes().chunks(piece).chain([&b""[..]]);
                let got = pieces.find_map(|piece| collector.take(piece).transpose()).unwrap();
                assert_eq!(got, expected, "{piece}: {text}");
            }
        }
        let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(100));
        let mut collector = AnswerCollector::new(&OutgoingRequest::get("/"), 64);
        assert_eq!(collector.take(long.as_bytes()), Err(ClientError::TooLarge));
    }
}
