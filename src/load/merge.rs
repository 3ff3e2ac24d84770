//! Several generators, one load: their outcomes put together. Pure.
//!
//! Counts and rates are added; percentiles come from the added histograms, and are those of one histogram of all samples. The sum
//! describes the node only when each generator's outcome does, and when they loaded it at the same time.

mod judge;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use hdrhistogram::Histogram;

use super::histograms::{add, histogram};
use super::percentiles::{percentiles, rounded, spectrum};
use super::summary::LITTLES_TOLERANCE;
use super::timeline::Timeline;
use crate::results::histogram::{EncodedHistogram, NoHistogram};
use crate::results::load::{
    CachingOutcome, GeneratorUse, Histograms, LittlesLaw, LoadOutcome, MergedGenerator, SessionsOutcome, Subtotal,
    TimelineSecond, TlsOutcome, Validity, VersionsOutcome,
};
use judge::{began, refusal, room};

/// An outcome with the name of the file it came from.
pub type LoadPart = (String, LoadOutcome);

/// Why outcomes are no parts of one load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOneLoad {
    /// There is none.
    Nothing,
    /// Two did not do the same; what differs, in words.
    Differs {
        #[allow(missing_docs)]
        first: String,
        #[allow(missing_docs)]
        other: String,
        #[allow(missing_docs)]
        what: &'static str,
    },
    /// One has no histograms: an older program wrote it, or a bench, which leaves them out.
    NoHistograms(String),
    /// One has a text that is no histogram.
    Unreadable(String, NoHistogram),
}

impl fmt::Display for NotOneLoad {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => write!(out, "there is nothing to merge"),
            Self::Differs { first, other, what } => {
                write!(out, "{first} and {other} are not parts of one load: {what} differ")
            }
            Self::NoHistograms(name) => {
                write!(
                    out,
                    "{name} has no histograms, and percentiles cannot be added; write it with webapp load --json"
                )
            }
            Self::Unreadable(name, why) => write!(out, "{name}: {why}"),
        }
    }
}

impl std::error::Error for NotOneLoad {}

/// Puts the outcomes together, in their order.
///
/// # Errors
/// [`NotOneLoad`].
pub fn merge(parts: &[LoadPart]) -> Result<LoadOutcome, NotOneLoad> {
    let (_, first) = parts.first().ok_or(NotOneLoad::Nothing)?;
    check(parts)?;
    let generators: Vec<MergedGenerator> = parts.iter().flat_map(generators).collect();
    let histograms = Added::of(parts)?;
    let sum = |count: fn(&LoadOutcome) -> u64| parts.iter().map(|(_, part)| count(part)).sum::<u64>();
    let count =
        |count: fn(&LoadOutcome) -> Option<usize>| parts.iter().map(|(_, part)| count(part)).sum::<Option<usize>>();
    Ok(LoadOutcome {
        target: first.target.clone(),
        targets: first.targets.clone(),
        mode: first.mode,
        connections: count(|part| part.connections),
        rate: parts.iter().map(|(_, part)| part.rate).sum(),
        profile: profile(parts),
        arrivals: first.arrivals,
        max_connections: count(|part| part.max_connections),
        keepalive: first.keepalive,
        timeout_seconds: first.timeout_seconds,
        warmup_seconds: first.warmup_seconds,
        duration_seconds: parts.iter().map(|(_, part)| part.duration_seconds).fold(0.0, f64::max),
        interrupted: parts.iter().any(|(_, part)| part.interrupted),
        requests_total: sum(|part| part.requests_total),
        requests_ok: sum(|part| part.requests_ok),
        errors: added(parts, |part| &part.errors),
        error_examples: parts.iter().rev().flat_map(|(_, part)| part.error_examples.clone()).collect(),
        status: added(parts, |part| &part.status),
        throughput_per_second: rounded(parts.iter().map(|(_, part)| part.throughput_per_second).sum()),
        latency_milliseconds: percentiles(&histograms.latency),
        latency_uncorrected_milliseconds: percentiles(&histograms.uncorrected),
        queue_milliseconds: percentiles(&histograms.queue),
        work_milliseconds: percentiles(&histograms.work),
        handshake_milliseconds: percentiles(&histograms.handshake),
        tls: parts.iter().filter_map(|(_, part)| part.tls.clone()).reduce(TlsOutcome::and),
        spectrum: spectrum(&histograms.latency),
        nodes: added(parts, |part| &part.nodes),
        node_details: subtotals(parts, |part| &part.node_details)?,
        endpoints: subtotals(parts, |part| &part.endpoints)?,
        sent_total: sum(|part| part.sent_total),
        answered_total: sum(|part| part.answered_total),
        sessions: parts.iter().filter_map(|(_, part)| part.sessions).reduce(SessionsOutcome::and),
        caching: parts.iter().filter_map(|(_, part)| part.caching).reduce(CachingOutcome::and),
        versions: parts.iter().filter_map(|(_, part)| part.versions).reduce(VersionsOutcome::and),
        timeline: timeline(parts)?,
        // Nobody knows whether one had an answer while another one waited.
        longest_silence_seconds: None,
        littles_law: littles_law(parts),
        generator: generator(parts, &generators, &histograms.lag),
        start: first.start,
        histograms: Some(histograms.encoded()),
        generators,
    })
}

