//! A node with its store: addresses, sessions, logins, what happens when the store dies, and that nothing secret is told.
//! Tests that need a server that is not installed are ignored by name.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "store_node/failures.rs"]
mod failures;
#[path = "store_node/login.rs"]
mod login;
#[path = "store_node/rows.rs"]
mod rows;
#[path = "store_node/secrets.rs"]
mod secrets;
#[path = "store_node/sessions.rs"]
mod sessions;
mod store_support;

use std::io::Write;
use std::time::Duration;

use common::{Answer, Node, read_answer, webapp};
use libtest_mimic::{Arguments, Trial};
use store_support::Kind;

const USER_PASSWORD: &str = "Otter-Password-5520";
const KEY: &str = "Lynx-Key-0123456789-0123456789-0123456789";

/// Name, the server that it needs, and what it does with it.
type ServerTest = (&'static str, Kind, fn(Kind));

fn main() {
    let arguments = Arguments::from_args();
    let always: &[(&str, fn())] = &[
        ("rows_of_the_node_itself", rows::rows_of_the_node_itself),
        ("shards_of_sqlite_are_one_store", rows::shards_of_sqlite),
        ("wrong_questions_are_named", rows::wrong_questions_are_named),
        ("sessions_in_the_node_and_in_sqlite", sessions::sessions_in_the_node_and_in_sqlite),
        ("a_token_is_good_on_every_node_that_knows_the_key", sessions::tokens),
        ("logging_in_and_out", login::logging_in_and_out),
        ("a_login_has_a_limit_of_tries", login::a_login_has_a_limit_of_tries),
        ("a_name_that_is_not_there_takes_the_same_time", login::same_time),
        ("users_are_added_by_the_command", login::users_are_added_by_the_command),
        ("random_cookies_and_tokens_let_nobody_in", sessions::random_cookies),
        ("seeding_says_what_it_does", rows::seeding_says_what_it_does),
        ("seeding_is_interrupted_in_order", rows::seeding_is_interrupted_in_order),
    ];
    let with_servers: &[ServerTest] = &[
        ("mysql_rows_over_http", Kind::Mariadb, rows::rows_over_http),
        ("redis_rows_over_http", Kind::Redis, rows::rows_over_http),
        ("redis_rows_that_many_ask_for_at_once", Kind::Redis, rows::many_at_once),
        ("redis_shard_that_dies_takes_only_its_rows", Kind::Redis, rows::shard_dies),
        ("redis_sessions_outlive_a_node", Kind::Redis, sessions::sessions_outlive_a_node),
        ("memcached_sessions_outlive_a_node", Kind::Memcached, sessions::sessions_outlive_a_node),
        ("mysql_dies_and_returns_under_load", Kind::Mariadb, failures::dies_and_returns),
        ("redis_dies_and_returns_under_load", Kind::Redis, failures::dies_and_returns),
        ("redis_that_hangs_is_answered_for_in_time", Kind::Redis, failures::hangs),
        ("model_sync_holds_a_thread_while_it_waits", Kind::Redis, failures::sync_and_async),
        ("nothing_secret_is_told", Kind::Redis, secrets::nothing_secret_is_told),
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

const TIMEOUT: Duration = Duration::from_secs(2);

/// What a busy machine may add to a time limit.
const MARGIN: Duration = Duration::from_secs(8);
