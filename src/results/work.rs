//! What a request asks of a service.

use serde::{Deserialize, Serialize};

use super::placeholder::Placeholder;

/// A request of the mix, and how often it is sent relative to the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
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

impl Request {
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
