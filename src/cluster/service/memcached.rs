//! A memcached server: for sessions. It may forget anything at any time, and has no password: it listens on loopback only.

use std::ffi::OsString;

use super::kind::{Program, ServerPlace};
use crate::cluster::program::Needed;

/// Memory for entries, MB.
const MEMORY: &str = "64";
/// Connections: some for each of 64 nodes.
const CONNECTIONS: &str = "1024";

/// See the file.
pub struct MemcachedProgram;

impl Program for MemcachedProgram {
    fn needed(&self) -> Needed {
        Needed { program: "memcached", package: "memcached" }
    }

    fn accounts(&self) -> &'static [&'static str] {
        &["memcache", "memcached"]
    }

    fn files(&self, _place: &ServerPlace) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// `-U 0`: no UDP. A thread a core of the quota: more would only wait for each other.
    fn command(&self, place: &ServerPlace) -> Vec<OsString> {
        let (port, threads) = (place.port.to_string(), place.cores.unwrap_or(1).to_string());
        let words = ["-l", "127.0.0.1", "-p", &port, "-U", "0", "-t", &threads, "-m", MEMORY, "-c", CONNECTIONS];
        std::iter::once(place.program.clone().into_os_string()).chain(words.map(OsString::from)).collect()
    }

    fn url(&self, place: &ServerPlace) -> String {
        format!("memcached://127.0.0.1:{}", place.port)
    }
}
