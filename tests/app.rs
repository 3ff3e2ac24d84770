//! The demo application on the real binary: right answers, exact refusals, and a front that stays quick.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "app/formats.rs"]
mod formats;

use std::io::Write;
use std::time::Duration;

use common::{Node, read_answer, webapp};
use serde_json::{Value, json};

#[test]
fn fib_is_right_from_zero_to_the_maximum() {
    let node = Node::start(&[]);
    for (number, result) in [(0, 0_u64), (1, 1), (2, 1), (10, 55), (25, 75_025), (32, 2_178_309)] {
        let answer = node.get(&format!("/fib?number={number}")).json();
        assert_eq!((&answer["number"], &answer["result"]), (&json!(number), &json!(result)));
    }
    let answer = node.get_with("/fib?number=10", "Accept: text/plain\r\n");
    assert_eq!((answer.header("content-type"), answer.text().as_str()), (Some("text/plain; charset=utf-8"), "55\n"));
}

#[test]
fn fast_fib_is_exact_where_the_recursion_would_not_end() {
    let node = Node::start(&["--max-fib", "10"]);
    let answer = node.get("/fib?number=93&algorithm=fast").json();
    assert_eq!(answer["result"], json!(12_200_160_415_121_876_738_u64));
    assert_eq!((&answer["number"], &answer["algorithm"]), (&json!(93), &json!("fast")));
    assert_eq!(node.get("/fib?number=10&algorithm=recursive").json()["result"], 55);
}

