//! What the reader of an outcome should know before trusting it: what happened, the likely cause, the flag to try. Pure.

use std::fmt;

use super::service_level::KEEPS_UP_SHARE;
use super::verdict::LAG_SHARE;
use crate::results::load::{ErrorKind, LoadMode, LoadOutcome};
use crate::results::number::{figure, grouped, rate};

/// Something about a run that its figures alone do not say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Warning {
    /// Too few answers for the 99th percentile.
    FewAnswers { answers: u64 },
    /// The generator's own lateness is a good part of the 99th percentile.
    LagShows { lag: f64, latency: f64 },
    /// Fewer requests ended than were due, so a queue grew.
    FellBehind { offered: f64, ended: f64 },
    /// Requests waited because every connection that is allowed was busy.
    Waited { requests: u64, connections: usize },
    /// Keep-alive was asked for, but connections were opened again and again.
    Reconnected { opened: u64, answered: u64 },
    /// Users offered their TLS sessions again and again, and the server resumed none.
    NoneResumed { handshakes: u64 },
    /// Requests ran into the timeout; `sound`: the generator was not the limit.
    TimedOut { requests: u64, seconds: f64, sound: bool },
    /// The generator was too late to send requests that were due.
    NotSent { requests: u64, seconds: f64 },
    /// Nobody had an answer for much longer than answers take.
    StoodStill { seconds: f64, usual: f64 },
    /// Requests in flight, seen from outside and from the recorded times, do not agree.
    Unsteady { in_flight: f64, recorded: f64 },
}

/// Answers beyond a percentile on which it should rest.
const ANSWERS_BEYOND: u64 = 10;
/// More new connections than this share of the answers is not keep-alive.
const RECONNECTED_SHARE: f64 = 0.05;

/// All that apply to an outcome; what follows from another is left out.
pub(super) fn warnings(outcome: &LoadOutcome) -> Vec<Warning> {
    let not_sent = not_sent(outcome);
    // What was never sent did not fall behind in the node.
    let behind = fell_behind(outcome).filter(|_| not_sent.is_none());
    let symptoms = match not_sent.or(behind) {
        Some(_) => [None, None],
        None => [waited(outcome), unsteady(outcome)],
    };
    let all = [few_answers(outcome), lag_shows(outcome), not_sent, behind, reconnected(outcome), timed_out(outcome)];
    all.into_iter().chain([none_resumed(outcome), stood_still(outcome)]).chain(symptoms).flatten().collect()
}

fn few_answers(outcome: &LoadOutcome) -> Option<Warning> {
    let answers = outcome.requests_ok;
    (1..100 * ANSWERS_BEYOND).contains(&answers).then_some(Warning::FewAnswers { answers })
}

fn lag_shows(outcome: &LoadOutcome) -> Option<Warning> {
    let lag = outcome.generator.dispatch_lag_milliseconds?.p99;
    let latency = outcome.latency_milliseconds?.p99;
    // Where it was the limit, the verdict has said so.
    (outcome.generator.cause.is_none() && lag > latency * LAG_SHARE).then_some(Warning::LagShows { lag, latency })
}

fn fell_behind(outcome: &LoadOutcome) -> Option<Warning> {
    let (offered, ended) = (outcome.generator.offered_per_second?, outcome.littles_law.ended_per_second);
    let a_request = 1.0 / outcome.duration_seconds.max(1e-9);
    (ended < offered * KEEPS_UP_SHARE - a_request).then_some(Warning::FellBehind { offered, ended })
}

fn waited(outcome: &LoadOutcome) -> Option<Warning> {
    let (requests, connections) = (outcome.generator.waited_for_connection_total, outcome.max_connections?);
    (requests > 0).then_some(Warning::Waited { requests, connections })
}

fn reconnected(outcome: &LoadOutcome) -> Option<Warning> {
    // An open loop opens its connections as it needs them, and a request that fails may take its connection along.
    let needed = if outcome.mode == LoadMode::Open { outcome.generator.connections_peak } else { 0 };
    let failed: u64 = outcome.errors.values().sum();
    let opened = outcome.generator.connections_opened_total.saturating_sub(needed + failed);
    let answered = outcome.answered_total;
    (outcome.keepalive && answered > 0 && opened as f64 > answered as f64 * RECONNECTED_SHARE)
        .then_some(Warning::Reconnected { opened, answered })
}

/// So many handshakes a user that a server which resumes at all would have resumed one.
const HANDSHAKES_EACH: u64 = 3;

fn none_resumed(outcome: &LoadOutcome) -> Option<Warning> {
    let tls = outcome.tls.as_ref().filter(|tls| tls.resumption && tls.resumed_total == 0)?;
    let handshakes = tls.handshakes_total;
    let enough = HANDSHAKES_EACH * outcome.generator.connections_peak;
    (handshakes > enough).then_some(Warning::NoneResumed { handshakes })
}

