//! Whom a server runs as: never root.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, ensure};

use crate::cluster::program;

/// A user of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// User number.
    pub user: u32,
    /// Group number.
    pub group: u32,
}

impl Account {
    /// For root the first of `names` that there is, else nobody. `None` for everybody else: a server of theirs runs as they do.
    ///
    /// # Errors
    /// When /etc/passwd has none of them.
    pub fn for_server(names: &[&str]) -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").context("/etc/passwd")?;
        let account = names.iter().chain(&["nobody"]).find_map(|name| Self::find(name, &users));
        account.map(Some).with_context(|| format!("this machine has none of the users {} and nobody", names.join(", ")))
    }

    /// The user `name` in the text of passwd(5).
    fn find(name: &str, users: &str) -> Option<Self> {
        let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name)?;
        let number = |at: usize| fields.get(at)?.parse().ok();
        Some(Self { user: number(2)?, group: number(3)? }).filter(|account| account.user != 0)
    }

    /// The words before a command that make it run as this user (setpriv(1), of util-linux).
    pub fn prefix(self) -> Vec<OsString> {
        let program = program::find("setpriv").unwrap_or_else(|| "setpriv".into());
        let words = [format!("--reuid={}", self.user), format!("--regid={}", self.group), "--clear-groups".to_owned()];
        std::iter::once(program.into_os_string()).chain(words.map(OsString::from)).collect()
    }

    /// Gives a file or an empty folder to this user.
    ///
    /// # Errors
    /// What chown(2) says.
    pub fn own(self, path: &Path) -> anyhow::Result<()> {
        std::os::unix::fs::chown(path, Some(self.user), Some(self.group)).with_context(|| path.display().to_string())
    }
}

/// Other users must be able to pass through all folders above `path`.
///
/// # Errors
/// When one of them is closed; the error says what to do.
pub fn is_reachable(path: &Path) -> anyhow::Result<()> {
    for folder in path.ancestors().skip(1) {
        let mode = fs::metadata(folder).with_context(|| folder.display().to_string())?.permissions().mode();
        ensure!(
            mode & 0o001 != 0,
            "a store does not run as root, and {} is closed to other users: name another folder with WEBAPP_STATE_DIR, \
             such as /tmp/webapp-{}",
            folder.display(),
            rustix::process::getuid().as_raw()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_and_root_is_none() {
        let users = "root:x:0:0::/root:/bin/sh\nredis:x:106:109::/:/bin/false\ntoor:x:0:0::/:/bin/sh\nbroken:x\n";
        assert_eq!(Account::find("redis", users), Some(Account { user: 106, group: 109 }));
        for name in ["mysql", "toor", "root", "broken", "red", ""] {
            assert_eq!(Account::find(name, users), None, "{name}");
        }
    }

    #[test]
    fn a_closed_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let inside = folder.path().join("a");
        let error = is_reachable(&inside).unwrap_err().to_string();
        assert!(error.contains(&folder.path().display().to_string()) && error.contains("WEBAPP_STATE_DIR"), "{error}");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        is_reachable(&inside).unwrap();
    }
}
