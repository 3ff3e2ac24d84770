//! `webapp simulate`.

mod settings;
mod sources;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::error::ErrorKind;
use serde_json::json;

use self::settings::SimulateSettings;
use super::Exit;
use crate::simulate::simulate;

const EXAMPLES: &str = "\
Examples:
  webapp simulate --rate 0.8                            # one server that is busy 80 % of the time
  webapp simulate --nodes 4 --rate 3.2 --balancer least-connections
  webapp simulate --nodes 4 --threads 2 --quota 25% --service lognormal:6ms:0.3 --rate 100
  webapp simulate --nodes 4 --rate 3.6 --timeout 10s --retries 3 --serve-abandoned --death 1@1000s+60s
  webapp simulate FILE.toml --balancer two-choices      # the file has the flags' names as keys

Exit codes: 0 simulated; 1 failed; 2 wrong usage.";

/// Arguments of `webapp simulate`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A TOML file with the flags below as keys; flags that are given too take precedence.
    #[arg(value_name = "FILE.toml")]
    file: Option<PathBuf>,
    /// Write the result as JSON to a file, or with '-' to stdout instead of the text.
    #[arg(long, value_name = "FILE", env = "WEBAPP_SIMULATE_JSON")]
    json: Option<PathBuf>,
    #[command(flatten)]
    settings: SimulateSettings,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let model = match args.file.as_deref().map_or_else(|| Ok(SimulateSettings::default()), SimulateSettings::read) {
        Ok(file) => args.settings.or(file).model(),
        Err(error) => Err(error),
    };
    let (model, notes) = match model {
        Ok(model) => model,
        Err(error) => clap::Error::raw(ErrorKind::ValueValidation, format!("{error:#}\n")).exit(),
    };
    let begin = Instant::now();
    let outcome = simulate(&model)?;
    let seconds = begin.elapsed().as_secs_f64();
    let mut stdout = std::io::stdout().lock();
    let all = || {
        let events =
            json!({ "elapsed_seconds": seconds, "events_per_second": outcome.events as f64 / seconds.max(1e-9) });
        let load = json!({ "nodes": model.load(), "stores": model.store_load() });
        json!({ "offered_load": load, "engine": events, "notes": notes, "outcome": outcome })
    };
    match args.json.as_deref() {
        Some(file) if file == Path::new("-") => writeln!(stdout, "{:#}", all())?,
        file => {
            if let Some(file) = file {
                std::fs::write(file, format!("{:#}\n", all()))
                    .with_context(|| format!("cannot write {}", file.display()))?;
            }
            stdout.write_all(text::text(&model, &outcome, &notes, seconds).as_bytes())?;
        }
    }
    Ok(Exit::Done)
}
