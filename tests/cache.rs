//! A node with a cache: what it keeps and for how long, one computation for many, what HTTP says of it, and what happens when a
//! cache that is shared dies. Tests that need a server that is not installed are ignored by name.

#![allow(clippy::unwrap_used)]

mod cache_support;
mod common;
mod store_support;

use std::io::Write;
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cache_support::check;
use common::{Answer, Node, read_answer, webapp};
use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};
use store_support::{Kind, PASSWORD, StoreServer};

/// How long readers and writers go at it, each time; WEBAPP_TEST_CACHE_SECONDS makes it longer.
fn seconds() -> Duration {
    let given = std::env::var("WEBAPP_TEST_CACHE_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(given.unwrap_or(2))
}

/// Work that takes a while in a build for tests, too, and its address.
const SLOW: &str = "/fib?number=34";

/// Name, the server that it needs, and what it does with it.
type ServerTest = (&'static str, Kind, fn(Kind));

fn main() {
    let arguments = Arguments::from_args();
    let always: &[(&str, fn())] = &[
        ("a_hit_is_answered_from_the_node_until_its_time_is_over", hits),
        ("a_write_takes_the_row_and_its_tag_out", writes_invalidate),
        ("refusals_are_not_kept", refusals_are_not_kept),
        ("what_has_no_room_is_evicted_and_counted", eviction),
        ("a_thousand_clients_cost_one_computation", || stampede("async", 1_000)),
        ("a_stampede_in_model_sync_costs_one_computation", || stampede("sync", 100)),
        ("the_work_goes_on_when_the_client_who_began_it_leaves", the_first_leaves),
        ("etags_are_answered_before_anything_is_computed", etags),
        ("what_others_may_keep_is_the_same_each_time", same_bytes),
        ("what_must_not_be_kept_says_so", no_store),
        ("stale_answers_are_counted_by_the_load", stale_is_counted),
        ("no_answer_is_older_than_its_time_with_a_cache_in_each_node", under_load_here),
    ];
    let with_servers: &[ServerTest] = &[
        ("redis_is_shared_by_nodes", Kind::Redis, shared),
        ("memcached_is_shared_by_nodes", Kind::Memcached, shared),
        ("redis_that_dies_or_hangs_is_a_miss", Kind::Redis, dies),
        ("memcached_that_dies_or_hangs_is_a_miss", Kind::Memcached, dies),
        ("no_answer_is_older_than_its_time_with_redis_that_dies", Kind::Redis, under_load_shared),
        ("no_answer_is_older_than_its_time_with_memcached_that_dies", Kind::Memcached, under_load_shared),
    ];
    let mut trials: Vec<Trial> = always.iter().map(|(name, test)| trial(name, *test)).collect();
    for &(name, kind, test) in with_servers {
        trials.push(trial(name, move || test(kind)).with_ignored_flag(!kind.is_installed()));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn trial(name: &str, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

fn put(node: &Node, target: &str, body: &str) -> Answer {
    let mut stream = node.connect();
    let length = body.len();
    write!(
        stream,
        "PUT {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    read_answer(&mut stream, false)
}

/// What the cache had of an answer, by its field.
fn status(answer: &Answer) -> &str {
    answer.header("cache-status").unwrap_or_else(|| panic!("no Cache-Status: {answer:?}"))
}

fn hits() {
    let node = Node::start(&["--store", "memory:1000", "--cache", "memory:1MiB", "--cache-ttl", "1s"]);
    for (target, result) in [
        ("/item?id=7", json!(1)),
        ("/items?tag=3", json!(30)),
        ("/items?tag=3&index=no", json!(30)),
        ("/fib?number=20", json!(6_765)),
        ("/primes?cant=10", json!(29)),
    ] {
        let start = Instant::now();
        let (first, second) = (node.get(target), node.get(target));
        assert_eq!((first.status, status(&first)), (200, "memory; fwd=uri-miss; stored"), "{target}");
        assert_eq!(first.json()["cache"], "miss");
        assert_eq!(first.json()["result"], second.json()["result"]);
        let known = [&second.json()["result"], &second.json()["result"]["version"], &second.json()["result"][0]["id"]];
        assert!(
            [known[0], known[1], known[2], &second.json()["result"]["last"]].contains(&&result),
            "{target}: {}",
            second.text()
        );
        // A slow machine may have let the time pass.
        if start.elapsed() < Duration::from_millis(900) {
            assert_eq!(
                (second.json()["cache"].as_str(), status(&second)),
                (Some("hit"), "memory; hit; ttl=0"),
                "{target}"
            );
        }
        let plain = node.get_with(target, "Accept: text/plain\r\n");
        assert_eq!(plain.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(!plain.text().contains('{'), "{}", plain.text());
    }
    let cache = node.wait_for_stats("/cache", |cache| cache["misses_total"].as_u64() >= Some(5));
    assert!(cache["kind"] == "memory" && cache["entries"].as_u64() >= Some(5), "{cache}");
    assert!(node.get("/metrics").text().contains("webapp_cache_up{kind=\"memory\",url=\"memory:1048576\"} 1\n"));
    std::thread::sleep(Duration::from_millis(1_000));
    assert_eq!(status(&node.get("/fib?number=20")), "memory; fwd=uri-miss; stored");
}

fn writes_invalidate() {
    let node = Node::start(&["--store", "memory:1000", "--cache", "memory:1MiB", "--cache-ttl", "1h"]);
    let (row, tag) = ("/item?id=42", "/items?tag=4");
    for version in 2..6 {
        for target in [row, tag] {
            node.get(target);
            assert_eq!(node.get(target).json()["cache"], "hit");
        }
        assert_eq!(put(&node, row, "new").json()["result"]["version"], version);
        let (row, rows) = (node.get(row).json(), node.get(tag).json());
        assert_eq!((&row["cache"], &row["result"]["version"]), (&json!("miss"), &json!(version)));
        assert_eq!((&rows["cache"], &rows["result"][2]["version"]), (&json!("miss"), &json!(version)));
    }
}

fn refusals_are_not_kept() {
    let node = Node::start(&["--store", "memory:10", "--cache", "memory:1MiB"]);
    for _ in 0..3 {
        let answer = node.get("/item?id=10");
        assert_eq!((answer.status, answer.header("cache-control")), (404, Some("no-store")));
    }
    let cache = node.wait_for_stats("/cache", |cache| cache["misses_total"] == 3);
    assert_eq!((&cache["hits_total"], &cache["entries"]), (&json!(0), &json!(0)));
}

fn eviction() {
    let node = Node::start(&["--store", "memory:100000", "--cache", "memory:64KiB", "--cache-ttl", "1h"]);
    let mut stream = node.connect();
    for id in 0..1_000 {
        write!(stream, "GET /item?id={id} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        assert_eq!(read_answer(&mut stream, false).status, 200);
    }
    let cache = node.wait_for_stats("/cache", |cache| cache["misses_total"] == 1_000);
    let (entries, evicted) = (cache["entries"].as_u64().unwrap(), cache["evicted_total"].as_u64().unwrap());
    assert!(entries > 50 && entries + evicted == 1_000 && cache["bytes"].as_u64().unwrap() <= 64 * 1024, "{cache}");
}

/// Sends a request on a connection of its own, and reads nothing yet.
fn ask(node: &Node, target: &str) -> TcpStream {
    let mut stream = node.connect();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    stream
}

fn stampede(model: &str, clients: usize) {
    let more = ["--model", model, "--pool-threads", "4", "--cache", "memory:1MiB", "--cache-ttl", "1h"];
    let node = Node::start(&more);
    let mut streams: Vec<TcpStream> = (0..clients).map(|_| ask(&node, SLOW)).collect();
    let answers: Vec<Value> = streams.iter_mut().map(|stream| read_answer(stream, false).json()).collect();
    assert!(answers.iter().all(|answer| answer["result"] == 5_702_887), "{answers:?}");
    let with = |word: &str| answers.iter().filter(|answer| answer["cache"] == word).count();
    assert_eq!((with("miss"), with("hit") + with("collapsed")), (1, clients - 1));
    let totals = |cache: &Value| ["hits_total", "collapsed_total"].map(|name| cache[name].as_u64().unwrap());
    let seen = |cache: &Value| cache["misses_total"] == 1 && totals(cache).iter().sum::<u64>() == clients as u64 - 1;
    let others = totals(&node.wait_for_stats("/cache", seen));
    assert_eq!(others, [with("hit") as u64, with("collapsed") as u64]);
    if model == "async" {
        // Who waited held no thread: the pool had one job.
        node.wait_for_stats("/pool/completed_total", |jobs| *jobs == 1);
    }
}

fn the_first_leaves() {
    let node = Node::start(&["--pool-threads", "1", "--cache", "memory:1MiB", "--sample-interval", "100ms"]);
    // The only thread of the pool is busy, so that what is asked next waits in the queue.
    let mut busy = ask(&node, "/sleep?seg=1&model=sync");
    node.wait_for_stats("/pool/active", |active| *active == 1);
    let first = ask(&node, "/fib?number=20");
    node.wait_for_stats("/pool/queued", |queued| *queued == 1);
    let mut second = ask(&node, "/fib?number=20");
    node.wait_for_stats("/requests/in_flight", |requests| requests.as_u64() >= Some(3));
    drop(first);
    assert_eq!(read_answer(&mut second, false).json()["result"], 6_765);
    read_answer(&mut busy, false);
    node.wait_for_stats("/pool/completed_total", |jobs| *jobs == 2);
}

fn etags() {
    let node = Node::start(&["--store", "memory:100", "--http-cache", "90s", "--sample-interval", "100ms"]);
    let first = node.get("/fib?number=20");
    let tag = first.header("etag").unwrap().to_owned();
    assert!(tag.starts_with('"') && first.header("cache-status").is_none(), "{first:?}");
    let fields = |answer: &Answer| ["cache-control", "vary", "etag"].map(|name| answer.header(name).map(str::to_owned));
    let expected = [Some("public, max-age=90".to_owned()), Some("Accept".to_owned()), Some(tag.clone())];
    assert_eq!(fields(&first), expected);
    node.wait_for_stats("/pool/completed_total", |jobs| *jobs == 1);
    for (given, code) in [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"other\", {tag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
    ] {
        let answer = node.get_with("/fib?number=20", &format!("If-None-Match: {given}\r\n"));
        assert_eq!((answer.status, fields(&answer)), (code, expected.clone()), "{given}");
        assert_eq!(answer.body.is_empty(), code == 304);
    }
    // Four times 304, and once computed.
    node.wait_for_stats("/pool/completed_total", |jobs| *jobs == 2);
    let plain = node.get_with("/fib?number=20", &format!("Accept: text/plain\r\nIf-None-Match: {tag}\r\n"));
    assert!(plain.status == 200 && plain.header("etag") != Some(&*tag), "{plain:?}");
    assert_eq!(node.get_with("/fib?number=999", "If-None-Match: *\r\n").status, 400);

    let row = node.get("/item?id=7");
    let old = format!("If-None-Match: {}\r\n", row.header("etag").unwrap());
    assert_eq!(node.get_with("/item?id=7", &old).status, 304);
    assert_eq!(node.get_with("/item?id=8", &old).status, 200);
    put(&node, "/item?id=7", "new");
    assert_eq!(node.get_with("/item?id=7", &old).status, 200);
    assert_eq!(node.get_with("/item?id=700", "If-None-Match: *\r\n").status, 404);
    let ask_again = Node::start(&["--http-cache", "0s"]);
    assert_eq!(ask_again.get("/fib?number=1").header("cache-control"), Some("no-cache"));
}

fn same_bytes() {
    let more = ["--store", "memory:100", "--http-cache", "1m", "--cache", "memory:1MiB"];
    let nodes = [Node::start(&more), Node::start(&more)];
    for target in ["/fib?number=21", "/primes?cant=5", "/item?id=3", "/items?tag=2", "/items?tag=2&index=no"] {
        let answers = [&nodes[0], &nodes[0], &nodes[1]].map(|node| node.get(target));
        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (200, &answers[0].body), "{target}");
            assert_eq!(answer.header("etag"), answers[0].header("etag"), "{target}");
        }
        assert!(status(&answers[1]).contains("hit") && answers[0].json().get("node").is_none(), "{target}");
    }
}

fn no_store() {
    let more = ["--store", "memory:100", "--http-cache", "1m", "--cache", "memory:1MiB"];
    let node = Node::start(&more);
    for target in ["/session", "/stats", "/metrics", "/cluster", "/item?id=1000", "/nothing", "/fib?number=x"] {
        let answer = node.get(target);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{target}");
        assert!(answer.header("etag").is_none(), "{target}");
    }
    assert_eq!(put(&node, "/item?id=1", "x").header("cache-control"), Some("no-store"));
    // Nobody was told that others may keep it.
    assert_eq!(Node::start(&["--store", "memory:9"]).get("/item?id=1").header("cache-control"), Some("no-store"));
}

/// A node with rows in a file, and with this cache.
fn node_with(store: &str, cache: &str, ttl: &str) -> Node {
    let mut command = webapp();
    command.args(["serve", "--listen", "127.0.0.1:0", "--cache-ttl", ttl, "--sample-interval", "100ms"]);
    command.env("WEBAPP_STORE", store).env("WEBAPP_CACHE", cache);
    Node::spawn(command)
}

/// A file with so many rows, and its URL.
fn rows(folder: &tempfile::TempDir, count: &str) -> String {
    let url = format!("sqlite:{}", folder.path().join("rows.db").display());
    let output = webapp().args(["store", "seed", &url, "--rows", count]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    url
}

fn shared(kind: Kind) {
    let (server, folder) = (StoreServer::start(kind), tempfile::tempdir().unwrap());
    let store = rows(&folder, "100");
    let nodes = [(); 2].map(|()| node_with(&store, &server.url(), "1h"));
    let name = nodes[0].wait_for_stats("/cache/kind", Value::is_string);
    for target in ["/item?id=42", "/items?tag=4", "/items?tag=4&index=no", "/fib?number=22", "/primes?cant=100"] {
        let (first, second) = (nodes[0].get(target), nodes[1].get(target));
        assert_eq!((&first.json()["cache"], &second.json()["cache"]), (&json!("miss"), &json!("hit")), "{target}");
        assert_eq!(first.json()["result"], second.json()["result"]);
        assert!(status(&second).starts_with(&format!("{}; hit; ttl=35", name.as_str().unwrap())), "{second:?}");
        assert!(second.header("server-timing").unwrap().contains("cache;dur="), "{second:?}");
    }
    // What one node writes, the other does not find any more.
    assert_eq!(put(&nodes[1], "/item?id=42", "new").json()["result"]["version"], 2);
    for target in ["/item?id=42", "/items?tag=4", "/items?tag=4&index=no"] {
        let answer = nodes[0].get(target).json();
        assert_eq!(answer["cache"], "miss", "{target}");
        assert!([&answer["result"]["value"], &answer["result"][2]["value"]].contains(&&json!("new")), "{answer}");
    }
    assert!(!nodes[0].get("/stats").text().contains(PASSWORD) && !nodes[0].log().contains(PASSWORD));
}

fn dies(kind: Kind) {
    let (mut server, folder) = (StoreServer::start(kind), tempfile::tempdir().unwrap());
    let node = node_with(&rows(&folder, "100"), &server.url(), "1h");
    let ask = |word: &str| {
        let answer = node.get("/item?id=7");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["cache"] == word
    };
    assert!(ask("miss") && ask("hit"));
    server.kill();
    assert!((0..20).all(|_| ask("miss")));
    node.wait_for_stats("/cache/problem", Value::is_string);
    server.start_again();
    node.wait_for_stats("/cache/problem", Value::is_null);
    let end = Instant::now() + Duration::from_secs(30);
    while !ask("hit") {
        assert!(Instant::now() < end, "no hit after it was back");
    }
    server.freeze();
    // Until that is known, each request waits for it a quarter of a second at most, not as long as a request may.
    assert!(ask("miss"));
    node.wait_for_stats("/cache/problem", Value::is_string);
    let start = Instant::now();
    assert!((0..20).all(|_| ask("miss")));
    assert!(start.elapsed() < Duration::from_secs(4), "20 answers took {:?}", start.elapsed());
    server.thaw();
    node.wait_for_stats("/cache/problem", Value::is_null);
}

/// One node takes the writes; the other does not hear of them until its time is over.
fn stale_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = rows(&folder, "20");
    let nodes = [(); 2].map(|()| node_with(&store, "memory:1MiB", "1h"));
    let [first, second] = [0, 1].map(|node: usize| nodes[node].url("/item?id=3"));
    assert_eq!(nodes[0].get("/item?id=3").header("x-version"), Some("3:1"));
    let writes = ["--method", "PUT", "--body", "x", "--connections", "1", "--duration", "2s", "--warmup", "0"];
    let mut writer = webapp();
    let mut writer = writer.arg("load").arg(&first).args(writes).stdout(Stdio::null()).spawn().unwrap();
    let reads = ["--connections", "2", "--duration", "1s", "--warmup", "0", "--json", "-"];
    let output = webapp().arg("load").args([&first, &second]).args(reads).output().unwrap();
    writer.wait().unwrap();
    let load: Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |pointer: &str| load.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    assert_eq!(count("/versions/answers"), count("/requests_ok"), "{load:#}");
    assert!(count("/versions/stale") > 0 && count("/requests_ok") == count("/requests_total"), "{load:#}");
}

fn under_load_here() {
    let folder = tempfile::tempdir().unwrap();
    let store = rows(&folder, "20");
    let ttl = Duration::from_millis(300);
    let nodes = [(); 2].map(|()| node_with(&store, "memory:1MiB", "300ms"));
    let seen = check::run(&nodes, ttl, seconds(), check::Writes::ShowAtOnceOnTheirNode, || ());
    assert!(seen.hits > 0 && seen.writes > 0 && seen.stale > 0, "{seen:?}");
}

fn under_load_shared(kind: Kind) {
    let (mut server, folder) = (StoreServer::start(kind), tempfile::tempdir().unwrap());
    let store = rows(&folder, "20");
    let ttl = Duration::from_millis(300);
    let nodes = [(); 2].map(|()| node_with(&store, &server.url(), "300ms"));
    let seen = check::run(&nodes, ttl, seconds(), check::Writes::ShowWithinTheTime, || {
        server.kill();
        std::thread::sleep(Duration::from_millis(200));
        server.start_again();
    });
    assert!(seen.hits > 0 && seen.writes > 0, "{seen:?}");
}
