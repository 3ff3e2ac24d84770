//! A client that leaves is let go: its connection ends and its request is no longer in flight, on every address that takes
//! its time, in every model, whether its job runs, waits in the queue, or holds no thread at all.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{Node, PATIENCE};

/// Longer than any test may take: what ends earlier was let go.
const FOREVER: Duration = Duration::from_secs(600);

/// Asks for `target`, and hands over the connection once the request is in flight.
fn ask(node: &Node, target: &str, in_flight: u64) -> TcpStream {
    let mut stream = node.connect();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    node.wait_for_stats("/requests/in_flight", |value| value.as_u64() >= Some(in_flight));
    // A client that closes its sending side at once may still wait for its answer.
    std::thread::sleep(Duration::from_millis(100));
    stream
}

/// Waits until no request is in flight, and nobody but the asker is connected.
fn all_are_gone(node: &Node) -> Duration {
    let start = Instant::now();
    node.wait_for_stats("/requests/in_flight", |value| value.as_u64() == Some(0));
    node.wait_for_stats("/connections/open", |value| value.as_u64() <= Some(1));
    start.elapsed()
}

#[test]
fn who_leaves_is_let_go_on_every_address_in_every_model() {
    for model in ["async", "sync"] {
        let node = Node::start(&[
            "--model",
            model,
            "--pool-threads",
            "8",
            "--max-sleep",
            "600s",
            "--max-io",
            "100GB",
            "--max-fib",
            "90",
            "--max-primes",
            "100000000",
        ]);
        // The counting of primes and the recursion cannot be stopped within; the client is let go all the same.
        for target in ["/sleep?seg=600", "/memory?mb=1&seg=600", "/fib?number=60", "/primes?cant=100000000"] {
            drop(ask(&node, target, 1));
            let waited = all_are_gone(&node);
            assert!(waited < FOREVER / 10, "{model} {target}: {waited:?}");
        }
    }
}

#[test]
fn who_leaves_is_let_go_while_the_store_hangs() {
    for model in ["async", "sync"] {
        // It takes every connection, and says nothing.
        let hangs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let store = format!("redis://{}", hangs.local_addr().unwrap());
        let node = Node::start(&[
            "--model",
            model,
            "--pool-threads",
            "8",
            "--store",
            &store,
            "--sessions",
            "store",
            "--store-connections",
            "2",
            "--store-timeout",
            "600s",
        ]);
        // Three at once: one more than there are connections, so that one waits for a connection.
        for target in ["/item?id=1", "/items?tag=1", "/session"] {
            let streams: Vec<TcpStream> = (1..=3).map(|count| ask(&node, target, count)).collect();
            drop(streams);
            let waited = all_are_gone(&node);
            assert!(waited < FOREVER / 10, "{model} {target}: {waited:?}");
        }
        assert_eq!(node.get("/whoami").status, 200);
    }
}

#[test]
fn who_leaves_the_queue_of_the_pool_is_let_go_before_a_thread_is_free() {
    let node = Node::start(&["--pool-threads", "1", "--pool-queue", "10", "--model", "sync", "--max-sleep", "600s"]);
    let first = ask(&node, "/sleep?seg=600", 1);
    let second = ask(&node, "/sleep?seg=600", 2);
    node.wait_for_stats("/pool/queued", |value| value.as_u64() == Some(1));
    drop(second);
    node.wait_for_stats("/requests/in_flight", |value| value.as_u64() == Some(1));
    // The first one is still being served.
    drop(first);
    all_are_gone(&node);
    assert_eq!(node.get("/sleep?seg=0").status, 200);
}

#[test]
fn a_drain_does_not_wait_for_those_who_left() {
    for model in ["async", "sync"] {
        let mut node = Node::start(&["--model", model, "--max-sleep", "600s", "--drain-timeout", "600s"]);
        let streams: Vec<TcpStream> = (1..=3).map(|count| ask(&node, "/sleep?seg=600", count)).collect();
        drop(streams);
        node.signal(libc::SIGTERM);
        let start = Instant::now();
        assert!(node.wait().success(), "{model}");
        assert!(start.elapsed() < PATIENCE);
    }
}

#[test]
fn a_client_that_closes_its_sending_side_at_once_gets_its_answer() {
    let node = Node::start(&[]);
    for target in ["/sleep?seg=2", "/memory?mb=1&seg=2"] {
        let mut stream = node.connect();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(common::read_answer(&mut stream, false).status, 200, "{target}");
    }
}
