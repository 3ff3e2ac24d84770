//! Any bytes, however they arrive: an answer or a close, the same one, and no panic.

#![allow(clippy::unwrap_used)]

mod http_support;

use std::sync::LazyLock;
use std::sync::atomic::Ordering;

use http_support::Loop;
use proptest::prelude::*;

static LOOP: LazyLock<Loop> = LazyLock::new(Loop::start);

/// Parts of requests, good and bad, from which most of the streams are put together.
const PARTS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /later?x=1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /large HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /close HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "PUT /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
    "PUT /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "5\r\nhello\r\n",
    "5;a=b\r\nhello\r\n",
    "0\r\n\r\n",
    "GET ",
    "HEAD ",
    "/ ",
    "http://a/ ",
    "HTTP/1.1\r\n",
    "HTTP/1.0\r\n",
    "HTTP/2.0\r\n",
    "Host: a\r\n",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "X: y\r\n",
    " folded\r\n",
    "\r\n",
    "\n",
    "\r",
    "\0",
    ":",
    "abc",
];

/// A stream of bytes: parts of requests, long runs that reach the limits, and noise.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        12 => prop::sample::select(PARTS).prop_map(|part| part.as_bytes().to_vec()),
        1 => (any::<u8>(), prop_oneof![1..40_usize, 8_100..8_300_usize, 16_200..16_500_usize]).prop_map(|(byte, count)| vec![byte; count]),
        1 => (1..120_usize).prop_map(|count| b"Y: z\r\n".repeat(count)),
        2 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

/// Where to cut it.
fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 1..6)
}

fn cut<'s>(bytes: &'s [u8], cuts: &[prop::sample::Index]) -> Vec<&'s [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for place in places.into_iter().chain([bytes.len()]) {
        pieces.push(&bytes[from..place]);
        from = place;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_have_one_outcome_however_they_arrive(bytes in stream(), cuts in cuts()) {
        let at_once = LOOP.outcome(&bytes, [&bytes[..]]);
        let in_pieces = LOOP.outcome(&bytes, cut(&bytes, &cuts));
        prop_assert_eq!(at_once, in_pieces);
        prop_assert_eq!(LOOP.counters.panics_total.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn a_service_gets_the_body_that_it_asks_for() {
    let chunked = "PUT /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let known = |length: usize| format!("PUT /body HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    let longest = "y".repeat(http_support::BODY_LIMIT as usize);
    let next = "GET /none HTTP/1.1\r\nHost: a\r\n\r\n";
    for (request, status, body) in [
        (known(5) + "hello", 200, "hellohello".to_owned()),
        (known(0), 200, String::new()),
        (chunked.to_owned() + "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nT: x\r\n\r\n", 200, "hello!hello!".to_owned()),
        (known(longest.len()) + &longest, 200, longest.repeat(2)),
        (
            "PUT /body HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi".to_owned(),
            200,
            "hihi".to_owned(),
        ),
    ] {
        let request = request + next;
        let answers = LOOP.outcome(request.as_bytes(), [request.as_bytes()]);
        assert_eq!((answers[0].status, &answers[0].body), (status, &body), "{request:?}");
        assert_eq!(answers[1].status, 204, "what follows the body is the next request");
    }
    let more = longest.len() + 1;
    for request in [known(more), format!("{chunked}{more:x}\r\n")] {
        let answers = LOOP.outcome(request.as_bytes(), [request.as_bytes()]);
        assert_eq!((answers.len(), answers[0].status, answers[0].closes), (1, 413, true), "{request:?}");
        assert!(answers[0].body.contains("larger than 1000 bytes"), "{}", answers[0].body);
    }
}

#[test]
fn a_panic_is_a_500_and_is_counted() {
    // A server of its own: the properties above hold without panics.
    let server = Loop::start();
    let request = b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\nGET /panic-later HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let answers = server.outcome(request, [&request[..]]);
    let seen: Vec<(u16, bool)> = answers.iter().map(|answer| (answer.status, answer.closes)).collect();
    assert_eq!(seen, [(500, false), (500, false), (200, false)]);
    assert!(answers[0].body.contains("the log says where"), "{}", answers[0].body);
    assert_eq!(server.counters.panics_total.load(Ordering::Relaxed), 2);
}
