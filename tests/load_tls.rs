//! `webapp load https://…`: against real nodes behind TLS, and against peers whose certificate or whose TLS is wrong.
#![allow(clippy::unwrap_used)] // a panic is the failure of the test

mod common;
mod load_support;
mod tls_support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::webapp;
use load_support::{load, load_json, node, stderr};
use serde_json::Value;
use tls_support::{Authority, Good, Peer, Wire};

const QUICK: [&str; 4] = ["--duration", "500ms", "--warmup", "200ms"];

fn count(json: &Value, pointer: &str) -> u64 {
    json.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}: {json:#}"))
}

/// The exit code of a run that worked: whether the generator was the limit depends on the machine.
fn measured(code: i32) -> bool {
    code == 0 || code == 3
}

#[test]
fn a_node_behind_tls_is_loaded_as_one_without() {
    let (node, authority) = (node(&[]), Authority::new("webapp test authority"));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let peer = Peer::before(&node.address, &authority.server(&["a.example"], Good::Now), &[version]);
        let url = format!("https://a.example:{}/fib?number=10", peer.port);
        let to = format!("127.0.0.1:{}", peer.port);
        let trust = [&*url, "--connect-to", &*to, "--cacert", authority.file()];
        for pacing in [&["--connections", "4"][..], &["--rate", "200"], &["--threads", "3", "--connections", "8"]] {
            let (code, json) = load_json(&[&trust[..], pacing, &QUICK].concat());
            assert!(measured(code), "{json:#}");
            assert_eq!((&json["errors"], &json["requests_ok"]), (&serde_json::json!({}), &json["requests_total"]));
            assert_eq!(json["nodes"]["node1"], json["requests_ok"], "{json:#}");
            let handshakes = count(&json, "/tls/handshakes_total");
            assert_eq!(handshakes, count(&json, "/generator/connections_peak"), "one a connection: {json:#}");
            let name = if version.version == rustls::ProtocolVersion::TLSv1_2 { "TLS 1.2" } else { "TLS 1.3" };
            assert_eq!(json["tls"]["versions"], serde_json::json!({ name: handshakes }), "{json:#}");
            assert_eq!((&json["tls"]["verified"], count(&json, "/tls/resumed_total")), (&Value::Bool(true), 0));
            assert!(json["handshake_milliseconds"]["p50"].as_f64().unwrap() > 0.0);
        }
    }
}

#[test]
fn each_user_resumes_its_session_unless_told_not_to() {
    let (node, authority) = (node(&[]), Authority::new("webapp test authority"));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let peer = Peer::before(&node.address, &authority.server(&["localhost"], Good::Now), &[version]);
        let url = format!("https://localhost:{}/whoami", peer.port);
        let trust = [&*url, "--cacert", authority.file(), "--no-keepalive"];
        for pacing in [["--connections", "4"], ["--rate", "60"]] {
            let (code, json) = load_json(&[&trust[..], &pacing, &QUICK].concat());
            assert!(measured(code), "{json:#}");
            assert_eq!(json["requests_ok"], json["requests_total"], "{json:#}");
            let (all, resumed) = (count(&json, "/tls/handshakes_total"), count(&json, "/tls/resumed_total"));
            let users = count(&json, "/generator/connections_peak");
            assert!(all >= count(&json, "/sent_total"), "{json:#}");
            assert!(resumed >= all - users, "each but a user's first: {json:#}");
            let (_, json) = load_json(&[&trust[..], &pacing, &QUICK, &["--no-resumption"]].concat());
            assert_eq!(count(&json, "/tls/resumed_total"), 0, "{json:#}");
            assert!(count(&json, "/tls/handshakes_total") >= count(&json, "/sent_total"));
        }
    }
}

#[test]
fn users_keep_their_cookies_in_tls() {
    let (node, authority) = (node(&[]), Authority::new("webapp test authority"));
    let peer = Peer::before(&node.address, &authority.server(&["localhost"], Good::Now), rustls::ALL_VERSIONS);
    let url = format!("https://localhost:{}/session", peer.port);
    let trust = [&*url, "--cacert", authority.file(), "--cookies"];
    let ways = [&[][..], &["--no-keepalive"], &["--rate", "100", "--users", "5"]];
    for way in ways {
        let (code, json) = load_json(&[&trust[..], way, &QUICK].concat());
        assert!(measured(code), "{json:#}");
        assert_eq!(json["requests_ok"], json["requests_total"], "{way:?}: {json:#}");
        assert!(count(&json, "/sessions/users") >= 5 && count(&json, "/sessions/users_that_lost") == 0, "{json:#}");
    }
}

