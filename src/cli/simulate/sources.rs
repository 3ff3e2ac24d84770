//! Arrivals and service times: words, files, and results folders.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail, ensure};

use super::super::units;
use crate::results::folder;
use crate::results::load::{LoadOutcome, Percentiles, SpectrumStep};
use crate::results::run::{Level, Run};
use crate::simulate::{ArrivalProcess, DistributionStep, RateProfile, ServiceTime, Steps};

/// Arrivals, as they are written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ArrivalsSpec {
    Poisson,
    Even,
    File(PathBuf),
}

impl FromStr for ArrivalsSpec {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "poisson" => Self::Poisson,
            "even" => Self::Even,
            file => Self::File(file.into()),
        })
    }
}

/// Service times, as they are written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ServiceSpec {
    Known(ServiceTime),
    /// A results folder, or a file of times.
    Measured(PathBuf),
}

impl FromStr for ServiceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!(
                "'{text}' is not a service: {why}; write exponential:1s, fixed:20ms, lognormal:20ms:0.5, or a folder or file"
            )
        };
        let seconds = |time: Option<&str>| {
            let time = time.ok_or_else(|| wrong("its time is missing"))?;
            units::duration(time).map(|time| time.as_secs_f64()).map_err(|error| wrong(&error))
        };
        let mut parts = text.split(':');
        let (kind, time, cv, rest) = (parts.next(), parts.next(), parts.next(), parts.next());
        let service = match (kind, cv) {
            (Some("exponential"), None) => ServiceTime::Exponential { mean: seconds(time)? },
            (Some("fixed"), None) => ServiceTime::Fixed { seconds: seconds(time)? },
            (Some("lognormal"), Some(cv)) if rest.is_none() => {
                let cv = cv.parse().map_err(|_| wrong("the coefficient of variation is not a number"))?;
                ServiceTime::LogNormal { mean: seconds(time)?, cv }
            }
            (Some("lognormal"), None) => return Err(wrong("its coefficient of variation is missing")),
            (Some("exponential" | "fixed" | "lognormal"), Some(_)) => return Err(wrong("it has too many parts")),
            (Some(""), _) | (None, _) => return Err(wrong("it is empty")),
            (Some(_), _) => return Ok(Self::Measured(text.into())),
        };
        Ok(Self::Known(service))
    }
}

/// The arrival process; one that is not from a file needs a rate.
pub(super) fn arrivals(spec: Option<&ArrivalsSpec>, rate: Option<f64>) -> anyhow::Result<ArrivalProcess> {
    let needed = || rate.context("--rate is missing: how many requests a second come to the whole system?");
    Ok(match spec {
        None | Some(ArrivalsSpec::Poisson) => ArrivalProcess::Poisson { rate: needed()? },
        Some(ArrivalsSpec::Even) => ArrivalProcess::Even { rate: needed()? },
        Some(ArrivalsSpec::File(file)) => {
            let arrivals = of_file(file)?;
            match rate {
                None => arrivals,
                Some(rate) => {
                    ensure!(rate.is_finite() && rate > 0.0, "the rate {rate} is not above 0");
                    arrivals.at_rate(rate)
                }
            }
        }
    })
}

/// A file with one number a line is gaps, with two a profile.
fn of_file(file: &Path) -> anyhow::Result<ArrivalProcess> {
    let rows = rows(file, "arrivals, poisson or even")?;
    let name = file.display();
    match rows.first().map(Vec::len) {
        Some(1) => {
            let gaps: Vec<f64> = rows.iter().map(|row| row[0]).collect();
            ensure!(gaps.iter().sum::<f64>() > 0.0, "{name}: all gaps are 0");
            Ok(ArrivalProcess::Recorded(gaps))
        }
        _ => {
            let profile = RateProfile::new(rows.iter().map(|row| (row[0], row[1])).collect());
            Ok(ArrivalProcess::Profile(profile.with_context(|| format!("cannot use {name}"))?))
        }
    }
}

/// Lines of one or of two numbers, all of equal length. Empty lines, comments (#) and a line of column names are left out.
fn rows(file: &Path, what: &str) -> anyhow::Result<Vec<Vec<f64>>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name} ({what})"))?;
    let mut rows: Vec<Vec<f64>> = Vec::new();
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    for (place, (number, line)) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).enumerate() {
        let cells: Result<Vec<f64>, _> = line.split([',', ';', '\t']).map(|cell| cell.trim().parse()).collect();
        let cells = match cells {
            Ok(cells) => cells,
            Err(_) if place == 0 => continue,
            Err(_) => bail!("{name}, line {number}: '{line}' is not numbers"),
        };
        let finite = cells.iter().all(|cell: &f64| cell.is_finite() && *cell >= 0.0);
        ensure!(finite, "{name}, line {number}: '{line}' has a number below 0, or none");
        let expected = rows.first().map_or(cells.len().min(2), Vec::len);
        ensure!(cells.len() == expected, "{name}, line {number}: {} numbers, not {expected}", cells.len());
        rows.push(cells);
    }
    ensure!(!rows.is_empty(), "{name} has no numbers");
    Ok(rows)
}

