//! Rows over HTTP: in the node, in shards and in real servers, and how they are made.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Node, read_answer, webapp};
use crate::store_support::{Kind, PASSWORD, StoreServer};
use crate::{MARGIN, node_with, seed, send};

pub fn rows_of_the_node_itself() {
    let node = Node::start(&["--store", "memory:1000"]);
    let answer = node.get("/item?id=42");
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["id"], &body["store"], &body["result"]["tag"]),
        (200, &json!(42), &json!("memory"), &json!(4))
    );
    assert_eq!((&body["result"]["version"], body["result"]["value"].as_str().unwrap().len()), (&json!(1), 100));
    let timing = answer.header("server-timing").unwrap();
    assert!(
        timing.starts_with("queue;dur=") && timing.contains("work;dur=") && timing.contains("store;dur="),
        "{timing}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(send(&node, "PUT", "/item?id=42", "", "añb").json()["result"], json!({"version": 2}));
    assert_eq!(node.get_with("/item?id=42", "Accept: text/plain\r\n").text(), "añb\n");
    let by_index = node.get("/items?tag=4&index=yes").json();
    let by_scan = node.get("/items?tag=4&index=no").json();
    assert_eq!(by_index["result"].as_array().unwrap().len(), 10);
    assert_eq!((&by_index["result"], &by_index["index"]), (&by_scan["result"], &json!("yes")));
    assert_eq!(node.get("/items?tag=4").json()["index"], "yes");
    let store = node.wait_for_stats("/store", |store| store["reads_total"].as_u64() == Some(5));
    assert_eq!(
        (&store["writes_total"], &store["connections"], &store["utilization"]),
        (&json!(1), &json!(0), &Value::Null)
    );
    let target = &store["targets"][0];
    assert_eq!((&target["kind"], &target["url"]), (&json!("memory"), &json!("memory:1000")));
    assert_eq!((&target["up"], &target["problem"], &target["role"]), (&json!(true), &Value::Null, &Value::Null));
    assert!(node.get("/stats").json()["unavailable"]["store.utilization"].as_str().unwrap().contains("in the node"));
    assert!(node.get("/metrics").text().contains("webapp_store_up{kind=\"memory\",url=\"memory:1000\"} 1\n"));
}

/// Which server has each of `rows` rows; every row must be there, and its neighbour of the same tag, too.
fn servers_of_rows(node: &Node, rows: u64) -> Vec<String> {
    let of_row = |id: u64| {
        let body = node.get(&format!("/item?id={id}")).json();
        assert_eq!((&body["result"]["id"], &body["result"]["version"]), (&json!(id), &json!(1)), "{body}");
        body["server"].as_str().unwrap().to_owned()
    };
    (0..rows).map(of_row).collect()
}

pub fn shards_of_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let urls = ["a", "b", "c"].map(|name| format!("sqlite:{}/{name}.db", folder.path().display()));
    let all = urls.join(",");
    seed(&all, "200");
    let node = Node::start(&["--store", &all]);
    let servers = servers_of_rows(&node, 200);
    for url in &urls {
        let count = servers.iter().filter(|server| *server == url).count();
        assert!((40..=95).contains(&count), "{count} of 200 rows on one of three shards");
        // Alone, it has just these.
        let alone = Node::start(&["--store", url]);
        let found = (0..200).filter(|id| alone.get(&format!("/item?id={id}")).status == 200).count();
        assert_eq!(found, count);
    }
    assert_eq!(send(&node, "PUT", "/item?id=7", "", "seven").json()["server"], servers[7]);
    for index in ["yes", "no"] {
        let body = node.get(&format!("/items?tag=0&index={index}")).json();
        let ids: Vec<u64> = body["result"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, Vec::from_iter(0..10));
        assert_eq!((&body["result"][7]["value"], &body["store"]), (&json!("seven"), &json!("sqlite")));
    }
    let ready = node.get_with("/readyz", "Accept: application/json\r\n").json();
    assert_eq!(ready, json!({"state": "ready"}));
    let store = node.wait_for_stats("/store", |store| store["writes_total"].as_u64() == Some(1));
    let targets = store["targets"].as_array().unwrap();
    assert_eq!((store["connections"].as_u64(), targets.len()), (Some(12), 3));
    for target in targets {
        assert_eq!(
            (&target["role"], &target["connections"], &target["up"]),
            (&json!("shard"), &json!(4), &json!(true))
        );
        let reads = servers.iter().filter(|server| **server == target["url"]).count() as u64;
        // Its rows one by one, and the two questions to all.
        assert_eq!(target["reads_total"].as_u64(), Some(reads + 2));
    }
    let metrics = node.get("/metrics").text();
    assert!(metrics.contains(&format!("webapp_store_server_writes_total{{url=\"{}\"}} 1\n", servers[7])), "{metrics}");
}

