//! One suite for every kind of store, against the real servers. A kind whose server is not installed is ignored by name.

#![allow(clippy::unwrap_used)]

#[path = "store_support/redis_cluster.rs"]
mod redis_cluster;
mod store_support;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use store_support::{Kind, PASSWORD, StoreServer};
use webapp::store::{
    Client, Failure, LARGEST_ID, Lookup, MemoryStore, Session, SessionKey, Share, Target, connect, seed,
};

const TIMEOUT: Duration = Duration::from_secs(20);
/// Two batches and a bit; the last tag has less than ten rows.
const ROWS: u64 = 2_345;

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = vec![
        Trial::test("memory_rows", || done(memory_rows)),
        Trial::test("memory_sessions", || done(|| sessions(&|| Box::new(MemoryStore::new(0)), Keeps::Itself))),
        Trial::test("sqlite_rows", || done(sqlite_rows)),
        Trial::test("sqlite_sessions", || done(sqlite_sessions)),
    ];
    for (name, kind, test) in [
        ("mysql_rows", Kind::Mariadb, remote_rows as fn(Kind)),
        ("mysql_sessions", Kind::Mariadb, remote_sessions),
        ("redis_rows", Kind::Redis, remote_rows),
        ("redis_sessions", Kind::Redis, remote_sessions),
        ("memcached_sessions", Kind::Memcached, remote_sessions),
        ("memcached_holds_no_rows", Kind::Memcached, memcached_holds_no_rows),
        ("mysql_is_refused_with_a_wrong_password", Kind::Mariadb, wrong_password),
        ("redis_is_refused_with_a_wrong_password", Kind::Redis, wrong_password),
        ("mysql_that_hangs_or_dies_ends_its_client", Kind::Mariadb, hangs_or_dies),
        ("redis_that_hangs_or_dies_ends_its_client", Kind::Redis, hangs_or_dies),
        ("memcached_that_hangs_or_dies_ends_its_client", Kind::Memcached, hangs_or_dies),
    ] {
        trials.push(Trial::test(name, move || done(|| test(kind))).with_ignored_flag(!kind.is_installed()));
    }
    for (name, test) in [
        ("redis_cluster_of_one_server", redis_cluster::one_server as fn()),
        ("redis_cluster_that_changes_is_followed", redis_cluster::that_changes),
    ] {
        trials.push(Trial::test(name, move || done(test)).with_ignored_flag(!Kind::Redis.is_installed()));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn done(test: impl FnOnce()) -> Result<(), libtest_mimic::Failed> {
    test();
    Ok(())
}

fn by() -> Instant {
    Instant::now() + TIMEOUT
}

type Open<'a> = &'a (dyn Fn() -> Box<dyn Client> + Sync);

/// Whether clients that are opened one after the other see the same store.
#[derive(Clone, Copy, PartialEq)]
enum Keeps {
    Itself,
    Shared,
}

fn memory_rows() {
    let memory = MemoryStore::new(ROWS);
    let open = move || Box::new(memory.clone()) as Box<dyn Client>;
    rows(&open);
}

fn sqlite_rows() {
    let folder = tempfile::tempdir().unwrap();
    let target: Target = format!("sqlite:{}/a.db", folder.path().display()).parse().unwrap();
    let open = || connect(&target, TIMEOUT).unwrap();
    assert_eq!(open().get(1, by()), Err(Failure::Unseeded));
    seed_twice(&target, &open);
    rows(&open);
}

fn sqlite_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let target: Target = format!("sqlite:{}/a.db", folder.path().display()).parse().unwrap();
    seed::seed(&target, Share::ALL, 0, TIMEOUT, |_| ControlFlow::Continue(())).unwrap();
    sessions(&|| connect(&target, TIMEOUT).unwrap(), Keeps::Shared);
}

fn remote_rows(kind: Kind) {
    let server = StoreServer::start(kind);
    let target: Target = server.url().parse().unwrap();
    let open = || connect(&target, TIMEOUT).unwrap();
    match kind {
        // The database itself is made by the first run of the seed.
        Kind::Mariadb => assert!(connect(&target, TIMEOUT).is_err()),
        Kind::Redis => assert_eq!(open().get(1, by()), Ok(None)),
        Kind::Memcached => unreachable!("it holds no rows"),
    }
    seed_twice(&target, &open);
    rows(&open);
}

