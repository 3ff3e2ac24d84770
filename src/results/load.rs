//! What a run of the load generator measured, exactly as `webapp load` writes it as JSON and as it stands under `load`
//! in each line of `runs.jsonl`. `null` means "not measured"; it is never replaced by 0.
//!
//! Fields that an older writer did not know take their default when they are read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::histogram::EncodedHistogram;

/// Why a request brought no correct answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Nothing listens at the address.
    Refused,
    /// The connection was lost before the answer was complete.
    Reset,
    /// No complete answer within the timeout.
    TimedOut,
    /// The answer is not HTTP/1.x.
    Malformed,
    /// A whole answer with another status than expected; redirects are not followed.
    UnexpectedStatus,
    /// A whole answer whose body lacks the expected text.
    UnexpectedBody,
    /// A user's counter at `/session` went back: its session was lost.
    SessionLost,
    /// TLS: no authority that is trusted vouches for the certificate.
    TlsAuthority,
    /// TLS: the certificate is for other names.
    TlsName,
    /// TLS: the certificate has expired, or is not valid yet.
    TlsExpiry,
    /// TLS: anything else that is wrong with the certificate.
    TlsCertificate,
    /// TLS: both sides have no version in common, one refused what the other said, or the other one does not speak TLS.
    TlsProtocol,
    /// TLS: the connection was closed within the handshake.
    TlsCut,
    /// The host or its network cannot be reached.
    Unreachable,
    /// The generator ran out of open files.
    OutOfFiles,
    /// The generator ran out of ephemeral ports.
    OutOfPorts,
    /// Open loop: due, but the generator was late with it by more than half of the timeout, and did not send it. It says
    /// nothing about the node.
    NotSent,
    /// In flight when the run was interrupted.
    Unfinished,
    /// Any other error of the network; its text is among the examples.
    Other,
}

impl ErrorKind {
    /// All kinds, in the order of their discriminants.
    pub const ALL: [Self; 19] = [
        Self::Refused,
        Self::Reset,
        Self::TimedOut,
        Self::Malformed,
        Self::UnexpectedStatus,
        Self::UnexpectedBody,
        Self::SessionLost,
        Self::TlsAuthority,
        Self::TlsName,
        Self::TlsExpiry,
        Self::TlsCertificate,
        Self::TlsProtocol,
        Self::TlsCut,
        Self::Unreachable,
        Self::OutOfFiles,
        Self::OutOfPorts,
        Self::NotSent,
        Self::Unfinished,
        Self::Other,
    ];

    /// The kind in words, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::TimedOut => "timed out",
            Self::Malformed => "malformed answer",
            Self::UnexpectedStatus => "unexpected status",
            Self::UnexpectedBody => "unexpected body",
            Self::SessionLost => "session lost",
            Self::TlsAuthority => "unknown authority",
            Self::TlsName => "wrong name",
            Self::TlsExpiry => "not valid now",
            Self::TlsCertificate => "bad certificate",
            Self::TlsProtocol => "TLS refused",
            Self::TlsCut => "handshake cut",
            Self::Unreachable => "unreachable",
            Self::OutOfFiles => "out of open files",
            Self::OutOfPorts => "out of ports",
            Self::NotSent => "never sent",
            Self::Unfinished => "unfinished",
            Self::Other => "other",
        }
    }
}

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

/// Percentiles of a histogram with three significant digits, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90 % are at most this.
    pub p90: f64,
    /// 95 % are at most this.
    pub p95: f64,
    /// 99 % are at most this.
    pub p99: f64,
    /// 99.9 % are at most this.
    pub p99_9: f64,
    /// The largest.
    pub max: f64,
}

/// One step of the full spectrum: that many answers took at most that long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpectrumStep {
    /// Share of all, 0 to 100.
    pub percentile: f64,
    /// The latency at that share.
    pub milliseconds: f64,
    /// Answers up to there.
    pub count: u64,
}

/// What one address, or one node, gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subtotal {
    /// Requests of the measured window.
    pub requests: u64,
    /// Those with a correct answer.
    pub ok: u64,
    /// Response time of the correct answers.
    pub latency_milliseconds: Option<Percentiles>,
    /// The same in full, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub histogram: Option<EncodedHistogram>,
}

