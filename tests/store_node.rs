//! A node with its store: addresses, sessions, logins, what happens when the store dies, and that nothing secret is told.
//! Tests that need a server that is not installed are ignored by name.

#![allow(clippy::unwrap_used)]

mod common;
mod store_support;

use std::io::{BufReader, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{Answer, Node, read_answer, webapp};
use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};
use store_support::{Kind, PASSWORD, StoreServer};

const USER_PASSWORD: &str = "Otter-Password-5520";
const KEY: &str = "Lynx-Key-0123456789-0123456789-0123456789";

/// Name, the server that it needs, and what it does with it.
type ServerTest = (&'static str, Kind, fn(Kind));

fn main() {
    let arguments = Arguments::from_args();
    let always: &[(&str, fn())] = &[
        ("rows_of_the_node_itself", rows_of_the_node_itself),
        ("shards_of_sqlite_are_one_store", shards_of_sqlite),
        ("wrong_questions_are_named", wrong_questions_are_named),
        ("sessions_in_the_node_and_in_sqlite", sessions_in_the_node_and_in_sqlite),
        ("a_token_is_good_on_every_node_that_knows_the_key", tokens),
        ("logging_in_and_out", logging_in_and_out),
        ("a_login_has_a_limit_of_tries", a_login_has_a_limit_of_tries),
        ("a_name_that_is_not_there_takes_the_same_time", same_time),
        ("users_are_added_by_the_command", users_are_added_by_the_command),
        ("random_cookies_and_tokens_let_nobody_in", random_cookies),
        ("seeding_says_what_it_does", seeding_says_what_it_does),
        ("seeding_is_interrupted_in_order", seeding_is_interrupted_in_order),
    ];
    let with_servers: &[ServerTest] = &[
        ("mysql_rows_over_http", Kind::Mariadb, rows_over_http),
        ("redis_rows_over_http", Kind::Redis, rows_over_http),
        ("redis_shard_that_dies_takes_only_its_rows", Kind::Redis, shard_dies),
        ("redis_sessions_outlive_a_node", Kind::Redis, sessions_outlive_a_node),
        ("memcached_sessions_outlive_a_node", Kind::Memcached, sessions_outlive_a_node),
        ("mysql_dies_and_returns_under_load", Kind::Mariadb, dies_and_returns),
        ("redis_dies_and_returns_under_load", Kind::Redis, dies_and_returns),
        ("redis_that_hangs_is_answered_for_in_time", Kind::Redis, hangs),
        ("model_sync_holds_a_thread_while_it_waits", Kind::Redis, sync_and_async),
        ("nothing_secret_is_told", Kind::Redis, nothing_secret_is_told),
    ];
    let mut trials: Vec<Trial> = always.iter().map(|(name, test)| trial(name, *test)).collect();
    for &(name, kind, test) in with_servers {
        trials.push(trial(name, move || test(kind)).with_ignored_flag(!kind.is_installed()));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn trial(name: &str, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

/// One request with a body on a connection of its own.
fn send(node: &Node, method: &str, target: &str, headers: &str, body: &str) -> Answer {
    let mut stream = node.connect();
    let length = body.len();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    read_answer(&mut stream, false)
}

fn seed(url: &str, rows: &str) {
    let output = webapp().args(["store", "seed", "--rows", rows]).env("WEBAPP_STORE", url).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A node whose store is told by the environment, as a password should be.
fn node_with(url: &str, arguments: &[&str]) -> Node {
    let mut command = webapp();
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments).env("WEBAPP_STORE", url);
    Node::spawn(command)
}

/// The cookie that an answer sets, as a header line to send.
fn cookie(answer: &Answer) -> Option<String> {
    let set = answer.header("set-cookie")?;
    Some(format!("Cookie: {}\r\n", set.split(';').next().unwrap()))
}

fn rows_of_the_node_itself() {
    let node = Node::start(&["--store", "memory:1000"]);
    let answer = node.get("/item?id=42");
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["id"], &body["store"], &body["result"]["tag"]),
        (200, &json!(42), &json!("memory"), &json!(4))
    );
    assert_eq!((&body["result"]["version"], body["result"]["value"].as_str().unwrap().len()), (&json!(1), 100));
    let timing = answer.header("server-timing").unwrap();
    assert!(
        timing.starts_with("queue;dur=") && timing.contains("work;dur=") && timing.contains("store;dur="),
        "{timing}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(send(&node, "PUT", "/item?id=42", "", "añb").json()["result"], json!({"version": 2}));
    assert_eq!(node.get_with("/item?id=42", "Accept: text/plain\r\n").text(), "añb\n");
    let by_index = node.get("/items?tag=4&index=yes").json();
    let by_scan = node.get("/items?tag=4&index=no").json();
    assert_eq!(by_index["result"].as_array().unwrap().len(), 10);
    assert_eq!((&by_index["result"], &by_index["index"]), (&by_scan["result"], &json!("yes")));
    assert_eq!(node.get("/items?tag=4").json()["index"], "yes");
    let store = node.wait_for_stats("/store", |store| store["reads_total"].as_u64() == Some(5));
    assert_eq!(
        (&store["writes_total"], &store["connections"], &store["utilization"]),
        (&json!(1), &json!(0), &Value::Null)
    );
    let target = &store["targets"][0];
    assert_eq!((&target["kind"], &target["url"]), (&json!("memory"), &json!("memory:1000")));
    assert_eq!((&target["up"], &target["problem"], &target["role"]), (&json!(true), &Value::Null, &Value::Null));
    assert!(node.get("/stats").json()["unavailable"]["store.utilization"].as_str().unwrap().contains("in the node"));
    assert!(node.get("/metrics").text().contains("webapp_store_up{kind=\"memory\",url=\"memory:1000\"} 1\n"));
}

/// Which server has each of `rows` rows; every row must be there, and its neighbour of the same tag, too.
fn servers_of_rows(node: &Node, rows: u64) -> Vec<String> {
    let of_row = |id: u64| {
        let body = node.get(&format!("/item?id={id}")).json();
        assert_eq!((&body["result"]["id"], &body["result"]["version"]), (&json!(id), &json!(1)), "{body}");
        body["server"].as_str().unwrap().to_owned()
    };
    (0..rows).map(of_row).collect()
}

fn shards_of_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let urls = ["a", "b", "c"].map(|name| format!("sqlite:{}/{name}.db", folder.path().display()));
    let all = urls.join(",");
    seed(&all, "200");
    let node = Node::start(&["--store", &all]);
    let servers = servers_of_rows(&node, 200);
    for url in &urls {
        let count = servers.iter().filter(|server| *server == url).count();
        assert!((40..=95).contains(&count), "{count} of 200 rows on one of three shards");
        // Alone, it has just these.
        let alone = Node::start(&["--store", url]);
        let found = (0..200).filter(|id| alone.get(&format!("/item?id={id}")).status == 200).count();
        assert_eq!(found, count);
    }
    assert_eq!(send(&node, "PUT", "/item?id=7", "", "seven").json()["server"], servers[7]);
    for index in ["yes", "no"] {
        let body = node.get(&format!("/items?tag=0&index={index}")).json();
        let ids: Vec<u64> = body["result"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, Vec::from_iter(0..10));
        assert_eq!((&body["result"][7]["value"], &body["store"]), (&json!("seven"), &json!("sqlite")));
    }
    let ready = node.get_with("/readyz", "Accept: application/json\r\n").json();
    assert_eq!(ready, json!({"state": "ready"}));
    let store = node.wait_for_stats("/store", |store| store["writes_total"].as_u64() == Some(1));
    let targets = store["targets"].as_array().unwrap();
    assert_eq!((store["connections"].as_u64(), targets.len()), (Some(12), 3));
    for target in targets {
        assert_eq!(
            (&target["role"], &target["connections"], &target["up"]),
            (&json!("shard"), &json!(4), &json!(true))
        );
        let reads = servers.iter().filter(|server| **server == target["url"]).count() as u64;
        // Its rows one by one, and the two questions to all.
        assert_eq!(target["reads_total"].as_u64(), Some(reads + 2));
    }
    let metrics = node.get("/metrics").text();
    assert!(metrics.contains(&format!("webapp_store_server_writes_total{{url=\"{}\"}} 1\n", servers[7])), "{metrics}");
}

/// One of three shards dies: its rows are answered 503, with its name, and all others go on; so does a question to all of them fail.
fn shard_dies(kind: Kind) {
    let mut shards: Vec<StoreServer> = (0..3).map(|_| StoreServer::start(kind)).collect();
    let all = shards.iter().map(StoreServer::url).collect::<Vec<_>>().join(",");
    seed(&all, "100");
    let node = node_with(&all, &["--store-required"]);
    node.wait_for_stats("/store/targets", |all| all.as_array().unwrap().iter().all(|one| one["up"] == true));
    let servers = servers_of_rows(&node, 100);
    let dead = servers[0].clone();
    let at = shards.iter().position(|shard| dead.contains(&format!(":{}/", shard.port()))).unwrap();
    shards[at].kill();
    node.wait_for_stats("/store/targets", |all| all.as_array().unwrap().iter().any(|one| one["up"] == false));
    for (id, server) in servers.iter().enumerate() {
        let answer = node.get(&format!("/item?id={id}"));
        assert_eq!(answer.status, if *server == dead { 503 } else { 200 }, "{id}: {}", answer.text());
        if *server == dead {
            let name = format!("the store {dead} (shard {} of 3): it cannot be reached", at + 1);
            assert!(answer.text().contains(&name), "{}", answer.text());
        }
    }
    let gathered = node.get("/items?tag=1");
    assert!(gathered.status == 503 && gathered.text().contains(&dead), "{}", gathered.text());
    // Ready all the same, for two of three rows; and it says what is missing.
    let ready = node.get_with("/readyz", "Accept: application/json\r\n");
    assert_eq!((ready.status, ready.json()["problems"].as_array().unwrap().len()), (200, 1), "{}", ready.text());
    assert!(ready.text().contains(&dead), "{}", ready.text());
    shards[at].start_again();
    node.wait_for_stats("/store/targets", |all| all.as_array().unwrap().iter().all(|one| one["up"] == true));
    assert_eq!(servers_of_rows(&node, 100), servers);
    shards.iter_mut().for_each(StoreServer::kill);
    node.wait_for_stats("/store/targets", |all| all.as_array().unwrap().iter().all(|one| one["up"] == false));
    assert_eq!(node.get("/readyz").status, 503);
}

fn wrong_questions_are_named() {
    let node = Node::start(&["--store", "memory:1000"]);
    for (method, target, body, status, word) in [
        ("GET", "/item", "", 400, "'id'"),
        ("GET", "/item?id=x", "", 400, "'id'"),
        ("GET", "/item?id=9007199254740992", "", 400, "'id'"),
        ("GET", "/item?id=1000", "", 404, "no row 1000"),
        ("PUT", "/item?id=1000", "x", 404, "no row 1000"),
        ("PUT", "/item?id=1", &*"x".repeat(1_025), 413, "larger"),
        ("DELETE", "/item?id=1", "", 405, "PUT"),
        ("GET", "/items?tag=1&index=maybe", "", 400, "yes or no"),
        ("GET", "/items", "", 400, "'tag'"),
        ("PUT", "/session", "", 405, "GET"),
        ("POST", "/login", "name=ana&password=x", 404, "--users"),
        ("GET", "/login", "", 405, "POST"),
    ] {
        let answer = send(&node, method, target, "", body);
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(answer.text().contains(word), "{method} {target}: {}", answer.text());
    }
    let mut stream = node.connect();
    stream.write_all(b"PUT /item?id=1 HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n\xff\xfe").unwrap();
    assert_eq!(read_answer(&mut stream, false).status, 400);
    assert_eq!(node.get("/item?id=1").json()["result"]["version"], 1);
}

fn sessions_in_the_node_and_in_sqlite() {
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

fn tokens() {
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

/// A file with the user ana, whose hash is cheap.
fn users_file(folder: &tempfile::TempDir) -> String {
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

fn log_in(node: &Node, headers: &str, name: &str, password: &str) -> Answer {
    let form = format!("Content-Type: application/x-www-form-urlencoded\r\n{headers}");
    send(node, "POST", "/login", &form, &format!("name={name}&password={password}"))
}

fn logging_in_and_out() {
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

fn a_login_has_a_limit_of_tries() {
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
fn same_time() {
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

fn users_are_added_by_the_command() {
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

/// 10^5 each, many over one connection. A session that was there would answer 2 or more, or name a user.
fn random_cookies() {
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

fn seeding_says_what_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/s.db", folder.path().display());
    for rows in ["1500", "1500", "2500"] {
        let output = webapp().args(["store", "seed", &url, "--rows", rows]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains(&url), "{said}");
    }
    let node = Node::start(&["--store", &url]);
    assert_eq!((node.get("/item?id=2499").status, node.get("/item?id=2500").status), (200, 404));
    for (url, word) in [
        ("memory", "from the start"),
        ("memcached://127.0.0.1:1", "--sessions"),
        ("redis://:hunter2@127.0.0.1:1", "cannot be reached"),
        ("mysql://ana:hunter2@127.0.0.1:1/x", "cannot be reached"),
        ("mysql://ana:hunter2@127.0.0.1:1", "names no database"),
        ("ftp://ana:hunter2@127.0.0.1", "redis://"),
    ] {
        let output = webapp().args(["store", "seed"]).env("WEBAPP_STORE", url).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(word) && !said.contains("hunter2"), "{said}");
    }
    // A store without tables says how to make them.
    let empty = format!("sqlite:{}/empty.db", folder.path().display());
    let answer = Node::start(&["--store", &empty]).get("/item?id=1");
    assert!(answer.status == 503 && answer.text().contains("webapp store seed"), "{}", answer.text());
}

/// Ctrl-C in the middle of ten million rows: it ends between two batches, says how far it came, and goes on when run again.
fn seeding_is_interrupted_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/s.db", folder.path().display());
    let length = |name: &str| std::fs::metadata(folder.path().join(name)).map_or(0, |data| data.len());
    let mut command = webapp();
    command.args(["store", "seed", &url, "--rows", "10000000"]).stderr(Stdio::piped()).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    let end = Instant::now() + MARGIN;
    // The first batches are there.
    while length("s.db") + length("s.db-wal") < 400_000 {
        assert!(Instant::now() < end, "no rows");
        std::thread::sleep(Duration::from_millis(5));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let rows: u64 = said.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    assert!(said.contains("of 10000000 rows; run it again") && rows.is_multiple_of(1_000) && rows > 0, "{said}");
    seed(&url, &(rows + 500).to_string());
    let node = Node::start(&["--store", &url]);
    let status = |id: u64| node.get(&format!("/item?id={id}")).status;
    assert_eq!((status(0), status(rows - 1), status(rows + 499), status(rows + 500)), (200, 200, 200, 404));
}

fn rows_over_http(kind: Kind) {
    let server = StoreServer::start(kind);
    seed(&server.url(), "1000");
    let nodes = [node_with(&server.url(), &["--store-required"]), node_with(&server.url(), &["--model", "sync"])];
    for (node, version) in nodes.iter().zip([2, 3]) {
        node.wait_for_stats("/store/targets/0/up", |up| *up == true);
        assert_eq!(node.get("/readyz").status, 200);
        let written = send(node, "PUT", "/item?id=7", "", &format!("write {version}"));
        assert_eq!(written.json()["result"]["version"], version, "{}", written.text());
        for other in &nodes {
            let row = other.get("/item?id=7").json();
            assert_eq!(
                (&row["result"]["version"], &row["result"]["value"]),
                (&json!(version), &json!(format!("write {version}")))
            );
        }
        assert_eq!(
            node.get("/items?tag=3&index=yes").json()["result"],
            node.get("/items?tag=3&index=no").json()["result"]
        );
        assert_eq!(node.get("/item?id=1000").status, 404);
        let store = node.wait_for_stats("/store", |store| store["writes_total"] == 1);
        assert_eq!((&store["connections"], &store["errors_total"]), (&json!(4), &json!(0)));
        assert!(store["response_milliseconds"]["p50"].as_f64().unwrap() > 0.0, "{store}");
        let metrics = node.get("/metrics").text();
        assert!(metrics.contains("webapp_store_connections 4\n") && !metrics.contains(PASSWORD), "{metrics}");
    }
}

fn sessions_outlive_a_node(kind: Kind) {
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

const TIMEOUT: Duration = Duration::from_secs(2);
/// What a busy machine may add to a time limit.
const MARGIN: Duration = Duration::from_secs(8);

/// Asks `/item` again and again until told to stop; how many answers had which status, and the longest wait.
fn ask_on(node: &Node, stop: &AtomicBool) -> (u64, u64, Duration) {
    let (mut good, mut refused, mut longest) = (0, 0, Duration::ZERO);
    let mut stream = node.connect();
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        stream.write_all(b"GET /item?id=7 HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        let answer = read_answer(&mut stream, false);
        longest = longest.max(start.elapsed());
        match answer.status {
            200 => good += 1,
            503 => {
                assert_eq!(answer.header("content-type"), Some("application/problem+json"));
                refused += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }
    (good, refused, longest)
}

fn threads_and_files(node: &Node) -> (usize, usize) {
    let count = |folder: &str| std::fs::read_dir(format!("/proc/{}/{folder}", node.child.id())).unwrap().count();
    (count("task"), count("fd"))
}

/// Rounds of death and return under load: each request is answered in time, and nothing is left behind.
fn dies_and_returns(kind: Kind) {
    let mut server = StoreServer::start(kind);
    seed(&server.url(), "100");
    let node = node_with(&server.url(), &["--store-required", "--store-timeout", "2s", "--store-connections", "4"]);
    node.wait_for_stats("/store/targets/0/up", |up| *up == true);
    let rounds: u32 = std::env::var("STORE_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let stop = AtomicBool::new(false);
    let mut before = None;
    let totals = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(|| ask_on(&node, &stop))).collect();
        for _ in 0..rounds {
            node.wait_for_stats("/store/targets/0/up", |up| *up == true);
            // After the first good answers: every thread and connection that there will be is there.
            std::thread::sleep(Duration::from_millis(300));
            before.get_or_insert_with(|| threads_and_files(&node));
            server.kill();
            let why = node.wait_for_stats("/store/targets/0/problem", Value::is_string);
            let ready = node.get("/readyz");
            assert!(ready.status == 503 && ready.text().contains("is away"), "{why}: {}", ready.text());
            assert_eq!((node.get("/whoami").status, node.get("/healthz").status), (200, 200));
            server.start_again();
            let end = Instant::now() + MARGIN;
            while node.get("/readyz").status != 200 {
                assert!(Instant::now() < end, "not ready again: {}", node.log());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        std::thread::sleep(Duration::from_millis(300));
        let after = threads_and_files(&node);
        let before = before.unwrap();
        assert!(
            after.0 <= before.0 && after.1 <= before.1 + 2,
            "threads and files: {before:?} before, {after:?} after"
        );
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    for (good, refused, longest) in totals {
        assert!(good > 0 && refused > 0 && longest < TIMEOUT + MARGIN, "{good} {refused} {longest:?}");
    }
    let log = node.log();
    let (away, back) = (log.matches(" is away: ").count(), log.matches(" is back").count());
    assert!(away >= rounds as usize && back >= rounds as usize && away <= 3 * rounds as usize, "{log}");
    assert!(!log.contains(PASSWORD), "{log}");
}

/// A store that takes connections and says nothing: refused when the time is up, and /whoami does not notice.
fn hangs(kind: Kind) {
    let server = StoreServer::start(kind);
    seed(&server.url(), "100");
    let node = Arc::new(node_with(&server.url(), &["--store-timeout", "2s", "--store-connections", "2"]));
    assert_eq!(node.get("/item?id=1").status, 200);
    server.freeze();
    let waiting: Vec<_> = (0..6)
        .map(|_| {
            let node = node.clone();
            std::thread::spawn(move || {
                let start = Instant::now();
                let answer = node.get("/item?id=1");
                (answer.status, start.elapsed())
            })
        })
        .collect();
    while waiting.iter().any(|thread| !thread.is_finished()) {
        assert_eq!(node.get("/whoami").status, 200);
    }
    for thread in waiting {
        let (status, took) = thread.join().unwrap();
        assert!(status == 503 && took < TIMEOUT + MARGIN, "{status} after {took:?}");
    }
    server.thaw();
    let end = Instant::now() + MARGIN;
    while node.get("/item?id=1").status != 200 {
        assert!(Instant::now() < end, "{}", node.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// While the store says nothing, waiting requests hold threads of the worker pool in the one model and none in the other.
fn sync_and_async(kind: Kind) {
    let server = StoreServer::start(kind);
    seed(&server.url(), "100");
    let start = |model| {
        let arguments =
            ["--store-timeout", "20s", "--pool-threads", "3", "--sample-interval", "100ms", "--model", model];
        let node = node_with(&server.url(), &arguments);
        assert_eq!(node.get("/item?id=1").status, 200);
        node
    };
    let (sync, parallel) = (start("sync"), start("async"));
    server.freeze();
    let ask = |node: &Node| {
        let mut stream = node.connect();
        stream.write_all(b"GET /item?id=1 HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        stream
    };
    let waiting: Vec<_> = [&sync, &parallel].into_iter().flat_map(|node| [ask(node), ask(node), ask(node)]).collect();
    sync.wait_for_stats("/pool/active", |active| *active == 3);
    parallel.wait_for_stats("/store/in_use", |in_use| *in_use == 3);
    assert_eq!(parallel.get("/stats").json()["pool"]["active"], 0);
    // A thread is free in the one, and in the other not.
    assert_eq!(parallel.get("/fib?number=10").json()["result"], 55);
    server.thaw();
    for mut stream in waiting {
        assert_eq!(read_answer(&mut stream, false).status, 200);
    }
}

/// Known passwords, keys, tokens and cookies are searched in everything that the node tells anybody.
fn nothing_secret_is_told(kind: Kind) {
    let server = StoreServer::start(kind);
    seed(&server.url(), "100");
    let folder = tempfile::tempdir().unwrap();
    let users = users_file(&folder);
    let hash = std::fs::read_to_string(&users).unwrap().trim().rsplit('$').next().unwrap().to_owned();
    let key = folder.path().join("key");
    std::fs::write(&key, KEY).unwrap();
    let mut secrets = vec![PASSWORD.to_owned(), USER_PASSWORD.to_owned(), KEY.to_owned(), hash];
    for sessions in ["store", "token"] {
        let flags =
            ["--access-log", "--log-level", "debug", "--users", &users, "--sessions", sessions, "--token-key-file"];
        let node = node_with(&server.url(), &[&flags[..], &[key.to_str().unwrap()]].concat());
        let welcome = log_in(&node, "", "ana", USER_PASSWORD);
        let jar = cookie(&welcome).unwrap();
        secrets.push(jar.trim_end().strip_prefix("Cookie: session=").unwrap().to_owned());
        let wrong = log_in(&node, &jar, "ana", "Stoat-Password-9913");
        secrets.push("Stoat-Password-9913".to_owned());
        let mut told = vec![wrong.text(), welcome.text()];
        for target in
            ["/session", "/whoami", "/stats", "/metrics", "/cluster", "/item?id=1", "/readyz", "/nowhere", "/item?id=x"]
        {
            let answer = node.get_with(target, &jar);
            let fields = answer.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("set-cookie"));
            told.push(format!("{target}: {fields:?} {}", answer.text(), fields = fields.collect::<Vec<_>>()));
        }
        told.push(send(&node, "POST", "/login", &jar, &format!("name=ana&password={USER_PASSWORD}&x=1")).text());
        told.push(send(&node, "POST", "/logout", &jar, "").text());
        let process = format!("/proc/{}", node.child.id());
        told.push(std::fs::read_to_string(format!("{process}/cmdline")).unwrap());
        let limits = std::fs::read_to_string(format!("{process}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
        told.push(node.log());
        told.push(server.log());
        for text in &told {
            for secret in &secrets {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
        assert!(node.log().contains("POST /login"), "{}", node.log());
    }
}
