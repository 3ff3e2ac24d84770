//! The arguments of `webapp bench`, as they are typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;

use crate::cli::units;
use crate::results::arm::Scale;
use crate::results::balancer;
use crate::results::experiment::Size;
use crate::results::objective::Objective;
use crate::results::plan::Workload;
use crate::results::work::WeightedRequest;

const EXAMPLES: &str = "\
Examples:
  webapp bench                                              # one big node or many small ones, in three minutes
  webapp bench --list                                       # what else there is
  webapp bench --experiment sync-async
  webapp bench --experiment mine.toml --until 3% --at-most 20m
  webapp bench --units 1,2,4,8 --unit-cpu 10 --slo p99=100ms --out results/ten-percent

Exit codes: 0 measured; 1 failed or interrupted; 2 wrong usage or a wrong experiment file; 3 measured, but not everything
is valid.";

/// Arguments of `webapp bench`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The experiment: a name that --list shows, or a TOML file of your own (docs/experiments.md) [default: vertical-horizontal].
    #[arg(long, value_name = "NAME|FILE", env = "WEBAPP_EXPERIMENT")]
    pub experiment: Option<String>,

    /// Show the experiments that come with the program, and what they ask.
    #[arg(long)]
    pub list: bool,

    /// A look within some three minutes (default).
    #[arg(long, conflicts_with = "full")]
    quick: bool,

    /// A figure to publish: more points, more blocks, longer windows.
    #[arg(long, env = "WEBAPP_FULL")]
    full: bool,

    /// What a request does: compute, wait, use a disk, or some of each [default: as the experiment says].
    #[arg(long, value_enum, env = "WEBAPP_WORKLOAD")]
    pub workload: Option<Workload>,

    /// Ask this path instead; several times for a mix, each may carry a weight: 3:/sleep?seg=0.1.
    #[arg(long, value_name = "[WEIGHT:]/PATH", value_parser = weighted_path)]
    pub path: Vec<WeightedRequest>,

    /// How a node spends its threads [default: async].
    #[arg(long, value_parser = ["async", "sync"], env = "WEBAPP_MODEL")]
    pub model: Option<String>,

    /// What stands before many small nodes [default: haproxy].
    #[arg(long, value_parser = PossibleValuesParser::new(balancer::names()), env = "WEBAPP_BALANCER")]
    pub balancer: Option<String>,

    /// Units of CPU at each point, for instance 1,2,4,8.
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=64), env = "WEBAPP_UNITS", conflicts_with = "scale")]
    pub units: Vec<u32>,

    /// Steps of the experiment's scale, whatever it counts.
    #[arg(long, value_name = "STEP,…", value_delimiter = ',', value_parser = step)]
    pub scale: Vec<Scale>,

    /// A unit in percent of one core, or none [default: 25, less where half of the machine would not do].
    #[arg(long, value_name = "PERCENT|none", value_parser = unit_cpu, env = "WEBAPP_UNIT_CPU")]
    pub unit_cpu: Option<UnitCpuChoice>,

    /// Measure only these arms, the first of them as the baseline.
    #[arg(long, value_name = "ARM,…", value_delimiter = ',')]
    pub only: Vec<String>,

    /// How many blocks are measured; a block measures every arm once at every scale.
    #[arg(long, alias = "repeats", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100), env = "WEBAPP_BLOCKS")]
    pub blocks: Option<u32>,

    /// Add blocks until every comparison is known to within this to either side.
    #[arg(long, value_name = "PERCENT", value_parser = percent, env = "WEBAPP_UNTIL")]
    pub until: Option<f64>,

    /// With --until: begin no further block after this time [default: 30m].
    #[arg(long, value_name = "DURATION", value_parser = units::duration, env = "WEBAPP_AT_MOST", requires = "until")]
    pub at_most: Option<Duration>,

    /// Order of the arms within blocks, and keys drawn [default: as the experiment says, else 1].
    #[arg(long, value_name = "N", env = "WEBAPP_SEED")]
    pub seed: Option<u64>,

    /// Measured time of a run, for instance 5s.
    #[arg(long, value_name = "DURATION", value_parser = units::duration, env = "WEBAPP_WINDOW")]
    pub window: Option<Duration>,

    /// Shares of the ceiling at which latency is measured.
    #[arg(long, value_name = "SHARE,…", value_delimiter = ',', value_parser = fraction, env = "WEBAPP_FRACTIONS")]
    pub fractions: Vec<f64>,

    /// What is good enough: a percentile of the response time and its bound [default: p99=250ms].
    #[arg(long, value_name = "pNN=TIME", value_parser = units::objective, env = "WEBAPP_SLO")]
    pub slo: Option<Objective>,

    /// Differences below this do not matter [default: 5%].
    #[arg(long, value_name = "PERCENT", value_parser = percent, env = "WEBAPP_SMALLEST_EFFECT")]
    pub smallest_effect: Option<f64>,

    /// Prices of machines by their units, as docs/prices-example.json shows [default: the example's].
    #[arg(long, value_name = "FILE", env = "WEBAPP_PRICES")]
    pub prices: Option<PathBuf>,

    /// Results folder [default: results/ and the moment].
    #[arg(long, value_name = "DIR", env = "WEBAPP_OUT")]
    pub out: Option<PathBuf>,

    /// Go on with the bench in --out, by its own plan; --blocks, --until and --at-most may ask for more blocks.
    #[arg(long, requires = "out")]
    pub resume: bool,

    /// The program that brings clusters up and down: it understands up, status and down [default: this one, webapp cluster].
    #[arg(long, value_name = "PROGRAM", env = "WEBAPP_DRIVER")]
    pub driver: Option<PathBuf>,

    /// Further arguments for the driver's up.
    #[arg(last = true, value_name = "DRIVER ARGUMENTS")]
    pub driver_arguments: Vec<String>,
}

