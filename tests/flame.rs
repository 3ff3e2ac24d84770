//! `webapp flame`: a real perf on the real binary. Where perf may not record, the tests that need it are reported as ignored, by name.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::{Node, webapp};
use libtest_mimic::{Arguments, Failed, Trial};

/// How far two shares may lie apart, in points.
const POINTS: f64 = 10.0;

fn main() {
    let arguments = Arguments::from_args();
    // Listing must not start a recording.
    let ignored = !arguments.list && !perf_records();
    let tests = vec![
        Trial::test("stacks_become_a_picture_and_a_table", stacks_become_a_picture),
        Trial::test("two_pictures_become_one", two_pictures_become_one),
        Trial::test("what_cannot_be_drawn_is_said", what_cannot_be_drawn_is_said),
        Trial::test("fib_has_the_share_that_the_pool_took", fib_has_the_share_of_the_pool).with_ignored_flag(ignored),
        Trial::test("primes_are_named", primes_are_named).with_ignored_flag(ignored),
        Trial::test("waiting_is_recorded", waiting_is_recorded).with_ignored_flag(ignored),
    ];
    libtest_mimic::run(&arguments, tests).exit();
}

/// Whether there is a perf here, and the kernel lets it record.
fn perf_records() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut perf = Command::new("perf");
    perf.args(["record", "-q", "-e", "cpu-clock", "-F", "99", "-o"])
        .arg(folder.path().join("data"))
        .args(["--", "true"]);
    perf.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn flame(folder: &Path, words: &[&str]) -> Output {
    webapp().arg("flame").args(words).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

/// The table that was printed.
fn drawn(folder: &Path, words: &[&str]) -> String {
    let output = flame(folder, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a function and those it called took, in percent; 0 where the table does not name it.
fn share(table: &str, function: &str) -> f64 {
    let line = table.lines().find(|line| line.ends_with(function));
    line.map_or(0.0, |line| line.split_whitespace().nth(2).unwrap().parse().unwrap())
}

fn stacks_become_a_picture() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let mut child = webapp()
        .args(["flame", "--out", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().unwrap().write_all(b"pool;work;fib;fib 3\npool;work;send 1\n")?;
    let output = child.wait_with_output()?;
    let picture = String::from_utf8(output.stdout)?;
    assert!(output.status.success() && picture.starts_with("<svg ") && picture.ends_with("</svg>"), "{picture}");
    let table = String::from_utf8(output.stderr)?;
    assert_eq!((share(&table, "fib"), share(&table, "send")), (75.0, 25.0), "{table}");
    // The picture alone says the same again.
    fs::write(folder.path().join("one.svg"), &picture)?;
    assert_eq!(share(&drawn(folder.path(), &["--from", "one.svg"]), "fib"), 75.0);
    assert!(folder.path().join("flame.svg").exists());
    Ok(())
}

fn two_pictures_become_one() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("before"), "pool;work;fib 9\npool;work;send 1\n")?;
    fs::write(folder.path().join("after"), "pool;work;fast 1\npool;work;send 9\n")?;
    let table = drawn(folder.path(), &["--compare", "before", "after", "--out", "both.svg"]);
    assert!(table.contains("90.0 %     0.0 %    -90.0   fib"), "{table}");
    assert!(fs::read_to_string(folder.path().join("both.svg"))?.contains("more-strong"));
    Ok(())
}

fn what_cannot_be_drawn_is_said() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("text"), "what is this\n")?;
    let node = Node::start(&[]);
    let bad = node.url("/fib?number=x");
    for (words, said) in [
        (&["--from", "text"][..], "neither of perf script nor a folded stack"),
        (&["--from", "nothing"], "cannot read nothing"),
        (&[], "not one sample"),
        (&["--pid", "4194305"], "there is no process 4194305"),
        (&["--node", "node1", "--name", "nobody"], "there is no cluster nobody"),
        (&["--url", "http://127.0.0.1:1/"], "no node answers"),
        (&["--url", &bad], "is not answered with 2xx"),
        (&["--pid", "1", "--url", "http://127.0.0.1:1/"], "cannot be used with"),
    ] {
        let output = flame(folder.path(), words);
        let error = String::from_utf8(output.stderr)?;
        assert!(!output.status.success() && error.contains(said), "{words:?}: {error}");
    }
    assert!(!folder.path().join("flame.svg").exists());
    Ok(())
}

