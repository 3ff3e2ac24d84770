//! A request as a service sees it: borrowed from the connection's buffer.

use std::net::SocketAddr;

use super::accept_encoding::{self, ContentCoding};
use super::{accept, etag};

/// Request methods this server knows (RFC 9110, section 9; PATCH from RFC 5789).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
}

impl Method {
    /// The method of that name; names are case-sensitive.
    pub fn parse(name: &str) -> Option<Method> {
        Some(match name {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "CONNECT" => Method::Connect,
            "OPTIONS" => Method::Options,
            "TRACE" => Method::Trace,
            "PATCH" => Method::Patch,
            _ => return None,
        })
    }

    /// The name, as a request line writes it.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Connect => "CONNECT",
            Method::Options => "OPTIONS",
            Method::Trace => "TRACE",
            Method::Patch => "PATCH",
        }
    }
}

/// One request: head checked, body not yet read.
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The path of the target, undecoded, always starting with `/` (or `*` for OPTIONS).
    pub path: &'a str,
    /// What follows the first `?` of the target, undecoded.
    pub query: &'a str,
    /// The header fields, in order, names as sent.
    pub headers: &'a [httparse::Header<'a>],
    /// Address of the other end of the connection.
    pub peer: SocketAddr,
}

impl<'a> Request<'a> {
    /// The first value of a header field, if it is text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .and_then(|header| std::str::from_utf8(header.value).ok())
    }

    /// Whether the client has the answer with this entity tag (a quoted string) already: `If-None-Match` names it.
    pub fn has(&self, tag: &str) -> bool {
        etag::is_named(self.values("if-none-match"), tag)
    }

    /// The place in `offers`, media types in the server's order, of the one that suits the client best; `None` when
    /// the client refuses all of them (RFC 9110, section 12.5.1).
    pub fn preferred(&self, offers: &[&str]) -> Option<usize> {
        accept::preferred(self.values("accept"), offers)
    }

    /// How the body of the answer should be coded; `None` when the client refuses gzip and an uncoded body (RFC 9110,
    /// section 12.5.3).
    pub fn coding(&self) -> Option<ContentCoding> {
        accept_encoding::preferred(self.values("accept-encoding"))
    }

    /// Those values of a header field that are text, in order.
    pub fn values(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        let fields = self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        fields.filter_map(|header| std::str::from_utf8(header.value).ok())
    }
}
