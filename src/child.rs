//! Child processes that cannot outlive their parent.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};

/// How often a waiting parent looks at its child and at the interrupt.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a child printed, and how it ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs a program to its end, in a process group of its own: Ctrl-C at the terminal reaches the parent alone, which
/// decides what to do with its children. If the parent itself is killed, the kernel sends the child SIGTERM.
///
/// # Errors
/// When it cannot be started, when it takes longer than `limit` (it is ended then), and, with `interrupted` given, when
/// that becomes true meanwhile (it is ended then, too).
pub fn run(command: Command, limit: Duration, interrupted: Option<&AtomicBool>) -> anyhow::Result<Finished> {
    run_with_input(command, String::new(), limit, interrupted)
}

/// The same, with a text on its standard input.
///
/// # Errors
/// As [`run`].
pub fn run_with_input(
    mut command: Command,
    input: String,
    limit: Duration,
    interrupted: Option<&AtomicBool>,
) -> anyhow::Result<Finished> {
    let program = command.get_program().to_string_lossy().into_owned();
    die_with_parent(&mut command);
    let mut child = command
        .process_group(0)
        .stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    if let Some(mut pipe) = child.stdin.take() {
        // Beside the waiting parent: a child that does not read must not stop it. Who does not read has no use for the text.
        thread::spawn(move || _ = pipe.write_all(input.as_bytes()));
    }
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().with_context(|| format!("cannot wait for {program}"))? {
            break status;
        }
        let stop = interrupted.is_some_and(|interrupted| interrupted.load(Ordering::Relaxed));
        if stop || Instant::now() > deadline {
            end(&mut child);
            match stop {
                true => bail!("interrupted"),
                false => bail!("{program} took longer than {} s and was ended", limit.as_secs()),
            }
        }
        thread::sleep(LOOK_EVERY);
    };
    let text = |reader: thread::JoinHandle<String>| reader.join().unwrap_or_default();
    Ok(Finished { status, stdout: text(stdout), stderr: text(stderr) })
}

/// Reads a pipe to its end beside the waiting parent, so that a full pipe never stops the child.
fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe that breaks leaves what was read so far.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Asks the child's whole group to end, then insists after three seconds.
fn end(child: &mut Child) {
    for signal in [Signal::TERM, Signal::KILL] {
        // The group is the child's own, and the child is not yet reaped.
        let _ = kill_process_group(Pid::from_child(child), signal);
        let deadline = Instant::now() + Duration::from_secs(3);
        while Instant::now() < deadline {
            if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Lets the kernel send the child SIGTERM when this thread ends, however it ends.
fn die_with_parent(command: &mut Command) {
    // SAFETY: prctl(2) is async-signal-safe, and allocates nothing between fork and exec.
    unsafe { command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::TERM))?)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn gives_back_what_was_printed() {
        let finished = run(shell("echo out; echo err >&2; exit 3"), Duration::from_secs(20), None).unwrap();
        assert_eq!(
            (finished.status.code(), finished.stdout.as_str(), finished.stderr.as_str()),
            (Some(3), "out\n", "err\n")
        );
    }

    #[test]
    fn a_child_reads_what_it_is_given() {
        for count in [3, 1_000_000] {
            let text = "x".repeat(count);
            let finished = run_with_input(shell("wc -c"), text, Duration::from_secs(20), None).unwrap();
            assert_eq!(finished.stdout.trim(), count.to_string());
        }
        let finished = run_with_input(shell("exit 0"), "x".repeat(1_000_000), Duration::from_secs(20), None).unwrap();
        assert!(finished.status.success());
    }

    #[test]
    fn ends_what_takes_too_long_and_what_is_interrupted() {
        let error = run(shell("sleep 60"), Duration::from_millis(50), None).unwrap_err();
        assert!(error.to_string().contains("took longer"), "{error}");
        let interrupted = AtomicBool::new(true);
        let error = run(shell("sleep 60"), Duration::from_secs(60), Some(&interrupted)).unwrap_err();
        assert_eq!(error.to_string(), "interrupted");
    }
}
