//! `webapp flame`: which functions a program spends its time in.

mod process;
mod record;

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::Exit;
use crate::bench::interrupt;
use crate::flame::{self, Stacks};
use process::Watched;
use record::Recording;

/// The name that stands for standard input and standard output.
const STANDARD: &str = "-";

/// Draws which functions a program spends its time in: a flame graph, as one SVG for any browser. Prints the shares as a table.
///
/// Records with perf (Debian: linux-perf; scripts/profile.sh installs it). Without --pid, --node and --url it reads what `perf script`
/// printed, or folded stacks, from standard input or from --from.
///
/// Example: webapp flame --url 'http://127.0.0.1:3000/fib?number=28'
#[derive(clap::Args)]
pub struct Args {
    /// Record this process.
    #[arg(long, value_name = "PID", group = "what", value_parser = clap::value_parser!(u32).range(1..))]
    pid: Option<u32>,
    /// Record this node of a cluster.
    #[arg(long, value_name = "NODE", group = "what")]
    node: Option<String>,
    /// The cluster of --node.
    #[arg(long, value_name = "CLUSTER", default_value = "webapp", requires = "node")]
    name: String,
    /// Record the node that answers at this address. Where the address has a path, it is loaded meanwhile.
    #[arg(long, value_name = "URL", group = "what")]
    url: Option<String>,
    /// Connections of that load; 0 loads nothing.
    #[arg(long, value_name = "N", default_value_t = 8, requires = "url", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    connections: u32,
    /// Record so many seconds.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=120))]
    seconds: u32,
    /// Record where threads wait, instead of where they compute.
    #[arg(long)]
    off_cpu: bool,
    /// Draw what lies in this file; - reads standard input.
    #[arg(long, value_name = "FILE", group = "what")]
    from: Option<PathBuf>,
    /// Draw two recordings side by side: pictures of this command, or what --from takes.
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], group = "what")]
    compare: Option<Vec<PathBuf>>,
    /// The picture; - prints it, and the table goes to stderr.
    #[arg(long, value_name = "FILE", default_value = "flame.svg")]
    out: PathBuf,
}

/// Runs the command: records or reads, draws, prints the shares.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let (picture, table) = match args.compare.as_deref() {
        Some([before, after]) => {
            let (before, after) = (read(before)?, read(after)?);
            if std::mem::discriminant(&before.sampled) != std::mem::discriminant(&after.sampled) {
                bail!("one of the two is of the CPU, the other of waiting: there is nothing to compare");
            }
            (flame::compare(&before, &after), flame::difference(&before, &after))
        }
        Some(_) | None => {
            let stacks = stacks(args)?;
            (flame::draw(&stacks), flame::table(&stacks))
        }
    };
    if args.out == Path::new(STANDARD) {
        print!("{picture}");
        eprint!("{table}");
    } else {
        std::fs::write(&args.out, picture).with_context(|| format!("cannot write {}", args.out.display()))?;
        println!("{table}\npicture: {}", args.out.display());
    }
    Ok(Exit::Done)
}

/// The stacks of one recording, made now or read.
fn stacks(args: &Args) -> anyhow::Result<Stacks> {
    let watched = match (args.pid, args.node.as_deref(), args.url.as_deref()) {
        (Some(pid), ..) => Watched::process(pid)?,
        (_, Some(node), _) => Watched::node(&args.name, node)?,
        (.., Some(url)) => Watched::at(url, args.connections)?,
        (None, None, None) => return read(args.from.as_deref().unwrap_or(Path::new(STANDARD))),
    };
    let interrupted = interrupt::watch()?;
    record::record(&watched, Recording { seconds: args.seconds, off_cpu: args.off_cpu }, &interrupted)
}

fn read(file: &Path) -> anyhow::Result<Stacks> {
    let mut text = String::new();
    if file == Path::new(STANDARD) {
        if std::io::stdin().is_terminal() {
            bail!("say what to record: --pid, --node or --url; or give stacks: --from FILE (see --help)");
        }
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    let mut stacks = flame::read(&text).with_context(|| format!("cannot use {}", file.display()))?;
    if stacks.title.is_empty() {
        stacks.title = file.file_stem().map_or_else(|| "stacks".to_owned(), |name| name.to_string_lossy().into_owned());
    }
    Ok(stacks)
}
