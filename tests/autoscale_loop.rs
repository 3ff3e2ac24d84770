//! `webapp autoscale --driver`, on a driver and on nodes that the test plays.

#![allow(clippy::unwrap_used)]

mod autoscale_support;
mod common;

use std::fs;
use std::sync::atomic::Ordering;

use autoscale_support::{Cluster, wait};
use common::webapp;
use serde_json::Value;

#[test]
fn grows_and_shrinks_with_the_load_and_its_log_can_be_replayed() {
    let cluster = Cluster::new("horizontal", 1);
    cluster.load.store(12, Ordering::Relaxed);
    let log = cluster.path("log.jsonl");
    let running = cluster.start(&format!("--max 8 --name mine --log {}", log.display()));
    // 12 in one pool want 6 nodes, of which 4 come a period of 15 s; the rest would take as long.
    cluster.until("5");
    running.decides("1 -> 5: queue 12 a node, target 2, wanted 6, held to +4 a period (policy 4/15s,100%/15s)");
    running.hears("the driver made it 5 in");
    // What it tells the live page, while it runs.
    let told: Value = serde_json::from_str(&fs::read_to_string(cluster.path("scaling")).unwrap()).unwrap();
    let last = told["changes"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["units"], &last["wanted"]), (&1.into(), &5.into()), "{told}");
    assert!(last["reason"].as_str().unwrap().starts_with("queue 12 a node, target 2, wanted 6"), "{told}");
    cluster.load.store(0, Ordering::Relaxed);
    cluster.until("1");
    let (out, err) = running.end(libc::SIGTERM);
    assert!(err.lines().all(|line| line.contains("the driver made it")), "{err}");
    assert!(!cluster.path("scaling").exists(), "an autoscaler that has ended tells nothing");
    let asked = fs::read_to_string(cluster.path("asked")).unwrap();
    assert!(asked.contains("scale 5 --name mine") && asked.contains("status --name mine"), "{asked}");

    let logged = fs::read_to_string(&log).unwrap();
    let logged: Vec<Value> = logged.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let decisions: Vec<&Value> = logged.iter().filter(|line| line["event"] == "decision").collect();
    assert_eq!(decisions.len(), out.lines().count());
    let replayed = webapp()
        .args(["autoscale", "--metric", "queue=2", "--down-window", "0s", "--max", "8", "--replay"])
        .arg(&log)
        .output()
        .unwrap();
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let replayed = String::from_utf8(replayed.stdout).unwrap();
    let replayed: Vec<Value> = replayed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(replayed.len(), decisions.len());
    for (replayed, decision) in replayed.iter().zip(decisions) {
        for key in ["at", "now", "wanted", "reason"] {
            assert_eq!(replayed[key], decision[key], "{decision}");
        }
    }
}

#[test]
fn a_driver_that_fails_is_said_once_and_asked_again() {
    let cluster = Cluster::new("horizontal", 2);
    cluster.load.store(4, Ordering::Relaxed);
    let running = cluster.start("");
    running.decides("2 -> 2");
    cluster.write("broken", "no disk left\n");
    running.hears("failed (exit status: 1); it said: no disk left; size kept");
    cluster.remove("broken");
    running.hears("the driver answers again");
    let (_, err) = running.end(libc::SIGINT);
    assert_eq!(err.matches("no disk left").count(), 1, "{err}");
}

#[test]
fn nodes_that_say_nothing_keep_the_size() {
    let cluster = Cluster::new("horizontal", 3);
    cluster.load.store(6, Ordering::Relaxed);
    let running = cluster.start("");
    running.decides("3 -> 3: queue 2 a node");
    cluster.silent.store(true, Ordering::Relaxed);
    running.hears("node2 gives no /stats");
    running.decides("no node gave a sample of queue: size kept");
    cluster.silent.store(false, Ordering::Relaxed);
    running.hears("node2 gives its /stats again");
    let (_, err) = running.end(libc::SIGTERM);
    assert!(!err.contains("the driver made it"), "{err}");
    assert_eq!(cluster.units(), "3");
}

#[test]
fn what_somebody_else_changed_is_where_it_goes_on() {
    let cluster = Cluster::new("horizontal", 2);
    cluster.load.store(4, Ordering::Relaxed);
    // The size may change after the driver was asked and before the nodes are: 2 nodes then share the load of 5. At least 2
    // keeps that moment from being a decision of its own.
    let running = cluster.start("--min 2");
    running.decides("2 -> 2");
    cluster.write("units", "5");
    running.hears("somebody else changed the cluster from 2 to 5; going on from there");
    // 4 on 5 nodes is 1 on each, rounded up: half of the target.
    cluster.until("3");
    running.end(libc::SIGTERM);
}

#[test]
fn a_node_that_died_does_not_count_and_is_made_up_for() {
    let cluster = Cluster::new("horizontal", 3);
    cluster.load.store(4, Ordering::Relaxed);
    let running = cluster.start("--min 3");
    running.decides("3 -> 3");
    cluster.write("state2", "down");
    running.hears("node2 is down: it does not count until it is back");
    cluster.until("4");
    running.decides("2 -> 3: the size was outside the smallest size, 3");
    cluster.remove("state2");
    running.hears("node2 is back");
    cluster.until("3");
    running.end(libc::SIGTERM);
}

