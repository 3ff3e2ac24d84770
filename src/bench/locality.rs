//! Whether an address is on this machine.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};

/// Whether the host of `http://HOST[:PORT]…` is this machine. A host without an address is nowhere.
pub fn is_here(url: &str) -> bool {
    let Some(authority) = url.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default()) else {
        return false;
    };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (host, 0).to_socket_addrs().is_ok_and(|mut addresses| addresses.any(|address| is_own(address.ip())))
}

/// Only an address of this machine can be bound to; a datagram socket sends nothing for it.
fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_and_others() {
        for here in ["http://127.0.0.1:8080", "http://127.0.0.2/x", "http://localhost:1/"] {
            assert!(is_here(here), "{here}");
        }
        // Addresses for documentation (RFC 5737), which no machine has.
        for elsewhere in ["http://192.0.2.1:8080", "http://203.0.113.7", "nonsense", ""] {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }
}
