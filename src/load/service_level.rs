//! What a node must keep at a rate: response times and errors. Pure.

use serde::{Deserialize, Serialize};

use super::percentiles::rounded;
use crate::results::load::{InvalidCause, LoadOutcome};
use crate::results::objective::Objective;

/// What a node must keep at a rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceLevel {
    /// All must hold.
    pub bounds: Vec<Objective>,
    /// Largest share of requests without a correct answer, 0 to 1.
    pub max_error_share: f64,
}

/// How a level did against the service level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// Kept.
    Kept,
    /// Not kept by the node.
    Breached,
    /// The generator was the limit: nothing is known about the node.
    Invalid,
}

/// Correct answers must come at this share of the rate at least, or a queue grows that a short window does not show. What
/// is in flight at the end of a window that keeps up is rate x latency: 5 % of a window of 10 s are 500 ms.
pub(super) const KEEPS_UP_SHARE: f64 = 0.95;

impl ServiceLevel {
    /// Judges a run of the open loop, with the reason and its figures.
    pub fn judge(&self, outcome: &LoadOutcome) -> (Judgement, String) {
        match (self.breach(outcome), outcome.generator.cause) {
            (Some(reason), None) => (Judgement::Breached, reason),
            // A late generator makes the latency look worse, never better: what was kept in spite of it was kept.
            (None, None | Some(InvalidCause::Late)) => (Judgement::Kept, self.kept(outcome)),
            // But a breach may be its own fault, and a rate that it did not reach proves nothing.
            (_, Some(_)) => (Judgement::Invalid, outcome.generator.reason.clone()),
        }
    }

    fn kept(&self, outcome: &LoadOutcome) -> String {
        let figures = outcome.latency_milliseconds.iter().flat_map(|latency| {
            self.bounds.iter().map(|bound| format!("{} {} ms", bound.figure.name(), rounded(bound.figure.of(latency))))
        });
        figures.chain([format!("errors {}", percent(error_share(outcome)))]).collect::<Vec<_>>().join(", ")
    }

    fn breach(&self, outcome: &LoadOutcome) -> Option<String> {
        let errors = error_share(outcome);
        if errors > self.max_error_share {
            return Some(format!("errors {}, allowed {}", percent(errors), percent(self.max_error_share)));
        }
        let Some(latency) = &outcome.latency_milliseconds else { return Some("no correct answer".to_owned()) };
        for bound in &self.bounds {
            let value = bound.figure.of(latency);
            if value > bound.milliseconds {
                return Some(format!(
                    "{} {} ms, allowed {} ms",
                    bound.figure.name(),
                    rounded(value),
                    rounded(bound.milliseconds)
                ));
            }
        }
        let offered = outcome.generator.offered_per_second.or(outcome.rate).unwrap_or(0.0);
        let least = offered * (1.0 - self.max_error_share) * KEEPS_UP_SHARE - 1.0 / outcome.duration_seconds;
        (outcome.throughput_per_second < least).then(|| {
            format!("only {} of {} requests/s were answered in time", outcome.throughput_per_second, rounded(offered))
        })
    }
}

impl std::fmt::Display for ServiceLevel {
    /// `p99 at most 100 ms, errors at most 0.1 %`.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for bound in &self.bounds {
            write!(out, "{} at most {} ms, ", bound.figure.name(), rounded(bound.milliseconds))?;
        }
        write!(out, "errors at most {}", percent(self.max_error_share))
    }
}

fn error_share(outcome: &LoadOutcome) -> f64 {
    let failed = outcome.requests_total.saturating_sub(outcome.requests_ok);
    failed as f64 / outcome.requests_total.max(1) as f64
}

fn percent(share: f64) -> String {
    format!("{} %", rounded(share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::fixture::outcome;
    use crate::results::objective::LatencyFigure;

    fn service_level() -> ServiceLevel {
        let bound = |figure, milliseconds| Objective { figure, milliseconds };
        let bounds = vec![bound(LatencyFigure::P99, 100.0), bound(LatencyFigure::Max, 200.0)];
        ServiceLevel { bounds, max_error_share: 0.001 }
    }

    #[test]
    fn judgements() {
        type Spoil = fn(&mut LoadOutcome);
        let cases: [(Spoil, Judgement, &str); 9] = [
            (|_| {}, Judgement::Kept, "p99 90 ms, max 200 ms, errors 0 %"),
            (|o| o.requests_ok = 999, Judgement::Kept, "errors 0.1 %"),
            (|o| o.requests_ok = 998, Judgement::Breached, "errors 0.2 %, allowed 0.1 %"),
            (
                |o| o.latency_milliseconds.as_mut().unwrap().p99 = 100.1,
                Judgement::Breached,
                "p99 100.1 ms, allowed 100 ms",
            ),
            (|o| o.latency_milliseconds = None, Judgement::Breached, "no correct answer"),
            (|o| o.throughput_per_second = 94.0, Judgement::Breached, "only 94 of 100 requests/s"),
            (|o| o.generator.cause = Some(InvalidCause::Busy), Judgement::Invalid, "room"),
            (|o| o.generator.cause = Some(InvalidCause::Late), Judgement::Kept, "p99 90 ms"),
            (
                |o| {
                    o.requests_ok = 0;
                    o.generator.cause = Some(InvalidCause::Late);
                },
                Judgement::Invalid,
                "room",
            ),
        ];
        for (spoil, judgement, says) in cases {
            let mut outcome = outcome();
            spoil(&mut outcome);
            let (got, reason) = service_level().judge(&outcome);
            assert_eq!(got, judgement, "{reason}");
            assert!(reason.contains(says), "{says}: {reason}");
        }
    }

    #[test]
    fn texts() {
        assert_eq!(service_level().to_string(), "p99 at most 100 ms, max at most 200 ms, errors at most 0.1 %");
    }
}