impl Args {
    /// Which size was asked for.
    pub fn size(&self) -> Size {
        if self.full { Size::Full } else { Size::Quick }
    }
}

/// A unit of CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitCpuChoice {
    /// Of one core.
    Percent(u32),
    /// All there is.
    NoLimit,
}

fn unit_cpu(text: &str) -> Result<UnitCpuChoice, String> {
    match text.trim().trim_end_matches('%').parse() {
        _ if text.trim() == "none" => Ok(UnitCpuChoice::NoLimit),
        Ok(percent @ 1..=6400) => Ok(UnitCpuChoice::Percent(percent)),
        _ => Err(format!("'{text}' is not a unit; write percent of one core, for instance 25, or none")),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: Option<f64> = text.trim().trim_end_matches('%').trim_end().parse().ok();
    percent
        .filter(|percent| (0.1..=100.0).contains(percent))
        .ok_or_else(|| format!("'{text}' is not a share between 0.1% and 100%; write for instance 3%"))
}

fn step(text: &str) -> Result<Scale, String> {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    match text.trim() {
        step if !step.is_empty() && step.chars().all(plain) => Ok(step.into()),
        _ => Err(format!("'{text}' is not a step of a scale; it may have letters, digits, '-', '_' and '.'")),
    }
}

fn fraction(text: &str) -> Result<f64, String> {
    let fraction: Option<f64> = text.trim().parse().ok().filter(|fraction| (0.01..=3.0).contains(fraction));
    fraction.ok_or_else(|| format!("'{text}' is not a share of the ceiling; write for instance 0.5,0.8,1.1"))
}

fn weighted_path(text: &str) -> Result<WeightedRequest, String> {
    let (weight, path) = match text.split_once(':') {
        Some((weight, path)) if weight.bytes().all(|byte| byte.is_ascii_digit()) => (weight.parse().unwrap_or(0), path),
        _ => (1, text),
    };
    if weight == 0 || !path.starts_with('/') {
        return Err(format!("'{text}' is not a path; write for instance /fib?number=20 or 3:/sleep?seg=0.1"));
    }
    Ok(WeightedRequest::get(weight, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_units_and_paths() {
        assert_eq!(unit_cpu("none"), Ok(UnitCpuChoice::NoLimit));
        assert_eq!(unit_cpu("25%"), Ok(UnitCpuChoice::Percent(25)));
        assert!(unit_cpu("0").is_err() && unit_cpu("much").is_err());
        assert_eq!(weighted_path("3:/a?b=c:d").unwrap(), WeightedRequest::get(3, "/a?b=c:d"));
        assert_eq!(weighted_path("/a:b").unwrap(), WeightedRequest::get(1, "/a:b"));
        assert_eq!(fraction("0.8"), Ok(0.8));
        assert!(fraction("80").is_err() && fraction("0").is_err() && fraction("half").is_err());
        assert!(weighted_path("0:/a").is_err() && weighted_path("a").is_err() && weighted_path("").is_err());
        assert_eq!((percent("3%"), percent("0.5")), (Ok(3.0), Ok(0.5)));
        assert!(percent("0").is_err() && percent("200%").is_err() && percent("little").is_err());
        assert!(step("a b").is_err() && step("").is_err() && step("8").is_ok());
    }
}