/// CPU seconds of those threads of a process whose names begin so.
fn cpu_seconds(pid: u32, name: &str) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().filter_map(Result::ok).map(|task| task.path());
    let named = tasks.filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.starts_with(name)));
    let ticks = named.filter_map(|task| {
        let stat = fs::read_to_string(task.join("stat")).ok()?;
        // Behind the name in brackets, fields 14 and 15 of proc_pid_stat(5): user and system, in hundredths of a second.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields[11].parse::<f64>().ok()? + fields[12].parse::<f64>().ok()?)
    });
    ticks.sum::<f64>() / 100.0
}

/// A profile and the node's own counters agree on what the pool took of its CPU.
fn fib_has_the_share_of_the_pool() -> Result<(), Failed> {
    // Long enough that what a thread of the pool does besides is little beside it.
    let folder = tempfile::tempdir()?;
    let node = Node::start(&["--pool-threads", "1"]);
    let pid = node.child.id();
    let reading = || {
        let stats = node.get("/stats").json();
        let of = |pointer: &str| stats.pointer(pointer).and_then(serde_json::Value::as_f64).unwrap();
        let said = (of("/pool/busy_seconds_total"), of("/process/cpu_seconds_total"));
        (said, (cpu_seconds(pid, "pool-"), cpu_seconds(pid, "")))
    };
    let before = reading();
    let table = drawn(folder.path(), &["--url", &node.url("/fib?number=25"), "--connections", "2", "--seconds", "3"]);
    // The snapshot is a second old at most: one that has seen it all.
    std::thread::sleep(Duration::from_millis(1_200));
    let after = reading();
    let seen = share(&table, "webapp::app::fib::fib");
    let percent = |(part_before, all_before): (f64, f64), (part, all): (f64, f64)| {
        100.0 * (part - part_before) / (all - all_before)
    };
    let (of_kernel, of_stats) = (percent(before.1, after.1), percent(before.0, after.0));
    assert!((seen - of_kernel).abs() < POINTS, "fib {seen} %, threads of the pool {of_kernel} %:\n{table}");
    // The node counts what its threads take by the clock: where others had the CPU meanwhile, that is more than they used.
    let clock = after.0.0 - before.0.0;
    if clock < 1.05 * (after.1.0 - before.1.0) {
        assert!((seen - of_stats).abs() < POINTS, "fib {seen} %, pool of /stats {of_stats} %:\n{table}");
    }
    Ok(())
}

fn primes_are_named() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let node = Node::start(&[]);
    let table =
        drawn(folder.path(), &["--url", &node.url("/primes?cant=2000"), "--connections", "2", "--seconds", "2"]);
    // In the picture: built without optimisation, most of the time is that of the iterators it calls, and the table is of those.
    let whole = fs::read_to_string(folder.path().join("flame.svg"))?;
    assert!(whole.contains("webapp::app::primes::last_prime: "), "{table}");
    Ok(())
}

/// A thread of the pool that waits for the disk or in the model sync's sleep is not on a CPU.
fn waiting_is_recorded() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let node = Node::start(&["--model", "sync", "--pool-threads", "2"]);
    let url = node.url("/sleep?seg=0.05");
    let table = drawn(folder.path(), &["--url", &url, "--connections", "2", "--seconds", "2", "--off-cpu"]);
    assert!(table.contains("s of waiting") && table.contains("webapp::app::sleep"), "{table}");
    Ok(())
}