#[test]
fn large_bodies_go_and_come_whole() {
    let (node, authority) = (node(&[]), Authority::new("webapp test authority"));
    let peer = Peer::before(&node.address, &authority.server(&["localhost"], Good::Now), rustls::ALL_VERSIONS);
    let url = format!("https://localhost:{}/payload?kb=700", peer.port);
    let trust = ["--cacert", authority.file(), "--connections", "3"];
    let (code, json) = load_json(&[&[&*url], &trust[..], &QUICK].concat());
    assert!(measured(code) && count(&json, "/requests_ok") > 0, "{json:#}");
    assert_eq!(json["requests_ok"], json["requests_total"], "{json:#}");
    // More than TLS keeps of what is to be sent: the node refuses it, but reads it.
    let body = "x".repeat(120_000);
    let put = ["--method", "PUT", "--body", &*body, "--expect-status", "2xx,4xx"];
    let (code, json) = load_json(&[&[&*url], &trust[..], &QUICK, &put].concat());
    assert!(measured(code), "{json:#}");
    assert_eq!(json["requests_ok"], json["requests_total"], "{json:#}");
}

/// Each fault ends in its kind, says why, and within the deadline.
#[test]
fn each_fault_of_tls_has_its_kind_and_cause() {
    let node = node(&[]);
    let (authority, stranger) = (Authority::new("webapp test authority"), Authority::new("somebody else"));
    let namesake = Authority::new("webapp test authority");
    let good = authority.server(&["localhost"], Good::Now);
    let before = |server: &tls_support::ServerCertificate| Peer::before(&node.address, server, rustls::ALL_VERSIONS);
    let cases = [
        ("expired", before(&authority.server(&["localhost"], Good::Then)), "tls_expiry", "expired at"),
        ("not valid yet", before(&authority.server(&["localhost"], Good::Later)), "tls_expiry", "valid from"),
        ("wrong name", before(&authority.server(&["other.example"], Good::Now)), "tls_name", "other.example"),
        ("unknown authority", before(&stranger.server(&["localhost"], Good::Now)), "tls_authority", "--cacert"),
        ("another key", before(&namesake.server(&["localhost"], Good::Now)), "tls_certificate", "signature"),
        ("self-signed", before(&tls_support::self_signed("localhost")), "tls_authority", "--cacert"),
        ("plain HTTP", Peer::wire(Wire::Http), "tls_protocol", "plain HTTP"),
        ("TLS 1.1 by an alert", Peer::wire(Wire::ProtocolVersionAlert), "tls_protocol", "neither TLS 1.2"),
        ("TLS 1.1 by its hello", Peer::wire(Wire::OldHello), "tls_protocol", "neither TLS 1.2"),
        ("closed at once", Peer::wire(Wire::Close), "tls_cut", "within the TLS handshake"),
        ("closed in the hello", Peer::wire(Wire::CutHello), "tls_cut", "within the TLS handshake"),
        ("reset", Peer::wire(Wire::Reset), "tls_cut", "within the TLS handshake"),
        ("a byte a second", Peer::slow(&good), "timed_out", "TLS handshake within the timeout"),
        ("silence", Peer::wire(Wire::Silence), "timed_out", "TLS handshake within the timeout"),
    ];
    for (what, peer, kind, says) in cases {
        for pacing in [["--connections", "2"], ["--rate", "20"]] {
            let url = format!("https://localhost:{}/whoami", peer.port);
            let begun = Instant::now();
            let asked = [&*url, "--cacert", authority.file(), "--timeout", "400ms"];
            let (code, json) = load_json(&[&asked[..], &pacing, &QUICK].concat());
            assert!(begun.elapsed() < Duration::from_secs(10), "{what}: took {:?}", begun.elapsed());
            assert_eq!(code, 1, "{what}: nothing was correct: {json:#}");
            assert!(count(&json, "/requests_total") > 0, "{what}: {json:#}");
            assert_eq!(json["errors"][kind], json["requests_total"], "{what}: {json:#}");
            let cause = json["error_examples"][kind].as_str().unwrap();
            assert!(cause.contains(says), "{what}: {cause}");
            assert_eq!(
                (count(&json, "/tls/handshakes_total"), count(&json, "/sent_total")),
                (0, 0),
                "{what}: {json:#}"
            );
        }
    }
}

