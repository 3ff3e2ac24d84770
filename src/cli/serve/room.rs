//! How many connections this process has room for, and what is said where the machine allows less than was meant.

use anyhow::Context;

use crate::http;
use crate::kernel::limits;
use crate::results::number::grouped;

/// Descriptors that connections may not take: listening socket, event loops, log, stores, files of `/io`.
const SPARE_DESCRIPTORS: u64 = 256;
/// But so many connections are always tried.
const LEAST_CONNECTIONS: u64 = 16;
/// Memory maps that connections may not take: the binary, the allocator, threads.
const SPARE_MAPS: u64 = 1_000;
/// The stack of a connection's coroutine, and its guard page.
const MAPS_A_CONNECTION: u64 = 2;
/// Connections where nothing else is asked for.
const DEFAULT_CONNECTIONS: u64 = 10_000;

/// The most connections that are served at once. Raises the limit of open files as far as allowed; what has no room under it,
/// or under the limit of memory maps, is said in the log.
///
/// # Errors
/// When the limit of open files cannot be read.
pub fn connections(asked: Option<u64>) -> anyhow::Result<usize> {
    let files = limits::raise_open_files().context("cannot read the limit of open files")?;
    let (most, lowered) = fit(asked, files, limits::memory_maps());
    if let Some(lowered) = lowered {
        log::warn!("{lowered}");
    }
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

/// Says so where fewer connections may wait to be accepted than the server asks for.
pub fn tell_short_queue() {
    if let Some(short) = limits::listen_queue().and_then(|queue| short_queue(queue, http::BACKLOG.into())) {
        log::warn!("{short}");
    }
}

/// So many connections, and what to say where that is less than was meant.
fn fit(asked: Option<u64>, files: u64, maps: Option<u64>) -> (u64, Option<String>) {
    let meant = asked.unwrap_or(DEFAULT_CONNECTIONS);
    let by_files = files.saturating_sub(SPARE_DESCRIPTORS).max(LEAST_CONNECTIONS);
    let by_maps =
        maps.map_or(u64::MAX, |maps| (maps.saturating_sub(SPARE_MAPS) / MAPS_A_CONNECTION).max(LEAST_CONNECTIONS));
    let most = meant.min(by_files).min(by_maps);
    if most == meant {
        return (most, None);
    }
    let raise = if by_files <= by_maps {
        let files_needed = meant.saturating_add(SPARE_DESCRIPTORS);
        format!(
            "this process may open {files} files, and so many connections need {files_needed}. Raise the limit (ulimit -Hn \
             {files_needed} as root, or LimitNOFILE={files_needed} in the systemd unit)"
        )
    } else {
        let maps_needed = meant.saturating_mul(MAPS_A_CONNECTION).saturating_add(SPARE_MAPS);
        format!(
            "a process may have {} memory maps here, and so many connections need {maps_needed}. Raise the limit (sysctl \
             vm.max_map_count={maps_needed})",
            maps.unwrap_or_default()
        )
    };
    let (served, meant) = (grouped(most), grouped(meant));
    (
        most,
        Some(format!(
            "at most {served} connections are served at once instead of {meant}: {raise}, or set --max-connections {most}"
        )),
    )
}

fn short_queue(queue: u64, asked: u64) -> Option<String> {
    (queue < asked).then(|| {
        format!(
            "at most {} connections may wait to be accepted instead of {}: raise the limit (sysctl net.core.somaxconn={asked})",
            grouped(queue),
            grouped(asked)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lowered_is_said() {
        let cases = [
            (None, 1_048_576, Some(65_530), 10_000, ""),
            (None, 10_256, Some(21_000), 10_000, ""),
            (None, 10_255, None, 9_999, "LimitNOFILE=10256"),
            (None, 256, Some(65_530), 16, "at most 16 connections are served at once instead of 10,000"),
            (Some(500), 256, None, 16, "ulimit -Hn 756"),
            (Some(16), 256, Some(1_032), 16, ""),
            (Some(50_000), 1_048_576, Some(65_530), 32_265, "vm.max_map_count=101000"),
            (Some(u64::MAX), 1_000, Some(u64::MAX), 744, "instead of"),
        ];
        for (asked, files, maps, most, says) in cases {
            let (got, said) = fit(asked, files, maps);
            assert_eq!(got, most, "{asked:?} {files} {maps:?}");
            match said {
                None => assert!(says.is_empty(), "{says} is not said"),
                Some(said) => assert!(!says.is_empty() && said.contains(says), "{said}"),
            }
        }
    }

    #[test]
    fn a_short_queue_is_said() {
        assert_eq!((short_queue(4096, 4096), short_queue(65_536, 4096)), (None, None));
        assert!(short_queue(128, 4096).unwrap().contains("net.core.somaxconn=4096"));
    }
}
