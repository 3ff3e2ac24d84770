//! `webapp report`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::Exit;
use crate::report::{Report, findings, page};
use crate::results::folder;
use crate::results::prices::Prices;

/// Arguments of `webapp report`.
#[derive(clap::Args)]
#[command(after_help = "Example: webapp report results/2026-11-24T00-30-12Z --prices prices.json")]
pub struct Args {
    /// A results folder of 'webapp bench'.
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Prices of machines by their units, as docs/prices-example.json shows [default: those of the bench, else the example's].
    #[arg(long, value_name = "FILE", env = "WEBAPP_PRICES")]
    prices: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let prices = args.prices.as_deref().map(read_prices).transpose()?;
    let report = write(&args.folder, prices)?;
    write!(std::io::stdout().lock(), "{}", report.text)?;
    Ok(if report.valid { Exit::Done } else { Exit::NotValid })
}

/// What was written, for the terminal.
pub struct Written {
    /// Tables and words within 100 columns.
    pub text: String,
    /// True when every point is valid.
    pub valid: bool,
}

/// Reads a table of prices.
///
/// # Errors
/// When the file cannot be read, or holds no such table.
pub fn read_prices(file: &Path) -> anyhow::Result<Prices> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Prices::read(&text).map_err(|error| anyhow!("{}: {error}", file.display()))
}

/// Analyses a results folder and writes `report.json` and `report.html` into it. Without `prices`, those of the bench
/// hold, else the example's.
///
/// # Errors
/// When the folder holds no finished run, or cannot be read or written.
pub fn write(path: &Path, prices: Option<Prices>) -> anyhow::Result<Written> {
    let results = folder::read(path)?;
    let prices = prices.or_else(|| results.manifest.prices.clone());
    let report = Report::of(&results, prices.as_ref()).with_context(|| {
        format!("{} holds no finished run yet; go on with 'webapp bench --out {0} --resume'", path.display())
    })?;
    folder::write_whole(&path.join("report.json"), &format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    let html = path.join("report.html");
    folder::write_whole(&html, &page::render(&report, &results.runs))?;
    let text = format!("{}\nreport: {}\n", findings::text(&report), html.display());
    Ok(Written { text, valid: report.valid })
}
