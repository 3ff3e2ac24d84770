//! `webapp ratios`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;

use super::Exit;
use crate::report::ratios;

/// Arguments of `webapp ratios`.
#[derive(clap::Args)]
#[command(after_help = "Example:
  printf 'round,group,arm,figure,value\\n1,nginx,h1,req/s,900\\n1,nginx,h2,req/s,990\\n' | webapp ratios -")]
pub struct Args {
    /// Table with the columns round,group,arm,figure,value; - reads standard input. The first arm of a group is what the
    /// others are compared with.
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,

    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: RatiosFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RatiosFormat {
    Text,
    Markdown,
    Json,
}

/// Runs the command: reads the table, compares, prints.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut text = String::new();
    if args.file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    } else {
        text = std::fs::read_to_string(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    }
    let lines = ratios::read(&text).with_context(|| format!("cannot use {}", args.file.display()))?;
    let groups = ratios::groups(&lines);
    let out = match args.format {
        RatiosFormat::Text => ratios::text(&groups),
        RatiosFormat::Markdown => ratios::markdown(&groups),
        RatiosFormat::Json => format!("{:#}\n", serde_json::to_value(&groups)?),
    };
    std::io::stdout().lock().write_all(out.as_bytes())?;
    Ok(Exit::Done)
}
