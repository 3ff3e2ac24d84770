//! Reads that are sent together, against a server that breaks off in the middle of its answers.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use super::*;
use crate::store::target::Target;

#[test]
fn what_a_server_is_stands_in_its_own_words() {
    let primary = "# Replication\r\nrole:master\r\nconnected_slaves:1\r\nmaster_repl_offset:4711\r\n";
    let replica = "role:slave\r\nmaster_link_status:up\r\nslave_read_repl_offset:99\r\nslave_repl_offset:42\r\nmaster_repl_offset:42\r\n";
    assert_eq!(standing(primary), Some(Standing { part: ReplicaRole::Primary, position: 4711 }));
    assert_eq!(standing(replica), Some(Standing { part: ReplicaRole::Replica, position: 42 }));
    assert_eq!(standing("# Replication\r\n"), None);
}

/// What a server of these answers says to three reads.
fn ask_three(answers: &'static str, then: After, timeout: Duration) -> Vec<Result<Option<Item>, Failure>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (done, wait) = mpsc::channel::<()>();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut buffer = [0; 4_096];
        while asked.windows(4).filter(|word| word == b"PING").count() == 0 {
            let read = stream.read(&mut buffer).unwrap();
            asked.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(b"+PONG\r\n").unwrap();
        while asked.windows(5).filter(|word| word == b"HMGET").count() < 3 {
            let read = stream.read(&mut buffer).unwrap();
            asked.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(answers.as_bytes()).unwrap();
        if then == After::Silence {
            let _ = wait.recv();
        }
    });
    let remote = Remote { port, .."redis://127.0.0.1/".parse::<Target>().map(remote).unwrap() };
    let rows = Redis::connect(&remote, timeout).unwrap().get_each(&[1, 2, 3], Instant::now() + timeout);
    drop(done);
    server.join().unwrap();
    rows
}

#[derive(Clone, Copy, PartialEq)]
enum After {
    Silence,
    Close,
}

fn remote(target: Target) -> Remote {
    match target {
        Target::Redis(remote) => remote,
        other => panic!("{other}"),
    }
}

const ROW: &str = "*3\r\n$1\r\n7\r\n$4\r\ntext\r\n$1\r\n5\r\n";
const NO_ROW: &str = "*3\r\n$-1\r\n$-1\r\n$-1\r\n";

#[test]
fn each_read_of_a_pipeline_has_its_own_answer() {
    let answers = [ROW, "-WRONGTYPE not a hash\r\n", NO_ROW].concat().leak();
    let rows = ask_three(answers, After::Silence, Duration::from_secs(20));
    let row = Item { id: 1, tag: 7, value: "text".into(), version: 5 };
    assert_eq!(rows, [Ok(Some(row)), Err(Failure::Refused("WRONGTYPE not a hash".into())), Ok(None)]);
}

#[test]
fn a_pipeline_that_breaks_off_fails_the_reads_that_have_no_answer() {
    let rows = ask_three(ROW, After::Close, Duration::from_secs(20));
    assert!(rows[0].is_ok(), "{rows:?}");
    assert!(rows[1..].iter().all(|row| matches!(row, Err(Failure::Lost(_)))) && rows.len() == 3, "{rows:?}");
}

#[test]
fn a_pipeline_waits_for_one_timeout_and_not_for_one_a_read() {
    let start = Instant::now();
    let rows = ask_three(ROW, After::Silence, Duration::from_millis(300));
    assert!(rows[0].is_ok() && rows[1..] == [Err(Failure::TimedOut), Err(Failure::TimedOut)], "{rows:?}");
    assert!(start.elapsed() < Duration::from_secs(10));
}
