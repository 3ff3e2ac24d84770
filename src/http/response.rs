//! A response, and how it is put on the wire.

use std::borrow::Cow;
use std::sync::Arc;

use super::date;

/// The body of a response.
pub enum Body {
    /// Bytes made for this answer.
    Bytes(Vec<u8>),
    /// Bytes of the program.
    Static(&'static [u8]),
    /// Bytes shared with other answers (a snapshot).
    Shared(Arc<[u8]>),
    /// That many bytes of filler, made while they are sent.
    Filler(u64),
}

impl Body {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Static(bytes) => bytes.len() as u64,
            Body::Shared(bytes) => bytes.len() as u64,
            Body::Filler(length) => *length,
        }
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes in memory; none for filler.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Body::Bytes(bytes) => Some(bytes),
            Body::Static(bytes) => Some(bytes),
            Body::Shared(bytes) => Some(bytes),
            Body::Filler(_) => None,
        }
    }
}

/// One answer: status, a content type, further fields and a body.
pub struct Response {
    /// Status code (RFC 9110, section 15).
    pub status: u16,
    /// Value of `Content-Type`; empty for none.
    pub content_type: &'static str,
    /// Further fields, in order. Values must not contain line breaks.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body. Not sent for HEAD, 204 and 304.
    pub body: Body,
    /// Whether the connection ends after this answer.
    pub close: bool,
}

impl Response {
    /// An answer with a body of that type.
    pub fn new(status: u16, content_type: &'static str, body: Body) -> Response {
        Response { status, content_type, headers: Vec::new(), body, close: false }
    }

    /// 200 with a JSON value.
    pub fn json(value: &serde_json::Value) -> Response {
        let mut bytes = serde_json::to_vec(value).unwrap_or_default();
        bytes.push(b'\n');
        Response::new(200, "application/json", Body::Bytes(bytes))
    }

    /// 200 with plain text; a line end is added.
    pub fn text(text: &str) -> Response {
        Response::new(200, "text/plain; charset=utf-8", Body::Bytes(format!("{text}\n").into_bytes()))
    }

    /// Adds a field.
    pub fn header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    /// The connection ends after this answer.
    pub fn closing(mut self) -> Response {
        self.close = true;
        self
    }

    /// Appends the head to `out`. `fixed` are the complete field lines that every answer of this server carries.
    pub(super) fn write_head(&self, fixed: &[u8], close: bool, keep_alive_1_0: bool, out: &mut Vec<u8>) {
        if self.status == 200 {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\nDate: ");
        } else {
            out.extend_from_slice(b"HTTP/1.1 ");
            out.extend_from_slice(itoa::Buffer::new().format(self.status).as_bytes());
            out.push(b' ');
            out.extend_from_slice(reason(self.status).as_bytes());
            out.extend_from_slice(b"\r\nDate: ");
        }
        date::append(out);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(fixed);
        if self.status != 204 && self.status != 304 {
            out.extend_from_slice(b"Content-Length: ");
            out.extend_from_slice(itoa::Buffer::new().format(self.body.len()).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if !self.content_type.is_empty() {
            out.extend_from_slice(b"Content-Type: ");
            out.extend_from_slice(self.content_type.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        for (name, value) in &self.headers {
            for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
        if close {
            out.extend_from_slice(b"Connection: close\r\n");
        } else if keep_alive_1_0 {
            out.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Whether the body goes on the wire for a request of that kind.
    pub(super) fn sends_body(&self, head_only: bool) -> bool {
        !head_only && self.status != 204 && self.status != 304 && !self.body.is_empty()
    }
}

/// The reason phrase of a status (RFC 9110, section 15; RFC 6585).
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Status",
    }
}
