//! The generator watches itself: CPU time and waiting time of its threads, read from the kernel.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};

/// Where the kernel lists the threads of this process.
const TASKS: &str = "/proc/self/task";

/// CPU times of one thread since it began, in nanoseconds (`/proc/PID/task/TID/schedstat`, kernel
/// Documentation/scheduler/sched-stats.rst).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ThreadTimes {
    /// On a CPU.
    pub running: u64,
    /// Ready to run, but no CPU was given.
    pub waiting: u64,
}

/// The CPU times of all threads at one moment.
#[derive(Clone, Debug)]
pub(super) struct UsageReading {
    at: Instant,
    threads: BTreeMap<u64, ThreadTimes>,
}

/// What the threads used between two readings, in percent of one core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CpuUsage {
    /// All threads together.
    pub cpu_percent: f64,
    /// The thread with the most running and waiting: running.
    pub busiest_running_percent: f64,
    /// The same thread: waiting for a CPU.
    pub busiest_waiting_percent: f64,
}

/// Reads the times of all threads of this process.
pub(super) fn read() -> anyhow::Result<UsageReading> {
    read_from(Path::new(TASKS))
}

fn read_from(tasks: &Path) -> anyhow::Result<UsageReading> {
    let at = Instant::now();
    let mut threads = BTreeMap::new();
    for entry in std::fs::read_dir(tasks).with_context(|| tasks.display().to_string())? {
        let entry = entry.with_context(|| tasks.display().to_string())?;
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let path: PathBuf = entry.path().join("schedstat");
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let times = parse(&text).with_context(|| format!("{}: '{}'", path.display(), text.trim()))?;
                threads.insert(id, times);
            }
            // The thread ended between the listing and the reading.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
            Err(_) if !entry.path().exists() => {}
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        }
    }
    ensure!(!threads.is_empty(), "{} lists no thread", tasks.display());
    Ok(UsageReading { at, threads })
}

fn parse(text: &str) -> anyhow::Result<ThreadTimes> {
    let mut fields = text.split_ascii_whitespace().map(str::parse::<u64>);
    let mut next = || fields.next().context("a field is missing")?.context("a field is not a number");
    Ok(ThreadTimes { running: next()?, waiting: next()? })
}

impl UsageReading {
    /// What was used from `earlier` to this reading.
    ///
    /// # Errors
    /// When no CPU time passed at all: a kernel without these statistics writes zeros.
    pub fn since(&self, earlier: &Self) -> anyhow::Result<CpuUsage> {
        let wall = self.at.saturating_duration_since(earlier.at).as_nanos() as f64;
        ensure!(wall > 0.0, "no time passed between two readings");
        let percent = |nanoseconds: u64| nanoseconds as f64 / wall * 100.0;
        let used = self.threads.iter().map(|(id, now)| {
            let before = earlier.threads.get(id).copied().unwrap_or_default();
            ThreadTimes {
                running: now.running.saturating_sub(before.running),
                waiting: now.waiting.saturating_sub(before.waiting),
            }
        });
        let (mut all, mut busiest) = (0, ThreadTimes::default());
        for times in used {
            all += times.running;
            if times.running + times.waiting > busiest.running + busiest.waiting {
                busiest = times;
            }
        }
        ensure!(all > 0, "the kernel gives no CPU times of threads (CONFIG_SCHED_INFO)");
        Ok(CpuUsage {
            cpu_percent: percent(all),
            busiest_running_percent: percent(busiest.running),
            busiest_waiting_percent: percent(busiest.waiting),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn tree(threads: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (id, text) in threads {
            std::fs::create_dir(folder.path().join(id)).unwrap();
            std::fs::write(folder.path().join(id).join("schedstat"), text).unwrap();
        }
        folder
    }

    #[test]
    fn two_readings_give_the_usage_of_the_busiest() {
        let before = read_from(tree(&[("7", "1000 500 9\n"), ("8", "0 0 0\n")]).path()).unwrap();
        let mut after =
            read_from(tree(&[("7", "601000 100500 99\n"), ("8", "200000 0 1\n"), ("9", "100000 0 1")]).path()).unwrap();
        after.at = before.at + Duration::from_millis(1);
        let usage = after.since(&before).unwrap();
        assert_eq!(usage, CpuUsage { cpu_percent: 90.0, busiest_running_percent: 60.0, busiest_waiting_percent: 10.0 });
    }

    #[test]
    fn unreadable_is_an_error_with_its_path() {
        let missing = read_from(Path::new("/nonexistent/task")).unwrap_err();
        assert!(format!("{missing:#}").contains("/nonexistent/task"));
        for text in ["", "1", "a b c"] {
            let error = format!("{:#}", read_from(tree(&[("7", text)]).path()).unwrap_err());
            assert!(error.contains("7/schedstat"), "{error}");
        }
        assert!(read_from(tree(&[]).path()).is_err());
        let zeros = tree(&[("7", "0 0 0")]);
        let (before, mut after) = (read_from(zeros.path()).unwrap(), read_from(zeros.path()).unwrap());
        after.at = before.at + Duration::from_secs(1);
        assert!(after.since(&before).is_err());
    }

    #[test]
    fn this_process_can_be_read() {
        let before = read().unwrap();
        let end = Instant::now() + Duration::from_millis(30);
        while Instant::now() < end {}
        assert!(read().unwrap().since(&before).unwrap().cpu_percent > 0.0);
    }
}