#[test]
fn the_front_answers_while_a_long_fib_is_computed() {
    let node = Node::start(&[]);
    let mut stream = node.connect();
    stream.set_read_timeout(Some(Duration::from_secs(1_200))).unwrap();
    stream.write_all(b"GET /fib?number=42 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    // Meanwhile the front answers.
    for _ in 0..20 {
        assert_eq!(node.get("/whoami").status, 200);
    }
    assert_eq!(read_answer(&mut stream, false).json()["result"], 267_914_296_u64);
    // The largest number by recursion would take a minute; additions give the same type its largest result.
    assert_eq!(node.get("/fib?number=50&algorithm=fast").json()["result"], 12_586_269_025_u64);
}

#[test]
fn primes_are_right_from_zero_to_the_maximum() {
    let node = Node::start(&[]);
    let known = [(0, Value::Null), (1, json!(2)), (2, json!(3)), (1_000, json!(7_919)), (100_000, json!(1_299_709))];
    for (count, last) in known {
        let answer = node.get(&format!("/primes?cant={count}")).json();
        assert_eq!(answer["result"], json!({"count": count, "last": last}), "{count}");
    }
}

#[test]
fn bad_parameters_are_named() {
    let node = Node::start(&[]);
    let huge = format!("number=1{}", "0".repeat(30));
    for (target, parameter) in [
        ("/fib", "number"),
        ("/fib?", "number"),
        ("/fib?number=", "number"),
        ("/fib?number=-1", "number"),
        ("/fib?number=abc", "number"),
        ("/fib?number=51", "number"),
        (&format!("/fib?{huge}"), "number"),
        ("/fib?number=1&number=2", "number"),
        ("/fib?number=%zz", "number"),
        ("/fib?number=%ff%fe", "number"),
        ("/fib?number=1%00", "number"),
        ("/fib?number=%EF%BC%95", "number"),
        ("/fib?Number=1", "number"),
        ("/primes?cant=100001", "cant"),
        ("/primes?number=1", "cant"),
        ("/fib?number=94&algorithm=fast", "number"),
        ("/fib?number=51&algorithm=recursive", "number"),
        ("/fib?number=5&algorithm=slow", "algorithm"),
        ("/rows", "cant"),
        ("/rows?cant=10001", "cant"),
        ("/sleep", "seg"),
        ("/sleep?seg=-1", "seg"),
        ("/sleep?seg=nan", "seg"),
        ("/sleep?seg=601", "seg"),
        ("/sleep?min=10&seg=1", "seg"),
        ("/sleep?min=x", "min"),
        ("/sleep?seg=0&model=both", "model"),
        ("/io?mb=257", "mb"),
        ("/memory?mb=513", "mb"),
        ("/memory?mb=1&seg=x", "seg"),
        ("/payload?kb=100001", "kb"),
        ("/stats?history=x", "history"),
    ] {
        let answer = node.get(target);
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/problem+json")), "{target}");
        let problem = answer.json();
        assert_eq!(problem["parameter"], parameter, "{target}");
        assert!(problem["allowed"].as_str().is_some_and(|allowed| !allowed.is_empty()), "{target}: {problem}");
    }
    assert!(!node.log().contains("panic"), "{}", node.log());
}

#[test]
fn the_front_answers_while_the_pool_is_full() {
    let node = Node::start(&["--pool-threads", "2", "--pool-queue", "3"]);
    let mut busy: Vec<_> = (0..5).map(|_| node.connect()).collect();
    for stream in &mut busy {
        // Longer than the test, and given up when the client has gone, however slow the machine is.
        stream.write_all(b"GET /sleep?seg=300&model=sync HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    node.wait_for_stats("/pool/queued", |queued| *queued == 3);
    let refused = node.get("/fib?number=1");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    for target in ["/whoami", "/stats", "/metrics", "/healthz", "/readyz"] {
        assert_eq!(node.get(target).status, 200, "{target}");
    }
    let pool = node.get("/stats").json()["pool"].clone();
    assert_eq!((&pool["threads"], &pool["active"], &pool["saturated"]), (&json!(2), &json!(2), &json!(true)));
    // Clients that go away are not computed for.
    busy.truncate(2);
    node.wait_for_stats("/pool/queued", |queued| *queued == 3);
    drop(busy);
    node.wait_for_stats("/pool/expired_total", |expired| *expired == 3);
}

#[test]
fn answers_under_full_load_are_right() {
    let node = Node::start(&["--pool-queue", "10000"]);
    let clients: Vec<_> = (0..64_u64)
        .map(|client| {
            let mut stream = node.connect();
            std::thread::spawn(move || {
                let known =
                    [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1_597, 2_584, 4_181, 6_765];
                for round in 0..30 {
                    let number = ((client + round) % 21) as usize;
                    write!(stream, "GET /fib?number={number} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
                    assert_eq!(read_answer(&mut stream, false).json()["result"], known[number], "fib({number})");
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    let completed = node.wait_for_stats("/pool/completed_total", |total| *total == 64 * 30);
    assert_eq!(completed, 64 * 30);
}

#[test]
fn sync_holds_a_thread_and_async_does_not() {
    for (model, threads_held) in [("sync", 4), ("async", 0)] {
        let node = Node::start(&["--model", model, "--pool-threads", "8"]);
        let mut sleepers: Vec<_> = (0..4).map(|_| node.connect()).collect();
        for stream in &mut sleepers {
            stream.write_all(b"GET /sleep?seg=4 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        }
        node.wait_for_stats("/requests/in_flight", |count| *count == 4);
        node.wait_for_stats("/pool/active", |active| *active == threads_held);
        for stream in &mut sleepers {
            let answer = read_answer(stream, false).json();
            assert_eq!((&answer["result"], &answer["model"]), (&json!(4.0), &json!(model)));
            assert!(answer["milliseconds"].as_f64().unwrap() >= 4_000.0, "{answer}");
        }
    }
    // One request may ask for the other model.
    let node = Node::start(&[]);
    assert_eq!(node.get("/sleep?seg=0.01&model=sync").json()["model"], "sync");
}

#[test]
fn io_and_memory_are_real_and_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&["--io-dir", folder.path().to_str().unwrap(), "--max-memory", "300MB"]);
    let result = node.get("/io?mb=3").json()["result"].clone();
    assert_eq!((&result["written_bytes"], &result["read_bytes"]), (&json!(3_000_000), &json!(3_000_000)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no file is left");

    let before = resident_bytes(&node);
    let mut holder = node.connect();
    holder.write_all(b"GET /memory?mb=200&seg=60 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let end = std::time::Instant::now() + common::PATIENCE;
    while resident_bytes(&node) < before + 200_000_000 {
        assert!(std::time::Instant::now() < end, "the memory is not touched");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The node holds no more than it may, all requests together.
    let refused = node.get("/memory?mb=200");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    // A client that goes gets nothing held for it.
    drop(holder);
    while resident_bytes(&node) > before + 50_000_000 {
        assert!(std::time::Instant::now() < end, "the memory is not given back");
        std::thread::sleep(Duration::from_millis(20));
    }
    while node.get("/memory?mb=200").status != 200 {
        assert!(std::time::Instant::now() < end, "its place is not given back");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn resident_bytes(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn payload_is_as_long_as_asked() {
    let node = Node::start(&[]);
    for kilobytes in [0, 1, 64, 1_000, 20_000] {
        let answer = node.get(&format!("/payload?kb={kilobytes}"));
        assert_eq!((answer.status, answer.body.len()), (200, kilobytes * 1_000));
    }
}

#[test]
fn whoami_shows_the_request_but_no_secret() {
    let node = Node::start(&["--node", "n1", "--trusted-proxies", "127.0.0.1"]);
    let secrets =
        "Authorization: Basic hunter2\r\nCookie: id=hunter2\r\nX-Auth-Token: hunter2\r\nX-Api-Key: hunter2\r\n";
    let answer = node.get_with(
        "/whoami",
        &format!("{secrets}X-Plain: a\r\nX-Plain: b\r\nX-Quote: \"\\\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"),
    );
    let body = answer.json();
    assert!(!answer.text().contains("hunter2"), "{body}");
    assert_eq!((&body["node"], &body["pid"]), (&json!("n1"), &json!(node.child.id())));
    assert_eq!((&body["headers"]["X-Plain"], &body["headers"]["X-Quote"]), (&json!("a, b"), &json!("\"\\")));
    assert_eq!((&body["client"], &body["scheme"]), (&json!("203.0.113.9"), &json!("https")));
    // Who is not a proxy of ours is not believed.
    let node = Node::start(&["--trusted-proxies", "10.0.0.0/8"]);
    let body = node.get_with("/whoami", "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n").json();
    assert_eq!((&body["client"], &body["scheme"]), (&json!("127.0.0.1"), &json!("http")));
}

#[test]
fn the_access_log_is_opt_in_and_keeps_secrets() {
    let quiet = Node::start(&[]);
    quiet.get("/whoami");
    let node = Node::start(&["--access-log"]);
    assert_eq!(node.get("/fib?number=5&password=hunter2").status, 200);
    let end = std::time::Instant::now() + common::PATIENCE;
    while !node.log().contains("GET /fib") {
        assert!(std::time::Instant::now() < end, "{}", node.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(node.log().contains("\"GET /fib?number=5&password=***\" 200"), "{}", node.log());
    assert!(!quiet.log().contains("/whoami"), "{}", quiet.log());
}

#[test]
fn wrong_flags_are_explained() {
    for (arguments, words) in [
        (&["--listen", "nowhere"][..], "--listen"),
        (&["--listen", "127.0.0.1:0", "--max-fib", "94"], "0..=93"),
        (&["--listen", "127.0.0.1:0", "--pool-threads", "0"], "1..=10000"),
        (&["--listen", "127.0.0.1:0", "--max-sleep", "long"], "500ms"),
        (&["--listen", "127.0.0.1:0", "--node", "a b"], "without spaces"),
        (&["--listen", "127.0.0.1:0", "--trusted-proxies", "localhost"], "10.0.0.0/8"),
    ] {
        let output = webapp().arg("serve").args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    let node = Node::start(&[]);
    let output = webapp().args(["serve", "--listen", &node.address]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("port taken"), "{output:?}");
}

#[test]
fn health_checks_need_no_other_program() {
    let node = Node::start(&[]);
    let check = |url: &str| webapp().args(["healthcheck", url]).output().unwrap();
    assert_eq!(check(&node.url("/readyz")).status.code(), Some(0));
    for url in [node.url("/nope"), "http://127.0.0.1:1/".into(), "http://".into(), "https://127.0.0.1/".into()] {
        let output = check(&url);
        assert_eq!(output.status.code(), Some(1), "{url}");
        assert!(!output.stderr.is_empty(), "{url}");
    }
}

#[test]
fn workers_are_not_pinned() {
    let node = Node::start(&[]);
    node.get("/whoami");
    let machine = allowed("/proc/self/status");
    for task in std::fs::read_dir(format!("/proc/{}/task", node.child.id())).unwrap() {
        let status = task.unwrap().path().join("status");
        assert_eq!(allowed(status.to_str().unwrap()), machine);
    }
}

fn allowed(status: &str) -> String {
    let status = std::fs::read_to_string(status).unwrap();
    status.lines().find(|line| line.starts_with("Cpus_allowed_list")).unwrap().to_owned()
}

/// A setting that a shipped file offers, and the values that it offers for it.
fn offered(text: &str) -> Vec<(String, Vec<String>)> {
    text.split("\n\n")
        .filter_map(|block| {
            let (name, value) = block.lines().find_map(|line| line.strip_prefix("#WEBAPP_")?.split_once('='))?;
            let others = block.lines().filter_map(|line| line.strip_prefix("# One of: ")?.strip_suffix('.'));
            let values = others.flat_map(|list| list.split(", ")).chain([value]).map(str::to_owned).collect();
            Some((format!("WEBAPP_{name}"), values))
        })
        .collect()
}

#[test]
fn every_value_that_the_settings_file_offers_is_taken() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/webapp.env")).unwrap();
    let settings = offered(&text);
    assert_eq!(settings.len(), text.matches("#WEBAPP_").count(), "one setting a block");
    let help = common::webapp().args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for (name, values) in settings {
        // A variable of another name would be ignored, whatever its value.
        assert!(help.contains(&format!("[env: {name}=")), "{name} is not a setting of webapp serve");
        for value in values {
            let mut command = common::webapp();
            command.args(["serve", "--listen", "127.0.0.1:0"]).env(&name, &value);
            let node = Node::spawn(command);
            assert_eq!(node.get("/healthz").status, 200, "{name}={value}");
        }
    }
}
