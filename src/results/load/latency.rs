//! Times of answers: percentiles, spectrum and histograms.

use serde::{Deserialize, Serialize};

use crate::results::histogram::EncodedHistogram;

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
