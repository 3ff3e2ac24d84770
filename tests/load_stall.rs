//! The proof against coordinated omission: a node that is frozen for a second must show in the percentiles of the open
//! loop as arithmetic says, and hides in the uncorrected ones.

#![allow(clippy::unwrap_used)]

mod common;
mod load_support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::webapp;
use load_support::node;
use serde_json::Value;

#[test]
fn a_frozen_second_shows_as_arithmetic_says() {
    const RATE: f64 = 200.0;
    const SECONDS: f64 = 10.0;
    let node = node(&[]);
    // Few connections, so that the stall holds back those that would see it: that is how it hides.
    let child = webapp()
        .args(["load", &node.url("/whoami"), "--rate", "200", "--duration", "10s", "--warmup", "500ms"])
        .args(["--max-connections", "2", "--json", "-"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(4));
    let begin = Instant::now();
    node.signal(libc::SIGSTOP);
    std::thread::sleep(Duration::from_secs(1));
    node.signal(libc::SIGCONT);
    let frozen = begin.elapsed().as_secs_f64();
    let output = child.wait_with_output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["requests_total"], RATE * SECONDS, "{json:#}");
    assert_eq!(json["requests_ok"], RATE * SECONDS, "{json:#}");

    // Requests due during the stall wait for what is left of it, so those that wait longer than t are rate x (frozen - t).
    // At a percentile these are its share of all: share x rate x seconds, whatever the rate.
    let at = |pointer: &str| json.pointer(pointer).and_then(Value::as_f64).unwrap() / 1e3;
    for (name, share) in [("p99", 0.01), ("p95", 0.05), ("max", 0.0)] {
        let arithmetic = frozen - share * SECONDS;
        let corrected = at(&format!("/latency_milliseconds/{name}"));
        assert!(
            (corrected / arithmetic - 1.0).abs() <= 0.1,
            "corrected {name} {corrected} s, arithmetic {arithmetic} s"
        );
    }
    // Half of the requests saw nothing of it.
    assert!(at("/latency_milliseconds/p50") < 0.1 * frozen);

    // Uncorrected, only the two requests in flight saw it: 2 of 2000 are beyond the 99th percentile.
    let uncorrected = at("/latency_uncorrected_milliseconds/p99");
    assert!(
        uncorrected < 0.5 * at("/latency_milliseconds/p99"),
        "uncorrected p99 {uncorrected} s does not hide the stall"
    );
    assert!(at("/latency_uncorrected_milliseconds/max") > 0.9 * frozen);
}

#[test]
fn a_closed_loop_says_that_the_node_stood_still_and_how_long() {
    let node = node(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.json");
    let child = webapp()
        .args(["load", &node.url("/whoami"), "--connections", "8", "--duration", "6s", "--warmup", "500ms"])
        .args(["--json", file.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    let begin = Instant::now();
    node.signal(libc::SIGSTOP);
    std::thread::sleep(Duration::from_secs(2));
    let frozen = begin.elapsed().as_secs_f64();
    node.signal(libc::SIGCONT);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let silence = json["longest_silence_seconds"].as_f64().unwrap();
    // The generator may be late to see its end, but not before it is over.
    assert!(silence > 0.9 * frozen && silence < frozen + 2.0, "{silence} of {frozen} s: {text}");
    assert!(text.contains("nobody had an answer for"), "{text}");
    assert_eq!(json["errors"], serde_json::json!({}), "it hides: {json:#}");
}
