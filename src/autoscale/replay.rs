//! Decisions for recorded samples, without a cluster: as for an incident that is over.
//!
//! A line of JSON in, a line of JSON out. The file is all the history there is: nothing is assumed before its first line.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io::{BufRead, Write};

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::config::{Config, Metric};
use super::history::History;
use super::machines::{MachineConfig, Machines, Placement};
use super::sample::{Node, Samples, State};
use super::{Decision, decide};

/// A recorded moment.
#[derive(Deserialize)]
struct Line {
    at: f64,
    now: Option<u32>,
    #[serde(default)]
    nodes: Vec<RecordedNode>,
    #[serde(default)]
    totals: BTreeMap<String, Option<f64>>,
}

#[derive(Deserialize)]
struct RecordedNode {
    name: String,
    #[serde(default)]
    state: Option<RecordedState>,
    #[serde(default = "yes")]
    ready: bool,
    #[serde(default)]
    was_ready: Option<bool>,
    #[serde(default)]
    age_seconds: Option<f64>,
    #[serde(default)]
    since_seconds: Option<f64>,
    #[serde(default)]
    sample_seconds: Option<f64>,
    #[serde(default)]
    quota_cores: Option<f64>,
    /// The metrics, among whatever else was recorded.
    #[serde(flatten)]
    figures: Map<String, Value>,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RecordedState {
    Starting,
    Running,
    Draining,
    Failed,
}

/// A decision, as a line of the answer.
#[derive(Serialize)]
struct Answer {
    at: f64,
    now: u32,
    wanted: u32,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    machines: Option<Placement>,
}

/// A line that cannot be used.
#[derive(Debug)]
struct Unusable {
    line: usize,
    why: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "line {}: {}; a line is for instance \
             {{\"at\": 15.0, \"now\": 3, \"nodes\": [{{\"name\": \"node1\", \"ready\": true, \"age_seconds\": 400, \"cpu\": 90}}]}}",
            self.line, self.why
        )
    }
}

/// Decides on each line of `samples` and writes a line for each to `answers`.
///
/// # Errors
/// At the first line that cannot be used, with its number; the decisions before it are written.
pub fn replay(
    config: &Config,
    machines: Option<MachineConfig>,
    samples: impl BufRead,
    mut answers: impl Write,
) -> anyhow::Result<()> {
    let mut past = Past { config, machine_config: machines, ..Past::new(config) };
    for (number, text) in samples.lines().enumerate() {
        let text = text.with_context(|| format!("line {} cannot be read as text", number + 1))?;
        if text.trim().is_empty() {
            continue;
        }
        let answer = past.answer(&text).map_err(|why| anyhow!("{}", Unusable { line: number + 1, why }))?;
        writeln!(answers, "{}", serde_json::to_string(&answer)?)?;
        answers.flush()?;
    }
    if past.last.is_none() {
        return Err(anyhow!("there is no sample to decide on; write one JSON object a line"));
    }
    Ok(())
}

struct Past<'a> {
    config: &'a Config,
    machine_config: Option<MachineConfig>,
    history: History,
    machines: Option<Machines>,
    /// Nodes that were ready in some line.
    seen_ready: HashSet<String>,
    /// Moment and wanted size of the line before.
    last: Option<(f64, u32)>,
}

impl<'a> Past<'a> {
    fn new(config: &'a Config) -> Self {
        let history = History::default();
        Self { config, machine_config: None, history, machines: None, seen_ready: HashSet::new(), last: None }
    }

    fn answer(&mut self, text: &str) -> Result<Answer, String> {
        let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let at = line.at;
        if let Some((before, _)) = self.last.filter(|(before, _)| at < *before) {
            return Err(format!("\"at\" goes back from {before} to {at}; sort the lines by time"));
        }
        let samples = self.samples(line)?;
        let decision = decide(self.config, &samples, &self.history, at);
        self.history.record(at, &decision);
        self.history.forget(self.config, at);
        self.last = Some((at, decision.wanted));
        let placement = self.place(&decision, at);
        let reason = match &placement {
            Some(placement) => format!("{}; {placement}", decision.reason),
            None => decision.reason.to_string(),
        };
        Ok(Answer { at, now: decision.size, wanted: decision.wanted, reason, machines: placement })
    }

