//! HTTP/1.1 as a client sees it: raw requests to the real binary, and the exact outcome of each.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/outcomes.rs"]
mod outcomes;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use common::{Node, PATIENCE, read_answer};

const OK: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_half_closed_client_is_answered() {
    let node = Node::start(&["--pool-threads", "1"]);
    for target in ["/healthz", "/fib?number=25", "/sleep?seg=0.2", "/memory?mb=1&seg=0.3"] {
        let mut stream = node.connect();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let started = Instant::now();
        assert_eq!(read_answer(&mut stream, false).status, 200, "{target}");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty() && started.elapsed() < Duration::from_secs(30), "{target}: closed after the answer");
    }
    // Half a request gets an answer too.
    let mut stream = node.connect();
    stream.write_all(b"GET /heal").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_answer(&mut stream, false).status, 400);
}

#[test]
fn a_signal_drains() {
    let mut node = Node::start(&[]);
    let mut idle = node.connect();
    idle.write_all(OK.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut idle, false).status, 200);
    let mut busy = node.connect();
    busy.write_all(b"GET /sleep?seg=1.5 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    node.wait_for_stats("/requests/in_flight", |count| count.as_u64() >= Some(1));
    node.signal(libc::SIGTERM);
    // Idle ones go at once, nobody new is let in, what is in flight is answered.
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    let answer = read_answer(&mut busy, false);
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(node.wait().success());
    assert!(std::net::TcpStream::connect(&node.address).is_err());
    assert!(node.log().contains("stopped"), "{}", node.log());
}

#[test]
fn readiness_ends_before_connections_are_refused() {
    let mut node = Node::start(&["--drain-delay", "2s"]);
    assert_eq!(node.get("/readyz").status, 200);
    node.signal(libc::SIGTERM);
    let end = Instant::now() + PATIENCE;
    while node.get("/readyz").status != 503 {
        assert!(Instant::now() < end, "/readyz stays ready");
    }
    assert_eq!(node.get("/whoami").status, 200);
    assert!(node.wait().success());
}

#[test]
fn draining_ends_when_its_time_is_over_and_a_second_signal_ends_at_once() {
    let mut node = Node::start(&["--drain-timeout", "300ms"]);
    let mut busy = node.connect();
    busy.write_all(b"GET /sleep?seg=120 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    node.wait_for_stats("/requests/in_flight", |count| count.as_u64() >= Some(1));
    node.signal(libc::SIGTERM);
    assert!(node.wait().success());
    assert!(node.log().contains("did not finish"), "{}", node.log());

    let mut node = Node::start(&["--drain-timeout", "120s"]);
    let mut busy = node.connect();
    busy.write_all(b"GET /sleep?seg=120 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    node.wait_for_stats("/requests/in_flight", |count| count.as_u64() >= Some(1));
    node.signal(libc::SIGTERM);
    std::thread::sleep(Duration::from_millis(300));
    node.signal(libc::SIGINT);
    assert_eq!(node.wait().code(), Some(128 + libc::SIGINT));
}

#[test]
fn a_socket_that_was_handed_over_is_served_and_readiness_is_told() {
    use std::os::fd::AsRawFd;
    use std::os::unix::process::CommandExt;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let supervisor = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    // The process must find its own id in LISTEN_PID (sd_listen_fds(3)), which only it can write there.
    let mut command = std::process::Command::new("sh");
    let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve --listen 127.0.0.1:1";
    command.args(["-c", script, env!("CARGO_BIN_EXE_webapp")]).env("NOTIFY_SOCKET", &path);
    let descriptor = listener.as_raw_fd();
    // SAFETY: dup2(2) and fcntl(2) may be called between fork and exec. The latter is for a listener that has the
    // number already, and with it the flag to close it.
    unsafe {
        command.pre_exec(move || {
            let handed = libc::dup2(descriptor, 3) == 3 && libc::fcntl(3, libc::F_SETFD, 0) == 0;
            if handed { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        });
    }
    let mut node = Node::spawn(command);
    assert_eq!(node.address, address);
    drop(listener);
    assert_eq!(node.get("/healthz").status, 200);
    let told = || {
        let mut message = [0; 256];
        let length = supervisor.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    assert!(told().contains("READY=1"));
    node.signal(libc::SIGTERM);
    assert!(told().contains("STOPPING=1"));
    assert!(node.wait().success());
}

#[test]
fn the_reference_engine_serves_the_same_routes() {
    let node = Node::start(&["--engine", "minihttp", "--node", "n1"]);
    let mut stream = node.connect();
    stream.write_all(b"GET /fib?number=10 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let answer = read_answer(&mut stream, false);
    assert_eq!((answer.status, answer.header("x-node")), (200, Some("n1")));
    assert_eq!(answer.json()["result"], 55);
    stream.write_all(b"GET /fib?number=abc HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut stream, false).status, 400);
    let end = Instant::now() + PATIENCE;
    while !node.log().contains("trusted clients") {
        assert!(Instant::now() < end, "no warning: {}", node.log());
    }
}
