//! HTTP/1.1 as a client sees it: raw requests to the real binary, and the exact outcome of each.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use common::{Answer, Node, PATIENCE, read_answer, try_read_answer};

const OK: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

/// What must happen to the connection after the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    /// It takes another request.
    Open,
    /// It is closed.
    Closed,
}

use Then::{Closed, Open};

/// Raw requests, the status of each answer in order, and what follows.
fn table() -> Vec<(&'static str, String, &'static [u16], Then)> {
    let many = |count: usize| (0..count).map(|number| format!("X-{number}: v\r\n")).collect::<String>();
    let head = |line: &str, fields: &str| format!("{line}\r\n{fields}\r\n");
    let get = |fields: &str| head("GET /healthz HTTP/1.1", fields);
    let post = |fields: &str, body: &str| format!("POST /healthz HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}");
    vec![
        // Versions and connections.
        ("1.1 stays open", OK.into(), &[200], Open),
        ("1.1 close", get("Host: a\r\nConnection: close\r\n"), &[200], Closed),
        ("1.1 close among options", get("Host: a\r\nConnection: foo , CLOSE\r\n"), &[200], Closed),
        ("1.0 closes", head("GET /healthz HTTP/1.0", ""), &[200], Closed),
        ("1.0 keep-alive", head("GET /healthz HTTP/1.0", "Connection: keep-alive\r\n"), &[200], Open),
        ("2.0", head("GET /healthz HTTP/2.0", "Host: a\r\n"), &[505], Closed),
        ("preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), &[505], Closed),
        ("no version", "GET /healthz\r\n\r\n".into(), &[400], Closed),
        ("strange version", head("GET /healthz HTTP/x.y", "Host: a\r\n"), &[400], Closed),
        ("lower-case version", head("GET /healthz http/1.1", "Host: a\r\n"), &[400], Closed),
        // Request line and targets.
        ("empty lines before", format!("\r\n\r\n{OK}"), &[200], Open),
        ("bare LF", "GET /healthz HTTP/1.1\nHost: a\n\n".into(), &[200], Open),
        ("absolute form", head("GET http://a/healthz HTTP/1.1", "Host: b\r\n"), &[200], Open),
        ("absolute form, no path", head("GET http://a HTTP/1.1", "Host: b\r\n"), &[200], Open),
        ("asterisk", head("OPTIONS * HTTP/1.1", "Host: a\r\n"), &[204], Open),
        ("asterisk for GET", head("GET * HTTP/1.1", "Host: a\r\n"), &[400], Closed),
        ("relative target", head("GET healthz HTTP/1.1", "Host: a\r\n"), &[400], Closed),
        ("fragment", head("GET /healthz#x HTTP/1.1", "Host: a\r\n"), &[400], Closed),
        ("two spaces", head("GET  /healthz HTTP/1.1", "Host: a\r\n"), &[400], Closed),
        ("bad method", head("G@T /healthz HTTP/1.1", "Host: a\r\n"), &[400], Closed),
        ("NUL in the target", head("GET /health\0z HTTP/1.1", "Host: a\r\n"), &[400], Closed),
        ("bare CR before", format!("\r{OK}"), &[400], Closed),
        (
            "a line just short enough",
            head(&format!("GET /healthz?{} HTTP/1.1", "q".repeat(8_170)), "Host: a\r\n"),
            &[200],
            Open,
        ),
        (
            "a line just too long",
            head(&format!("GET /healthz?{} HTTP/1.1", "q".repeat(8_171)), "Host: a\r\n"),
            &[414],
            Closed,
        ),
        ("garbage", "\x16\x03\x01\x02\r\n\r\n".into(), &[400], Closed),
        // Methods.
        ("HEAD", head("HEAD /healthz HTTP/1.1", "Host: a\r\n"), &[200], Open),
        ("HEAD, refused", head("HEAD /healthz HTTP/1.1", ""), &[400], Closed),
        ("OPTIONS", head("OPTIONS /healthz HTTP/1.1", "Host: a\r\n"), &[204], Open),
        ("POST", post("Content-Length: 0\r\n", ""), &[405], Open),
        ("DELETE", head("DELETE /fib HTTP/1.1", "Host: a\r\n"), &[405], Open),
        ("unknown address", head("GET /nope HTTP/1.1", "Host: a\r\n"), &[404], Open),
        ("unknown method", head("BREW /healthz HTTP/1.1", "Host: a\r\n"), &[501], Closed),
        ("method in lower case", head("get /healthz HTTP/1.1", "Host: a\r\n"), &[501], Closed),
        ("CONNECT", head("CONNECT a:80 HTTP/1.1", "Host: a\r\n"), &[404], Open),
        // Header fields.
        ("no Host", get(""), &[400], Closed),
        ("two Hosts", get("Host: a\r\nHost: a\r\n"), &[400], Closed),
        ("bad Host", get("Host: a b\r\n"), &[400], Closed),
        ("Host with userinfo", get("Host: u@a\r\n"), &[400], Closed),
        ("space before colon", get("Host: a\r\nX : v\r\n"), &[400], Closed),
        ("folding", get("Host: a\r\nX: v\r\n w\r\n"), &[400], Closed),
        ("folding at once", get(" Host: a\r\n"), &[400], Closed),
        ("no colon", get("Host: a\r\nX\r\n"), &[400], Closed),
        ("empty name", get("Host: a\r\n: v\r\n"), &[400], Closed),
        ("bad name", get("Host: a\r\nX{}: v\r\n").replace("{}", "("), &[400], Closed),
        ("NUL in a value", get("Host: a\r\nX: a\0b\r\n"), &[400], Closed),
        ("bare CR in a value", get("Host: a\r\nX: a\rb\r\n"), &[400], Closed),
        ("obs-text in a value", get("Host: a\r\nX: \u{e9}\r\n"), &[200], Open),
        ("33 fields", get(&format!("Host: a\r\n{}", many(32))), &[200], Open),
        ("100 fields", get(&format!("Host: a\r\n{}", many(99))), &[200], Open),
        ("101 fields", get(&format!("Host: a\r\n{}", many(100))), &[431], Closed),
        ("15 KiB of head", get(&format!("Host: a\r\nX: {}\r\n", "v".repeat(15_000))), &[200], Open),
        ("17 KiB of head", get(&format!("Host: a\r\nX: {}\r\n", "v".repeat(17_000))), &[431], Closed),
        ("head without end", format!("GET /healthz HTTP/1.1\r\nX: {}", "v".repeat(17_000)), &[431], Closed),
        ("long target", head(&format!("GET /healthz?{} HTTP/1.1", "q".repeat(9_000)), "Host: a\r\n"), &[414], Closed),
        ("target without end", format!("GET /{}", "q".repeat(17_000)), &[414], Closed),
        // Bodies by length.
        ("body is not run", post(&format!("Content-Length: {}\r\n", OK.len()), OK), &[405], Open),
        ("body of a GET", get("Host: a\r\nContent-Length: 5\r\n") + "hello", &[200], Open),
        ("bad length", post("Content-Length: x\r\n", ""), &[400], Closed),
        ("signed length", post("Content-Length: +5\r\n", "hello"), &[400], Closed),
        ("negative length", post("Content-Length: -1\r\n", ""), &[400], Closed),
        ("hexadecimal length", post("Content-Length: 0x5\r\n", "hello"), &[400], Closed),
        ("list of lengths", post("Content-Length: 5, 5\r\n", "hello"), &[400], Closed),
        ("double length", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), &[400], Closed),
        ("conflicting lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), &[400], Closed),
        ("empty length", post("Content-Length: \r\n", ""), &[400], Closed),
        ("length beyond 64 bits", post("Content-Length: 99999999999999999999\r\n", ""), &[400], Closed),
        ("too large", post("Content-Length: 1048577\r\n", ""), &[413], Closed),
        // Chunked bodies.
        ("chunked", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), &[405], Open),
        (
            "chunked, trailer, extension",
            post("Transfer-Encoding: Chunked\r\n", "5;a=b\r\nhello\r\n0\r\nT: v\r\n\r\n"),
            &[405],
            Open,
        ),
        (
            "chunked and length",
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            &[400],
            Closed,
        ),
        (
            "chunked in 1.0",
            "POST /healthz HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            &[400],
            Closed,
        ),
        ("unknown coding", post("Transfer-Encoding: gzip\r\n", ""), &[501], Closed),
        ("unknown coding first", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), &[501], Closed),
        ("chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), &[400], Closed),
        (
            "chunked in two fields",
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            &[400],
            Closed,
        ),
        ("empty coding", post("Transfer-Encoding: \r\n", ""), &[400], Closed),
        ("bad chunk size", post("Transfer-Encoding: chunked\r\n", "x\r\n"), &[400], Closed),
        ("huge chunk size", post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"), &[400], Closed),
        ("chunk too long", post("Transfer-Encoding: chunked\r\n", "5\r\nhello!\r\n"), &[400], Closed),
        ("chunk with bare LF", post("Transfer-Encoding: chunked\r\n", "5\nhello\n0\n\n"), &[400], Closed),
        (
            "endless extensions",
            post("Transfer-Encoding: chunked\r\n", &format!("1;{}\r\nx\r\n", "e".repeat(1_000)).repeat(5)),
            &[400],
            Closed,
        ),
        ("chunked too large", post("Transfer-Encoding: chunked\r\n", "100001\r\n"), &[413], Closed),
        // Expectations.
        ("unknown expectation", get("Host: a\r\nExpect: tea\r\n"), &[417], Closed),
        ("refused before the body", post("Content-Length: 5\r\nExpect: 100-continue\r\n", ""), &[405], Closed),
        ("continue", get("Host: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n") + "hello", &[200], Open),
        // Pipelining.
        ("three at once", OK.repeat(3), &[200, 200, 200], Open),
        ("answers in order", format!("{OK}{}{OK}", head("GET /nope HTTP/1.1", "Host: a\r\n")), &[200, 404, 200], Open),
        ("close in the middle", format!("{OK}{}{OK}", get("Host: a\r\nConnection: close\r\n")), &[200, 200], Closed),
        ("error in the middle", format!("{OK}{}{OK}", get("")), &[200, 400], Closed),
        ("slow one first", format!("GET /sleep?seg=0.05 HTTP/1.1\r\nHost: a\r\n\r\n{OK}"), &[200, 200], Open),
    ]
}

/// Sends a request in pieces and checks every answer, and what becomes of the connection.
fn check(node: &Node, name: &str, raw: &str, pieces: &[&[u8]], statuses: &[u16], then: Then) {
    let mut stream = node.connect();
    for piece in pieces {
        // The node may have refused and closed already.
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    let head_only = raw.starts_with("HEAD");
    for status in statuses {
        let answer =
            final_answer(&mut stream, head_only).unwrap_or_else(|error| panic!("{name}: no {status} but {error}"));
        assert_eq!(answer.status, *status, "{name}: {}", answer.text());
        check_form(name, &answer, head_only);
    }
    match then {
        Open => {
            stream.write_all(OK.as_bytes()).unwrap();
            let answer =
                try_read_answer(&mut stream, false).unwrap_or_else(|error| panic!("{name}: not open: {error}"));
            assert_eq!(answer.text(), "alive\n", "{name}: the next request");
        }
        Closed => {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            assert_eq!(String::from_utf8_lossy(&rest), "", "{name}: after the last answer");
        }
    }
}

/// The answer behind `100 Continue`, which comes or not depending on whether the body is there already.
fn final_answer(stream: &mut TcpStream, head_only: bool) -> Result<Answer, String> {
    let answer = try_read_answer(stream, head_only)?;
    if answer.status == 100 { try_read_answer(stream, head_only) } else { Ok(answer) }
}

fn check_form(name: &str, answer: &Answer, head_only: bool) {
    assert!(answer.header("date").is_some() && answer.header("x-node") == Some("n1"), "{name}: {:?}", answer.headers);
    assert_eq!(answer.header("allow").is_some(), matches!(answer.status, 204 | 405), "{name}");
    if answer.status >= 400 && !head_only {
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{name}");
        let problem = answer.json();
        assert_eq!(problem["status"], answer.status, "{name}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{name}: {problem}");
    }
}

#[test]
fn every_request_has_its_exact_outcome() {
    for pipeline in ["64", "1"] {
        let node = Node::start(&["--node", "n1", "--max-pipeline", pipeline]);
        for (name, raw, statuses, then) in table() {
            check(&node, name, &raw, &[raw.as_bytes()], statuses, then);
        }
    }
}

#[test]
fn the_outcome_does_not_depend_on_how_bytes_arrive() {
    let node = Node::start(&["--node", "n1"]);
    for (name, raw, statuses, then) in table().into_iter().filter(|(_, raw, ..)| raw.len() < 400) {
        for split in 1..raw.len() {
            let (first, second) = raw.as_bytes().split_at(split);
            check(&node, &format!("{name}, split at {split}"), &raw, &[first, second], statuses, then);
        }
        let bytes: Vec<&[u8]> = raw.as_bytes().chunks(1).collect();
        check(&node, &format!("{name}, byte by byte"), &raw, &bytes, statuses, then);
    }
}

#[test]
fn head_gives_the_head_of_get() {
    let node = Node::start(&[]);
    for target in
        ["/whoami", "/fib?number=5", "/stats", "/metrics", "/payload?kb=70", "/healthz", "/readyz", "/primes?cant=5"]
    {
        let mut stream = node.connect();
        write!(stream, "HEAD {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let answer = read_answer(&mut stream, true);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!((answer.status, rest.len()), (200, 0), "{target}");
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert!(length > 0, "{target}");
    }
}

#[test]
fn a_client_that_waits_is_told_to_continue() {
    let node = Node::start(&[]);
    let mut stream = node.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").unwrap();
    assert_eq!(read_answer(&mut stream, false).text(), "alive\n");
}

#[test]
fn a_half_closed_client_is_answered() {
    let node = Node::start(&["--pool-threads", "1"]);
    for target in ["/healthz", "/fib?number=25", "/sleep?seg=0.2", "/memory?mb=1&seg=0.3"] {
        let mut stream = node.connect();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let started = Instant::now();
        assert_eq!(read_answer(&mut stream, false).status, 200, "{target}");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty() && started.elapsed() < Duration::from_secs(30), "{target}: closed after the answer");
    }
    // Half a request gets an answer too.
    let mut stream = node.connect();
    stream.write_all(b"GET /heal").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_answer(&mut stream, false).status, 400);
}

#[test]
fn slow_clients_are_let_go() {
    let node = Node::start(&[
        "--header-timeout",
        "300ms",
        "--idle-timeout",
        "300ms",
        "--body-timeout",
        "300ms",
        "--write-timeout",
        "300ms",
    ]);
    // Nothing sent: closed without a word.
    let mut silent = node.connect();
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    // Half a head, then half a body: 408.
    for half in
        ["GET /healthz HTTP/1.1\r\nHost: a\r\n", "POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe"]
    {
        let mut stream = node.connect();
        stream.write_all(half.as_bytes()).unwrap();
        let answer = read_answer(&mut stream, false);
        assert_eq!((answer.status, answer.header("connection")), (408, Some("close")), "{half:?}");
    }
    // A byte now and then does not buy more time.
    let mut stream = node.connect();
    for byte in OK.bytes().cycle() {
        if stream.write_all(&[byte.max(b'a')]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        stream.set_nonblocking(true).unwrap();
        let closed = stream.peek(&mut [0]).is_ok();
        stream.set_nonblocking(false).unwrap();
        if closed {
            break;
        }
    }
    assert_eq!(read_answer(&mut stream, false).status, 408);
    // Idle after an answer: closed without a word.
    let mut stream = node.connect();
    stream.write_all(OK.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut stream, false).status, 200);
    rest.clear();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    // A client that asks for much and reads nothing is cut.
    let mut stream = node.connect();
    stream.write_all(b"GET /payload?kb=100000 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_secs(1));
    node.wait_for_stats("/connections/open", |open| open == 0);
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received);
    assert!(received.len() < 100_000_000, "{} bytes", received.len());
}

#[test]
fn one_connection_too_many_is_told_so() {
    let node = Node::start(&["--max-connections", "3"]);
    let mut streams: Vec<_> = (0..3).map(|_| node.connect()).collect();
    for stream in &mut streams {
        stream.write_all(OK.as_bytes()).unwrap();
        assert_eq!(read_answer(stream, false).status, 200);
    }
    let mut refused = node.connect();
    refused.write_all(OK.as_bytes()).unwrap();
    let answer = read_answer(&mut refused, false);
    assert_eq!(
        (answer.status, answer.header("retry-after"), answer.header("connection")),
        (503, Some("1"), Some("close"))
    );
    drop(streams.pop());
    let end = Instant::now() + PATIENCE;
    while node.get("/healthz").status != 200 {
        assert!(Instant::now() < end, "the place is not given back");
    }
    let rejected = node.wait_for_stats("/connections/rejected_total", |total| total.as_u64() >= Some(1));
    assert!(rejected.as_u64().unwrap() >= 1);
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let mut command = std::process::Command::new("sh");
    command.args([
        "-c",
        "ulimit -n 60; exec \"$0\" serve --listen 127.0.0.1:0 --max-connections 1000",
        env!("CARGO_BIN_EXE_webapp"),
    ]);
    let node = Node::spawn(command);
    let streams: Vec<_> = (0..200).map(|_| node.connect()).collect();
    std::thread::sleep(Duration::from_millis(500));
    drop(streams);
    let end = Instant::now() + PATIENCE;
    let mut stream = node.connect();
    stream.write_all(OK.as_bytes()).unwrap();
    while try_read_answer(&mut stream, false).is_err() {
        assert!(Instant::now() < end, "no answer any more");
        stream = node.connect();
        let _ = stream.write_all(OK.as_bytes());
    }
    let errors = node.wait_for_stats("/connections/accept_errors_total", |errors| errors.as_u64() >= Some(1));
    // Backing off makes a few errors of what would be thousands.
    assert!(errors.as_u64() < Some(100), "{errors} errors");
    let complaints = node.log().lines().filter(|line| line.contains("cannot accept")).count();
    assert!(complaints == 1, "logged {complaints} times: {}", node.log());
}

#[test]
fn a_signal_drains() {
    let mut node = Node::start(&[]);
    let mut idle = node.connect();
    idle.write_all(OK.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut idle, false).status, 200);
    let mut busy = node.connect();
    busy.write_all(b"GET /sleep?seg=1.5 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    node.wait_for_stats("/requests/in_flight", |count| count.as_u64() >= Some(1));
    node.signal(libc::SIGTERM);
    // Idle ones go at once, nobody new is let in, what is in flight is answered.
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    let answer = read_answer(&mut busy, false);
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(node.wait().success());
    assert!(std::net::TcpStream::connect(&node.address).is_err());
    assert!(node.log().contains("stopped"), "{}", node.log());
}

#[test]
fn readiness_ends_before_the_door_is_shut() {
    let mut node = Node::start(&["--drain-delay", "2s"]);
    assert_eq!(node.get("/readyz").status, 200);
    node.signal(libc::SIGTERM);
    let end = Instant::now() + PATIENCE;
    while node.get("/readyz").status != 503 {
        assert!(Instant::now() < end, "/readyz stays ready");
    }
    assert_eq!(node.get("/whoami").status, 200);
    assert!(node.wait().success());
}

#[test]
fn draining_ends_when_its_time_is_over_and_a_second_signal_ends_at_once() {
    let mut node = Node::start(&["--drain-timeout", "300ms"]);
    let mut busy = node.connect();
    busy.write_all(b"GET /sleep?seg=120 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    node.wait_for_stats("/requests/in_flight", |count| count.as_u64() >= Some(1));
    node.signal(libc::SIGTERM);
    assert!(node.wait().success());
    assert!(node.log().contains("did not finish"), "{}", node.log());

    let mut node = Node::start(&["--drain-timeout", "120s"]);
    let mut busy = node.connect();
    busy.write_all(b"GET /sleep?seg=120 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    node.wait_for_stats("/requests/in_flight", |count| count.as_u64() >= Some(1));
    node.signal(libc::SIGTERM);
    std::thread::sleep(Duration::from_millis(300));
    node.signal(libc::SIGINT);
    assert_eq!(node.wait().code(), Some(128 + libc::SIGINT));
}

#[test]
fn a_flood_of_half_open_connections_does_not_lock_others_out() {
    let node = Node::start(&["--header-timeout", "2s"]);
    let mut slow: Vec<_> = (0..2_000).map(|_| node.connect()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /whoami HTTP/1.1\r\nX: ").unwrap();
    }
    for _ in 0..50 {
        assert_eq!(node.get("/whoami").status, 200);
    }
    drop(slow);
    node.wait_for_stats("/connections/open", |open| open.as_u64() <= Some(1));
}

#[test]
fn a_client_that_never_pauses_does_not_keep_a_worker_to_itself() {
    let node = Node::start(&["--workers", "1"]);
    let mut sender = node.connect();
    let mut receiver = sender.try_clone().unwrap();
    let flood = OK.repeat(2_000);
    let sending = std::thread::spawn(move || while sender.write_all(flood.as_bytes()).is_ok() {});
    let receiving = std::thread::spawn(move || std::io::copy(&mut receiver, &mut std::io::sink()));
    for _ in 0..50 {
        assert_eq!(node.get("/healthz").status, 200);
    }
    drop(node);
    sending.join().unwrap();
    let _ = receiving.join().unwrap();
}

#[test]
fn memory_is_given_back_while_idle() {
    let node = Node::start(&["--max-connections", "2000"]);
    let resident = |node: &Node| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", node.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().to_owned();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    node.get("/healthz");
    let before = resident(&node);
    // Each has filled both of its buffers once.
    let large = format!("GET /payload?kb=12 HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "v".repeat(15_000));
    let idle: Vec<_> = (0..1_000)
        .map(|_| {
            let mut stream = node.connect();
            stream.write_all(large.as_bytes()).unwrap();
            assert_eq!(read_answer(&mut stream, false).body.len(), 12_000);
            stream
        })
        .collect();
    let each = resident(&node).saturating_sub(before) / idle.len() as u64;
    // Buffers that are kept would alone be 28 KiB.
    assert!(each < 20, "{each} KiB for an idle connection");
}

#[test]
fn what_is_lowered_to_the_limit_of_open_files_is_said_once() {
    let cases = [
        ("1000", "--max-connections 900", "at most 744 connections are served at once instead of 900"),
        ("1000", "--max-connections 700", ""),
        ("256", "", "at most 16 connections are served at once instead of 10,000"),
        ("256", "--max-connections 16", ""),
    ];
    for (limit, asked, says) in cases {
        let mut command = std::process::Command::new("sh");
        let script = format!("ulimit -n {limit}; exec \"$0\" serve --listen 127.0.0.1:0 {asked}");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_webapp")]);
        let node = Node::spawn(command);
        assert_eq!(node.get("/healthz").status, 200);
        // The last line of the start.
        let end = Instant::now() + PATIENCE;
        while !node.log().contains("pool threads") && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        let said: Vec<String> =
            node.log().lines().filter(|line| line.contains("served at once")).map(str::to_owned).collect();
        assert_eq!(said.len(), usize::from(!says.is_empty()), "{limit}, {asked}: {}", node.log());
        assert!(said.iter().all(|line| line.contains(says) && line.contains("LimitNOFILE=")), "{said:?}");
        let files = std::fs::read_to_string(format!("/proc/{}/limits", node.child.id())).unwrap();
        assert!(files.lines().any(|line| line.starts_with("Max open files") && line.contains(limit)), "{files}");
    }
}

#[test]
fn a_socket_that_was_handed_over_is_served_and_readiness_is_told() {
    use std::os::fd::AsRawFd;
    use std::os::unix::process::CommandExt;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let supervisor = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    // The process must find its own id in LISTEN_PID (sd_listen_fds(3)), which only it can write there.
    let mut command = std::process::Command::new("sh");
    let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve --listen 127.0.0.1:1";
    command.args(["-c", script, env!("CARGO_BIN_EXE_webapp")]).env("NOTIFY_SOCKET", &path);
    let descriptor = listener.as_raw_fd();
    // SAFETY: dup2(2) and fcntl(2) may be called between fork and exec. The latter is for a listener that has the
    // number already, and with it the flag to close it.
    unsafe {
        command.pre_exec(move || {
            let handed = libc::dup2(descriptor, 3) == 3 && libc::fcntl(3, libc::F_SETFD, 0) == 0;
            if handed { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        });
    }
    let mut node = Node::spawn(command);
    assert_eq!(node.address, address);
    drop(listener);
    assert_eq!(node.get("/healthz").status, 200);
    let told = || {
        let mut message = [0; 256];
        let length = supervisor.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    assert!(told().contains("READY=1"));
    node.signal(libc::SIGTERM);
    assert!(told().contains("STOPPING=1"));
    assert!(node.wait().success());
}

#[test]
fn the_reference_engine_serves_the_same_routes() {
    let node = Node::start(&["--engine", "minihttp", "--node", "n1"]);
    let mut stream = node.connect();
    stream.write_all(b"GET /fib?number=10 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let answer = read_answer(&mut stream, false);
    assert_eq!((answer.status, answer.header("x-node")), (200, Some("n1")));
    assert_eq!(answer.json()["result"], 55);
    stream.write_all(b"GET /fib?number=abc HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut stream, false).status, 400);
    let end = Instant::now() + PATIENCE;
    while !node.log().contains("trusted clients") {
        assert!(Instant::now() < end, "no warning: {}", node.log());
    }
}
