//! `webapp load`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::{Exit, units};
use crate::load::{self, Arrivals, Interrupt, Load, Outcome, Plan, Verdict};

/// Arguments of `webapp load`.
#[derive(clap::Args)]
#[command(after_help = "Example: webapp load 'http://127.0.0.1:3000/fib?number=20' --connections 32 --duration 10s")]
pub struct Args {
    /// Addresses to load; 'W:' in front weighs one, and a path alone is on the host before it
    #[arg(value_name = "URL", required = true)]
    urls: Vec<String>,
    /// Closed loop: connections; each sends its next request when the last is answered
    #[arg(long, value_name = "N", default_value_t = 10, env = "WEBAPP_LOAD_CONNECTIONS", conflicts_with = "rate")]
    connections: usize,
    /// Open loop: requests a second, sent by the clock whatever the answers do
    #[arg(long, value_name = "R", env = "WEBAPP_LOAD_RATE")]
    rate: Option<f64>,
    /// Open loop: random gaps between requests, as from many independent users
    #[arg(long, requires = "rate", env = "WEBAPP_LOAD_POISSON")]
    poisson: bool,
    /// Open loop: most connections; further requests wait, and their latency runs on
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "rate", env = "WEBAPP_LOAD_MAX_CONNECTIONS")]
    max_connections: usize,
    /// Open loop: seed of the random gaps
    #[arg(long, value_name = "N", default_value_t = 1, requires = "rate", env = "WEBAPP_LOAD_SEED")]
    seed: u64,
    /// Measured time, after the warm-up
    #[arg(long, default_value = "10s", value_parser = units::duration, env = "WEBAPP_LOAD_DURATION")]
    duration: Duration,
    /// Time before, that is not measured
    #[arg(long, default_value = "1s", value_parser = units::duration, env = "WEBAPP_LOAD_WARMUP")]
    warmup: Duration,
    /// A request that takes longer is an error
    #[arg(long, default_value = "30s", value_parser = units::duration, env = "WEBAPP_LOAD_TIMEOUT")]
    timeout: Duration,
    /// Write the result as JSON to a file, or to stdout with '-'
    #[arg(long, value_name = "FILE", env = "WEBAPP_LOAD_JSON")]
    json: Option<PathBuf>,
    /// Add a header field to each request, as 'Name: value'; may be repeated
    #[arg(long = "header", value_name = "FIELD")]
    headers: Vec<String>,
    /// One request a connection
    #[arg(long)]
    no_keepalive: bool,
    /// Generator threads (default: one for each four CPUs)
    #[arg(long, value_name = "N", env = "WEBAPP_LOAD_THREADS")]
    threads: Option<usize>,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let plan = Plan {
        duration: args.duration,
        warmup: args.warmup,
        timeout: args.timeout,
        headers: args.headers,
        keepalive: !args.no_keepalive,
        threads: args.threads,
        load: match args.rate {
            None => Load::Closed { connections: args.connections },
            Some(rate) => Load::Open {
                rate,
                arrivals: if args.poisson { Arrivals::Poisson } else { Arrivals::Constant },
                max_connections: args.max_connections,
                seed: args.seed,
            },
        },
        ..Plan::closed(load::parse_mix(&args.urls)?, args.connections)
    };
    let json = args.json.as_deref().map(open).transpose()?;
    let interrupt = Interrupt::default();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // A second signal ends the process at once.
        signal_hook::flag::register_conditional_shutdown(signal, 130, interrupt.flag())?;
        signal_hook::flag::register(signal, interrupt.flag())?;
    }
    let outcome = load::run_with(&plan, &interrupt, None)?;
    write(&outcome, json)?;
    Ok(exit(&outcome))
}

/// Opens the file before the run, so that a bad path fails at once. `None` is stdout.
fn open(json: &Path) -> anyhow::Result<Option<File>> {
    if json.as_os_str() == "-" {
        return Ok(None);
    }
    // What an earlier run wrote stays until this one has something better.
    let file = File::options().create(true).write(true).truncate(false).open(json);
    file.map(Some).with_context(|| format!("cannot write {}", json.display()))
}

fn write(outcome: &Outcome, json: Option<Option<File>>) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match json {
        Some(None) => writeln!(stdout, "{}", serde_json::to_string_pretty(outcome)?)?,
        Some(Some(mut file)) => {
            file.set_len(0)?;
            writeln!(file, "{}", serde_json::to_string_pretty(outcome)?)?;
            stdout.write_all(load::text(outcome).as_bytes())?;
        }
        None => stdout.write_all(load::text(outcome).as_bytes())?,
    }
    Ok(())
}

fn exit(outcome: &Outcome) -> Exit {
    match outcome.generator.verdict {
        _ if outcome.interrupted || outcome.requests_ok == 0 => Exit::Failed,
        Verdict::Valid => Exit::Done,
        Verdict::GeneratorBound => Exit::NotValid,
    }
}
