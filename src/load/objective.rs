//! What a node must keep: latency and errors. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::percentiles::rounded;
use crate::results::load::{InvalidCause, LoadOutcome, Percentiles};

/// Which figure of the latency an objective bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Figure {
    Mean,
    P50,
    P90,
    P95,
    P99,
    #[serde(rename = "p99_9")]
    P999,
    Max,
}

impl Figure {
    const NAMES: [(&'static str, Self); 8] = [
        ("mean", Self::Mean),
        ("p50", Self::P50),
        ("p90", Self::P90),
        ("p95", Self::P95),
        ("p99", Self::P99),
        ("p99.9", Self::P999),
        ("p99_9", Self::P999),
        ("max", Self::Max),
    ];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, figure)| *figure == self).map_or("", |(name, _)| name)
    }

    fn of(self, latency: &Percentiles) -> f64 {
        match self {
            Self::Mean => latency.mean,
            Self::P50 => latency.p50,
            Self::P90 => latency.p90,
            Self::P95 => latency.p95,
            Self::P99 => latency.p99,
            Self::P999 => latency.p99_9,
            Self::Max => latency.max,
        }
    }
}

/// A bound on the latency, such as `p99=100ms`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// What is bounded.
    pub figure: Figure,
    /// The most that is allowed.
    pub milliseconds: f64,
}

impl Bound {
    /// Reads `p99=100ms`; `duration` reads the part behind the sign.
    ///
    /// # Errors
    /// In words, with an example.
    pub fn parse(text: &str, duration: impl Fn(&str) -> Result<Duration, String>) -> Result<Self, String> {
        let wrong = || {
            format!("'{text}' is no objective; write for instance p99=100ms (mean, p50, p90, p95, p99, p99.9 or max)")
        };
        let (name, limit) = text.split_once('=').ok_or_else(wrong)?;
        let figure = Figure::NAMES.iter().find(|(known, _)| *known == name.trim()).ok_or_else(wrong)?.1;
        let limit = duration(limit)?;
        if limit.is_zero() {
            return Err(wrong());
        }
        Ok(Self { figure, milliseconds: limit.as_secs_f64() * 1e3 })
    }
}

/// Reads a share: `0.1%`, or `0.001`.
///
/// # Errors
/// In words, with an example.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let (number, scale) = match text.trim().strip_suffix('%') {
        Some(number) => (number, 0.01),
        None => (text, 1.0),
    };
    let share = number.trim().parse::<f64>().map(|number| number * scale).ok();
    share
        .filter(|share| (0.0..1.0).contains(share))
        .ok_or_else(|| format!("'{text}' is no share below 100 %; write for instance 0.1% or 0.001"))
}

/// What a node must keep at a rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// All must hold.
    pub bounds: Vec<Bound>,
    /// Largest share of requests without a correct answer, 0 to 1.
    pub max_error_share: f64,
}

/// How a level did against the objective.
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

impl Objective {
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

impl std::fmt::Display for Objective {
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
pub(super) mod tests {
    use super::*;
    use crate::results::load::{Arrivals, GeneratorUse, LittlesLaw, LoadMode, Validity};

    /// A run at 100 requests/s for 10 s, without a fault.
    pub fn outcome() -> LoadOutcome {
        let latency = Percentiles { mean: 10.0, p50: 8.0, p90: 20.0, p95: 30.0, p99: 90.0, p99_9: 150.0, max: 200.0 };
        LoadOutcome {
            target: "http://a/".into(),
            targets: vec![],
            mode: LoadMode::Open,
            connections: None,
            rate: Some(100.0),
            profile: None,
            arrivals: Some(Arrivals::Constant),
            max_connections: Some(10),
            keepalive: true,
            timeout_seconds: 10.0,
            warmup_seconds: 1.0,
            duration_seconds: 10.0,
            interrupted: false,
            requests_total: 1000,
            requests_ok: 1000,
            errors: Default::default(),
            error_examples: Default::default(),
            status: Default::default(),
            throughput_per_second: 99.9,
            latency_milliseconds: Some(latency),
            latency_uncorrected_milliseconds: Some(latency),
            queue_milliseconds: None,
            work_milliseconds: None,
            spectrum: vec![],
            nodes: Default::default(),
            node_details: Default::default(),
            endpoints: Default::default(),
            sent_total: 1100,
            answered_total: 1100,
            timeline: vec![],
            littles_law: LittlesLaw {
                in_flight: Some(1.0),
                samples: 2000,
                ended_per_second: 100.0,
                mean_seconds: Some(0.01),
                ratio: Some(1.0),
                holds: Some(true),
            },
            generator: GeneratorUse {
                threads: 1,
                cpu_percent: Some(5.0),
                busiest_thread_percent: Some(5.0),
                busiest_thread_waiting_percent: Some(0.0),
                dispatch_lag_milliseconds: None,
                waited_for_connection_total: 0,
                offered_per_second: Some(100.0),
                achieved_per_second: 100.0,
                connections_peak: 3,
                connections_opened_total: 3,
                open_files_limit: Some(1024),
                verdict: Validity::Valid,
                cause: None,
                reason: "room".into(),
            },
        }
    }

    fn objective() -> Objective {
        let parse = |text| Bound::parse(text, |text| text.parse().map(Duration::from_millis).map_err(|_| "no".into()));
        Objective { bounds: vec![parse("p99=100").unwrap(), parse("max=200").unwrap()], max_error_share: 0.001 }
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
            let (got, reason) = objective().judge(&outcome);
            assert_eq!(got, judgement, "{reason}");
            assert!(reason.contains(says), "{says}: {reason}");
        }
    }

    #[test]
    fn texts() {
        assert_eq!(objective().to_string(), "p99 at most 100 ms, max at most 200 ms, errors at most 0.1 %");
        let parse =
            |text: &str| Bound::parse(text, |text| humantime::parse_duration(text).map_err(|error| error.to_string()));
        assert_eq!(parse("p99=100ms"), Ok(Bound { figure: Figure::P99, milliseconds: 100.0 }));
        assert_eq!(parse("p99.9=1s").unwrap().figure, parse("p99_9=1000ms").unwrap().figure);
        for bad in ["", "p99", "p98=1s", "=1s", "p99=0", "p99=fast", "p99=-1s"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for (text, share) in [("0.1%", 0.001), ("0.001", 0.001), ("0", 0.0), (" 5 % ", 0.05)] {
            assert!((parse_share(text).unwrap() - share).abs() < 1e-12, "{text}");
        }
        for bad in ["", "%", "-1%", "100%", "1", "nan", "many"] {
            assert!(parse_share(bad).is_err(), "{bad}");
        }
    }
}
