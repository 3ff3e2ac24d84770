//! Answers in the form that a client accepts: formats, codings, and the refusal of what it does not accept.

use std::io::Read;

use crate::common::Node;

#[test]
fn a_client_gets_what_it_accepts_and_not_what_it_refuses() {
    const JSON: &str = "application/json";
    const TEXT: &str = "text/plain; charset=utf-8";
    const HTML: &str = "text/html; charset=utf-8";
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let node = Node::start(&[]);
    let get = |target: &str, accept: &str| node.get_with(target, &format!("Accept: {accept}\r\n"));
    for (target, accept, format) in [
        ("/fib?number=5", "*/*", JSON),
        ("/fib?number=5", "text/plain;q=0.5, application/json;q=0.4", TEXT),
        ("/fib?number=5", "application/JSON;q=0, TEXT/*", TEXT),
        ("/sleep?seg=0", "application/json, text/plain;q=0.9", JSON),
        ("/primes?cant=3", "image/png, text/plain;q=0.1", TEXT),
        ("/whoami", "text/plain", TEXT),
        ("/stats", BROWSER, HTML),
        ("/stats", "text/html;q=0.1, application/json", JSON),
        ("/healthz", JSON, JSON),
        ("/readyz", "*/*", TEXT),
    ] {
        let answer = get(target, accept);
        let seen = (answer.status, answer.header("content-type"), answer.header("vary"));
        assert_eq!(seen, (200, Some(format), Some("Accept")), "{target} for {accept}");
    }
    for (target, accept) in [
        ("/fib?number=5", "image/png"),
        ("/memory?mb=1", "application/json;q=0"),
        ("/whoami", "*/*;q=0"),
        ("/stats", "text/plain"),
        ("/metrics", JSON),
        ("/payload?kb=1", "text/plain"),
        ("/", JSON),
    ] {
        let answer = get(target, accept);
        let seen = (answer.status, answer.header("content-type"), answer.header("vary"));
        assert_eq!(seen, (406, Some("application/problem+json"), Some("Accept")), "{target} for {accept}");
        assert!(answer.json()["detail"].as_str().unwrap().starts_with("this address answers with "), "{answer:?}");
    }
    // The files of the page are what they are.
    assert_eq!(get("/metrics", BROWSER).status, 200);
    let page = get("/", BROWSER).text();
    let script = page.split('"').find(|part| part.ends_with("/main.js")).unwrap();
    assert_eq!(get(script, "*/*").status, 200);
    let two_lines = "Accept: text/html\r\nAccept: text/plain\r\n";
    assert_eq!(node.get_with("/fib?number=5", two_lines).text(), "5\n");
}

#[test]
fn rows_come_in_the_form_that_the_client_accepts() {
    const JSON: &str = "application/json";
    const PROTOBUF: &str = "application/x-protobuf";
    for engine in ["strict", "minihttp"] {
        let node = Node::start(&["--node", "n1", "--engine", engine]);
        let plain = node.get("/rows?cant=100");
        assert_eq!(plain.json()["result"].as_array().unwrap().len(), 100);
        let binary = node.get_with("/rows?cant=100", &format!("Accept: {PROTOBUF}\r\n"));
        assert!(binary.body.len() * 2 < plain.body.len(), "{} of {}", binary.body.len(), plain.body.len());
        for (accept, encoding, kind, coding) in [
            ("*/*", "", JSON, None),
            ("*/*", "gzip, br", JSON, Some("gzip")),
            ("*/*", "gzip;q=0.4, identity;q=0.5", JSON, None),
            (PROTOBUF, "br", PROTOBUF, None),
            (PROTOBUF, "*", PROTOBUF, Some("gzip")),
            ("application/json;q=0.5, application/*;q=0.6", "gzip;q=0", PROTOBUF, None),
        ] {
            let fields = format!("Accept: {accept}\r\nAccept-Encoding: {encoding}\r\n");
            let answer = node.get_with("/rows?cant=100", &fields);
            let seen = (answer.status, answer.header("content-type"), answer.header("content-encoding"));
            assert_eq!(seen, (200, Some(kind), coding), "{fields}");
            assert_eq!(answer.header("vary"), Some("Accept, Accept-Encoding"), "{fields}");
            let mut body = Vec::new();
            match coding {
                None => body = answer.body,
                Some(_) => _ = flate2::read::GzDecoder::new(&*answer.body).read_to_end(&mut body).unwrap(),
            }
            assert_eq!(body, if kind == JSON { &*plain.body } else { &*binary.body }, "{fields}");
        }
        for (field, vary) in
            [("Accept: text/html", "Accept"), ("Accept-Encoding: identity;q=0, br", "Accept, Accept-Encoding")]
        {
            let answer = node.get_with("/rows?cant=1", &format!("{field}\r\n"));
            assert_eq!((answer.status, answer.header("vary")), (406, Some(vary)), "{field}");
        }
    }
}
