//! From what was recorded to what is reported.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::context::RunContext;
use super::handshake::Handshakes;
use super::percentiles::{percentiles, rounded, spectrum};
use super::plan::{Load, LoadPlan};
use super::recorder::{Tally, ThreadRecorder};
use super::silence::Silence;
use super::target::LoadTarget;
use super::timeline::Timeline;
use super::usage::CpuUsage;
use super::verdict::{self, Evidence};
use crate::http::url::Scheme;
use crate::results::histogram::EncodedHistogram;
use crate::results::load::{
    Arrivals, ErrorKind, GeneratorUse, Histograms, LittlesLaw, LoadMode, LoadOutcome, Percentiles, Subtotal,
    TargetInfo, TlsOutcome,
};

/// What the main thread observed while a run lasted.
#[derive(Default)]
pub(super) struct Observed {
    pub usage: Option<anyhow::Result<CpuUsage>>,
    pub in_flight_sum: f64,
    pub in_flight_samples: u64,
    pub silence: Silence,
    pub interrupted: bool,
    /// Requests that were given up at the end.
    pub unfinished: u64,
    pub open_files_limit: Option<u64>,
    pub threads: usize,
}

/// Builds the outcome of a run that has ended.
pub(super) fn outcome(plan: &LoadPlan, run: &RunContext, observed: Observed) -> LoadOutcome {
    let open_loop = matches!(plan.load, Load::Open { .. });
    let recorder = run.recorders.merged(plan.targets.len(), open_loop);
    let window = run.window();
    let seconds = window.end.saturating_sub(window.start) as f64 / 1e9;
    let per_second = |count: u64| if seconds > 0.0 { rounded(count as f64 / seconds) } else { 0.0 };
    let latency = recorder.latency();
    let counts = run.recorders.counts();
    let never_reached = never_reached(plan, run, &recorder, seconds);
    let sum = |count: fn(&Tally) -> u64| recorder.targets.iter().map(count).sum::<u64>();
    let (connections, rate, arrivals, max_connections) = pacing(plan);
    LoadOutcome {
        target: plan.targets[0].url.to_string(),
        targets: targets(plan),
        mode: if open_loop { LoadMode::Open } else { LoadMode::Closed },
        connections,
        rate,
        profile: plan.profile.as_ref().map(|profile| profile.points().to_vec()),
        arrivals,
        max_connections,
        keepalive: plan.keepalive,
        timeout_seconds: plan.timeout.as_secs_f64(),
        warmup_seconds: plan.warmup.as_secs_f64(),
        duration_seconds: seconds,
        interrupted: observed.interrupted,
        requests_total: sum(|target| target.requests) + observed.unfinished + never_reached,
        requests_ok: sum(|target| target.ok),
        errors: errors(&recorder, observed.unfinished, never_reached),
        error_examples: examples(&recorder),
        status: (0u16..)
            .zip(&recorder.status)
            .filter(|(_, count)| **count > 0)
            .map(|(code, count)| (code, *count))
            .collect(),
        throughput_per_second: per_second(recorder.good_in_window),
        latency_milliseconds: percentiles(&latency),
        latency_uncorrected_milliseconds: percentiles(&recorder.uncorrected),
        queue_milliseconds: percentiles(&recorder.queue),
        work_milliseconds: percentiles(&recorder.work),
        handshake_milliseconds: percentiles(&recorder.handshakes.times),
        tls: tls(plan, &recorder.handshakes),
        spectrum: spectrum(&latency),
        nodes: recorder.nodes.iter().map(|(name, tally)| (name.clone(), tally.requests)).collect(),
        node_details: recorder.nodes.iter().map(|(name, tally)| (name.clone(), part(tally))).collect(),
        endpoints: endpoints(plan, &recorder),
        sent_total: counts.sent,
        answered_total: counts.answered,
        sessions: run.sessions(),
        versions: run.versions.outcome(),
        caching: run.caching.outcome(),
        timeline: recorder.timeline.as_ref().map(Timeline::report).unwrap_or_default(),
        longest_silence_seconds: observed.silence.longest().map(|time| rounded(time as f64 / 1e9)),
        littles_law: littles_law(&recorder, &observed, seconds, plan.profile.is_none()),
        generator: generator(plan, run, &recorder, &observed, percentiles(&latency), seconds, never_reached),
        start: None,
        histograms: Some(Histograms {
            latency: EncodedHistogram::of(&latency),
            uncorrected: EncodedHistogram::of(&recorder.uncorrected),
            queue: EncodedHistogram::of(&recorder.queue),
            work: EncodedHistogram::of(&recorder.work),
            lag: EncodedHistogram::of(&recorder.lag),
            handshake: EncodedHistogram::of(&recorder.handshakes.times),
        }),
        generators: Vec::new(),
    }
}

