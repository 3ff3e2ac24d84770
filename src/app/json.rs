//! Answers in JSON: from values that serialize, or appended piece by piece where every microsecond is measured.

use std::time::Duration;

use serde::Serialize;

use crate::http::{Body, Response};

/// 200 with what serializes to JSON.
pub(super) fn json(value: &impl Serialize) -> Response {
    let mut body = Vec::with_capacity(256);
    // Writing to a Vec cannot fail, and none of these values can.
    let _ = serde_json::to_writer(&mut body, value);
    body.push(b'\n');
    uncached(body)
}

/// 200 with JSON that no cache on the way may keep: another request may have written it.
pub(super) fn uncached(body: Vec<u8>) -> Response {
    let response = Response::new(200, "application/json", Body::Bytes(body));
    response.header("Cache-Control", "no-store")
}

/// Appends a JSON string.
pub(super) fn put_text(body: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        put_plain(body, text.as_bytes());
    } else {
        // Writing to a Vec cannot fail.
        let _ = serde_json::to_writer(body, text);
    }
}

/// Appends bytes as a JSON string; what is not UTF-8 in them is replaced.
pub(super) fn put_bytes(body: &mut Vec<u8>, bytes: &[u8]) {
    if is_plain(bytes) {
        put_plain(body, bytes);
    } else {
        put_text(body, &String::from_utf8_lossy(bytes));
    }
}

/// Appends a whole number.
pub(super) fn put_number(body: &mut Vec<u8>, number: u64) {
    body.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends milliseconds with three decimals. By hand: formatting a float costs ten times as much.
pub(super) fn put_milliseconds(body: &mut Vec<u8>, time: Duration) {
    let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let part = microseconds % 1_000;
    put_number(body, microseconds / 1_000);
    let digit = |value: u64| b'0' + (value % 10) as u8;
    body.extend_from_slice(&[b'.', digit(part / 100), digit(part / 10), digit(part)]);
}

/// Whether nothing in a text needs to be checked or escaped but for its length. Looks at every byte without a branch, which the
/// compiler does many at a time.
fn is_plain(bytes: &[u8]) -> bool {
    let odd = |byte: &u8| u8::from(!matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\'));
    bytes.iter().fold(0, |any, byte| any | odd(byte)) == 0
}

fn put_plain(body: &mut Vec<u8>, bytes: &[u8]) {
    body.push(b'"');
    body.extend_from_slice(bytes);
    body.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_json_strings_whatever_they_hold() {
        for bytes in [&b""[..], b"plain", b"a \"b\" \\ c", b"tab\tdel\x7f", "\u{e9}t\u{e9}".as_bytes(), b"\xff\xfe"] {
            let mut body = Vec::new();
            put_bytes(&mut body, bytes);
            let text: String = serde_json::from_slice(&body).unwrap();
            assert_eq!(text, String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn milliseconds_have_three_decimals() {
        for (microseconds, text) in [(0, "0.000"), (7, "0.007"), (42, "0.042"), (999, "0.999"), (1_234_567, "1234.567")]
        {
            let mut body = Vec::new();
            put_milliseconds(&mut body, Duration::from_micros(microseconds));
            assert_eq!(String::from_utf8(body).unwrap(), text);
        }
    }
}
