//! What the tests share: the real binary, started on a free port and ended with the test.
#![allow(dead_code, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Longest wait for anything that must happen; far above what a slow machine needs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running node; killed when dropped.
pub struct Node {
    pub child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
    log: Arc<Mutex<String>>,
}

/// A command that runs the binary under test, without the caller's settings for it.
pub fn webapp() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_webapp"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WEBAPP_")) {
        command.env_remove(name);
    }
    command
}

impl Node {
    /// Starts `webapp serve` on a free port with further arguments.
    pub fn start(arguments: &[&str]) -> Node {
        let mut command = webapp();
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        Node::spawn(command)
    }

    /// Starts a prepared command and waits for its first line.
    pub fn spawn(mut command: Command) -> Node {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (seen, stderr) = (log.clone(), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                seen.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            let _ = child.kill();
            std::thread::sleep(Duration::from_millis(100));
            panic!("no address in {line:?}; the log says: {}", log.lock().unwrap());
        };
        Node { child, address: address.to_owned(), log }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// One GET on a connection of its own.
    pub fn get(&self, target: &str) -> Answer {
        self.get_with(target, "")
    }

    /// One GET with further header lines, each ended by CRLF.
    pub fn get_with(&self, target: &str, headers: &str) -> Answer {
        let request = format!("GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        read_answer(&mut stream, false)
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: a signal to a child that was not waited for yet, so the id is still its own.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    /// Waits for the process to end.
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the node did not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What the node has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// A member of `/stats`, by JSON pointer, once it is what the test waits for.
    pub fn wait_for_stats(&self, pointer: &str, holds: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let stats = self.get("/stats").json();
            let value = stats.pointer(pointer).cloned().unwrap_or_default();
            if holds(&value) {
                return value;
            }
            assert!(Instant::now() < end, "{pointer} stays {value}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Reads one answer; `head_only` when the request was HEAD. Panics with what came when there is none.
pub fn read_answer(stream: &mut impl Read, head_only: bool) -> Answer {
    try_read_answer(stream, head_only).expect("an answer")
}

/// Reads one answer, or gives what came instead.
pub fn try_read_answer(stream: &mut impl Read, head_only: bool) -> Result<Answer, String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            Ok(_) => return Err(format!("the end, after {:?}", String::from_utf8_lossy(&head))),
            Err(error) => return Err(format!("{error}, after {:?}", String::from_utf8_lossy(&head))),
        }
    }
    let head = String::from_utf8(head).map_err(|error| error.to_string())?;
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status: u16 = status_line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(head.clone())?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; if head_only { 0 } else { length }];
    stream.read_exact(&mut body).map_err(|error| error.to_string())?;
    Ok(Answer { status, headers, body })
}