/// `None` where nothing was asked in TLS.
fn tls(plan: &LoadPlan, handshakes: &Handshakes) -> Option<TlsOutcome> {
    let counts = [("TLS 1.2", handshakes.tls12), ("TLS 1.3", handshakes.tls13)];
    let is_secure = plan.targets.iter().any(|target| target.url.origin.scheme() == Scheme::Https);
    is_secure.then(|| TlsOutcome {
        verified: !plan.tls.insecure,
        resumption: plan.tls.resumption,
        handshakes_total: handshakes.tls12 + handshakes.tls13,
        resumed_total: handshakes.resumed,
        versions: counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, n)| (name.to_owned(), n)).collect(),
    })
}

fn pacing(plan: &LoadPlan) -> (Option<usize>, Option<f64>, Option<Arrivals>, Option<usize>) {
    match plan.load {
        Load::Closed { connections } => (Some(connections), None, None, None),
        Load::Open { rate, arrivals, max_connections, .. } => (None, Some(rate), Some(arrivals), Some(max_connections)),
    }
}

fn targets(plan: &LoadPlan) -> Vec<TargetInfo> {
    let info = |target: &LoadTarget| TargetInfo {
        url: target.url.to_string(),
        weight: target.weight,
        method: (target.method != "GET").then(|| target.method.clone()),
    };
    plan.targets.iter().map(info).collect()
}

/// Requests that were due, and that the dispatchers did not even come to before the run was over.
fn never_reached(plan: &LoadPlan, run: &RunContext, recorder: &ThreadRecorder, seconds: f64) -> u64 {
    match due(plan, seconds) {
        Some(due) if run.dispatch_incomplete.load(Ordering::Acquire) => {
            (due.round() as u64).saturating_sub(recorder.offered)
        }
        _ => 0,
    }
}

/// Requests due in the window by the rate asked for; `None` for a closed loop.
fn due(plan: &LoadPlan, seconds: f64) -> Option<f64> {
    match plan.load {
        Load::Open { rate, .. } => {
            Some(plan.profile.as_ref().map_or(rate * seconds, |profile| profile.due_by(seconds)))
        }
        Load::Closed { .. } => None,
    }
}

fn errors(recorder: &ThreadRecorder, unfinished: u64, never_reached: u64) -> BTreeMap<ErrorKind, u64> {
    let mut errors: BTreeMap<_, _> = ErrorKind::ALL.into_iter().zip(recorder.errors).collect();
    *errors.entry(ErrorKind::Unfinished).or_default() += unfinished;
    *errors.entry(ErrorKind::NotSent).or_default() += never_reached;
    errors.retain(|_, count| *count > 0);
    errors
}

fn examples(recorder: &ThreadRecorder) -> BTreeMap<ErrorKind, String> {
    ErrorKind::ALL.into_iter().zip(&recorder.examples).filter_map(|(kind, text)| Some((kind, text.clone()?))).collect()
}

fn part(tally: &Tally) -> Subtotal {
    Subtotal {
        requests: tally.requests,
        ok: tally.ok,
        latency_milliseconds: percentiles(&tally.latency),
        histogram: EncodedHistogram::of(&tally.latency),
    }
}

/// By path, with its method where that is not GET; by whole address where two hosts share a path.
fn endpoints(plan: &LoadPlan, recorder: &ThreadRecorder) -> BTreeMap<String, Subtotal> {
    let one_host = plan.targets.iter().all(|target| target.url.origin == plan.targets[0].url.origin);
    let name = |index: usize| {
        let url = &plan.targets[index].url;
        let address = if one_host { url.path.clone() } else { url.to_string() };
        match &*plan.targets[index].method {
            "GET" => address,
            method => format!("{method} {address}"),
        }
    };
    let mut parts: BTreeMap<String, Tally> = BTreeMap::new();
    for (index, tally) in recorder.targets.iter().enumerate() {
        parts.entry(name(index)).or_insert_with(Tally::new).merge(tally);
    }
    parts.iter().map(|(name, tally)| (name.clone(), part(tally))).collect()
}