fn timed_out(outcome: &LoadOutcome) -> Option<Warning> {
    let requests = *outcome.errors.get(&ErrorKind::TimedOut)?;
    Some(Warning::TimedOut { requests, seconds: outcome.timeout_seconds, sound: outcome.generator.cause.is_none() })
}

fn not_sent(outcome: &LoadOutcome) -> Option<Warning> {
    let requests = *outcome.errors.get(&ErrorKind::NotSent)?;
    Some(Warning::NotSent { requests, seconds: outcome.timeout_seconds })
}

/// A silence is told from this length on: a machine that is in use may stop everybody for a tenth of a second.
const SILENCE_SECONDS: f64 = 0.25;
/// And when it is so many times as long as a slow answer takes.
const SILENCE_TIMES: f64 = 5.0;

/// A silence touches at most as many answers as were awaited then, so the percentiles that are below the times of more
/// answers than that do not know of it: the highest of them says how long a slow answer takes.
fn stood_still(outcome: &LoadOutcome) -> Option<Warning> {
    let seconds = outcome.longest_silence_seconds.filter(|seconds| *seconds >= SILENCE_SECONDS)?;
    let latency = outcome.latency_milliseconds?;
    let touched = match outcome.mode {
        LoadMode::Closed => outcome.connections? as f64,
        LoadMode::Open => outcome.generator.offered_per_second? * seconds,
    };
    let percentiles =
        [(0.1, latency.p99_9), (1.0, latency.p99), (5.0, latency.p95), (10.0, latency.p90), (50.0, latency.p50)];
    let untouched = |beyond: f64| beyond / 100.0 * outcome.requests_ok as f64 > touched;
    let (_, usual) = percentiles.into_iter().find(|(beyond, _)| untouched(*beyond))?;
    (seconds * 1e3 >= SILENCE_TIMES * usual).then_some(Warning::StoodStill { seconds, usual })
}

