//! Answers as they come, right and wrong, and how each is counted.

use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::webapp;
use crate::load_support::{Fake, Then, load_json, node};
use crate::{QUICK, count, measured};

#[test]
fn errors_are_counted_by_kind() {
    let cases = [
        ("malformed", &b"this is not HTTP\r\n\r\n"[..], Then::Close),
        ("malformed", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", Then::Stay),
        ("reset", b"", Then::Close),
        ("reset", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Then::Close),
        ("timed_out", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Then::Stay),
        ("timed_out", b"", Then::Stay),
        ("unexpected_status", b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", Then::Stay),
        ("unexpected_status", b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", Then::Stay),
    ];
    for (kind, answer, then) in cases {
        let fake = Fake::start(answer, then);
        for pacing in [["--connections", "2"], ["--rate", "50"]] {
            let before = fake.requests.load(Ordering::SeqCst);
            let (code, json) = load_json(&[&[&*fake.url, "--timeout", "200ms"], &pacing[..], &QUICK].concat());
            let text = String::from_utf8_lossy(answer);
            assert_eq!(code, 1, "nothing was correct: {text} {json:#}");
            assert_eq!(json["requests_ok"], 0);
            assert!(count(&json, "/requests_total") > 0, "{text}");
            assert_eq!(json["errors"][kind], json["requests_total"], "{text}: {json:#}");
            assert!(json["error_examples"][kind].is_string());
            assert_eq!(json["latency_milliseconds"], Value::Null);
            // Nothing is asked twice, and no redirect is followed.
            assert_eq!(fake.requests.load(Ordering::SeqCst) - before, count(&json, "/sent_total"), "{text}");
        }
    }
}

#[test]
fn answers_of_every_framing_are_read_whole() {
    let cases = [
        (
            &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\n-needl\r\n"[..],
            Then::Stay,
            "malformed",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnee\r\n3\r\ndle\r\n0\r\n\r\n", Then::Stay, ""),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end: needle", Then::Close, ""),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nneedle", Then::Close, ""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nneedle", Then::Stay, ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhaysta", Then::Stay, "unexpected_body"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Then::Stay, "unexpected_body"),
    ];
    for (answer, then, error) in cases {
        let fake = Fake::start(answer, then);
        let (code, json) =
            load_json(&[&[&*fake.url, "--connections", "2", "--expect-body", "needle"], &QUICK[..]].concat());
        let text = String::from_utf8_lossy(answer);
        if error.is_empty() {
            assert!(measured(code) && count(&json, "/requests_ok") > 0, "{text}: {json:#}");
            assert_eq!(json["requests_ok"], json["requests_total"], "{text}: {json:#}");
        } else {
            assert_eq!(json["errors"][error], json["requests_total"], "{text}: {json:#}");
        }
    }
}

#[test]
fn a_server_that_never_ends_costs_time_but_no_memory() {
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let cases = [
        ("a body", &b"HTTP/1.1 200 OK\r\n\r\n"[..], Then::Flood(b"x"), "timed_out"),
        ("chunks", CHUNKED, Then::Flood(b"5\r\nhello\r\n"), "timed_out"),
        ("a chunk's extension", CHUNKED, Then::Flood(b"5;"), "timed_out"),
        (
            "trailers",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            Then::Flood(b"a: b\r\n"),
            "timed_out",
        ),
        ("a trailer", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", Then::Flood(b"a"), "malformed"),
        ("header fields", OK, Then::Flood(b"a: b\r\n"), "malformed"),
        ("a header field", OK, Then::Flood(b"a"), "malformed"),
        ("interim answers", b"", Then::Flood(b"HTTP/1.1 103 Early Hints\r\n\r\n"), "malformed"),
        ("a slow body", b"HTTP/1.1 200 OK\r\n\r\n", Then::Drip(b'x'), "timed_out"),
        ("a slow head", OK, Then::Drip(b'x'), "timed_out"),
        ("more answers", b"", Then::Flood(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "malformed"),
    ];
    for (what, answer, then, kind) in cases {
        let fake = Fake::start(answer, then);
        let begin = Instant::now();
        let child = webapp()
            .args(["load", &fake.url, "--connections", "2", "--timeout", "300ms", "--json", "-"])
            .args(["--duration", "500ms", "--warmup", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (output, resident) = ended(child);
        let json: Value = serde_json::from_slice(&output).unwrap();
        assert!(count(&json, "/requests_total") > 0, "{what}: {json:#}");
        assert_eq!(json["errors"][kind], json["requests_total"], "{what}: {json:#}");
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}: took {:?}", begin.elapsed());
        assert!(resident < 64 * 1024, "{what}: {resident} kB");
    }
}

/// What a child wrote, and the most memory it ever held, in kB.
fn ended(mut child: std::process::Child) -> (Vec<u8>, i64) {
    let mut output = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    let mut status = 0;
    // SAFETY: all zeros is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the child was not waited for, and both places for the answer live through the call.
    assert!(unsafe { libc::wait4(child.id() as i32, &raw mut status, 0, &raw mut usage) } > 0);
    (output, usage.ru_maxrss)
}

#[test]
fn what_comes_unasked_is_no_answer() {
    // Its second half would be the answer to a request that was not sent yet. The pauses are long, so that it comes before.
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let fake = Fake::start(answer, Then::Unasked(b"HTTP/1.1 500 Odd\r\nContent-Length: 0\r\n\r\n"));
    let (code, json) = load_json(&[&[&*fake.url, "--rate", "6"], &QUICK[..]].concat());
    assert!(measured(code), "{json:#}");
    assert_eq!(json["status"]["200"], json["requests_total"], "{json:#}");
    assert_eq!(fake.requests.load(Ordering::SeqCst), count(&json, "/sent_total"));
    assert_eq!(json["generator"]["connections_opened_total"], json["sent_total"], "no connection is used again");
}

#[test]
fn expectations_and_methods() {
    let node = node(&[]);
    let (code, json) = load_json(&[&[&*node.url("/nothing"), "--expect-status", "404,410"], &QUICK[..]].concat());
    assert!(measured(code), "{json:#}");
    assert_eq!(json["status"]["404"], json["requests_ok"]);
    let (code, json) = load_json(&[&[&*node.url("/fib?number=10"), "--method", "HEAD"], &QUICK[..]].concat());
    assert!(measured(code), "{json:#}");
    let (code, json) =
        load_json(&[&[&*node.url("/fib?number=10"), "--expect-body", "\"result\":55"], &QUICK[..]].concat());
    assert!(measured(code), "{json:#}");
    let plain = ["--header", "Accept: text/plain", "--expect-body", "result"];
    let (code, json) = load_json(&[&[&*node.url("/fib?number=10")], &plain[..], &QUICK].concat());
    assert_eq!(code, 1);
    assert_eq!(json["errors"]["unexpected_body"], json["requests_total"]);
}

#[test]
fn a_node_that_dies_is_seen_as_reset_and_refused() {
    let mut node = node(&[]);
    let child = webapp()
        .args([
            "load",
            &node.url("/whoami"),
            "--connections",
            "4",
            "--duration",
            "1500ms",
            "--warmup",
            "0",
            "--json",
            "-",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(700));
    node.child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(count(&json, "/requests_ok") > 0 && count(&json, "/errors/refused") > 0, "{json:#}");
    let failed: u64 = json["errors"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(count(&json, "/requests_ok") + failed, count(&json, "/requests_total"));
}