/// Refuses what does not belong together.
fn check(parts: &[LoadPart]) -> Result<(), NotOneLoad> {
    let Some(((first_name, first), others)) = parts.split_first() else { return Err(NotOneLoad::Nothing) };
    let paths = |part: &LoadOutcome| -> Vec<(u32, Option<String>, String)> {
        let path =
            |url: &str| url.split("://").last().and_then(|rest| rest.split_once('/')).map(|(_, path)| path.to_owned());
        part.targets.iter().map(|one| (one.weight, one.method.clone(), path(&one.url).unwrap_or_default())).collect()
    };
    for (name, other) in others {
        let differences = [
            ("the requests (paths, weights, methods)", paths(first) != paths(other)),
            ("closed and open loop", first.mode != other.mode),
            ("the kinds of gaps between requests", first.arrivals != other.arrivals),
            ("connections that are kept and such that are not", first.keepalive != other.keepalive),
            ("plain HTTP and HTTPS", first.tls.is_some() != other.tls.is_some()),
            ("the timeouts", first.timeout_seconds != other.timeout_seconds),
            ("a changing and a constant rate", first.profile.is_some() != other.profile.is_some()),
        ];
        if let Some((what, _)) = differences.into_iter().find(|(_, differ)| *differ) {
            return Err(NotOneLoad::Differs { first: first_name.clone(), other: name.clone(), what });
        }
    }
    let bare = parts.iter().find(|(_, part)| part.histograms.is_none());
    bare.map_or(Ok(()), |(name, _)| Err(NotOneLoad::NoHistograms(name.clone())))
}

/// A part that was put together itself brings the generators it was made of.
fn generators((name, part): &LoadPart) -> Vec<MergedGenerator> {
    if !part.generators.is_empty() {
        return part.generators.clone();
    }
    vec![MergedGenerator {
        name: name.clone(),
        requests_total: part.requests_total,
        requests_ok: part.requests_ok,
        throughput_per_second: part.throughput_per_second,
        latency_milliseconds: part.latency_milliseconds,
        start: part.start,
        generator: part.generator.clone(),
    }]
}

fn added<K: Ord + Clone>(parts: &[LoadPart], of: fn(&LoadOutcome) -> &BTreeMap<K, u64>) -> BTreeMap<K, u64> {
    let mut sum = BTreeMap::new();
    for (key, count) in parts.iter().flat_map(|(_, part)| of(part)) {
        *sum.entry(key.clone()).or_default() += count;
    }
    sum
}

fn add_encoded(to: &mut Histogram<u64>, name: &str, encoded: Option<&EncodedHistogram>) -> Result<(), NotOneLoad> {
    let Some(encoded) = encoded else { return Ok(()) };
    let decoded = encoded.decode().map_err(|why| NotOneLoad::Unreadable(name.to_owned(), why))?;
    add(to, &decoded);
    Ok(())
}

/// The histograms of all parts.
struct Added {
    latency: Histogram<u64>,
    uncorrected: Histogram<u64>,
    queue: Histogram<u64>,
    work: Histogram<u64>,
    lag: Histogram<u64>,
    handshake: Histogram<u64>,
}

impl Added {
    fn of(parts: &[LoadPart]) -> Result<Self, NotOneLoad> {
        let mut all = Self {
            latency: histogram(),
            uncorrected: histogram(),
            queue: histogram(),
            work: histogram(),
            lag: histogram(),
            handshake: histogram(),
        };
        for (name, part) in parts {
            let Some(theirs) = &part.histograms else { continue };
            for (mine, theirs) in [
                (&mut all.latency, &theirs.latency),
                (&mut all.uncorrected, &theirs.uncorrected),
                (&mut all.queue, &theirs.queue),
                (&mut all.work, &theirs.work),
                (&mut all.lag, &theirs.lag),
                (&mut all.handshake, &theirs.handshake),
            ] {
                add_encoded(mine, name, theirs.as_ref())?;
            }
        }
        Ok(all)
    }

    fn encoded(&self) -> Histograms {
        Histograms {
            latency: EncodedHistogram::of(&self.latency),
            uncorrected: EncodedHistogram::of(&self.uncorrected),
            queue: EncodedHistogram::of(&self.queue),
            work: EncodedHistogram::of(&self.work),
            lag: EncodedHistogram::of(&self.lag),
            handshake: EncodedHistogram::of(&self.handshake),
        }
    }
}