/// One of three shards dies: its rows are answered 503, with its name, and all others go on; so does a question to all of them fail.
pub fn shard_dies(kind: Kind) {
    let mut shards: Vec<StoreServer> = (0..3).map(|_| StoreServer::start(kind)).collect();
    let all = shards.iter().map(StoreServer::url).collect::<Vec<_>>().join(",");
    seed(&all, "100");
    let node = node_with(&all, &["--store-required"]);
    node.wait_for_stats("/store/targets", |all| all.as_array().unwrap().iter().all(|one| one["up"] == true));
    let servers = servers_of_rows(&node, 100);
    let dead = servers[0].clone();
    let at = shards.iter().position(|shard| dead.contains(&format!(":{}/", shard.port()))).unwrap();
    shards[at].kill();
    node.wait_for_stats("/store/targets", |all| all.as_array().unwrap().iter().any(|one| one["up"] == false));
    for (id, server) in servers.iter().enumerate() {
        let answer = node.get(&format!("/item?id={id}"));
        assert_eq!(answer.status, if *server == dead { 503 } else { 200 }, "{id}: {}", answer.text());
        if *server == dead {
            let name = format!("the store {dead} (shard {} of 3): it cannot be reached", at + 1);
            assert!(answer.text().contains(&name), "{}", answer.text());
        }
    }
    let gathered = node.get("/items?tag=1");
    assert!(gathered.status == 503 && gathered.text().contains(&dead), "{}", gathered.text());
    // Ready all the same, for two of three rows; and it says what is missing.
    let ready = node.get_with("/readyz", "Accept: application/json\r\n");
    assert_eq!((ready.status, ready.json()["problems"].as_array().unwrap().len()), (200, 1), "{}", ready.text());
    assert!(ready.text().contains(&dead), "{}", ready.text());
    shards[at].start_again();
    node.wait_for_stats("/store/targets", |all| all.as_array().unwrap().iter().all(|one| one["up"] == true));
    assert_eq!(servers_of_rows(&node, 100), servers);
    shards.iter_mut().for_each(StoreServer::kill);
    node.wait_for_stats("/store/targets", |all| all.as_array().unwrap().iter().all(|one| one["up"] == false));
    assert_eq!(node.get("/readyz").status, 503);
}

pub fn wrong_questions_are_named() {
    let node = Node::start(&["--store", "memory:1000"]);
    for (method, target, body, status, word) in [
        ("GET", "/item", "", 400, "'id'"),
        ("GET", "/item?id=x", "", 400, "'id'"),
        ("GET", "/item?id=9007199254740992", "", 400, "'id'"),
        ("GET", "/item?id=1000", "", 404, "no row 1000"),
        ("PUT", "/item?id=1000", "x", 404, "no row 1000"),
        ("PUT", "/item?id=1", &*"x".repeat(1_025), 413, "larger"),
        ("DELETE", "/item?id=1", "", 405, "PUT"),
        ("GET", "/items?tag=1&index=maybe", "", 400, "yes or no"),
        ("GET", "/items", "", 400, "'tag'"),
        ("PUT", "/session", "", 405, "GET"),
        ("POST", "/login", "name=ana&password=x", 404, "--users"),
        ("GET", "/login", "", 405, "POST"),
    ] {
        let answer = send(&node, method, target, "", body);
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(answer.text().contains(word), "{method} {target}: {}", answer.text());
    }
    let mut stream = node.connect();
    stream.write_all(b"PUT /item?id=1 HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n\xff\xfe").unwrap();
    assert_eq!(read_answer(&mut stream, false).status, 400);
    assert_eq!(node.get("/item?id=1").json()["result"]["version"], 1);
}

pub fn seeding_says_what_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/s.db", folder.path().display());
    for rows in ["1500", "1500", "2500"] {
        let output = webapp().args(["store", "seed", &url, "--rows", rows]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains(&url), "{said}");
    }
    let node = Node::start(&["--store", &url]);
    assert_eq!((node.get("/item?id=2499").status, node.get("/item?id=2500").status), (200, 404));
    for (url, word) in [
        ("memory", "from the start"),
        ("memcached://127.0.0.1:1", "--sessions"),
        ("redis://:hunter2@127.0.0.1:1", "cannot be reached"),
        ("mysql://ana:hunter2@127.0.0.1:1/x", "cannot be reached"),
        ("mysql://ana:hunter2@127.0.0.1:1", "names no database"),
        ("ftp://ana:hunter2@127.0.0.1", "redis://"),
    ] {
        let output = webapp().args(["store", "seed"]).env("WEBAPP_STORE", url).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(word) && !said.contains("hunter2"), "{said}");
    }
    // A store without tables says how to make them.
    let empty = format!("sqlite:{}/empty.db", folder.path().display());
    let answer = Node::start(&["--store", &empty]).get("/item?id=1");
    assert!(answer.status == 503 && answer.text().contains("webapp store seed"), "{}", answer.text());
}

