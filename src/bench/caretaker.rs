//! A caretaker for what the bench leaves.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context;

/// Takes the cluster down when the bench dies without having done so (SIGKILL, a lost machine's shell, a panic).
///
/// A shell waits on a pipe that only the bench holds. The word `done` dismisses it; the end of the pipe without that
/// word means that nobody else will clean up.
pub struct Caretaker {
    shell: Child,
}

impl Caretaker {
    /// Starts the caretaker, who would run `program arguments…`.
    ///
    /// # Errors
    /// When no shell can be started.
    pub fn start(program: &Path, arguments: &[&str], binary: &Path) -> anyhow::Result<Self> {
        // The pause lets a driver that was itself just told to end undo its half-done work first.
        let script = r#"trap '' INT TERM HUP; read -r word; [ "$word" = done ] || { sleep 1; exec "$@"; }"#;
        let shell = Command::new("/bin/sh")
            .args(["-c", script, "webapp-bench-caretaker"])
            .arg(program)
            .args(arguments)
            .env("WEBAPP_BIN", binary)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start /bin/sh")?;
        Ok(Self { shell })
    }

    /// Everything is cleaned up: the caretaker may go.
    pub fn dismiss(mut self) {
        if let Some(mut pipe) = self.shell.stdin.take() {
            // A caretaker who is gone needs no word.
            let _ = pipe.write_all(b"done\n");
        }
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caretaker_acts_only_when_the_bench_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let touch = Path::new("/usr/bin/touch");
        let file = folder.path().join("dismissed");
        Caretaker::start(touch, &[file.to_str().unwrap()], touch).unwrap().dismiss();
        assert!(!file.exists());

        let file = folder.path().join("left");
        let mut left = Caretaker::start(touch, &[file.to_str().unwrap()], touch).unwrap();
        drop(left.shell.stdin.take());
        left.shell.wait().unwrap();
        assert!(file.exists());
    }
}
