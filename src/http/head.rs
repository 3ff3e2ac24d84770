//! The head of a request: parsed by `httparse`, then held against RFC 9112 and RFC 9110.
//!
//! Strict where leniency lets two parties read one stream differently (request smuggling: lengths, codings,
//! hosts, line folding), lenient only where the RFC asks for it (empty lines before a request, bare LF).

use std::mem::{self, MaybeUninit};
use std::net::Ipv6Addr;

use httparse::{Header, Status};
use memchr::memchr;

use super::problem::Problem;

/// Header fields that are accepted at most.
pub const MAX_FIELDS: usize = 100;

/// How the body of a request is delimited (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// That many bytes; 0 for none.
    Known(u64),
    /// The chunked coding.
    Chunked,
}

/// What the connection must know of a head, apart from the fields themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'b> {
    /// The method's name.
    pub method: &'b str,
    /// Path of the target, `*` for the server as a whole.
    pub path: &'b str,
    /// Query of the target.
    pub query: &'b str,
    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    pub minor: u8,
    /// Whether the client lets the connection live on.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue`.
    pub expects_continue: bool,
    /// How the body is delimited.
    pub body: BodyLength,
    /// Bytes of the head, its last line end included.
    pub length: usize,
}

/// Why a head is refused. After any of these the stream cannot be trusted, and the connection closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum HeadError {
    RequestLine,
    FieldName,
    FieldValue,
    Target,
    Version,
    MissingHost,
    RepeatedHost,
    InvalidHost,
    ContentLength,
    LengthAndCoding,
    CodingInOldVersion,
    CodingOrder,
    UnknownCoding,
    UnknownExpectation,
    TooManyFields,
}

impl HeadError {
    /// The answer to it.
    pub fn problem(self) -> Problem {
        let (status, detail) = match self {
            HeadError::RequestLine => (400, "the request line is malformed; write METHOD TARGET HTTP/1.1"),
            HeadError::FieldName => {
                (400, "a header field name is malformed (names are tokens, directly followed by a colon, never folded)")
            }
            HeadError::FieldValue => (400, "a header field value has a control character, a bare CR or a NUL"),
            HeadError::Target => {
                (400, "the request target is malformed; write an absolute path or an http:// address in ASCII")
            }
            HeadError::Version => (505, "this server speaks HTTP/1.0 and HTTP/1.1"),
            HeadError::MissingHost => (400, "HTTP/1.1 requires a Host field"),
            HeadError::RepeatedHost => (400, "the Host field is given more than once"),
            HeadError::InvalidHost => (400, "the Host field is not a host with an optional port"),
            HeadError::ContentLength => (400, "Content-Length must be given once, as a plain decimal number"),
            HeadError::LengthAndCoding => (400, "Content-Length and Transfer-Encoding exclude each other"),
            HeadError::CodingInOldVersion => (400, "HTTP/1.0 has no Transfer-Encoding"),
            HeadError::CodingOrder => (400, "chunked must be the last transfer coding, and stand there once"),
            HeadError::UnknownCoding => (501, "the only transfer coding this server knows is chunked"),
            HeadError::UnknownExpectation => (417, "the only expectation this server can meet is 100-continue"),
            HeadError::TooManyFields => (431, "more than 100 header fields"),
        };
        Problem::new(status, detail)
    }
}

/// Room for the fields of a head while it is parsed: on the heap, since a coroutine's stack must stay small.
pub struct HeaderFields(Box<[MaybeUninit<Header<'static>>]>);

impl HeaderFields {
    /// Room for [`MAX_FIELDS`].
    pub fn new() -> HeaderFields {
        HeaderFields(Box::new_uninit_slice(MAX_FIELDS))
    }

    /// The room, for fields that borrow from any buffer.
    fn room<'b>(&mut self) -> &mut [MaybeUninit<Header<'b>>] {
        // SAFETY: both types have one layout, as they differ in a lifetime only; and nothing that is written here is
        // ever read through `self.0`, so that no field outlives what it borrows from.
        unsafe { mem::transmute::<&mut [MaybeUninit<Header<'static>>], &mut [MaybeUninit<Header<'b>>]>(&mut self.0) }
    }
}

/// Parses the head that `buffer` starts with and hands it to `with` together with its header fields.
///
/// `Ok(None)` when the head is not complete yet. The caller bounds the size of `buffer`.
pub fn parse<T>(
    buffer: &[u8],
    fields: &mut HeaderFields,
    with: impl FnOnce(Head<'_>, &[Header<'_>]) -> T,
) -> Result<Option<T>, HeadError> {
    let mut request = httparse::Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(buffer, fields.room()) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(parse_error(error, buffer)),
    };
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(HeadError::RequestLine);
    };
    let head = check(method, target, minor, request.headers, length)?;
    Ok(Some(with(head, request.headers)))
}

