//! `webapp load` against real nodes, and against servers that misbehave.
#![allow(clippy::unwrap_used)] // a panic is the failure of the test

mod common;
mod load_support;

use std::io::Read;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{Node, webapp};
use load_support::{Fake, Then, load, load_json, node, signal_to, stderr};
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

#[test]
fn a_generator_that_cannot_keep_up_says_so() {
    let node = node(&[]);
    let arguments = ["--rate", "1000000", "--duration", "300ms", "--warmup", "100ms", "--timeout", "500ms"];
    let (code, json) = load_json(&[&[&*node.url("/whoami")], &arguments[..]].concat());
    assert_eq!(json["generator"]["verdict"], "generator-bound");
    assert!(code == 3 || json["requests_ok"] == 0, "{code}: {json:#}");
    assert!(json["generator"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    // Whatever was not sent in time is counted all the same.
    let failed: u64 = json["errors"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(count(&json, "/requests_ok") + failed, count(&json, "/requests_total"));
}

#[test]
fn what_a_late_generator_never_sent_is_not_the_nodes_timeout() {
    // The server answers at once, and ten million requests a second are more than any generator sends.
    let fake = Fake::start(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Then::Stay);
    let asked = ["--rate", "10000000", "--duration", "1s", "--warmup", "0", "--timeout", "1s"];
    let (code, json) = load_json(&[&[&*fake.url], &asked[..]].concat());
    assert!(code == 3 || json["requests_ok"] == 0, "{code}: {json:#}");
    assert_eq!(count(&json, "/requests_total"), 10_000_000, "what was due is what was asked for");
    assert_eq!(json["generator"]["offered_per_second"], 1e7);
    let errors = json["errors"].as_object().unwrap();
    let failed: u64 = errors.values().filter_map(Value::as_u64).sum();
    assert_eq!(count(&json, "/requests_ok") + failed, 10_000_000, "{json:#}");
    // Who timed out was sent, opened a connection, or waited for one; all others say that they were never sent.
    assert!(count(&json, "/errors/not_sent") > 0, "{json:#}");
    let timed_out = errors.get("timed_out").and_then(Value::as_u64).unwrap_or(0);
    let tried: u64 = ["/sent_total", "/generator/connections_opened_total", "/generator/waited_for_connection_total"]
        .iter()
        .map(|pointer| count(&json, pointer))
        .sum();
    assert!(timed_out <= tried, "{json:#}");
    assert_eq!(fake.requests.load(Ordering::SeqCst), count(&json, "/sent_total"));
    assert_eq!(json["generator"]["verdict"], "generator-bound");

    let output = load(&[&[&*fake.url], &asked[..]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["never sent", "They say nothing about the node"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("the node is overloaded or hangs"), "{text}");
}

#[test]
fn the_limit_of_open_files_is_named_before_the_start() {
    let node = node(&[]);
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 200 && exec \"$@\"", "sh"])
        .arg(webapp().get_program())
        .args(["load", &node.url("/whoami"), "--connections", "500"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    for part in ["500 connections need 564 open files", "limit is 200", "ulimit -Hn 564", "LimitNOFILE="] {
        assert!(stderr(&output).contains(part), "{part}: {}", stderr(&output));
    }
}

#[test]
fn a_limit_that_leaves_no_room_is_not_met_by_fewer_connections() {
    let node = node(&[]);
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$@\"", "sh"])
        .arg(webapp().get_program())
        .args(["load", &node.url("/whoami")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    for part in ["10 connections need 74 open files", "limit is 64", "ulimit -Hn 74"] {
        assert!(stderr(&output).contains(part), "{part}: {}", stderr(&output));
    }
    assert!(!stderr(&output).contains("at most 0"), "{}", stderr(&output));
}

#[test]
fn ten_thousand_connections_from_one_generator() {
    const CONNECTIONS: u64 = 10_000;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the answer.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    if limit.rlim_max < CONNECTIONS + 200 {
        eprintln!("skipped: the hard limit of open files is {}, this needs {}", limit.rlim_max, CONNECTIONS + 200);
        return;
    }
    let node = node(&["--max-connections", "10100"]);
    let connections = CONNECTIONS.to_string();
    let arguments = ["--connections", &connections, "--duration", "2s", "--warmup", "2s", "--timeout", "60s"];
    let (code, json) = load_json(&[&[&*node.url("/whoami")], &arguments[..]].concat());
    assert!(measured(code), "{json:#}");
    assert_eq!(count(&json, "/generator/connections_peak"), CONNECTIONS);
    assert_eq!(json["requests_ok"], json["requests_total"], "{:#}", json["errors"]);
    assert!(count(&json, "/sent_total") >= CONNECTIONS, "each connection was used");
}

#[test]
fn memory_does_not_grow_with_the_run() {
    let node = node(&[]);
    let mut child = webapp()
        .args(["load", &node.url("/whoami"), "--connections", "4", "--duration", "7s", "--warmup", "0", "--json", "-"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let resident = |child: &std::process::Child| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    std::thread::sleep(Duration::from_secs(2));
    let early = resident(&child);
    std::thread::sleep(Duration::from_secs(4));
    let late = resident(&child);
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    // Half a word for each request would be more than this.
    let between = count(&json, "/sent_total") * 4 / 7;
    let grown = late.saturating_sub(early) * 1024;
    assert!(grown < 4 * between, "{early} kB, then {late} kB after {between} more requests");
}

#[test]
fn the_limit_is_found_and_bracketed() {
    // Two threads that sleep 50 ms: 40 requests/s on any machine.
    let node = node(&["--model", "sync", "--pool-threads", "2"]);
    let url = node.url("/sleep?seg=0.05");
    let search = ["--find-limit", "--slo", "p99=200ms", "--rate", "10", "--duration", "1500ms", "--warmup", "300ms"];
    let (code, json) = load_json(&[&[&*url, "--precision", "30%"], &search[..]].concat());
    assert_eq!(code, 0, "{json:#}");
    let figure = |name: &str| json[name].as_f64().unwrap_or_else(|| panic!("{name}: {json:#}"));
    let (kept, breached) = (figure("last_success_per_second"), figure("first_failure_per_second"));
    assert!((20.0..=44.0).contains(&kept) && kept < breached && breached <= 80.0, "{kept} {breached}");
    assert_eq!(json["lower_bound"], false);
    let levels = json["levels"].as_array().unwrap();
    let at_failure = levels.iter().filter(|level| level["rate"] == breached && level["judgement"] == "breached");
    assert_eq!(at_failure.count(), 2, "a breach is measured again: {json:#}");

    let output = load(&[&[&*url, "--max-rate", "10"], &search[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in
        ["p99 at most 200 ms, errors at most 0.1 %", "10 requests/s   kept", "lower bound: 10 requests/s was kept"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(output.stderr.is_empty(), "off a terminal it is quiet");
}

#[cfg(not(feature = "tls"))]
#[test]
fn a_program_without_tls_says_so() {
    let output = load(&["https://127.0.0.1:1/"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("built without TLS"), "{}", stderr(&output));
}
