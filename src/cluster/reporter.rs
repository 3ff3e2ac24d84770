//! What a person reads while a command works. All of it goes to stderr; stdout is for the answer.

use std::fmt::Display;

/// How much is said.
#[derive(Clone, Copy, Debug)]
pub struct Reporter {
    /// Only what goes wrong.
    pub quiet: bool,
}

impl Reporter {
    /// Something was done.
    pub fn step(self, text: impl Display) {
        if !self.quiet {
            eprintln!("  {text}");
        }
    }

    /// Something is not as it should be, and the command goes on.
    pub fn warn(self, text: impl Display) {
        eprintln!("warning: {text}");
    }

    /// Something a person must know, even with `--quiet`.
    pub fn say(self, text: impl Display) {
        eprintln!("{text}");
    }
}

/// How a person calls these commands: `scripts/cluster.sh` says so when it was the way here.
pub fn command_name() -> String {
    std::env::var("WEBAPP_CLUSTER_COMMAND").unwrap_or_else(|_| "webapp cluster".to_owned())
}