fn parse_error(error: httparse::Error, buffer: &[u8]) -> HeadError {
    match error {
        httparse::Error::HeaderName => HeadError::FieldName,
        httparse::Error::HeaderValue => HeadError::FieldValue,
        httparse::Error::TooManyHeaders => HeadError::TooManyFields,
        // A line end where the field name should be followed by a colon.
        httparse::Error::NewLine => HeadError::RequestLine,
        httparse::Error::Version if names_other_version(buffer) => HeadError::Version,
        _ => HeadError::RequestLine,
    }
}

/// Whether the first line ends in a well-formed `HTTP/d.d`, only of a version that is not served.
fn names_other_version(buffer: &[u8]) -> bool {
    let start = buffer.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0);
    let line = buffer[start..].split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let version = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
}

fn check<'b>(
    method: &'b str,
    target: &'b str,
    minor: u8,
    fields: &[Header<'_>],
    length: usize,
) -> Result<Head<'b>, HeadError> {
    let (path, query) = split_target(method, target)?;
    let (mut host, mut content_length, mut coding) = (None, None, None);
    let (mut close, mut keep_alive, mut expects_continue) = (false, false, false);
    for field in fields {
        // Fields the connection cares for, told apart by length first: most fields are none of them.
        match field.name.len() {
            4 if field.name.eq_ignore_ascii_case("host") => {
                let repeated = host.replace(field.value).is_some();
                if repeated {
                    return Err(HeadError::RepeatedHost);
                }
            }
            6 if field.name.eq_ignore_ascii_case("expect") => {
                if !field.value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(HeadError::UnknownExpectation);
                }
                expects_continue = minor == 1;
            }
            10 if field.name.eq_ignore_ascii_case("connection") => {
                for option in field.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    close |= option.eq_ignore_ascii_case(b"close");
                    keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            14 if field.name.eq_ignore_ascii_case("content-length") => {
                let value = decimal(field.value).ok_or(HeadError::ContentLength)?;
                if content_length.replace(value).is_some() {
                    return Err(HeadError::ContentLength);
                }
            }
            17 if field.name.eq_ignore_ascii_case("transfer-encoding") => {
                coding = Some(join_codings(coding, field.value)?);
            }
            _ => {}
        }
    }
    match host {
        None if minor == 1 => return Err(HeadError::MissingHost),
        Some(host) if !valid_host(host) => return Err(HeadError::InvalidHost),
        _ => {}
    }
    let body = match (coding, content_length) {
        (Some(_), Some(_)) => return Err(HeadError::LengthAndCoding),
        (Some(_), None) if minor == 0 => return Err(HeadError::CodingInOldVersion),
        (Some(TransferCoding::Other), None) => return Err(HeadError::CodingOrder),
        (Some(TransferCoding::Chunked), None) => BodyLength::Chunked,
        (None, length) => BodyLength::Known(length.unwrap_or(0)),
    };
    let keep_alive = !close && (minor == 1 || keep_alive);
    Ok(Head { method, path, query, minor, keep_alive, expects_continue, body, length })
}

/// What the transfer codings seen so far come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TransferCoding {
    Chunked,
    /// A list that does not end in chunked.
    Other,
}

fn join_codings(before: Option<TransferCoding>, value: &[u8]) -> Result<TransferCoding, HeadError> {
    let mut state = before;
    for coding in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty()) {
        if state.is_some() {
            // Nothing may follow chunked.
            return Err(HeadError::CodingOrder);
        }
        if !coding.eq_ignore_ascii_case(b"chunked") {
            return Err(HeadError::UnknownCoding);
        }
        state = Some(TransferCoding::Chunked);
    }
    Ok(state.unwrap_or(TransferCoding::Other))
}