fn subtotals(
    parts: &[LoadPart],
    of: fn(&LoadOutcome) -> &BTreeMap<String, Subtotal>,
) -> Result<BTreeMap<String, Subtotal>, NotOneLoad> {
    let mut sums: BTreeMap<&str, (Subtotal, Histogram<u64>)> = BTreeMap::new();
    for (file, part) in parts {
        for (key, theirs) in of(part) {
            let (sum, times) = sums.entry(key).or_insert_with(|| (Subtotal::default(), histogram()));
            sum.requests += theirs.requests;
            sum.ok += theirs.ok;
            add_encoded(times, file, theirs.histogram.as_ref())?;
        }
    }
    let finished = |(key, (sum, times)): (&str, (Subtotal, Histogram<u64>))| {
        let (latency_milliseconds, histogram) = (percentiles(&times), EncodedHistogram::of(&times));
        (key.to_owned(), Subtotal { latency_milliseconds, histogram, ..sum })
    };
    Ok(sums.into_iter().map(finished).collect())
}

/// The rates added where all change at the same moments; else none is told.
fn profile(parts: &[LoadPart]) -> Option<Vec<(f64, f64)>> {
    let mut sum = parts.first()?.1.profile.clone()?;
    for (_, part) in &parts[1..] {
        let theirs = part.profile.as_ref().filter(|theirs| theirs.len() == sum.len())?;
        for (mine, theirs) in sum.iter_mut().zip(theirs) {
            if mine.0 != theirs.0 {
                return None;
            }
            mine.1 += theirs.1;
        }
    }
    Some(sum)
}

/// By second: each part is moved by as many whole seconds as it began later than the first.
fn timeline(parts: &[LoadPart]) -> Result<Vec<TimelineSecond>, NotOneLoad> {
    // A second of the sum that lacks a generator would look like a drop of the load.
    if parts.iter().any(|(_, part)| part.timeline.is_empty()) {
        return Ok(Vec::new());
    }
    let begins: Vec<f64> =
        parts.iter().map(|(_, part)| part.start.as_ref().map_or(0.0, |start| began(start).0)).collect();
    let earliest = begins.iter().copied().fold(f64::INFINITY, f64::min);
    let mut all = Timeline::default();
    for ((name, part), begin) in parts.iter().zip(begins) {
        let shift = (begin - earliest).round() as i64;
        let read = Timeline::read(&part.timeline, shift).map_err(|why| NotOneLoad::Unreadable(name.clone(), why))?;
        all.merge(&read);
    }
    Ok(all.report())
}

/// Of all together; `None` where one does not know.
fn littles_law(parts: &[LoadPart]) -> LittlesLaw {
    let laws = || parts.iter().map(|(_, part)| &part.littles_law);
    let ended_per_second: f64 = laws().map(|law| law.ended_per_second).sum();
    let in_flight = laws().map(|law| law.in_flight).sum::<Option<f64>>();
    let waited = laws().map(|law| law.mean_seconds.map(|mean| mean * law.ended_per_second)).sum::<Option<f64>>();
    let ratio =
        in_flight.zip(waited).filter(|(in_flight, _)| *in_flight > 0.0).map(|(in_flight, waited)| waited / in_flight);
    LittlesLaw {
        in_flight: in_flight.map(rounded),
        samples: laws().map(|law| law.samples).sum(),
        ended_per_second: rounded(ended_per_second),
        mean_seconds: waited.filter(|_| ended_per_second > 0.0).map(|waited| waited / ended_per_second),
        ratio: ratio.map(rounded),
        holds: ratio
            .filter(|_| laws().all(|law| law.holds.is_some()))
            .map(|ratio| (ratio - 1.0).abs() <= LITTLES_TOLERANCE),
    }
}

fn generator(parts: &[LoadPart], generators: &[MergedGenerator], lag: &Histogram<u64>) -> GeneratorUse {
    let each = || parts.iter().map(|(_, part)| &part.generator);
    let most = |of: fn(&GeneratorUse) -> Option<f64>| {
        each().map(of).try_fold(0.0, |most: f64, one| one.map(|one| most.max(one)))
    };
    let refusal = refusal(parts, generators);
    GeneratorUse {
        threads: each().map(|one| one.threads).sum(),
        cpu_percent: each().map(|one| one.cpu_percent).sum(),
        busiest_thread_percent: most(|one| one.busiest_thread_percent),
        busiest_thread_waiting_percent: most(|one| one.busiest_thread_waiting_percent),
        dispatch_lag_milliseconds: percentiles(lag),
        waited_for_connection_total: each().map(|one| one.waited_for_connection_total).sum(),
        offered_per_second: each().map(|one| one.offered_per_second).sum::<Option<f64>>().map(rounded),
        achieved_per_second: rounded(each().map(|one| one.achieved_per_second).sum()),
        connections_peak: each().map(|one| one.connections_peak).sum(),
        connections_opened_total: each().map(|one| one.connections_opened_total).sum(),
        open_files_limit: each().map(|one| one.open_files_limit).min().flatten(),
        verdict: if refusal.is_some() { Validity::GeneratorBound } else { Validity::Valid },
        cause: refusal.as_ref().map(|(cause, _)| *cause),
        reason: refusal.map_or_else(|| room(generators), |(_, reason)| reason),
    }
}
