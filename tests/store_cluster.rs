//! Correct under fire: stores of several servers, with writers and readers who know the versions, while servers die. Short here;
//! WEBAPP_CHECK_SECONDS makes each part longer. Tests that need a server that is not installed are ignored by name.

#![allow(clippy::unwrap_used)]

mod common;
mod store_support;

use std::collections::HashMap;
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Answer, PATIENCE, try_read_answer, webapp};
use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};
use store_support::Kind;
use tempfile::TempDir;

const ROWS: u64 = 200;
const WRITERS: u64 = 3;

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, kind, test) in [
        ("mariadb_replica_and_primary_die_under_fire", Kind::Mariadb, replicas as fn()),
        ("mariadb_shard_dies_under_fire", Kind::Mariadb, shards),
        ("redis_replicas_follow_a_promotion", Kind::Redis, redis_replicas),
    ] {
        let trial = Trial::test(name, move || {
            test();
            Ok(())
        });
        trials.push(trial.with_ignored_flag(!kind.is_installed()));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// How long a part of a test lasts.
fn part() -> Duration {
    let seconds = std::env::var("WEBAPP_CHECK_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(1.0))
}

/// A cluster of its own, without quotas; down when dropped.
struct Cluster {
    folder: TempDir,
    nodes: Vec<String>,
}

impl Cluster {
    fn up(words: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("webapp-c").tempdir_in("/tmp").unwrap();
        let mut cluster = Self { folder, nodes: Vec::new() };
        let rows = ROWS.to_string();
        let words: Vec<&str> = words.split_whitespace().collect();
        let fixed = ["up", "--nodes", "2", "--unit-cpu", "none", "--store-rows", &rows];
        let answer = cluster.run(&[&fixed[..], &words].concat());
        cluster.nodes = answer["nodes"].as_array().unwrap().iter().map(|node| address(&node["url"])).collect();
        cluster
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = webapp();
        command.arg("cluster").args(words).args(["--name", "t"]);
        command.env("WEBAPP_STATE_DIR", self.folder.path().join("s")).env("WEBAPP_BIN", env!("CARGO_BIN_EXE_webapp"));
        command
    }

    fn run(&self, words: &[&str]) -> Value {
        self.attempt(words).unwrap_or_else(|said| panic!("{words:?}: {said}"))
    }

    /// The answer, or what it said when it failed.
    fn attempt(&self, words: &[&str]) -> Result<Value, String> {
        let output = self.command(words).output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// Runs what must be refused; gives what was said.
    fn refused(&self, words: &[&str]) -> String {
        let output = self.command(words).output().unwrap();
        assert!(!output.status.success(), "{words:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn service(&self, name: &str) -> Value {
        let status = self.run(&["status"]);
        status["services"].as_array().unwrap().iter().find(|service| service["name"] == name).cloned().unwrap()
    }

    /// Waits until every node says this of its store's servers.
    fn wait(&self, what: &str, holds: impl Fn(&[Value]) -> bool) {
        for node in &self.nodes {
            let end = Instant::now() + PATIENCE;
            loop {
                let stats = ask(node, "GET", "/stats", "").map(|answer| answer.json()).unwrap_or_default();
                if stats["store"]["targets"].as_array().is_some_and(|targets| holds(targets)) {
                    break;
                }
                assert!(Instant::now() < end, "{what}: {}", stats["store"]["targets"]);
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.command(&["down", "--quiet"]).output();
    }
}

fn address(url: &Value) -> String {
    url.as_str().unwrap().trim_start_matches("http://").to_owned()
}

/// One request on a connection of its own.
fn ask(node: &str, method: &str, target: &str, body: &str) -> Result<Answer, String> {
    let mut stream = TcpStream::connect(node).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: t\r\nAccept: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).map_err(|error| error.to_string())?;
    try_read_answer(&mut stream, false)
}

/// What was acknowledged, and what is wrong.
#[derive(Default)]
struct Ledger {
    /// By row: version and when it was acknowledged, in order.
    acknowledged: Mutex<HashMap<u64, Vec<(u64, Instant)>>>,
    writes: AtomicU64,
    reads: AtomicU64,
    /// Writes that were sent and not answered: nobody knows.
    unknown: AtomicU64,
    refused_reads: Mutex<Vec<String>>,
    refused_writes: Mutex<Vec<String>>,
    problems: Mutex<Vec<String>>,
}

impl Ledger {
    /// The newest version of a row that was acknowledged until then; rows begin with 1.
    fn version_at(&self, id: u64, moment: Instant) -> u64 {
        let acknowledged = self.acknowledged.lock().unwrap();
        let of_row = acknowledged.get(&id).map_or(&[][..], Vec::as_slice);
        of_row.iter().rev().find(|(_, when)| *when <= moment).map_or(1, |(version, _)| *version)
    }

    fn last_version(&self, id: u64) -> u64 {
        self.version_at(id, Instant::now())
    }

    /// A writer has rows of its own, so that it knows which version comes next.
    fn write(&self, node: &str, id: u64) {
        let next = self.last_version(id) + 1;
        // A refusal says that nothing was written; no answer, or one that came too late, says nothing.
        match ask(node, "PUT", &format!("/item?id={id}"), &format!("{id} {next}")) {
            Ok(answer) if answer.status == 200 => {
                let version = answer.json()["result"]["version"].as_u64().unwrap();
                let unknown = self.unknown.load(Ordering::SeqCst);
                if version < next || version > next + unknown {
                    self.problem(format!("row {id} got version {version} after {}", next - 1));
                }
                let mut acknowledged = self.acknowledged.lock().unwrap();
                acknowledged.entry(id).or_default().push((version, Instant::now()));
                self.writes.fetch_add(1, Ordering::SeqCst);
            }
            Ok(answer) => {
                // Known to be away, it was not asked; what was under way when it died may have been done.
                self.unknown.fetch_add(1, Ordering::SeqCst);
                self.refused_writes.lock().unwrap().push(answer.text());
            }
            Err(why) => self.problem(format!("a node gave no answer: {why}")),
        }
    }

    fn read(&self, node: &str, id: u64) {
        let start = Instant::now();
        match ask(node, "GET", &format!("/item?id={id}"), "") {
            Ok(answer) if answer.status == 200 => {
                self.reads.fetch_add(1, Ordering::SeqCst);
                let body = answer.json();
                let row = &body["result"];
                let (version, value) = (row["version"].as_u64().unwrap(), row["value"].as_str().unwrap());
                if row["id"] != id || (version > 1 && !value.starts_with(&format!("{id} "))) {
                    self.problem(format!("asked for {id}, got {row}"));
                }
                let lag = body["lag_milliseconds"].as_f64().unwrap_or(0.0);
                let covered = start.checked_sub(Duration::from_secs_f64(lag / 1e3));
                let least = covered.map_or(1, |covered| self.version_at(id, covered));
                if version < least {
                    self.problem(format!("row {id} is of version {version}, {least} was acknowledged before: {body}"));
                }
            }
            Ok(answer) => self.refused_reads.lock().unwrap().push(answer.text()),
            Err(why) => self.problem(format!("a node gave no answer: {why}")),
        }
    }

    fn problem(&self, text: String) {
        self.problems.lock().unwrap().push(text);
    }

    /// Every row as a node gives it now: how many acknowledged writes are missing.
    fn missing(&self, node: &str) -> u64 {
        let missing = |id| {
            let now = ask(node, "GET", &format!("/item?id={id}"), "").unwrap().json()["result"]["version"].as_u64();
            self.last_version(id).saturating_sub(now.unwrap_or_else(|| panic!("row {id} is gone")))
        };
        (0..ROWS).map(missing).sum()
    }

    fn take_refused(&self) -> [Vec<String>; 2] {
        [&self.refused_reads, &self.refused_writes].map(|refused| std::mem::take(&mut *refused.lock().unwrap()))
    }
}

/// Writers and readers, until it is dropped.
struct Fire {
    over: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Fire {
    fn start(ledger: &Arc<Ledger>, nodes: &[String], readers: u64) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let spawn = |number: u64| {
            let (ledger, over) = (Arc::clone(ledger), Arc::clone(&over));
            let node = nodes[number as usize % nodes.len()].clone();
            std::thread::spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    if number < WRITERS {
                        ledger.write(&node, fastrand::u64(..ROWS / WRITERS) * WRITERS + number);
                    } else {
                        ledger.read(&node, fastrand::u64(..ROWS));
                    }
                }
            })
        };
        Self { threads: (0..WRITERS + readers).map(spawn).collect(), over }
    }
}

impl Drop for Fire {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

fn has(target: &Value, role: &str, up: bool) -> bool {
    target["role"] == role && target["up"] == up
}

/// A replica dies and comes back; the primary dies while it is away, and with it what the replica had not got.
fn replicas() {
    let cluster = Cluster::up("--store mariadb --replicas 1");
    let follows = |targets: &[Value]| has(&targets[0], "primary", true) && targets[1]["lag_milliseconds"].is_number();
    cluster.wait("the replica follows", follows);
    let ledger = Arc::new(Ledger::default());
    {
        let _fire = Fire::start(&ledger, &cluster.nodes, 3);
        std::thread::sleep(part());
        cluster.run(&["kill", "store2"]);
        std::thread::sleep(part());
        cluster.run(&["start", "store2"]);
        std::thread::sleep(part());
    }
    let [reads, writes] = ledger.take_refused();
    assert!(reads.is_empty() && writes.is_empty(), "{reads:?} {writes:?}");
    assert_eq!(*ledger.problems.lock().unwrap(), Vec::<String>::new());
    assert!(ledger.reads.load(Ordering::SeqCst) > 50 && ledger.writes.load(Ordering::SeqCst) > 50);
    cluster.wait("it follows again", follows);
    let of_replica =
        ask(&cluster.nodes[0], "GET", "/stats", "").unwrap().json()["store"]["targets"][1]["reads_total"].clone();
    assert!(of_replica.as_u64().unwrap() > 10, "{of_replica}");

    // From here on nothing reaches the replica: for less than the 5 s behind which it would get no reads.
    cluster.run(&["kill", "store2"]);
    {
        let _fire = Fire::start(&ledger, &cluster.nodes, 0);
        std::thread::sleep(part().min(Duration::from_secs(2)));
        cluster.run(&["kill", "store1"]);
        // Those that are under way end; the rest is refused at once.
        std::thread::sleep(Duration::from_millis(300));
    }
    cluster.run(&["start", "store2"]);
    let [_, writes] = ledger.take_refused();
    assert!(!writes.is_empty() && writes.iter().all(|text| text.contains("(primary)")), "{writes:?}");
    cluster.wait("the primary is away, the replica answers", |targets| {
        has(&targets[0], "primary", false) && has(&targets[1], "replica", true)
    });
    // Reads go on, and nobody can write.
    let read = ask(&cluster.nodes[1], "GET", "/item?id=1", "").unwrap();
    assert_eq!(read.status, 200, "{}", read.text());
    assert_eq!(ask(&cluster.nodes[1], "PUT", "/item?id=1", "x").unwrap().status, 503);

    let unknown = ledger.unknown.load(Ordering::SeqCst);
    let promoted = cluster.run(&["promote", "store2"]);
    let promotion = &promoted["promotions"][0];
    assert_eq!((&promotion["promoted"], &promotion["instead_of"]), (&json!("store2"), &json!("store1")));
    let counted = promotion["lost_writes"].as_u64().unwrap();
    cluster.wait("the nodes follow", |targets| has(&targets[1], "primary", true));
    let missing = ledger.missing(&cluster.nodes[0]);
    assert!(missing > 0, "the replica had been cut off from writes");
    // What was counted is what was lost; beyond it only what nobody had an answer to.
    assert!(
        (missing..=missing + unknown.min(WRITERS)).contains(&counted),
        "{counted} counted, {missing} missing, {unknown} unknown"
    );
    assert_eq!(ask(&cluster.nodes[0], "PUT", "/item?id=1", "1 new").unwrap().status, 200);

    // The old one comes back as a replica of the new one, with its rows.
    cluster.run(&["start", "store1"]);
    assert_eq!(cluster.service("store1")["role"], "replica");
    cluster.wait("the old one follows", |targets| {
        has(&targets[0], "replica", true)
            && targets[0]["lag_milliseconds"].is_number()
            && has(&targets[1], "primary", true)
    });
    // And on purpose, nothing is lost.
    let back = cluster.run(&["promote", "store1"]);
    assert_eq!(back["promotions"][1], json!({"promoted": "store1", "instead_of": "store2", "lost_writes": 0}));
    cluster.wait("the nodes follow back", |targets| {
        has(&targets[0], "primary", true) && has(&targets[1], "replica", true)
    });
    assert_eq!(ask(&cluster.nodes[1], "PUT", "/item?id=1", "1 newer").unwrap().status, 200);
    assert!(cluster.refused(&["promote", "store1"]).contains("is a primary already"));
    assert!(cluster.refused(&["promote", "store9"]).contains("no store store9"));
}

/// One of two shards dies: the rows of the other go on, and nothing that was acknowledged is lost when it is back.
fn shards() {
    let cluster = Cluster::up("--store mariadb --shards 2");
    cluster.wait("both are there", |targets| targets.iter().all(|target| has(target, "shard", true)));
    let dead = cluster.service("store2")["address"].as_str().unwrap().to_owned();
    let ledger = Arc::new(Ledger::default());
    {
        let _fire = Fire::start(&ledger, &cluster.nodes, 3);
        std::thread::sleep(part());
        cluster.run(&["kill", "store2"]);
        std::thread::sleep(part());
        cluster.run(&["start", "store2"]);
        std::thread::sleep(part());
    }
    let [reads, writes] = ledger.take_refused();
    assert!(!reads.is_empty() && !writes.is_empty());
    for refusal in reads.iter().chain(&writes) {
        assert!(refusal.contains(&dead) && refusal.contains("(shard 2 of 2)"), "{refusal}");
    }
    assert_eq!(*ledger.problems.lock().unwrap(), Vec::<String>::new());
    cluster.wait("both are there again", |targets| targets.iter().all(|target| has(target, "shard", true)));
    assert_eq!(ledger.missing(&cluster.nodes[1]), 0);
    assert!(cluster.refused(&["promote", "store2"]).contains("nobody else has its rows"));
}

/// A Redis that died comes back empty: not as the primary, while a replica has the rows.
fn redis_replicas() {
    let cluster = Cluster::up("--store redis --replicas 2");
    let all_follow = |targets: &[Value]| targets[1..].iter().all(|target| target["lag_milliseconds"].is_number());
    cluster.wait("they follow", all_follow);
    assert_eq!(ask(&cluster.nodes[0], "PUT", "/item?id=7", "seven").unwrap().json()["result"]["version"], 2);
    cluster.run(&["kill", "store1"]);
    assert!(cluster.refused(&["start", "store1"]).contains("promote store2"));
    // Either may be a step ahead of the other, and that one it has to be.
    let (place, promoted) = match cluster.attempt(&["promote", "store3"]) {
        Ok(promoted) => (2, promoted),
        Err(said) => {
            assert!(said.contains("promote store2"), "{said}");
            (1, cluster.run(&["promote", "store2"]))
        }
    };
    assert_eq!(promoted["promotions"][0]["lost_writes"], Value::Null);
    cluster.run(&["start", "store1"]);
    cluster.wait("all follow the new one", |targets| {
        let follows = |target: &Value| target["lag_milliseconds"].is_number();
        let mut others = targets.iter().enumerate().filter(|(at, _)| *at != place);
        has(&targets[place], "primary", true) && others.all(|(_, target)| follows(target))
    });
    for node in &cluster.nodes {
        for _ in 0..6 {
            let body = ask(node, "GET", "/item?id=7", "").unwrap().json();
            assert_eq!((&body["result"]["value"], &body["result"]["version"]), (&json!("seven"), &json!(2)), "{body}");
        }
    }
}
