//! What a request asks of a service.

use serde::{Deserialize, Serialize};

use super::placeholder::Placeholder;

/// A request of the mix, and how often it is sent relative to the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedRequest {
    /// Share of the requests, against the other weights.
    #[serde(default = "one")]
    pub weight: u32,
    /// `GET`, or another method.
    #[serde(default = "get", skip_serializing_if = "is_get")]
    pub method: String,
    /// Path and query. `{uniform 1..1000}` and `{zipf 1..1000 0.99}` are drawn for each request.
    pub path: String,
    /// Its body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

fn one() -> u32 {
    1
}

fn get() -> String {
    "GET".to_owned()
}

fn is_get(method: &str) -> bool {
    method == "GET"
}

/// Requests as `[[work]]` of a file.
pub fn to_toml(work: &[WeightedRequest]) -> String {
    let entry = |request: &WeightedRequest| {
        let body = request.body.as_ref().map(|body| format!("body = {}\n", quoted(body))).unwrap_or_default();
        let (method, path) = (quoted(&request.method), quoted(&request.path));
        format!("[[work]]\nweight = {}\nmethod = {method}\npath = {path}\n{body}\n", request.weight)
    };
    work.iter().map(entry).collect()
}

/// A basic string (TOML 1.0): what JSON escapes, and DEL.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

impl WeightedRequest {
    /// Whether its path or its body holds this placeholder.
    pub fn leaves_open(&self, placeholder: Placeholder) -> bool {
        self.path.contains(placeholder.text())
            || self.body.as_ref().is_some_and(|body| body.contains(placeholder.text()))
    }

    /// A GET of this path.
    pub fn get(weight: u32, path: impl Into<String>) -> Self {
        Self { weight, method: get(), path: path.into(), body: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::experiment::work_file;

    #[test]
    fn what_is_written_is_read_again() {
        let odd = "\"quotes\" \\ {\"id\": {zipf 1..9 1}} \n\t\u{1}\u{7f} á";
        let put = WeightedRequest {
            method: "PUT".to_owned(),
            body: Some(odd.to_owned()),
            ..WeightedRequest::get(3, "/item?id={uniform 1..9}")
        };
        let work = [WeightedRequest::get(1, "/fib?number=20"), put];
        assert_eq!(work_file("x", &to_toml(&work), &[]).unwrap(), work);
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        for (text, line, says) in [
            ("", 1, "write [[work]]"),
            ("question = \"What?\"", 1, "expected `work`"),
            ("[[work]]\npath = \"/{scale}\"", 2, "write {uniform 1..1000}"),
            ("[[work]]\npath = \"/a\"\n\n[[work]]\npath = \"/{zipf 1..9}\"", 5, "needs an exponent"),
            ("[[work]]\npath = \"/a\"\nmethod = \"PUT\"\nbody = \"{uniform 9..1}\"", 4, "ends before it begins"),
        ] {
            let error = work_file("x", text, &[]).unwrap_err();
            assert!(error.line == line && error.problem.contains(says), "{text}: {error}");
        }
    }
}
