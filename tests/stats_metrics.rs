//! `/metrics` as Prometheus itself reads it: `promtool check metrics` parses and lints what the sampler wrote.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use webapp::stats::{CacheReading, EndpointKind, EndpointReading, NodeIdentity, NodeReading, SamplerConfig, start};

fn node() -> NodeReading {
    let mut reading = NodeReading::default();
    reading.pool.threads = 2;
    reading.pool.queue_wait_p50_milliseconds = Some(1.5);
    let endpoint = EndpointReading {
        path: "/fib",
        kind: EndpointKind::Demo,
        count: 3,
        p50: Some(2.0),
        p90: Some(3.0),
        p99: Some(4.0),
        errors: 1,
    };
    reading.requests.endpoints.push(endpoint);
    let (kind, url) = ("memory".into(), "memory:65536".into());
    reading.cache = Some(CacheReading { kind, url, hits_total: 7, evicted_total: Some(2), ..CacheReading::default() });
    reading
}

#[test]
fn prometheus_reads_the_metrics() {
    let identity = NodeIdentity { name: "na\"me".into(), model: "async".into(), engine: "strict".into() };
    let listen = "127.0.0.1:1".parse().unwrap();
    let board = start(SamplerConfig { interval: Duration::from_millis(100), identity, listen }, node).unwrap();
    while board.latest().stats.window.window_seconds.is_none() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let metrics = board.latest().metrics.clone();
    let text = std::str::from_utf8(&metrics).unwrap();
    assert!(text.contains("webapp_requests_total{path=\"/fib\"} 3\n"), "{text}");

    assert!(text.contains("webapp_cache_answers_total{result=\"hit\"} 7\n"), "{text}");

    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match promtool {
        Ok(promtool) => promtool,
        Err(error) => panic!("promtool (Debian package prometheus) is needed to check /metrics: {error}"),
    };
    promtool.stdin.take().unwrap().write_all(&metrics).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{text}");
}