/// Both sides may differ by this share in a steady run.
pub(super) const LITTLES_TOLERANCE: f64 = 0.1;
/// A mean of `n` counts that are L on average errs by about √(L/n): by a third of the tolerance when `n L` is this.
const LITTLES_LEAST: f64 = 9.0 / (LITTLES_TOLERANCE * LITTLES_TOLERANCE);

/// A load that changes is not `steady`, so nothing is judged by it.
fn littles_law(recorder: &ThreadRecorder, observed: &Observed, seconds: f64, steady: bool) -> LittlesLaw {
    let ended = recorder.ended_in_window;
    let in_flight =
        (observed.in_flight_samples > 0).then(|| observed.in_flight_sum / observed.in_flight_samples as f64);
    let mean_seconds = (ended > 0).then(|| recorder.ended_nanoseconds as f64 / 1e9 / ended as f64);
    let ended_per_second = if seconds > 0.0 { ended as f64 / seconds } else { 0.0 };
    let ratio = in_flight
        .zip(mean_seconds)
        .filter(|(in_flight, _)| *in_flight > 0.0)
        .map(|(in_flight, mean)| ended_per_second * mean / in_flight);
    LittlesLaw {
        in_flight: in_flight.map(rounded),
        samples: observed.in_flight_samples,
        ended_per_second: rounded(ended_per_second),
        mean_seconds,
        ratio: ratio.map(rounded),
        holds: ratio
            .filter(|_| steady && observed.in_flight_sum >= LITTLES_LEAST)
            .map(|ratio| (ratio - 1.0).abs() <= LITTLES_TOLERANCE),
    }
}

fn generator(
    plan: &LoadPlan,
    run: &RunContext,
    recorder: &ThreadRecorder,
    observed: &Observed,
    latency: Option<Percentiles>,
    seconds: f64,
    never_reached: u64,
) -> GeneratorUse {
    let usage = observed.usage.as_ref().and_then(|usage| usage.as_ref().ok());
    let lag = percentiles(&recorder.lag);
    let (offered, random) = match plan.load {
        Load::Open { rate, arrivals, .. } => (Some(rate), arrivals == Arrivals::Poisson),
        Load::Closed { .. } => (None, false),
    };
    let (verdict, cause, reason) = verdict::judge(&Evidence {
        open_loop: offered.is_some(),
        busiest_running_percent: usage.map(|usage| usage.busiest_running_percent),
        busiest_waiting_percent: usage.map(|usage| usage.busiest_waiting_percent),
        lag_p99_milliseconds: lag.map(|lag| lag.p99),
        lag_max_milliseconds: lag.map(|lag| lag.max),
        latency_p99_milliseconds: latency.map(|latency| latency.p99),
        due: due(plan, seconds),
        dispatched: offered.map(|_| recorder.dispatched_in_window),
        not_sent: recorder.errors[ErrorKind::NotSent as usize] + never_reached,
        random,
        out_of_files: recorder.errors[ErrorKind::OutOfFiles as usize],
        out_of_ports: recorder.errors[ErrorKind::OutOfPorts as usize],
        requests: recorder.targets.iter().map(|target| target.requests).sum(),
    });
    GeneratorUse {
        threads: observed.threads,
        cpu_percent: usage.map(|usage| rounded(usage.cpu_percent)),
        busiest_thread_percent: usage.map(|usage| rounded(usage.busiest_running_percent)),
        busiest_thread_waiting_percent: usage.map(|usage| rounded(usage.busiest_waiting_percent)),
        dispatch_lag_milliseconds: lag,
        waited_for_connection_total: recorder.waited,
        offered_per_second: offered
            .filter(|_| seconds > 0.0)
            .map(|_| rounded((recorder.offered + never_reached) as f64 / seconds)),
        achieved_per_second: if seconds > 0.0 { rounded(recorder.sent_in_window as f64 / seconds) } else { 0.0 },
        connections_peak: run.connections_peak.load(Ordering::Relaxed) as u64,
        connections_opened_total: run.connections_opened.load(Ordering::Relaxed),
        open_files_limit: observed.open_files_limit,
        verdict,
        cause,
        reason,
    }
}
