//! Requests with drawn keys, methods and bodies: what `webapp load` really sends, and an experiment that asks so.
#![allow(clippy::unwrap_used)] // a panic is the failure of the test

mod common;
mod load_support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use common::{Node, webapp};
use load_support::{load, load_json, stderr};
use serde_json::Value;

/// Request line and body, by connection.
type Asked = Vec<Vec<(String, String)>>;

/// A server that answers at once, and remembers what each connection asked: request line and body.
struct Recorder {
    url: String,
    asked: Arc<Mutex<Asked>>,
}

impl Recorder {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Asked>> = Arc::default();
        let connections = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut all = connections.lock().unwrap();
                all.push(Vec::new());
                let (index, connections) = (all.len() - 1, Arc::clone(&connections));
                std::thread::spawn(move || serve(stream, &connections, index));
            }
        });
        Self { url, asked }
    }

    /// What was asked since the last call, by connection; those that asked nothing are left out.
    fn take(&self) -> Asked {
        let mut all = self.asked.lock().unwrap();
        all.iter_mut().map(std::mem::take).filter(|asked| !asked.is_empty()).collect()
    }
}

fn serve(stream: TcpStream, connections: &Mutex<Asked>, index: usize) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body).unwrap();
        let line = head.lines().next().unwrap().strip_suffix(" HTTP/1.1").unwrap().to_owned();
        connections.lock().unwrap()[index].push((line, String::from_utf8(body).unwrap()));
        if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

fn sorted(connections: Asked) -> Vec<(String, String)> {
    let mut all: Vec<_> = connections.into_iter().flatten().collect();
    all.sort();
    all
}

#[test]
fn a_run_repeats_by_its_seed() {
    let recorder = Recorder::start();
    let url = format!("{}/item?id={{zipf 1..100000 0.99}}", recorder.url);
    let open = |seed: &str| {
        let pace = ["--rate", "300", "--duration", "1s", "--warmup", "0", "--seed", seed];
        let (_, json) = load_json(&[&[&*url], &pace[..]].concat());
        assert_eq!(json["requests_ok"], 300, "{json:#}");
        assert!(json["endpoints"]["/item?id={zipf 1..100000 0.99}"].is_object(), "one address: {json:#}");
        sorted(recorder.take())
    };
    let first = open("7");
    let keys: BTreeMap<&str, usize> = first.iter().fold(BTreeMap::new(), |mut keys, (line, _)| {
        let key = line.strip_prefix("GET /item?id=").unwrap();
        assert!((1..=100_000).contains(&key.parse::<u32>().unwrap()));
        *keys.entry(key).or_default() += 1;
        keys
    });
    // 12.1 keys are expected to be 100,000 ranks' first: 8 % of 300; 1 and 60 are many standard deviations away.
    assert!((2..60).contains(&keys["1"]) && keys.len() > 100, "{keys:?}");
    assert_eq!(first, open("7"));
    assert_ne!(first, open("8"));

    // A closed loop asks as much as it can, but each connection asks the same in the same order.
    let closed = || {
        load_json(&[&*url, "--connections", "3", "--duration", "300ms", "--warmup", "0"]);
        let mut connections = recorder.take();
        connections.sort();
        connections
    };
    let (one, other) = (closed(), closed());
    assert_eq!((one.len(), other.len()), (3, 3));
    for (one, other) in one.iter().zip(&other) {
        let both = one.len().min(other.len());
        assert!(both > 0 && one[..both] == other[..both]);
    }
}

#[test]
fn methods_and_bodies_go_as_the_file_says() {
    let recorder = Recorder::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("work.toml");
    let work = r#"
[[work]]
weight = 3
path = "/item?id={uniform 1..9}"

[[work]]
method = "PUT"
path = "/item?id={uniform 10..99}"
body = '{"value": {uniform 100..999}}'
"#;
    std::fs::write(&file, work).unwrap();
    let pace = ["--rate", "400", "--duration", "1s", "--warmup", "0"];
    let (_, json) = load_json(&[&[&*recorder.url, "--work", file.to_str().unwrap()], &pace[..]].concat());
    assert_eq!(json["requests_ok"], 400, "{json:#}");
    assert_eq!(json["endpoints"]["PUT /item?id={uniform 10..99}"]["requests"], 100, "{json:#}");
    assert_eq!(json["targets"][1]["method"], "PUT");
    let asked = sorted(recorder.take());
    let (gets, puts): (Vec<_>, Vec<_>) = asked.iter().partition(|(line, _)| line.starts_with("GET /item?id="));
    assert_eq!((gets.len(), puts.len()), (300, 100));
    assert!(gets.iter().all(|(_, body)| body.is_empty()));
    for (line, body) in puts {
        assert!(line.starts_with("PUT /item?id=") && line.len() == "PUT /item?id=42".len(), "{line}");
        let value: Value = serde_json::from_str(body).unwrap();
        assert!((100..=999).contains(&value["value"].as_u64().unwrap()), "{body}");
    }

    let put = ["--method", "PUT", "--body", "x{uniform 1..3}", "--duration", "100ms", "--warmup", "0"];
    load_json(&[&[&*recorder.url], &put[..]].concat());
    let asked = sorted(recorder.take());
    assert!(
        !asked.is_empty() && asked.iter().all(|(line, body)| line == "PUT /" && ["x1", "x2", "x3"].contains(&&**body))
    );
}

