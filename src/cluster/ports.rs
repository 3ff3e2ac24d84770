//! Which TCP ports of this machine are taken, and choosing free ones.

use std::ops::Range;

use anyhow::{bail, ensure};

use super::far::Far;
use super::settings::ClusterSettings;
use super::state::ClusterFolder;
use crate::kernel::Root;
use crate::kernel::tcp_table::{self, TcpState};

/// How often a random port may turn out to be taken.
const TRIES: u32 = 200;

/// The ports that somebody listens on, on any address.
fn listened_on() -> anyhow::Result<Vec<u16>> {
    let sockets = tcp_table::read(&Root::real())?;
    Ok(sockets.into_iter().filter(|socket| socket.state == TcpState::Listen).map(|socket| socket.local_port).collect())
}

/// Whether nobody listens on the port, on any address.
///
/// # Errors
/// When the kernel does not say.
pub fn is_free(port: u16) -> anyhow::Result<bool> {
    Ok(!listened_on()?.contains(&port))
}

/// A port nobody listens on and none of `reserved`, below the range from which the kernel takes ports for outgoing connections: a node that
/// restarts must find its port again, even while thousands of connections come and go.
///
/// # Errors
/// When there is none.
pub fn free(reserved: &[u16]) -> anyhow::Result<u16> {
    let taken = listened_on()?;
    let range = random_range(Root::real().read("/proc/sys/net/ipv4/ip_local_port_range").ok().as_deref());
    for _ in 0..TRIES {
        let port = fastrand::u16(range.clone());
        if !taken.contains(&port) && !reserved.contains(&port) {
            return Ok(port);
        }
    }
    bail!("found no free port between {} and {}", range.start, range.end)
}

/// From 10000 to where the outgoing connections begin, if that leaves a thousand ports.
fn random_range(local_port_range: Option<&str>) -> Range<u16> {
    const LOWEST: u16 = 10_000;
    let outgoing = local_port_range.and_then(|text| text.split_ascii_whitespace().next()?.parse().ok());
    LOWEST..outgoing.filter(|highest| *highest > LOWEST + 1000).unwrap_or(32_768)
}

/// Fills in the ports. One cluster at a time, until its choice is written down: a port that nobody has taken yet looks
/// free to all.
///
/// # Errors
/// When a port that was asked for is taken, or the choice cannot be written.
pub fn choose(settings: &mut ClusterSettings, folder: &ClusterFolder) -> anyhow::Result<()> {
    let _one_at_a_time = folder.lock_ports()?;
    let mut claimed = Vec::new();
    for other in folder.other_settings() {
        claimed.extend(other.ports());
    }
    let taken = listened_on()?;
    settings.port = choose_one(settings.port, "--port", 8080, &taken, &claimed)?;
    if let Some(tls) = &mut settings.tls {
        tls.port = choose_one(tls.port, "--tls-port", 8443, &taken, &claimed)?;
    }
    claimed.extend(settings.ports());
    settings.stats_port = free(&claimed)?;
    claimed.push(settings.stats_port);
    for server in &mut settings.shared.servers {
        (server.port, server.number) = (free(&claimed)?, fastrand::u32(1..));
        claimed.push(server.port);
        if settings.shared.redis_cluster && server.is_of_store() {
            server.bus_port = free(&claimed)?;
            claimed.push(server.bus_port);
        }
    }
    let store_relay = settings.shared.far_store.iter_mut().map(|far| &mut far.port);
    for port in settings.far.iter_mut().flat_map(Far::ports_mut).chain(store_relay) {
        *port = free(&claimed)?;
        claimed.push(*port);
    }
    folder.save(settings)
}

/// The same for servers that have no port yet, of a cluster that runs.
///
/// # Errors
/// See [`choose`].
pub fn choose_for_new_servers(settings: &mut ClusterSettings, folder: &ClusterFolder) -> anyhow::Result<()> {
    let _one_at_a_time = folder.lock_ports()?;
    let mut claimed = settings.ports();
    for other in folder.other_settings() {
        claimed.extend(other.ports());
    }
    for server in settings.shared.servers.iter_mut().filter(|server| server.port == 0) {
        (server.port, server.number) = (free(&claimed)?, fastrand::u32(1..));
        claimed.push(server.port);
    }
    folder.save(settings)
}

/// The port that was asked for, which must be free; else (0) the default or the next that is free.
fn choose_one(asked: u16, flag: &str, default: u16, taken: &[u16], claimed: &[u16]) -> anyhow::Result<u16> {
    if asked != 0 {
        ensure!(!taken.contains(&asked), "port {asked} is taken by another program; choose another with {flag}");
        return Ok(asked);
    }
    match (default..=u16::MAX).find(|port| !taken.contains(port) && !claimed.contains(port)) {
        Some(port) => Ok(port),
        None => bail!("no port from {default} on is free; choose one with {flag}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_seen() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = std::net::TcpListener::bind(address).unwrap();
            let port = listener.local_addr().unwrap().port();
            assert!(!is_free(port).unwrap(), "{address}");
        }
        assert!(is_free(free(&[]).unwrap()).unwrap());
    }

    #[test]
    fn asked_default_and_next() {
        assert_eq!(choose_one(9000, "--port", 8080, &[8080], &[9000]).unwrap(), 9000, "asked");
        assert_eq!(choose_one(0, "--port", 8080, &[8080, 8082], &[8081]).unwrap(), 8083, "next");
        let error = choose_one(8080, "--port", 8080, &[8080], &[]).unwrap_err().to_string();
        assert_eq!(error, "port 8080 is taken by another program; choose another with --port");
    }

    #[test]
    fn a_reserved_port_is_not_chosen() {
        let all: Vec<u16> = (0..=u16::MAX).collect();
        assert!(free(&all).is_err());
    }

    #[test]
    fn below_the_outgoing_connections() {
        assert_eq!(random_range(Some("32768\t60999\n")), 10_000..32_768);
        assert_eq!(random_range(Some("20000 60999\n")), 10_000..20_000);
        for text in [None, Some(""), Some("1024 65000")] {
            assert_eq!(random_range(text), 10_000..32_768);
        }
    }
}
