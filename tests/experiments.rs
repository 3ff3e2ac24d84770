//! Experiment files: those of the product, those of docs/, and 30 broken ones, each with an error that says what to change.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use common::webapp;
use webapp::results::experiment::Experiment;

/// A right file: each broken one differs from it in one place.
const RIGHT: &str = r#"question = "Is it so?"
objective = "p99=100ms"

[[work]]
path = "/item?id={zipf 1..1000 0.99}&of={scale}"

[scale]
name = "rows"
values = [10, 100]

[[arms]]
name = "one"
up = "--topology vertical --units 1 --unit-cpu {unit-cpu}"

[[arms]]
name = "two"
up = "--topology vertical --units 1 --unit-cpu {unit-cpu} -- --workers 2"
load = "--no-keepalive"

[event]
kill = "node"
fraction = 0.5

[quick]
blocks = 6
connections = [4, 8]
"#;

/// What is replaced by what, the line that the error must name, and what it must say.
const BROKEN: [(&str, &str, usize, &str); 38] = [
    ("question = \"Is it so?\"\n", "", 1, "write for instance question"),
    ("Is it so?\"", "It is so.\"", 1, "must end with a question mark"),
    ("Is it so?\"", "\"", 1, "must be one line of text"),
    ("question =", "question", 1, "expected"),
    ("objective =", "objectiv =", 2, "expected one of `question`"),
    ("p99=100ms", "p98=100ms", 2, "write for instance p99=100ms"),
    ("p99=100ms", "fast", 2, "write for instance p99=100ms"),
    ("path = \"/item", "paht = \"/item", 5, "expected one of `weight`, `method`, `path`, `body`"),
    ("path = \"/item", "weight = 0\npath = \"/item", 5, "between 1 and 10000"),
    ("path = \"/item", "method = \"FETCH\"\npath = \"/item", 5, "GET or HEAD or POST"),
    ("path = \"/item", "body = \"x\"\npath = \"/item", 5, "say method = \"PUT\""),
    ("path = \"/item", "path = \"item", 5, "begins with '/'"),
    ("/item?id", "/my item?id", 5, "a space is %20"),
    ("{zipf 1..1000 0.99}", "{zipf 1000..1 0.99}", 5, "ends before it begins"),
    ("{zipf 1..1000 0.99}", "{zipf 1..1000}", 5, "needs an exponent"),
    ("{zipf 1..1000 0.99}", "{id}", 5, "write {uniform 1..1000}"),
    ("[[work]]\n", "[[wrok]]\n", 4, "expected one of `question`"),
    ("[[work]]\npath = \"/item?id={zipf 1..1000 0.99}&of={scale}\"\n", "", 9, "workload = \"cpu\""),
    ("[[work]]\n", "workload = \"cpu\"\n[[work]]\n", 4, "leave one out"),
    ("name = \"rows\"", "name = \"rows of a table\"", 8, "letters, digits"),
    ("[10, 100]", "[]", 9, "must have 1 to 32"),
    ("[10, 100]", "[10, 10]", 9, "stands twice"),
    ("[10, 100]", "[0, 10]", 9, "above 0"),
    ("&of={scale}", "", 7, "give the scale one step"),
    ("name = \"two\"", "name = \"one\"", 15, "rename one"),
    ("name = \"two\"\n", "", 15, "the arm has no name"),
    ("up = \"--topology vertical --units 1 --unit-cpu {unit-cpu}\"\n", "", 11, "needs either up"),
    ("--unit-cpu {unit-cpu}\"", "--unit-cpu {cpu}\"", 13, "{scale}, {unit-cpu}, {model}, {balancer}"),
    ("--topology vertical --units 1 --unit-cpu {unit-cpu}\"", "--name mine\"", 13, "leave it out"),
    ("--no-keepalive", "--rate 100", 18, "it may say --no-keepalive"),
    ("load = \"--no-keepalive\"", "pid = 1", 18, "belong to a target"),
    ("load = \"--no-keepalive\"", "target = \"http://127.0.0.1:80\"", 15, "needs either up"),
    ("load = \"--no-keepalive\"", "autoscale = \"--metric cpu=70\"", 11, "add [profile] with a shape"),
    ("load = \"--no-keepalive\"", "autoscale = \"--max 4\"", 18, "nothing to hold"),
    ("fraction = 0.5", "fraction = 50", 22, "between 0.01 and 3"),
    ("blocks = 6", "blocks = 0", 25, "between 1 and 100"),
    ("blocks = 6", "blocks = \"six\"", 25, "expected u32"),
    ("[4, 8]", "[8, 4]", 26, "must rise"),
];

