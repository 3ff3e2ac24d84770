//! Whether a user's session is still there: the counter of `/session` is higher at each answer, so one that goes back says that
//! the session was lost.

use serde::Deserialize;

/// Longest answer of `/session` that is read.
const LONGEST: usize = 4096;

/// Reads the counters that one user is given.
#[derive(Default)]
pub(super) struct SessionWatch {
    body: Vec<u8>,
    last: Option<u64>,
}

#[derive(Deserialize)]
struct Counted {
    result: u64,
}

impl SessionWatch {
    /// A new answer begins.
    pub fn start(&mut self) {
        self.body.clear();
    }

    /// A part of its body.
    pub fn feed(&mut self, part: &[u8]) {
        let room = LONGEST.saturating_sub(self.body.len());
        self.body.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// The whole answer is there. Gives whether its counter went back; an answer without a counter says nothing.
    pub fn is_lost(&mut self) -> bool {
        let counter = counter(&self.body);
        let lost = counter.zip(self.last).is_some_and(|(now, last)| now <= last);
        self.last = counter.or(self.last);
        lost
    }
}

/// JSON with `result`, or the bare number.
fn counter(body: &[u8]) -> Option<u64> {
    let bare = || std::str::from_utf8(body).ok()?.trim().parse().ok();
    serde_json::from_slice::<Counted>(body).ok().map(|counted| counted.result).or_else(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_goes_back_is_a_lost_session() {
        let mut watch = SessionWatch::default();
        let answers = [
            (r#"{"result":1,"user":null}"#, false),
            (r#"{"result":2}"#, false),
            // An answer between was not seen.
            ("5\n", false),
            ("no counter", false),
            (r#"{"result":1}"#, true),
            (r#"{"result":2}"#, false),
            (r#"{"result":2}"#, true),
            (r#"{"result":-1}"#, false),
            ("3", false),
        ];
        for (body, lost) in answers {
            watch.start();
            body.as_bytes().chunks(3).for_each(|part| watch.feed(part));
            assert_eq!(watch.is_lost(), lost, "{body}");
        }
        watch.start();
        (0..3).for_each(|_| watch.feed(&[b'1'; LONGEST]));
        assert!(watch.body.len() == LONGEST && !watch.is_lost());
    }
}
