//! What a run of the load generator measured, exactly as `webapp load` writes it as JSON and as it stands under `load`
//! in each line of `runs.jsonl`. `null` means "not measured"; it is never replaced by 0.
//!
//! Fields that an older writer did not know take their default when they are read.

mod checks;
mod error_kind;
mod generators;
mod latency;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::histogram::EncodedHistogram;

pub use checks::{CachingOutcome, SessionsOutcome, TlsOutcome, VersionsOutcome};
pub use error_kind::ErrorKind;
pub use generators::{ClockOffset, GeneratorUse, InvalidCause, JointStart, LittlesLaw, MergedGenerator, Validity};
pub use latency::{Histograms, Percentiles, SpectrumStep, Subtotal};

/// How requests were paced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadMode {
    /// By the answers: a fixed number of connections.
    #[default]
    Closed,
    /// By the clock: a fixed rate.
    Open,
}

/// The gaps between the requests of an open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// All the same.
    Constant,
    /// Exponential, as from many users who act independently of each other.
    Poisson,
}

/// One address of the mix, and how often it was asked relative to the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetInfo {
    /// The whole address.
    pub url: String,
    /// Its weight in the mix.
    pub weight: u32,
    /// Its method, where that is not GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
}

/// What became of the requests that were due in one second, whenever they ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimelineSecond {
    /// Its number, from 0.
    pub second: u64,
    /// Requests that were due.
    pub offered: u64,
    /// Those with a correct answer.
    pub answered: u64,
    /// The others, by kind.
    pub errors: BTreeMap<ErrorKind, u64>,
    /// Median response time of the correct answers, from the intended send time, to 1 %.
    pub p50_milliseconds: Option<f64>,
    /// 99 % of them took at most this.
    pub p99_milliseconds: Option<f64>,
    /// Whole answers by node (`X-Node`).
    pub nodes: BTreeMap<String, u64>,
    /// The response times in full, in nanoseconds, to 1 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub histogram: Option<EncodedHistogram>,
}

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadOutcome {
    /// The first address.
    pub target: String,
    /// All addresses.
    pub targets: Vec<TargetInfo>,
    /// Closed or open loop.
    pub mode: LoadMode,
    /// Closed loop: connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<usize>,
    /// Open loop: requests a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Open loop with a rate that changes: seconds, and requests a second at that moment; linear between. `rate` is then
    /// its mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Vec<(f64, f64)>>,
    /// Open loop: how the gaps between requests were drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<Arrivals>,
    /// Open loop: most connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<usize>,
    /// Whether connections carried more than one request.
    pub keepalive: bool,
    /// The timeout of a request.
    pub timeout_seconds: f64,
    /// The warm-up before the window.
    pub warmup_seconds: f64,
    /// Length of the measured window, shorter than asked when interrupted.
    pub duration_seconds: f64,
    /// Whether it was ended early.
    pub interrupted: bool,
    /// Requests whose intended send time lies in the window.
    pub requests_total: u64,
    /// Those with a correct answer.
    pub requests_ok: u64,
    /// The others, by kind.
    pub errors: BTreeMap<ErrorKind, u64>,
    /// The first error of each kind, in words.
    pub error_examples: BTreeMap<ErrorKind, String>,
    /// Whole answers by status code.
    pub status: BTreeMap<u16, u64>,
    /// Goodput: correct answers that came within the window, each second.
    pub throughput_per_second: f64,
    /// Response time of correct answers; open loop: from the intended send time.
    pub latency_milliseconds: Option<Percentiles>,
    /// Open loop: from the actual send time, as a generator that waits for a slow node would see it.
    pub latency_uncorrected_milliseconds: Option<Percentiles>,
    /// Waiting in the node, from its `Server-Timing`.
    pub queue_milliseconds: Option<Percentiles>,
    /// Working in the node, from its `Server-Timing`.
    pub work_milliseconds: Option<Percentiles>,
    /// With HTTPS: from an open connection to the end of its TLS handshake, for the handshakes that `tls` counts. A request that
    /// needed a new connection waited for it, so this is a part of its latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake_milliseconds: Option<Percentiles>,
    /// With HTTPS: what was agreed on, and how often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsOutcome>,
    /// Full spectrum of `latency_milliseconds`.
    pub spectrum: Vec<SpectrumStep>,
    /// Whole answers by node (`X-Node`), of the window.
    pub nodes: BTreeMap<String, u64>,
    /// The same with their latency.
    pub node_details: BTreeMap<String, Subtotal>,
    /// By address.
    pub endpoints: BTreeMap<String, Subtotal>,
    /// Requests sent in the whole run, warm-up included: what a node counts.
    pub sent_total: u64,
    /// Whole answers of the whole run, warm-up included.
    pub answered_total: u64,
    /// With cookies: what became of the users' sessions at `/session`. `None` where nobody had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions: Option<SessionsOutcome>,
    /// How old answers were that told the version of their row, as those of `/item`. `None` where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<VersionsOutcome>,
    /// What the cache nearest to the client did. `None` where no answer told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caching: Option<CachingOutcome>,
    /// With a rate that changes, or a start at a moment: each second of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<TimelineSecond>,
    /// Longest time, in seconds, in which nobody had an answer although requests waited for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_silence_seconds: Option<f64>,
    /// The audit.
    pub littles_law: LittlesLaw,
    /// What the generator itself used, and whether it was the limit.
    pub generator: GeneratorUse,
    /// Where it was to begin at a moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<JointStart>,
    /// The recorded times in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub histograms: Option<Histograms>,
    /// Where this is the sum of several generators: each of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub generators: Vec<MergedGenerator>,
}

impl LoadOutcome {
    /// Without the recorded times in full, for a file of many runs.
    #[must_use]
    pub fn without_histograms(mut self) -> Self {
        self.histograms = None;
        let parts = self.node_details.values_mut().chain(self.endpoints.values_mut());
        parts.for_each(|part| part.histogram = None);
        self.timeline.iter_mut().for_each(|second| second.histogram = None);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_listed_in_order() {
        for (index, kind) in ErrorKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }

    #[test]
    fn a_line_of_the_first_format_is_read_and_written_as_it_was() {
        let text = include_str!("load-format-1.json").trim();
        let outcome: LoadOutcome = serde_json::from_str(text).unwrap();
        assert_eq!(outcome.generator.verdict, Validity::GeneratorBound);
        assert_eq!(outcome.generator.cause, Some(InvalidCause::Late));
        assert_eq!(outcome.errors.get(&ErrorKind::TimedOut), Some(&2));
        let again: serde_json::Value = serde_json::to_value(&outcome).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(text).unwrap());
    }

    #[test]
    fn what_an_older_writer_did_not_know_takes_its_default() {
        let outcome: LoadOutcome = serde_json::from_str(r#"{"requests_ok": 7, "generator": {"threads": 2}}"#).unwrap();
        assert_eq!((outcome.requests_ok, outcome.latency_milliseconds), (7, None));
        // Nothing says that the generator was not the limit.
        assert_eq!(outcome.generator.verdict, Validity::GeneratorBound);
    }
}
