//! `webapp autoscale`.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use anyhow::Context;
use clap::error::ErrorKind;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::Exit;
use crate::autoscale::args::RuleArgs;
use crate::autoscale::config::Config;
use crate::autoscale::driver::ScalingDriver;
use crate::autoscale::event::ScalingEvent;
use crate::autoscale::hold::{HoldSettings, hold};
use crate::autoscale::log;
use crate::autoscale::replay::replay;

const EXAMPLES: &str = "\
Examples:
  webapp autoscale --driver scripts/cluster.sh --metric cpu=70 --metric queue=2 --max 4
  webapp autoscale --driver scripts/cluster.sh --vertical --metric cpu=70 --max 8 --log scaling.jsonl
  webapp autoscale --replay incident.jsonl --metric cpu=70
  webapp autoscale --replay - --metric cpu=70 --metric queue=2 --max 8 --down-window 60s < samples.jsonl

A line of a replay: {\"at\": 15.0, \"now\": 3, \"nodes\": [{\"name\": \"node1\", \"ready\": true, \"age_seconds\": 400, \"cpu\": 90}]}
Without now the size follows the decisions; null is no sample. What --log wrote can be replayed.

CPU cannot show more than 100 % of a node's quota. With a target of 70 %, one step multiplies the nodes by at most
100 / 70 = 1.43, whatever the load. queue shows all that waits.

Exit codes: 0 done, or told to stop; 1 failed, for instance at a line that cannot be used; 2 wrong usage.";

/// Arguments of `webapp autoscale`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Decide on recorded samples instead, one JSON object a line; - reads standard input.
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["vertical", "node_units"])]
    replay: Option<PathBuf>,
    #[command(flatten)]
    rules: RuleArgs,
}

#[derive(clap::Args)]
struct ClusterArgs {
    /// Hold a live cluster: the program that describes it (status) and changes it (scale N), as scripts/cluster.sh does.
    /// It drains a node before it takes it away.
    #[arg(long, value_name = "PROGRAM", required_unless_present = "replay", env = "WEBAPP_DRIVER")]
    driver: Option<PathBuf>,
    /// The cluster's name [default: the driver's own].
    #[arg(long, value_name = "NAME", env = "WEBAPP_AUTOSCALE_NAME")]
    name: Option<String>,
    /// Only say what would be done.
    #[arg(long, env = "WEBAPP_AUTOSCALE_DRY_RUN")]
    dry_run: bool,
    /// Write what happens to this file as well, one JSON object a line, after what it holds.
    #[arg(long, value_name = "FILE", conflicts_with = "replay", env = "WEBAPP_AUTOSCALE_LOG")]
    log: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let config = args.rules.config();
    if let Err(wrong) = config.check() {
        clap::Error::raw(ErrorKind::ValueValidation, format!("{wrong}\n")).exit();
    }
    if let Some(file) = &args.replay {
        let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
        replay(&config, args.rules.machines(), open(file)?, std::io::stdout().lock())
            .with_context(|| format!("cannot replay {name}"))?;
    } else if let Some(driver) = &args.cluster.driver {
        hold_cluster(args, config, driver)?;
    }
    Ok(Exit::Done)
}

fn open(file: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let open = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Box::new(BufReader::new(open)))
}

/// The loop, until SIGINT or SIGTERM. Decisions go to stdout, everything else to stderr.
fn hold_cluster(args: &Args, config: Config, driver: &Path) -> anyhow::Result<()> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted)).context("cannot watch for signals")?;
    }
    let append = |file: &PathBuf| {
        let open = File::options().create(true).append(true).open(file);
        open.with_context(|| format!("cannot write {}", file.display()))
    };
    let cluster = &args.cluster;
    let mut file = cluster.log.as_ref().map(append).transpose()?;
    let settings = HoldSettings {
        config,
        machines: args.rules.machines(),
        driver: ScalingDriver::new(driver, cluster.name.as_deref()),
        interval: args.rules.interval,
        dimension: args.rules.dimension(),
        dry_run: cluster.dry_run,
    };
    hold(&settings, &interrupted, &mut |event| {
        let time = SystemTime::now();
        let line = log::line(event, time);
        match event {
            ScalingEvent::Decision { .. } if cluster.dry_run => writeln!(std::io::stdout(), "{line} (dry run)")?,
            ScalingEvent::Decision { .. } => writeln!(std::io::stdout(), "{line}")?,
            ScalingEvent::Changed { .. } | ScalingEvent::Notice { .. } => eprintln!("{line}"),
        }
        if let Some(file) = &mut file {
            writeln!(file, "{}", log::json(event, time, &settings.config)?).context("cannot write the log")?;
        }
        Ok(())
    })
}
