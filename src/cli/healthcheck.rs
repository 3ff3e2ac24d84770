//! `webapp healthcheck`: probes need no curl.

use std::time::Duration;

use anyhow::{Context, bail};

use super::{Exit, units};
use crate::http::blocking;
use crate::http::url::Url;

/// Exit 0 when the address answers 2xx in time, else 1 with the reason on stderr.
///
/// Example: webapp healthcheck http://127.0.0.1:3000/readyz
#[derive(clap::Args)]
pub struct Args {
    /// The address, http only.
    url: String,
    /// Longest wait for the answer.
    #[arg(long, env = "WEBAPP_HEALTHCHECK_TIMEOUT", value_name = "DURATION", default_value = "2s", value_parser = units::duration)]
    timeout: Duration,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let url = Url::parse(&args.url)?;
    let status = blocking::status(&url, args.timeout).with_context(|| format!("no answer from {url}"))?;
    if !(200..300).contains(&status) {
        bail!("{url} answers {status}");
    }
    Ok(Exit::Done)
}
