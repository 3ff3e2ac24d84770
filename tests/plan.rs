//! `webapp plan` as people call it, on a real results folder of two sizes.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

/// A copy of the folder, since the plan's page is written into it.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1");
    let temporary = tempfile::tempdir().unwrap();
    let to = temporary.path().join("results");
    std::fs::create_dir(&to).unwrap();
    for file in ["manifest.json", "runs.jsonl"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    (temporary, to)
}

fn plan(folder: &Path, arguments: &[&str]) -> Output {
    common::webapp().arg("plan").arg(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_plan_of_two_sizes() {
    let (_temporary, folder) = folder();
    let output = plan(&folder, &["--rate", "5000", "--slo", "p99=2s"]);
    let words = text(&output.stdout);
    assert!(output.status.success(), "{words}{}", text(&output.stderr));
    for word in ["scenario", "95 %", "It cannot know", "cannot tell contention from coherency", "plan.html"] {
        assert!(words.contains(word), "{word}: {words}");
    }
    assert!(std::fs::read_to_string(folder.join("plan.html")).unwrap().contains("<svg"));
    let output = plan(&folder, &["--rate", "5000", "--slo", "p99=2s", "--json", "-"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((json["nodes"]["class"].as_str(), json["arm"].as_str()), (Some("scenario"), Some("horizontal")));
    assert!(json["nodes"]["interval_95"][0].as_f64() <= json["nodes"]["value"].as_f64());
}

#[test]
fn what_does_not_fit_says_what_to_do() {
    let (_temporary, folder) = folder();
    for (arguments, code, words) in [
        (&["--rate", "5000", "--arm", "diagonal"][..], 1, "the arms are vertical, horizontal"),
        (&["--rate", "0"], 1, "--rate must be above 0"),
        (&["--rate", "10", "--slo", "p99=0.01ms"], 1, "relax --slo"),
        (&["--validate"], 1, "--units 1,2,4"),
        (&[], 2, "--rate"),
    ] {
        let output = plan(&folder, arguments);
        let error = text(&output.stderr);
        assert!(output.status.code() == Some(code) && error.contains(words), "{arguments:?}: {error}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(text(&plan(empty.path(), &["--rate", "1"]).stderr).contains("results folder"));
}

#[test]
fn the_report_has_the_plan_that_was_asked_for() {
    let (_temporary, folder) = folder();
    let report = |arguments: &[&str]| {
        let output = common::webapp().arg("report").arg(&folder).args(arguments).output().unwrap();
        let page = std::fs::read_to_string(folder.join("report.html")).unwrap_or_default().replace('\u{a0}', " ");
        (output.status.code(), text(&output.stdout), text(&output.stderr), page)
    };
    let (code, words, error, page) = report(&["--plan", "5000", "--slo", "p99=2s"]);
    assert!(matches!(code, Some(0 | 3)), "{code:?}: {error}");
    for word in ["For 5000 requests a second, with p99 ≤ 2000 ms", "What gives way", "It assumes"] {
        assert!(words.contains(word), "{word}: {words}");
    }
    for word in ["href=\"#plan\"", "id=\"plan\"", "What gives way first", "Qué cede primero", "scenario: cells"] {
        assert!(page.contains(word), "{word}");
    }
    assert!(!report(&[]).3.contains("id=\"plan\""), "only where it was asked for");
    let folder = folder.to_str().unwrap();
    for (arguments, code, words) in [
        (&["--plan", "10", "--slo", "p99=0.01ms"][..], 1, "relax --slo"),
        (&["--plan", "0"], 1, "above 0"),
        (&["--slo", "p99=1s"], 2, "--plan"),
        (&["--plan", "10", folder], 1, "take one results folder"),
    ] {
        let (found, _, error, _) = report(arguments);
        assert!(found == Some(code) && error.contains(words), "{arguments:?}: {found:?} {error}");
    }
}