#[test]
fn broken_files_say_what_to_change() {
    Experiment::parse("right.toml", RIGHT).unwrap();
    for (from, to, line, says) in BROKEN {
        assert!(RIGHT.contains(from), "{from}");
        let error = Experiment::parse("my.toml", &RIGHT.replacen(from, to, 1)).expect_err(to);
        assert!(error.problem.contains(says) && error.line == line, "'{to}' in place of '{from}': {error}");
        assert_eq!(error.to_string(), format!("my.toml:{line}: {}", error.problem));
    }
}

/// The same for a load that changes.
const CHANGING: &str = r#"question = "Does it follow?"
workload = "cpu"
objective = "p99=100ms"

[profile]
shape = "day"
peak = 0.5

[[arms]]
name = "fixed"
up = "--units 2 --unit-cpu {unit-cpu}"

[[arms]]
name = "scaled"
up = "--units 1 --unit-cpu {unit-cpu}"
autoscale = "--metric cpu=70 --max 4 --interval 1s"

[quick]
profile_seconds = 30
"#;

const BROKEN_CHANGING: [(&str, &str, usize, &str); 9] = [
    ("shape = \"day\"\n", "", 5, "write shape = \"day\""),
    ("shape = \"day\"", "shape = \"night\"", 6, "day or spike or ramp or steps"),
    ("peak = 0.5", "peak = 50", 7, "between 0.05 and 2"),
    ("peak = 0.5", "peek = 0.5", 7, "expected `shape` or `peak`"),
    ("--interval 1s", "--driver x", 16, "may not say --driver"),
    (
        "up = \"--units 1 --unit-cpu {unit-cpu}\"\nautoscale",
        "target = \"http://127.0.0.1:1\"\nautoscale",
        5,
        "runs already",
    ),
    (
        "up = \"--units 2 --unit-cpu {unit-cpu}\"",
        "up = \"--units 2\"\nautoscale = \"--metric cpu=9\"",
        5,
        "add one of fixed size",
    ),
    ("profile_seconds = 30", "profile_seconds = 1", 19, "between 5 and 86400"),
    ("p99=100ms", "max=100ms", 3, "p50 or p99"),
];

#[test]
fn broken_files_of_a_load_that_changes() {
    let right = Experiment::parse("right.toml", CHANGING).unwrap();
    assert!(right.arms[0].is_fixed() && !right.arms[1].is_fixed());
    for (from, to, line, says) in BROKEN_CHANGING {
        assert!(CHANGING.contains(from), "{from}");
        let error = Experiment::parse("my.toml", &CHANGING.replacen(from, to, 1)).expect_err(to);
        assert!(error.problem.contains(says) && error.line == line, "'{to}' in place of '{from}': {error}");
    }
    let scaled =
        CHANGING.replace("[profile]", "[scale]\nvalues = [1, 2]\n\n[profile]").replace("--units 1", "--units {scale}");
    let error = Experiment::parse("my.toml", &scaled.replace("--units 2", "--units {scale}")).unwrap_err();
    assert!(error.problem.contains("the scale has one step"), "{error}");
}

/// Values that only the autoscaler can judge are judged before anything is started.
#[test]
fn wrong_rules_of_an_autoscaler_start_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    for (from, to, says) in [
        ("cpu=70", "disk=70", "'disk' is not a metric"),
        ("--max 4", "--min 4 --max 2", "sizes from 4 to 2"),
        ("--interval 1s", "--interval soon", "--interval"),
    ] {
        fs::write(&file, CHANGING.replacen(from, to, 1)).unwrap();
        let output = webapp()
            .args(["bench", "--driver", "/bin/false", "--experiment", file.to_str().unwrap()])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("the autoscaler of the arm scaled") && said.contains(says), "{said}");
    }
    let output = webapp().args(["bench", "--experiment", "autoscale", "--until", "3%"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("say --blocks"), "{output:?}");
}

#[test]
fn too_many_or_no_arms() {
    let head = "question = \"Is it so?\"\nworkload = \"cpu\"\n";
    let arm = |number: usize| format!("[[arms]]\nname = \"arm{number}\"\nup = \"--units 1\"\n");
    let arms = |count: usize| format!("{head}{}", (1..=count).map(arm).collect::<String>());
    assert!(Experiment::parse("a.toml", &arms(8)).is_ok());
    for (text, says) in [(arms(9), "there are 9 arms"), (arms(0), "write [[arms]]"), (String::new(), "no question")] {
        let error = Experiment::parse("a.toml", &text).unwrap_err();
        assert!(error.problem.contains(says), "{error}");
    }
}

