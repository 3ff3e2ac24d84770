//! `webapp bench`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, ensure};

use super::Exit;
use crate::bench::progress::Progress;
use crate::bench::{Ended, Settings, interrupt, now, run as run_bench};
use crate::results::arm::Scale;
use crate::results::folder;
use crate::results::plan::{self, Event, Objective, Plan, Workload};
use crate::results::work::Request;

/// Arguments of `webapp bench`.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  webapp bench --units 1,2,4,8 --unit-cpu 10 --slo p99=100ms --out results/ten-percent"
)]
pub struct Args {
    /// Three unit counts, four repeats, three minutes (default).
    #[arg(long, conflicts_with = "full")]
    quick: bool,

    /// Six unit counts, six repeats, longer windows.
    #[arg(long, env = "WEBAPP_FULL")]
    full: bool,

    /// What a request does: compute, wait, use a disk, or some of each.
    #[arg(long, value_enum, env = "WEBAPP_WORKLOAD", default_value = "cpu")]
    workload: Workload,

    /// Ask this path instead of the workload's; several times for a mix, each may carry a weight: 3:/sleep?seg=0.1.
    #[arg(long, value_name = "[WEIGHT:]/PATH", value_parser = weighted_path)]
    path: Vec<Request>,

    /// How a node spends its threads.
    #[arg(long, value_parser = ["async", "sync"], env = "WEBAPP_MODEL", default_value = "async")]
    model: String,

    /// What stands before many small nodes.
    #[arg(long, value_parser = ["haproxy", "nginx"], env = "WEBAPP_BALANCER", default_value = "haproxy")]
    balancer: String,

    /// Units of CPU at each point, for instance 1,2,4,8.
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=64), env = "WEBAPP_UNITS")]
    units: Vec<u32>,

    /// A unit in percent of one core, or none [default: 25, less where half of the machine would not do].
    #[arg(long, value_name = "PERCENT|none", value_parser = unit_cpu, env = "WEBAPP_UNIT_CPU")]
    unit_cpu: Option<UnitCpu>,

    /// Measure only this arm: vertical or horizontal.
    #[arg(long, value_name = "ARM")]
    only: Option<String>,

    /// How many blocks are measured; a block measures every arm once at every scale.
    #[arg(long, alias = "repeats", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100), env = "WEBAPP_BLOCKS")]
    blocks: Option<u32>,

    /// Measured time of a run, for instance 5s.
    #[arg(long, value_name = "DURATION", value_parser = super::units::duration, env = "WEBAPP_WINDOW")]
    window: Option<std::time::Duration>,

    /// Shares of the ceiling at which latency is measured.
    #[arg(long, value_name = "SHARE,…", value_delimiter = ',', value_parser = fraction, env = "WEBAPP_FRACTIONS")]
    fractions: Vec<f64>,

    /// What is good enough: a percentile of the response time and its bound.
    #[arg(long, value_name = "pNN=TIME", env = "WEBAPP_SLO", default_value = "p99=250ms")]
    slo: Objective,

    /// Prices of machines by their units, as docs/prices-example.json shows [default: the example's].
    #[arg(long, value_name = "FILE", env = "WEBAPP_PRICES")]
    prices: Option<PathBuf>,

    /// Results folder [default: results/ and the moment].
    #[arg(long, value_name = "DIR", env = "WEBAPP_OUT")]
    out: Option<PathBuf>,

    /// Go on with the interrupted bench in --out, by its own plan.
    #[arg(long, requires = "out")]
    resume: bool,

    /// The program that brings clusters up and down: it understands up, status and down as scripts/cluster.sh does.
    #[arg(long, value_name = "PROGRAM", env = "WEBAPP_DRIVER", default_value = "scripts/cluster.sh")]
    driver: PathBuf,

    /// Further arguments for the driver's up.
    #[arg(last = true, value_name = "DRIVER ARGUMENTS")]
    driver_arguments: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnitCpu {
    Percent(u32),
    NoLimit,
}

fn unit_cpu(text: &str) -> Result<UnitCpu, String> {
    match text.trim().trim_end_matches('%').parse() {
        _ if text.trim() == "none" => Ok(UnitCpu::NoLimit),
        Ok(percent @ 1..=6400) => Ok(UnitCpu::Percent(percent)),
        _ => Err(format!("'{text}' is no unit; write percent of one core, for instance 25, or none")),
    }
}

fn fraction(text: &str) -> Result<f64, String> {
    let fraction: Option<f64> = text.trim().parse().ok().filter(|fraction| (0.01..=3.0).contains(fraction));
    fraction.ok_or_else(|| format!("'{text}' is no share of the ceiling; write for instance 0.5,0.8,1.1"))
}

fn weighted_path(text: &str) -> Result<Request, String> {
    let (weight, path) = match text.split_once(':') {
        Some((weight, path)) if weight.bytes().all(|byte| byte.is_ascii_digit()) => (weight.parse().unwrap_or(0), path),
        _ => (1, text),
    };
    if weight == 0 || !path.starts_with('/') {
        return Err(format!("'{text}' is no path; write for instance /fib?number=20 or 3:/sleep?seg=0.1"));
    }
    Ok(Request::get(weight, path))
}

