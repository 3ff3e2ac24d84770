//! `webapp autoscale --replay`, as its user meets it.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A window of 0 s, so that each line stands for itself.
const AT_ONCE: &str = "--down-window 0s";

fn replay(arguments: &str, samples: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_webapp"))
        .args(["autoscale", "--replay", "-"])
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments reads nothing: the pipe may be closed.
    let _ = child.stdin.take().unwrap().write_all(samples.as_bytes());
    child.wait_with_output().unwrap()
}

fn answers(arguments: &str, samples: &str) -> Vec<Value> {
    let output = replay(arguments, samples);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn wanted(arguments: &str, samples: &str) -> Vec<u64> {
    answers(arguments, samples).iter().map(|answer| answer["wanted"].as_u64().unwrap()).collect()
}

/// Nodes of the same figure.
fn nodes(number: usize, figure: &str) -> String {
    let node = |number| format!(r#"{{"name": "node{number}", "ready": true, "age_seconds": 400, {figure}}}"#);
    format!("[{}]", (1..=number).map(node).collect::<Vec<_>>().join(", "))
}

#[test]
fn answers_a_line_for_a_line() {
    let samples = r#"{"at": 15.0, "now": 3, "nodes": [{"name": "node1", "ready": true, "age_seconds": 400, "cpu": 30}, {"name": "node2", "ready": true, "age_seconds": 400, "cpu": 50}, {"name": "node3", "ready": true, "age_seconds": 400, "cpu": 70}]}

{"at": 30.0, "now": 2, "nodes": [{"name": "node1", "ready": true, "age_seconds": 415, "cpu": 190}, {"name": "node2", "ready": true, "age_seconds": 415, "cpu": null}]}
"#;
    let output = replay("--metric cpu=30", samples);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with(r#"{"at":15.0,"now":3,"wanted":5,"reason":"cpu 50 %, target 30, wanted 5"}"#), "{text}");
    assert_eq!(text.lines().count(), 2);
    assert_eq!(wanted("--metric cpu=100", samples), [2, 2]);
}

#[test]
fn now_follows_the_decisions() {
    let line =
        |at, number, cpu| format!("{{\"at\": {at}, \"nodes\": {}}}\n", nodes(number, &format!("\"cpu\": {cpu}")));
    let samples = line(0, 4, 90) + &line(15, 8, 90) + &line(30, 16, 20) + &line(45, 16, 20) + &line(340, 5, 20);
    // 4 nodes at 90 of 45 want 8, 8 want 16; then 16 · 20 / 45 is 8, which the window holds for 300 s after the last wish
    // of more.
    let all = answers("--metric cpu=45 --max 20", &samples);
    let sizes: Vec<_> = all.iter().map(|answer| (answer["now"].as_u64(), answer["wanted"].as_u64())).collect();
    let expected = [(4, 8), (8, 16), (16, 16), (16, 16), (16, 3)].map(|(now, wanted)| (Some(now), Some(wanted)));
    assert_eq!(sizes[..4], expected[..4]);
    assert_eq!(sizes[4].0, expected[4].0);
    assert!(sizes[4].1.unwrap() < 16, "{:?}", all[4]);
    assert!(all[2]["reason"].as_str().unwrap().contains("by the window of 300 s for shrinking"));
}

#[test]
fn the_flags_bound_the_change() {
    let high = format!("{{\"at\": 0, \"now\": 10, \"nodes\": {}}}", nodes(10, "\"queue\": 50"));
    let low = format!("{{\"at\": 0, \"now\": 10, \"nodes\": {}}}", nodes(10, "\"queue\": 0"));
    for (arguments, samples, size) in [
        ("--metric queue=2 --max 100", &high, 20),
        ("--metric queue=2 --max 100 --up-policy 4/15s", &high, 14),
        ("--metric queue=2 --max 100 --up-policy 4/15s,30%/15s", &high, 14),
        ("--metric queue=2 --max 100 --up-policy 4/15s,30%/15s --up-select min", &high, 13),
        ("--metric queue=2 --max 100 --up-select disabled", &high, 10),
        ("--metric queue=2 --max 15", &high, 15),
        ("--metric queue=2 --max 8", &high, 8),
        ("--metric queue=2 --max 100 --min 12", &low, 12),
        ("--metric queue=2 --down-window 0s", &low, 1),
        ("--metric queue=2 --down-window 0s --min 3", &low, 3),
        ("--metric queue=2 --down-window 0s --down-policy 20%/60s", &low, 8),
        ("--metric queue=2 --down-window 0s --down-policy 3/60s,20%/60s --down-select max", &low, 7),
        ("--metric queue=2 --down-window 0s --down-select disabled", &low, 10),
        ("--metric queue=60 --tolerance 0.2", &high, 10),
        ("--metric queue=60 --down-window 0s --down-tolerance 0.05", &high, 9),
    ] {
        assert_eq!(wanted(arguments, samples), [size], "{arguments}");
    }
}

#[test]
fn states_of_nodes() {
    let line = |nodes: &str| format!("{{\"at\": 100, \"nodes\": [{nodes}]}}\n");
    let busy = r#"{"name": "a", "cpu": 90}, {"name": "b", "cpu": 90}"#;
    for (nodes, now, size) in [
        (busy.to_owned(), 2, 4),
        (format!(r#"{busy}, {{"name": "c", "state": "draining", "cpu": 90}}"#), 2, 4),
        (format!(r#"{busy}, {{"name": "c", "state": "failed"}}"#), 2, 4),
        (format!(r#"{busy}, {{"name": "c", "state": "starting"}}"#), 3, 4),
        (format!(r#"{busy}, {{"name": "c", "ready": false, "age_seconds": 400, "cpu": 90}}"#), 3, 4),
        (format!(r#"{busy}, {{"name": "c", "ready": false, "age_seconds": 400, "was_ready": true, "cpu": 90}}"#), 3, 6),
        (
            format!(
                r#"{busy}, {{"name": "c", "age_seconds": 20, "since_seconds": 5, "sample_seconds": 15, "cpu": 90}}"#
            ),
            3,
            4,
        ),
        (
            format!(
                r#"{busy}, {{"name": "c", "age_seconds": 40, "since_seconds": 20, "sample_seconds": 15, "cpu": 90}}"#
            ),
            3,
            6,
        ),
        (r#"{"name": "a", "quota_cores": 2, "cpu": 90}, {"name": "b", "quota_cores": 1, "cpu": 30}"#.to_owned(), 2, 4),
    ] {
        let answer = &answers(&format!("--metric cpu=45 {AT_ONCE}"), &line(&nodes))[0];
        assert_eq!((answer["now"].as_u64(), answer["wanted"].as_u64()), (Some(now), Some(size)), "{nodes}");
    }
}

#[test]
fn a_node_that_was_ready_is_known_from_the_lines_before() {
    let line = |at, ready| {
        format!(
            "{{\"at\": {at}, \"now\": 2, \"nodes\": [{{\"name\": \"a\", \"cpu\": 90}}, \
             {{\"name\": \"b\", \"ready\": {ready}, \"age_seconds\": 400, \"cpu\": 90}}]}}\n"
        )
    };
    assert_eq!(wanted("--metric cpu=45", &line(0, false)), [2]);
    assert_eq!(wanted("--metric cpu=45", &(line(0, true) + &line(60, false))), [4, 4]);
}

#[test]
fn a_total_of_the_cluster() {
    let samples = r#"{"at": 0, "now": 3, "totals": {"rate": 8600}}"#;
    assert_eq!(wanted("--metric rate=2150", samples), [4]);
}

#[test]
fn nested_machines() {
    let line = |at, now, queue| {
        format!("{{\"at\": {at}, \"now\": {now}, \"nodes\": {}}}\n", nodes(now, &format!("\"queue\": {queue}")))
    };
    let samples = line(0, 2, 4) + &line(15, 4, 2) + &line(20, 4, 2) + &line(640, 4, 1);
    let all = answers(
        "--metric queue=2 --down-window 0s --machine-units 2 --machine-boot 20s --max-machines 4 --machine-idle 5m",
        &(samples + &line(960, 2, 2)),
    );
    let keys = ["running", "pending", "machines", "booting", "ordered", "removed"];
    let found: Vec<[u64; 6]> =
        all.iter().map(|answer| keys.map(|key| answer["machines"][key].as_u64().unwrap())).collect();
    assert_eq!(found[0], [2, 2, 1, 1, 1, 0]);
    assert_eq!(found[1], [2, 2, 1, 1, 0, 0], "still booting");
    assert_eq!(found[2], [4, 0, 2, 0, 0, 0], "booted");
    assert_eq!(found[3], [2, 0, 2, 0, 0, 0], "spare");
    assert_eq!(found[4], [2, 0, 1, 0, 0, 1], "spare for its idle time");
    assert!(
        all[0]["reason"]
            .as_str()
            .unwrap()
            .ends_with("2 on 1 machine, 2 nodes without a machine, 1 machine ordered, 1 booting")
    );
}

#[test]
fn lines_that_cannot_be_used() {
    let good = format!("{{\"at\": 10, \"now\": 2, \"nodes\": {}}}\n", nodes(2, "\"cpu\": 50"));
    for (line, hint) in [
        ("what", "expected value"),
        ("[]", "invalid"),
        (r#"{"now": 2}"#, "missing field `at`"),
        (r#"{"at": "soon", "now": 2}"#, "invalid type"),
        (r#"{"at": 20, "now": -1}"#, "invalid value"),
        (r#"{"at": 20, "now": 2.5}"#, "invalid type"),
        (r#"{"at": 9, "now": 2}"#, "goes back"),
        (r#"{"at": 20, "now": 2, "nodes": [{"cpu": 50}]}"#, "missing field `name`"),
        (r#"{"at": 20, "now": 2, "nodes": [{"name": "a", "cpu": "much"}]}"#, "write a number from 0 on, or null"),
        (r#"{"at": 20, "now": 2, "nodes": [{"name": "a", "cpu": -5}]}"#, "write a number from 0 on, or null"),
        (r#"{"at": 20, "now": 2, "nodes": [{"name": "a"}, {"name": "a"}]}"#, "named twice"),
        (r#"{"at": 20, "now": 2, "nodes": [{"name": "a", "state": "asleep"}]}"#, "unknown variant"),
        (r#"{"at": 20, "now": 2, "nodes": [{"name": "a", "age_seconds": -1}]}"#, "cannot be negative"),
        (r#"{"at": 20, "now": 2, "nodes": [{"name": "a", "quota_cores": 0}]}"#, "is 0"),
        (r#"{"at": 20, "now": 2, "totals": {"cpu": -1}}"#, "cannot be negative"),
        (r#"{"at": 20, "now": 2"#, "EOF"),
    ] {
        let output = replay("--metric cpu=50", &format!("{good}\n{line}\n{good}"));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(
            stderr.contains("line 3") && stderr.contains(hint) && stderr.contains("for instance"),
            "{line}: {stderr}"
        );
        assert_eq!(
            String::from_utf8(output.stdout).unwrap().lines().count(),
            1,
            "{line}: the decision before it stands"
        );
    }
    let first = replay("--metric cpu=50", "{\"at\": 0}\n");
    assert!(String::from_utf8(first.stderr).unwrap().contains("how many nodes there are"));
    let empty = replay("--metric cpu=50", "\n\n");
    assert_eq!(empty.status.code(), Some(1));
    assert!(String::from_utf8(empty.stderr).unwrap().contains("no sample"));
}

#[test]
fn wrong_usage() {
    for arguments in [
        "",
        "--metric cpu",
        "--metric disk=3",
        "--metric cpu=0",
        "--metric cpu=70 --metric cpu=80",
        "--metric cpu=70 --min 0",
        "--metric cpu=70 --min 5 --max 4",
        "--metric cpu=70 --up-policy 4",
        "--metric cpu=70 --up-policy 0/15s",
        "--metric cpu=70 --up-window -1s",
        "--metric cpu=70 --down-window 2h",
        "--metric cpu=70 --up-select often",
        "--metric cpu=70 --tolerance 2",
        "--metric cpu=70 --max-machines 3",
    ] {
        let output = replay(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments}");
    }
    let missing = Command::new(env!("CARGO_BIN_EXE_webapp"))
        .args(["autoscale", "--replay", "/no/such/file", "--metric", "cpu=70"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/no/such/file"));
}
