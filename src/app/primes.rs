//! `GET /primes?cant=N`: the first N primes by trial division: how many, and the last.

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::cache::Key;
use crate::http::{Problem, Reply, Request};

use super::Inner;
use super::cache;
use super::format::Format;
use super::json::put_number;
use super::place::WorkPlace;
use super::query::Query;
use super::question::{Question, Worked};

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let count = Query::new(request.query).number("cant", app.config.caps.primes)?;
    cache::answer(app, request, format, Primes { count })
}

/// The first so many.
struct Primes {
    count: u64,
}

/// What is answered of them.
#[derive(Serialize, Deserialize)]
struct PrimesAnswer {
    count: u64,
    last: Option<u64>,
}

impl Question for Primes {
    fn key(&self) -> Key {
        Key { address: "primes", number: self.count, variant: "" }
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn is_quick(&self, _app: &Inner) -> bool {
        false
    }

    fn work_out(&self, place: &WorkPlace<'_>) -> Result<Worked, Problem> {
        let count = self.count;
        let (last, times) = place.compute(move || last_prime(count))?;
        // Neither of them can fail to be written.
        let result = serde_json::to_vec(&PrimesAnswer { count, last }).unwrap_or_default();
        Ok(Worked { result, times, known: Instant::now() })
    }

    fn put_parameters(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(b"\"cant\":");
        put_number(body, self.count);
    }

    fn store(&self, _app: &Inner) -> Option<&'static str> {
        None
    }

    fn version(&self, _result: &[u8]) -> Option<(u64, u64)> {
        None
    }

    fn text(&self, result: &[u8]) -> String {
        // What was kept is what was written here.
        let last = serde_json::from_slice::<PrimesAnswer>(result).ok().and_then(|counted| counted.last);
        last.map_or_else(|| "null".to_owned(), |last| last.to_string())
    }
}

/// The last of the first `count` primes; `None` for `count` = 0. Every candidate is divided by the odd numbers up
/// to its root. Not inlined: the time that it takes stands under this name in a profile.
#[inline(never)]
fn last_prime(count: u64) -> Option<u64> {
    match count {
        0 => None,
        1 => Some(2),
        _ => (3..).step_by(2).filter(|candidate| is_prime_odd(*candidate)).nth(count as usize - 2),
    }
}

fn is_prime_odd(candidate: u64) -> bool {
    (3..)
        .step_by(2)
        .take_while(|divisor| divisor * divisor <= candidate)
        .all(|divisor| !candidate.is_multiple_of(divisor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // OEIS A006988 gives the 10^n-th primes.
        for (count, last) in [
            (0, None),
            (1, Some(2)),
            (2, Some(3)),
            (3, Some(5)),
            (10, Some(29)),
            (100, Some(541)),
            (1_000, Some(7_919)),
            (10_000, Some(104_729)),
        ] {
            assert_eq!(last_prime(count), last, "{count}");
        }
    }
}
