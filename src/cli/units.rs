//! Units as people type them: `500ms`, `1m30s`, `64MiB`.

use std::time::Duration;

/// Parses a duration with its unit (`250ms`, `10s`, `1m30s`); a bare number is seconds, decimals allowed.
pub fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds)
            .map_err(|_| format!("'{text}' is no duration; write for instance 500ms, 10s or 1m30s"));
    }
    humantime::parse_duration(text).map_err(|error| format!("{error}; write for instance 500ms, 10s or 1m30s"))
}

/// Parses a size with its unit (`64KiB`, `1.5GB`); a bare number is bytes. Returns bytes.
pub fn size(text: &str) -> Result<u64, String> {
    text.trim()
        .parse::<bytesize::ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|_| format!("'{text}' is no size; write for instance 64KiB, 100MB or 1GiB"))
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

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("0", 0), ("1024", 1024), ("64KiB", 65_536), ("1MB", 1_000_000), ("1.5GiB", 1_610_612_736)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "many", "-1", "1 XB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