/// Ctrl-C in the middle of ten million rows: it ends between two batches, says how far it came, and goes on when run again.
pub fn seeding_is_interrupted_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/s.db", folder.path().display());
    let length = |name: &str| std::fs::metadata(folder.path().join(name)).map_or(0, |data| data.len());
    let mut command = webapp();
    command.args(["store", "seed", &url, "--rows", "10000000"]).stderr(Stdio::piped()).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    let end = Instant::now() + MARGIN;
    // The first batches are there.
    while length("s.db") + length("s.db-wal") < 400_000 {
        assert!(Instant::now() < end, "no rows");
        std::thread::sleep(Duration::from_millis(5));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let rows: u64 = said.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    assert!(said.contains("of 10000000 rows; run it again") && rows.is_multiple_of(1_000) && rows > 0, "{said}");
    seed(&url, &(rows + 500).to_string());
    let node = Node::start(&["--store", &url]);
    let status = |id: u64| node.get(&format!("/item?id={id}")).status;
    assert_eq!((status(0), status(rows - 1), status(rows + 499), status(rows + 500)), (200, 200, 200, 404));
}

pub fn rows_over_http(kind: Kind) {
    let server = StoreServer::start(kind);
    seed(&server.url(), "1000");
    let nodes = [node_with(&server.url(), &["--store-required"]), node_with(&server.url(), &["--model", "sync"])];
    for (node, version) in nodes.iter().zip([2, 3]) {
        node.wait_for_stats("/store/targets/0/up", |up| *up == true);
        assert_eq!(node.get("/readyz").status, 200);
        let written = send(node, "PUT", "/item?id=7", "", &format!("write {version}"));
        assert_eq!(written.json()["result"]["version"], version, "{}", written.text());
        for other in &nodes {
            let row = other.get("/item?id=7").json();
            assert_eq!(
                (&row["result"]["version"], &row["result"]["value"]),
                (&json!(version), &json!(format!("write {version}")))
            );
        }
        assert_eq!(
            node.get("/items?tag=3&index=yes").json()["result"],
            node.get("/items?tag=3&index=no").json()["result"]
        );
        assert_eq!(node.get("/item?id=1000").status, 404);
        let store = node.wait_for_stats("/store", |store| store["writes_total"] == 1);
        assert_eq!((&store["connections"], &store["errors_total"]), (&json!(4), &json!(0)));
        assert!(store["response_milliseconds"]["p50"].as_f64().unwrap() > 0.0, "{store}");
        let metrics = node.get("/metrics").text();
        assert!(metrics.contains("webapp_store_connections 4\n") && !metrics.contains(PASSWORD), "{metrics}");
    }
}

/// Many ask over one connection, which sends what waits together: each gets the row it asked for, and a row that the store refuses
/// fails alone.
pub fn many_at_once(kind: Kind) {
    let server = StoreServer::start(kind);
    seed(&server.url(), "1000");
    let mut store = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    redis::cmd("SET").arg("item:500").arg("no row").exec(&mut store).unwrap();
    let node = node_with(&server.url(), &["--store-connections", "1"]);
    let ask = |asker: u64| {
        let node = &node;
        move || {
            for step in 0..40 {
                let id = (asker * 37 + step * 103) % 1_010;
                let answer = node.get(&format!("/item?id={id}"));
                let expected = if id >= 1_000 {
                    404
                } else if id == 500 {
                    503
                } else {
                    200
                };
                assert_eq!(answer.status, expected, "{id}: {}", answer.text());
                match expected {
                    200 => assert_eq!(answer.json()["result"]["id"], id),
                    503 => assert!(answer.text().contains("WRONGTYPE"), "{}", answer.text()),
                    _ => {}
                }
                if step % 10 == 0 {
                    assert_eq!(send(node, "PUT", &format!("/item?id={}", asker * 3), "", "new").status, 200);
                }
            }
        }
    };
    std::thread::scope(|scope| (0..32).for_each(|asker| _ = scope.spawn(ask(asker))));
    node.wait_for_stats("/store", |store| {
        store["writes_total"] == 32 * 4 && store["in_use"] == 0 && store["waiting"] == 0
    });
}
