//! Helpers of the load generator's tests: the real binary as node and as generator, and servers that misbehave.
#![allow(dead_code)] // each test binary uses its part
#![allow(clippy::unwrap_used)] // a panic is the failure of the test

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

/// The binary without the settings of the developer's shell.
pub fn webapp() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_webapp"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEBAPP_")) {
        command.env_remove(name);
    }
    command
}

/// A running node; killed when dropped.
pub struct Node {
    pub child: Child,
    pub url: String,
}

impl Node {
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = webapp()
            .args(["serve", "--listen", "127.0.0.1:0", "--node", "node1", "--log-level", "error"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, url }
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        signal_to(&self.child, signal);
    }

    /// GET, as JSON.
    pub fn get(&self, path: &str) -> Value {
        let authority = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(authority).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
        if reader.get_mut().write_all(answer).is_err() || then == Then::Close {
            return;
        }
    }
}
