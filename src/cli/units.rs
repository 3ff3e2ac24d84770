//! Units as people type them: `500ms`, `1m30s`, `64MiB`, `0.1%`, `p99=100ms`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use crate::results::duration::duration;
use crate::results::objective::Objective;

/// Parses a moment: seconds since 1970, as `date +%s` prints them, or `2026-11-26T10:30:00Z`.
pub fn moment(text: &str) -> Result<SystemTime, String> {
    let text = text.trim();
    let since = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let moment = match since {
        Some(since) => UNIX_EPOCH.checked_add(since),
        None => humantime::parse_rfc3339_weak(text).ok(),
    };
    moment.ok_or_else(|| {
        format!("'{text}' is not a moment; write seconds since 1970, such as $(date -d '+10 seconds' +%s), or 2026-11-26T10:30:00Z (UTC)")
    })
}

/// Parses a size with its unit (`64KiB`, `1.5GB`); a bare number is bytes. Returns bytes.
pub fn size(text: &str) -> Result<u64, String> {
    text.trim()
        .parse::<bytesize::ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|_| format!("'{text}' is not a size; write for instance 64KiB, 100MB or 1GiB"))
}

/// Parses a share below 1: `0.1%`, or `0.001`.
pub fn share(text: &str) -> Result<f64, String> {
    let (number, scale) = match text.trim().strip_suffix('%') {
        Some(number) => (number, 0.01),
        None => (text, 1.0),
    };
    let share = number.trim().parse::<f64>().map(|number| number * scale).ok();
    share
        .filter(|share| (0.0..1.0).contains(share))
        .ok_or_else(|| format!("'{text}' is not a share below 100 %; write for instance 0.1% or 0.001"))
}

/// Parses a bound on the response time: `p99=100ms`.
pub fn objective(text: &str) -> Result<Objective, String> {
    Objective::parse(text, duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let at = |seconds| Ok(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(moment("1795689000"), at(1_795_689_000));
        assert_eq!(moment("2026-11-26T10:30:00Z"), at(1_795_689_000));
        assert_eq!(moment("2026-11-26 10:30:00"), at(1_795_689_000));
        assert_eq!(moment("1.5"), Ok(UNIX_EPOCH + Duration::from_millis(1500)));
        for text in ["", "-1", "soon", "10:30", "1e300", "nan"] {
            assert!(moment(text).is_err(), "{text}");
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

    #[test]
    fn shares() {
        for (text, expected) in [("0.1%", 0.001), ("0.001", 0.001), ("0", 0.0), (" 5 % ", 0.05)] {
            assert!((share(text).unwrap() - expected).abs() < 1e-12, "{text}");
        }
        for bad in ["", "%", "-1%", "100%", "1", "nan", "many"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn objectives_take_the_durations_of_every_other_option() {
        assert_eq!(objective("p99=100ms"), objective("p99=0.1"));
        assert!(objective("p99").is_err() && objective("p99=0").is_err());
    }
}