#[test]
fn a_dry_run_changes_nothing() {
    let cluster = Cluster::new("horizontal", 1);
    cluster.load.store(8, Ordering::Relaxed);
    let running = cluster.start("--dry-run");
    running.decides("1 -> 4: queue 8 a node, target 2, wanted 4 (dry run)");
    let (out, err) = running.end(libc::SIGTERM);
    assert!(out.lines().all(|line| line.contains("1 -> 4")) && err.is_empty(), "{out}{err}");
    assert!(!fs::read_to_string(cluster.path("asked")).unwrap().contains("scale"));
}

#[test]
fn vertical_changes_the_units_of_the_one_big_node() {
    let cluster = Cluster::new("vertical", 2);
    cluster.load.store(10, Ordering::Relaxed);
    let running = cluster.start("--vertical --max 6");
    // 10 in one pool are 5 for each of 2 units, where 2 are to be: 5 units.
    cluster.until("5");
    running.decides("2 -> 5: queue 5 a node, target 2, wanted 5");
    cluster.load.store(2, Ordering::Relaxed);
    cluster.until("1");
    running.end(libc::SIGTERM);
}

#[test]
fn nodes_get_more_quota_before_there_are_more_of_them() {
    let cluster = Cluster::new("horizontal", 1);
    cluster.write("quota", "20");
    cluster.load.store(6, Ordering::Relaxed);
    let running = cluster.start("--node-units 2 --max 4");
    // 6 in the pool of one unit want 3 units: two nodes of one and a half.
    cluster.until("2");
    running.decides("1 -> 3: queue 6 a node, target 2, wanted 3");
    running.hears("the driver made it 3 in");
    cluster.load.store(2, Ordering::Relaxed);
    cluster.until("1");
    running.end(libc::SIGTERM);
    let asked = fs::read_to_string(cluster.path("asked")).unwrap();
    assert!(asked.contains("scale 2 --unit-cpu 30") && asked.contains("scale 1 --unit-cpu 20"), "{asked}");
}

#[test]
fn nested_nodes_wait_for_their_machines() {
    let cluster = Cluster::new("horizontal", 2);
    cluster.load.store(8, Ordering::Relaxed);
    let running = cluster.start("--machine-units 2 --machine-boot 4s --max-machines 2");
    running.hears("the driver names no machines, so they are only counted");
    running.decides(
        "2 -> 4: queue 4 a node, target 2, wanted 4; 2 on 1 machine, 2 nodes without a machine, 1 machine ordered",
    );
    assert_eq!(cluster.units(), "2", "not before the machine has booted");
    cluster.until("4");
    running.decides("4 on 2 machines");
    running.end(libc::SIGTERM);
}

#[test]
fn machines_are_ordered_from_a_driver_that_has_some() {
    let cluster = Cluster::new("horizontal", 2);
    cluster.write("machines", "1");
    cluster.load.store(8, Ordering::Relaxed);
    let running = cluster.start("--machine-units 2 --machine-boot 300ms --machine-idle 300ms --max-machines 2");
    cluster.until("4");
    cluster.load.store(2, Ordering::Relaxed);
    cluster.until("1");
    // A machine may go long after its last node: an order of its own, at the same size.
    running.hears("the driver changed the machines in");
    let machines = || fs::read_to_string(cluster.path("machines")).unwrap().trim() == "1";
    wait(machines, "one machine is left");
    running.end(libc::SIGTERM);
    let asked = fs::read_to_string(cluster.path("asked")).unwrap();
    assert!(asked.contains("scale 4 --machines 2") && asked.contains("scale 1 --machines 1"), "{asked}");
}

#[test]
fn what_cannot_work_fails_at_once() {
    let one = Cluster::new("vertical", 2);
    let many = Cluster::new("horizontal", 2);
    let broken = Cluster::new("horizontal", 2);
    let on_machines = Cluster::new("horizontal", 2);
    on_machines.write("machines", "2");
    broken.write("broken", "there is no cluster webapp\n");
    for (cluster, arguments, hint) in [
        (&one, "", "add --vertical"),
        (&many, "--vertical", "this cluster has many"),
        (&many, "--node-units 2", "these nodes have none"),
        (&on_machines, "--machine-units 3", "machine1 has room for 2"),
        (&on_machines, "--machine-units 2 --max-machines 1", "the cluster has 2 machines already"),
        (&broken, "", "there is no cluster webapp"),
        (&many, "--log /no/such/folder/log", "/no/such/folder/log"),
    ] {
        let output = cluster.output(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments}: {stderr}");
        assert!(stderr.contains(hint), "{arguments}: {stderr}");
    }
    for arguments in [
        "--interval 1ms",
        "--vertical --machine-units 2",
        "--vertical --node-units 2",
        "--replay - --node-units 2",
        "--replay - --log x",
    ] {
        assert_eq!(many.output(arguments).status.code(), Some(2), "{arguments}");
    }
    let missing = webapp().args(["autoscale", "--driver", "/no/such/driver", "--metric", "cpu=70"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/no/such/driver"));
    let neither = webapp().args(["autoscale", "--metric", "cpu=70"]).output().unwrap();
    assert_eq!(neither.status.code(), Some(2));
}
