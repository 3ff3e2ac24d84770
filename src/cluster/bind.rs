//! Where the balancer listens, and where a client on this machine therefore finds it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// The address that the balancer listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Bind {
    /// `*`: all addresses of this machine.
    All,
    /// One address; 0.0.0.0 and :: are all of their kind.
    Address(IpAddr),
}

impl Bind {
    /// Where a client on this machine finds what listens on the address.
    pub fn reachable(self) -> IpAddr {
        match self {
            Self::All => Ipv4Addr::LOCALHOST.into(),
            Self::Address(IpAddr::V4(address)) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            // HAProxy takes IPv4 on :: too, nginx does not; this address is right for both.
            Self::Address(IpAddr::V6(address)) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            Self::Address(address) => address,
        }
    }

    /// The same as the host of a URL: IPv6 in square brackets.
    pub fn reachable_host(self) -> String {
        match self.reachable() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        }
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("*"),
            Self::Address(address) => address.fmt(formatter),
        }
    }
}

impl From<Bind> for String {
    fn from(bind: Bind) -> Self {
        bind.to_string()
    }
}

impl TryFrom<String> for Bind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for Bind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "*" => Ok(Self::All),
            _ => text.parse().map(Self::Address).map_err(|_| "must be an IP address, or *".to_owned()),
        }
    }
}
