//! A small HTTP/1.1 client for coroutines: one GET, bounded in time and in size. For asking a peer for its
//! figures; the load generator has its own, which measures.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use may::net::TcpStream;

use crate::worker::{self, IoWaker};
use crate::{connect, sleep};

/// Longest head of an answer, bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Most fields of an answer.
const MAX_FIELDS: usize = 64;

/// Read in pieces of this size: coroutine stacks are small, so the piece lives on the heap.
const PIECE_BYTES: usize = 16 * 1024;

/// Scheme, host and port of a server: `http://192.168.56.11:3000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    host: String,
    port: u16,
}

impl Origin {
    /// Reads `http://HOST[:PORT]`, with or without a last slash; HOST is a name or an address (IPv6 in brackets).
    ///
    /// # Errors
    /// One sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Origin, String> {
        let wrong = |what: &str| format!("`{}` is no address of a node ({what}); give http://HOST:PORT", shorten(text));
        let rest = text.trim().strip_prefix("http://").ok_or_else(|| wrong("it must begin with http://"))?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(wrong("it must end after the port"));
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok().filter(|port| *port > 0)),
            _ => (rest, Some(80)),
        };
        let port = port.ok_or_else(|| wrong("the port is no number from 1 to 65535"))?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let good = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
                !host.is_empty() && host.len() <= 253 && host.bytes().all(known)
            }
        };
        if !good {
            return Err(wrong("the host is neither a name nor an address"));
        }
        Ok(Origin { host: bare.unwrap_or(host).to_ascii_lowercase(), port })
    }

    /// The host, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The socket address, when the host is no name that must be looked up.
    pub fn literal(&self) -> Option<SocketAddr> {
        self.host.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, self.port))
    }

    /// `HOST:PORT`, as the `Host` field takes it.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}", self.authority())
    }
}

fn shorten(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(80).collect()
}

/// An answer, read in full.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetError {
    /// Nobody listens there.
    Refused,
    /// Not done in time.
    TimedOut,
    /// The connection broke, or could not be made for another reason.
    Lost,
    /// The answer is no HTTP/1.1 that this client reads, or ended early.
    Malformed,
    /// The answer is longer than was allowed.
    TooLarge,
}

impl From<std::io::Error> for GetError {
    fn from(error: std::io::Error) -> GetError {
        match error.kind() {
            ErrorKind::ConnectionRefused => GetError::Refused,
            ErrorKind::TimedOut => GetError::TimedOut,
            _ => GetError::Lost,
        }
    }
}

