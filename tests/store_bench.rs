//! A bench of a node with a store or with users, on the real binary: what stops it is named rightly, lost sessions are a figure, and no
//! password is left in its results. Tests that need a server that is not installed are ignored by name.

#![allow(clippy::unwrap_used)]

mod common;
mod store_support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Node, webapp};
use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};
use store_support::{Kind, StoreServer};
use tempfile::TempDir;

fn main() {
    let arguments = Arguments::from_args();
    let trial = |name: &str, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    let has_haproxy = Command::new("haproxy").arg("-v").output().is_ok();
    let trials = vec![
        trial("a_slow_store_is_told_from_one_at_its_limit", slow_store).with_ignored_flag(!Kind::Redis.is_installed()),
        trial("a_login_leaves_no_password_in_the_results", login),
        trial("the_death_of_a_node_loses_its_share_of_the_sessions", lost_sessions).with_ignored_flag(!has_haproxy),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

/// A bench of clusters that run already: its driver prints `cluster`, and that is all.
struct Bench {
    folder: TempDir,
    driver: PathBuf,
    experiment: PathBuf,
}

impl Bench {
    fn new(cluster: &Value, experiment: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let driver = folder.path().join("driver");
        std::fs::write(&driver, format!("#!/bin/sh\n[ \"$1\" != up ] || echo '{cluster}'\n")).unwrap();
        std::fs::set_permissions(&driver, std::fs::Permissions::from_mode(0o700)).unwrap();
        let path = folder.path().join("question.toml");
        std::fs::write(&path, experiment).unwrap();
        Self { folder, driver, experiment: path }
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, out: &Path) -> Child {
        let mut command = webapp();
        command.arg("bench").arg("--experiment").arg(&self.experiment).arg("--driver").arg(&self.driver);
        command.arg("--out").arg(out).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }
}

fn report(out: &Path, bench: Child) -> Value {
    let output = bench.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = std::fs::read_to_string(out.join("report.json")).unwrap_or_else(|error| panic!("{error}: {said}"));
    serde_json::from_str(&text).unwrap()
}

/// Passes on what comes to a server; each of its answers takes so much longer.
fn slow_way_to(port: u16, delay: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
            let (mut to, mut asked) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut asked, &mut to));
            let (mut from, mut answered) = (server, client);
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = from.read(&mut buffer) {
                    std::thread::sleep(delay);
                    if answered.write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    own
}

/// A store that is idle and far away. The node sees its connections in use, as with a store at its limit; the bench knows better.
fn slow_store() {
    let server = StoreServer::start(Kind::Redis);
    let output = webapp().args(["store", "seed", "--rows", "100"]).env("WEBAPP_STORE", server.url()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let port = slow_way_to(server.port(), Duration::from_millis(20));
    let url = server.url().replace(&format!(":{}/", server.port()), &format!(":{port}/"));
    let mut command = webapp();
    let flags = ["--node", "node1", "--store-connections", "2", "--store-timeout", "10s", "--log-level", "error"];
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags).env("WEBAPP_STORE", url);
    let node = Node::spawn(command);
    node.wait_for_stats("/store/targets/0/up", |up| *up == true);
    let bench = Bench::new(
        &json!({
            "target": node.url(""),
            "nodes": [{ "name": "node1", "url": node.url(""), "pid": node.child.id() }],
            "services": [{ "name": "store1", "kind": "redis", "role": "primary", "up": true, "pid": server.pid(),
                "quota_cores": null, "address": format!("127.0.0.1:{}", server.port()) }],
        }),
        "question = \"Is it far?\"\nwork = [{ path = \"/item?id={uniform 0..99}\" }]\n[[arms]]\nname = \"far\"\nup = \"there\"\n\
         [sizes]\nconnections = [16]\nfractions = []\nblocks = 1\nclosed_seconds = 2.5\n",
    );
    let out = bench.out("results");
    let report = report(&out, bench.start(&out));
    let point = &report["points"][0];
    assert_eq!((&point["store"]["cause"], &point["store"]["connections"]), (&json!("slow"), &json!(2.0)), "{point:#}");
    // While other tests use the machine, these or the generator may be the limit.
    let evidence = point["binding"]["evidence"].as_str().unwrap();
    match point["binding"]["resource"].as_str().unwrap() {
        "store" => assert!(evidence.starts_with("the store is slow: store1 (redis) takes "), "{evidence}"),
        other => assert!(["generator", "others", "cpu"].contains(&other), "{point:#}"),
    }
}

const PASSWORD: &str = "Marten-Password-4471";

/// The load logs in with a password that stands in a file alone: not in the experiment, in no list of processes, in no result.
fn login() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    let mut add = webapp();
    add.args(["users", "add", "--memory-kib", "64", "--passes", "1"]).arg(&users).arg("ana").stdin(Stdio::piped());
    let mut add = add.stdout(Stdio::null()).spawn().unwrap();
    writeln!(add.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    assert!(add.wait().unwrap().success());
    let body = folder.path().join("login.body");
    std::fs::write(&body, format!("name=ana&password={PASSWORD}\n")).unwrap();
    let node = Node::start(&["--node", "node1", "--users", users.to_str().unwrap(), "--log-level", "error"]);
    let bench = Bench::new(
        &json!({
            "target": node.url(""),
            "nodes": [{ "name": "node1", "url": node.url(""), "pid": node.child.id() }],
            "login": body.to_str().unwrap(),
        }),
        "question = \"Who is there?\"\nwork = [{ method = \"POST\", path = \"/login\", body = \"{login}\" }, { path = \"/whoami\" }]\n\
         [[arms]]\nname = \"one\"\nup = \"there\"\n[sizes]\nconnections = [2]\nfractions = []\nblocks = 1\nclosed_seconds = 1\n",
    );
    let out = bench.out("results");
    let mut running = bench.start(&out);
    while running.try_wait().unwrap().is_none() {
        for entry in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&words).contains(PASSWORD), "{}", String::from_utf8_lossy(&words));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let report = report(&out, running);
    let addresses = report["points"][0]["addresses"].as_array().unwrap();
    let logins = addresses.iter().find(|one| one["address"] == "POST /login").unwrap();
    assert!(logins["goodput_per_second"].as_f64().unwrap() > 0.0, "{addresses:?}");
    let mut files = 0;
    for entry in std::fs::read_dir(&out).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains(PASSWORD) && !text.contains("session="), "{}", path.display());
        files += 1;
    }
    assert!(files >= 3, "{files} files in the results");
}

