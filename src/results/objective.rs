//! What a user may expect of the response time: one grammar and one type for `webapp load --slo` and `webapp bench --slo`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::load::Percentiles;

/// Which figure of the response time an objective bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names say it
pub enum LatencyFigure {
    Mean,
    P50,
    P90,
    P95,
    P99,
    #[serde(rename = "p99_9")]
    P999,
    Max,
}

impl LatencyFigure {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Mean, Self::P50, Self::P90, Self::P95, Self::P99, Self::P999, Self::Max];

    /// As people write it: `p99.9`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::Max => "max",
        }
    }

    /// Reads a name; `p99_9`, as JSON has it, is `p99.9`.
    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.name() == name.replace('_', "."))
    }

    /// Which percentile it is; the mean is none.
    pub fn percentile(self) -> Option<f64> {
        match self {
            Self::Mean => None,
            Self::P50 => Some(50.0),
            Self::P90 => Some(90.0),
            Self::P95 => Some(95.0),
            Self::P99 => Some(99.0),
            Self::P999 => Some(99.9),
            Self::Max => Some(100.0),
        }
    }

    /// Its value, milliseconds.
    pub fn of(self, latency: &Percentiles) -> f64 {
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

/// A bound on the response time, such as `p99=100ms`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "WrittenObjective", into = "WrittenObjective")]
pub struct Objective {
    /// What is bounded.
    pub figure: LatencyFigure,
    /// The most that is allowed.
    pub milliseconds: f64,
}

/// As it stands in JSON: `webapp load` named the figure, `webapp bench` gave the percentile; now both stand there.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct WrittenObjective {
    #[serde(default)]
    figure: Option<LatencyFigure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    percentile: Option<f64>,
    milliseconds: f64,
}

impl From<Objective> for WrittenObjective {
    fn from(Objective { figure, milliseconds }: Objective) -> Self {
        Self { figure: Some(figure), percentile: figure.percentile(), milliseconds }
    }
}

impl TryFrom<WrittenObjective> for Objective {
    type Error = String;

    fn try_from(written: WrittenObjective) -> Result<Self, String> {
        let WrittenObjective { figure, percentile, milliseconds } = written;
        let by_percentile = || LatencyFigure::ALL.into_iter().find(|figure| figure.percentile() == percentile);
        let figure = figure.or_else(|| percentile.and_then(|_| by_percentile()));
        let figure = figure.ok_or("an objective names neither a figure nor a percentile that is known")?;
        Ok(Self { figure, milliseconds })
    }
}

impl Objective {
    /// Whether the timeline of a load that changes has its figure.
    pub fn is_of_seconds(&self) -> bool {
        matches!(self.figure, LatencyFigure::P50 | LatencyFigure::P99)
    }

    /// Reads `p99=100ms`; `duration` reads the part behind the sign.
    ///
    /// # Errors
    /// In words, with an example.
    pub fn parse(text: &str, duration: impl Fn(&str) -> Result<Duration, String>) -> Result<Self, String> {
        let wrong = || wrong(text);
        let (name, limit) = text.split_once('=').ok_or_else(wrong)?;
        let figure = LatencyFigure::parse(name.trim()).ok_or_else(wrong)?;
        let limit = duration(limit.trim())?;
        if limit.is_zero() {
            return Err(wrong());
        }
        Ok(Self { figure, milliseconds: limit.as_secs_f64() * 1e3 })
    }
}

fn wrong(text: &str) -> String {
    format!("'{text}' is not an objective; write for instance p99=100ms (mean, p50, p90, p95, p99, p99.9 or max)")
}

impl std::str::FromStr for Objective {
    type Err = String;

    /// Reads `p99=100ms`; the time has a unit.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, |duration| humantime::parse_duration(duration).map_err(|_| wrong(text)))
    }
}

impl Default for Objective {
    /// What a bench aims at when nobody says otherwise.
    fn default() -> Self {
        Self { figure: LatencyFigure::P99, milliseconds: 250.0 }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ≤ {} ms", self.figure.name(), self.milliseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Objective, String> {
        text.parse()
    }

    #[test]
    fn objectives() {
        assert_eq!(parse("p99=100ms"), Ok(Objective { figure: LatencyFigure::P99, milliseconds: 100.0 }));
        assert_eq!(parse("p99.9=1s"), Ok(Objective { figure: LatencyFigure::P999, milliseconds: 1000.0 }));
        assert_eq!(parse("p99_9=1000ms"), parse(" p99.9 = 1s "));
        assert_eq!(parse("max=2s").unwrap().to_string(), "max ≤ 2000 ms");
        for text in ["", "p99", "99=1s", "p98=1s", "=1s", "p99=0s", "p99=fast", "p99=100", "p99=-1s", "p100=1s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn both_forms_that_were_written_are_read() {
        let read = serde_json::from_str::<Objective>;
        let objective = parse("p99.9=1s").unwrap();
        assert_eq!(read(r#"{"figure": "p99_9", "milliseconds": 1000.0}"#).unwrap(), objective);
        assert_eq!(read(r#"{"percentile": 99.9, "milliseconds": 1000.0}"#).unwrap(), objective);
        for figure in LatencyFigure::ALL {
            let objective = Objective { figure, milliseconds: 5.0 };
            let written = serde_json::to_string(&objective).unwrap();
            assert_eq!(serde_json::from_str::<Objective>(&written).unwrap(), objective);
        }
        for text in [r#"{"milliseconds": 1.0}"#, r#"{"percentile": 98.0, "milliseconds": 1.0}"#, r#"{"figure": "p99"}"#]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
