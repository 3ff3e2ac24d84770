//! One kept answer, and how it is written into a server that others share.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::key::Key;

/// A kept answer. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The answer.
    pub bytes: Arc<[u8]>,
    /// From when on it must not be used.
    pub expires: Instant,
}

impl Entry {
    /// How long it may still be used; `None` when it is over.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        self.expires.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// As a server keeps it: until when it holds (ms since 1970, as nodes share no other clock), its key, a line end, the answer.
    /// The time is in it because memcached knows whole seconds only, and because a server may be stopped before it takes a write.
    pub(super) fn encode(&self, key: &Key, now: Instant) -> Vec<u8> {
        let left = self.expires.saturating_duration_since(now);
        let mut text = format!("{} {key}\n", unix_milliseconds() + milliseconds(left)).into_bytes();
        text.extend_from_slice(&self.bytes);
        text
    }

    /// What was written under `key`, unless it is over. `longest` is the longest that anything may hold: clocks of nodes may differ.
    pub(super) fn decode(text: &[u8], key: &Key, now: Instant, longest: Duration) -> Option<Self> {
        let end = text.iter().position(|byte| *byte == b'\n')?;
        let (until, name) = std::str::from_utf8(&text[..end]).ok()?.split_once(' ')?;
        let left = until.parse::<u64>().ok()?.checked_sub(unix_milliseconds()).filter(|left| *left > 0)?;
        let expires = now + Duration::from_millis(left).min(longest);
        (name == key.to_string()).then(|| Self { bytes: text[end + 1..].into(), expires })
    }
}

/// Whole milliseconds, at least one.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn unix_milliseconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { address: "items", number: 7, variant: "scan" };
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_written_is_read_back_until_it_is_over() {
        let now = Instant::now();
        let entry = Entry { bytes: b"[1,\n2]"[..].into(), expires: now + Duration::from_secs(10) };
        let text = entry.encode(&KEY, now);
        let read = Entry::decode(&text, &KEY, now, MINUTE).unwrap();
        assert_eq!(read.bytes, entry.bytes);
        let difference = entry.expires.max(read.expires) - entry.expires.min(read.expires);
        assert!(difference < Duration::from_secs(5), "{difference:?}");
        // Another node's clock is far ahead.
        assert!(Entry::decode(&text, &KEY, now, Duration::from_secs(1)).unwrap().left(now).unwrap().as_secs() <= 1);
        assert_eq!(read.left(read.expires), None);
        let over = format!("{} {KEY}\nx", unix_milliseconds() - 1);
        assert_eq!(Entry::decode(over.as_bytes(), &KEY, now, MINUTE), None);
    }

    #[test]
    fn what_is_not_of_that_key_is_not_taken() {
        let now = Instant::now();
        let text = Entry { bytes: b"x"[..].into(), expires: now + MINUTE }.encode(&KEY, now);
        for other in [Key { number: 8, ..KEY }, Key { variant: "", ..KEY }, Key { address: "item", ..KEY }] {
            assert_eq!(Entry::decode(&text, &other, now, MINUTE), None, "{other}");
        }
        for text in [&b""[..], b"\n", b"x", b"99999999999999 items:7:scan", b"-1 items:7:scan\nx", b"\xff\xff \n"] {
            assert_eq!(Entry::decode(text, &KEY, now, MINUTE), None, "{text:?}");
        }
    }
}
