//! `webapp bench` end to end: the real driver, the real HAProxy, and what is left after an accident.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use common::{PATIENCE, webapp};
use serde_json::Value;

/// A place for one bench: its results, and the state of its clusters, which must be empty in the end.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("results")
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// A bench as short as it can be: two unit counts, each ladder, one death.
    fn bench(&self, further: &[&str]) -> Command {
        let mut command = webapp();
        command.env("WEBAPP_STATE_DIR", self.state()).env_remove("XDG_RUNTIME_DIR");
        command.args(["bench", "--driver", concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/cluster.sh"), "--out"]);
        command.arg(self.out()).args(["--units", "1,2", "--blocks", "1", "--window", "500ms", "--fractions", "0.6"]);
        // Quotas need root; without them everything else is the same.
        // SAFETY: geteuid(2) has no precondition and cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            command.args(["--unit-cpu", "none"]);
        }
        // Benches run side by side here: each has a port of its own.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        command.args(further).args(["--", "--port", &free.to_string()]);
        command
    }

    fn start(&self) -> Child {
        let said = fs::File::create(self.folder.path().join("said")).unwrap();
        self.bench(&[]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().unwrap()
    }

    /// Waits until the bench has written so many runs.
    fn wait_for_runs(&self, count: usize) {
        wait_until(
            || self.runs().len() >= count,
            || format!("{count} runs; it said: {}", fs::read_to_string(self.folder.path().join("said")).unwrap()),
        );
    }

    fn runs(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.out().join("runs.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn report(&self) -> (Output, Value) {
        let output = webapp().arg("report").arg(self.out()).output().unwrap();
        let json = fs::read_to_string(self.out().join("report.json")).unwrap();
        (output, serde_json::from_str(&json).unwrap())
    }

    /// Waits until no process of the bench and nothing of its clusters is left.
    fn expect_nothing_left(&self) {
        let state = self.state();
        wait_until(
            || !state.exists() && processes_of(&state).is_empty(),
            || format!("nothing is left; there is {:?}", processes_of(&state)),
        );
    }
}

fn wait_until(mut happened: impl FnMut() -> bool, what: impl Fn() -> String) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < PATIENCE, "not in time: {}", what());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Command lines that name `path`.
fn processes_of(path: &Path) -> Vec<String> {
    let path = path.to_str().unwrap();
    let lines =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(path)).collect()
}

fn signal(child: &Child, signal: i32) {
    // SAFETY: a number of a child that was not waited for yet.
    assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
}