/// Digits only: no sign, no space, no list, at most what fits 64 bits.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 {
        return None;
    }
    value.iter().try_fold(0_u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

/// Splits a request target (RFC 9112, section 3.2) into path and query.
fn split_target<'b>(method: &str, target: &'b str) -> Result<(&'b str, &'b str), HeadError> {
    if !target.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b'#') {
        return Err(HeadError::Target);
    }
    if target.starts_with('/') {
        // A byte that is ASCII stands for itself alone: what lies on both sides of it is text.
        return Ok(memchr(b'?', target.as_bytes()).map_or((target, ""), |at| (&target[..at], &target[at + 1..])));
    }
    if target == "*" {
        return if method == "OPTIONS" { Ok(("*", "")) } else { Err(HeadError::Target) };
    }
    if method == "CONNECT" {
        return if valid_host(target.as_bytes()) { Ok(("*", "")) } else { Err(HeadError::Target) };
    }
    let (scheme, rest) = target.split_once("://").ok_or(HeadError::Target)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(HeadError::Target);
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if authority.is_empty() || !valid_host(authority.as_bytes()) {
        return Err(HeadError::Target);
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Ok((if path.is_empty() { "/" } else { path }, query))
}

/// The bytes of a `reg-name` (RFC 3986, section 3.2.2), as a table: every request has a host to check.
const HOST_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let others = b"-._~!$&'()*+,;=%";
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut index = 0;
    while index < others.len() {
        table[others[index] as usize] = true;
        index += 1;
    }
    table
};

/// `uri-host [ ":" port ]` of RFC 9110, section 7.2; empty is allowed there.
fn valid_host(value: &[u8]) -> bool {
    let port = if value.first() == Some(&b'[') {
        let Some(end) = memchr(b']', value) else { return false };
        let literal = std::str::from_utf8(&value[1..end]).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
        if !literal {
            return false;
        }
        &value[end + 1..]
    } else {
        let end = value.iter().position(|byte| !HOST_NAME[usize::from(*byte)]);
        &value[end.unwrap_or(value.len())..]
    };
    match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> Result<Option<(String, String, bool, BodyLength)>, HeadError> {
        parse(text.as_bytes(), &mut HeaderFields::new(), |head, _| {
            (head.path.to_owned(), head.query.to_owned(), head.keep_alive, head.body)
        })
    }

    #[test]
    fn targets() {
        for (target, path, query) in [
            ("/", "/", ""),
            ("/fib?number=3", "/fib", "number=3"),
            ("/a?b?c", "/a", "b?c"),
            ("http://example.org", "/", ""),
            ("http://example.org:80/fib?number=3", "/fib", "number=3"),
            ("HTTP://[::1]:80?x", "/", "x"),
        ] {
            let (seen_path, seen_query, ..) =
                outcome(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap().unwrap();
            assert_eq!((seen_path.as_str(), seen_query.as_str()), (path, query), "{target}");
        }
        for target in ["fib", "*", "http://", "http:///x", "ftp://a/", "http://u@h/", "/a#b", "/\u{e9}", "/\u{7f}"] {
            let seen = outcome(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert!(matches!(seen, Err(HeadError::Target | HeadError::RequestLine)), "{target}: {seen:?}");
        }
    }

    #[test]
    fn connection_lives_on_as_the_version_says() {
        for (text, keep) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ] {
            assert_eq!(outcome(text).unwrap().unwrap().2, keep, "{text:?}");
        }
    }

    #[test]
    fn hosts() {
        for host in ["a", "a:80", "127.0.0.1:3000", "[::1]", "[::1]:80", "", "xn--bcher-kva.example", "a:"] {
            assert!(outcome(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_ok(), "{host}");
        }
        for host in ["a b", "a/b", "a:b", "a:80:80", "[::1", "[x]", "a@b", "a:123456", "\u{e9}"] {
            let seen = outcome(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            assert_eq!(seen, Err(HeadError::InvalidHost), "{host}");
        }
    }
}
