//! Records with perf: samples of what runs, or of what waits.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use crate::child::{self, Finished};
use crate::flame::{self, Sampled, Stacks};
use crate::results::load::LoadOutcome;
use crate::results::number::plain;

use super::process::Watched;

/// Samples a second and CPU. Not 100: what happens a hundred times a second would be met each time, or never.
const HERTZ: u32 = 99;
/// Of the times that a thread leaves its CPU, one in so many is taken with its stack. Odd: a thread that waits twice for each request is
/// not met at the same one each time, as it would be by perf's own choice of a rate (-F).
const EVERY_SWITCH: u32 = 3;
/// For perf to begin and to write down what it has; and for its stacks to be put into words.
const PERF_LIMIT: Duration = Duration::from_secs(120);
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
    let (data, load) = (scratch.0.join("perf.data"), scratch.0.join("load.json"));
    eprintln!("recording {} for {} s", watched.title, recording.seconds);
    let mut words = record_words(watched.pid, recording, &data);
    words.extend(meanwhile(watched, recording.seconds, &load)?);
    let finished = perf(&words, recording.seconds, interrupted)?;
    let mut title = watched.title.clone();
    // perf ends as what it started ended, and a load that was the limit itself, or got no answer, says so in its own file.
    if load.exists() {
        title += &format!(" at {} answers/s", plain(answered(&load)?.throughput_per_second));
    } else {
        successful("record", &finished)?;
    }
    let words = ["script", "--no-inline", "--show-switch-events", "-F", "comm,tid,time,period,event,ip,sym,dso", "-i"];
    let words: Vec<String> = words.into_iter().map(str::to_owned).chain([data.display().to_string()]).collect();
    let script = perf(&words, 0, interrupted)?;
    successful("script", &script)?;
    let mut stacks = flame::read(&script.stdout)?;
    if let Sampled::Cpu(hertz) = &mut stacks.sampled {
        *hertz = Some(HERTZ);
    }
    stacks.title = title;
    Ok(stacks)
}

/// The words for perf. Stacks by DWARF: the program has no frame pointers, which would cost `/fib` a seventh of its speed.
fn record_words(pid: u32, recording: Recording, data: &Path) -> Vec<String> {
    let (hertz, every) = (HERTZ.to_string(), EVERY_SWITCH.to_string());
    let (pid, data) = (pid.to_string(), data.display().to_string());
    let mut words = vec!["record", "-q", "-e"];
    words.extend(match recording.off_cpu {
        false => vec!["cpu-clock", "-F", &hertz, "--call-graph", "dwarf"],
        true => vec!["context-switches", "-c", &every, "--switch-events", "--call-graph", "dwarf,4096"],
    });
    words.extend(["-p", &pid, "-o", &data, "--"]);
    words.into_iter().map(str::to_owned).collect()
}

/// What runs while perf records, and ends it: the load, in a process of its own, or a sleep. perf starts it when it watches every
/// thread, which takes a while where there are many.
fn meanwhile(watched: &Watched, seconds: u32, outcome: &Path) -> anyhow::Result<Vec<String>> {
    let Some((url, connections)) = &watched.load else { return Ok(vec!["sleep".to_owned(), seconds.to_string()]) };
    let binary = std::env::current_exe().context("cannot find this program")?;
    let words = [
        binary.display().to_string(),
        "load".to_owned(),
        url.to_string(),
        format!("--connections={connections}"),
        format!("--duration={seconds}s"),
        "--warmup=0s".to_owned(),
        format!("--json={}", outcome.display()),
    ];
    Ok(words.to_vec())
}

/// What the load measured.
fn answered(file: &Path) -> anyhow::Result<LoadOutcome> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let outcome: LoadOutcome = serde_json::from_str(&text).context("what webapp load wrote cannot be read")?;
    if outcome.requests_ok == 0 {
        let why = outcome.error_examples.values().next().cloned().unwrap_or_default();
        bail!("{} gave no correct answer while it was recorded: {why}", outcome.target);
    }
    Ok(outcome)
}

/// Runs perf to its end.
fn perf(words: &[String], seconds: u32, interrupted: &AtomicBool) -> anyhow::Result<Finished> {
    let mut command = Command::new("perf");
    command.args(words);
    let limit = PERF_LIMIT + Duration::from_secs(u64::from(seconds));
    child::run(command, limit, Some(interrupted)).map_err(|error| {
        let missing =
            error.downcast_ref::<std::io::Error>().is_some_and(|cause| cause.kind() == std::io::ErrorKind::NotFound);
        if missing {
            anyhow!("perf is missing; scripts/profile.sh installs it (Debian: apt-get install linux-perf)")
        } else {
            error
        }
    })
}

fn successful(what: &str, finished: &Finished) -> anyhow::Result<()> {
    if finished.status.success() {
        return Ok(());
    }
    let said = finished.stderr.trim();
    bail!(
        "perf {what} failed ({}): {}\nA process of another user, and the kernel's part, need root; some containers and virtual machines \
         allow no perf at all",
        finished.status,
        if said.is_empty() { "it said nothing" } else { said }
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_perf_is_told() {
        let words = |off_cpu| record_words(7, Recording { seconds: 3, off_cpu }, Path::new("/tmp/d")).join(" ");
        assert_eq!(words(false), "record -q -e cpu-clock -F 99 --call-graph dwarf -p 7 -o /tmp/d --");
        assert_eq!(
            words(true),
            "record -q -e context-switches -c 3 --switch-events --call-graph dwarf,4096 -p 7 -o /tmp/d --"
        );
    }
}
