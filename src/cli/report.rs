//! `webapp report`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::json;

use super::Exit;
use crate::bench::folder;
use crate::bench::plan::Topology;
use crate::report::{analysis, findings, table};

/// Arguments of `webapp report`.
#[derive(clap::Args)]
#[command(after_help = "Example: webapp report results/2026-11-24T00-30-12Z")]
pub struct Args {
    /// A results folder of 'webapp bench'.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let report = write(&args.folder)?;
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

/// Analyses a results folder and writes `report.json` into it.
///
/// # Errors
/// When the folder holds no runs, or cannot be read or written.
pub fn write(path: &Path) -> anyhow::Result<Written> {
    let results = folder::read(path)?;
    let points = analysis::points(&results);
    ensure!(
        !points.is_empty(),
        "{} holds no finished run yet; go on with 'webapp bench --out … --resume'",
        path.display()
    );
    let laws: Vec<_> = [Topology::Vertical, Topology::Horizontal]
        .into_iter()
        .filter(|topology| points.iter().any(|point| point.key.topology == *topology))
        .map(|topology| (topology, analysis::fit(&results, topology)))
        .collect();
    let valid = points.iter().all(|point| point.valid);
    let incomplete = findings::incomplete(&results);
    let json = json!({
        "manifest": results.manifest,
        "incomplete": incomplete,
        "valid": valid,
        "points": points,
        "fits": laws.iter().map(|(topology, fit)| json!({
            "topology": topology, "fit": fit.as_ref().ok(), "error": fit.as_ref().err().map(ToString::to_string),
        })).collect::<Vec<_>>(),
    });
    let file = path.join("report.json");
    std::fs::write(&file, format!("{json:#}\n")).with_context(|| format!("cannot write {}", file.display()))?;
    let mut text = format!("{}\n\n{}", findings::point_table(&points), findings::comparison(&points));
    for (topology, fit) in &laws {
        text += &findings::law(*topology, fit);
        text.push('\n');
    }
    for caution in incomplete.iter().chain(points.iter().flat_map(|point| &point.reasons)) {
        text += &table::wrap(&format!("! {caution}"), 2);
        text.push('\n');
    }
    text += &format!("\nresults: {}\n", path.display());
    Ok(Written { text, valid })
}
