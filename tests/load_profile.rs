//! `webapp load --profile`: a load that changes, against a real node.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::process::Output;

use common::{Node, webapp};
use webapp::results::load::LoadOutcome;

fn load(node: &Node, arguments: &[&str]) -> Output {
    webapp().arg("load").arg(node.url("/whoami")).args(arguments).args(["--json", "-"]).output().unwrap()
}

fn outcome(output: &Output) -> LoadOutcome {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    })
}

#[test]
fn follows_a_table_second_by_second() {
    let node = Node::start(&["--node", "here"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("profile.csv");
    // Scaled by a tenth in time and by two in rate: 1 s at 40, 1 s rising to 120, 1 s without any.
    fs::write(&file, "seconds,rate\n0,20\n10,20\n20,60\n20,0\n30,0\n").unwrap();
    for further in [&[][..], &["--poisson"]] {
        let mut arguments = vec!["--profile", file.to_str().unwrap(), "--scale-time", "0.1", "--scale-rate", "2"];
        arguments.extend(further);
        let outcome = outcome(&load(&node, &arguments));
        assert_eq!((outcome.duration_seconds, outcome.warmup_seconds), (3.0, 0.0));
        assert_eq!(outcome.profile.as_deref().map(<[_]>::len), Some(5));
        assert_eq!(outcome.littles_law.holds, None, "a load that changes is not steady");
        let offered: Vec<u64> = outcome.timeline.iter().map(|second| second.offered).collect();
        if further.is_empty() {
            assert_eq!(offered, [40, 80], "{outcome:?}");
            assert_eq!((outcome.requests_total, outcome.requests_ok), (120, 120));
        }
        for second in &outcome.timeline {
            assert_eq!(second.answered + second.errors.values().sum::<u64>(), second.offered, "{second:?}");
            assert_eq!(second.nodes.values().sum::<u64>(), second.answered);
            if second.answered > 0 {
                assert!(second.nodes.contains_key("here"));
                assert!(second.p50_milliseconds.unwrap() <= second.p99_milliseconds.unwrap());
            }
        }
        assert_eq!(outcome.timeline.iter().map(|second| second.offered).sum::<u64>(), outcome.requests_total);
    }
}

#[test]
fn says_what_it_offered() {
    let node = Node::start(&[]);
    let output = webapp()
        .arg("load")
        .arg(node.url("/whoami"))
        .args(["--profile", "steps", "--scale-time", "0.002", "--scale-rate", "2"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("open loop: from 40.0 to 200.0 requests/s, 120.0 on average, at even gaps"), "{text}");
    // Without a profile nothing of it is in the result.
    let plain = load(&node, &["--rate", "50", "--duration", "1s", "--warmup", "0s"]);
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert!(!plain.contains("timeline") && !plain.contains("profile"), "{plain}");
}

#[test]
fn wrong_usage() {
    let node = Node::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("profile.csv");
    fs::write(&file, "0,20\nsoon,30\n").unwrap();
    let file = file.to_str().unwrap();
    for (arguments, hint) in [
        (&["--profile", "week"][..], "day, spike, ramp, steps"),
        (&["--profile", file], "line 2"),
        (&["--profile", "day", "--rate", "5"], "cannot be used with"),
        (&["--profile", "day", "--connections", "5"], "cannot be used with"),
        (&["--profile", "day", "--duration", "5s"], "cannot be used with"),
        (&["--profile", "day", "--warmup", "1s"], "cannot be used with"),
        (&["--profile", "day", "--scale-time", "0"], "above 0"),
        (&["--profile", "day", "--scale-rate", "-1"], "above 0"),
        (&["--scale-rate", "2"], "--profile"),
        (&["--profile", "day", "--scale-rate", "1e9"], "at most 10 million"),
    ] {
        let output = load(&node, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(hint), "{arguments:?}: {stderr}");
    }
}
