//! What a person sets: metrics with their targets, smallest and largest size, windows and policies.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

/// A figure that a node gives of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// CPU time used, in percent of the node's quota. It cannot show more than 100: at its quota a node may need any
    /// amount, so that one step grows the cluster by at most 100 / target.
    Cpu,
    /// Memory used, in percent of the node's limit.
    Memory,
    /// Requests answered, a second.
    Rate,
    /// Requests that wait for a thread or hold one. It is not censored: it grows with what is missing.
    Queue,
    /// 99th percentile of the response time, in milliseconds.
    P99,
}

impl Metric {
    /// Every metric, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Cpu, Self::Memory, Self::Rate, Self::Queue, Self::P99];

    /// Its name on the command line and in recorded samples.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Rate => "rate",
            Self::Queue => "queue",
            Self::P99 => "p99",
        }
    }

    /// How the figures of several nodes make one.
    pub fn kind(self) -> MetricKind {
        match self {
            Self::Cpu | Self::Memory => MetricKind::Utilization,
            Self::Rate | Self::Queue => MetricKind::Average,
            Self::P99 => MetricKind::Largest,
        }
    }

    /// The unit, as it follows a number in a sentence.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Cpu | Self::Memory => " %",
            Self::Rate => "/s a node",
            Self::Queue => " a node",
            Self::P99 => " ms",
        }
    }
}

/// How the figures of several nodes make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Whole percent, rounded down, of what all use of what all may use.
    Utilization,
    /// The mean over the nodes.
    Average,
    /// The largest of the nodes. Percentiles have no mean; the cluster's is at most this one.
    Largest,
}

/// A metric and the value to hold it at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MetricTarget {
    /// The metric.
    pub metric: Metric,
    /// In the metric's unit, above 0.
    pub value: f64,
}

impl FromStr for MetricTarget {
    type Err = String;

    /// Reads `cpu=70`, `queue=2`, `p99=250ms`.
    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Metric::ALL.map(Metric::name).join(", ");
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("'{text}' names no target; write for instance cpu=70 or queue=2"))?;
        let metric = Metric::ALL
            .into_iter()
            .find(|metric| metric.name() == name.trim())
            .ok_or_else(|| format!("'{name}' is not a metric; the metrics are {}", names()))?;
        let value = value.trim();
        let number = match metric.kind() {
            MetricKind::Utilization => value.trim_end_matches('%'),
            MetricKind::Average => value,
            MetricKind::Largest => value.trim_end_matches("ms"),
        };
        match number.trim().parse::<f64>() {
            Ok(value) if value.is_finite() && value > 0.0 => Ok(Self { metric, value }),
            _ => Err(format!("'{value}' is no target for {name}; write a number above 0, for instance {name}=50")),
        }
    }
}

/// What a policy allows in its period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AllowedChange {
    /// So many nodes.
    Nodes(u32),
    /// So many percent of the nodes there were at the period's start.
    Percent(u32),
}

/// A bound on how fast the size changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ScalingPolicy {
    /// How much.
    pub change: AllowedChange,
    /// In how long a time.
    pub period: Duration,
}

/// As the API server checks it: `validateScalingPolicy` in pkg/apis/autoscaling/validation/validation.go.
const LONGEST_PERIOD: Duration = Duration::from_secs(1800);
/// Likewise, `MaxStabilizationWindowSeconds`.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(3600);

impl fmt::Display for ScalingPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = self.period.as_secs_f64();
        match self.change {
            AllowedChange::Nodes(nodes) => write!(formatter, "{nodes}/{period}s"),
            AllowedChange::Percent(percent) => write!(formatter, "{percent}%/{period}s"),
        }
    }
}

impl FromStr for ScalingPolicy {
    type Err = String;

    /// Reads `4/15s` (nodes) or `100%/15s` (percent).
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no policy; write for instance 4/15s (nodes) or 100%/15s (percent)");
        let (change, period) = text.trim().split_once('/').ok_or_else(wrong)?;
        let period = humantime::parse_duration(period.trim())
            .or_else(|_| humantime::parse_duration(&format!("{}s", period.trim())))
            .map_err(|_| wrong())?;
        if period.is_zero() || period > LONGEST_PERIOD {
            return Err(format!("the period of '{text}' must be above 0 and at most 30 minutes"));
        }
        let (number, percent) = match change.trim().strip_suffix('%') {
            Some(number) => (number, true),
            None => (change, false),
        };
        let number = number.trim().parse::<u32>().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
        let change = if percent { AllowedChange::Percent(number) } else { AllowedChange::Nodes(number) };
        Ok(Self { change, period })
    }
}

/// Which of several policies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Select {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// None: the size never changes in this direction.
    Disabled,
}

/// How the size may change in one direction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rules {
    /// Stabilization: the most careful proposal of this last time counts.
    pub window: Duration,
    /// At least one.
    pub policies: Vec<ScalingPolicy>,
    /// Which of the policies counts.
    pub select: Select,
    /// Share of the target by which a metric may miss it before the size changes.
    pub tolerance: f64,
}

/// Everything that a person sets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// At least one; each metric once.
    pub targets: Vec<MetricTarget>,
    /// Smallest size, at least 1.
    pub min: u32,
    /// Largest size, at least `min`.
    pub max: u32,
    /// Rules for growing.
    pub up: Rules,
    /// Rules for shrinking.
    pub down: Rules,
}