#[test]
fn insecure_takes_any_certificate_and_says_so() {
    let node = node(&[]);
    let stranger = Authority::new("somebody else");
    let peer = Peer::before(&node.address, &stranger.server(&["other.example"], Good::Then), rustls::ALL_VERSIONS);
    let url = format!("https://localhost:{}/whoami", peer.port);
    let (code, json) = load_json(&[&[&*url, "--insecure"], &QUICK[..]].concat());
    assert!(measured(code), "{json:#}");
    assert_eq!((&json["requests_ok"], &json["tls"]["verified"]), (&json["requests_total"], &Value::Bool(false)));
    let text = String::from_utf8(load(&[&[&*url, "--insecure"], &QUICK[..]].concat()).stdout).unwrap();
    assert!(text.contains("NO CERTIFICATE WAS VERIFIED"), "{text}");
    let output = load(&[&url, "--insecure", "--cacert", stranger.file()]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let output = load(&[&url, "--cacert", "/nowhere.pem"]);
    assert!(output.status.code() == Some(1) && stderr(&output).contains("/nowhere.pem"), "{}", stderr(&output));
}

/// An answer that only the end of the connection ends may be cut off by anybody on the way, unless TLS has ended first.
#[test]
fn what_is_cut_off_is_no_answer() {
    let authority = Authority::new("webapp test authority");
    let server = authority.server(&["localhost"], Good::Now);
    let answer = b"HTTP/1.1 200 OK\r\n\r\nuntil the end";
    for (goodbye, kind) in [(true, None), (false, Some("reset"))] {
        let peer = Peer::answering(&server, answer, goodbye);
        let url = format!("https://localhost:{}/", peer.port);
        let (code, json) = load_json(&[&[&*url, "--cacert", authority.file()], &QUICK[..]].concat());
        match kind {
            None => assert!(measured(code) && json["requests_ok"] == json["requests_total"], "{json:#}"),
            Some(kind) => {
                assert_eq!(json["errors"][kind], json["requests_total"], "{json:#}");
                assert!(json["error_examples"][kind].as_str().unwrap().contains("close_notify"), "{json:#}");
            }
        }
    }
}

#[test]
fn a_server_of_openssl_that_speaks_old_versions_alone_is_refused() {
    let authority = Authority::new("webapp test authority");
    let Some(peer) =
        Peer::openssl(&authority.server(&["localhost"], Good::Now), &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])
    else {
        eprintln!("there is no openssl here");
        return;
    };
    let url = format!("https://localhost:{}/", peer.port);
    let (code, json) = load_json(&[&[&*url, "--cacert", authority.file(), "--connections", "1"], &QUICK[..]].concat());
    assert_eq!((code, &json["errors"]["tls_protocol"]), (1, &json["requests_total"]), "{json:#}");
    assert!(
        json["error_examples"]["tls_protocol"].as_str().unwrap().contains("neither TLS 1.2 nor TLS 1.3"),
        "{json:#}"
    );
}

/// What many handshakes leave behind: nothing. Each that leaked its connection would show here with some 20 KiB.
#[test]
fn handshakes_leave_no_memory_and_no_files_behind() {
    let (node, authority) = (node(&[]), Authority::new("webapp test authority"));
    let peer = Peer::before(&node.address, &authority.server(&["localhost"], Good::Now), rustls::ALL_VERSIONS);
    let url = format!("https://localhost:{}/whoami", peer.port);
    let child = webapp()
        .args(["load", &url, "--cacert", authority.file(), "--no-keepalive", "--connections", "4", "--json", "-"])
        .args(["--duration", "4s", "--warmup", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let look = |after: u64| {
        std::thread::sleep(Duration::from_millis(after));
        let process = format!("/proc/{}", child.id());
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
        (kib, std::fs::read_dir(format!("{process}/fd")).unwrap().count())
    };
    let (before, after) = (look(1000), look(2500));
    let output = child.wait_with_output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let handshakes = count(&json, "/tls/handshakes_total");
    assert!(handshakes > 100 && json["errors"] == serde_json::json!({}), "{json:#}");
    assert!(after.1 <= before.1 + 8, "files: {before:?} {after:?}");
    assert!(after.0 <= before.0 + 1024, "memory: {before:?} {after:?} KiB, {handshakes} handshakes");
}
