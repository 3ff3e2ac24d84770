//! What was checked beside the status: sessions, versions of rows, what a cache had, and TLS.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What became of the users' sessions, over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionsOutcome {
    /// Users who had a session.
    pub users: u64,
    /// Those of them whose session was lost, once or more often.
    pub users_that_lost: u64,
    /// How often a session was lost, over all users.
    pub lost_total: u64,
}

impl SessionsOutcome {
    /// Of these users and of others.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self {
            users: self.users + others.users,
            users_that_lost: self.users_that_lost + others.users_that_lost,
            lost_total: self.lost_total + others.lost_total,
        }
    }

    /// Share of the users whose session was lost, in percent.
    pub fn lost_percent(self) -> f64 {
        100.0 * self.users_that_lost as f64 / self.users.max(1) as f64
    }
}

/// How old the answers were that told the version of their row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VersionsOutcome {
    /// Answers to reads that told a version.
    pub answers: u64,
    /// Those of them that were older than one that had been seen before they were asked for.
    pub stale: u64,
}

impl VersionsOutcome {
    /// Of these answers and of others.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self { answers: self.answers + others.answers, stale: self.stale + others.stale }
    }

    /// Share of stale answers, in percent.
    pub fn stale_percent(self) -> f64 {
        100.0 * self.stale as f64 / self.answers.max(1) as f64
    }
}

/// What the cache nearest to the client did, where answers tell it (`Cache-Status`, RFC 9211).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CachingOutcome {
    /// Good answers that told it.
    pub answers: u64,
    /// Those of them that this cache had.
    pub hits: u64,
}

impl CachingOutcome {
    /// Of these answers and of others.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self { answers: self.answers + others.answers, hits: self.hits + others.hits }
    }

    /// Share of hits, in percent.
    pub fn hit_percent(self) -> f64 {
        100.0 * self.hits as f64 / self.answers.max(1) as f64
    }
}

/// The TLS handshakes of the whole run: warm-up included, and the connections that were opened before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsOutcome {
    /// Whether certificates were verified; not with `--insecure`.
    pub verified: bool,
    /// Whether earlier sessions were to be resumed; not with `--no-resumption`.
    pub resumption: bool,
    /// Handshakes that came to an end, full and resumed.
    pub handshakes_total: u64,
    /// Those that resumed an earlier session, without a certificate.
    pub resumed_total: u64,
    /// Handshakes by version: `TLS 1.2`, `TLS 1.3`.
    pub versions: BTreeMap<String, u64>,
}

impl TlsOutcome {
    /// Of these handshakes and of others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.verified &= others.verified;
        self.resumption &= others.resumption;
        self.handshakes_total += others.handshakes_total;
        self.resumed_total += others.resumed_total;
        for (version, count) in others.versions {
            *self.versions.entry(version).or_default() += count;
        }
        self
    }
}
