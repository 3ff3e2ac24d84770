//! What a node does at its limits: slow clients, too many of them, and no descriptors left.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::OK;
use crate::common::{Node, PATIENCE, read_answer, try_read_answer};

#[test]
fn slow_clients_are_let_go() {
    let node = Node::start(&[
        "--header-timeout",
        "300ms",
        "--idle-timeout",
        "300ms",
        "--body-timeout",
        "300ms",
        "--write-timeout",
        "300ms",
    ]);
    // Nothing sent: closed without a word.
    let mut silent = node.connect();
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    // Half a head, then half a body: 408.
    for half in
        ["GET /healthz HTTP/1.1\r\nHost: a\r\n", "POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe"]
    {
        let mut stream = node.connect();
        stream.write_all(half.as_bytes()).unwrap();
        let answer = read_answer(&mut stream, false);
        assert_eq!((answer.status, answer.header("connection")), (408, Some("close")), "{half:?}");
    }
    // A byte now and then does not buy more time.
    let mut stream = node.connect();
    for byte in OK.bytes().cycle() {
        if stream.write_all(&[byte.max(b'a')]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        stream.set_nonblocking(true).unwrap();
        let closed = stream.peek(&mut [0]).is_ok();
        stream.set_nonblocking(false).unwrap();
        if closed {
            break;
        }
    }
    assert_eq!(read_answer(&mut stream, false).status, 408);
    // Idle after an answer: closed without a word.
    let mut stream = node.connect();
    stream.write_all(OK.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut stream, false).status, 200);
    rest.clear();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    // A client that asks for much and reads nothing is cut.
    let mut stream = node.connect();
    stream.write_all(b"GET /payload?kb=100000 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_secs(1));
    node.wait_for_stats("/connections/open", |open| open == 0);
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received);
    assert!(received.len() < 100_000_000, "{} bytes", received.len());
}

#[test]
fn one_connection_too_many_is_told_so() {
    let node = Node::start(&["--max-connections", "3"]);
    let mut streams: Vec<_> = (0..3).map(|_| node.connect()).collect();
    for stream in &mut streams {
        stream.write_all(OK.as_bytes()).unwrap();
        assert_eq!(read_answer(stream, false).status, 200);
    }
    let mut refused = node.connect();
    refused.write_all(OK.as_bytes()).unwrap();
    let answer = read_answer(&mut refused, false);
    assert_eq!(
        (answer.status, answer.header("retry-after"), answer.header("connection")),
        (503, Some("1"), Some("close"))
    );
    drop(streams.pop());
    let end = Instant::now() + PATIENCE;
    while node.get("/healthz").status != 200 {
        assert!(Instant::now() < end, "the place is not given back");
    }
    let rejected = node.wait_for_stats("/connections/rejected_total", |total| total.as_u64() >= Some(1));
    assert!(rejected.as_u64().unwrap() >= 1);
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let mut command = std::process::Command::new("sh");
    command.args([
        "-c",
        "ulimit -n 60; exec \"$0\" serve --listen 127.0.0.1:0 --max-connections 1000",
        env!("CARGO_BIN_EXE_webapp"),
    ]);
    let node = Node::spawn(command);
    let streams: Vec<_> = (0..200).map(|_| node.connect()).collect();
    std::thread::sleep(Duration::from_millis(500));
    drop(streams);
    let end = Instant::now() + PATIENCE;
    let mut stream = node.connect();
    stream.write_all(OK.as_bytes()).unwrap();
    while try_read_answer(&mut stream, false).is_err() {
        assert!(Instant::now() < end, "no answer any more");
        stream = node.connect();
        let _ = stream.write_all(OK.as_bytes());
    }
    let errors = node.wait_for_stats("/connections/accept_errors_total", |errors| errors.as_u64() >= Some(1));
    // Backing off makes a few errors of what would be thousands.
    assert!(errors.as_u64() < Some(100), "{errors} errors");
    let complaints = node.log().lines().filter(|line| line.contains("cannot accept")).count();
    assert!(complaints == 1, "logged {complaints} times: {}", node.log());
}

#[test]
fn a_flood_of_half_open_connections_does_not_lock_others_out() {
    let node = Node::start(&["--header-timeout", "2s"]);
    let mut slow: Vec<_> = (0..2_000).map(|_| node.connect()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /whoami HTTP/1.1\r\nX: ").unwrap();
    }
    for _ in 0..50 {
        assert_eq!(node.get("/whoami").status, 200);
    }
    drop(slow);
    node.wait_for_stats("/connections/open", |open| open.as_u64() <= Some(1));
}

#[test]
fn a_client_that_never_pauses_does_not_keep_a_worker_to_itself() {
    let node = Node::start(&["--workers", "1"]);
    let mut sender = node.connect();
    let mut receiver = sender.try_clone().unwrap();
    let flood = OK.repeat(2_000);
    let sending = std::thread::spawn(move || while sender.write_all(flood.as_bytes()).is_ok() {});
    let receiving = std::thread::spawn(move || std::io::copy(&mut receiver, &mut std::io::sink()));
    for _ in 0..50 {
        assert_eq!(node.get("/healthz").status, 200);
    }
    drop(node);
    sending.join().unwrap();
    let _ = receiving.join().unwrap();
}

#[test]
fn memory_is_given_back_while_idle() {
    let node = Node::start(&["--max-connections", "2000"]);
    let resident = |node: &Node| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", node.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().to_owned();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    node.get("/healthz");
    let before = resident(&node);
    // Each has filled both of its buffers once.
    let large = format!("GET /payload?kb=12 HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "v".repeat(15_000));
    let idle: Vec<_> = (0..1_000)
        .map(|_| {
            let mut stream = node.connect();
            stream.write_all(large.as_bytes()).unwrap();
            assert_eq!(read_answer(&mut stream, false).body.len(), 12_000);
            stream
        })
        .collect();
    let each = resident(&node).saturating_sub(before) / idle.len() as u64;
    // Buffers that are kept would alone be 28 KiB.
    assert!(each < 20, "{each} KiB for an idle connection");
}

#[test]
fn what_is_lowered_to_the_limit_of_open_files_is_said_once() {
    let cases = [
        ("1000", "--max-connections 900", "at most 744 connections are served at once instead of 900"),
        ("1000", "--max-connections 700", ""),
        ("256", "", "at most 16 connections are served at once instead of 10,000"),
        ("256", "--max-connections 16", ""),
    ];
    for (limit, asked, says) in cases {
        let mut command = std::process::Command::new("sh");
        let script = format!("ulimit -n {limit}; exec \"$0\" serve --listen 127.0.0.1:0 {asked}");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_webapp")]);
        let node = Node::spawn(command);
        assert_eq!(node.get("/healthz").status, 200);
        // The last line of the start.
        let end = Instant::now() + PATIENCE;
        while !node.log().contains("pool threads") && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        let said: Vec<String> =
            node.log().lines().filter(|line| line.contains("served at once")).map(str::to_owned).collect();
        assert_eq!(said.len(), usize::from(!says.is_empty()), "{limit}, {asked}: {}", node.log());
        assert!(said.iter().all(|line| line.contains(says) && line.contains("LimitNOFILE=")), "{said:?}");
        let files = std::fs::read_to_string(format!("/proc/{}/limits", node.child.id())).unwrap();
        assert!(files.lines().any(|line| line.starts_with("Max open files") && line.contains(limit)), "{files}");
    }
}
