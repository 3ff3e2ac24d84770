//! Network interfaces: `/proc/net/dev` and `/sys/class/net`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::root::{clip, complete_lines};
use super::{ReadError, Reading, Root};

/// What an interface has carried since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
/// When `/proc/net/dev` is missing or malformed.
pub fn read(root: &Root) -> Reading<BTreeMap<String, InterfaceReading>> {
    const PATH: &str = "/proc/net/dev";
    let text = root.read(PATH)?;
    let mut interfaces = BTreeMap::new();
    for line in complete_lines(&text).skip(2) {
        let Some((name, mut interface)) = parse(line) else {
            return Err(ReadError::malformed(root.path(PATH), format!("bad line '{}'", clip(line.trim()))));
        };
        let folder = root.path("/sys/class/net").join(name);
        if folder.join("master").exists() && !folder.join("device").exists() {
            continue;
        }
        interface.speed_bytes_per_second = speed(root, name);
        interfaces.insert(name.to_owned(), interface);
    }
    Ok(interfaces)
}

/// `speed` is in Mbit/s; -1, or an error on reading, where the driver does not know.
fn speed(root: &Root, name: &str) -> Option<u64> {
    let megabits: i64 = root.read_number(format!("/sys/class/net/{name}/speed")).ok()?;
    u64::try_from(megabits).ok().filter(|megabits| *megabits > 0).map(|megabits| megabits * 1_000_000 / 8)
}

fn parse(line: &str) -> Option<(&str, InterfaceReading)> {
    let (name, rest) = line.split_once(':')?;
    let fields: Vec<u64> = rest.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let field = |index: usize| fields.get(index).copied();
    let interface = InterfaceReading {
        receive_bytes: field(0)?,
        transmit_bytes: field(8)?,
        errors: field(2)? + field(10)?,
        drops: field(3)? + field(4)? + field(11)? + field(12)?,
        speed_bytes_per_second: None,
    };
    Some((name.trim(), interface))
}
