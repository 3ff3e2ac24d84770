//! Processes that outlive the command that started them, known by process number *and* start time: the kernel gives a
//! number to somebody else one day, but never with the same start time.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::wait;

/// How long a process may take to be gone after SIGKILL.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// A process: `PID START` is the whole text of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessRecord {
    pid: u32,
    /// Clock ticks from the machine's start to the process's (proc_pid_stat(5), field 22).
    start: u64,
}

impl ProcessRecord {
    /// Of a process that lives.
    pub fn of(pid: u32) -> Option<Self> {
        start_time(pid).map(|start| Self { pid, start })
    }

    /// What the file says, if it is there and whole.
    pub fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let (pid, start) = text.trim().split_once(' ')?;
        Some(Self { pid: pid.parse().ok()?, start: start.parse().ok()? })
    }

    /// Writes the file, in one step.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn write(self, path: &Path) -> io::Result<()> {
        let new = path.with_extension("new");
        fs::write(&new, format!("{} {}\n", self.pid, self.start))?;
        fs::rename(new, path)
    }

    /// The process number.
    pub fn pid(self) -> u32 {
        self.pid
    }

    /// Whether that very process lives.
    pub fn is_alive(self) -> bool {
        start_time(self.pid) == Some(self.start)
    }

    /// Sends a signal to that very process; false when it is gone.
    pub fn signal(self, signal: Signal) -> bool {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return false };
        match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            // The descriptor stays with one process. That it is ours is looked at after it has been opened.
            Ok(descriptor) => self.is_alive() && rustix::process::pidfd_send_signal(descriptor, signal).is_ok(),
            // Before Linux 5.3 there are none.
            Err(Errno::NOSYS) => self.is_alive() && rustix::process::kill_process(pid, signal).is_ok(),
            Err(_) => false,
        }
    }

    /// Ends the process at once, and its children with it: each of ours leads a session of its own (launch.rs). False when it is gone.
    pub fn kill(self) -> bool {
        let group = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let kill_group = |group| rustix::process::kill_process_group(group, Signal::KILL);
        self.is_alive() && (group.is_some_and(|group| kill_group(group).is_ok()) || self.signal(Signal::KILL))
    }

    /// Asks the process to stop, waits so long, then insists. True when nothing is left of it.
    pub fn end(self, patience: Duration) -> bool {
        if !self.signal(Signal::TERM) || wait::until(patience, || !self.is_alive()) {
            return true;
        }
        self.kill();
        wait::until(KILL_LIMIT, || !self.is_alive())
    }
}

/// The recorded process, if it lives.
pub fn alive(path: &Path) -> Option<ProcessRecord> {
    ProcessRecord::read(path).filter(|record| record.is_alive())
}

/// `None` for the dead and for those that only wait to be collected by their parent.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the name, may hold spaces and brackets: count from behind its last bracket.
    let mut fields = stat.rsplit_once(") ")?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn sleeper() -> std::process::Child {
        Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn a_record_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("process");
        assert_eq!(ProcessRecord::read(&path), None);
        let own = ProcessRecord::of(std::process::id()).unwrap();
        own.write(&path).unwrap();
        assert_eq!(alive(&path), Some(own));
        for text in ["", "12", "12 x\n", "x 12\n"] {
            fs::write(&path, text).unwrap();
            assert_eq!(ProcessRecord::read(&path), None, "{text}");
        }
    }

    #[test]
    fn a_number_that_somebody_else_has_now_is_let_alone() {
        let mut child = sleeper();
        let stranger = ProcessRecord { pid: child.id(), start: 1 };
        assert!(!stranger.is_alive() && !stranger.signal(Signal::KILL) && stranger.end(Duration::from_secs(1)));
        assert!(child.try_wait().unwrap().is_none(), "the stranger lives");
        let record = ProcessRecord::of(child.id()).unwrap();
        assert!(record.signal(Signal::TERM));
        child.wait().unwrap();
        assert!(!record.is_alive() && !record.signal(Signal::TERM));
    }

    #[test]
    fn who_does_not_stop_when_asked_is_killed() {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' TERM; echo; exec sleep 60"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut ready = [0];
        io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        let record = ProcessRecord::of(child.id()).unwrap();
        assert!(record.end(Duration::from_millis(50)));
        child.wait().unwrap();
        assert!(ProcessRecord::of(0).is_none());
    }
}
