//! `/stats` and `/metrics` of a real node.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, Instant};

use common::{Node, PATIENCE};
use serde_json::{Value, json};
use webapp::stats::{EndpointKind, Resource, Stats};

/// `/stats` and `/metrics` of one and the same sample.
fn one_sample(node: &Node) -> (Value, String) {
    let end = Instant::now() + PATIENCE;
    loop {
        let before = node.get("/stats").json();
        let metrics = node.get("/metrics").text();
        if node.get("/stats").json() == before {
            return (before, metrics);
        }
        assert!(Instant::now() < end, "every sample is gone before it can be read twice");
    }
}

#[test]
fn metrics_tell_what_stats_tells() {
    let node = Node::start(&["--sample-interval", "2s"]);
    for target in ["/fib?number=22", "/io?mb=1", "/fib?number=x", "/nowhere"] {
        node.get(target);
    }
    node.wait_for_stats("/requests/endpoints/1/count", |count| *count == 2);
    let (stats, metrics) = one_sample(&node);
    let series: HashMap<&str, f64> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit_once(' ').map(|(name, value)| (name, value.parse().unwrap())).unwrap())
        .collect();
    let disk = stats["disks"][0]["device"].as_str().unwrap_or("none").to_owned();
    let resource = stats["bottleneck"]["resource"].as_str().unwrap();
    assert_eq!(series[&*format!("webapp_bottleneck{{resource=\"{resource}\"}}")], 1.0);
    for (name, pointer, unit) in [
        ("webapp_host_cpu_ratio{mode=\"user\"}", "/cpu/user", 1e-2),
        ("webapp_host_cpu_ratio{mode=\"idle\"}", "/cpu/idle", 1e-2),
        ("webapp_host_cpu_busy_ratio", "/cpu/busy", 1e-2),
        ("webapp_host_cpu_core_busy_ratio{cpu=\"0\"}", "/cpu/per_core/0/busy", 1e-2),
        ("webapp_host_cpu_seconds_total{mode=\"user\"}", "/raw/cpu/user", 1e-2),
        ("webapp_host_load1", "/cpu/load_average/0", 1.0),
        ("webapp_host_load15", "/cpu/load_average/2", 1.0),
        ("webapp_host_memory_total_bytes", "/memory/total_bytes", 1.0),
        ("webapp_host_memory_available_bytes", "/memory/available_bytes", 1.0),
        ("webapp_cgroup_cpu_quota_cores", "/cgroup/cpu_quota_cores", 1.0),
        ("webapp_cgroup_memory_used_bytes", "/cgroup/memory_used_bytes", 1.0),
        ("webapp_host_pressure_waiting_seconds_total{resource=\"io\"}", "/raw/pressure/io/some_microseconds", 1e-6),
        (&format!("webapp_disk_written_bytes_total{{device=\"{disk}\"}}"), "/raw/disks/DISK/write_bytes", 1.0),
        ("webapp_tcp_sent_segments_total", "/raw/tcp/out_segments", 1.0),
        ("webapp_listen_queue_limit", "/sockets/listen_queue_limit", 1.0),
        ("webapp_pool_threads", "/pool/threads", 1.0),
        ("webapp_pool_completed_jobs_total", "/pool/completed_total", 1.0),
        ("webapp_pool_used_ratio", "/pool/utilization", 1e-2),
        ("webapp_pool_queue_wait_seconds_bucket{le=\"30\"}", "/pool/queue_wait_milliseconds/histogram/12/count", 1.0),
        ("webapp_pool_queue_wait_seconds_count", "/pool/queue_wait_milliseconds/count", 1.0),
        ("webapp_pool_queue_wait_seconds_sum", "/pool/queue_wait_milliseconds/sum", 1e-3),
        ("webapp_pool_recent_queue_wait_seconds{percentile=\"0.99\"}", "/pool/queue_wait_milliseconds/p99", 1e-3),
        ("webapp_requests_total{path=\"/fib\"}", "/requests/endpoints/1/count", 1.0),
        ("webapp_request_errors_total{path=\"/fib\"}", "/requests/endpoints/1/errors", 1.0),
        ("webapp_response_time_seconds{path=\"/fib\",percentile=\"0.5\"}", "/requests/endpoints/1/p50", 1e-3),
        ("webapp_connections_accepted_total", "/connections/accepted_total", 1.0),
        ("process_open_fds", "/process/open_files", 1.0),
        ("process_resident_memory_bytes", "/memory/process_resident_bytes", 1.0),
    ] {
        let told = stats.pointer(&pointer.replace("DISK", &disk)).and_then(Value::as_f64).map(|told| told * unit);
        match (told, series.get(name)) {
            (Some(told), Some(value)) => {
                assert!((told - value).abs() <= 1e-9 * told.abs().max(1.0), "{name}: {value}, but {pointer} {told}");
            }
            // What is null there is left out here.
            (None, None) => {}
            (told, value) => panic!("{name}: {value:?}, but {pointer} {told:?}"),
        }
    }
    // What a client wrote never becomes a label.
    assert!(!metrics.contains("nowhere"), "{metrics}");
}

