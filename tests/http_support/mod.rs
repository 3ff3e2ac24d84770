//! The real connection loop in this process, behind a service that says what it was asked; and the rules that every
//! answer of it keeps. Shared by the property tests and the fuzz target.
#![allow(dead_code, clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use webapp::http::{self, Body, ConnectionCounters, Limits, Reply, Request, Response, Server, Service};

/// Longest wait for the end of a connection.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two pieces of a request: long enough for the server to take the first, mostly.
const PAUSE: Duration = Duration::from_micros(30);

/// How long the answer of `/large` is at least, bytes; not much longer, whatever was asked.
const LARGE: usize = 24 * 1024;

/// Longest body that `/body` takes, bytes. It answers with the body, twice.
pub const BODY_LIMIT: u64 = 1_000;

/// A server for the rest of the process.
pub struct Loop {
    pub address: SocketAddr,
    pub counters: Arc<ConnectionCounters>,
    pub limits: Limits,
}

/// Says what it was asked.
struct Echo;

impl Service for Echo {
    fn call(&self, request: &Request<'_>) -> Reply {
        let said = format!("{:?} {} {} {}\n", request.method, request.path, request.query, request.headers.len());
        let answer = |body| Response::new(200, "text/plain", body);
        match request.path {
            "/close" => Reply::Now(answer(Body::Bytes(said.into_bytes())).closing()),
            "/none" => Reply::Now(Response::new(204, "", Body::Static(b""))),
            "/large" => Reply::Now(answer(Body::Bytes(said.repeat(1 + LARGE / said.len()).into_bytes()))),
            "/filler" => Reply::Now(answer(Body::Filler(100_000))),
            "/no" => Reply::Now(http::Problem::new(404, "there is nothing").into()),
            "/later" => Reply::Later(Box::new(move |_| {
                webapp::sleep::sleep(Duration::from_micros(10));
                answer(Body::Bytes(said.into_bytes()))
            })),
            "/body" => Reply::WithBody {
                limit: BODY_LIMIT,
                work: Box::new(move |content, _| answer(Body::Bytes(content.repeat(2)))),
            },
            "/panic" => panic!("on purpose"),
            "/panic-later" => Reply::Later(Box::new(|_| panic!("on purpose"))),
            _ => Reply::Now(answer(Body::Bytes(said.into_bytes()))),
        }
    }
}

impl Loop {
    pub fn start() -> Loop {
        may::config().set_workers(2).set_pool_capacity(128).set_worker_pin(false);
        let listener = http::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (counters, limits) = (Arc::<ConnectionCounters>::default(), Limits::default());
        let server = Server::start(listener, Echo, limits.clone(), counters.clone(), &[("Server", "echo")]).unwrap();
        std::mem::forget(server);
        Loop { address, counters, limits }
    }

    /// Sends these pieces, says that no more comes, and gives all that came back.
    pub fn exchange<'p>(&self, pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        for (index, piece) in pieces.into_iter().enumerate() {
            if index > 0 {
                let start = Instant::now();
                while start.elapsed() < PAUSE {
                    std::hint::spin_loop();
                }
            }
            // The server may have refused and closed already.
            if stream.write_all(piece).is_err() {
                break;
            }
        }
        let _ = stream.shutdown(Shutdown::Write);
        let mut received = Vec::new();
        match stream.read_to_end(&mut received) {
            Ok(_) => {}
            // It closed while bytes were on their way to it.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("no end of the connection: {error}, after {:?}", String::from_utf8_lossy(&received)),
        }
        received
    }

    /// The answers to a request that is sent in these pieces.
    pub fn outcome<'p>(&self, request: &[u8], pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Outcome> {
        let received = self.exchange(pieces);
        let answers = read_answers(&received, request);
        check(request, &answers);
        answers
    }
}

/// An answer, without what changes from one to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: u16,
    pub closes: bool,
    pub body: String,
}

/// Takes a stream of answers apart. Interim ones are left out: they come or not, depending on how a body arrives.
fn read_answers(received: &[u8], request: &[u8]) -> Vec<Outcome> {
    let asked_for_heads = request.windows(5).any(|window| window == b"HEAD ");
    let mut rest = received;
    let mut answers = Vec::new();
    while !rest.is_empty() {
        let shown = String::from_utf8_lossy(&rest[..rest.len().min(300)]).into_owned();
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("half a head: {shown:?}"));
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        rest = &rest[end + 4..];
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|line| line.get(..3)).and_then(|code| code.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no status: {shown:?}"));
        if status == 100 {
            continue;
        }
        let field = |name: &str| head.split("\r\n").skip(1).find_map(|line| line.strip_prefix(name));
        assert!(field("Date: ").is_some() && field("Server: ").is_some(), "{shown:?}");
        let length: usize = field("Content-Length: ").map_or(0, |length| length.parse().unwrap());
        let without = asked_for_heads && (rest.is_empty() || rest.starts_with(b"HTTP/1.1 "));
        let body = if without { &rest[..0] } else { &rest[..length] };
        rest = &rest[body.len()..];
        let closes = field("Connection: ") == Some("close");
        answers.push(Outcome { status, closes, body: String::from_utf8_lossy(body).into_owned() });
    }
    answers
}

/// What holds for the answers to any bytes at all.
fn check(request: &[u8], answers: &[Outcome]) {
    let known = [200, 204, 400, 404, 405, 413, 414, 417, 431, 500, 501, 505];
    for (index, answer) in answers.iter().enumerate() {
        assert!(known.contains(&answer.status), "{answer:?}");
        let last = index + 1 == answers.len();
        assert!(last || !answer.closes, "something follows the last answer: {answers:?}");
        if answer.status >= 400 && !answer.body.is_empty() {
            let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(problem["status"], answer.status);
        }
    }
    // Bytes that are not a complete request are refused, never met with silence.
    let said_something = request.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
    assert!(!said_something || !answers.is_empty(), "no answer to {:?}", String::from_utf8_lossy(request));
}
