//! Other people's services: the example of docs/ against a real Python server and a real node, and one that names nothing.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{Node, PATIENCE, webapp};
use serde_json::Value;

/// Ends with the test.
struct Python(Child);

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Python's http.server over `folder`, on a free port.
fn python(folder: &Path) -> (Python, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new("python3");
    command.args(["-m", "http.server", &port.to_string(), "--bind", "127.0.0.1", "--directory"]).arg(folder);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("python3 is needed");
    let python = Python(child);
    let address = format!("127.0.0.1:{port}");
    let start = Instant::now();
    while std::net::TcpStream::connect(&address).is_err() {
        assert!(start.elapsed() < PATIENCE, "python's server does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    (python, address)
}

fn bench(folder: &Path, text: &str) -> (Output, Vec<Value>, PathBuf) {
    let file = folder.join("mine.toml");
    fs::write(&file, text).unwrap();
    let out = folder.join("results");
    let mut command = webapp();
    // A driver that is not there: nobody must ask for it.
    command.args(["bench", "--blocks", "2", "--window", "500ms", "--fractions", "0.5", "--driver", "/nowhere"]);
    let output = command.arg("--experiment").arg(&file).arg("--out").arg(&out).output().unwrap();
    let text = fs::read_to_string(out.join("runs.jsonl")).unwrap_or_default();
    (output, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), out)
}

#[test]
fn the_example_compares_python_with_the_node() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("1kb"), [b'x'; 1000]).unwrap();
    let (python, address) = python(folder.path());
    let node = Node::start(&["--log-level", "error"]);
    let pid = |name: &str, number: u32| {
        let file = folder.path().join(name);
        fs::write(&file, format!("{number}\n")).unwrap();
        file.display().to_string()
    };
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/experiment-examples/python-http-server.toml");
    let text = fs::read_to_string(example)
        .unwrap()
        .replace("127.0.0.1:8000\"", &format!("{address}\""))
        .replace("127.0.0.1:3000\"", &format!("{}\"", node.address))
        .replace("\"/tmp/python.pid\"", &format!("{:?}", pid("python.pid", python.0.id())))
        .replace("\"/tmp/node.pid\"", &format!("{:?}", pid("node.pid", node.child.id())));
    let (output, runs, out) = bench(folder.path(), &text);
    let said = String::from_utf8_lossy(&output.stderr);
    // 3: on a busy machine, runs beside other processes are not valid. Everything else is the same.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
    for arm in ["python", "node"] {
        let of: Vec<&Value> = runs.iter().filter(|run| run["arm"] == arm).collect();
        assert!(of.iter().any(|run| run["level"]["mode"] == "open"), "{arm}");
        for run in of {
            assert!(run["load"]["requests_ok"].as_u64().unwrap() > 0, "{run}");
            assert!(run["nodes"][0]["cpu_cores"].as_f64().unwrap() > 0.0, "its process is known: {run}");
            assert!(run["nodes"][0]["cpu_seconds_per_request"].is_f64(), "{run}");
            assert!(run["machine"]["foreign_cores"].is_f64(), "{run}");
            let reasons = run["verdict"]["reasons"].to_string();
            assert!(!reasons.contains("name no node"), "nobody expects an X-Node: {reasons}");
        }
    }
    let report = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("Which serves 1 kB more often"));
}

#[test]
fn cpu_that_nobody_knows_stays_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&["--log-level", "error"]);
    let text = format!(
        "question = \"Is the same the same?\"\nwork = [{{ path = \"/whoami\" }}]\n[sizes]\nconnections = [1, 2]\n\
         [[arms]]\nname = \"a\"\ntarget = \"http://{0}\"\n[[arms]]\nname = \"b\"\ntarget = \"http://{0}\"\n",
        node.address
    );
    let (output, runs, _) = bench(folder.path(), &text);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    for run in &runs {
        assert_eq!((&run["nodes"][0]["cpu_cores"], &run["machine"]["foreign_cores"]), (&Value::Null, &Value::Null));
        assert!(run["machine"]["busy_cores"].is_f64() && run["machine"]["generator_cores"].is_f64(), "{run}");
    }
    let missing = text.replacen("name = \"a\"", "name = \"a\"\npid_file = \"/nowhere/pid\"", 1);
    fs::remove_dir_all(folder.path().join("results")).unwrap();
    let (output, runs, _) = bench(folder.path(), &missing);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("cannot read the pid_file /nowhere/pid"), "{said}");
    assert!(runs.iter().all(|run| run["arm"] == "b"));
}

#[test]
fn an_arm_that_answers_nothing_ends_the_bench() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&["--log-level", "error"]);
    let text = format!(
        "question = \"Is there anything?\"\n[sizes]\nconnections = [1, 2]\n\
         [[arms]]\nname = \"a\"\ntarget = \"http://{0}\"\nwork = [{{ path = \"/nope\" }}]\n",
        node.address
    );
    let (output, runs, _) = bench(folder.path(), &text);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("the arm a answered none of") && said.contains("with status 404"), "{said}");
    assert_eq!(runs.len(), 2, "once more, and then no more");
    assert!(runs.iter().all(|run| run["verdict"]["valid"] == false), "{runs:?}");
}