#[test]
fn stats_are_read_back_as_they_were_written() {
    let node = Node::start(&[]);
    node.get("/fib?number=5");
    node.wait_for_stats("/window_seconds", Value::is_number);
    let written = node.get("/stats").json();
    let stats: Stats = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&stats).unwrap(), written);
    let kinds: Vec<_> = stats.window.requests.endpoints.iter().map(|one| (&*one.path, one.kind)).collect();
    for (path, kind) in [("/fib", EndpointKind::Demo), ("/stats", EndpointKind::Monitoring), ("/", EndpointKind::Page)]
    {
        assert!(kinds.contains(&(path, kind)), "{kinds:?}");
    }
    // An answer that lacks parts is read as far as it goes; of a resource that nobody knows, nothing could be said.
    let part: Stats = serde_json::from_value(json!({"cpu": {"busy": 7.5}, "bottleneck": {"resource": "io"}})).unwrap();
    assert_eq!((part.window.cpu.shares.busy, part.bottleneck.resource), (Some(7.5), Resource::Io));
    assert!(serde_json::from_value::<Stats>(json!({"bottleneck": {"resource": "luck"}})).is_err());
}

#[test]
fn figures_are_those_of_the_kernel() {
    let node = Node::start(&["--node", "n1", "--pool-threads", "3", "--pool-queue", "7"]);
    node.wait_for_stats("/window_seconds", |length| length.as_f64().is_some_and(|length| length > 0.9));
    let stats = node.get("/stats").json();
    let pid = node.child.id();
    let file = |path: &str| std::fs::read_to_string(format!("/proc/{path}")).unwrap();
    let after_colon = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap().trim().to_owned();
        line.split(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let total = after_colon(&file("meminfo"), "MemTotal") * 1024.0;
    assert_eq!(stats["memory"]["total_bytes"].as_f64(), Some(total));
    let threads = after_colon(&file(&format!("{pid}/status")), "Threads");
    assert_eq!(stats["process"]["threads"].as_f64(), Some(threads));
    assert_eq!(stats["node"]["pid"], pid);
    assert_eq!(stats["node"]["name"], "n1");
    assert_eq!((&stats["pool"]["threads"], &stats["pool"]["queue_capacity"]), (&json!(3), &json!(7)));
    let cores = file("stat").lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu ")).count();
    assert_eq!(stats["cpu"]["cores"], cores);
    // The states of a CPU add up, and so do those of all CPUs together.
    let states = ["user", "nice", "system", "iowait", "irq", "softirq", "steal", "idle"];
    for shares in stats["cpu"]["per_core"].as_array().unwrap().iter().chain([&stats["cpu"]]) {
        let sum: f64 = states.iter().filter_map(|state| shares[state].as_f64()).sum();
        assert!((sum - 100.0).abs() < 0.1, "{shares}");
        let busy = 100.0 - shares["idle"].as_f64().unwrap() - shares["iowait"].as_f64().unwrap_or(0.0);
        assert!((shares["busy"].as_f64().unwrap() - busy).abs() < 0.05, "{shares}");
    }
    // A window can be worked out anew from the raw counters of two answers.
    let node_ticks =
        |stats: &Value| stats["raw"]["cpu"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>();
    let clock = |stats: &Value| stats["raw"]["monotonic_seconds"].as_f64().unwrap();
    let before = stats;
    let end = Instant::now() + PATIENCE;
    let after = loop {
        let stats = node.get("/stats").json();
        if clock(&stats) > clock(&before) {
            break stats;
        }
        assert!(Instant::now() < end, "no new sample comes");
        std::thread::sleep(Duration::from_millis(20));
    };
    let share = |state: &str| {
        let ticks = |stats: &Value| stats["raw"]["cpu"][state].as_u64().unwrap_or(0);
        100.0 * ticks(&after).saturating_sub(ticks(&before)) as f64 / (node_ticks(&after) - node_ticks(&before)) as f64
    };
    // The next sample, if none was missed: then this very window is the one that is shown.
    if (clock(&after) - clock(&before) - after["window_seconds"].as_f64().unwrap()).abs() < 1e-3 {
        for state in ["user", "system", "idle"] {
            let shown = after["cpu"][state].as_f64().unwrap();
            assert!((share(state) - shown).abs() < 1.0, "{state}: {} and {shown}", share(state));
        }
    }
}

#[test]
fn a_client_that_goes_gets_no_more_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let node = Node::start(&[
        "--io-dir",
        path.to_str().unwrap(),
        "--pool-threads",
        "1",
        "--max-io",
        "1GB",
        "--sample-interval",
        "100ms",
    ]);
    let files = || {
        let open = std::fs::read_dir(format!("/proc/{}/fd", node.child.id())).unwrap();
        open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .filter(|file| file.starts_with(&path))
            .count()
    };
    let mut clients: Vec<_> = (0..3).map(|_| node.connect()).collect();
    for client in &mut clients {
        client.write_all(b"GET /io?mb=1000 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    let end = Instant::now() + PATIENCE;
    while files() == 0 {
        assert!(Instant::now() < end, "no file is written");
        std::thread::sleep(Duration::from_millis(1));
    }
    // A client that closes at once may still wait for its answer; these have waited, and then go.
    node.wait_for_stats("/pool/queued", |queued| *queued == 2);
    std::thread::sleep(Duration::from_millis(100));
    drop(clients);
    while files() > 0 {
        assert!(Instant::now() < end, "the file stays open");
        std::thread::sleep(Duration::from_millis(10));
    }
    // The one that ran was cut short, those that waited were dropped unrun, and the thread is free again.
    let expired = node.wait_for_stats("/pool/expired_total", |expired| *expired == 2);
    node.wait_for_stats("/pool/active", |active| *active == 0);
    let endpoints = node.get("/stats").json()["requests"]["endpoints"].clone();
    let io = endpoints.as_array().unwrap().iter().find(|endpoint| endpoint["path"] == "/io").unwrap();
    assert_eq!((&io["count"], &io["errors"], &expired), (&json!(3), &json!(3), &json!(2)));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0, "no file is left");
}
