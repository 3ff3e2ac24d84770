//! Whether a store server answers, and how long to wait before a silent one is asked again. Pure: knows no clock.

use std::time::Duration;

/// First pause after a failure, and longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// Pauses differ by up to this part either way, so that nodes that lost a store together do not all come back at once.
const SPREAD: f64 = 0.2;

/// What is known of a store server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nobody has asked it yet.
    Unknown,
    /// It answered the last time.
    Up,
    /// It cannot be reached.
    Away {
        /// Why, for a person.
        why: String,
        /// Failures in a row.
        failures: u32,
    },
}

impl Health {
    /// After a failure to connect.
    pub fn failed(&self, why: String) -> Self {
        let failures = match self {
            Self::Unknown | Self::Up => 1,
            Self::Away { failures, .. } => failures.saturating_add(1),
        };
        Self::Away { why, failures }
    }

    /// How long to wait before it is asked again, while it is away: doubling, up to a second. `chance` is from 0 to 1.
    pub fn pause(&self, chance: f64) -> Option<Duration> {
        let Self::Away { failures, .. } = self else { return None };
        let doubled = PAUSES.0.saturating_mul(1 << failures.saturating_sub(1).min(16));
        Some(doubled.min(PAUSES.1).mul_f64(1.0 - SPREAD + 2.0 * SPREAD * chance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_and_are_spread() {
        let mut health = Health::Unknown;
        assert_eq!(health.pause(0.5), None);
        let mut pauses = Vec::new();
        for _ in 0..40 {
            health = health.failed("no".into());
            pauses.push(health.pause(0.5).unwrap().as_millis());
        }
        assert_eq!(pauses[..7], [20, 40, 80, 160, 320, 640, 1_000]);
        assert_eq!(pauses.last(), Some(&1_000));
        assert_eq!(health.pause(0.0), Some(Duration::from_millis(800)));
        assert_eq!(health.pause(1.0), Some(Duration::from_millis(1_200)));
        assert_eq!(Health::Up.pause(0.5), None);
    }
}