fn remote_sessions(kind: Kind) {
    let server = StoreServer::start(kind);
    let target: Target = server.url().parse().unwrap();
    if kind == Kind::Mariadb {
        seed::seed(&target, Share::ALL, 0, TIMEOUT, |_| ControlFlow::Continue(())).unwrap();
    }
    sessions(&|| connect(&target, TIMEOUT).unwrap(), Keeps::Shared);
}

/// A second run changes nothing of what was written since the first, and adds what is missing.
fn seed_twice(target: &Target, open: Open<'_>) {
    let mut told = Vec::new();
    let tell = |rows| {
        told.push(rows);
        ControlFlow::Continue(())
    };
    seed::seed(target, Share::ALL, 1_500, TIMEOUT, tell).unwrap();
    assert_eq!(told, [1_000, 1_500]);
    assert_eq!(open().put(3, "written", by()), Ok(Some(2)));
    seed::seed(target, Share::ALL, ROWS, TIMEOUT, |_| ControlFlow::Continue(())).unwrap();
    let row = open().get(3, by()).unwrap().unwrap();
    assert_eq!((row.value.as_str(), row.version), ("written", 2));
}

fn rows(open: Open<'_>) {
    let mut client = open();
    client.ping(by()).unwrap();
    for id in [0, 9, 10, 999, 1_000, ROWS - 1] {
        let row = client.get(id, by()).unwrap().unwrap();
        assert_eq!((row.id, row.tag, row.version, row.value.len()), (id, id / 10, 1, 100));
        assert!(row.value.starts_with(&format!("row {id}.")), "{}", row.value);
    }
    for id in [ROWS, ROWS + 1, LARGEST_ID] {
        assert_eq!(client.get(id, by()), Ok(None), "{id}");
        assert_eq!(client.put(id, "x", by()), Ok(None), "{id}");
        assert_eq!(client.get(id, by()), Ok(None), "{id}");
    }
    // Together, in any order, twice the same, and with some that are not there: as one by one.
    let ids: Vec<u64> = (0..40).map(|step| step * 61 % ROWS).chain([ROWS, 7, 7, LARGEST_ID, 8]).collect();
    let each: Vec<_> = ids.iter().map(|id| client.get(*id, by())).collect();
    assert_eq!(client.get_each(&ids, by()), each);
    assert_eq!(client.get_each(&[5], by()).len() + client.get_each(&[], by()).len(), 1);
    let long = "ñ".repeat(512);
    for (value, version) in [("", 2), ("a 'b' \"c\" \\ ; --", 3), ("línea\r\nline\0", 4), (&*long, 5), (&*long, 6)] {
        assert_eq!(client.put(7, value, by()), Ok(Some(version)), "{value:?}");
        let row = open().get(7, by()).unwrap().unwrap();
        assert_eq!((&*row.value, row.version, row.tag), (value, version, 0));
    }
    for (tag, count) in [(0, 10), (1, 10), (100, 10), (234, 5), (235, 0), (webapp::store::LARGEST_ID, 0)] {
        let found = client.by_tag(tag, Lookup::Index, by()).unwrap();
        assert_eq!(found.len(), count, "{tag}");
        assert!(found.iter().all(|row| row.tag == tag) && found.is_sorted_by_key(|row| row.id), "{found:?}");
        assert_eq!(client.by_tag(tag, Lookup::Scan, by()).unwrap(), found, "{tag}");
    }
    each_write_counts_once(open);
}

