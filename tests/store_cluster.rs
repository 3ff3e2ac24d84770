//! Correct under load: stores of several servers, with writers and readers who know the versions, while servers die. Short here;
//! WEBAPP_CHECK_SECONDS makes each part longer. Tests that need a server that is not installed are ignored by name.

#![allow(clippy::unwrap_used)]

mod common;
mod store_cluster_support;
mod store_support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};
use store_cluster_support::checkers::{Checkers, Ledger, WRITERS};
use store_cluster_support::{Cluster, ROWS, ask, has, part, redis_cluster, reshard};
use store_support::Kind;

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, kind, test) in [
        ("mariadb_replica_and_primary_die_under_load", Kind::Mariadb, replicas as fn()),
        ("mariadb_shard_dies_under_load", Kind::Mariadb, shards),
        ("mariadb_primary_hands_over_under_load", Kind::Mariadb, || handed_over(Kind::Mariadb)),
        ("mariadb_primary_hands_over_what_was_not_repeated_yet", Kind::Mariadb, handed_over_late),
        ("redis_primary_hands_over_under_load", Kind::Redis, || handed_over(Kind::Redis)),
        ("redis_primary_dies_under_load", Kind::Redis, redis_primary_dies),
        ("redis_replica_dies_under_load", Kind::Redis, redis_replica),
        ("redis_shard_dies_under_load", Kind::Redis, || redis_server_dies("--shards 2")),
        ("redis_cluster_server_dies_under_load", Kind::Redis, || redis_server_dies("--shards 3 --redis-cluster")),
        ("redis_replicas_follow_a_promotion", Kind::Redis, redis_replicas),
        ("redis_promotion_that_another_server_does_not_follow", Kind::Redis, half_a_promotion),
        ("mariadb_shards_come_and_go_under_load", Kind::Mariadb, reshard::mariadb),
        ("redis_shards_come_after_an_accident", Kind::Redis, reshard::redis),
        ("redis_shard_dies_while_rows_move", Kind::Redis, reshard::redis_shard_dies),
        ("redis_cluster_shares_its_rows_itself", Kind::Redis, redis_cluster::shares_itself),
    ] {
        let trial = Trial::test(name, move || {
            test();
            Ok(())
        });
        trials.push(trial.with_ignored_flag(!kind.is_installed()));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// A replica dies and comes back; the primary dies while it is away, and with it what the replica had not got.
fn replicas() {
    let cluster = Cluster::up("--store mariadb --replicas 1");
    let ledger = Arc::new(Ledger::default());
    replica_dies(&cluster, &ledger);

    // From here on nothing reaches the replica: for less than the 5 s behind which it would get no reads.
    cluster.run(&["kill", "store2"]);
    {
        let _checkers = Checkers::start(&ledger, &cluster.nodes, 0);
        std::thread::sleep(part().min(Duration::from_secs(2)));
        cluster.run(&["kill", "store1"]);
        // Those that are under way end; the rest is refused at once.
        std::thread::sleep(Duration::from_millis(300));
    }
    cluster.run(&["start", "store2"]);
    let [_, writes] = ledger.take_refused();
    assert!(!writes.is_empty() && writes.iter().all(|text| text.contains("(primary)")), "{writes:?}");
    // It gets reads once it is known how old its rows are.
    cluster.wait("the primary is away, the replica answers", |targets| {
        has(&targets[0], "primary", false)
            && has(&targets[1], "replica", true)
            && targets[1]["lag_milliseconds"].is_number()
    });
    // Reads go on, and nobody can write.
    let read = ask(&cluster.nodes[1], "GET", "/item?id=1", "").unwrap();
    assert_eq!(read.status, 200, "{}", read.text());
    assert_eq!(ask(&cluster.nodes[1], "PUT", "/item?id=1", "x").unwrap().status, 503);

    what_is_lost_is_counted(&cluster, &ledger);

    // The old one comes back as a replica of the new one, with its rows.
    cluster.run(&["start", "store1"]);
    assert_eq!(cluster.service("store1")["role"], "replica");
    cluster.wait("the old one follows", |targets| {
        has(&targets[0], "replica", true)
            && targets[0]["lag_milliseconds"].is_number()
            && has(&targets[1], "primary", true)
    });
    // And on purpose, nothing is lost.
    let back = cluster.run(&["promote", "store1"]);
    assert_eq!(back["promotions"][1], json!({"promoted": "store1", "instead_of": "store2", "lost_writes": 0}));
    cluster.wait("the nodes follow back", |targets| {
        has(&targets[0], "primary", true) && has(&targets[1], "replica", true)
    });
    assert_eq!(ask(&cluster.nodes[1], "PUT", "/item?id=1", "1 newer").unwrap().status, 200);
    assert!(cluster.refused(&["promote", "store1"]).contains("is a primary already"));
    assert!(cluster.refused(&["promote", "store9"]).contains("no store store9"));
}

/// The primary died, and the replica had been cut off from writes before: it becomes the primary, and says how many it has not.
fn what_is_lost_is_counted(cluster: &Cluster, ledger: &Ledger) {
    let unknown = ledger.unknown.load(Ordering::SeqCst);
    let promoted = cluster.run(&["promote", "store2"]);
    let promotion = &promoted["promotions"][0];
    assert_eq!((&promotion["promoted"], &promotion["instead_of"]), (&json!("store2"), &json!("store1")));
    let counted = promotion["lost_writes"].as_u64().unwrap();
    cluster.wait("the nodes follow", |targets| has(&targets[1], "primary", true));
    let missing = ledger.missing(&cluster.nodes[0]);
    assert!(missing > 0, "the replica had been cut off from writes");
    // What was counted is what was lost; beyond it only what nobody had an answer to.
    assert!(
        (missing..=missing + unknown.min(WRITERS)).contains(&counted),
        "{counted} counted, {missing} missing, {unknown} unknown"
    );
    assert_eq!(ask(&cluster.nodes[0], "PUT", "/item?id=1", "1 new").unwrap().status, 200);
}

/// The same of a Redis, which keeps no log: the nodes know the number of the last write that was acknowledged.
fn redis_primary_dies() {
    let cluster = Cluster::up("--store redis --replicas 1");
    let ledger = Arc::new(Ledger::default());
    cluster.wait("the replica follows", |targets| targets[1]["lag_milliseconds"].is_number());
    {
        let _checkers = Checkers::start(&ledger, &cluster.nodes, 0);
        std::thread::sleep(part() / 2);
        // From here on nothing reaches the replica.
        assert!(cluster.redis("store1", "store", "ACL SETUSER default -sync -psync").contains("+OK\r\n+OK"));
        assert!(cluster.redis("store1", "store", "CLIENT KILL TYPE replica").contains(":1\r\n"));
        std::thread::sleep(part() / 2);
        cluster.run(&["kill", "store1"]);
        std::thread::sleep(Duration::from_millis(300));
    }
    what_is_lost_is_counted(&cluster, &ledger);
    // A second one, of a server that numbers its writes where the first one ended.
    cluster.run(&["start", "store1"]);
    cluster.wait("it follows the new one", |targets| targets[0]["lag_milliseconds"].is_number());
    let written = ask(&cluster.nodes[1], "PUT", "/item?id=2", "2 new").unwrap();
    assert_eq!(written.status, 200, "{}", written.text());
    let repeated = |version: &Value| {
        ask(&cluster.nodes[0], "GET", "/item?id=2", "").unwrap().json()["result"]["version"] == *version
    };
    let version = written.json()["result"]["version"].clone();
    let end = std::time::Instant::now() + common::PATIENCE;
    while !(0..4).all(|_| repeated(&version)) {
        assert!(std::time::Instant::now() < end, "version {version} does not arrive");
    }
    cluster.run(&["kill", "store2"]);
    let promoted = cluster.run(&["promote", "store1"]);
    assert_eq!(promoted["promotions"][1]["lost_writes"], 0, "{}", promoted["promotions"]);
}

/// The primary is changed on purpose, again and again, while everybody reads and writes: nothing is lost, and nothing is read that
/// is older than was said.
fn handed_over(kind: Kind) {
    let name = if kind == Kind::Redis { "redis" } else { "mariadb" };
    let cluster = Cluster::up(&format!("--store {name} --replicas 1"));
    let ledger = Arc::new(Ledger::default());
    // Nodes that start together look at the servers together, and none notices before the other.
    cluster.run(&["kill", "node2"]);
    cluster.run(&["start", "node2"]);
    cluster.wait("the replica follows", |targets| targets[1]["lag_milliseconds"].is_number());
    {
        let _checkers = Checkers::start(&ledger, &cluster.nodes, 3);
        for name in ["store2", "store1", "store2", "store1"] {
            std::thread::sleep(part() / 2);
            // The old primary gets nothing of the new one for a while: who still reads from it, reads what is old.
            let passes_on = |sign: char| {
                if kind == Kind::Redis {
                    let said = cluster.redis(name, "store", &format!("ACL SETUSER default {sign}sync {sign}psync"));
                    assert!(said.contains("+OK\r\n+OK"), "{said}");
                }
            };
            passes_on('-');
            let promoted = cluster.run(&["promote", name]);
            let last = promoted["promotions"].as_array().unwrap().last().unwrap();
            assert_eq!((&last["promoted"], &last["lost_writes"]), (&json!(name), &json!(0)), "{last}");
            std::thread::sleep(Duration::from_millis(500));
            passes_on('+');
            let [new, old] = if name == "store1" { [0, 1] } else { [1, 0] };
            cluster.wait("the old one follows", |targets| {
                has(&targets[new], "primary", true) && targets[old]["lag_milliseconds"].is_number()
            });
        }
        std::thread::sleep(part() / 2);
    }
    assert_eq!(*ledger.problems.lock().unwrap(), Vec::<String>::new());
    let [reads, _] = ledger.take_refused();
    assert!(reads.is_empty(), "{reads:?}");
    for node in &cluster.nodes {
        assert_eq!(ledger.missing(node), 0);
    }
    ledger.say(name);
}

/// The replica has received a write and not repeated it: it becomes the primary when it has.
fn handed_over_late() {
    let cluster = Cluster::up("--store mariadb --replicas 1");
    cluster.wait("the replica follows", |targets| targets[1]["lag_milliseconds"].is_number());
    for statement in ["STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY = 2", "START SLAVE"] {
        cluster.mariadb("store2", statement);
    }
    assert_eq!(ask(&cluster.nodes[0], "PUT", "/item?id=7", "seven").unwrap().status, 200);
    assert_eq!(cluster.run(&["promote", "store2"])["promotions"][0]["lost_writes"], 0);
    cluster.wait("the nodes follow", |targets| has(&targets[1], "primary", true));
    // Whichever of the two answers.
    for node in cluster.nodes.iter().cycle().take(8) {
        assert_eq!(ask(node, "GET", "/item?id=7", "").unwrap().json()["result"]["value"], "seven");
    }
}

/// A store dies and comes back while all read and write; what was refused meanwhile: reads, writes.
fn store2_dies_and_returns(cluster: &Cluster, ledger: &Arc<Ledger>) -> [Vec<String>; 2] {
    {
        let _checkers = Checkers::start(ledger, &cluster.nodes, 3);
        std::thread::sleep(part());
        cluster.run(&["kill", "store2"]);
        std::thread::sleep(part());
        cluster.run(&["start", "store2"]);
        std::thread::sleep(part());
    }
    ledger.take_refused()
}

/// The only replica dies and comes back, and no request is refused.
fn replica_dies(cluster: &Cluster, ledger: &Arc<Ledger>) {
    let follows = |targets: &[Value]| has(&targets[0], "primary", true) && targets[1]["lag_milliseconds"].is_number();
    cluster.wait("the replica follows", follows);
    let [reads, writes] = store2_dies_and_returns(cluster, ledger);
    assert!(reads.is_empty() && writes.is_empty(), "{reads:?} {writes:?}");
    assert_eq!(*ledger.problems.lock().unwrap(), Vec::<String>::new());
    assert!(ledger.reads.load(Ordering::SeqCst) > 50 && ledger.writes.load(Ordering::SeqCst) > 50);
    cluster.wait("it follows again", follows);
    let of_replica =
        ask(&cluster.nodes[0], "GET", "/stats", "").unwrap().json()["store"]["targets"][1]["reads_total"].clone();
    assert!(of_replica.as_u64().unwrap() > 10, "{of_replica}");
}

fn redis_replica() {
    let cluster = Cluster::up("--store redis --replicas 1");
    let ledger = Arc::new(Ledger::default());
    replica_dies(&cluster, &ledger);
    assert_eq!(ledger.missing(&cluster.nodes[0]), 0);
    ledger.say("redis replica");
}

/// One of several Redis servers dies, and its rows with it: only those are refused, and nothing is lost of the others.
fn redis_server_dies(words: &str) {
    let cluster = Cluster::up(&format!("--store redis {words}"));
    let dead = cluster.service("store2")["address"].as_str().unwrap().to_owned();
    let ledger = Arc::new(Ledger::default());
    {
        let _checkers = Checkers::start(&ledger, &cluster.nodes, 3);
        std::thread::sleep(part());
        cluster.run(&["kill", "store2"]);
        std::thread::sleep(part());
    }
    let [reads, writes] = ledger.take_refused();
    assert!(!reads.is_empty() && !writes.is_empty());
    assert!(reads.iter().chain(&writes).all(|refusal| refusal.contains(&dead)), "{reads:?} {writes:?}");
    assert_eq!(*ledger.problems.lock().unwrap(), Vec::<String>::new());
    let mut gone = 0;
    for id in 0..ROWS {
        let answer = ask(&cluster.nodes[1], "GET", &format!("/item?id={id}"), "").unwrap();
        match answer.status {
            200 => {
                let version = answer.json()["result"]["version"].as_u64().unwrap();
                assert!(version >= ledger.last_version(id), "{id}: {}", answer.text());
            }
            _ => gone += 1,
        }
    }
    assert!((ROWS / 6..ROWS * 2 / 3).contains(&gone), "{gone} rows are gone");
    ledger.say(words);
}

/// One of two shards dies: the rows of the other go on, and nothing that was acknowledged is lost when it is back.
fn shards() {
    let cluster = Cluster::up("--store mariadb --shards 2");
    cluster.wait("both are there", |targets| targets.iter().all(|target| has(target, "shard", true)));
    let dead = cluster.service("store2")["address"].as_str().unwrap().to_owned();
    let ledger = Arc::new(Ledger::default());
    let [reads, writes] = store2_dies_and_returns(&cluster, &ledger);
    assert!(!reads.is_empty() && !writes.is_empty());
    for refusal in reads.iter().chain(&writes) {
        assert!(refusal.contains(&dead) && refusal.contains("(shard 2 of 2)"), "{refusal}");
    }
    assert_eq!(*ledger.problems.lock().unwrap(), Vec::<String>::new());
    cluster.wait("both are there again", |targets| targets.iter().all(|target| has(target, "shard", true)));
    assert_eq!(ledger.missing(&cluster.nodes[1]), 0);
    assert!(cluster.refused(&["promote", "store2"]).contains("nobody else has its rows"));
}

/// What is promoted while another server does not follow is the primary, in the settings, too.
fn half_a_promotion() {
    let cluster = Cluster::up("--store redis --replicas 2");
    let all_follow = |targets: &[Value]| targets[1..].iter().all(|target| target["lag_milliseconds"].is_number());
    cluster.wait("they follow", all_follow);
    // One that cannot become the primary changes nothing, and nobody waits: the old one takes writes again at once.
    assert!(cluster.redis("store2", "store", "ACL SETUSER default -replicaof").contains("+OK\r\n+OK"));
    let said = cluster.refused(&["promote", "store2"]);
    assert!(said.contains("store2 does not become the primary"), "{said}");
    let written = ask(&cluster.nodes[0], "PUT", "/item?id=7", "seven").unwrap();
    assert_eq!(written.status, 200, "{}", written.text());
    assert!(cluster.redis("store2", "store", "ACL SETUSER default +replicaof").contains("+OK\r\n+OK"));
    assert!(cluster.redis("store3", "store", "ACL SETUSER default -replicaof").contains("+OK\r\n+OK"));
    let said = cluster.refused(&["promote", "store2"]);
    assert!(said.contains("store2 is the primary") && said.contains("store3 does not follow"), "{said}");
    let roles = |cluster: &Cluster| ["store1", "store2", "store3"].map(|name| cluster.service(name)["role"].clone());
    assert_eq!(roles(&cluster), ["replica", "primary", "replica"]);
    cluster.wait("the nodes follow", |targets| has(&targets[1], "primary", true) && has(&targets[0], "replica", true));
    assert_eq!(ask(&cluster.nodes[0], "PUT", "/item?id=7", "seven again").unwrap().status, 200);
    cluster.run(&["kill", "store3"]);
    cluster.run(&["start", "store3"]);
    // An old primary that does not follow must not take writes.
    assert!(cluster.redis("store2", "store", "ACL SETUSER default -replicaof").contains("+OK\r\n+OK"));
    let said = cluster.refused(&["promote", "store1"]);
    assert!(said.contains("store1 is the primary") && said.contains("store2 did not follow"), "{said}");
    assert_eq!(roles(&cluster), ["primary", "replica", "replica"]);
    assert_eq!(cluster.service("store2")["up"], false);
    cluster.run(&["start", "store2"]);
    cluster.wait("all follow", |targets| {
        has(&targets[0], "primary", true) && targets[1..].iter().all(|target| target["lag_milliseconds"].is_number())
    });
    let body = ask(&cluster.nodes[1], "GET", "/item?id=7", "").unwrap().json();
    assert_eq!(body["result"]["value"], "seven again", "{body}");
}

/// A Redis that died comes back empty: not as the primary, while a replica has the rows.
fn redis_replicas() {
    let cluster = Cluster::up("--store redis --replicas 2");
    let all_follow = |targets: &[Value]| targets[1..].iter().all(|target| target["lag_milliseconds"].is_number());
    cluster.wait("they follow", all_follow);
    assert_eq!(ask(&cluster.nodes[0], "PUT", "/item?id=7", "seven").unwrap().json()["result"]["version"], 2);
    cluster.run(&["kill", "store1"]);
    assert!(cluster.refused(&["start", "store1"]).contains("promote store2"));
    // Either may be a step ahead of the other, and that one it has to be.
    let (place, promoted) = match cluster.attempt(&["promote", "store3"]) {
        Ok(promoted) => (2, promoted),
        Err(said) => {
            assert!(said.contains("promote store2"), "{said}");
            (1, cluster.run(&["promote", "store2"]))
        }
    };
    assert_eq!(promoted["promotions"][0]["lost_writes"], 0);
    cluster.run(&["start", "store1"]);
    cluster.wait("all follow the new one", |targets| {
        let follows = |target: &Value| target["lag_milliseconds"].is_number();
        let mut others = targets.iter().enumerate().filter(|(at, _)| *at != place);
        has(&targets[place], "primary", true) && others.all(|(_, target)| follows(target))
    });
    for node in &cluster.nodes {
        for _ in 0..6 {
            let body = ask(node, "GET", "/item?id=7", "").unwrap().json();
            assert_eq!((&body["result"]["value"], &body["result"]["version"]), (&json!("seven"), &json!(2)), "{body}");
        }
    }
}