/// The service times, and in `notes` where they are from.
pub(super) fn service(spec: Option<&ServiceSpec>, notes: &mut Vec<String>) -> anyhow::Result<ServiceTime> {
    Ok(match spec {
        None => ServiceTime::Exponential { mean: 1.0 },
        Some(ServiceSpec::Known(service)) => service.clone(),
        Some(ServiceSpec::Measured(path)) if path.is_dir() => of_folder(path, notes)?,
        Some(ServiceSpec::Measured(file)) => {
            let rows =
                rows(file, "a service: exponential:TIME, fixed:TIME, lognormal:TIME:CV, a results folder or a file")?;
            ensure!(rows[0].len() == 1, "{} has two numbers a line: service times are one a line", file.display());
            let steps = Steps::of_values(rows.iter().map(|row| row[0]));
            ServiceTime::Measured(steps.with_context(|| format!("cannot use {}", file.display()))?)
        }
    })
}

/// From the valid run of a results folder that left its nodes the most idle: there an answer waits the least.
fn of_folder(path: &Path, notes: &mut Vec<String>) -> anyhow::Result<ServiceTime> {
    let results = folder::read(path)?;
    let usable = results.runs.iter().filter(|run| run.verdict.valid && run.load.requests_ok > 0);
    let run = usable
        .min_by(|a, b| idleness(a).total_cmp(&idleness(b)))
        .with_context(|| format!("{} has no valid run with an answer", path.display()))?;
    let (steps, what) = match (&run.load.work_milliseconds, &*run.load.spectrum) {
        (Some(work), _) => (of_percentiles(work), "the work that the nodes told"),
        (None, []) => bail!("{} has no response times in the run that started at {}", path.display(), run.started_at),
        (None, spectrum) => (of_spectrum(&run.load, spectrum), "the response times"),
    };
    let service = ServiceTime::Measured(Steps::new(steps).with_context(|| format!("cannot use {}", path.display()))?);
    let throttled = run.nodes.iter().filter_map(|node| node.throttled_percent).fold(0.0, f64::max);
    notes.push(format!(
        "service times are {what}, {:.3} ms on average, in the run of {} that loaded its nodes the least (started at {})",
        service.mean() * 1e3,
        path.display(),
        run.started_at
    ));
    if throttled >= 1.0 {
        notes.push(format!(
            "in that run a CPU quota stopped a node in {throttled:.0} % of its periods: the times contain that waiting, so do not \
             add --quota"
        ));
    }
    Ok(service)
}

/// Requests in flight, as the level says it: the lowest is the idlest.
fn idleness(run: &Run) -> f64 {
    match run.level {
        Level::Closed { connections } => f64::from(connections),
        Level::Open { fraction, .. } => fraction,
        // A death disturbs, and so does a size that changes.
        Level::Death { .. } | Level::Profile { .. } => f64::INFINITY,
    }
}

/// Shares between percentiles. The lowest part begins where the mean wants it, but not below 0 nor above the median.
fn of_percentiles(work: &Percentiles) -> Vec<DistributionStep> {
    let marks =
        [(0.50, work.p50), (0.90, work.p90), (0.95, work.p95), (0.99, work.p99), (0.999, work.p99_9), (1.0, work.max)];
    let mut steps: Vec<DistributionStep> = marks
        .windows(2)
        .map(|pair| DistributionStep {
            from: pair[0].1 / 1e3,
            to: pair[1].1.max(pair[0].1) / 1e3,
            weight: pair[1].0 - pair[0].0,
        })
        .collect();
    let above: f64 = steps.iter().map(|step| step.weight * (step.from + step.to) / 2.0).sum();
    let below = (work.mean / 1e3 - above) / 0.5;
    let median = work.p50 / 1e3;
    steps.insert(0, DistributionStep { from: (2.0 * below - median).clamp(0.0, median), to: median, weight: 0.5 });
    steps
}

fn of_spectrum(load: &LoadOutcome, spectrum: &[SpectrumStep]) -> Vec<DistributionStep> {
    let first = load.latency_milliseconds.map_or(0.0, |latency| latency.p50.min(spectrum[0].milliseconds));
    let (mut before, mut from) = (0, first / 1e3);
    let mut steps = Vec::new();
    for step in spectrum {
        let to = (step.milliseconds / 1e3).max(from);
        steps.push(DistributionStep { from, to, weight: step.count.saturating_sub(before) as f64 });
        (before, from) = (step.count, to);
    }
    steps
}
