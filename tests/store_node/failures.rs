//! Stores that die, hang or are slow while they are asked.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Node, read_answer};
use crate::store_support::{Kind, PASSWORD, StoreServer};
use crate::{MARGIN, TIMEOUT, node_with, seed};

/// Asks `/item` again and again until told to stop; how many answers had which status, and the longest wait.
fn ask_on(node: &Node, stop: &AtomicBool) -> (u64, u64, Duration) {
    let (mut good, mut refused, mut longest) = (0, 0, Duration::ZERO);
    let mut stream = node.connect();
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        stream.write_all(b"GET /item?id=7 HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        let answer = read_answer(&mut stream, false);
        longest = longest.max(start.elapsed());
        match answer.status {
            200 => good += 1,
            503 => {
                assert_eq!(answer.header("content-type"), Some("application/problem+json"));
                refused += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }
    (good, refused, longest)
}

fn threads_and_files(node: &Node) -> (usize, usize) {
    let count = |folder: &str| std::fs::read_dir(format!("/proc/{}/{folder}", node.child.id())).unwrap().count();
    (count("task"), count("fd"))
}

/// Rounds of death and return under load: each request is answered in time, and nothing is left behind.
pub fn dies_and_returns(kind: Kind) {
    let mut server = StoreServer::start(kind);
    seed(&server.url(), "100");
    let node = node_with(&server.url(), &["--store-required", "--store-timeout", "2s", "--store-connections", "4"]);
    node.wait_for_stats("/store/targets/0/up", |up| *up == true);
    let rounds: u32 = std::env::var("STORE_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let stop = AtomicBool::new(false);
    let mut before = None;
    let totals = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(|| ask_on(&node, &stop))).collect();
        for _ in 0..rounds {
            node.wait_for_stats("/store/targets/0/up", |up| *up == true);
            // After the first good answers: every thread and connection that there will be is there.
            std::thread::sleep(Duration::from_millis(300));
            before.get_or_insert_with(|| threads_and_files(&node));
            server.kill();
            let why = node.wait_for_stats("/store/targets/0/problem", Value::is_string);
            let ready = node.get("/readyz");
            assert!(ready.status == 503 && ready.text().contains("is away"), "{why}: {}", ready.text());
            assert_eq!((node.get("/whoami").status, node.get("/healthz").status), (200, 200));
            server.start_again();
            let end = Instant::now() + MARGIN;
            while node.get("/readyz").status != 200 {
                assert!(Instant::now() < end, "not ready again: {}", node.log());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        std::thread::sleep(Duration::from_millis(300));
        let after = threads_and_files(&node);
        let before = before.unwrap();
        assert!(
            after.0 <= before.0 && after.1 <= before.1 + 2,
            "threads and files: {before:?} before, {after:?} after"
        );
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    for (good, refused, longest) in totals {
        assert!(good > 0 && refused > 0 && longest < TIMEOUT + MARGIN, "{good} {refused} {longest:?}");
    }
    let log = node.log();
    let (away, back) = (log.matches(" is away: ").count(), log.matches(" is back").count());
    assert!(away >= rounds as usize && back >= rounds as usize && away <= 3 * rounds as usize, "{log}");
    assert!(!log.contains(PASSWORD), "{log}");
}

/// A store that takes connections and says nothing: refused when the time is up, and /whoami does not notice.
pub fn hangs(kind: Kind) {
    let server = StoreServer::start(kind);
    seed(&server.url(), "100");
    let node = Arc::new(node_with(&server.url(), &["--store-timeout", "2s", "--store-connections", "2"]));
    assert_eq!(node.get("/item?id=1").status, 200);
    server.freeze();
    let waiting: Vec<_> = (0..6)
        .map(|_| {
            let node = node.clone();
            std::thread::spawn(move || {
                let start = Instant::now();
                let answer = node.get("/item?id=1");
                (answer.status, start.elapsed())
            })
        })
        .collect();
    while waiting.iter().any(|thread| !thread.is_finished()) {
        assert_eq!(node.get("/whoami").status, 200);
    }
    for thread in waiting {
        let (status, took) = thread.join().unwrap();
        assert!(status == 503 && took < TIMEOUT + MARGIN, "{status} after {took:?}");
    }
    server.thaw();
    let end = Instant::now() + MARGIN;
    while node.get("/item?id=1").status != 200 {
        assert!(Instant::now() < end, "{}", node.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// While the store says nothing, waiting requests hold threads of the worker pool in the one model and none in the other.
pub fn sync_and_async(kind: Kind) {
    let server = StoreServer::start(kind);
    seed(&server.url(), "100");
    let start = |model| {
        let arguments =
            ["--store-timeout", "20s", "--pool-threads", "3", "--sample-interval", "100ms", "--model", model];
        let node = node_with(&server.url(), &arguments);
        assert_eq!(node.get("/item?id=1").status, 200);
        node
    };
    let (sync, parallel) = (start("sync"), start("async"));
    server.freeze();
    let ask = |node: &Node| {
        let mut stream = node.connect();
        stream.write_all(b"GET /item?id=1 HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        stream
    };
    let waiting: Vec<_> = [&sync, &parallel].into_iter().flat_map(|node| [ask(node), ask(node), ask(node)]).collect();
    sync.wait_for_stats("/pool/active", |active| *active == 3);
    // One connection may have taken all three of them.
    parallel.wait_for_stats("/store/in_use", |in_use| (1..=3).contains(&in_use.as_u64().unwrap()));
    assert_eq!(parallel.get("/stats").json()["pool"]["active"], 0);
    // A thread is free in the one, and in the other not.
    assert_eq!(parallel.get("/fib?number=10").json()["result"], 55);
    server.thaw();
    for mut stream in waiting {
        assert_eq!(read_answer(&mut stream, false).status, 200);
    }
}
