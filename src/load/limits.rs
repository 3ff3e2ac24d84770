//! What the machine must give before a run can begin: open files, local ports, memory maps. Asked before the first
//! connection, so that a run does not fail half-way.

use anyhow::bail;

use crate::kernel::limits::{memory_maps, raise_open_files};

/// Files that are open beside the connections (standard streams, event queues, timers, results), with room to spare.
const OTHER_FILES: u64 = 64;
/// Memory maps of the process beside its coroutines.
const OTHER_MAPS: u64 = 1_000;
/// A coroutine's stack and its guard page.
const MAPS_PER_COROUTINE: u64 = 2;

/// The limits that bear on the number of connections, `None` where they cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MachineLimits {
    /// `RLIMIT_NOFILE`: the soft limit, raised to the hard one, which needs no privilege.
    pub open_files: Option<u64>,
    /// Ports for outgoing connections to one address (`net.ipv4.ip_local_port_range`).
    pub local_ports: Option<u64>,
    /// `vm.max_map_count`.
    pub memory_maps: Option<u64>,
}

impl MachineLimits {
    /// Reads the limits of this process and machine, and raises the one that it may.
    pub fn read() -> Self {
        let ports = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
        Self {
            open_files: raise_open_files().ok(),
            local_ports: ports.and_then(|text| {
                let mut fields = text.split_ascii_whitespace().map(str::parse::<u64>);
                let (first, last) = (fields.next()?.ok()?, fields.next()?.ok()?);
                Some(last.saturating_sub(first) + 1)
            }),
            memory_maps: memory_maps(),
        }
    }

    /// Most connections that the limits allow, each to as many origins.
    pub fn most_connections(&self, origins: u64) -> u64 {
        let files = self.open_files.map_or(u64::MAX, |files| files.saturating_sub(OTHER_FILES) / origins.max(1));
        let maps = self.memory_maps.map_or(u64::MAX, |maps| maps.saturating_sub(OTHER_MAPS) / MAPS_PER_COROUTINE);
        files.min(self.local_ports.unwrap_or(u64::MAX)).min(maps)
    }

    /// Checks that so many connections, each to as many origins, can be had.
    ///
    /// # Errors
    /// Names the limit that is too low, and how to raise it.
    pub fn check(&self, connections: u64, origins: u64) -> anyhow::Result<()> {
        let files = connections * origins.max(1) + OTHER_FILES;
        if let Some(limit) = self.open_files.filter(|limit| *limit < files) {
            bail!(
                "{connections} connections need {files} open files, but the limit is {limit} (RLIMIT_NOFILE, hard). Raise it \
                 with `ulimit -Hn {files}` as root, in /etc/security/limits.conf (nofile), or with LimitNOFILE= in a \
                 systemd unit; {}",
                self.fewer_connections(origins)
            );
        }
        if let Some(ports) = self.local_ports.filter(|ports| *ports < connections) {
            bail!(
                "{connections} connections to one address need as many local ports, but there are {ports}. Widen them with \
                 `sysctl net.ipv4.ip_local_port_range='1024 65535'`, or use several addresses or generators"
            );
        }
        let maps = connections * MAPS_PER_COROUTINE + OTHER_MAPS;
        if let Some(limit) = self.memory_maps.filter(|limit| *limit < maps) {
            bail!(
                "{connections} connections need {maps} memory maps, but the limit is {limit}. Raise it with \
                 `sysctl vm.max_map_count={maps}`, or use several generators"
            );
        }
        Ok(())
    }

    /// What to do where the limits stay as they are.
    fn fewer_connections(&self, origins: u64) -> String {
        match self.most_connections(origins) {
            0 => "as it is, it leaves no room for a single connection".to_owned(),
            most => format!("or use at most {most} connections (--connections, --max-connections)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_is_too_low_is_named() {
        let wide = MachineLimits { open_files: Some(1_000_000), local_ports: Some(60_000), memory_maps: Some(200_000) };
        let unknown = MachineLimits { open_files: None, local_ports: None, memory_maps: None };
        let cases = [
            (wide, 10_000, 1, None),
            (unknown, 10_000, 9, None),
            (MachineLimits { open_files: Some(10_064), ..wide }, 10_000, 1, None),
            (
                MachineLimits { open_files: Some(10_063), ..wide },
                10_000,
                1,
                Some("10064 open files, but the limit is 10063"),
            ),
            (MachineLimits { open_files: Some(20_000), ..wide }, 10_000, 2, Some("at most 9968 connections")),
            (MachineLimits { open_files: Some(64), ..wide }, 10, 1, Some("74 open files, but the limit is 64")),
            (MachineLimits { open_files: Some(64), ..wide }, 10, 1, Some("no room for a single connection")),
            (MachineLimits { local_ports: Some(28_232), ..wide }, 30_000, 1, Some("ip_local_port_range")),
            (MachineLimits { memory_maps: Some(65_530), ..wide }, 32_300, 1, Some("vm.max_map_count=65600")),
        ];
        for (limits, connections, origins, refusal) in cases {
            match (limits.check(connections, origins), refusal) {
                (Ok(()), None) => assert!(limits.most_connections(origins) >= connections),
                (Err(error), Some(says)) => {
                    assert!(error.to_string().contains(says), "{error}");
                    assert!(limits.most_connections(origins) < connections);
                    assert!(!error.to_string().contains("at most 0"), "{error}");
                    limits.check(limits.most_connections(origins), origins).unwrap();
                }
                (result, expected) => panic!("{limits:?} {connections}: {result:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn this_machine_can_be_read() {
        let MachineLimits { open_files, local_ports, memory_maps } = MachineLimits::read();
        assert!(open_files.is_some() && local_ports.is_some() && memory_maps.is_some());
    }
}
