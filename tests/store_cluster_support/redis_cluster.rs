//! Redis Cluster: the store that knows itself who has which row.

use serde_json::json;

use super::{Cluster, ROWS, ask};

fn rows_of_tag(node: &str, query: &str) -> Vec<u64> {
    let answer = ask(node, "GET", &format!("/items?{query}"), "").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["result"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

/// The rows that are asked for, of all slots.
fn some() -> impl Iterator<Item = u64> {
    (0..ROWS).step_by(4)
}

/// Every row is found whoever has it, a dead server takes only its own along, and comes back to the others.
pub fn shares_itself() {
    let cluster = Cluster::up("--store redis --shards 3 --redis-cluster --sessions redis -- --sample-interval 100ms");
    let [node, other] = &cluster.nodes[..] else { panic!("two nodes") };
    for id in some() {
        let version = &ask(node, "PUT", &format!("/item?id={id}"), "new").unwrap().json()["result"]["version"];
        assert_eq!(version, 2, "{id}");
        let row = &ask(other, "GET", &format!("/item?id={id}"), "").unwrap().json()["result"];
        assert_eq!((&row["value"], &row["version"]), (&json!("new"), &json!(2)), "{id}");
    }
    assert_eq!(rows_of_tag(node, "tag=7"), (70..80).collect::<Vec<_>>());
    assert_eq!(rows_of_tag(node, "tag=7&index=no"), (70..80).collect::<Vec<_>>());
    let session = ask(node, "GET", "/session", "").unwrap();
    assert_eq!(session.json()["result"], 1, "{}", session.text());
    let keys = |store: &str| -> u64 {
        cluster.redis(store, "store", "DBSIZE").lines().find_map(|line| line.strip_prefix(':')?.parse().ok()).unwrap()
    };
    let counts = ["store1", "store2", "store3"].map(keys);
    // 200 rows, 20 tags, a session, by thirds.
    assert!(counts.iter().sum::<u64>() == ROWS + ROWS / 10 + 1 && counts.iter().all(|count| *count > 40), "{counts:?}");
    assert!(cluster.refused(&["reshard", "4"]).contains("among themselves"));

    cluster.run(&["kill", "store2"]);
    let mut gone = Vec::new();
    for id in some() {
        let answer = ask(node, "GET", &format!("/item?id={id}"), "").unwrap();
        if answer.status != 200 {
            assert!(answer.status == 503 && answer.text().contains("does not answer"), "{}", answer.text());
            gone.push(id);
        }
    }
    assert!((5..30).contains(&gone.len()), "{} of 50 are gone", gone.len());
    cluster.run(&["start", "store2"]);
    // Redis keeps rows in memory alone: those that died are as they were made.
    for id in some() {
        let row = ask(other, "GET", &format!("/item?id={id}"), "").unwrap();
        let version = if gone.contains(&id) { 1 } else { 2 };
        assert_eq!(row.json()["result"]["version"], version, "{id}: {}", row.text());
    }
    assert_eq!(rows_of_tag(other, "tag=7"), (70..80).collect::<Vec<_>>());
}
