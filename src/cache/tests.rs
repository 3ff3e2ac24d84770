//! Flights and their ends, without a server.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Cache, CacheConfig, Entered, FlightOutcome, Key, Lead, Wait};
use crate::http::Problem;

const KEY: Key = Key { address: "item", number: 7, variant: "" };

fn cache(ttl: Duration) -> Arc<Cache> {
    let target = "memory:1MiB".parse().unwrap();
    Arc::new(Cache::start(CacheConfig { target, ttl, connections: 1, queue: 1 }).unwrap())
}

fn lead(cache: &Arc<Cache>) -> Lead {
    match cache.enter(KEY) {
        Entered::Leads(lead) => lead,
        Entered::Hit(_) | Entered::Waits(_) => panic!("somebody was there before"),
    }
}

fn wait(cache: &Arc<Cache>) -> Wait {
    match cache.enter(KEY) {
        Entered::Waits(wait) => wait,
        Entered::Hit(_) | Entered::Leads(_) => panic!("nobody works it out"),
    }
}

fn bytes(outcome: &FlightOutcome) -> &[u8] {
    match outcome {
        FlightOutcome::Value(entry) => &entry.bytes,
        other => panic!("{other:?}"),
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn who_waits_gets_what_was_worked_out_and_later_ones_find_it() {
    let cache = cache(HOUR);
    let first = lead(&cache);
    assert!(!first.others().wait());
    let waits: Vec<Wait> = (0..8).map(|_| wait(&cache)).collect();
    let threads: Vec<_> = waits.into_iter().map(|wait| std::thread::spawn(move || wait.outcome(|| false))).collect();
    let others = first.others();
    while !others.wait() {
        std::thread::yield_now();
    }
    assert!(first.keep(b"1".to_vec(), Instant::now()).1);
    for thread in threads {
        assert_eq!(bytes(&thread.join().unwrap()), b"1");
    }
    assert_eq!(cache.look(&KEY).unwrap().bytes[..], *b"1");
    let reading = cache.reading();
    assert_eq!((reading.misses_total, reading.collapsed_total, reading.hits_total), (1, 8, 1));
}

#[test]
fn a_failure_is_told_to_all_and_kept_for_none() {
    let cache = cache(HOUR);
    let (first, second) = (lead(&cache), wait(&cache));
    let problem = Problem::new(503, "away");
    first.fail(&problem);
    assert_eq!(second.outcome(|| false), FlightOutcome::Failed(problem));
    drop(lead(&cache));
}

#[test]
fn a_leader_that_leaves_or_panics_leaves_nobody_waiting() {
    let cache = cache(HOUR);
    let (first, second) = (lead(&cache), wait(&cache));
    drop(first);
    assert_eq!(second.outcome(|| false), FlightOutcome::Abandoned);
    let (first, second) = (lead(&cache), wait(&cache));
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _first = first;
        panic!("a fault in the work");
    }));
    assert!(panicked.is_err());
    match second.outcome(|| false) {
        FlightOutcome::Failed(problem) => assert_eq!(problem.status, 500),
        other => panic!("{other:?}"),
    }
    drop(lead(&cache));
}

#[test]
fn what_a_write_overtakes_is_not_kept_and_later_ones_work_it_out_anew() {
    let cache = cache(HOUR);
    let (old, before) = (lead(&cache), wait(&cache));
    cache.invalidate(&[KEY]);
    let new = lead(&cache);
    // Who asked before the write may have the old answer; nobody else.
    assert!(!old.keep(b"old".to_vec(), Instant::now()).1);
    assert_eq!(bytes(&before.outcome(|| false)), b"old");
    let after = wait(&cache);
    assert!(new.keep(b"new".to_vec(), Instant::now()).1);
    assert_eq!(bytes(&after.outcome(|| false)), b"new");
    assert_eq!(cache.look(&KEY).unwrap().bytes[..], *b"new");
    cache.invalidate(&[KEY]);
    assert_eq!(cache.look(&KEY), None);
}

#[test]
fn nothing_is_used_for_longer_than_it_may_be() {
    let ttl = Duration::from_millis(50);
    let cache = cache(ttl);
    let slow = lead(&cache);
    std::thread::sleep(ttl * 2);
    // What it gives could be older than an answer may be: who comes now does not wait for it.
    let quick = lead(&cache);
    assert!(!slow.keep(b"slow".to_vec(), Instant::now()).1);
    let known = Instant::now();
    quick.keep(b"quick".to_vec(), known);
    if let Some(entry) = cache.look(&KEY) {
        assert!(entry.bytes[..] == *b"quick" && entry.expires == known + ttl);
    }
    std::thread::sleep(ttl * 2);
    assert_eq!(cache.look(&KEY), None);
    // Known to be right too long ago to be kept at all.
    let late = lead(&cache);
    assert!(!late.keep(b"late".to_vec(), Instant::now() - ttl * 2).1);
}

#[test]
fn who_has_no_client_any_more_does_not_wait() {
    let cache = cache(HOUR);
    let (first, second) = (lead(&cache), wait(&cache));
    let others = first.others();
    let thread = std::thread::spawn(move || second.outcome(|| true));
    while !others.wait() {
        std::thread::yield_now();
    }
    // Woken as by its connection, which here is done by the end of the flight: it has left, or has the answer.
    first.keep(b"1".to_vec(), Instant::now());
    assert!(matches!(thread.join().unwrap(), FlightOutcome::Left | FlightOutcome::Value(_)));
}
