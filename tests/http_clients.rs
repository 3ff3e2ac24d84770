//! HTTP/1.1 as real programs speak it: curl, ab, and nginx and HAProxy in front. Skipped, with a word, where one is missing.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Node, PATIENCE, read_answer};

/// Debian keeps nginx and haproxy where an ordinary user's PATH does not look.
fn program(name: &str) -> Option<Command> {
    let folders = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin";
    let path = folders.split(':').map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    if path.is_none() {
        eprintln!("skipped: there is no {name} here");
    }
    path.map(Command::new)
}

/// Runs curl quietly; gives what it wrote to stdout and stderr.
fn curl(arguments: &[&str]) -> Option<(String, String)> {
    let output = program("curl")?.args(["-sS", "--max-time", "60"]).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "curl {arguments:?}: {}", text(&output.stderr));
    Some((text(&output.stdout), text(&output.stderr)))
}

/// Of every answer its status, and how many connections curl opened for it.
const EACH: &str = "%{http_code} %{num_connects}\n";

#[test]
fn curl_keeps_its_connection() {
    let node = Node::start(&[]);
    let (a, b, c) = (node.url("/healthz"), node.url("/fib?number=5"), node.url("/nope"));
    let each = |arguments: &[&str]| {
        let all = [&["-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null", "-w", EACH], arguments].concat();
        curl(&all).map(|(said, _)| said)
    };
    let Some(said) = each(&[&a, &b, &c]) else { return };
    assert_eq!(said, "200 1\n200 0\n404 0\n");
    assert_eq!(each(&["-I", &a, &b, &c]).unwrap(), "200 1\n200 0\n404 0\n");
    assert_eq!(each(&["-X", "OPTIONS", &a, &b, &a]).unwrap(), "204 1\n204 0\n204 0\n");
    assert_eq!(each(&["--http1.0", &a, &b, &c]).unwrap(), "200 1\n200 1\n404 1\n");
    assert_eq!(each(&["--http1.0", "-H", "Connection: keep-alive", &a, &b, &c]).unwrap(), "200 1\n200 0\n404 0\n");
    assert_eq!(each(&["-H", "Connection: close", &a, &b, &c]).unwrap(), "200 1\n200 1\n404 1\n");
}

#[test]
fn curl_uploads_what_is_then_dropped() {
    let node = Node::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let body = |name: &str, size: usize| {
        std::fs::write(folder.path().join(name), vec![b'b'; size]).unwrap();
        format!("@{}", folder.path().join(name).display())
    };
    let (small, large) = (body("small", 900_000), body("large", 3_000_000));
    let url = node.url("/healthz");
    let twice = |arguments: &[&str]| {
        curl(&[&["-v", "-w", EACH, "-o", "/dev/null", "-o", "/dev/null"], arguments, &[&url, &url]].concat())
    };
    // A body that is waited for is asked for, read, and does not run as a request.
    let expect = ["-X", "GET", "-H", "Expect: 100-continue", "--data-binary", &small];
    let Some((said, log)) = twice(&expect) else { return };
    assert_eq!((said.as_str(), log.matches("HTTP/1.1 100 Continue").count()), ("200 1\n200 0\n", 2), "{log}");
    let chunked = ["-X", "GET", "-H", "Transfer-Encoding: chunked", "-H", "Expect:", "--data-binary", &small];
    assert_eq!(twice(&chunked).unwrap().0, "200 1\n200 0\n");
    let plain = ["-H", "Expect:", "--data-binary", &small];
    assert_eq!(twice(&plain).unwrap().0, "405 1\n405 0\n");
    // One that is refused at once is not sent.
    let refused = ["-H", "Expect: 100-continue", "--data-binary", &small];
    let (said, log) = twice(&refused).unwrap();
    assert_eq!((said.as_str(), log.matches("100 Continue").count()), ("405 1\n405 1\n", 0), "{log}");
    let too_large = ["-X", "GET", "-H", "Expect: 100-continue", "--data-binary", &large];
    assert_eq!(twice(&too_large).unwrap().0, "413 1\n413 1\n");
}

