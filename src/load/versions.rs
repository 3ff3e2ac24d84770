//! Old answers: a row has a version, one higher with each write, and an answer with a lower one than was seen before it was asked for
//! is stale. That is no error, but what a cache or a replica costs.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::node_fields::RowVersion;
use crate::lock::lock;
use crate::results::load::VersionsOutcome;

/// Parts of the table, each under its own lock.
const PARTS: usize = 64;
/// Most rows that are known, each part; beyond them nothing is said of further rows.
const MOST_ROWS: usize = 1 << 16;

/// The versions that were seen, by row, and what was counted.
pub(super) struct Versions {
    parts: [Mutex<HashMap<u64, SeenVersions>>; PARTS],
    answers: AtomicU64,
    stale: AtomicU64,
}

/// What was seen of a row. The version before the highest one is kept, too: the highest may have come after a request was sent.
#[derive(Clone, Copy)]
struct SeenVersions {
    highest: FirstSeen,
    before: Option<FirstSeen>,
}

#[derive(Clone, Copy)]
struct FirstSeen {
    version: u64,
    /// Nanoseconds since the start of the run.
    at: u64,
}

/// A request whose answer tells a version. Times are nanoseconds since the start of the run.
#[derive(Clone, Copy)]
pub(super) struct VersionedRequest {
    pub sent: u64,
    pub ended: u64,
    /// Whether it reads, and is of the measured window: the answers to writes only tell what there is.
    pub counts: bool,
}

impl Default for Versions {
    fn default() -> Self {
        let parts = [const { None }; PARTS].map(|_: Option<()>| Mutex::default());
        Self { parts, answers: AtomicU64::new(0), stale: AtomicU64::new(0) }
    }
}

impl Versions {
    /// Takes an answer.
    pub fn note(&self, RowVersion { row, version }: RowVersion, asked: VersionedRequest) {
        let mut part = lock(&self.parts[(row % PARTS as u64) as usize]);
        let now = FirstSeen { version, at: asked.ended };
        let seen = part.get(&row).copied();
        let newer = |one: FirstSeen| one.version > version && one.at <= asked.sent;
        let stale = seen.is_some_and(|seen| newer(seen.highest) || seen.before.is_some_and(newer));
        match seen {
            Some(seen) if version > seen.highest.version => {
                part.insert(row, SeenVersions { highest: now, before: Some(seen.highest) });
            }
            Some(_) => {}
            None if part.len() < MOST_ROWS => {
                part.insert(row, SeenVersions { highest: now, before: None });
            }
            None => {}
        }
        drop(part);
        if asked.counts {
            self.answers.fetch_add(1, Ordering::Relaxed);
            self.stale.fetch_add(u64::from(stale), Ordering::Relaxed);
        }
    }

    /// What was counted; `None` where no answer told a version.
    pub fn outcome(&self) -> Option<VersionsOutcome> {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let outcome = VersionsOutcome { answers: of(&self.answers), stale: of(&self.stale) };
        (outcome.answers > 0).then_some(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_stale_when_a_newer_one_was_seen_before_it_was_asked_for() {
        let versions = Versions::default();
        for (row, version, sent, ended, stale) in [
            (7, 3, 0, 10, 0),
            (7, 3, 10, 20, 0),
            // Another row.
            (8, 1, 20, 30, 0),
            (7, 4, 20, 30, 0),
            // Sent before version 4 was seen, and after.
            (7, 3, 29, 40, 0),
            (7, 3, 30, 40, 1),
            // Version 6 came after it was sent, but version 4 before.
            (7, 6, 40, 50, 1),
            (7, 3, 45, 60, 2),
            (7, 4, 45, 60, 2),
        ] {
            versions.note(RowVersion { row, version }, VersionedRequest { sent, ended, counts: true });
            assert_eq!(versions.stale.load(Ordering::Relaxed), stale, "{row} {version} {sent}");
        }
        let asked = VersionedRequest { sent: 60, ended: 70, counts: false };
        versions.note(RowVersion { row: 7, version: 1 }, asked);
        assert_eq!(versions.outcome(), Some(VersionsOutcome { answers: 9, stale: 2 }));
        assert_eq!(Versions::default().outcome(), None);
    }
}
