//! `webapp load --csv`, `--body @FILE` and `--connect-to`: what the other side gets.
#![allow(clippy::unwrap_used)] // a panic is the failure of the test

mod common;
mod load_support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use load_support::{load, load_json, stderr};

const QUICK: [&str; 4] = ["--duration", "300ms", "--warmup", "0"];

/// A request, as it came.
#[derive(Clone, Default)]
struct Got {
    /// The number of its connection.
    connection: usize,
    line: String,
    fields: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// A server that keeps what it is asked, and answers 200.
struct Listener {
    address: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Listener {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().flatten().enumerate() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || while serve(&stream, connection, &kept).is_some() {});
            }
        });
        Self { address, got }
    }

    fn took(&self) -> Vec<Got> {
        std::mem::take(&mut self.got.lock().unwrap())
    }
}

fn serve(stream: &TcpStream, connection: usize, kept: &Mutex<Vec<Got>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = || -> Option<String> {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(line.trim_end().to_owned())
    };
    let mut got = Got { connection, line: line()?, ..Got::default() };
    while let Some((name, value)) = line()?.split_once(": ") {
        got.fields.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = got.fields.get("content-length").map_or(0, |length| length.parse().unwrap());
    got.body = vec![0; length];
    reader.read_exact(&mut got.body).ok()?;
    kept.lock().unwrap().push(got);
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok()
}

fn file(folder: &Path, name: &str, content: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn rows_go_into_requests_in_turn() {
    let (listener, folder) = (Listener::start(), tempfile::tempdir().unwrap());
    let csv = file(folder.path(), "users.csv", "name,word\nAna María,a&b\n\"x\"\"y\",2\nñ,3\n".as_bytes());
    let body = file(folder.path(), "body.json", br#"{"user": "{name}", "n": {uniform 7..7}, "other": {}}"#);
    let url = format!("http://{}/u/{{name}}?q={{word}}", listener.address);
    let (_, json) = load_json(
        &[
            &[&*url, "--csv", &*csv, "--method", "POST", "--body", &*format!("@{body}"), "--connections", "1"][..],
            &["--header", "X-Word: {word} {x}"],
            &QUICK[..],
        ]
        .concat(),
    );
    assert_eq!(json["requests_ok"], json["requests_total"], "{json:#}");
    let got = listener.took();
    assert!(got.len() > 3, "{}", got.len());
    let rows =
        [("Ana%20Mar%C3%ADa", "a%26b", "a&b", "Ana María"), ("x%22y", "2", "2", "x\"y"), ("%C3%B1", "3", "3", "ñ")];
    for (got, (name, word, bare_word, bare_name)) in got.iter().zip(rows.into_iter().cycle()) {
        assert_eq!(got.line, format!("POST /u/{name}?q={word} HTTP/1.1"));
        assert_eq!(got.fields["x-word"], format!("{bare_word} {{x}}"));
        let body = String::from_utf8(got.body.clone()).unwrap();
        assert_eq!(body, format!(r#"{{"user": "{bare_name}", "n": 7, "other": {{}}}}"#));
    }
    // By what was asked for, not by what came of it.
    assert!(json["endpoints"]["POST /u/{name}?q={word}"].is_object() || json["target"] == *url, "{json:#}");
}

#[test]
fn each_user_has_a_row_of_its_own_and_keeps_it() {
    let (listener, folder) = (Listener::start(), tempfile::tempdir().unwrap());
    let csv = file(folder.path(), "ids.csv", b"id\n1\n2\n3\n4\n");
    let url = format!("http://{}/{{id}}", listener.address);
    let table = [&*url, "--csv", &*csv, "--csv-order", "user"];
    let ways =
        [&["--connections", "4"][..], &["--connections", "4", "--no-keepalive"], &["--rate", "60", "--users", "4"]];
    for way in ways {
        let (_, json) = load_json(&[&table[..], way, &QUICK].concat());
        assert_eq!(json["requests_ok"], json["requests_total"], "{json:#}");
        let mut of_connections: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        let mut lines = BTreeSet::new();
        for got in listener.took() {
            of_connections.entry(got.connection).or_default().insert(got.line.clone());
            lines.insert(got.line);
        }
        assert_eq!(lines.len(), 4, "{way:?}: every row has a user: {lines:?}");
        assert!(of_connections.values().all(|lines| lines.len() == 1), "{way:?}: {of_connections:?}");
    }
    let (_, json) = load_json(&[&[&*url, "--csv", &*csv, "--csv-order", "random"], &QUICK[..]].concat());
    assert_eq!(json["requests_ok"], json["requests_total"], "{json:#}");
    assert_eq!(listener.took().into_iter().map(|got| got.line).collect::<BTreeSet<_>>().len(), 4);
}

#[test]
fn a_file_of_work_takes_columns_and_a_body_need_not_be_text() {
    let (listener, folder) = (Listener::start(), tempfile::tempdir().unwrap());
    let csv = file(folder.path(), "rows.csv", b"id;path\n7;a/b?c=d e\n");
    let work =
        b"[[work]]\npath = \"/item?id={id}\"\n[[work]]\nmethod = \"PUT\"\npath = \"/{+path}\"\nbody = \"{id}\"\n";
    let work = file(folder.path(), "work.toml", work);
    let base = format!("http://{}", listener.address);
    let (_, json) = load_json(&[&[&*base, "--work", &*work, "--csv", &*csv], &QUICK[..]].concat());
    assert_eq!(json["requests_ok"], json["requests_total"], "{json:#}");
    let lines: BTreeSet<String> = listener.took().into_iter().map(|got| got.line).collect();
    let expected = ["GET /item?id=7 HTTP/1.1", "PUT /a/b?c=d%20e HTTP/1.1"].map(str::to_owned);
    assert_eq!(lines, expected.into());

    let bytes: Vec<u8> = (0..=255).collect();
    let body = format!("@{}", file(folder.path(), "bytes", &bytes));
    let (_, json) = load_json(&[&[&*base, "--method", "PUT", "--body", &*body], &QUICK[..]].concat());
    assert_eq!(json["requests_ok"], json["requests_total"], "{json:#}");
    assert!(listener.took().iter().all(|got| got.body == bytes));
}

#[test]
fn connections_go_elsewhere_and_the_host_stays() {
    let listener = Listener::start();
    let port = listener.address.rsplit(':').next().unwrap();
    for rule in [&*listener.address, &format!("shop.example:80:127.0.0.1:{port}"), &format!("::127.0.0.1:{port}")] {
        let url = "http://shop.example/x";
        let (_, json) = load_json(&[&[url, "--connect-to", rule], &QUICK[..]].concat());
        assert_eq!(json["requests_ok"], json["requests_total"], "{json:#}");
        assert!(listener.took().iter().all(|got| got.fields["host"] == "shop.example"));
    }
}

#[test]
fn what_cannot_be_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let csv = file(folder.path(), "t.csv", b"id,word\n1,hunter2\n2,x\n");
    let odd = file(folder.path(), "odd.csv", b"id,word\n1,hunter2\n2\n");
    let cases: [(&[&str], &str); 10] = [
        (&["http://a/{nam}", "--csv", &csv], "the columns are {id}, {word}"),
        (&["http://a/", "--csv", &csv], "no request uses a column"),
        (&["http://a/{id}", "--csv", &csv, "--csv-order", "user", "--connections", "3"], "3 users and 2 rows"),
        (&["http://a/{id}", "--csv", &csv, "--csv-order", "user", "--rate", "3"], "--users"),
        (&["http://a/{id}", "--csv", &odd], "fields"),
        (&["http://a/{id}", "--csv", "/nowhere.csv"], "/nowhere.csv"),
        (&["http://a/{id}", "--csv-order", "random"], "--csv"),
        (&["http://a/", "--method", "PUT", "--body", "@/nowhere.json"], "/nowhere.json"),
        (&["http://a/", "--rate", "5", "--users", "3"], "--cookies"),
        (&["http://a/", "--connect-to", "b"], "127.0.0.1:8443"),
    ];
    for (arguments, says) in cases {
        let output = load(arguments);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(says) && !text.contains("hunter2"), "{arguments:?}: {text}");
    }
}