/// `scaleUpPeriod` and `scaleDownPeriod` in pkg/apis/autoscaling/v2/defaults.go.
const PERIOD: Duration = Duration::from_secs(15);

impl Rules {
    /// The default for growing: at once, by 4 nodes or 100 % in 15 s, whichever is more (`defaultHPAScaleUpRules` in
    /// pkg/apis/autoscaling/v2/defaults.go).
    pub fn up() -> Self {
        let policies = vec![
            ScalingPolicy { change: AllowedChange::Nodes(4), period: PERIOD },
            ScalingPolicy { change: AllowedChange::Percent(100), period: PERIOD },
        ];
        Self { window: Duration::ZERO, policies, select: Select::Max, tolerance: 0.1 }
    }

    /// The default for shrinking: what nothing asked for in 300 s goes, up to 100 % in 15 s (`defaultHPAScaleDownRules`
    /// there; the window is the controller's `--horizontal-pod-autoscaler-downscale-stabilization`).
    pub fn down() -> Self {
        let policies = vec![ScalingPolicy { change: AllowedChange::Percent(100), period: PERIOD }];
        Self { window: Duration::from_secs(300), policies, select: Select::Max, tolerance: 0.1 }
    }
}

impl Config {
    /// The defaults of Kubernetes with these targets, between 1 and `max` nodes.
    pub fn new(targets: Vec<MetricTarget>, max: u32) -> Self {
        Self { targets, min: 1, max, up: Rules::up(), down: Rules::down() }
    }

    /// # Errors
    /// What does not fit together, and what to do.
    pub fn check(&self) -> Result<(), String> {
        if self.targets.is_empty() {
            return Err("no metric to hold; add for instance --metric cpu=70".to_owned());
        }
        for (place, target) in self.targets.iter().enumerate() {
            if self.targets[..place].iter().any(|earlier| earlier.metric == target.metric) {
                return Err(format!("{} has two targets; give each metric once", target.metric.name()));
            }
        }
        if self.min == 0 || self.min > self.max {
            return Err(format!("sizes from {} to {} are not possible; --min is 1 to --max", self.min, self.max));
        }
        for (direction, rules) in [("up", &self.up), ("down", &self.down)] {
            if rules.window > LONGEST_WINDOW {
                return Err(format!("--{direction}-window is at most 1 hour"));
            }
            if !(0.0..1.0).contains(&rules.tolerance) {
                return Err(format!("the tolerance {} is not from 0 to below 1; 0.1 is usual", rules.tolerance));
            }
            if rules.policies.is_empty() {
                return Err(format!(
                    "--{direction}-policy is empty; write for instance 4/15s, or forbid it by --{direction}-select disabled"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (text, metric, value) in [
            ("cpu=70", Metric::Cpu, 70.0),
            ("cpu=70%", Metric::Cpu, 70.0),
            ("memory=80", Metric::Memory, 80.0),
            ("rate=12.5", Metric::Rate, 12.5),
            (" queue = 2 ", Metric::Queue, 2.0),
            ("p99=250ms", Metric::P99, 250.0),
            ("p99=250", Metric::P99, 250.0),
        ] {
            assert_eq!(text.parse::<MetricTarget>(), Ok(MetricTarget { metric, value }), "{text}");
        }
        for text in ["", "cpu", "cpu=", "cpu=0", "cpu=-1", "cpu=nan", "cpu=inf", "disk=1", "queue=2%", "=1"] {
            assert!(text.parse::<MetricTarget>().is_err(), "{text}");
        }
    }

    #[test]
    fn policies() {
        let policy = |change, seconds| Ok(ScalingPolicy { change, period: Duration::from_secs(seconds) });
        assert_eq!("4/15s".parse(), policy(AllowedChange::Nodes(4), 15));
        assert_eq!("100%/15s".parse(), policy(AllowedChange::Percent(100), 15));
        assert_eq!(" 10 % / 1m ".parse(), policy(AllowedChange::Percent(10), 60));
        assert_eq!("1/60".parse(), policy(AllowedChange::Nodes(1), 60));
        for text in ["", "4", "4/", "/15s", "0/15s", "-1/15s", "4/0s", "4/31m", "x/15s", "4%%/15s", "1.5/15s"] {
            assert!(text.parse::<ScalingPolicy>().is_err(), "{text}");
        }
        for text in ["4/15s", "100%/60s"] {
            assert_eq!(text.parse::<ScalingPolicy>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_does_not_fit_together() {
        let cpu = MetricTarget { metric: Metric::Cpu, value: 70.0 };
        let good = Config::new(vec![cpu], 10);
        assert_eq!(good.check(), Ok(()));
        let bad = [
            Config { targets: vec![], ..good.clone() },
            Config { targets: vec![cpu, cpu], ..good.clone() },
            Config { min: 0, ..good.clone() },
            Config { min: 11, ..good.clone() },
            Config { up: Rules { policies: vec![], ..Rules::up() }, ..good.clone() },
            Config { up: Rules { tolerance: 1.0, ..Rules::up() }, ..good.clone() },
            Config { down: Rules { window: Duration::from_secs(3601), ..Rules::down() }, ..good.clone() },
        ];
        for config in bad {
            assert!(config.check().is_err(), "{config:?}");
        }
    }
}
