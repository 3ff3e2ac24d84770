//! Pressure stall information, `/proc/pressure` (Documentation/accounting/psi.rst).

use serde::{Deserialize, Serialize};

use super::root::complete_lines;
use super::{ReadError, Reading, Root};

/// Microseconds since boot in which tasks stalled for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// At least one task stalled.
    pub some_microseconds: Option<u64>,
    /// Every task that was not idle stalled. For `cpu` it is missing before Linux 5.13.
    pub full_microseconds: Option<u64>,
}

/// The resources that the kernel accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StallResource {
    /// Ready to run, and no CPU free.
    Cpu,
    /// Waiting for memory to be freed, or read back.
    Memory,
    /// Waiting for a disk.
    Io,
}

impl StallResource {
    /// The file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Io => "io",
        }
    }
}

/// Reads one file of `/proc/pressure`.
///
/// # Errors
/// When the kernel has no PSI (before 4.20, not built in, or `psi=0`), or neither line can be read.
pub fn read(root: &Root, resource: StallResource) -> Reading<Stall> {
    let path = format!("/proc/pressure/{}", resource.name());
    let text = root.read(&path)?;
    let total = |kind: &str| {
        let line = complete_lines(&text).find_map(|line| line.strip_prefix(kind))?;
        line.split_ascii_whitespace().find_map(|field| field.strip_prefix("total="))?.parse::<u64>().ok()
    };
    match (total("some "), total("full ")) {
        (None, None) => Err(ReadError::malformed(root.path(&path), "no line 'some' with a total")),
        (some_microseconds, full_microseconds) => Ok(Stall { some_microseconds, full_microseconds }),
    }
}
