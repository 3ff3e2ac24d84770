//! This process: `/proc/self/stat`, `/proc/self/limits` and `/proc/self/fd`; and which processes descend from one.

use serde::{Deserialize, Serialize};

use super::root::{clip, complete_lines};
use super::{ReadError, Reading, Root};

/// What this process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessReading {
    /// CPU ticks in programs, over all threads, those that ended included.
    pub user_ticks: u64,
    /// CPU ticks in the kernel, likewise.
    pub system_ticks: u64,
    /// Threads now.
    pub threads: u64,
    /// Page faults that had to read from a disk.
    pub major_faults: u64,
}

/// Reads `/proc/self/stat` (proc_pid_stat(5)).
///
/// # Errors
/// When the file is missing or cut short.
pub fn read(root: &Root) -> Reading<ProcessReading> {
    const PATH: &str = "/proc/self/stat";
    let text = root.read(PATH)?;
    parse(&text).ok_or_else(|| ReadError::malformed(root.path(PATH), "fewer fields than proc_pid_stat(5) names"))
}

fn parse(text: &str) -> Option<ProcessReading> {
    // The name may hold spaces and parentheses: the fields begin after the last one that closes.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // rest begins with field 3, the state.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(ProcessReading {
        major_faults: field(12)?,
        user_ticks: field(14)?,
        system_ticks: field(15)?,
        threads: field(20)?,
    })
}

/// How many files this process has open.
///
/// # Errors
/// When `/proc/self/fd` cannot be listed.
pub fn open_files(root: &Root) -> Reading<u64> {
    let path = root.path("/proc/self/fd");
    match std::fs::read_dir(&path) {
        // The listing itself holds one descriptor.
        Ok(entries) => Ok((entries.count() as u64).saturating_sub(u64::from(root.is_real()))),
        Err(error) => Err(ReadError::malformed(path, error.to_string())),
    }
}

/// How many files this process may have open (its soft limit); `None` when unlimited.
///
/// # Errors
/// When `/proc/self/limits` is missing, or lacks the line, or the line holds no number.
pub fn open_files_limit(root: &Root) -> Reading<Option<u64>> {
    const PATH: &str = "/proc/self/limits";
    let text = root.read(PATH)?;
    let soft = complete_lines(&text)
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .ok_or_else(|| ReadError::malformed(root.path(PATH), "no line 'Max open files'"))?;
    match soft {
        "unlimited" => Ok(None),
        number => number.parse().map(Some).map_err(|_| {
            ReadError::malformed(root.path(PATH), format!("'Max open files' is '{}', not a number", clip(number)))
        }),
    }
}

/// Memory that a process holds: `VmRSS` of `/proc/PID/status` (proc_pid_status(5)).
///
/// # Errors
/// When there is no such process, or the line is missing (a kernel thread has none).
pub fn resident_bytes(root: &Root, pid: u32) -> Reading<u64> {
    let path = format!("/proc/{pid}/status");
    let text = root.read(&path)?;
    complete_lines(&text)
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok())
        .map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| ReadError::malformed(root.path(&path), "no line 'VmRSS' in kB"))
}

/// The numbers of `pid` and of all its descendants, parents first: a balancer may be a master with workers. Those that
/// end meanwhile are left out.
///
/// Source: `/proc/PID/task/TID/children` (proc_tid_children(5)).
pub fn descendants(root: &Root, pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        next += 1;
        for child in children(root, parent) {
            if !found.contains(&child) {
                found.push(child);
            }
        }
    }
    found
}

/// The children of a process: each of its threads has a list of its own.
fn children(root: &Root, pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(root.path(format!("/proc/{pid}/task")));
    let mut found = Vec::new();
    for thread in threads.into_iter().flatten().flatten() {
        let list = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(list.split_ascii_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_of_every_thread() {
        let folder = tempfile::tempdir().unwrap();
        for (list, children) in [
            ("7/task/7", "8 "),
            ("7/task/9", "10 x 8 "),
            ("8/task/8", ""),
            ("10/task/10", "11 7 "),
            // A process that has ended meanwhile has no folder any more: 11.
        ] {
            let place = folder.path().join("proc").join(list);
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join("children"), children).unwrap();
        }
        let mut found = descendants(&Root::at(folder.path()), 7);
        found.sort_unstable();
        assert_eq!(found, [7, 8, 10, 11]);
        assert_eq!(descendants(&Root::at(folder.path()), 1), [1]);
    }

    #[test]
    fn a_child_of_this_very_process() {
        let mut child = std::process::Command::new("/bin/sleep").arg("30").spawn().unwrap();
        let found = descendants(&Root::real(), std::process::id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&child.id()), "{found:?}");
    }

    #[test]
    fn memory_of_a_process() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("proc/7");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("status"), "Name:\tredis\nVmRSS:\t   1234 kB\nThreads:\t1\n").unwrap();
        assert_eq!(resident_bytes(&Root::at(folder.path()), 7).unwrap(), 1234 * 1024);
        std::fs::write(place.join("status"), "Name:\tkthreadd\n").unwrap();
        assert!(resident_bytes(&Root::at(folder.path()), 7).is_err());
        assert!(resident_bytes(&Root::real(), std::process::id()).unwrap() > 100_000);
    }

    #[test]
    fn a_name_with_parentheses() {
        let text = "42 (a) (b) R 1 1 1 0 -1 4194304 98 0 7 0 11 22 0 0 20 0 5 0 152467 3133440 381";
        let process = parse(text).unwrap();
        assert_eq!(process, ProcessReading { user_ticks: 11, system_ticks: 22, threads: 5, major_faults: 7 });
        assert_eq!(parse("42 (a) R 1 1 1"), None);
        assert_eq!(parse(""), None);
    }
}
