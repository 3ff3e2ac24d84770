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
    /// Whether it was lost before.
    was_lost: bool,
}

/// What a counter says of a user's session, where that is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionChange {
    /// The user's first.
    Begun,
    /// It went back: the session was lost. `first`: for the first time.
    Lost { first: bool },
}

#[derive(Deserialize)]
struct SessionCounter {
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

    /// The whole answer is there. An answer without a counter says nothing.
    pub fn change(&mut self) -> Option<SessionChange> {
        let counter = counter(&self.body)?;
        match self.last.replace(counter) {
            None => Some(SessionChange::Begun),
            Some(last) if counter <= last => {
                let first = !std::mem::replace(&mut self.was_lost, true);
                Some(SessionChange::Lost { first })
            }
            Some(_) => None,
        }
    }
}

/// JSON with `result`, or the bare number.
fn counter(body: &[u8]) -> Option<u64> {
    let bare = || std::str::from_utf8(body).ok()?.trim().parse().ok();
    serde_json::from_slice::<SessionCounter>(body).ok().map(|counted| counted.result).or_else(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_goes_back_is_a_lost_session() {
        let mut watch = SessionWatch::default();
        let answers = [
            ("no counter", None),
            (r#"{"result":1,"user":null}"#, Some(SessionChange::Begun)),
            (r#"{"result":2}"#, None),
            // An answer between was not seen.
            ("5\n", None),
            ("no counter", None),
            (r#"{"result":1}"#, Some(SessionChange::Lost { first: true })),
            (r#"{"result":2}"#, None),
            (r#"{"result":2}"#, Some(SessionChange::Lost { first: false })),
            (r#"{"result":-1}"#, None),
            ("3", None),
        ];
        for (body, change) in answers {
            watch.start();
            body.as_bytes().chunks(3).for_each(|part| watch.feed(part));
            assert_eq!(watch.change(), change, "{body}");
        }
        watch.start();
        (0..3).for_each(|_| watch.feed(&[b'1'; LONGEST]));
        assert!(watch.body.len() == LONGEST && watch.change().is_none());
    }
}
