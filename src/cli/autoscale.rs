//! `webapp autoscale`.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::error::ErrorKind;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::{Exit, units};
use crate::autoscale::config::{Config, Policy, Rules, Select, Target};
use crate::autoscale::hold::{Event, Settings, hold};
use crate::autoscale::log;
use crate::autoscale::machines::MachineConfig;
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
    #[arg(long, value_name = "FILE|-")]
    replay: Option<PathBuf>,
    #[command(flatten, next_help_heading = "What to hold")]
    targets: Targets,
    #[command(flatten, next_help_heading = "How fast")]
    speed: Speed,
    #[command(flatten, next_help_heading = "Machines under the nodes (nested)")]
    machines: MachineArgs,
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
    /// From one decision to the next.
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = interval, env = "WEBAPP_AUTOSCALE_INTERVAL")]
    interval: Duration,
    /// Change the quota of the one big node instead of the number of nodes; --min and --max are then units.
    #[arg(long, conflicts_with_all = ["replay", "machine_units"], env = "WEBAPP_AUTOSCALE_VERTICAL")]
    vertical: bool,
    /// Only say what would be done.
    #[arg(long, env = "WEBAPP_AUTOSCALE_DRY_RUN")]
    dry_run: bool,
    /// Write what happens to this file as well, one JSON object a line, after what it holds.
    #[arg(long, value_name = "FILE", conflicts_with = "replay", env = "WEBAPP_AUTOSCALE_LOG")]
    log: Option<PathBuf>,
}

fn interval(text: &str) -> Result<Duration, String> {
    match units::duration(text)? {
        time if time < Duration::from_millis(100) => Err(format!("'{text}' is too short; decide every 100ms at most")),
        time => Ok(time),
    }
}

#[derive(clap::Args)]
struct Targets {
    /// Hold a metric at a value for each node: cpu and memory in percent of its quota, rate in requests a second, queue
    /// in requests waiting or running, p99 in ms; several times: the one that wants most nodes counts.
    #[arg(
        long = "metric",
        value_name = "METRIC=TARGET",
        required = true,
        env = "WEBAPP_AUTOSCALE_METRIC",
        value_delimiter = ','
    )]
    metrics: Vec<Target>,
    /// Fewest nodes.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), env = "WEBAPP_AUTOSCALE_MIN")]
    min: u32,
    /// Most nodes.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..), env = "WEBAPP_AUTOSCALE_MAX")]
    max: u32,
}

#[derive(clap::Args)]
struct Speed {
    /// Grow only to what was wanted all through this time.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = units::duration, env = "WEBAPP_AUTOSCALE_UP_WINDOW")]
    up_window: Duration,
    /// Shrink only to what was enough all through this time.
    #[arg(long, value_name = "DURATION", default_value = "300s", value_parser = units::duration, env = "WEBAPP_AUTOSCALE_DOWN_WINDOW")]
    down_window: Duration,
    /// Grow at most by so many nodes or percent in a time.
    #[arg(
        long,
        value_name = "N[%]/TIME,…",
        default_value = "4/15s,100%/15s",
        value_delimiter = ',',
        env = "WEBAPP_AUTOSCALE_UP_POLICY"
    )]
    up_policy: Vec<Policy>,
    /// Shrink at most by so many nodes or percent in a time.
    #[arg(
        long,
        value_name = "N[%]/TIME,…",
        default_value = "100%/15s",
        value_delimiter = ',',
        env = "WEBAPP_AUTOSCALE_DOWN_POLICY"
    )]
    down_policy: Vec<Policy>,
    /// Of the policies for growing, the one that allows most counts, or least, or it never grows.
    #[arg(long, value_enum, default_value = "max", env = "WEBAPP_AUTOSCALE_UP_SELECT")]
    up_select: Select,
    /// The same for shrinking.
    #[arg(long, value_enum, default_value = "max", env = "WEBAPP_AUTOSCALE_DOWN_SELECT")]
    down_select: Select,
    /// Do nothing while a metric misses its target by at most this share.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, env = "WEBAPP_AUTOSCALE_TOLERANCE")]
    tolerance: f64,
    /// The same for growing alone [default: --tolerance].
    #[arg(long, value_name = "SHARE", env = "WEBAPP_AUTOSCALE_UP_TOLERANCE")]
    up_tolerance: Option<f64>,
    /// The same for shrinking alone [default: --tolerance].
    #[arg(long, value_name = "SHARE", env = "WEBAPP_AUTOSCALE_DOWN_TOLERANCE")]
    down_tolerance: Option<f64>,
}

#[derive(clap::Args)]
struct MachineArgs {
    /// Nodes stand on machines, each with room for so many.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), env = "WEBAPP_AUTOSCALE_MACHINE_UNITS")]
    machine_units: Option<u32>,
    /// A machine counts so long after its order.
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = units::duration, requires = "machine_units", env = "WEBAPP_AUTOSCALE_MACHINE_BOOT")]
    machine_boot: Duration,
    /// Most machines.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000), requires = "machine_units", env = "WEBAPP_AUTOSCALE_MAX_MACHINES")]
    max_machines: u32,
    /// A machine goes when its nodes have fit elsewhere for so long, and no machine was ordered in it.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = units::duration, requires = "machine_units", env = "WEBAPP_AUTOSCALE_MACHINE_IDLE")]
    machine_idle: Duration,
}

impl Args {
    fn config(&self) -> Config {
        let speed = &self.speed;
        Config {
            targets: self.targets.metrics.clone(),
            min: self.targets.min,
            max: self.targets.max,
            up: Rules {
                window: speed.up_window,
                policies: speed.up_policy.clone(),
                select: speed.up_select,
                tolerance: speed.up_tolerance.unwrap_or(speed.tolerance),
            },
            down: Rules {
                window: speed.down_window,
                policies: speed.down_policy.clone(),
                select: speed.down_select,
                tolerance: speed.down_tolerance.unwrap_or(speed.tolerance),
            },
        }
    }

    fn machines(&self) -> Option<MachineConfig> {
        let args = &self.machines;
        args.machine_units.map(|units| MachineConfig {
            units,
            boot_seconds: args.machine_boot.as_secs_f64(),
            max: args.max_machines,
            idle_seconds: args.machine_idle.as_secs_f64(),
        })
    }
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let config = args.config();
    if let Err(wrong) = config.check() {
        clap::Error::raw(ErrorKind::ValueValidation, format!("{wrong}\n")).exit();
    }
    if let Some(file) = &args.replay {
        let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
        replay(&config, args.machines(), open(file)?, std::io::stdout().lock())
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
    let settings = Settings {
        config,
        machines: args.machines(),
        driver: driver.to_owned(),
        name: cluster.name.clone(),
        interval: cluster.interval,
        vertical: cluster.vertical,
        dry_run: cluster.dry_run,
    };
    hold(&settings, &interrupted, &mut |event| {
        let time = SystemTime::now();
        let line = log::line(event, time);
        match event {
            Event::Decision { .. } if cluster.dry_run => writeln!(std::io::stdout(), "{line} (dry run)")?,
            Event::Decision { .. } => writeln!(std::io::stdout(), "{line}")?,
            Event::Notice { .. } => eprintln!("{line}"),
        }
        if let Some(file) = &mut file {
            writeln!(file, "{}", log::json(event, time, &settings.config)?).context("cannot write the log")?;
        }
        Ok(())
    })
}