#[test]
fn one_bench_from_the_first_run_to_the_report() {
    let place = Place::new();
    let output = place.bench(&[]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // 3: measured, but on a busy machine the generator was late. Everything else is the same.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{:?}: {said}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    // On a busy machine the marks of runs that are not valid widen the table, and its last head takes two lines.
    for words in ["arm", "served by", "stopped by", "when a node dies", "the law", "report: "] {
        assert!(text.contains(words), "no '{words}' in\n{text}");
    }
    assert!(text.lines().all(|line| line.starts_with("report: ") || line.chars().count() <= 100), "{text}");

    let runs = place.runs();
    for run in &runs {
        let served: u64 = run["load"]["nodes"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(served, run["load"]["requests_ok"], "each answer has the node that gave it: {run}");
    }
    let of = |topology: &str, mode: &str| {
        runs.iter().filter(|run| run["topology"] == topology && run["level"]["mode"] == mode).count()
    };
    for topology in ["vertical", "horizontal"] {
        assert!(of(topology, "closed") >= 4 && of(topology, "open") >= 1, "{topology}");
        assert_eq!(of(topology, "death"), 1, "{topology}");
    }
    let deaths: Vec<&Value> = runs.iter().filter(|run| run["level"]["mode"] == "death").collect();
    for death in &deaths {
        let errors = death["load"]["requests_total"].as_u64().unwrap() - death["load"]["requests_ok"].as_u64().unwrap();
        assert_eq!(errors > 0, death["topology"] == "vertical", "{}", death["load"]["errors"]);
        assert!(death["killed"]["node"].is_string());
    }

    let (report, json) = place.report();
    assert_eq!(report.status.code(), output.status.code());
    assert_eq!(String::from_utf8(report.stdout).unwrap(), text, "the report is made of the folder alone");
    assert_eq!(json["points"].as_array().unwrap().len(), 4);
    assert_eq!(json["incomplete"], Value::Null);
    let page = fs::read_to_string(place.out().join("report.html")).unwrap();
    let addresses = page.matches("http://").count() - page.matches("'http://www.w3.org/2000/svg'").count();
    assert!(page.contains("<svg") && addresses == 0 && !page.contains("src="), "{addresses} addresses");
    place.expect_nothing_left();
}

#[test]
fn an_interrupted_bench_keeps_what_it_has_and_goes_on() {
    let place = Place::new();
    let mut bench = place.start();
    place.wait_for_runs(1);
    signal(&bench, libc::SIGINT);
    assert_eq!(bench.wait().unwrap().code(), Some(1));
    place.expect_nothing_left();
    let kept = place.runs();
    let (report, json) = place.report();
    assert!(matches!(report.status.code(), Some(0 | 3)));
    assert!(json["incomplete"].as_str().unwrap().contains("visits"), "{}", json["incomplete"]);

    let output = place.bench(&["--resume"]).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(place.runs()[..kept.len()], kept, "what was measured stays");
    assert_eq!(place.report().1["incomplete"], Value::Null);
    place.expect_nothing_left();
}

#[test]
fn a_bench_that_is_there_gets_more_blocks_and_nothing_else() {
    let place = Place::new();
    assert!(matches!(place.bench(&[]).output().unwrap().status.code(), Some(0 | 3)));
    let blocks = |place: &Place| {
        let closed = |run: &&Value| run["level"]["mode"] == "closed" && run["units"] == 2;
        place.runs().iter().filter(closed).map(|run| run["block"].as_u64().unwrap()).max()
    };
    assert_eq!(blocks(&place), Some(1));
    let resume = |arguments: &[&str]| {
        let mut command = webapp();
        command.env("WEBAPP_STATE_DIR", place.state()).env_remove("XDG_RUNTIME_DIR");
        command.arg("bench").arg("--out").arg(place.out()).arg("--resume").args(arguments).output().unwrap()
    };
    let refused = resume(&["--units", "1,2,4"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && said.contains("which --units would change"), "{said}");
    let more = resume(&["--blocks", "2"]);
    assert!(matches!(more.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&more.stderr));
    assert_eq!(blocks(&place), Some(2));
    assert_eq!(place.report().1["incomplete"], Value::Null);
    place.expect_nothing_left();
}

#[test]
fn a_killed_bench_leaves_a_folder_that_reports_and_nothing_else() {
    let place = Place::new();
    let mut bench = place.start();
    place.wait_for_runs(2);
    signal(&bench, libc::SIGKILL);
    bench.wait().unwrap();
    place.expect_nothing_left();
    // As if the last line had been cut off in the middle.
    let file = place.out().join("runs.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    let whole = text.lines().count();
    fs::write(&file, format!("{text}{}", &text[..200])).unwrap();
    let (report, json) = place.report();
    assert!(matches!(report.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&report.stderr));
    assert!(json["incomplete"].is_string());
    let page = fs::read_to_string(place.out().join("report.html")).unwrap();
    assert!(page.contains(&format!("{whole} runs, by point")));
    let left: Vec<_> = fs::read_dir(place.out()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn what_is_no_results_folder_is_explained() {
    let place = Place::new();
    for (prepare, word) in
        [("nothing", "holds no manifest.json"), ("empty", "cannot understand"), ("prices", "machine_per_hour")]
    {
        fs::create_dir_all(place.out()).unwrap();
        let mut command = webapp();
        command.arg("report").arg(place.out());
        match prepare {
            "empty" => fs::write(place.out().join("manifest.json"), "").unwrap(),
            "prices" => {
                let file = place.folder.path().join("prices.json");
                fs::write(&file, "{}").unwrap();
                command.arg("--prices").arg(file);
            }
            _ => {}
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(word), "{prepare}: {said}");
    }
}
