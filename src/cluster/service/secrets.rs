//! Passwords and keys: made once for a cluster, in files for its owner only, never in a command line.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use crate::cluster::shared::{FAR, TOKEN_KEY};
use crate::cluster::state::{ClusterFolder, make_private, write_file};

/// Where they are.
pub fn folder(folder: &ClusterFolder) -> PathBuf {
    folder.path().join("secrets")
}

/// 64 random digits: 256 bits.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    let mut filled = 0;
    while filled < bytes.len() {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())
            .context("the kernel has no random bytes")?;
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The text of a secret; made at the first time.
fn secret(of: &ClusterFolder, name: &str) -> anyhow::Result<String> {
    let path = folder(of).join(name);
    if let Ok(text) = fs::read_to_string(&path) {
        return Ok(text.trim().to_owned());
    }
    make_private(&folder(of)).with_context(|| folder(of).display().to_string())?;
    let text = random()?;
    write_file(&path, &format!("{text}\n"))?;
    Ok(text)
}

/// The key of tokens, for all nodes.
///
/// # Errors
/// When it cannot be made.
pub fn token_key(of: &ClusterFolder) -> anyhow::Result<()> {
    secret(of, TOKEN_KEY).map(|_| ())
}

/// The password of a server.
///
/// # Errors
/// When it cannot be made.
pub fn password(of: &ClusterFolder, server: &str) -> anyhow::Result<String> {
    secret(of, &format!("{server}.password"))
}

/// Writes where nodes find the server, with the password.
///
/// # Errors
/// When that cannot be written.
pub fn write_url(of: &ClusterFolder, server: &str, url: &str) -> anyhow::Result<()> {
    write_file(&folder(of).join(server), &format!("{url}\n"))
}

/// What [`write_url`] wrote.
pub fn url(of: &ClusterFolder, server: &str) -> Option<String> {
    Some(fs::read_to_string(folder(of).join(server)).ok()?.trim().to_owned())
}

/// Removes URL and password of a server; what is not there is fine.
pub fn forget(of: &ClusterFolder, server: &str) {
    for name in [server.to_owned(), format!("{server}{FAR}"), format!("{server}.password")] {
        let _ = fs::remove_file(folder(of).join(name));
    }
}
