//! How often a password may be tried: a limit for each name and source, whether the name exists or not.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::lock;

/// Wrong passwords in a row, of one name from one source.
const MOST: u32 = 5;
/// For how long the next one is then refused. 5 a minute are 7,200 a day: nothing against a password of 8 characters that is
/// not on a list, and little for one who mistypes.
const PAUSE: Duration = Duration::from_secs(60);
/// Names and sources that are kept; when there are more, those whose pause is over go, or all.
const KEPT: usize = 100_000;

/// Counts the tries.
#[derive(Default)]
pub(super) struct Tries {
    hasher: RandomState,
    counts: Mutex<HashMap<u64, TryCount>>,
}

struct TryCount {
    tries: u32,
    /// When the last try began.
    last: Instant,
}

impl Tries {
    /// Counts a try before its password is looked at, so that many at once are counted, too.
    ///
    /// # Errors
    /// Seconds to wait before the next one.
    pub fn begin(&self, name: &str, source: IpAddr, now: Instant) -> Result<(), u64> {
        let mut counts = lock(&self.counts);
        if counts.len() >= KEPT {
            counts.retain(|_, count| now.saturating_duration_since(count.last) < PAUSE);
            if counts.len() >= KEPT {
                counts.clear();
            }
        }
        let count = counts.entry(self.key(name, source)).or_insert(TryCount { tries: 0, last: now });
        let passed = now.saturating_duration_since(count.last);
        if passed >= PAUSE {
            count.tries = 0;
        }
        if count.tries >= MOST {
            return Err((PAUSE - passed).as_secs() + 1);
        }
        count.tries += 1;
        count.last = now;
        Ok(())
    }

    /// The password was right: the count begins anew.
    pub fn succeeded(&self, name: &str, source: IpAddr) {
        lock(&self.counts).remove(&self.key(name, source));
    }

    /// Names are not kept, only a number that no client can foresee.
    fn key(&self, name: &str, source: IpAddr) -> u64 {
        self.hasher.hash_one((name, network(source)))
    }
}

/// An address; of IPv6 the network, as each customer has one of 2^64 addresses.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_sixth_wrong_password_waits_a_minute() {
        let tries = Tries::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let here = source("192.0.2.1");
        for second in 0..5 {
            assert_eq!(tries.begin("ana", here, at(second)), Ok(()));
        }
        assert_eq!(tries.begin("ana", here, at(10)), Err(55));
        // Asking again does not make it longer; others are not concerned.
        assert_eq!(tries.begin("ana", here, at(60)), Err(5));
        assert_eq!(tries.begin("eva", here, at(10)), Ok(()));
        assert_eq!(tries.begin("ana", source("192.0.2.2"), at(10)), Ok(()));
        assert_eq!(tries.begin("ana", here, at(64)), Ok(()));
    }

    #[test]
    fn a_right_password_begins_anew() {
        let tries = Tries::default();
        let (now, here) = (Instant::now(), source("::ffff:192.0.2.1"));
        for _ in 0..20 {
            assert_eq!(tries.begin("ana", here, now), Ok(()));
            tries.succeeded("ana", source("192.0.2.1"));
        }
    }

    #[test]
    fn one_network_of_ipv6_is_one_source() {
        let tries = Tries::default();
        let now = Instant::now();
        for host in 1..=5 {
            assert_eq!(tries.begin("ana", source(&format!("2001:db8::{host}")), now), Ok(()));
        }
        assert!(tries.begin("ana", source("2001:db8::6"), now).is_err());
        assert!(tries.begin("ana", source("2001:db8:0:1::6"), now).is_ok());
    }
}