/// One of four nodes dies under users who are kept at theirs: a quarter of the sessions is lost, and that is a result.
fn lost_sessions() {
    let folder = tempfile::Builder::new().prefix("webapp-s").tempdir().unwrap();
    let experiment = folder.path().join("sessions.toml");
    let text = "question = \"Who loses?\"\ncookies = true\nwork = [{ path = \"/session\" }]\n\
         [scale]\nname = \"nodes\"\nvalues = [4]\n\
         [[arms]]\nname = \"sticky\"\nup = \"--nodes {scale} --unit-cpu none --sessions node --sticky\"\n\
         [sizes]\nconnections = [32]\nfractions = []\nblocks = 1\nclosed_seconds = 0.5\nevent_seconds = 6\n\
         [event]\nkill = \"node\"\nfraction = 0.1\n";
    std::fs::write(&experiment, text).unwrap();
    let out = folder.path().join("results");
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/cluster.sh");
    let mut command = webapp();
    command.arg("bench").arg("--experiment").arg(&experiment).args(["--driver", driver]).arg("--out").arg(&out);
    command.env("WEBAPP_BIN", env!("CARGO_BIN_EXE_webapp")).env("WEBAPP_STATE_DIR", folder.path().join("state"));
    let bench = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let report = report(&out, bench);
    let death = &report["points"][0]["death"];
    let sessions = &death["sessions"];
    assert_eq!(sessions["users"], 32, "{death:#}");
    // Eight of them, unless a user was sent elsewhere while the machine was busy.
    let lost = sessions["users_that_lost"].as_u64().unwrap();
    assert!((6..=10).contains(&lost), "{death:#}");
    let reasons = report["points"][0]["reasons"].to_string();
    assert!(!reasons.contains("session"), "{reasons}");
}
