//! Whether the figures of a run are the node's or the generator's own. Fails closed: what cannot be read is not a proof.

use crate::results::load::{InvalidCause, Validity};

/// What the generator noticed of itself, `None` where it could not be read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence {
    pub open_loop: bool,
    /// CPU of the busiest thread, percent of a core.
    pub busiest_running_percent: Option<f64>,
    /// Time that thread waited for a CPU, percent.
    pub busiest_waiting_percent: Option<f64>,
    /// Open loop: 99th percentile and maximum of the dispatch lag, milliseconds.
    pub lag_p99_milliseconds: Option<f64>,
    pub lag_max_milliseconds: Option<f64>,
    /// Open loop: 99th percentile of the response time, milliseconds; `None` without a correct answer.
    pub latency_p99_milliseconds: Option<f64>,
    /// Open loop: requests that were due in the window by the rate asked for, and those that were handed out in it.
    pub due: Option<f64>,
    pub dispatched: Option<u64>,
    /// Open loop: requests that were due and never sent.
    pub not_sent: u64,
    /// Open loop: arrivals are random, so their number is.
    pub random: bool,
    /// Requests that failed for want of files or ports.
    pub out_of_files: u64,
    pub out_of_ports: u64,
    /// Requests that began in the window.
    pub requests: u64,
}

/// A thread that runs this much of the time has no room to answer in time. What arrives at random and takes as long each
/// time waits on average ρ / 2(1 - ρ) of that for a server that is busy a share ρ of the time (M/D/1, Pollaczek and
/// Khinchine): 4.5 times at 0.9, some 50 µs for a generator that spends 10 µs a request, and without bound above.
const BUSY_PERCENT: f64 = 90.0;
/// A thread that runs or waits for a CPU this much of the time is hardly ever idle: answers wait for it. Higher than the
/// bound above, for while it waits the node works, as it does on a small machine that is busy but not full.
const NEVER_IDLE_PERCENT: f64 = 97.0;
/// Requests may be sent this late (99th percentile): a sleeping thread of a machine that is in use starts to run within it …
const LAG_MILLISECONDS: f64 = 1.0;
/// … or by this share of the 99th percentile of the latency, where that is more: the lag is a part of the latency, and
/// makes it look worse by no more than the 10 % to which two generators agree.
pub(super) const LAG_SHARE: f64 = 0.1;
/// Share of the intended requests that must have been handed out: a rate that is 1 % lower is another rate.
const DISPATCHED_SHARE: f64 = 0.99;

/// Judges; the text gives the reason with its figures.
pub(super) fn judge(evidence: &Evidence) -> (Validity, Option<InvalidCause>, String) {
    match refusal(evidence) {
        Some((cause, reason)) => (Validity::GeneratorBound, Some(cause), reason),
        None => (Validity::Valid, None, room(evidence)),
    }
}

fn room(evidence: &Evidence) -> String {
    let busy = evidence.busiest_running_percent.unwrap_or_default();
    let mut text = format!("its busiest thread used {busy:.0} % of a core");
    if let Some(lag) = evidence.lag_p99_milliseconds {
        text.push_str(&format!(", and 99 % of requests were sent within {lag:.3} ms of their time"));
    }
    text
}

type Refusal = Option<(InvalidCause, String)>;

fn refusal(evidence: &Evidence) -> Refusal {
    if evidence.requests == 0 {
        return Some((InvalidCause::Nothing, "no request was sent in the measured window".to_owned()));
    }
    if evidence.out_of_files > 0 {
        let reason = "requests failed for want of open files in the generator: raise the limit (ulimit -n)";
        return Some((InvalidCause::Files, format!("{} {reason}", evidence.out_of_files)));
    }
    if evidence.out_of_ports > 0 {
        let reason = "requests found no free local port: keep connections alive, or widen net.ipv4.ip_local_port_range";
        return Some((InvalidCause::Ports, format!("{} {reason}", evidence.out_of_ports)));
    }
    busy(evidence).or_else(|| if evidence.open_loop { late(evidence) } else { None })
}

fn unreadable(what: &str, unproven: &str) -> Refusal {
    Some((InvalidCause::Unreadable, format!("{what}, so nothing proves that {unproven}")))
}

fn busy(evidence: &Evidence) -> Refusal {
    let (Some(running), Some(waiting)) = (evidence.busiest_running_percent, evidence.busiest_waiting_percent) else {
        return unreadable("the CPU time of the generator could not be read", "it was not the limit");
    };
    if running >= BUSY_PERCENT {
        let advice = "give it more threads (--threads), or another machine";
        return Some((InvalidCause::Busy, format!("its busiest thread used {running:.0} % of a core: {advice}")));
    }
    if running + waiting >= NEVER_IDLE_PERCENT {
        let reason = format!(
            "its busiest thread was never idle ({running:.0} % running, {waiting:.0} % waiting for a CPU): \
             the CPUs of this machine are all taken, so generator and node slow each other down; \
             limit the node, or load it from another machine"
        );
        return Some((InvalidCause::Crowded, reason));
    }
    None
}

