//! Records with perf: samples of what runs, or of what waits.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use crate::bench::generator::{self, LoadJob};
use crate::child;
use crate::flame::{self, Sampled, Stacks};
use crate::results::load::LoadOutcome;
use crate::results::number::plain;
use crate::results::run::Level;
use crate::results::work::Request;

use super::process::Watched;

/// Samples a second and CPU. Not 100: what happens a hundred times a second would be met each time, or never.
const HERTZ: u32 = 99;
/// Stacks of threads that leave their CPU, a second and thread, at most; their weight says how many they stand for.
const OFF_CPU_HERTZ: u32 = 499;
/// For perf to begin and to write down what it has; and for its stacks to be put into words.
const PERF_LIMIT: Duration = Duration::from_secs(120);
/// The load runs before perf does, until its connections are warm.
const WARMUP_SECONDS: f64 = 1.0;

/// How it is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Recording {
    /// How long.
    pub seconds: u32,
    /// Where threads wait, instead of where they compute.
    pub off_cpu: bool,
}

/// A folder that is gone when this is.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("webapp-flame-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Records the process, and loads it meanwhile where that was asked.
///
/// # Errors
/// When perf is missing or may not, when the load gets no answer, and when `interrupted` becomes true.
pub fn record(watched: &Watched, recording: Recording, interrupted: &AtomicBool) -> anyhow::Result<Stacks> {
    let scratch = Scratch::new()?;
    let data = scratch.0.join("perf.data");
    eprintln!("recording {} for {} s", watched.title, recording.seconds);
    let mut title = watched.title.clone();
    std::thread::scope(|scope| {
        let load = watched.load.as_ref().map(|(url, connections)| {
            let seconds = f64::from(recording.seconds) + 1.0;
            let load =
                scope.spawn(move || load(&url.origin.to_string(), &url.path, *connections, seconds, interrupted));
            std::thread::sleep(Duration::from_secs_f64(WARMUP_SECONDS));
            load
        });
        let recorded = perf(arguments(watched.pid, recording, &data), recording.seconds, interrupted);
        if let Some(load) = load {
            let outcome = load.join().map_err(|_| anyhow!("the load broke off"))??;
            title += &format!(" at {} answers/s", plain(outcome.throughput_per_second));
        }
        recorded
    })?;
    let words = ["script", "--no-inline", "--show-switch-events", "-F", "comm,tid,time,period,event,ip,sym,dso", "-i"];
    let words = words.map(str::to_owned).into_iter().chain([data.display().to_string()]);
    let mut stacks = flame::read(&perf(words.collect(), 0, interrupted)?)?;
    if let Sampled::Cpu(hertz) = &mut stacks.sampled {
        *hertz = Some(HERTZ);
    }
    stacks.title = title;
    Ok(stacks)
}

/// The words for perf. Stacks by DWARF: the program has no frame pointers, which would cost `/fib` a seventh of its speed.
fn arguments(pid: u32, recording: Recording, data: &Path) -> Vec<String> {
    let (event, hertz, further): (_, _, &[&str]) = match recording.off_cpu {
        false => ("cpu-clock", HERTZ, &["--call-graph", "dwarf"]),
        true => ("context-switches", OFF_CPU_HERTZ, &["--switch-events", "--call-graph", "dwarf,4096"]),
    };
    let mut words = vec!["record", "-q", "-e", event, "-F"].into_iter().map(str::to_owned).collect::<Vec<_>>();
    words.push(hertz.to_string());
    words.extend(further.iter().map(|word| (*word).to_owned()));
    words.extend(["-p".to_owned(), pid.to_string(), "-o".to_owned(), data.display().to_string()]);
    words.extend(["--".to_owned(), "sleep".to_owned(), recording.seconds.to_string()]);
    words
}

/// Runs perf to its end; gives what it printed.
fn perf(words: Vec<String>, seconds: u32, interrupted: &AtomicBool) -> anyhow::Result<String> {
    let mut command = Command::new("perf");
    command.args(&words);
    let limit = PERF_LIMIT + Duration::from_secs(u64::from(seconds));
    let finished = child::run(command, limit, Some(interrupted)).map_err(|error| {
        let missing =
            error.downcast_ref::<std::io::Error>().is_some_and(|cause| cause.kind() == std::io::ErrorKind::NotFound);
        if missing {
            error.context("perf is missing; scripts/profile.sh installs it (Debian: apt-get install linux-perf)")
        } else {
            error
        }
    })?;
    if !finished.status.success() {
        let said = finished.stderr.trim();
        bail!(
            "perf {} failed ({}): {}\nA process of another user, and the kernel's part, need root; some containers and virtual machines \
             allow no perf at all",
            words.first().map_or("", String::as_str),
            finished.status,
            if said.is_empty() { "it said nothing" } else { said }
        );
    }
    Ok(finished.stdout)
}

/// Loads the address in a closed loop, in a process of its own.
fn load(
    target: &str,
    path: &str,
    connections: u32,
    seconds: f64,
    interrupted: &AtomicBool,
) -> anyhow::Result<LoadOutcome> {
    let work = [Request::get(1, path)];
    let job = LoadJob {
        target,
        work: &work,
        further: &[],
        level: Level::Closed { connections },
        users: None,
        seed: 1,
        warmup_seconds: WARMUP_SECONDS,
        window_seconds: seconds,
    };
    let binary = std::env::current_exe().context("cannot find this program")?;
    let outcome = generator::run(&binary, &job, interrupted)?;
    if outcome.requests_ok == 0 {
        let why = outcome.error_examples.values().next().cloned().unwrap_or_default();
        bail!("{target}{path} gave no correct answer while it was recorded: {why}");
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_perf_is_told() {
        let words = |off_cpu| arguments(7, Recording { seconds: 3, off_cpu }, Path::new("/tmp/d")).join(" ");
        assert_eq!(words(false), "record -q -e cpu-clock -F 99 --call-graph dwarf -p 7 -o /tmp/d -- sleep 3");
        assert_eq!(
            words(true),
            "record -q -e context-switches -F 499 --switch-events --call-graph dwarf,4096 -p 7 -o /tmp/d -- sleep 3"
        );
    }
}
