//! Counters of this network namespace's TCP: `/proc/net/snmp` and `/proc/net/netstat` (RFC 4022; Documentation/networking/snmp_counter.rst).

use serde::{Deserialize, Serialize};

use super::root::complete_lines;
use super::{ReadError, Reading, Root};

/// What TCP has counted since the namespace was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TcpReading {
    /// Segments sent, without those sent again.
    pub out_segments: Option<u64>,
    /// Segments sent again.
    pub retransmitted_segments: Option<u64>,
    /// Connections that found a full accept queue, over all listening sockets.
    pub listen_overflows: Option<u64>,
    /// Connections dropped by a listening socket for any reason, overflows included.
    pub listen_drops: Option<u64>,
}

/// Reads both files.
///
/// # Errors
/// When neither gives a counter.
pub fn read(root: &Root) -> Reading<TcpReading> {
    const EXTENDED: &str = "/proc/net/netstat";
    let (basic, extended) = (root.read("/proc/net/snmp"), root.read(EXTENDED));
    let find = |text: &Reading<String>, table, name| text.as_deref().ok().and_then(|text| counter(text, table, name));
    let reading = TcpReading {
        out_segments: find(&basic, "Tcp:", "OutSegs"),
        retransmitted_segments: find(&basic, "Tcp:", "RetransSegs"),
        listen_overflows: find(&extended, "TcpExt:", "ListenOverflows"),
        listen_drops: find(&extended, "TcpExt:", "ListenDrops"),
    };
    if reading == TcpReading::default() {
        basic?;
        extended?;
        return Err(ReadError::malformed(root.path(EXTENDED), "none of the counters looked for is there"));
    }
    Ok(reading)
}

/// Both files hold pairs of lines: `Tcp: Name Name …`, then `Tcp: 1 2 …`. A line that is not a part of a pair is passed over.
fn counter(text: &str, table: &str, name: &str) -> Option<u64> {
    let lines: Vec<&str> = complete_lines(text).filter_map(|line| line.strip_prefix(table)).collect();
    lines.windows(2).find_map(|pair| {
        let index = pair[0].split_ascii_whitespace().position(|candidate| candidate == name)?;
        let values: Vec<&str> = pair[1].split_ascii_whitespace().collect();
        // A row of another length does not belong to these names.
        (values.len() == pair[0].split_ascii_whitespace().count()).then(|| values[index].parse().ok())?
    })
}
