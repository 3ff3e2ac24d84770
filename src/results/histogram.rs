//! A histogram as text: HdrHistogram's format V2, compressed, in base64, as every HdrHistogram library reads it. So percentiles of
//! several generators come from all their samples; percentiles themselves cannot be added.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

/// A histogram of nanoseconds, encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EncodedHistogram(String);

/// Why a text is no histogram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoHistogram(String);

impl std::fmt::Display for NoHistogram {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "a histogram in it cannot be read: {}", self.0)
    }
}

impl std::error::Error for NoHistogram {}

impl EncodedHistogram {
    /// Encodes; `None` when nothing was recorded.
    pub fn of(histogram: &Histogram<u64>) -> Option<Self> {
        if histogram.is_empty() {
            return None;
        }
        let mut bytes = Vec::new();
        // Fails only for more counts than a u64 holds, or when memory cannot be written.
        V2DeflateSerializer::new().serialize(histogram, &mut bytes).ok()?;
        Some(Self(BASE64_STANDARD.encode(bytes)))
    }

    /// The histogram.
    ///
    /// # Errors
    /// When the text is not one.
    pub fn decode(&self) -> Result<Histogram<u64>, NoHistogram> {
        let bytes = BASE64_STANDARD.decode(&self.0).map_err(|error| NoHistogram(error.to_string()))?;
        Deserializer::new().deserialize(&mut &*bytes).map_err(|error| NoHistogram(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_back_as_it_was() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        assert_eq!(EncodedHistogram::of(&histogram), None);
        for time in [1, 5, 1_000_000, 1_000_001, 86_400_000_000_000, 10_u64.pow(19)] {
            histogram.record(time).unwrap();
        }
        let encoded = EncodedHistogram::of(&histogram).unwrap();
        // The cookie of V2 in base64, as the readers of other languages look for it.
        assert!(encoded.0.starts_with("HISTF"), "{encoded:?}");
        assert_eq!(encoded.decode().unwrap(), histogram);
        assert_eq!(serde_json::to_string(&encoded).unwrap(), format!("\"{}\"", encoded.0));
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in ["", "%", "AAAA", "HISTFAAA"] {
            assert!(EncodedHistogram(text.to_owned()).decode().is_err(), "{text}");
        }
    }
}