fn unsteady(outcome: &LoadOutcome) -> Option<Warning> {
    let law = &outcome.littles_law;
    let (in_flight, ratio) = (law.in_flight?, law.ratio?);
    (law.holds == Some(false)).then_some(Warning::Unsteady { in_flight, recorded: in_flight * ratio })
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::FewAnswers { answers } => write!(
                out,
                "with {answers} correct answers, fewer than {ANSWERS_BEYOND} lie beyond the 99th percentile: it is a matter of \
                 chance. Measure longer (--duration)."
            ),
            Self::LagShows { lag, latency } => write!(
                out,
                "of the p99 of {} ms, up to {} ms is the generator's own lateness, most often because node and generator \
                 share CPUs. Load from another machine, raise --threads, or lower --rate.",
                figure(latency),
                figure(lag)
            ),
            Self::FellBehind { offered, ended } => write!(
                out,
                "{} requests/s were due, but {} came to an end: a queue grew, and latency with it as long as the run lasted. \
                 Lower --rate, or search the limit with --find-limit.",
                rate(offered),
                rate(ended)
            ),
            Self::Waited { requests, connections } => write!(
                out,
                "{} requests waited, because all {} connections were busy: the node is slow, or that is too few. Raise \
                 --max-connections to see which.",
                grouped(requests),
                grouped(connections as u64)
            ),
            Self::Reconnected { opened, answered } => write!(
                out,
                "{} connections were opened for {} answers: the node or a balancer closes them, and opening them is a part of \
                 what was measured. Raise its keep-alive limits, or measure that on purpose with --no-keepalive.",
                grouped(opened),
                grouped(answered)
            ),
            Self::NoneResumed { handshakes } => write!(
                out,
                "none of {} handshakes resumed a session, although users offered theirs: the server keeps no sessions and gives \
                 no tickets, or not for all of its nodes. Each handshake costs it a signature.",
                grouped(handshakes)
            ),
            Self::TimedOut { requests, seconds, sound } => {
                let why = if sound {
                    "the node is overloaded or hangs"
                } else {
                    "whether the node or the generator held them up cannot be said, for the generator was the limit"
                };
                write!(
                    out,
                    "{} requests had no answer after {seconds} s, and are in no percentile: {why}. Lower the load, or allow \
                     more (--timeout).",
                    grouped(requests)
                )
            }
            Self::NotSent { requests, seconds } => write!(
                out,
                "{} requests were due, and never sent: the generator was late with each of them by more than half of the \
                 timeout of {seconds} s. They say nothing about the node. Lower --rate, raise --threads, or load from several \
                 machines.",
                grouped(requests)
            ),
            Self::StoodStill { seconds, usual } => write!(
                out,
                "nobody had an answer for {} s, although requests waited and a slow answer usually takes {} ms: the node, or \
                 something between, stood still. Few requests were under way then, so the percentiles hardly show it; a fixed \
                 rate shows what it costs (--rate).",
                figure(seconds),
                figure(usual)
            ),
            Self::Unsteady { in_flight, recorded } => write!(
                out,
                "{} requests were in flight on average, but rate and times give {} (Little's law): the run was not \
                 steady, a queue grew or drained. Measure longer (--warmup, --duration), or lower the load.",
                figure(in_flight),
                figure(recorded)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::fixture::outcome;
    use crate::results::load::{InvalidCause, TlsOutcome};

    fn closed(outcome: &mut LoadOutcome, connections: usize) {
        outcome.mode = LoadMode::Closed;
        outcome.connections = Some(connections);
    }

    #[test]
    fn a_clean_run_has_none_and_each_fault_has_its_own() {
        type Spoil = fn(&mut LoadOutcome);
        let cases: [(Spoil, &str); 24] = [
            (|_| {}, ""),
            (|o| o.requests_ok = 999, "--duration"),
            (|o| o.requests_ok = 0, ""),
            (|o| o.generator.dispatch_lag_milliseconds.as_mut().unwrap().p99 = 9.1, "of 90.0 ms, up to 9.10 ms"),
            (|o| o.littles_law.ended_per_second = 94.0, "100.0 requests/s were due, but 94.0 came to an end"),
            (|o| o.generator.waited_for_connection_total = 7, "--max-connections"),
            (|o| o.generator.connections_opened_total = 400, "397 connections were opened for 1,100 answers"),
            (|o| o.generator.connections_peak = 400, ""),
            (
                |o| {
                    o.littles_law.ended_per_second = 50.0;
                    o.littles_law.holds = Some(false);
                    o.generator.waited_for_connection_total = 7;
                },
                "--find-limit",
            ),
            (
                |o| {
                    o.generator.dispatch_lag_milliseconds.as_mut().unwrap().p99 = 50.0;
                    o.generator.cause = Some(InvalidCause::Late);
                },
                "",
            ),
            (
                |o| {
                    o.generator.connections_opened_total = 400;
                    o.keepalive = false;
                },
                "",
            ),
            (
                |o| o.tls = Some(TlsOutcome { resumption: true, handshakes_total: 10, ..TlsOutcome::default() }),
                "none of 10 handshakes",
            ),
            (|o| o.tls = Some(TlsOutcome { resumption: true, handshakes_total: 9, ..TlsOutcome::default() }), ""),
            (|o| o.errors = [(ErrorKind::TimedOut, 3)].into(), "--timeout"),
            (|o| o.errors = [(ErrorKind::Reset, 3)].into(), ""),
            (|o| o.errors = [(ErrorKind::TimedOut, 3)].into(), "the node is overloaded or hangs"),
            (
                |o| {
                    o.errors = [(ErrorKind::TimedOut, 3)].into();
                    o.generator.cause = Some(InvalidCause::Busy);
                },
                "the generator was the limit",
            ),
            (
                |o| {
                    o.errors = [(ErrorKind::NotSent, 3)].into();
                    o.littles_law.ended_per_second = 50.0;
                    o.generator.waited_for_connection_total = 7;
                    o.generator.cause = Some(InvalidCause::Short);
                },
                "They say nothing about the node",
            ),
            // 30 requests waited then, more than lie beyond p99, and p95 is 30 ms.
            (|o| o.longest_silence_seconds = Some(0.3), "nobody had an answer for 0.300 s"),
            (|o| o.longest_silence_seconds = Some(0.2), ""),
            // The percentiles know of it: half of all requests waited.
            (|o| o.longest_silence_seconds = Some(6.0), ""),
            (
                |o| {
                    closed(o, 10);
                    o.longest_silence_seconds = Some(3.0);
                },
                "a slow answer usually takes 30.0 ms",
            ),
            // Answers of 3 s that come all at once.
            (
                |o| {
                    closed(o, 10);
                    let latency = o.latency_milliseconds.as_mut().unwrap();
                    (latency.p50, latency.p90, latency.p95) = (3000.0, 3000.0, 3000.0);
                    o.longest_silence_seconds = Some(3.0);
                },
                "",
            ),
            (
                |o| {
                    o.littles_law.ratio = Some(0.5);
                    o.littles_law.holds = Some(false);
                },
                "1.00 requests were in flight on average, but rate and times give 0.500",
            ),
        ];
        for (spoil, says) in cases {
            let mut outcome = outcome();
            outcome.generator.dispatch_lag_milliseconds = outcome.latency_milliseconds;
            outcome.generator.dispatch_lag_milliseconds.as_mut().unwrap().p99 = 1.0;
            spoil(&mut outcome);
            let texts: Vec<_> = warnings(&outcome).iter().map(ToString::to_string).collect();
            assert_eq!(texts.len(), usize::from(!says.is_empty()), "{says}: {texts:?}");
            assert!(texts.iter().all(|text| text.contains(says)), "{says}: {texts:?}");
        }
    }
}
