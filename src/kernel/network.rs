//! Network interfaces: `/proc/net/dev` and `/sys/class/net`.

use serde::{Deserialize, Serialize};

use super::root::complete_lines;
use super::{Reading, Root, Table};

/// What an interface has carried since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InterfaceReading {
    /// Bytes received.
    pub receive_bytes: u64,
    /// Bytes sent.
    pub transmit_bytes: u64,
    /// Bad packets, both ways.
    pub errors: u64,
    /// Packets dropped for want of room, both ways (`fifo` included).
    pub drops: u64,
    /// Speed of the link; `None` where the driver does not know it (loopback, most virtual devices).
    pub speed_bytes_per_second: Option<u64>,
}

/// Reads the interfaces of this network namespace, by name.
///
/// Virtual ports of a bridge or bond (a container host has one for each container, with names that come and go) are left
/// out: their master carries the same bytes.
///
/// # Errors
/// When `/proc/net/dev` is missing, or no line of it is as expected.
pub fn read(root: &Root) -> Reading<Table<InterfaceReading>> {
    const PATH: &str = "/proc/net/dev";
    let text = root.read(PATH)?;
    Table::parse(root.path(PATH), complete_lines(&text).skip(2), |line| {
        let (name, interface) = parse(line)?;
        let folder = root.path("/sys/class/net").join(name);
        let is_port = folder.join("master").exists() && !folder.join("device").exists();
        let speed_bytes_per_second = speed(root, name);
        Some((name, (!is_port).then_some(InterfaceReading { speed_bytes_per_second, ..interface })))
    })
}

/// `speed` is in Mbit/s; -1, or an error on reading, where the driver does not know.
fn speed(root: &Root, name: &str) -> Option<u64> {
    let megabits: i64 = root.read_number(format!("/sys/class/net/{name}/speed")).ok()?;
    u64::try_from(megabits).ok().filter(|megabits| *megabits > 0).map(|megabits| megabits * 1_000_000 / 8)
}

/// `  eth0: 1 2 3 …`. A name may hold colons itself, as that of an alias does (`eth0:1`).
fn parse(line: &str) -> Option<(&str, InterfaceReading)> {
    let (name, rest) = line.rsplit_once(':')?;
    let fields: Vec<u64> = rest.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let field = |index: usize| fields.get(index).copied();
    let interface = InterfaceReading {
        receive_bytes: field(0)?,
        transmit_bytes: field(8)?,
        errors: field(2)?.saturating_add(field(10)?),
        drops: [3, 4, 11, 12].into_iter().map(field).try_fold(0, |sum: u64, drops| Some(sum.saturating_add(drops?)))?,
        speed_bytes_per_second: None,
    };
    Some((name.trim(), interface))
}