/// Runs the command: measures, then reports.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let plan = plan_of(&args)?;
    let driver = args.driver.canonicalize().with_context(|| {
        format!("there is no driver {}; name one with --driver, or run scripts/bench.sh", args.driver.display())
    })?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("results/{}", now().replace(':', "-"))));
    let settings = Settings {
        plan: if args.resume { folder::read(&out)?.manifest.plan } else { plan },
        prices: args.prices.as_deref().map(super::report::read_prices).transpose()?,
        driver,
        binary: std::env::current_exe().context("cannot find the own program file")?,
        out,
        resume: args.resume,
    };
    let interrupted = interrupt::watch()?;
    announce(&settings);
    let mut progress = Progress::new(&settings.plan);
    let ended = run_bench(&settings, &mut progress, &interrupted);
    if let Err(error) = &ended
        && folder::read(&settings.out).is_ok_and(|results| !results.runs.is_empty())
    {
        eprintln!("what was measured until now is in {}; go on with --resume", settings.out.display());
        eprintln!("the bench ended early: {error:#}");
    }
    let ended = ended?;
    if ended == Ended::Interrupted {
        eprintln!("interrupted; nothing is left running. Go on with --out {} --resume", settings.out.display());
        if !folder::read(&settings.out).is_ok_and(|results| !results.runs.is_empty()) {
            return Ok(Exit::Failed);
        }
    }
    let report = super::report::write(&settings.out, settings.prices.clone())?;
    let mut stdout = std::io::stdout().lock();
    write!(stdout, "{}", report.text)?;
    Ok(match ended {
        Ended::Interrupted => Exit::Failed,
        Ended::Complete if !report.valid => Exit::NotValid,
        Ended::Complete => Exit::Done,
    })
}

fn plan_of(args: &Args) -> anyhow::Result<Plan> {
    let mut plan = if args.full { Plan::full() } else { Plan::quick() };
    if !args.units.is_empty() {
        let mut units = args.units.clone();
        units.sort_unstable();
        units.dedup();
        plan.scales = units.into_iter().map(Scale::from).collect();
    }
    plan.open_scales = if args.full { plan.scales.clone() } else { plan.scales.last().cloned().into_iter().collect() };
    plan.unit_cpu_percent = match args.unit_cpu {
        Some(UnitCpu::Percent(percent)) => Some(percent),
        Some(UnitCpu::NoLimit) => None,
        None => Some(plan::default_unit_cpu_percent(num_cpus::get(), plan.largest_scale() as u32)),
    };
    plan.connections = args.workload.connections_per_unit(args.full);
    plan.work = if args.path.is_empty() { args.workload.requests() } else { args.path.clone() };
    plan.model.clone_from(&args.model);
    plan.balancer.clone_from(&args.balancer);
    plan.objective = args.slo;
    plan.blocks = args.blocks.unwrap_or(plan.blocks);
    if let Some(only) = &args.only {
        let arm = plan.arm(only).with_context(|| {
            let names: Vec<&str> = plan.arms.iter().map(|arm| arm.name.as_str()).collect();
            format!("there is no arm {only}; the experiment has {}", names.join(" and "))
        })?;
        plan.arms = vec![arm.clone()];
    }
    plan.driver_arguments.clone_from(&args.driver_arguments);
    if !args.fractions.is_empty() {
        plan.fractions.clone_from(&args.fractions);
        plan.fractions.sort_by(f64::total_cmp);
        plan.fractions.dedup();
    }
    if let Some(window) = args.window {
        ensure!(window.as_secs_f64() >= 0.5, "a window of less than 500ms measures nothing");
        plan.closed_seconds = window.as_secs_f64();
        plan.open_seconds = window.as_secs_f64();
        plan.event = plan.event.map(|event| Event { seconds: 2.0 * window.as_secs_f64(), ..event });
    }
    Ok(plan)
}

fn announce(settings: &Settings) {
    let plan = &settings.plan;
    let seconds = plan.seconds();
    let time = if seconds < 180.0 { format!("{seconds:.0} s") } else { format!("{:.0} minutes", seconds / 60.0) };
    let scales: Vec<&str> = plan.scales.iter().map(Scale::as_str).collect();
    let unit = plan
        .unit_cpu_percent
        .map_or_else(|| "without CPU limit".to_owned(), |percent| format!("of {percent} % of a core"));
    eprintln!(
        "{} plan: {} {} {unit}, {} blocks, about {time}; results in {}",
        plan.name,
        plan.scale_name,
        scales.join(", "),
        plan.blocks,
        settings.out.display()
    );
    let (cpus, most_units) = (num_cpus::get(), plan.largest_scale() as u32);
    if let Some(percent) = plan.unit_cpu_percent.filter(|percent| percent * most_units > 75 * cpus as u32) {
        eprintln!(
            "note: {} units of {percent} % take {} of {cpus} cores; generator and balancer need the rest and may become the limit",
            most_units,
            f64::from(percent * most_units) / 100.0
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_units_and_paths() {
        assert_eq!(unit_cpu("none"), Ok(UnitCpu::NoLimit));
        assert_eq!(unit_cpu("25%"), Ok(UnitCpu::Percent(25)));
        assert!(unit_cpu("0").is_err() && unit_cpu("much").is_err());
        assert_eq!(weighted_path("3:/a?b=c:d").unwrap(), Request::get(3, "/a?b=c:d"));
        assert_eq!(weighted_path("/a:b").unwrap(), Request::get(1, "/a:b"));
        assert_eq!(fraction("0.8"), Ok(0.8));
        assert!(fraction("80").is_err() && fraction("0").is_err() && fraction("half").is_err());
        assert!(weighted_path("0:/a").is_err() && weighted_path("a").is_err() && weighted_path("").is_err());
    }
}
