//! `GET /fib?number=N`: the Nth Fibonacci number by naive recursion. That is the point: it burns CPU. `&algorithm=fast` gives the
//! same number by addition: what better code is worth, against a bigger machine.

use std::sync::Arc;

use serde_json::json;

use crate::http::{Problem, Reply, Request};

use super::Inner;
use super::format::Format;
use super::query::Query;
use super::work::{DemoRequest, in_pool};

/// The largest N whose number fits into 64 bits.
const LARGEST: u64 = 93;

/// How the number is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    /// By its definition, as many calls as the result is large.
    Recursive,
    /// By N additions.
    Fast,
}

impl Algorithm {
    const CHOICES: [(&str, Self); 2] = [("recursive", Self::Recursive), ("fast", Self::Fast)];

    fn name(self) -> &'static str {
        match self {
            Self::Recursive => "recursive",
            Self::Fast => "fast",
        }
    }
}

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let query = Query::new(request.query);
    let algorithm = query.choice("algorithm", &Algorithm::CHOICES)?;
    let most = match algorithm {
        // The cap is there for the CPU that the recursion takes.
        Some(Algorithm::Fast) => LARGEST,
        Some(Algorithm::Recursive) | None => app.config.caps.fib,
    };
    let number = query.number("number", most)?;
    let asked = match algorithm {
        Some(algorithm) => json!({ "number": number, "algorithm": algorithm.name() }),
        None => json!({ "number": number }),
    };
    let asked = DemoRequest::new(format, asked);
    // Both on a thread of the pool, so that they differ in nothing but the algorithm.
    Ok(in_pool(app, asked, move |_| {
        Ok(json!(match algorithm {
            Some(Algorithm::Fast) => fast(number),
            Some(Algorithm::Recursive) | None => fib(number),
        }))
    }))
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

/// The same by addition, from the two numbers before it.
fn fast(number: u64) -> u64 {
    // The sum of the last step is not used; behind the largest N it would not fit.
    (0..number).fold((0_u64, 1_u64), |(this, next), _| (next, this.wrapping_add(next))).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (number, value) in [(0, 0), (1, 1), (2, 1), (3, 2), (10, 55), (20, 6_765), (30, 832_040), (32, 2_178_309)] {
            assert_eq!((fib(number), fast(number)), (value, value), "{number}");
        }
        // OEIS A000045.
        for (number, value) in
            [(50, 12_586_269_025), (92, 7_540_113_804_746_346_429), (LARGEST, 12_200_160_415_121_876_738)]
        {
            assert_eq!(fast(number), value, "{number}");
        }
    }

    #[test]
    fn every_algorithm_has_its_word() {
        for (word, algorithm) in Algorithm::CHOICES {
            assert_eq!(algorithm.name(), word);
        }
    }
}
