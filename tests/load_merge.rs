//! `webapp load --at` and `--merge`: several real generators against one node.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{Node, webapp};
use webapp::results::load::{InvalidCause, LoadOutcome, Validity};

fn in_seconds(seconds: f64) -> String {
    let at = SystemTime::now() + Duration::from_secs_f64(seconds);
    format!("{:.3}", at.duration_since(UNIX_EPOCH).unwrap().as_secs_f64())
}

fn generator(node: &Node, at: &str, json: &Path, rate: &str) -> Child {
    let mut command = webapp();
    command.arg("load").arg(node.url("/whoami")).args([
        "--at",
        at,
        "--rate",
        rate,
        "--warmup",
        "0.5s",
        "--duration",
        "2s",
    ]);
    command.arg("--json").arg(json).stdout(Stdio::null()).spawn().unwrap()
}

fn merge(files: &[PathBuf]) -> Output {
    webapp().args(["load", "--json", "-", "--merge"]).args(files).output().unwrap()
}

fn read(file: &Path) -> LoadOutcome {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn three_generators_are_one_load() {
    let node = Node::start(&["--node", "here"]);
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = ["a.json", "b.json", "c.json"].map(|name| folder.path().join(name)).to_vec();
    // Long enough ahead that each looks at the node's clock.
    let at = in_seconds(3.0);
    let generators: Vec<Child> =
        files.iter().zip(["20", "30", "50"]).map(|(file, rate)| generator(&node, &at, file, rate)).collect();
    // On a machine that is busy, a generator may find itself too late: exit code 3.
    let ended = generators.into_iter().map(|mut one| one.wait().unwrap().code().unwrap());
    assert!(ended.into_iter().all(|code| code == 0 || code == 3));
    let parts: Vec<LoadOutcome> = files.iter().map(|file| read(file)).collect();

    let output = merge(&files);
    let merged: LoadOutcome = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(merged.rate, Some(100.0));
    assert_eq!((merged.requests_total, merged.requests_ok), (200, 200));
    assert_eq!(merged.nodes.get("here"), Some(&200));
    assert_eq!(merged.generators.len(), 3);
    let latency = merged.latency_milliseconds.unwrap();
    let of_parts = |of: fn(&webapp::results::load::Percentiles) -> f64| -> Vec<f64> {
        parts.iter().map(|part| of(part.latency_milliseconds.as_ref().unwrap())).collect()
    };
    let most = |values: Vec<f64>| values.into_iter().fold(0.0, f64::max);
    assert_eq!(latency.max, most(of_parts(|part| part.max)));
    assert!(latency.p50 <= most(of_parts(|part| part.p50)));
    // Each began at the moment, as far as this one machine's clock goes, and by the node's clock within what a busy machine allows.
    for part in &parts {
        let start = part.start.unwrap();
        assert!(start.late_milliseconds >= 0.0);
        assert!((start.at_unix_seconds - at.parse::<f64>().unwrap()).abs() < 1e-3);
        let clock = start.node_clock.expect("there was time to look at the node's clock");
        assert!(clock.milliseconds.abs() <= clock.within_milliseconds + 20.0, "{clock:?}");
    }
    // Second by second, all that was due.
    let offered: Vec<u64> = merged.timeline.iter().map(|second| second.offered).collect();
    assert_eq!(offered, [100, 100], "{:?}", merged.timeline);
    let is_valid = parts.iter().all(|part| part.generator.verdict == Validity::Valid);
    if is_valid {
        assert_eq!(output.status.code(), Some(0), "{:?}", merged.generator);
    } else {
        assert_eq!((output.status.code(), merged.generator.verdict), (Some(3), Validity::GeneratorBound));
    }
    let text = webapp().args(["load", "--merge"]).args(&files).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("Generators") && text.contains("c.json"), "{text}");

    // A generator that was late marks the whole.
    let mut late = read(&files[1]);
    late.generator.verdict = Validity::GeneratorBound;
    late.generator.cause = Some(InvalidCause::Late);
    late.generator.reason = "it began 900 ms after the moment".to_owned();
    std::fs::write(&files[1], serde_json::to_string(&late).unwrap()).unwrap();
    let output = merge(&files);
    let merged: LoadOutcome = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), merged.generator.verdict), (Some(3), Validity::GeneratorBound));
}

#[test]
fn wrong_usage() {
    let node = Node::start(&[]);
    let url = node.url("/whoami");
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("nothing.json");
    let nothing = nothing.to_str().unwrap();
    let old = folder.path().join("old.json");
    std::fs::write(&old, include_str!("../src/results/load-format-1.json")).unwrap();
    let old = old.to_str().unwrap();
    let past = "1000000000";
    for (arguments, code, hint) in [
        (&["load", &url, "--at", "soon"][..], 2, "not a moment"),
        (&["load", &url, "--at", past], 2, "ago"),
        (&["load"], 2, "URL"),
        (&["load", "--merge", nothing], 1, "cannot read"),
        (&["load", "--merge", old], 1, "no histograms"),
        (&["load", &url, "--at", "4000000000"], 2, "a day"),
    ] {
        let output = webapp().args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(hint), "{arguments:?}: {text}");
    }
}
