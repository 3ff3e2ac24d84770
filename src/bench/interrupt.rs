//! Ctrl-C ends the bench in order: the run in hand is dropped, the cluster taken down, what was measured stays.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// A flag that becomes true on SIGINT, SIGTERM or SIGHUP. Further signals change nothing: cleaning up takes seconds,
/// and a second Ctrl-C would only leave a mess.
///
/// # Errors
/// When the handlers cannot be set.
pub fn watch() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("cannot watch for signals")?;
    }
    Ok(flag)
}
