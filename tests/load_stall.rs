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
