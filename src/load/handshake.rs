//! A TLS handshake that came to its end, and many of them.

use hdrhistogram::Histogram;

use super::histograms::{add, histogram, note};

/// The version that was agreed on.
#[cfg_attr(not(feature = "tls"), allow(dead_code))] // nobody makes one
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsVersion {
    Tls12,
    Tls13,
}

/// How one handshake went.
#[cfg_attr(not(feature = "tls"), allow(dead_code))] // nobody makes one
#[derive(Clone, Copy, Debug)]
pub(super) struct Handshake {
    /// From the open connection to the end of the handshake.
    pub nanoseconds: u64,
    /// Whether it resumed an earlier session.
    pub resumed: bool,
    pub version: TlsVersion,
}

/// All of a thread.
pub(super) struct Handshakes {
    pub times: Histogram<u64>,
    pub resumed: u64,
    pub tls12: u64,
    pub tls13: u64,
}

impl Default for Handshakes {
    fn default() -> Self {
        Self { times: histogram(), resumed: 0, tls12: 0, tls13: 0 }
    }
}

impl Handshakes {
    pub fn record(&mut self, handshake: Handshake) {
        note(&mut self.times, handshake.nanoseconds);
        self.resumed += u64::from(handshake.resumed);
        match handshake.version {
            TlsVersion::Tls12 => self.tls12 += 1,
            TlsVersion::Tls13 => self.tls13 += 1,
        }
    }

    pub fn merge(&mut self, other: &Self) {
        add(&mut self.times, &other.times);
        self.resumed += other.resumed;
        self.tls12 += other.tls12;
        self.tls13 += other.tls13;
    }
}
