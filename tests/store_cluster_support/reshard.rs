//! Shards that come and go while everybody reads and writes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::checkers::{Checkers, Ledger};
use super::{Cluster, ROWS, ask, ask_with, has, part};

/// What a reshard says: every row is somewhere, and no more moved than had to.
fn check_answer(answer: &Value, from: u64, to: u64) {
    let last = answer["reshards"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["from"], &last["to"], &last["rows"]), (&json!(from), &json!(to), &json!(ROWS)), "{last}");
    let (moved, predicted) = (last["moved_percent"].as_f64().unwrap(), last["predicted_percent"].as_f64().unwrap());
    // Five standard deviations of a fair draw of 200.
    assert!((moved - predicted).abs() < 17.0 && moved > 0.0, "{last}");
    let roles: Vec<&Value> = answer["services"].as_array().unwrap().iter().map(|service| &service["role"]).collect();
    assert_eq!(roles, vec!["shard"; to as usize]);
}

fn nothing_is_wrong(ledger: &Ledger, cluster: &Cluster) {
    let [reads, writes] = ledger.take_refused();
    assert!(reads.is_empty() && writes.is_empty(), "{reads:?} {writes:?}");
    assert_eq!(*ledger.problems.lock().unwrap(), Vec::<String>::new());
    for node in &cluster.nodes {
        assert_eq!(ledger.missing(node), 0);
    }
}

/// From two to three and back, and no request is refused.
pub fn mariadb() {
    let cluster = Cluster::up("--store mariadb --shards 2 -- --sample-interval 100ms");
    let ledger = Arc::new(Ledger::default());
    {
        let _checkers = Checkers::start(&ledger, &cluster.nodes, 4);
        std::thread::sleep(part() / 4);
        check_answer(&cluster.run(&["reshard", "3"]), 2, 3);
        cluster.wait("three are there", |targets| {
            targets.len() == 3 && targets.iter().all(|target| has(target, "shard", true))
        });
        check_answer(&cluster.run(&["reshard", "2"]), 3, 2);
        std::thread::sleep(part() / 4);
    }
    assert!(ledger.reads.load(Ordering::SeqCst) > 50 && ledger.writes.load(Ordering::SeqCst) > 50);
    nothing_is_wrong(&ledger, &cluster);
    ledger.say("mariadb, reshard");
    // Those that have the same number need nothing.
    assert_eq!(cluster.run(&["reshard", "2"])["reshards"].as_array().unwrap().len(), 2);
    assert!(cluster.refused(&["reshard", "17"]).contains("1..=16"));
}

/// The moving breaks off half-way: everything is answered all the same, and the next run goes on. Sessions move, too.
pub fn redis() {
    let cluster = Cluster::up("--store redis --shards 2 --sessions redis -- --sample-interval 100ms");
    let cookies: Vec<String> = (0..30).map(|_| session(&cluster.nodes[0], "").1.unwrap()).collect();
    let sessions_of = |store| cluster.redis(store, store, "KEYS session:*").matches("session:").count() as u64;
    let ledger = Arc::new(Ledger::default());
    {
        let _checkers = Checkers::start(&ledger, &cluster.nodes, 4);
        std::thread::sleep(part() / 4);
        // What gives rows away cannot take them out; nodes ask it for everything as before.
        assert!(cluster.redis("store2", "store2", "ACL SETUSER default -del").contains("+OK\r\n+OK"));
        let said = cluster.refused(&["reshard", "3"]);
        assert!(
            said.contains("store2") && said.contains("broken off") && said.contains("reshard 3 --name t"),
            "{said}"
        );
        assert!(cluster.refused(&["reshard", "4"]).contains("on their way from 2 shards to 3"));
        std::thread::sleep(Duration::from_millis(200));
        assert!(cluster.redis("store2", "store2", "ACL SETUSER default +del").contains("+OK\r\n+OK"));
        check_answer(&cluster.run(&["reshard", "3"]), 2, 3);
    }
    nothing_is_wrong(&ledger, &cluster);
    ledger.say("redis, reshard");
    let done = cluster.run(&["status"])["reshards"][0].clone();
    // Those of both runs.
    let sessions = sessions_of("store3");
    assert!(sessions > 0, "of 30 sessions none moved");
    assert_eq!((&done["sessions_moved"], &done["rows_lost"]), (&json!(sessions), &json!(0)));
    for cookie in &cookies {
        assert_eq!(session(&cluster.nodes[1], cookie), (2, None), "a session is lost");
    }
    // A server that cannot start changes nothing.
    let before = cluster.run(&["status"]);
    let said = cluster.refused_without("redis-server", &["reshard", "4"]);
    assert!(said.contains("no row has moved, and the shards are as they were"), "{said}");
    let after = cluster.run(&["status"]);
    assert_eq!((&after["services"], &after["reshards"]), (&before["services"], &before["reshards"]));
    assert_eq!(ask(&cluster.nodes[0], "GET", "/item?id=1", "").unwrap().status, 200);
}

/// A server that keeps its rows in memory dies while they move, and comes back without them: what is gone is counted and said.
pub fn redis_shard_dies() {
    let cluster = Cluster::up("--store redis --shards 2 -- --sample-interval 100ms");
    assert!(cluster.redis("store2", "store2", "ACL SETUSER default -del").contains("+OK\r\n+OK"));
    cluster.refused(&["reshard", "3"]);
    cluster.run(&["kill", "store3"]);
    assert!(cluster.refused(&["reshard", "3"]).contains("start store3"));
    cluster.run(&["start", "store3"]);
    let found = |id: &u64| ask(&cluster.nodes[0], "GET", &format!("/item?id={id}"), "").unwrap().status == 200;
    let gone = ROWS - (0..ROWS).filter(found).count() as u64;
    assert!(gone > 0, "store1 gave none of its rows");
    assert!(cluster.redis("store2", "store2", "ACL SETUSER default +del").contains("+OK\r\n+OK"));
    let output = cluster.command(&["reshard", "3"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains(&format!("{gone} rows are gone")), "{said}");
    let done = cluster.run(&["status"])["reshards"][0].clone();
    assert_eq!((&done["rows"], &done["rows_lost"]), (&json!(ROWS - gone), &json!(gone)), "{done}");
    assert_eq!((0..ROWS).filter(found).count() as u64, ROWS - gone);
}

/// The counter of a session, and the cookie that was set.
fn session(node: &str, cookie: &str) -> (u64, Option<String>) {
    let answer = ask_with(node, "GET", "/session", cookie, "").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let set = answer.header("set-cookie").map(|set| format!("Cookie: {}\r\n", set.split(';').next().unwrap()));
    (answer.json()["result"].as_u64().unwrap(), set)
}
