//! `/proc/meminfo`, in bytes (proc_meminfo(5)).

use std::collections::HashMap;

use super::root::complete_lines;
use super::{ReadError, Reading, Root};

/// The machine's memory. What free(1) calls `used` is `total - available`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryReading {
    /// All usable memory.
    pub total_bytes: Option<u64>,
    /// What a new program could get without swapping (since Linux 3.14).
    pub available_bytes: Option<u64>,
    /// Page cache, buffers and reclaimable slab: what free(1) calls `buff/cache`.
    pub cached_bytes: Option<u64>,
    /// All swap.
    pub swap_total_bytes: Option<u64>,
    /// Swap in use.
    pub swap_used_bytes: Option<u64>,
}

/// Reads `/proc/meminfo`.
///
/// # Errors
/// When the file is missing, or none of the lines looked for can be read.
pub fn read(root: &Root) -> Reading<MemoryReading> {
    const PATH: &str = "/proc/meminfo";
    let text = root.read(PATH)?;
    let fields: HashMap<&str, u64> = complete_lines(&text).filter_map(field).collect();
    let get = |name: &str| fields.get(name).copied();
    let reading = MemoryReading {
        total_bytes: get("MemTotal"),
        available_bytes: get("MemAvailable"),
        cached_bytes: get("Cached")
            .map(|cached| ["Buffers", "SReclaimable"].into_iter().filter_map(get).fold(cached, u64::saturating_add)),
        swap_total_bytes: get("SwapTotal"),
        swap_used_bytes: get("SwapTotal").zip(get("SwapFree")).map(|(total, free)| total.saturating_sub(free)),
    };
    if reading == MemoryReading::default() {
        return Err(ReadError::malformed(root.path(PATH), "no line 'MemTotal'"));
    }
    Ok(reading)
}

/// `MemTotal:  24684096 kB`, where kB means 1024 bytes.
fn field(line: &str) -> Option<(&str, u64)> {
    let (name, rest) = line.split_once(':')?;
    let kibibytes: u64 = rest.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some((name, kibibytes.checked_mul(1024)?))
}
