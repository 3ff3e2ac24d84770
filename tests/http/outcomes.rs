//! Raw requests, and the exact outcome of each.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::OK;
use crate::common::{Answer, Node, read_answer, try_read_answer};

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
