//! What is known of the generators themselves: their start, what they used, and whether they were the limit.

use serde::{Deserialize, Serialize};

use super::latency::Percentiles;

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
