//! Readers and writers at once, who know every version that was acknowledged: is an answer ever older than a cache may keep it, is
//! a write lost, does an answer belong to another row?

use std::io::Write;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::common::{Answer, Node, read_answer};

/// Rows, each with one writer.
const ROWS: u64 = 8;
/// Rounding of times that are written in whole milliseconds, on either side.
const ROUNDING: Duration = Duration::from_millis(2);

/// What a reader may count on after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// The node that took it shows it at once; others within the time to live.
    ShowAtOnceOnTheirNode,
    /// Every node shows it within the time to live.
    ShowWithinTheTime,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Answers from a cache.
    pub hits: u64,
    /// Acknowledged writes.
    pub writes: u64,
    /// Answers that were older than what was acknowledged when they were asked for, and young enough.
    pub stale: u64,
}

/// Versions of one row that were acknowledged: when, by which node.
type Acknowledged = Mutex<Vec<(Instant, usize, u64)>>;

/// Reads and writes for that long over all nodes; `accident` happens after half of it. Panics with the first answer that breaks a
/// promise.
pub fn run(nodes: &[Node], ttl: Duration, time: Duration, promise: Writes, accident: impl FnOnce()) -> Seen {
    let rows: Vec<Acknowledged> = (0..ROWS).map(|_| Mutex::new(vec![(Instant::now(), 0, 1)])).collect();
    let (stop, hits, stale) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for writer in 0..2 {
            let (rows, stop) = (&rows, &stop);
            threads.push(scope.spawn(move || write(nodes, rows, writer, stop)));
        }
        for _ in 0..3 {
            let (rows, stop, hits, stale) = (&rows, &stop, &hits, &stale);
            threads.push(scope.spawn(move || read(nodes, rows, ttl, promise, stop, hits, stale)));
        }
        std::thread::sleep(time / 2);
        accident();
        std::thread::sleep(time / 2);
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().unwrap();
        }
    });
    for (id, row) in rows.iter().enumerate() {
        // No acknowledged write is lost: asked after every cache is over.
        std::thread::sleep(if id == 0 { ttl + ROUNDING } else { Duration::ZERO });
        let (version, _) = version(&Client::new(&nodes[0]).get(id as u64), id as u64);
        assert_eq!(version, row.lock().unwrap().last().unwrap().2, "row {id}");
    }
    let writes = rows.iter().map(|row| row.lock().unwrap().len() as u64 - 1).sum();
    Seen { hits: hits.into_inner(), writes, stale: stale.into_inner() }
}

/// A connection that is kept.
struct Client(TcpStream);

impl Client {
    fn new(node: &Node) -> Self {
        Self(node.connect())
    }

    fn get(&mut self, id: u64) -> Answer {
        write!(self.0, "GET /item?id={id} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        read_answer(&mut self.0, false)
    }

    fn put(&mut self, id: u64, value: &str) -> Answer {
        let length = value.len();
        write!(self.0, "PUT /item?id={id} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{value}").unwrap();
        read_answer(&mut self.0, false)
    }
}

/// The version of an answer, and whether it is from a cache. The value names row and version, so that both can be checked.
fn version(answer: &Answer, id: u64) -> (u64, bool) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let version = body["result"]["version"].as_u64().unwrap();
    if version > 1 {
        assert_eq!(body["result"]["value"], format!("row {id} version {version}"), "{body}");
    }
    assert_eq!((&body["id"], &body["result"]["id"]), (&id.into(), &id.into()), "{body}");
    (version, body["cache"] == "hit")
}

fn write(nodes: &[Node], rows: &[Acknowledged], writer: u64, stop: &AtomicBool) {
    let mut clients: Vec<Client> = nodes.iter().map(Client::new).collect();
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // Odd rows have the one writer, even ones the other.
        let id = (turn * 2 + writer) % ROWS;
        let node = (turn as usize / 3) % nodes.len();
        let next = rows[id as usize].lock().unwrap().last().unwrap().2 + 1;
        let answer = clients[node].put(id, &format!("row {id} version {next}"));
        assert_eq!(
            (answer.status, answer.json()["result"]["version"].as_u64()),
            (200, Some(next)),
            "{}",
            answer.text()
        );
        rows[id as usize].lock().unwrap().push((Instant::now(), node, next));
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn read(
    nodes: &[Node],
    rows: &[Acknowledged],
    ttl: Duration,
    promise: Writes,
    stop: &AtomicBool,
    hits: &AtomicU64,
    stale: &AtomicU64,
) {
    let mut clients: Vec<Client> = nodes.iter().map(Client::new).collect();
    while !stop.load(Ordering::Relaxed) {
        let (id, node) = (fastrand::u64(..ROWS), fastrand::usize(..nodes.len()));
        let asked = Instant::now();
        let known = rows[id as usize].lock().unwrap().clone();
        let (version, hit) = version(&clients[node].get(id), id);
        hits.fetch_add(u64::from(hit), Ordering::Relaxed);
        let newest = known.last().unwrap().2;
        stale.fetch_add(u64::from(version < newest), Ordering::Relaxed);
        for (at, by, acknowledged) in known {
            let old = at + ttl + ROUNDING < asked;
            let own = promise == Writes::ShowAtOnceOnTheirNode && by == node;
            assert!(
                version >= acknowledged || !(old || own),
                "node {node} answers version {version} of row {id}, but {acknowledged} was acknowledged by node {by} \
                 {:?} before (hit: {hit})",
                asked - at
            );
        }
    }
}