    fn place(&mut self, decision: &Decision, at: f64) -> Option<Placement> {
        let config = self.machine_config?;
        let machines = self.machines.take().unwrap_or_else(|| Machines::holding(config, decision.size, at));
        let (machines, placement) = machines.want(decision.wanted, at);
        self.machines = Some(machines);
        Some(placement)
    }

    fn samples(&mut self, line: Line) -> Result<Samples, String> {
        let mut names = HashSet::new();
        if let Some(node) = line.nodes.iter().find(|node| !names.insert(&node.name)) {
            return Err(format!("\"{}\" is named twice; give each node once", node.name));
        }
        let totals = line.totals.into_iter().filter_map(|(name, value)| Some((metric(&name)?, value?)));
        let totals: BTreeMap<Metric, f64> = totals.collect();
        if let Some((metric, value)) = totals.iter().find(|(_, value)| **value < 0.0) {
            return Err(format!("the total of {} is {value}; it cannot be negative", metric.name()));
        }
        let nodes = line.nodes.into_iter().map(|node| self.node(node)).collect::<Result<Vec<_>, _>>()?;
        let counted = nodes.iter().filter(|node| node.counts()).count();
        let size = match (line.now, self.last) {
            (Some(now), _) => now,
            (None, Some((_, wanted))) => wanted,
            (None, None) if counted > 0 => u32::try_from(counted).unwrap_or(u32::MAX),
            (None, None) => return Err("neither \"now\" nor \"nodes\" says how many nodes there are".to_owned()),
        };
        Ok(Samples { size, nodes, totals })
    }

    fn node(&mut self, recorded: RecordedNode) -> Result<Node, String> {
        let RecordedNode { name, ready, .. } = recorded;
        let times = [
            ("age_seconds", recorded.age_seconds),
            ("since_seconds", recorded.since_seconds),
            ("sample_seconds", recorded.sample_seconds),
            ("quota_cores", recorded.quota_cores),
        ];
        if let Some((key, Some(value))) = times.iter().find(|(_, value)| value.is_some_and(|value| value < 0.0)) {
            return Err(format!("\"{key}\" of {name} is {value}; it cannot be negative"));
        }
        if recorded.quota_cores == Some(0.0) {
            return Err(format!("\"quota_cores\" of {name} is 0; leave it out where there is no quota"));
        }
        let state = match recorded.state {
            Some(RecordedState::Starting) => State::Starting,
            Some(RecordedState::Running) | None => State::Running { ready },
            Some(RecordedState::Draining) => State::Draining,
            Some(RecordedState::Failed) => State::Failed,
        };
        if state == (State::Running { ready: true }) {
            self.seen_ready.insert(name.clone());
        }
        let was_ready = recorded.was_ready.unwrap_or_else(|| self.seen_ready.contains(&name));
        let mut readings = BTreeMap::new();
        for (key, value) in &recorded.figures {
            if let Some(metric) = metric(key) {
                match value {
                    Value::Null => {}
                    Value::Number(number) if number.as_f64().is_some_and(|number| number >= 0.0) => {
                        readings.insert(metric, number.as_f64().unwrap_or_default());
                    }
                    other => {
                        return Err(format!("\"{key}\" of {name} is {other}; write a number from 0 on, or null"));
                    }
                }
            }
        }
        Ok(Node {
            name,
            state,
            age_seconds: recorded.age_seconds,
            since_seconds: recorded.since_seconds,
            sample_seconds: recorded.sample_seconds,
            was_ready,
            quota: recorded.quota_cores.unwrap_or(1.0),
            readings,
        })
    }
}

fn metric(name: &str) -> Option<Metric> {
    Metric::ALL.into_iter().find(|metric| metric.name() == name)
}