/// A wrong file ends with exit code 2, says where, and starts nothing: the driver would leave a trace.
#[test]
fn nothing_is_started_for_a_broken_file() {
    let folder = tempfile::tempdir().unwrap();
    let driver = folder.path().join("driver");
    fs::write(&driver, format!("#!/bin/sh\ntouch {}/started\n", folder.path().display())).unwrap();
    fs::set_permissions(&driver, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let file = folder.path().join("mine.toml");
    let bench = |arguments: &[&str]| {
        let mut command = webapp();
        command.arg("bench").args(["--driver", driver.to_str().unwrap()]).current_dir(folder.path());
        command.args(arguments).output().unwrap()
    };
    for (from, to, line, says) in BROKEN {
        fs::write(&file, RIGHT.replacen(from, to, 1)).unwrap();
        let output = bench(&["--experiment", "mine.toml"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("mine.toml:{line}: ")) && said.contains(says), "{said}");
    }
    fs::write(&file, RIGHT).unwrap();
    for (arguments, says) in [
        (&["--experiment", "nothing"][..], "the experiments are vertical-horizontal"),
        (&["--experiment", "mine.toml", "--balancer", "nginx"], "no arm of it says {balancer}"),
        (&["--experiment", "mine.toml", "--units", "2"], "say --scale"),
        (&["--experiment", "mine.toml", "--workload", "io"], "say --path"),
        (&["--experiment", "mine.toml", "--only", "three"], "the experiment has one, two"),
        (&["--experiment", "mine.toml", "--scale", "1,1"], "stands twice"),
        (&["--experiment", "sync-async", "--unit-cpu", "25"], "no arm of it says {unit-cpu}"),
        (&["--experiment", "sync-async", "--prices", "x.json"], "which machines they are"),
        (&["--at-most", "5m"], "--until"),
    ] {
        let output = bench(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(says), "{arguments:?}: {said}");
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn the_list_shows_names_and_questions() {
    let output = webapp().args(["bench", "--list"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.lines().all(|line| line.ends_with('?')), "{text}");
    for name in ["vertical-horizontal", "a-a", "sync-async", "threads", "balancer", "algorithm", "workers"] {
        assert!(text.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}: {text}");
    }
}

/// Every key of the schema stands in docs/experiments.md, and each example there is right.
#[test]
fn the_guide_names_every_key() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("docs/experiments.md")).unwrap();
    for table in ["", "[[work]]\n", "[scale]\n", "[[arms]]\n", "[event]\n", "[quick]\n"] {
        let error = Experiment::parse("a.toml", &format!("{table}nonsense = 1\n")).unwrap_err();
        let keys = error.problem.split('`').skip(3).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        assert!(keys.len() >= 2, "{error}");
        for key in keys {
            assert!(guide.contains(&format!("`{key}`")), "docs/experiments.md does not name `{key}` of {table:?}");
        }
    }
    let examples = guide.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut count = 0;
    for example in examples.filter(|example| example.contains("question")) {
        Experiment::parse("docs/experiments.md", example).unwrap();
        count += 1;
    }
    assert!(count >= 1);
    for entry in fs::read_dir(root.join("docs/experiment-examples")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "toml") {
            Experiment::parse(file.to_str().unwrap(), &fs::read_to_string(&file).unwrap()).unwrap();
        }
    }
}

#[test]
fn cookies_are_for_all_arms_or_for_those_that_say_so() {
    let with = |key: &str, load: &str| {
        let text = format!("{key}{}", RIGHT.replace("--no-keepalive", load));
        Experiment::parse("x.toml", &text).unwrap().arms.into_iter().map(|arm| arm.load).collect::<Vec<_>>()
    };
    assert_eq!(with("cookies = true\n", "--no-keepalive"), [vec!["--cookies"], vec!["--no-keepalive", "--cookies"]]);
    assert_eq!(with("cookies = true\n", "--cookies"), [["--cookies"], ["--cookies"]]);
    assert_eq!(with("cookies = false\n", "--cookies"), [vec![], vec!["--cookies"]]);
    assert!(Experiment::parse("x.toml", &format!("cookies = 1\n{RIGHT}")).is_err());
}
