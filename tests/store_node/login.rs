//! Logging in and out, and the users file.

use std::io::Write;
use std::process::Stdio;
use std::time::Instant;

use serde_json::{Value, json};

use crate::common::{Answer, Node, webapp};
use crate::{USER_PASSWORD, cookie, send};

/// A file with the user ana, whose hash is cheap.
pub fn users_file(folder: &tempfile::TempDir) -> String {
    let file = folder.path().join("users").to_str().unwrap().to_owned();
    let output = add_user(&file, "ana", USER_PASSWORD, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    file
}

fn add_user(file: &str, name: &str, password: &str, more: &[&str]) -> std::process::Output {
    let mut command = webapp();
    // Cheap, where `more` does not say otherwise.
    command.env("WEBAPP_HASH_MEMORY_KIB", "512").env("WEBAPP_HASH_PASSES", "1");
    command.args(["users", "add", file, name]).args(more);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = writeln!(child.stdin.take().unwrap(), "{password}");
    child.wait_with_output().unwrap()
}

pub fn log_in(node: &Node, headers: &str, name: &str, password: &str) -> Answer {
    let form = format!("Content-Type: application/x-www-form-urlencoded\r\n{headers}");
    send(node, "POST", "/login", &form, &format!("name={name}&password={password}"))
}

pub fn logging_in_and_out() {
    let folder = tempfile::tempdir().unwrap();
    let users = users_file(&folder);
    for sessions in ["node", "token"] {
        let node = Node::start(&["--users", &users, "--sessions", sessions, "--trusted-proxies", "127.0.0.1"]);
        let before = cookie(&node.get("/session")).unwrap();
        assert_eq!(node.get_with("/session", &before).json()["user"], Value::Null);
        let refused = log_in(&node, &before, "ana", "wrong password");
        assert_eq!((refused.status, refused.header("set-cookie")), (401, None));

        let welcome = log_in(&node, &before, "ana", USER_PASSWORD);
        assert_eq!((welcome.status, &welcome.json()["user"]), (200, &json!("ana")), "{}", welcome.text());
        let jar = cookie(&welcome).unwrap();
        // The id is new, and the one from before the login is nobody's any more.
        assert_ne!(jar, before);
        let answer = node.get_with("/session", &jar);
        assert_eq!((&answer.json()["user"], &answer.json()["result"]), (&json!("ana"), &json!(1)));
        assert_eq!(node.get_with("/session", &before).json()["user"], Value::Null);

        let https = log_in(&node, "X-Forwarded-Proto: https\r\n", "ana", USER_PASSWORD);
        assert!(https.header("set-cookie").unwrap().ends_with("; HttpOnly; SameSite=Lax; Secure"));
        assert!(!welcome.header("set-cookie").unwrap().contains("Secure"));

        let gone = send(&node, "POST", "/logout", &jar, "");
        assert_eq!(gone.status, 200);
        assert!(gone.header("set-cookie").unwrap().starts_with("session=; Path=/; Max-Age=0;"));
        if sessions == "node" {
            let after = node.get_with("/session", &jar).json();
            assert_eq!((&after["user"], &after["result"]), (&Value::Null, &json!(1)));
        }
    }
    let node = Node::start(&["--users", &users]);
    let body = json!({"name": "ana", "password": USER_PASSWORD}).to_string();
    assert_eq!(send(&node, "POST", "/login", "Content-Type: application/json\r\n", &body).status, 200);
    assert_eq!(send(&node, "POST", "/login", "", &body).status, 400);
}

pub fn a_login_has_a_limit_of_tries() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&["--users", &users_file(&folder), "--trusted-proxies", "127.0.0.1"]);
    let from = |address: &str| format!("X-Forwarded-For: {address}\r\n");
    for name in ["ana", "nobody"] {
        let statuses: Vec<u16> =
            (0..7).map(|_| log_in(&node, &from("192.0.2.1"), name, "wrong password").status).collect();
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429], "{name}");
    }
    let refused = log_in(&node, &from("192.0.2.1"), "ana", USER_PASSWORD);
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() <= 61);
    assert_eq!(log_in(&node, &from("192.0.2.2"), "ana", USER_PASSWORD).status, 200);
}

/// Compared by medians of alternating tries: a name that is not there is not refused sooner than a wrong password.
pub fn same_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users").to_str().unwrap().to_owned();
    assert!(add_user(&file, "ana", USER_PASSWORD, &["--memory-kib", "16384", "--passes", "2"]).status.success());
    let node = Node::start(&["--users", &file, "--trusted-proxies", "127.0.0.1"]);
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..15 {
        for (index, name) in ["ana", "eva"].into_iter().enumerate() {
            let start = Instant::now();
            let from = format!("X-Forwarded-For: 192.0.2.{round}\r\n");
            assert_eq!(log_in(&node, &from, name, "wrong password").status, 401);
            times[index].push(start.elapsed());
        }
    }
    let [known, unknown] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    });
    // Without the hash the answer would come in a hundredth of the time.
    assert!(unknown > known / 3.0 && known > unknown / 3.0, "{known} {unknown}");
}

pub fn users_are_added_by_the_command() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = users_file(&folder);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let output = add_user(&file, "ana", "another password", &[]);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("--replace"));
    assert!(add_user(&file, "ana", "another password", &["--replace"]).status.success());
    assert!(add_user(&file, "eva", USER_PASSWORD, &[]).status.success());
    for (name, password) in [("a b", USER_PASSWORD), ("eva2", "short"), ("", USER_PASSWORD)] {
        assert!(!add_user(&file, name, password, &[]).status.success(), "{name}");
    }
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().all(|line| line.contains(":$argon2id$v=19$m=512,t=1,p=1$")), "{text}");
    let node = Node::start(&["--users", &file]);
    assert_eq!(log_in(&node, "", "ana", USER_PASSWORD).status, 401);
    assert_eq!(log_in(&node, "", "ana", "another+password").status, 200);
    assert_eq!(log_in(&node, "", "eva", USER_PASSWORD).status, 200);
    std::fs::write(&file, "ana:hunter2\n").unwrap();
    let output = webapp().args(["serve", "--listen", "127.0.0.1:0", "--users", &file]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("line 1") && !said.contains("hunter2"), "{said}");
}