/// Asks `address` for `target` on a connection of its own and reads the whole answer, of at most `max_bytes` of body,
/// within `timeout` from now. To be called in a coroutine. `target` must be ours, not a client's.
///
/// # Errors
/// [`GetError`]; a status of 4xx or 5xx is an answer, not an error.
pub fn get(
    address: SocketAddr,
    authority: &str,
    target: &str,
    timeout: Duration,
    max_bytes: usize,
) -> Result<Answer, GetError> {
    let deadline = Instant::now() + timeout;
    let stream = connect::begin(address)?;
    sleep::wake_at(deadline, IoWaker::new(&stream))?;
    while !connect::is_open(&stream)? {
        wait(&stream, deadline)?;
    }
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json, */*;q=0.1\r\nUser-Agent: webapp/{}\r\nConnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    let mut unsent = request.as_bytes();
    while !unsent.is_empty() {
        let count = once_ready(&stream, deadline, || stream.inner().write(unsent))?;
        unsent = &unsent[count..];
    }

    let mut bytes = Vec::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut head = None;
    loop {
        if head.is_none() {
            head = parse_head(&bytes)?;
            if head.as_ref().is_some_and(|head| head.length.is_some_and(|length| length > max_bytes)) {
                return Err(GetError::TooLarge);
            }
        }
        if let Some(Head { status, end, length: Some(length) }) = head
            && bytes.len() >= end + length
        {
            bytes.truncate(end + length);
            return Ok(Answer { status, body: bytes.split_off(end) });
        }
        let count = once_ready(&stream, deadline, || stream.inner().read(&mut piece))?;
        if count == 0 {
            return match head {
                Some(Head { status, end, length: None }) => Ok(Answer { status, body: bytes.split_off(end) }),
                _ => Err(GetError::Malformed),
            };
        }
        bytes.extend_from_slice(&piece[..count]);
        let most = head.as_ref().map_or(MAX_HEAD_BYTES, |head| head.end + max_bytes);
        if bytes.len() > most.max(MAX_HEAD_BYTES + max_bytes) {
            return Err(GetError::TooLarge);
        }
    }
}

/// Tries until the socket does not ask for patience any more.
fn once_ready<T>(
    stream: &TcpStream,
    deadline: Instant,
    mut attempt: impl FnMut() -> std::io::Result<T>,
) -> Result<T, GetError> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait(stream, deadline)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return Ok(result?),
        }
    }
}

/// Waits for an event of the socket, or for the deadline.
fn wait(stream: &TcpStream, deadline: Instant) -> Result<(), GetError> {
    if Instant::now() >= deadline {
        return Err(GetError::TimedOut);
    }
    worker::wait(stream);
    Ok(())
}

/// The head of an answer.
struct Head {
    status: u16,
    /// Where the body begins.
    end: usize,
    /// Length of the body; `None` when it ends with the connection.
    length: Option<usize>,
}

/// The head, once it is whole.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, GetError> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let end = match response.parse(bytes) {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) if bytes.len() <= MAX_HEAD_BYTES => return Ok(None),
        _ => return Err(GetError::Malformed),
    };
    let mut length = None;
    for field in response.headers.iter() {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(GetError::Malformed);
        }
        if field.name.eq_ignore_ascii_case("content-length") {
            let value = std::str::from_utf8(field.value).ok().and_then(|value| value.trim().parse().ok());
            length = Some(value.ok_or(GetError::Malformed)?);
        }
    }
    Ok(Some(Head { status: response.code.unwrap_or_default(), end, length }))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn origins() {
        for (text, shown, literal) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000", true),
            (" http://127.0.0.1:3000/ ", "http://127.0.0.1:3000", true),
            ("http://Node1.lab:3000", "http://node1.lab:3000", false),
            ("http://node-1", "http://node-1:80", false),
            ("http://[::1]:3000", "http://[::1]:3000", true),
            ("http://[::1]", "http://[::1]:80", true),
        ] {
            let origin = Origin::parse(text).unwrap();
            assert_eq!((origin.to_string().as_str(), origin.literal().is_some()), (shown, literal), "{text}");
        }
        for text in [
            "",
            "node1:3000",
            "https://node1:3000",
            "http://",
            "http://:80",
            "http://a:0",
            "http://a:x",
            "http://a:70000",
            "http://a/b",
            "http://u@a",
            "http://a b",
            "http://a?b",
            "http://[::1",
            "http://::1:80",
            "http://a\r\nX: y",
        ] {
            let error = Origin::parse(text).unwrap_err();
            assert!(error.contains("give http://HOST:PORT") && !error.contains('\r'), "{text}: {error}");
        }
    }

    /// Answers one connection with these bytes, then holds it open or closes it.
    fn server(bytes: &'static [u8], hold: bool) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap();
            assert!(request[..count].starts_with(b"GET /stats HTTP/1.1\r\nHost: x\r\n"));
            let _ = stream.write_all(bytes);
            if hold {
                std::thread::sleep(Duration::from_secs(3));
            }
        });
        address
    }

    fn ask(address: SocketAddr, timeout: Duration) -> Result<(u16, Vec<u8>), GetError> {
        // SAFETY: `get` keeps no thread-local across a switch and its stack use is small.
        let handle = unsafe { may::coroutine::spawn(move || get(address, "x", "/stats", timeout, 64)) };
        handle.join().unwrap().map(|answer| (answer.status, answer.body))
    }

    #[test]
    fn answers_and_failures() {
        let long = Duration::from_secs(20);
        let ok = |status, body: &[u8]| Ok((status, body.to_vec()));
        for (bytes, expected) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"[..], ok(200, b"{}")),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}rest", ok(200, b"{}")),
            (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", ok(503, b"")),
            (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", ok(200, b"until the end")),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}", Err(GetError::Malformed)),
            (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}", Err(GetError::Malformed)),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n{}", Err(GetError::TooLarge)),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Err(GetError::Malformed)),
            (b"SSH-2.0-OpenSSH\r\n", Err(GetError::Malformed)),
            (b"", Err(GetError::Malformed)),
        ] {
            let address = server(bytes, false);
            assert_eq!(ask(address, long), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn endless_bodies_and_heads_are_cut_off() {
        let body: &'static [u8] =
            Box::leak([&b"HTTP/1.1 200 OK\r\n\r\n"[..], &[b'x'; 200_000]].concat().into_boxed_slice());
        assert_eq!(ask(server(body, true), Duration::from_secs(20)), Err(GetError::TooLarge));
        let head: &'static [u8] =
            Box::leak([&b"HTTP/1.1 200 OK\r\nX: "[..], &[b'x'; 200_000]].concat().into_boxed_slice());
        assert!(matches!(
            ask(server(head, true), Duration::from_secs(20)),
            Err(GetError::Malformed | GetError::TooLarge)
        ));
    }

    #[test]
    fn silence_and_nobody() {
        assert_eq!(ask(server(b"HTTP/1.1 200 OK\r\n", true), Duration::from_millis(200)), Err(GetError::TimedOut));
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(ask(closed, Duration::from_secs(20)), Err(GetError::Refused));
    }

    #[test]
    fn a_listener_whose_queue_is_full() {
        use socket2::{Domain, Socket, Type};

        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let _taken: Vec<_> = (0..4).map(|_| connect::begin(address).unwrap()).collect();
        let start = Instant::now();
        assert_eq!(ask(address, Duration::from_millis(200)), Err(GetError::TimedOut));
        assert!(start.elapsed() >= Duration::from_millis(200));
    }
}
