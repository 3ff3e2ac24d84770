//! What happened in each run second by second, and how its response times were spread: as compact data for the page's script.

use serde::Serialize;

use crate::results::run::{NodeSample, Run, RunSample, StatsSample};

/// Steps of the spectrum that are kept of a run.
const STEPS: usize = 24;

/// One run.
#[derive(Debug, Serialize)]
pub struct RunSeconds {
    /// Lines over the seconds of the run, from 0.
    lines: Vec<UsageLine>,
    /// Response times: milliseconds, and answers up to there.
    spectrum: Vec<(f64, u64)>,
}

/// What one thing did, second by second.
#[derive(Debug, Serialize)]
struct UsageLine {
    /// Whose: a key of the script's words, and a name where there are several.
    kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    /// Percent of its quota, of a core or of the machine; whole numbers. `null`: not known.
    percent: Vec<Option<i64>>,
}

/// Each run of a folder, in its order.
pub fn of(runs: &[Run]) -> Vec<RunSeconds> {
    runs.iter().map(|run| RunSeconds { lines: lines(run), spectrum: spectrum(run) }).collect()
}

fn spectrum(run: &Run) -> Vec<(f64, u64)> {
    let all = &run.load.spectrum;
    let each = all.len().div_ceil(STEPS).max(1);
    let kept = all.iter().enumerate().filter(|(at, _)| at % each == 0 || at + 1 == all.len());
    kept.map(|(_, step)| (round(step.milliseconds), step.count)).collect()
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn lines(run: &Run) -> Vec<UsageLine> {
    let seconds = SamplesBySecond::of(&run.samples);
    let mut lines = Vec::new();
    let mut add = |kind, name: &str, percent: Vec<Option<i64>>| {
        if percent.iter().any(Option::is_some) {
            lines.push(UsageLine { kind, name: name.to_owned(), percent });
        }
    };
    for (at, node) in run.nodes.iter().enumerate() {
        let quota = node.quota_cores.filter(|quota| *quota > 0.0).unwrap_or(1.0);
        add("node", &node.name, seconds.rates(100.0 / quota, |sample| sample.nodes.get(at)?.cpu_seconds));
    }
    for (at, service) in run.services.iter().enumerate() {
        let quota = service.quota_cores.filter(|quota| *quota > 0.0).unwrap_or(1.0);
        add("service", &service.name, seconds.rates(100.0 / quota, |sample| sample.services.get(at)?.cpu_seconds));
    }
    add("balancer", "", seconds.rates(100.0, |sample| sample.balancer_cpu_seconds));
    let cores = run.machine.cores.filter(|cores| *cores > 0.0);
    if let Some(cores) = cores {
        add("machine", "", seconds.rates(100.0 / cores, |sample| sample.machine_busy_seconds));
    }
    add("throttled", "", seconds.means(|stats| stats.throttled_percent));
    add("pool", "", seconds.means(|stats| stats.pool_utilization));
    lines
}

/// The samples of a run, those of each second together.
struct SamplesBySecond<'a>(Vec<Vec<&'a RunSample>>);

impl<'a> SamplesBySecond<'a> {
    fn of(samples: &'a [RunSample]) -> Self {
        let mut seconds: Vec<Vec<&RunSample>> = Vec::new();
        for sample in samples.iter().filter(|sample| sample.t_seconds >= 0.0) {
            let second = sample.t_seconds as usize;
            // A folder may hold anything; no run takes longer than a day.
            if second < 86_400 {
                seconds.resize_with(seconds.len().max(second + 1), Vec::new);
                seconds[second].push(sample);
            }
        }
        Self(seconds)
    }

    /// How fast a counter grew from the last sample of one second to that of the next, times `factor`.
    fn rates(&self, factor: f64, counter: impl Fn(&RunSample) -> Option<f64>) -> Vec<Option<i64>> {
        let mut before: Option<(f64, f64)> = None;
        let rate = |second: &Vec<&RunSample>| {
            let now = second.iter().rev().find_map(|sample| Some((sample.t_seconds, counter(sample)?)))?;
            let (then, count) = before.replace(now).or_else(|| {
                let first = second.first()?;
                Some((first.t_seconds, counter(first)?))
            })?;
            let passed = now.0 - then;
            (passed > 0.05).then(|| (factor * (now.1 - count) / passed).round() as i64)
        };
        self.0.iter().map(rate).collect()
    }

    /// The mean over the nodes of what their `/stats` told last in each second.
    fn means(&self, value: impl Fn(&StatsSample) -> Option<f64>) -> Vec<Option<i64>> {
        let told = |node: &NodeSample| node.stats.as_ref().and_then(&value);
        let mean = |second: &Vec<&RunSample>| {
            let mut values =
                second.iter().rev().map(|sample| sample.nodes.iter().filter_map(told).collect::<Vec<f64>>());
            let values = values.find(|values| !values.is_empty())?;
            Some((values.iter().sum::<f64>() / values.len() as f64).round() as i64)
        };
        self.0.iter().map(mean).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn counters_become_percent_of_the_quota_second_by_second() {
        let mut run = sample::closed(1, 1, 4, 100.0);
        let at = |t_seconds: f64, cpu: f64| RunSample {
            t_seconds,
            nodes: vec![NodeSample {
                cpu_seconds: Some(cpu),
                stats: (t_seconds > 1.0)
                    .then(|| StatsSample { throttled_percent: Some(80.0), ..StatsSample::default() }),
            }],
            ..RunSample::default()
        };
        run.samples = vec![at(0.0, 10.0), at(0.5, 10.0625), at(1.5, 10.3125), at(3.5, 10.4375)];
        let seconds = of(&[run]);
        let node = &seconds[0].lines[0];
        // A quota of a quarter core: half of it, all of it, nothing known, a quarter.
        assert_eq!((node.kind, node.name.as_str()), ("node", "node1"));
        assert_eq!(node.percent, [Some(50), Some(100), None, Some(25)]);
        assert_eq!(seconds[0].lines[1].percent, [None, Some(80), None, Some(80)]);
    }
}
