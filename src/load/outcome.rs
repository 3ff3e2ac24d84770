//! What a run measured, exactly as it is written as JSON. `null` is "not measured", never 0.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

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
    /// The host or its network cannot be reached.
    Unreachable,
    /// The generator ran out of open files.
    OutOfFiles,
    /// The generator ran out of ephemeral ports.
    OutOfPorts,
    /// In flight when the run was interrupted.
    Unfinished,
    /// Any other error of the network; its text is among the examples.
    Other,
}

impl ErrorKind {
    /// All kinds, in the order of their discriminants.
    pub const ALL: [Self; 11] = [
        Self::Refused,
        Self::Reset,
        Self::TimedOut,
        Self::Malformed,
        Self::UnexpectedStatus,
        Self::UnexpectedBody,
        Self::Unreachable,
        Self::OutOfFiles,
        Self::OutOfPorts,
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
            Self::Unreachable => "unreachable",
            Self::OutOfFiles => "out of open files",
            Self::OutOfPorts => "out of ports",
            Self::Unfinished => "unfinished",
            Self::Other => "other",
        }
    }
}

/// A request that failed: the kind, and what happened in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it is counted as.
    pub kind: ErrorKind,
    /// For people; the first of each kind is shown.
    pub text: Cow<'static, str>,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, text: text.into() }
    }
}

/// How requests were paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// By the answers: a fixed number of connections.
    Closed,
    /// By the clock: a fixed rate.
    Open,
}

/// One address of the mix, and how often it was asked relative to the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetInfo {
    /// The whole address.
    pub url: String,
    /// Its weight in the mix.
    pub weight: u32,
}

/// Percentiles of a histogram with three significant digits, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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

/// Nanoseconds as milliseconds, to the tenth of a microsecond: that is what three digits of a histogram hold.
pub(super) fn milliseconds(nanoseconds: f64) -> f64 {
    (nanoseconds / 100.0).round() / 10_000.0
}

/// A figure for people and JSON: to the thousandth.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl Percentiles {
    /// Reads a histogram of nanoseconds; `None` when nothing was recorded.
    pub fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| milliseconds(histogram.value_at_quantile(quantile) as f64);
        (!histogram.is_empty()).then(|| Self {
            mean: milliseconds(histogram.mean()),
            p50: at(0.50),
            p90: at(0.90),
            p95: at(0.95),
            p99: at(0.99),
            p99_9: at(0.999),
            max: milliseconds(histogram.max() as f64),
        })
    }
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

/// Steps each time the distance to 100 % is halved.
const TICKS_PER_HALVING: u32 = 4;

/// The full spectrum of a histogram of nanoseconds.
pub(super) fn spectrum(histogram: &Histogram<u64>) -> Vec<SpectrumStep> {
    histogram
        .iter_quantiles(TICKS_PER_HALVING)
        .scan(0, |count, step| {
            *count += step.count_since_last_iteration();
            Some(SpectrumStep {
                percentile: (step.quantile_iterated_to() * 1e8).round() / 1e6,
                milliseconds: milliseconds(step.value_iterated_to().min(histogram.max()) as f64),
                count: *count,
            })
        })
        .collect()
}

/// What one address, or one node, gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Requests of the measured window.
    pub requests: u64,
    /// Those with a correct answer.
    pub ok: u64,
    /// Response time of the correct answers.
    pub latency_milliseconds: Option<Percentiles>,
}

/// Little's law audit: requests in flight = arrivals a second x mean time each. In flight is sampled from outside
/// (counters, every few milliseconds); the other side comes from the recorded times. J. D. C. Little, "A proof for the queuing
/// formula L = λW", Operations Research 9 (1961).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// Whether the figures are the node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The generator had room to spare.
    Valid,
    /// The generator was the limit, or cannot prove that it was not: the figures are no ceiling of the node.
    GeneratorBound,
}

/// What made a run generator-bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Nothing was sent.
    Nothing,
    /// It ran out of open files.
    Files,
    /// It ran out of local ports.
    Ports,
    /// The guard could not be read.
    Unreadable,
    /// A thread was busy all the time.
    Busy,
    /// The CPUs of the machine were all taken.
    Crowded,
    /// Fewer requests were handed out than were due.
    Short,
    /// Requests were sent, but late.
    Late,
}

/// How the generator itself did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generator {
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
    /// Requests a second that were to be sent.
    pub offered_per_second: Option<f64>,
    /// Requests a second that were sent.
    pub achieved_per_second: f64,
    /// Most connections open at once.
    pub connections_peak: u64,
    /// Connections opened after the start: lost, closed by the node, or more needed.
    pub connections_opened_total: u64,
    /// The open-files limit it ran under.
    pub open_files_limit: Option<u64>,
    /// `valid` or `generator-bound`.
    pub verdict: Verdict,
    /// What made it generator-bound.
    pub cause: Option<Cause>,
    /// Why, in one sentence with its figures.
    pub reason: String,
}

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The first address.
    pub target: String,
    /// All addresses.
    pub targets: Vec<TargetInfo>,
    /// Closed or open loop.
    pub mode: Mode,
    /// Closed loop: connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<usize>,
    /// Open loop: requests a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Open loop: `constant` or `poisson`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<String>,
    /// Open loop: most connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// Full spectrum of `latency_milliseconds`.
    pub spectrum: Vec<SpectrumStep>,
    /// Whole answers by node (`X-Node`), of the window.
    pub nodes: BTreeMap<String, u64>,
    /// The same with their latency.
    pub node_details: BTreeMap<String, Part>,
    /// By address.
    pub endpoints: BTreeMap<String, Part>,
    /// Requests sent in the whole run, warm-up included: what a node counts.
    pub sent_total: u64,
    /// Whole answers of the whole run, warm-up included.
    pub answered_total: u64,
    /// The audit.
    pub littles_law: LittlesLaw,
    /// The generator's own guard.
    pub generator: Generator,
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
    fn percentiles_of_a_known_histogram() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        assert_eq!(Percentiles::of(&histogram), None);
        assert!(spectrum(&histogram).is_empty());
        (1..=1000u64).for_each(|milliseconds| histogram.record(milliseconds * 1_000_000).unwrap());
        let got = Percentiles::of(&histogram).unwrap();
        for (value, expected) in [
            (got.mean, 500.5),
            (got.p50, 500.0),
            (got.p90, 900.0),
            (got.p99, 990.0),
            (got.p99_9, 999.0),
            (got.max, 1000.0),
        ] {
            assert!((value - expected).abs() <= expected * 1e-3, "{value} {expected}");
        }
        let steps = spectrum(&histogram);
        assert!(
            steps.windows(2).all(|pair| pair[0].milliseconds <= pair[1].milliseconds && pair[0].count <= pair[1].count)
        );
        let last = steps.last().unwrap();
        assert_eq!((last.percentile, last.count), (100.0, 1000));
        assert!((last.milliseconds - 1000.0).abs() <= 1.0);
    }
}