fn late(evidence: &Evidence) -> Refusal {
    if evidence.not_sent > 0 {
        let reason = format!(
            "{} requests were due and never sent, because the generator was late with them; lower --rate, give it more \
             threads (--threads), or load from another machine",
            evidence.not_sent
        );
        return Some((InvalidCause::Short, reason));
    }
    let (Some(p99), Some(max)) = (evidence.lag_p99_milliseconds, evidence.lag_max_milliseconds) else {
        return unreadable("the dispatch lag was not measured", "requests were sent on time");
    };
    let (Some(due), Some(dispatched)) = (evidence.due, evidence.dispatched) else {
        return unreadable("the offered rate was not measured", "it was reached");
    };
    // The window may cut one request off; a Poisson count has the standard deviation √n, and 4 of them are hardly ever missed.
    let chance = if evidence.random { 4.0 * due.sqrt() } else { 0.0 };
    if (dispatched as f64) < due * DISPATCHED_SHARE - 1.0 - chance {
        let reason = format!("{due:.0} requests were to be handed out, but only {dispatched} were");
        return Some((InvalidCause::Short, reason));
    }
    let allowed = LAG_MILLISECONDS.max(evidence.latency_p99_milliseconds.unwrap_or(0.0) * LAG_SHARE);
    (p99 > allowed).then(|| {
        let reason = format!(
            "requests were sent late: 99 % within {p99:.2} ms (at most {max:.1} ms) of their time, {allowed:.2} ms is \
             allowed; lower --rate, give it more threads (--threads), or load from another machine"
        );
        (InvalidCause::Late, reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let closed = Evidence {
            requests: 1,
            busiest_running_percent: Some(60.0),
            busiest_waiting_percent: Some(20.0),
            ..Evidence::default()
        };
        let open = Evidence {
            open_loop: true,
            lag_p99_milliseconds: Some(0.2),
            lag_max_milliseconds: Some(5.0),
            latency_p99_milliseconds: Some(2.0),
            due: Some(10_000.0),
            dispatched: Some(9_990),
            ..closed
        };
        let cases = [
            (closed, None),
            (open, None),
            // Slow answers allow more lag.
            (Evidence { lag_p99_milliseconds: Some(4.0), latency_p99_milliseconds: Some(50.0), ..open }, None),
            (Evidence { latency_p99_milliseconds: None, ..open }, None),
            (Evidence { requests: 0, ..closed }, Some("no request")),
            (Evidence { busiest_running_percent: None, ..closed }, Some("could not be read")),
            (Evidence { busiest_waiting_percent: None, ..open }, Some("could not be read")),
            (Evidence { busiest_running_percent: Some(95.0), ..closed }, Some("--threads")),
            (Evidence { busiest_waiting_percent: Some(39.0), ..closed }, Some("never idle")),
            (Evidence { out_of_files: 3, ..closed }, Some("3 requests failed for want of open files")),
            (Evidence { out_of_ports: 3, ..open }, Some("no free local port")),
            (Evidence { lag_p99_milliseconds: Some(1.5), ..open }, Some("sent late")),
            (Evidence { lag_p99_milliseconds: None, ..open }, Some("not measured")),
            (Evidence { lag_max_milliseconds: None, ..open }, Some("not measured")),
            (Evidence { not_sent: 1, ..open }, Some("1 requests were due and never sent")),
            (Evidence { due: None, ..open }, Some("not measured")),
            (Evidence { dispatched: None, ..open }, Some("not measured")),
            (Evidence { dispatched: Some(9_600), ..open }, Some("only 9600 were")),
            (Evidence { dispatched: Some(9_600), random: true, ..open }, None),
            (Evidence { dispatched: Some(9_400), random: true, ..open }, Some("only 9400 were")),
            (Evidence { due: Some(3.5), dispatched: Some(3), ..open }, None),
            (Evidence { due: Some(3.5), dispatched: Some(0), ..open }, Some("only 0 were")),
        ];
        for (evidence, refusal) in cases {
            let (verdict, cause, reason) = judge(&evidence);
            assert_eq!(cause.is_some(), verdict == Validity::GeneratorBound);
            match refusal {
                None => assert_eq!(verdict, Validity::Valid, "{reason}"),
                Some(says) => {
                    assert_eq!(verdict, Validity::GeneratorBound, "{says}: {reason}");
                    assert!(reason.contains(says), "{says}: {reason}");
                }
            }
        }
    }
}
