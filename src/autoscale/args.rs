//! The rules of an autoscaler as they are typed: on the command line of `webapp autoscale`, and in an experiment's arm.

use std::time::Duration;

use clap::{Args as _, FromArgMatches};

use super::autoscaler::Autoscaler;
use super::config::{Config, MetricTarget, Rules, ScalingPolicy, Select};
use super::dimension::Dimension;
use super::history::DecisionHistory;
use super::machines::MachineConfig;
use crate::results::duration::duration;

/// What is held, how fast, and on what.
#[derive(Clone, Debug, clap::Args)]
pub struct RuleArgs {
    /// From one decision to the next.
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = interval, env = "WEBAPP_AUTOSCALE_INTERVAL")]
    pub interval: Duration,
    /// Change the quota of the one big node instead of the number of nodes; --min and --max are then units.
    #[arg(long, conflicts_with_all = ["machine_units", "node_units"], env = "WEBAPP_AUTOSCALE_VERTICAL")]
    vertical: bool,
    /// Change both: nodes get more quota first, up to so many units each, then there are more of them; --min and --max are
    /// then units. A unit is the quota that a node has at the start.
    #[arg(long, value_name = "N", conflicts_with = "machine_units", value_parser = clap::value_parser!(u32).range(1..), env = "WEBAPP_AUTOSCALE_NODE_UNITS")]
    node_units: Option<u32>,
    #[command(flatten, next_help_heading = "What to hold")]
    targets: Targets,
    #[command(flatten, next_help_heading = "How fast")]
    speed: Speed,
    #[command(flatten, next_help_heading = "Machines under the nodes (nested)")]
    machines: MachineArgs,
}

fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if time < Duration::from_millis(100) => Err(format!("'{text}' is too short; decide every 100ms at most")),
        time => Ok(time),
    }
}

#[derive(Clone, Debug, clap::Args)]
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
    metrics: Vec<MetricTarget>,
    /// Fewest nodes.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), env = "WEBAPP_AUTOSCALE_MIN")]
    min: u32,
    /// Most nodes.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..), env = "WEBAPP_AUTOSCALE_MAX")]
    max: u32,
}

#[derive(Clone, Debug, clap::Args)]
struct Speed {
    /// Grow only to what was wanted all through this time.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration, env = "WEBAPP_AUTOSCALE_UP_WINDOW")]
    up_window: Duration,
    /// Shrink only to what was enough all through this time.
    #[arg(long, value_name = "DURATION", default_value = "300s", value_parser = duration, env = "WEBAPP_AUTOSCALE_DOWN_WINDOW")]
    down_window: Duration,
    /// Grow at most by so many nodes or percent in a time.
    #[arg(
        long,
        value_name = "N[%]/TIME,…",
        default_value = "4/15s,100%/15s",
        value_delimiter = ',',
        env = "WEBAPP_AUTOSCALE_UP_POLICY"
    )]
    up_policy: Vec<ScalingPolicy>,
    /// Shrink at most by so many nodes or percent in a time.
    #[arg(
        long,
        value_name = "N[%]/TIME,…",
        default_value = "100%/15s",
        value_delimiter = ',',
        env = "WEBAPP_AUTOSCALE_DOWN_POLICY"
    )]
    down_policy: Vec<ScalingPolicy>,
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

#[derive(Clone, Debug, clap::Args)]
struct MachineArgs {
    /// Nodes stand on machines, each with room for so many.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), env = "WEBAPP_AUTOSCALE_MACHINE_UNITS")]
    machine_units: Option<u32>,
    /// A machine counts so long after its order.
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = duration, requires = "machine_units", env = "WEBAPP_AUTOSCALE_MACHINE_BOOT")]
    machine_boot: Duration,
    /// Most machines.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000), requires = "machine_units", env = "WEBAPP_AUTOSCALE_MAX_MACHINES")]
    max_machines: u32,
    /// A machine goes when its nodes have fit elsewhere for so long, and no machine was ordered in it.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration, requires = "machine_units", env = "WEBAPP_AUTOSCALE_MACHINE_IDLE")]
    machine_idle: Duration,
}

impl RuleArgs {
    /// The rules. Whether they fit together, [`Config::check`] says.
    pub fn config(&self) -> Config {
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

    /// The machines under the nodes, for nested autoscaling.
    pub fn machines(&self) -> Option<MachineConfig> {
        let args = &self.machines;
        args.machine_units.map(|units| MachineConfig {
            units,
            boot_seconds: args.machine_boot.as_secs_f64(),
            max: args.max_machines,
            idle_seconds: args.machine_idle.as_secs_f64(),
        })
    }

    /// What is changed.
    pub fn dimension(&self) -> Dimension {
        match (self.vertical, self.node_units) {
            (true, _) => Dimension::Quota,
            (false, Some(node_units)) => Dimension::Both { node_units },
            (false, None) => Dimension::Nodes,
        }
    }

    /// An autoscaler with these rules, for a cluster of `size` units at the moment `at`.
    pub fn autoscaler(&self, size: u32, at: f64) -> Autoscaler {
        Autoscaler::new(self.config(), self.machines(), DecisionHistory::starting(at, size))
    }
}

/// Reads the words of an arm. The environment has no say: an experiment is what its file says.
///
/// # Errors
/// What is wrong with them, in one line.
pub fn read(words: &[String]) -> Result<RuleArgs, String> {
    let command = RuleArgs::augment_args(clap::Command::new("autoscale").no_binary_name(true).disable_help_flag(true));
    let command = command.mut_args(|argument| argument.env(None::<&'static str>));
    let read = command.try_get_matches_from(words).and_then(|matches| RuleArgs::from_arg_matches(&matches));
    let args = read.map_err(|error| one_line(&error.to_string()))?;
    args.config().check()?;
    Ok(args)
}

/// What clap says, without its hints on how to call a program.
fn one_line(said: &str) -> String {
    let first = said.split("\n\n").next().unwrap_or_default();
    first.split_whitespace().collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn words_of_an_arm() {
        let args = read(&words("--metric cpu=70,queue=2 --min 2 --max 8 --interval 1s --down-window 6s")).unwrap();
        let config = args.config();
        assert_eq!((config.targets.len(), config.min, config.max), (2, 2, 8));
        assert_eq!((args.interval, config.down.window), (Duration::from_secs(1), Duration::from_secs(6)));
        assert!(args.dimension() == Dimension::Nodes && args.machines().is_none());
        assert_eq!(read(&words("--metric cpu=70 --vertical")).unwrap().dimension(), Dimension::Quota);
        let both = read(&words("--metric cpu=70 --node-units 2")).unwrap();
        assert_eq!(both.dimension(), Dimension::Both { node_units: 2 });
        let nested = read(&words("--metric cpu=70 --machine-units 2 --machine-boot 5s --max-machines 3")).unwrap();
        let machines = nested.machines().unwrap();
        assert_eq!((machines.units, machines.boot_seconds, machines.max), (2, 5.0, 3));
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (text, says) in [
            ("", "--metric"),
            ("--metric disk=1", "is not a metric"),
            ("--metric cpu=70 --min 5 --max 2", "sizes from 5 to 2"),
            ("--metric cpu=70 --driver x", "--driver"),
            ("--metric cpu=70 --interval 1ms", "too short"),
            ("--metric cpu=70 --vertical --machine-units 2", "cannot be used with"),
        ] {
            let said = read(&words(text)).unwrap_err();
            assert!(said.contains(says) && !said.contains('\n') && !said.starts_with("error"), "{text}: {said}");
        }
    }
}
