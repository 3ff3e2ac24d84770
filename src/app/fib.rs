//! `GET /fib?number=N`: the Nth Fibonacci number by naive recursion. That is the point: it burns CPU.

use std::sync::Arc;

use serde_json::json;

use crate::http::{Problem, Reply, Request};

use super::Inner;
use super::format::Format;
use super::query::Query;
use super::work::{DemoRequest, in_pool};

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let number = Query::new(request.query).number("number", app.config.caps.fib)?;
    let asked = DemoRequest::new(format, json!({ "number": number }));
    Ok(in_pool(app, asked, move |_| Ok(json!(fib(number)))))
}

/// The Nth Fibonacci number, from `fib(0) = 0`; right up to N = 93.
///
/// The number of calls grows as the result does. The black box keeps the compiler from finding a shorter way.
pub fn fib(number: u64) -> u64 {
    match std::hint::black_box(number) {
        0 => 0,
        1 => 1,
        number => fib(number - 1) + fib(number - 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (number, value) in [(0, 0), (1, 1), (2, 1), (3, 2), (10, 55), (20, 6_765), (30, 832_040), (32, 2_178_309)] {
            assert_eq!(fib(number), value, "{number}");
        }
    }
}
