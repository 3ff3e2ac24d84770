//! Block devices: `/proc/diskstats` (Documentation/admin-guide/iostats.rst) and `/sys/block`.

use serde::{Deserialize, Serialize};

use super::root::complete_lines;
use super::{Reading, Root, Table};

/// A sector of `/proc/diskstats` is 512 bytes, whatever the device's own sectors are.
const SECTOR_BYTES: u64 = 512;

/// What a device has done since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskReading {
    /// Reads completed.
    pub reads: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Time that reads took, summed over them.
    pub read_milliseconds: u64,
    /// Writes completed.
    pub writes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Time that writes took, summed over them.
    pub write_milliseconds: u64,
    /// Requests under way now.
    pub in_flight: u64,
    /// Time in which at least one request was under way.
    pub busy_milliseconds: u64,
    /// Time multiplied by the requests under way.
    pub weighted_milliseconds: u64,
}

/// Reads the whole disks (no partitions, no loop or memory-backed devices that were never used), by name.
///
/// # Errors
/// When `/proc/diskstats` is missing, or no line of it is as expected.
pub fn read(root: &Root) -> Reading<Table<DiskReading>> {
    const PATH: &str = "/proc/diskstats";
    let text = root.read(PATH)?;
    Table::parse(root.path(PATH), complete_lines(&text), |line| {
        let (name, disk) = parse(line)?;
        Some((name, (!is_virtual(name) && is_whole(root, name)).then_some(disk)))
    })
}

/// Devices whose data lie in a file or in memory: their requests are counted once more on the disk below, or on none.
fn is_virtual(name: &str) -> bool {
    ["loop", "ram", "zram"].iter().any(|kind| name.strip_prefix(kind).is_some_and(|rest| rest.parse::<u32>().is_ok()))
}

/// Partitions have no folder of their own in `/sys/block`. Without that folder nothing can be told apart, and all are kept.
fn is_whole(root: &Root, name: &str) -> bool {
    // A slash in a device's name is written as '!' in sysfs (cciss/c0d0).
    root.path("/sys/block").join(name.replace('/', "!")).exists() || !root.path("/sys/block").exists()
}

fn parse(line: &str) -> Option<(&str, DiskReading)> {
    let mut fields = line.split_ascii_whitespace().skip(2);
    let name = fields.next()?;
    let mut number = || fields.next()?.parse::<u64>().ok();
    let reads = number()?;
    let _merged = number()?;
    let read_bytes = number()?.saturating_mul(SECTOR_BYTES);
    let read_milliseconds = number()?;
    let writes = number()?;
    let _merged = number()?;
    let write_bytes = number()?.saturating_mul(SECTOR_BYTES);
    let write_milliseconds = number()?;
    let in_flight = number()?;
    let (busy_milliseconds, weighted_milliseconds) = (number()?, number()?);
    let disk = DiskReading {
        reads,
        read_bytes,
        read_milliseconds,
        writes,
        write_bytes,
        write_milliseconds,
        in_flight,
        busy_milliseconds,
        weighted_milliseconds,
    };
    Some((name, disk))
}