#[test]
fn wrong_templates_say_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("work.toml");
    std::fs::write(&file, "[[work]]\npath = \"/a\"\n\n[[work]]\npath = \"/item?id={zipf 1..10}\"\n").unwrap();
    let right = folder.path().join("right.toml");
    std::fs::write(&right, "[[work]]\npath = \"/a\"\n").unwrap();
    let (file, right) = (file.to_str().unwrap(), right.to_str().unwrap());
    let cases: [(&[&str], &str); 9] = [
        (&["http://127.0.0.1/?id={id}"], "{id}: it is not a key; write {uniform 1..1000} or {zipf 1..1000 0.99}"),
        (&["http://127.0.0.1/?id={zipf 1..10 -1}"], "{zipf 1..10 -1}: the exponent must be 0 or more"),
        (&["http://127.0.0.1/?id={uniform 5..1}"], "ends before it begins"),
        (&["http://127.0.0.1/?id={uniform 1..5"], "is not closed"),
        (&["http://127.0.0.1/", "--body", "x"], "a GET has no body; say PUT or POST (--method)"),
        (&["http://127.0.0.1/", "--method", "PUT", "--body", "{zipf 1..5}"], "zipf needs an exponent"),
        (&["http://127.0.0.1/", "--work", file], "work.toml:5: {zipf 1..10}: zipf needs an exponent"),
        (&["http://127.0.0.1/?a=b", "--work", right], "give http://HOST:PORT alone"),
        (&["http://127.0.0.1/", "--work", "/nowhere.toml"], "cannot read /nowhere.toml"),
    ];
    for (arguments, says) in cases {
        let output = load(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(says), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn an_experiment_draws_keys_and_writes() {
    let node = Node::start(&["--node", "node1", "--log-level", "error", "--store", "memory:1001"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    let out = folder.path().join("results");
    let text = format!(
        r#"question = "Do popular rows cost less than any rows?"

[[work]]
path = "/item?id={{uniform 1..1000}}"

[[arms]]
name = "all-alike"
target = "{url}"

[[arms]]
name = "popular"
target = "{url}"

[[arms.work]]
weight = 9
path = "/item?id={{zipf 1..1000 0.99}}"

[[arms.work]]
method = "PUT"
path = "/item?id={{zipf 1..1000 0.99}}"
body = "secret-{{uniform 1..9}}"
"#,
        url = node.url("")
    );
    std::fs::write(&file, text).unwrap();
    let mut command = webapp();
    command.args(["bench", "--blocks", "2", "--window", "500ms", "--fractions", "0.5"]);
    let output = command.arg("--experiment").arg(&file).arg("--out").arg(&out).output().unwrap();
    // 3: on a busy machine, runs beside other processes are not valid. Everything else is the same.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", stderr(&output));
    let runs = std::fs::read_to_string(out.join("runs.jsonl")).unwrap();
    for arm in ["all-alike", "popular"] {
        let of: Vec<Value> = runs
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|run: &Value| run["arm"] == arm)
            .collect();
        assert!(!of.is_empty(), "{runs}");
        for run in of {
            let load = &run["load"];
            assert_eq!(
                load["requests_ok"], load["requests_total"],
                "{:#} {:#}",
                load["errors"], load["error_examples"]
            );
            assert!(load["requests_ok"].as_u64().unwrap() > 0, "{load:#}");
            let writes = load["endpoints"]["PUT /item?id={zipf 1..1000 0.99}"]["requests"].as_u64();
            assert_eq!(writes.is_some(), arm == "popular", "{load:#}");
        }
    }
    assert!(
        node.get("/item?id=1").json()["result"]["version"].as_u64().unwrap() > 1,
        "the most popular row was written"
    );
}