fn each_write_counts_once(open: Open<'_>) {
    let (clients, writes) = (4_u64, 50_u64);
    let mut versions: Vec<u64> = std::thread::scope(|scope| {
        let write = move || {
            let mut client = open();
            let put = |number| client.put(20, &format!("write {number}"), by()).unwrap().unwrap();
            (0..writes).map(put).collect::<Vec<u64>>()
        };
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(write)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    versions.sort_unstable();
    assert!(versions.into_iter().eq(2..=clients * writes + 1));
}

fn key(number: u128) -> SessionKey {
    SessionKey::new(number.to_be_bytes())
}

fn sessions(open: Open<'_>, keeps: Keeps) {
    let shared: Arc<std::sync::Mutex<Box<dyn Client>>> = Arc::new(std::sync::Mutex::new(open()));
    let mut client = shared.lock().unwrap();
    let hour = Duration::from_secs(3_600);
    let fresh = |user: Option<&str>| Session { counter: 1, user: user.map(str::to_owned) };
    let counted = |counter, user: Option<&str>| Ok(Some(Session { counter, user: user.map(str::to_owned) }));
    // One that nobody made is nobody's, however often it is asked for.
    for _ in 0..3 {
        assert_eq!(client.next_of_session(&key(1), by()), Ok(None));
    }
    client.create_session(&key(2), &fresh(None), hour, by()).unwrap();
    client.create_session(&key(3), &fresh(Some("josé")), hour, by()).unwrap();
    assert_eq!(client.next_of_session(&key(2), by()), counted(2, None));
    assert_eq!(client.next_of_session(&key(2), by()), counted(3, None));
    assert_eq!(client.next_of_session(&key(3), by()), counted(2, Some("josé")));
    // Longer numbers than the one it began with.
    for counter in 4..=120 {
        assert_eq!(client.next_of_session(&key(2), by()), counted(counter, None));
    }
    client.delete_session(&key(2), by()).unwrap();
    client.delete_session(&key(2), by()).unwrap();
    assert_eq!(client.next_of_session(&key(2), by()), Ok(None));
    assert_eq!(client.next_of_session(&key(3), by()), counted(3, Some("josé")));

    let second = Duration::from_secs(1);
    client.create_session(&key(4), &fresh(Some("ana")), second, by()).unwrap();
    let end = Instant::now() + TIMEOUT;
    while client.next_of_session(&key(4), by()).unwrap().is_some() {
        assert!(Instant::now() < end, "a session of a second does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
    client.create_session(&key(5), &fresh(None), hour, by()).unwrap();
    drop(client);
    if keeps == Keeps::Shared {
        each_count_is_given_once(open);
    }
}

fn each_count_is_given_once(open: Open<'_>) {
    let (clients, counts) = (4_u64, 50_u64);
    let mut counters: Vec<u64> = std::thread::scope(|scope| {
        let count = move || {
            let mut client = open();
            let next = |_| client.next_of_session(&key(5), by()).unwrap().unwrap().counter;
            (0..counts).map(next).collect::<Vec<u64>>()
        };
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(count)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    counters.sort_unstable();
    assert!(counters.into_iter().eq(2..=clients * counts + 1));
}

fn memcached_holds_no_rows(kind: Kind) {
    let server = StoreServer::start(kind);
    let target: Target = server.url().parse().unwrap();
    let mut client = connect(&target, TIMEOUT).unwrap();
    assert!(matches!(client.get(1, by()), Err(Failure::Unsupported(_))));
    assert!(matches!(
        seed::seed(&target, Share::ALL, 10, TIMEOUT, |_| ControlFlow::Continue(())),
        Err(Failure::Unsupported(_))
    ));
    client.ping(by()).unwrap();
}

fn wrong_password(kind: Kind) {
    let server = StoreServer::start(kind);
    let target: Target = server.url().replace(PASSWORD, "Heron-Password-1846").parse().unwrap();
    let Err(Failure::Lost(why)) = connect(&target, TIMEOUT) else { panic!("let in, or another failure") };
    assert!(!why.is_empty() && !why.contains("Heron"), "{why}");
}

/// After a timeout an answer may still come, which must not be taken for the next one.
fn hangs_or_dies(kind: Kind) {
    let mut server = StoreServer::start(kind);
    let target: Target = server.url().parse().unwrap();
    if kind == Kind::Mariadb {
        seed::seed(&target, Share::ALL, 0, TIMEOUT, |_| ControlFlow::Continue(())).unwrap();
    }
    let timeout = Duration::from_millis(500);
    let mut client = connect(&target, timeout).unwrap();
    client.ping(by()).unwrap();
    server.freeze();
    let start = Instant::now();
    assert_eq!(client.ping(start + timeout), Err(Failure::TimedOut));
    assert!(Failure::TimedOut.ends_client());
    assert!(connect(&target, timeout).is_err());
    assert!(start.elapsed() < TIMEOUT, "{:?}", start.elapsed());
    server.thaw();
    let mut client = connect(&target, TIMEOUT).unwrap();
    server.kill();
    assert!(client.ping(by()).unwrap_err().ends_client());
    let Err(failure) = connect(&target, timeout) else { panic!("a dead server answers") };
    assert!(failure.ends_client(), "{failure:?}");
    server.start_again();
    connect(&target, TIMEOUT).unwrap().ping(by()).unwrap();
}
