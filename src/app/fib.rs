//! `GET /fib?number=N`: the Nth Fibonacci number by naive recursion. That is the point: it burns CPU. `&algorithm=fast` gives the
//! same number by addition: what better code is worth, against a bigger machine.

use std::sync::Arc;
use std::time::Instant;

use crate::cache::Key;
use crate::http::{Problem, Reply, Request};

use super::Inner;
use super::cache;
use super::format::Format;
use super::json::{put_number, put_text};
use super::place::WorkPlace;
use super::query::Query;
use super::question::{Question, Worked};

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
    cache::answer(app, request, format, Fibonacci { number, algorithm })
}

/// One of the numbers.
struct Fibonacci {
    number: u64,
    /// As it was asked for: the usual one where nothing was said.
    algorithm: Option<Algorithm>,
}

impl Question for Fibonacci {
    fn key(&self) -> Key {
        Key { address: "fib", number: self.number, variant: self.algorithm.map_or("", Algorithm::name) }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn is_quick(&self, _app: &Inner) -> bool {
        false
    }

    fn work_out(&self, place: &WorkPlace<'_>) -> Result<Worked, Problem> {
        let (number, algorithm) = (self.number, self.algorithm);
        // Both on a thread of the pool, so that they differ in nothing but the algorithm.
        let (value, times) = place.compute(move || match algorithm {
            Some(Algorithm::Fast) => fast(number),
            Some(Algorithm::Recursive) | None => fib(number),
        })?;
        Ok(Worked { result: value.to_string().into_bytes(), times, known: Instant::now() })
    }

    fn put_parameters(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(b"\"number\":");
        put_number(body, self.number);
        if let Some(algorithm) = self.algorithm {
            body.extend_from_slice(b",\"algorithm\":");
            put_text(body, algorithm.name());
        }
    }

    fn store(&self, _app: &Inner) -> Option<&'static str> {
        None
    }

    fn version(&self, _result: &[u8]) -> Option<(u64, u64)> {
        None
    }

    fn text(&self, result: &[u8]) -> String {
        String::from_utf8_lossy(result).into_owned()
    }
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
