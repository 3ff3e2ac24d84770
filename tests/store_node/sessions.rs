//! Sessions and tokens of users.

use std::io::{BufReader, Write};

use serde_json::{Value, json};

use crate::common::{Node, read_answer, webapp};
use crate::login::{log_in, users_file};
use crate::store_support::{Kind, StoreServer};
use crate::{KEY, USER_PASSWORD, cookie, seed};

pub fn sessions_in_the_node_and_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/s.db", folder.path().display());
    seed(&url, "0");
    for (arguments, word) in
        [(&["--sessions", "node"][..], "node"), (&["--sessions", "store", "--store", &url], "sqlite")]
    {
        let node = Node::start(arguments);
        counts_up(&node, &node, word);
    }
}

/// One user's counter over two nodes, and that of a stranger.
fn counts_up(first: &Node, second: &Node, word: &str) {
    let begun = first.get("/session");
    let set = begun.header("set-cookie").unwrap().to_owned();
    assert!(set.starts_with("session=") && set.ends_with("; HttpOnly; SameSite=Lax"), "{set}");
    assert_eq!(begun.header("cache-control"), Some("no-store"));
    let mut jar = cookie(&begun).unwrap();
    assert_eq!((&begun.json()["result"], &begun.json()["sessions"]), (&json!(1), &json!(word)));
    for (counter, node) in [(2, second), (3, first), (4, second)] {
        let answer = node.get_with("/session", &jar);
        assert_eq!(answer.json()["result"], counter, "{}", answer.text());
        jar = cookie(&answer).unwrap_or(jar);
    }
    assert_eq!(second.get("/session").json()["result"], 1);
    // Ids are the node's to give: one that a user made up begins a session under another.
    let forged = format!("session={}", "ab".repeat(16));
    let answer = first.get_with("/session", &format!("Cookie: {forged}\r\n"));
    assert_eq!(answer.json()["result"], 1);
    assert!(!answer.header("set-cookie").unwrap().contains(&forged));
    assert_eq!(first.get_with("/session", &format!("Cookie: {forged}\r\n")).json()["result"], 1);
}

fn token_node(key: &str) -> Node {
    let mut command = webapp();
    command.args(["serve", "--listen", "127.0.0.1:0", "--sessions", "token"]).env("WEBAPP_TOKEN_KEY", key);
    Node::spawn(command)
}

pub fn tokens() {
    let (first, second, stranger) = (token_node(KEY), token_node(KEY), token_node(&KEY.replace('0', "9")));
    counts_up(&first, &second, "token");
    let jar = cookie(&first.get("/session")).unwrap();
    assert_eq!(second.get_with("/session", &jar).json()["result"], 2);
    assert_eq!(stranger.get_with("/session", &jar).json()["result"], 1);
    let short = webapp()
        .args(["serve", "--listen", "127.0.0.1:0", "--sessions", "token"])
        .env("WEBAPP_TOKEN_KEY", "short")
        .output();
    let said = String::from_utf8(short.unwrap().stderr).unwrap();
    assert!(said.contains("needs 32") && !said.contains("short"), "{said}");
}

/// 10^5 each, many over one connection. A session that was there would answer 2 or more, or name a user.
pub fn random_cookies() {
    let folder = tempfile::tempdir().unwrap();
    let users = users_file(&folder);
    let mut tokens = webapp();
    tokens
        .args(["serve", "--listen", "127.0.0.1:0", "--sessions", "token", "--users", &users])
        .env("WEBAPP_TOKEN_KEY", KEY);
    for (node, length) in [(Node::start(&["--users", &users]), 32), (Node::spawn(tokens), 2 * (33 + 3 + 32))] {
        let jar = cookie(&log_in(&node, "", "ana", USER_PASSWORD)).unwrap();
        assert_eq!(node.get_with("/session", &jar).json()["user"], "ana");
        let value = jar.trim_end().strip_prefix("Cookie: session=").unwrap().to_owned();
        assert_eq!(value.len(), length);
        let mut stream = node.connect();
        let mut answers = BufReader::new(stream.try_clone().unwrap());
        let mut random = fastrand::Rng::with_seed(7);
        for batch in 0..1_000 {
            let mut requests = String::new();
            for number in 0..100 {
                // Most are random through and through; some are the real one with a digit changed.
                let mut forged: String =
                    (0..length).map(|_| char::from_digit(random.u32(0..16), 16).unwrap()).collect();
                if number % 4 == 0 {
                    let at = random.usize(0..length);
                    let digit =
                        char::from_digit((value[at..=at].chars().next().unwrap().to_digit(16).unwrap() + 1) % 16, 16);
                    forged = value.clone();
                    forged.replace_range(at..=at, &digit.unwrap().to_string());
                }
                requests += &format!("GET /session HTTP/1.1\r\nHost: t\r\nCookie: session={forged}\r\n\r\n");
            }
            stream.write_all(requests.as_bytes()).unwrap();
            for _ in 0..100 {
                let answer = read_answer(&mut answers, false).json();
                assert_eq!((&answer["user"], &answer["result"]), (&Value::Null, &json!(1)), "batch {batch}");
            }
        }
    }
}

pub fn sessions_outlive_a_node(kind: Kind) {
    let server = StoreServer::start(kind);
    let start = || {
        let mut command = webapp();
        command.args(["serve", "--listen", "127.0.0.1:0"]).env("WEBAPP_SESSIONS", server.url());
        Node::spawn(command)
    };
    let (first, second) = (start(), start());
    counts_up(&first, &second, server.url().split(':').next().unwrap());
    let jar = cookie(&first.get("/session")).unwrap();
    drop(first);
    assert_eq!(second.get_with("/session", &jar).json()["result"], 2);
    drop(second);
    let third = start();
    assert_eq!(third.get_with("/session", &jar).json()["result"], 3);
    let targets = third.get("/stats").json()["store"]["targets"].clone();
    assert_eq!(targets.as_array().unwrap().len(), 2, "{targets}");
}
