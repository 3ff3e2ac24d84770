//! Programs of the machine: where they are, and what they say.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, bail};

/// Debian keeps haproxy and nginx where an ordinary user's PATH does not look.
const FURTHER_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A program that is needed, or another file by its whole path, and the package of Debian that brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    /// The program, or the path.
    pub program: &'static str,
    /// The package.
    pub package: &'static str,
}

impl Needed {
    /// Where it is.
    ///
    /// # Errors
    /// When it is missing; the error says the one command to run.
    pub fn find(self) -> anyhow::Result<PathBuf> {
        let Some(path) = find(self.program) else {
            match find("apt-get") {
                Some(_) => bail!("{} is missing; run: sudo apt-get install -y {}", self.program, self.package),
                None => bail!("{} is missing; install it with the package manager of this machine", self.program),
            }
        };
        Ok(path)
    }
}

/// Where a program is, if it is there. A whole path may be that of any file.
pub fn find(name: &str) -> Option<PathBuf> {
    if name.starts_with('/') {
        return Some(PathBuf::from(name)).filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(FURTHER_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| rustix::fs::access(candidate, rustix::fs::Access::EXEC_OK).is_ok() && candidate.is_file())
}

/// Runs a command to its end, without input.
///
/// # Errors
/// When it cannot be started. How it ended is in the output.
pub fn output(command: &mut Command) -> anyhow::Result<Output> {
    let output = command.stdin(Stdio::null()).output();
    output.with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))
}

/// All that a command wrote, standard error first.
pub fn words(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    [text(&output.stderr), text(&output.stdout)].join("\n").trim().to_owned()
}

/// The first number with dots in a text: `2.6.12` of `HAProxy version 2.6.12-1+deb12u4 …`.
pub fn version_in(text: &str) -> Option<String> {
    let begins = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.');
    let word = text.split(|end: char| end.is_whitespace() || end == '/').find(begins)?;
    let end = word.find(|other: char| !other.is_ascii_digit() && other != '.').unwrap_or(word.len());
    Some(word[..end].to_owned())
}

/// Whether a version is at least another, number by number.
pub fn is_at_least(version: &str, least: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> { text.split('.').map_while(|number| number.parse().ok()).collect() };
    numbers(version) >= numbers(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(version_in("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/").unwrap(), "2.6.12");
        assert_eq!(version_in("nginx version: nginx/1.22.1\n").unwrap(), "1.22.1");
        assert_eq!(version_in("no number"), None);
        assert!(is_at_least("2.6.0", "2.6") && is_at_least("2.10.1", "2.6") && !is_at_least("2.5.9", "2.6"));
        assert!(is_at_least("1.25.1", "1.25.1") && !is_at_least("1.22.1", "1.25.1"));
    }

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        assert!(find("sh").is_some());
        assert!(find("/etc/passwd").is_some() && find("/etc").is_none());
        let error = Needed { program: "no-such-program", package: "its-package" }.find().unwrap_err().to_string();
        assert!(error.starts_with("no-such-program is missing; "), "{error}");
    }
}
