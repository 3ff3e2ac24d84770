//! Problem details for HTTP APIs (RFC 9457): every refusal says what was wrong and what is allowed.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::response::{self, Body, Response};

/// A refusal: becomes an `application/problem+json` answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Status code.
    pub status: u16,
    /// What happened, for a person.
    pub detail: Cow<'static, str>,
    /// Further members: for a bad parameter `parameter`, `given` and `allowed`.
    pub members: Vec<(&'static str, Value)>,
    /// Further header fields (`Allow`, `Retry-After`).
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
}

/// How much of what a client sent is repeated to it, characters.
const GIVEN_LIMIT: usize = 80;

impl Problem {
    /// A refusal with a status and a sentence.
    pub fn new(status: u16, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { status, detail: detail.into(), members: Vec::new(), headers: Vec::new() }
    }

    /// 400 for one parameter: its name, what was given (cut to 80 characters), what is allowed.
    pub fn parameter(name: &'static str, given: Option<&str>, allowed: &str) -> Problem {
        let detail = match given {
            None => format!("parameter '{name}' is missing; allowed: {allowed}"),
            Some(given) => format!("parameter '{name}' is '{}'; allowed: {allowed}", truncate(given)),
        };
        Problem::new(400, detail)
            .with("parameter", json!(name))
            .with("given", given.map_or(Value::Null, |given| json!(truncate(given))))
            .with("allowed", json!(allowed))
    }

    /// Adds a member.
    pub fn with(mut self, name: &'static str, value: Value) -> Problem {
        self.members.push((name, value));
        self
    }

    /// Adds a header field.
    pub fn header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Problem {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Response {
        let mut body = Map::new();
        body.insert("type".into(), json!("about:blank"));
        body.insert("title".into(), json!(response::reason(problem.status)));
        body.insert("status".into(), json!(problem.status));
        body.insert("detail".into(), json!(problem.detail));
        for (name, value) in problem.members {
            body.insert(name.into(), value);
        }
        let mut bytes = serde_json::to_vec(&body).unwrap_or_default();
        bytes.push(b'\n');
        let mut response = Response::new(problem.status, "application/problem+json", Body::Bytes(bytes));
        response.headers = problem.headers;
        // A refusal is about now: some may be kept by default (RFC 9110, section 15.1), as 404.
        response.header("Cache-Control", "no-store")
    }
}

fn truncate(given: &str) -> String {
    let mut short: String = given.chars().take(GIVEN_LIMIT).collect();
    if short.len() < given.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_parameter_is_named_and_cut() {
        let long = "x".repeat(500);
        let problem = Problem::parameter("number", Some(&long), "a whole number from 0 to 50");
        let response = Response::from(problem);
        let body: Value = serde_json::from_slice(response.body.bytes().unwrap()).unwrap();
        assert_eq!((response.status, response.content_type), (400, "application/problem+json"));
        assert_eq!(body["parameter"], "number");
        assert_eq!(body["given"].as_str().unwrap().chars().count(), 81);
        assert_eq!(body["allowed"], "a whole number from 0 to 50");
        assert_eq!(body["title"], "Bad Request");
    }
}
