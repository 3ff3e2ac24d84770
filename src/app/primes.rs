//! `GET /primes?cant=N`: the first N primes by trial division: how many, and the last.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::http::{Problem, Reply, Request};

use super::Inner;
use super::format::Format;
use super::query::Query;
use super::work::{DemoRequest, in_pool};

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let count = Query::new(request.query).number("cant", app.config.caps.primes)?;
    let asked = DemoRequest::new(format, json!({ "cant": count }));
    Ok(in_pool(app, asked, move |_| {
        let last = last_prime(count);
        let last = last.map_or(Value::Null, |last| json!(last));
        Ok(if format == Format::Text { last } else { json!({ "count": count, "last": last }) })
    }))
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
