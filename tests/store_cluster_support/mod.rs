//! Clusters for the tests of stores of several servers.

#![allow(clippy::unwrap_used)]

pub mod checkers;
pub mod redis_cluster;
pub mod reshard;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Answer, PATIENCE, try_read_answer, webapp};

/// Rows of every cluster here.
pub const ROWS: u64 = 200;

/// How long a part of a test lasts.
pub fn part() -> Duration {
    let seconds = std::env::var("WEBAPP_CHECK_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(1.0))
}

/// A cluster of its own, without quotas; down when dropped.
pub struct Cluster {
    folder: TempDir,
    pub nodes: Vec<String>,
}

impl Cluster {
    pub fn up(words: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("webapp-c").tempdir_in("/tmp").unwrap();
        let mut cluster = Self { folder, nodes: Vec::new() };
        let rows = ROWS.to_string();
        let words: Vec<&str> = words.split_whitespace().collect();
        let fixed = ["up", "--nodes", "2", "--unit-cpu", "none", "--store-rows", &rows];
        let answer = cluster.run(&[&fixed[..], &words].concat());
        cluster.nodes = answer["nodes"].as_array().unwrap().iter().map(|node| address(&node["url"])).collect();
        cluster
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = webapp();
        // Before the words: what stands behind "--" is for the nodes.
        command.args(["cluster", "--name", "t"]).args(words);
        command.env("WEBAPP_STATE_DIR", self.folder.path().join("s")).env("WEBAPP_BIN", env!("CARGO_BIN_EXE_webapp"));
        command
    }

    pub fn run(&self, words: &[&str]) -> Value {
        self.attempt(words).unwrap_or_else(|said| panic!("{words:?}: {said}"))
    }

    /// The answer, or what it said when it failed.
    pub fn attempt(&self, words: &[&str]) -> Result<Value, String> {
        let output = self.command(words).output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// Runs what must be refused; gives what was said.
    pub fn refused(&self, words: &[&str]) -> String {
        let output = self.command(words).output().unwrap();
        assert!(!output.status.success(), "{words:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// The same on a machine without that program.
    pub fn refused_without(&self, program: &str, words: &[&str]) -> String {
        let folder = self.folder.path().join("programs");
        std::fs::create_dir_all(&folder).unwrap();
        let fake = folder.join(program);
        std::fs::write(&fake, "#!/bin/sh\nexit 1\n").unwrap();
        std::fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let output = self.command(words).env("PATH", path).output().unwrap();
        assert!(!output.status.success(), "{words:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// What a Redis says to a command; its password is kept under the name `password`.
    pub fn redis(&self, store: &str, password: &str, command: &str) -> String {
        let path = self.folder.path().join("s/t/secrets").join(format!("{password}.password"));
        let password = std::fs::read_to_string(path).unwrap();
        let mut stream = TcpStream::connect(self.service(store)["address"].as_str().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "AUTH {}\r\n{command}\r\nQUIT\r\n", password.trim()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    }

    /// Lets whoever operates a MariaDB server say something to it.
    pub fn mariadb(&self, store: &str, statement: &str) {
        use mysql::prelude::Queryable;
        let password = std::fs::read_to_string(self.folder.path().join("s/t/secrets/operator.password")).unwrap();
        let address = self.service(store)["address"].as_str().unwrap().to_owned();
        let url = format!("mysql://operator:{}@{address}", password.trim());
        mysql::Conn::new(mysql::Opts::from_url(&url).unwrap()).unwrap().query_drop(statement).unwrap();
    }

    pub fn service(&self, name: &str) -> Value {
        let status = self.run(&["status"]);
        status["services"].as_array().unwrap().iter().find(|service| service["name"] == name).cloned().unwrap()
    }

    /// Waits until every node says this of its store's servers.
    pub fn wait(&self, what: &str, holds: impl Fn(&[Value]) -> bool) {
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

pub fn address(url: &Value) -> String {
    url.as_str().unwrap().trim_start_matches("http://").to_owned()
}

/// One request on a connection of its own.
pub fn ask(node: &str, method: &str, target: &str, body: &str) -> Result<Answer, String> {
    ask_with(node, method, target, "", body)
}

/// The same with further lines of the head.
pub fn ask_with(node: &str, method: &str, target: &str, lines: &str, body: &str) -> Result<Answer, String> {
    let mut stream = TcpStream::connect(node).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: t\r\nAccept: application/json\r\nConnection: close\r\n{lines}Content-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).map_err(|error| error.to_string())?;
    try_read_answer(&mut stream, false)
}

pub fn has(target: &Value, role: &str, up: bool) -> bool {
    target["role"] == role && target["up"] == up
}
