//! The limits of the generator itself, and the search for those of a node.

use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;

use crate::common::webapp;
use crate::load_support::{Fake, Then, load, load_json, node, stderr};
use crate::{count, measured};

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
