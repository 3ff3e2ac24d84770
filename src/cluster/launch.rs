//! The step between a command and a process that outlives it: `webapp cluster launch` runs in the child.
//!
//! It leads a session of its own, writes down who it is, goes into its control group, and then becomes the program. So a
//! command that is killed at any moment leaves a record of what it started, and no instruction of a node runs unlimited.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::process::ProcessRecord;
use super::wait;

/// How long the child may take until its record is there: it is our own program and does little before that.
const RECORD_LIMIT: Duration = Duration::from_secs(10);

/// What the child does before it becomes the program.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Where it writes who it is.
    pub record: PathBuf,
    /// The `cgroup.procs` that it writes itself into.
    pub group: Option<PathBuf>,
    /// The folder it runs in; `None`: the caller's.
    pub folder: Option<PathBuf>,
    /// The program and its arguments.
    pub command: Vec<OsString>,
}

/// A process that was started, and is our child for as long as this command runs.
#[derive(Debug)]
pub struct Launched {
    record: PathBuf,
    child: Child,
}

impl Launch {
    /// Starts the child. Its standard output replaces the file `out`, its standard error is appended to `log`.
    ///
    /// # Errors
    /// When the files cannot be opened, or there can be no further process.
    pub fn start(&self, out: &Path, log: &Path) -> anyhow::Result<Launched> {
        // What the last process left would be taken for the new one, which then seems to have died.
        let _ = fs::remove_file(&self.record);
        let append = |path: &Path| File::options().create(true).append(true).open(path);
        let log_file = append(log).with_context(|| log.display().to_string())?;
        let out_file = if out == log { append(out) } else { File::create(out) };
        let mut launcher = Command::new("/proc/self/exe");
        launcher.args(["cluster", "launch", "--record"]).arg(&self.record);
        if let Some(group) = &self.group {
            launcher.arg("--group").arg(group);
        }
        if let Some(folder) = &self.folder {
            launcher.current_dir(folder);
        }
        launcher.arg("--").args(&self.command).stdin(Stdio::null()).stderr(log_file);
        launcher.stdout(out_file.with_context(|| out.display().to_string())?);
        let child = launcher.spawn().context("cannot start a process")?;
        Ok(Launched { record: self.record.clone(), child })
    }

    /// Called in the child: becomes the program.
    ///
    /// # Errors
    /// Always: it returns only when that was not possible.
    pub fn become_program(&self) -> anyhow::Result<std::convert::Infallible> {
        let (program, arguments) = self.command.split_first().context("there is no program to start")?;
        // A signal from the terminal of the command is not for what outlives it.
        rustix::process::setsid().context("cannot lead a session")?;
        let own = ProcessRecord::of(std::process::id()).context("cannot read /proc")?;
        own.write(&self.record).with_context(|| format!("cannot write {}", self.record.display()))?;
        if let Some(group) = &self.group {
            fs::write(group, std::process::id().to_string())
                .with_context(|| format!("cannot enter the control group {}", group.display()))?;
        }
        let error = Command::new(program).args(arguments).exec();
        Err(error).with_context(|| format!("cannot start {}", Path::new(program).display()))
    }
}

impl Launched {
    /// Returns once the record is there, or the child has ended without one.
    ///
    /// # Errors
    /// When neither comes.
    pub fn wait_for_record(&mut self) -> anyhow::Result<()> {
        let came = wait::until(RECORD_LIMIT, || ProcessRecord::read(&self.record).is_some() || self.has_ended());
        ensure!(came, "the process that was started does not say who it is ({})", self.record.display());
        Ok(())
    }

    /// Whether the process is over.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}
