//! Durations as people type them, on the command line and in experiment files.

use std::time::Duration;

/// Parses a duration with its unit (`250ms`, `10s`, `1m30s`); a bare number is seconds, decimals allowed.
pub fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds)
            .map_err(|_| format!("'{text}' is not a duration; write for instance 500ms, 10s or 1m30s"));
    }
    humantime::parse_duration(text).map_err(|error| format!("{error}; write for instance 500ms, 10s or 1m30s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds) in
            [("500ms", 500), ("10s", 10_000), ("1m30s", 90_000), ("2", 2_000), ("0.25", 250), (" 1s ", 1_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "abc", "-1", "1 parsec", "nan", "1e300"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
