//! What `deploy/` says about the binary holds: its flags, variables, ports, addresses and metrics are the binary's.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{Node, webapp};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// All files below a folder with one of these ends, with their text.
fn files(folder: &Path, ends: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && name != "tls" {
            found.extend(files(&path, ends));
        } else if ends.iter().any(|end| name.ends_with(end)) {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

fn help(words: &[&str]) -> String {
    let output = webapp().args(words).arg("--help").output().unwrap();
    assert!(output.status.success(), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Words of a text that begin with `prefix` and go on with what fits.
fn words(text: &str, prefix: &str, fits: fn(char) -> bool) -> BTreeSet<String> {
    let word = |(at, _)| {
        let rest: &str = &text[at..];
        let end = rest.find(|letter: char| !fits(letter)).unwrap_or(rest.len());
        rest[..end].to_owned()
    };
    let begins = |(at, _): &(usize, &str)| !text[..*at].ends_with(fits);
    text.match_indices(prefix).filter(begins).map(word).collect()
}

fn is_variable(letter: char) -> bool {
    letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_'
}

fn is_metric(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_'
}

/// The variables that the program reads, by its own help.
fn known_variables() -> BTreeSet<String> {
    let all = [&["serve"][..], &["load"], &["store", "seed"], &["healthcheck"], &["autoscale"]];
    all.iter().flat_map(|command| words(&help(command), "WEBAPP_", is_variable)).collect()
}

#[test]
fn variables_are_the_programs() {
    let known = known_variables();
    assert!(known.contains("WEBAPP_DRAIN_DELAY"), "{known:?}");
    let mut seen = 0;
    for (file, text) in files(&deploy(), &["Dockerfile", ".yaml"]) {
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            // `- name: X` of Kubernetes, `X: …` of Compose, `ENV X=…` of the image; ${X} is Compose's own.
            let set = match (line.strip_prefix("- name: "), line.strip_prefix("ENV ")) {
                (Some(name), _) => vec![name],
                (_, Some(pairs)) => pairs.split(' ').filter_map(|pair| pair.split('=').next()).collect(),
                _ => line.split_once(':').map(|(name, _)| name).into_iter().collect(),
            };
            for name in set.into_iter().filter(|name| name.starts_with("WEBAPP_")) {
                assert!(known.contains(name), "{file}: {name} is not a variable of the program");
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "only {seen} variables were found: does this test still read the files?");
}

#[test]
fn arguments_are_the_programs() {
    for (file, text) in files(&deploy().join("kubernetes"), &[".yaml"]) {
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("args: [")) {
            let arguments: Vec<&str> =
                line.trim_end_matches(']').split(", ").map(|word| word.trim_matches('"')).collect();
            let help = help(&arguments[..1]);
            for flag in arguments.iter().filter(|word| word.starts_with("--")) {
                assert!(help.contains(&format!("{flag} ")), "{file}: {flag} is not an option of {}", arguments[0]);
            }
        }
    }
    // The autoscaler's rules are the defaults of `webapp autoscale`, and are written as such beside them.
    let autoscaler = fs::read_to_string(deploy().join("kubernetes/overlays/autoscale/autoscaler.yaml")).unwrap();
    let help = help(&["autoscale"]);
    for (flag, default) in [
        ("up-window", "0s"),
        ("up-policy", "4/15s,100%/15s"),
        ("up-select", "max"),
        ("down-window", "300s"),
        ("down-policy", "100%/15s"),
        ("down-select", "max"),
    ] {
        let of_flag = help.split(&format!("--{flag} ")).nth(1).unwrap().split("[default: ").nth(1).unwrap();
        assert_eq!(of_flag.split(']').next(), Some(default), "--{flag}");
        assert!(autoscaler.contains(&format!("--{flag} {default}")), "--{flag} {default} in the autoscaler");
    }
    let numbers = |key: &str| -> Vec<&str> {
        autoscaler.lines().filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": ")).collect()
    };
    assert_eq!(numbers("stabilizationWindowSeconds"), ["0", "300"]);
    assert_eq!((numbers("value"), numbers("periodSeconds")), (vec!["4", "100", "100"], vec!["15", "15", "15"]));
}

#[test]
fn ports_and_addresses_are_the_programs() {
    let dockerfile = fs::read_to_string(deploy().join("Dockerfile")).unwrap();
    let deployment = fs::read_to_string(deploy().join("kubernetes/base/deployment.yaml")).unwrap();
    let network = fs::read_to_string(deploy().join("kubernetes/base/network.yaml")).unwrap();
    let port = dockerfile.split("WEBAPP_LISTEN=0.0.0.0:").nth(1).unwrap().split(' ').next().unwrap();
    for (text, part) in [
        (&dockerfile, format!("EXPOSE {port}\n")),
        (&dockerfile, format!("http://127.0.0.1:{port}/healthz")),
        (&deployment, format!("value: 0.0.0.0:{port}\n")),
        (&deployment, format!("containerPort: {port}\n")),
        (&deployment, format!("prometheus.io/port: \"{port}\"")),
        (&network, format!("port: {port}\n")),
    ] {
        assert!(text.contains(&part), "{part}");
    }
    let node = Node::start(&[]);
    let mut paths: BTreeSet<&str> = deployment.lines().filter_map(|line| line.trim().strip_prefix("path: ")).collect();
    paths.extend(deployment.lines().filter_map(|line| line.trim().strip_prefix("prometheus.io/path: ")));
    assert_eq!(paths, ["/healthz", "/metrics", "/readyz"].into());
    for path in paths {
        let code = webapp().args(["healthcheck", &node.url(path)]).status().unwrap();
        assert!(code.success(), "{path}");
    }
    // Kubernetes kills who takes longer.
    let seconds = |key: &str| -> u32 {
        let after = deployment.split(key).nth(1).unwrap();
        after
            .chars()
            .skip_while(|letter| !letter.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect::<String>()
            .parse()
            .unwrap()
    };
    let grace = seconds("terminationGracePeriodSeconds: ");
    let drain = seconds("- name: WEBAPP_DRAIN_DELAY\n") + seconds("- name: WEBAPP_DRAIN_TIMEOUT\n");
    assert!(grace > drain, "{grace} s of grace, {drain} s of drain");
}

#[test]
fn metrics_are_the_programs() {
    let node = Node::start(&[]);
    let families = || -> BTreeSet<String> {
        let answer = node.get("/metrics");
        let name = |line: &str| Some(line.strip_prefix("# TYPE ")?.split(' ').next()?.to_owned());
        answer.text().lines().filter_map(name).collect()
    };
    // Ratios come with the second sample, a second after the start.
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut known = families();
    while !known.contains("webapp_pool_saturated_ratio") && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
        known = families();
    }
    assert!(known.contains("webapp_requests_total"), "{known:?}");
    // Without a quota or a shared store, a node has no figures of these.
    let source = include_str!("../src/stats/prometheus.rs");
    let elsewhere = |name: &String| name.starts_with("webapp_cgroup_") || name.starts_with("webapp_store_");
    known.extend(words(source, "webapp_", is_metric).into_iter().filter(elsewhere));
    let base = |name: &str| {
        let part = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        part.filter(|base| known.contains(*base)).unwrap_or(name).to_owned()
    };
    let mut seen = 0;
    for (file, text) in files(&deploy(), &["rules.yaml", "rules.test.yaml", "webapp.json"]) {
        for name in words(&text, "webapp_", is_metric) {
            // What a rule records has its job in front.
            let recorded = text.contains(&format!("job:{name}:"));
            assert!(recorded || known.contains(&base(&name)), "{file}: /metrics has no {name}");
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} metrics were found: does this test still read the files?");
}
