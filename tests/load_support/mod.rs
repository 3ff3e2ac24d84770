//! Helpers of the load generator's tests: the real binary as node and as generator, and servers that misbehave.
#![allow(dead_code)] // each test binary uses its part
#![allow(clippy::unwrap_used)] // a panic is the failure of the test

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::common::{Node, webapp};

/// A node named `node1`, with further arguments.
pub fn node(arguments: &[&str]) -> Node {
    Node::start(&[&["--node", "node1", "--log-level", "error"], arguments].concat())
}

pub fn signal_to(child: &Child, signal: i32) {
    // SAFETY: the process is our child and was not waited for, so the number is its own.
    assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
}

/// Runs `webapp load` to its end.
pub fn load(arguments: &[&str]) -> Output {
    webapp().arg("load").args(arguments).output().unwrap()
}

/// Runs `webapp load … --json -`; gives the exit code and the JSON.
pub fn load_json(arguments: &[&str]) -> (i32, Value) {
    let output = load(&[arguments, &["--json", "-"]].concat());
    let text = String::from_utf8_lossy(&output.stderr);
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {text}"));
    (output.status.code().unwrap(), json)
}

/// What came to stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A server that gives each request the same bytes, which need not be HTTP.
pub struct Fake {
    pub url: String,
    pub requests: Arc<AtomicU64>,
}

/// What a fake does after its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Waits for the next request.
    Stay,
    /// Closes the connection.
    Close,
    /// Sends this again and again, as fast as the connection takes it.
    Flood(&'static [u8]),
    /// Sends this one byte at a time, for ever.
    Drip(u8),
    /// Sends this when nothing was asked, then waits for the next request.
    Unasked(&'static [u8]),
}

impl Fake {
    pub fn start(answer: &'static [u8], then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&requests);
        // The threads end with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                std::thread::spawn(move || serve(stream, answer, then, &count));
            }
        });
        Self { url, requests }
    }
}

fn serve(stream: TcpStream, answer: &[u8], then: Then, count: &AtomicU64) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if !matches!(reader.read_line(&mut line), Ok(read) if read > 0) {
                return;
            }
        }
        count.fetch_add(1, Ordering::SeqCst);
        let stream = reader.get_mut();
        let mut alive = stream.write_all(answer).is_ok();
        match then {
            Then::Stay => {}
            Then::Close => alive = false,
            Then::Flood(more) => {
                let much = more.repeat(64 * 1024 / more.len());
                while stream.write_all(&much).is_ok() {}
                alive = false;
            }
            Then::Drip(byte) => {
                while stream.write_all(&[byte]).is_ok() {
                    std::thread::sleep(Duration::from_millis(2));
                }
                alive = false;
            }
            Then::Unasked(more) => {
                std::thread::sleep(Duration::from_millis(5));
                alive = alive && stream.write_all(more).is_ok();
            }
        }
        if !alive {
            return;
        }
    }
}
