//! `webapp load --cookies`: users with sessions, against nodes that die and come back.
#![allow(clippy::unwrap_used)] // a panic is the failure of the test

mod common;
mod load_support;

use std::process::{Child, Stdio};
use std::time::Duration;

use common::{Node, webapp};
use load_support::{load, load_json, node, stderr};
use serde_json::Value;

const KEY: &str = "Heron-Key-0123456789-0123456789-0123456789";

fn start(address: &str, sessions: &[&str]) -> Node {
    let mut command = webapp();
    command.args(["serve", "--listen", address, "--node", "node1", "--log-level", "error"]).args(sessions);
    command.env("WEBAPP_TOKEN_KEY", KEY);
    Node::spawn(command)
}

fn begin(node: &Node, pace: &[&str]) -> Child {
    webapp()
        .args(["load", &node.url("/session"), "--cookies", "--duration", "5s", "--warmup", "0", "--json", "-"])
        .args(pace)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_session_is_lost_with_the_node_that_keeps_it_and_not_with_a_token() {
    for pace in [["--connections", "4"], ["--rate", "200"]] {
        for (sessions, is_lost) in [("node", true), ("token", false)] {
            let mut first = start("127.0.0.1:0", &["--sessions", sessions]);
            let load = begin(&first, &pace);
            std::thread::sleep(Duration::from_millis(1000));
            first.child.kill().unwrap();
            first.child.wait().unwrap();
            let second = start(&first.address, &["--sessions", sessions]);
            let output = load.wait_with_output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let json: Value = serde_json::from_str(&text).unwrap();
            assert!(json["requests_ok"].as_u64().unwrap() > 0, "{json:#}");
            let lost = json["errors"]["session_lost"].as_u64().unwrap_or(0);
            assert_eq!(lost > 0, is_lost, "{sessions} {pace:?}: {:#} {:#}", json["errors"], json["error_examples"]);
            if pace[0] == "--connections" && is_lost {
                assert_eq!(lost, 4, "each user loses one session: {:#}", json["errors"]);
            }
            assert!(second.get("/whoami").status == 200 && !text.contains("session="), "{text}");
        }
    }
}

#[test]
fn users_keep_their_sessions_over_connections_and_without_cookies_there_are_none() {
    let node = node(&[]);
    let url = node.url("/session");
    let quick = ["--duration", "500ms", "--warmup", "0"];
    for further in [&["--cookies"][..], &["--cookies", "--no-keepalive"], &["--cookies", "--rate", "100"], &[]] {
        let (_, json) = load_json(&[&[&*url], &quick[..], further].concat());
        assert_eq!(json["requests_ok"], json["requests_total"], "{further:?}: {:#}", json["errors"]);
        assert!(json["requests_ok"].as_u64().unwrap() > 0);
    }
    // One user: the node counts its requests, and each is higher than the last.
    let one = ["--cookies", "--connections", "1", "--no-keepalive", "--expect-body", "\"result\":1,"];
    let (_, json) = load_json(&[&[&*url], &quick[..], &one].concat());
    assert_eq!(json["requests_ok"], 1, "only the first answer has the counter 1: {:#}", json["errors"]);
    let output = load(&[&url, "--cookies", "--header", "Cookie: session=hunter2"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("leave out --cookies") && !stderr(&output).contains("hunter2"));
}
