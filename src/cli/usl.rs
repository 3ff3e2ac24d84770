//! `webapp usl`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Exit;
use crate::report::usl::fit;
use crate::report::{describe_fit, fit_as_json, points};

/// Arguments of `webapp usl`.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  printf '1,65\\n18,996\\n36,1652\\n72,1853\\n108,1829\\n' | webapp usl -")]
pub struct Args {
    /// Table with n (units, nodes, users, threads) and throughput on each line; - reads standard input.
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,

    /// Also write the fit as JSON to this file; - prints it instead of the tables.
    #[arg(long, value_name = "FILE|-", env = "WEBAPP_JSON")]
    json: Option<PathBuf>,
}

/// Runs the command: reads the table, fits the law, prints it.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let text = read(&args.file)?;
    let name = args.file.display();
    let points = points::read(&text).with_context(|| format!("cannot use {name}"))?;
    let fit = fit(&points).with_context(|| format!("cannot fit {name}"))?;
    let mut stdout = std::io::stdout().lock();
    match args.json.as_deref() {
        Some(file) if file == Path::new("-") => writeln!(stdout, "{:#}", fit_as_json(&fit, &points))?,
        file => {
            if let Some(file) = file {
                std::fs::write(file, format!("{:#}\n", fit_as_json(&fit, &points)))
                    .with_context(|| format!("cannot write {}", file.display()))?;
            }
            write!(stdout, "{}", describe_fit(&fit, &points))?;
        }
    }
    Ok(Exit::Done)
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok(text)
}