#[test]
fn ab_keeps_its_connections_by_http_1_0() {
    let node = Node::start(&[]);
    let before = accepted(&node);
    let Some(mut ab) = program("ab") else { return };
    let output = ab.args(["-q", "-k", "-n", "2000", "-c", "8", &node.url("/healthz")]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let figure = |name: &str| {
        let line = said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}: {said}"));
        line.split_whitespace().last().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!((figure("Complete requests"), figure("Failed requests")), (2_000, 0), "{said}");
    assert_eq!(figure("Keep-Alive requests"), 2_000, "{said}");
    // ab opens a spare connection a worker at its end; the rest of the room is for the looks at /stats.
    assert!(accepted(&node) - before < 60, "{said}");
}

fn accepted(node: &Node) -> u64 {
    // The figure is as old as the last sample.
    std::thread::sleep(Duration::from_millis(1_200));
    node.get("/stats").json()["connections"]["accepted_total"].as_u64().unwrap()
}

/// A balancer in front of a node; ended with the test.
struct Balancer {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // nginx ends its workers only when it is asked to: one that is killed leaves them behind.
        // SAFETY: signals a child that was not waited for yet, so that its number is still its own.
        unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGTERM) };
        let end = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Balancer {
    /// Starts a program on a configuration that `configure` writes for an address and a folder of its own.
    fn start(
        mut command: Command,
        options: impl Fn(&Path) -> Vec<String>,
        configure: impl Fn(&str, &Path) -> String,
    ) -> Balancer {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let address = free.to_string();
        std::fs::write(folder.path().join("config"), configure(&address, folder.path())).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        command.args(options(folder.path())).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let balancer = Balancer { child: command.spawn().unwrap(), address, folder };
        let end = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(&balancer.address).is_err() {
            let log = std::fs::read_to_string(balancer.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "the balancer does not listen: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        balancer
    }

    /// Asks what a client behind the balancer asks, many times on one connection, and says how many connections the node
    /// took for it.
    fn converse(&self, node: &Node) -> u64 {
        let before = accepted(node);
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        for (method, target, status) in [
            ("GET", "/whoami", 200),
            ("HEAD", "/whoami", 200),
            ("GET", "/fib?number=10", 200),
            ("GET", "/payload?kb=500", 200),
            ("OPTIONS", "/fib", 204),
            ("GET", "/nope", 404),
            ("GET", "/fib?number=x", 400),
            ("GET", "/sleep?seg=0.01", 200),
            ("POST", "/fib", 405),
        ]
        .repeat(20)
        {
            let body = if method == "POST" { "Content-Length: 5\r\n\r\nhello" } else { "\r\n" };
            write!(stream, "{method} {target} HTTP/1.1\r\nHost: a\r\n{body}").unwrap();
            let answer = read_answer(&mut stream, method == "HEAD" || status == 204);
            assert_eq!(answer.status, status, "{method} {target}: {}", answer.text());
            assert_eq!(answer.header("x-node"), Some("n1"), "{method} {target}");
        }
        accepted(node) - before
    }
}

fn nginx(node: &Node, server: &str) -> Option<Balancer> {
    let configure = |address: &str, folder: &Path| {
        let folder = folder.display();
        format!(
            "daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/log;
             events {{ worker_connections 256; }}
             http {{
               access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
               fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
               upstream nodes {{ server {}; keepalive 8; }}
               server {{ listen {address}; location / {{ proxy_pass http://nodes; {server} }} }}
             }}",
            node.address
        )
    };
    let options = |folder: &Path| {
        ["-p", "FOLDER", "-c", "FOLDER/config"]
            .map(|word| word.replace("FOLDER", &folder.display().to_string()))
            .to_vec()
    };
    Some(Balancer::start(program("nginx")?, options, configure))
}

#[test]
fn nginx_in_front_keeps_its_connections() {
    let node = Node::start(&["--node", "n1"]);
    let Some(nginx) = nginx(&node, "proxy_http_version 1.1; proxy_set_header Connection \"\";") else { return };
    let taken = nginx.converse(&node);
    assert!(taken < 10, "{taken} connections for 180 requests");
}

#[test]
fn nginx_in_front_by_http_1_0() {
    let node = Node::start(&["--node", "n1"]);
    let Some(nginx) = nginx(&node, "proxy_http_version 1.0;") else { return };
    let taken = nginx.converse(&node);
    assert!((180..200).contains(&taken), "{taken} connections for 180 requests");
}

#[test]
fn haproxy_in_front_keeps_its_connections_and_finds_the_node_healthy() {
    let node = Node::start(&["--node", "n1"]);
    let Some(command) = program("haproxy") else { return };
    let configure = |address: &str, folder: &Path| {
        format!(
            "global
               stats socket {0}/stats
             defaults
               mode http
               timeout connect 10s
               timeout client 60s
               timeout server 60s
               default-server check inter 100ms fall 1 rise 1
             frontend front
               bind {address}
               default_backend nodes
             backend nodes
               http-reuse always
               option httpchk
               server n1 {1}
             backend ready
               option httpchk GET /readyz
               server n1 {1}
             backend ready_1_1
               option httpchk
               http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host a
               server n1 {1}\n",
            folder.display(),
            node.address
        )
    };
    let options = |folder: &Path| vec!["-db".into(), "-f".into(), folder.join("config").display().to_string()];
    let haproxy = Balancer::start(command, options, configure);
    // Its checks go on all the while, and each takes a connection; so the connections are counted by the balancer.
    haproxy.converse(&node);
    let table = ask(&haproxy.folder.path().join("stats"), "show stat");
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().unwrap().trim_start_matches("# ").split(',').collect();
    let mut seen = Vec::new();
    for line in lines.filter(|line| line.contains(",n1,")) {
        let value = |name: &str| line.split(',').nth(names.iter().position(|other| *other == name).unwrap()).unwrap();
        assert_eq!((value("status"), value("check_status"), value("chkfail")), ("UP", "L7OK", "0"), "{line}");
        if value("pxname") == "nodes" {
            let number = |name: &str| value(name).parse::<u64>().unwrap();
            let (opened, reused) = (number("connect"), number("reuse"));
            assert!(opened < 10 && opened + reused >= 180, "{opened} opened, {reused} used again");
        }
        seen.push((value("pxname").to_owned(), value("check_code").to_owned()));
    }
    let expected = [("nodes", "204"), ("ready", "200"), ("ready_1_1", "200")];
    assert_eq!(seen, expected.map(|(backend, code)| (backend.to_owned(), code.to_owned())));
}

/// A command to HAProxy's socket.
fn ask(socket: &Path, command: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    writeln!(stream, "{command}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
