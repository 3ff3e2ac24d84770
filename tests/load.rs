//! `webapp load` against real nodes, and against servers that misbehave.
#![allow(clippy::unwrap_used)] // a panic is the failure of the test

#[path = "load/answers.rs"]
mod answers;
mod common;
#[path = "load/limits.rs"]
mod limits;
mod load_support;

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Node, webapp};
use load_support::{load, load_json, node, signal_to, stderr};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

const QUICK: [&str; 4] = ["--duration", "500ms", "--warmup", "200ms"];

fn count(json: &Value, pointer: &str) -> u64 {
    json.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}: {json:#}"))
}

/// The exit code of a run that worked: whether the generator was the limit depends on the machine.
fn measured(code: i32) -> bool {
    code == 0 || code == 3
}

/// What the node counted at /whoami once it has counted `expected`, or when it had ten seconds to do so: it samples
/// its counters once a second.
fn counted(node: &Node, expected: u64) -> u64 {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let stats = node.get("/stats").json();
        let endpoints = stats["requests"]["endpoints"].as_array().unwrap();
        let whoami = endpoints.iter().find(|endpoint| endpoint["path"] == "/whoami").unwrap();
        let now = count(whoami, "/count");
        if now >= expected || Instant::now() > until {
            return now;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn generator_and_node_count_the_same_to_the_request() {
    let node = node(&[]);
    let mut sent = 0;
    let pacings = [
        &["--connections", "8"][..],
        &["--rate", "300"],
        &["--rate", "200", "--poisson"],
        &["--no-keepalive"],
        &["--threads", "3", "--connections", "32"],
        &["--threads", "3", "--connections", "32", "--no-keepalive"],
        &["--threads", "3", "--rate", "2000"],
        &["--threads", "3", "--rate", "500", "--no-keepalive"],
    ];
    for pacing in pacings {
        let (code, json) = load_json(&[&[&*node.url("/whoami")], pacing, &QUICK].concat());
        assert!(measured(code), "{json:#}");
        sent += count(&json, "/sent_total");
        assert_eq!(counted(&node, sent), sent, "{pacing:?}");
        assert_eq!(json["answered_total"], json["sent_total"]);
        assert_eq!(json["requests_total"], json["requests_ok"]);
        assert_eq!(json["nodes"]["node1"], json["requests_ok"]);
        assert_eq!(json["errors"], serde_json::json!({}));
    }
    // Nothing comes after.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(counted(&node, sent), sent);
}

#[test]
fn who_cannot_even_connect_is_told_in_time() {
    for threads in ["1", "3"] {
        for pacing in [["--connections", "8"], ["--rate", "40"]] {
            // A listener that accepts nobody: its queue takes three, who get no answer, and the others get no connection.
            let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
            listener.listen(2).unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap().as_socket().unwrap());
            let start = Instant::now();
            let asked = [&*url, "--threads", threads, "--timeout", "300ms"];
            let (_, json) = load_json(&[&asked[..], &pacing, &QUICK].concat());
            assert!(start.elapsed() < Duration::from_secs(10), "{json:#}");
            let requests = count(&json, "/requests_total");
            assert!(requests > 0 && count(&json, "/sent_total") < requests, "{json:#}");
            assert_eq!(json["errors"], serde_json::json!({ "timed_out": requests }), "{json:#}");
        }
    }
}

#[test]
fn the_json_has_every_field_of_the_contract() {
    let node = node(&[]);
    let fields = [
        "target",
        "duration_seconds",
        "interrupted",
        "requests_total",
        "requests_ok",
        "errors",
        "status",
        "throughput_per_second",
        "latency_milliseconds/p99_9",
        "latency_milliseconds/mean",
        "latency_milliseconds/max",
        "latency_uncorrected_milliseconds",
        "queue_milliseconds",
        "work_milliseconds",
        "nodes/node1",
        "endpoints/~1fib?number=5",
        "endpoints/~1whoami",
        "littles_law/ratio",
        "spectrum",
        "generator/cpu_percent",
        "generator/dispatch_lag_milliseconds",
        "generator/offered_per_second",
        "generator/achieved_per_second",
        "generator/verdict",
        "generator/reason",
    ];
    let mix = ["3:".to_owned() + &node.url("/fib?number=5"), "/whoami".to_owned()];
    for pacing in [["--connections", "4"], ["--rate", "400"]] {
        let (_, json) = load_json(&[&[&*mix[0], &mix[1]], &pacing[..], &QUICK].concat());
        for field in fields {
            assert!(json.pointer(&format!("/{field}")).is_some(), "{field} is missing: {json:#}");
        }
        let open_loop = pacing[0] == "--rate";
        assert_eq!(json["mode"], if open_loop { "open" } else { "closed" });
        assert_eq!(json["latency_uncorrected_milliseconds"].is_object(), open_loop);
        assert_eq!(json["generator"]["dispatch_lag_milliseconds"].is_object(), open_loop);
        // Server-Timing of /fib.
        assert!(json["queue_milliseconds"]["p50"].is_number() && json["work_milliseconds"]["p50"].is_number());
        if open_loop {
            // 400/s for half a second, three of four to the first address.
            assert_eq!(count(&json, "/requests_total"), 200);
            assert_eq!(count(&json, "/endpoints/~1fib?number=5/requests"), 150);
        }
    }
}

#[test]
fn ctrl_c_ends_early_with_what_was_measured() {
    let node = node(&[]);
    // Answers take a minute: those in flight are counted, not waited for.
    for (path, pacing) in
        [("/whoami", "--connections=3"), ("/sleep?min=1", "--connections=3"), ("/sleep?min=1", "--rate=20")]
    {
        let begin = Instant::now();
        let child = webapp()
            .args([
                "load",
                &node.url(path),
                pacing,
                "--duration",
                "120s",
                "--warmup",
                "0",
                "--timeout",
                "100s",
                "--json",
                "-",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(800));
        signal_to(&child, libc::SIGINT);
        let output = child.wait_with_output().unwrap();
        assert!(begin.elapsed() < Duration::from_secs(60), "did not end");
        assert_eq!(output.status.code(), Some(1));
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["interrupted"], true);
        assert!(json["duration_seconds"].as_f64().unwrap() < 60.0);
        let unfinished = json["errors"]["unfinished"].as_u64().unwrap_or(0);
        assert_eq!(unfinished + count(&json, "/requests_ok"), count(&json, "/requests_total"), "{json:#}");
        assert_eq!(unfinished > 0, path != "/whoami", "{json:#}");
    }
}

#[test]
fn text_on_stdout_json_in_a_file() {
    let node = node(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.json");
    std::fs::write(&file, "x".repeat(100_000)).unwrap();
    let output = load(&[&[&*node.url("/whoami"), "--json", file.to_str().unwrap()], &QUICK[..]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["closed loop: 10 connections", "Goodput", "p99", "node1", "Generator"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(output.stderr.is_empty(), "off a terminal it is quiet");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert!(count(&json, "/requests_ok") > 0);
}

#[test]
fn bad_input_says_what_to_do() {
    let cases: [(&[&str], i32, &str); 10] = [
        (&[], 2, "<URL>"),
        (&["https://u:p@127.0.0.1/"], 2, "--header"),
        (&["127.0.0.1:80"], 2, "http://127.0.0.1:3000"),
        (&["http://127.0.0.1/", "--rate", "0"], 2, "above 0"),
        (&["http://127.0.0.1/", "--connections", "0"], 2, "at least one connection"),
        (&["http://127.0.0.1/", "--header", "nonsense"], 2, "Accept: text/plain"),
        (&["http://127.0.0.1/", "--poisson"], 2, "--rate"),
        (&["http://127.0.0.1/", "--find-limit"], 2, "--slo"),
        (&["http://127.0.0.1/", "--find-limit", "--slo", "p98=1s"], 2, "p99=100ms"),
        (&["http://127.0.0.1/", "--json", "/nonexistent/folder/x.json"], 1, "/nonexistent/folder/x.json"),
    ];
    for (arguments, code, says) in cases {
        let output = load(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(says), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = load(&[&format!("http://{free}/")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("is the node running"), "{}", stderr(&output));
}

#[cfg(not(feature = "tls"))]
#[test]
fn a_program_without_tls_says_so() {
    let output = load(&["https://127.0.0.1:1/"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("built without TLS"), "{}", stderr(&output));
}