/// All recorded times in nanoseconds, so that those of several generators can be put together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Histograms {
    /// Of `latency_milliseconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<EncodedHistogram>,
    /// Of `latency_uncorrected_milliseconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncorrected: Option<EncodedHistogram>,
    /// Of `queue_milliseconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<EncodedHistogram>,
    /// Of `work_milliseconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<EncodedHistogram>,
    /// Of the generator's `dispatch_lag_milliseconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<EncodedHistogram>,
    /// Of `handshake_milliseconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake: Option<EncodedHistogram>,
}

/// A clock beside another one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockOffset {
    /// The other clock minus this one.
    pub milliseconds: f64,
    /// It is off by at most this.
    pub within_milliseconds: f64,
}

/// A start at a moment, so that several generators begin together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct JointStart {
    /// When it was to begin, seconds since 1970.
    pub at_unix_seconds: f64,
    /// How much later it began, by the clock of this machine.
    pub late_milliseconds: f64,
    /// The clock of the first address's answers (their `Date`) minus that of this machine.
    pub node_clock: Option<ClockOffset>,
}

/// One of the generators whose results were put together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MergedGenerator {
    /// The file it came from.
    pub name: String,
    /// Requests of its window.
    pub requests_total: u64,
    /// Those with a correct answer.
    pub requests_ok: u64,
    /// Its goodput.
    pub throughput_per_second: f64,
    /// Response time of its correct answers.
    pub latency_milliseconds: Option<Percentiles>,
    /// When it began, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<JointStart>,
    /// What itself used, and whether it was the limit.
    pub generator: GeneratorUse,
}

/// Little's law audit: requests in flight = arrivals a second x mean time each. In flight is sampled from outside
/// (counters, every few milliseconds); the other side comes from the recorded times. J. D. C. Little, "A proof for the queuing
/// formula L = λW", Operations Research 9 (1961).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LittlesLaw {
    /// Mean of the samples.
    pub in_flight: Option<f64>,
    /// How many samples.
    pub samples: u64,
    /// Requests that ended in the window, each second, failed ones too.
    pub ended_per_second: f64,
    /// Mean time from intended send to end, failed ones too.
    pub mean_seconds: Option<f64>,
    /// `ended_per_second x mean_seconds / in_flight`: 1 when both sides agree.
    pub ratio: Option<f64>,
    /// Whether both agree within 10 %; `None` when too few were in flight to tell. If not, the run was not steady (a queue
    /// grew or drained) or something was not counted.
    pub holds: Option<bool>,
}

/// Whether the figures describe the node, or the generator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Validity {
    /// The generator had capacity to spare.
    Valid,
    /// The generator was the limit, or could not prove that it was not: the figures are not the node's capacity. Also
    /// what a result counts as that does not say.
    #[default]
    GeneratorBound,
}

/// What made a run generator-bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvalidCause {
    /// Nothing was sent.
    Nothing,
    /// It ran out of open files.
    Files,
    /// It ran out of local ports.
    Ports,
    /// Its own CPU time could not be read.
    Unreadable,
    /// One of its threads was busy all the time.
    Busy,
    /// All CPUs of the machine were in use.
    Crowded,
    /// Fewer requests were handed out than were due.
    Short,
    /// Requests were sent, but late; or the whole began later than at the moment that was named.
    Late,
}

/// How the generator itself did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GeneratorUse {
    /// Coroutine workers that drove the load.
    pub threads: usize,
    /// CPU time of the whole process, in percent of one core.
    pub cpu_percent: Option<f64>,
    /// CPU time of its busiest thread, in percent of one core.
    pub busiest_thread_percent: Option<f64>,
    /// Time the busiest thread was ready, but waited for a CPU, in percent.
    pub busiest_thread_waiting_percent: Option<f64>,
    /// How late the generator was with its requests (open loop): from the intended time until a request was about to be
    /// sent, or was put in the queue because every connection was busy.
    pub dispatch_lag_milliseconds: Option<Percentiles>,
    /// Requests that waited for a connection, because the most allowed were busy (open loop).
    pub waited_for_connection_total: u64,
    /// Requests a second that were due, whether or not the generator sent them.
    pub offered_per_second: Option<f64>,
    /// Requests a second that were sent.
    pub achieved_per_second: f64,
    /// Most connections open at once.
    pub connections_peak: u64,
    /// Connections opened after the start: lost, closed by the node, or more needed.
    pub connections_opened_total: u64,
    /// The open-files limit it ran under.
    pub open_files_limit: Option<u64>,
    /// Whether it was the limit.
    pub verdict: Validity,
    /// What made it generator-bound.
    pub cause: Option<InvalidCause>,
    /// Why, in one sentence with its figures.
    pub reason: String,
}

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
