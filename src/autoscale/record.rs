//! A moment as it is written down: what `--replay` reads, and `--log` writes.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::config::Metric;
use super::sample::{SampledNode, SampledState, Samples};

/// What a line is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A moment to decide on.
    #[default]
    Decision,
    /// Something that went wrong, or that somebody else did: nothing to decide on.
    Notice,
}

/// A recorded moment.
#[derive(Debug, Deserialize)]
pub(super) struct RecordedMoment {
    /// Seconds.
    pub at: f64,
    #[serde(default)]
    pub event: LineKind,
    #[serde(default)]
    pub now: Option<u32>,
    #[serde(default)]
    pub nodes: Vec<RecordedNode>,
    #[serde(default)]
    pub totals: BTreeMap<String, Option<f64>>,
}

/// A recorded node.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RecordedNode {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<RecordedState>,
    #[serde(default = "yes")]
    ready: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    was_ready: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    age_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sample_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quota_cores: Option<f64>,
    /// The metrics, among whatever else was recorded.
    #[serde(flatten)]
    figures: Map<String, Value>,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RecordedState {
    Starting,
    Running,
    Draining,
    Failed,
}

impl RecordedMoment {
    /// The samples, for a cluster whose size follows `before` where the line does not say it. `seen_ready` are the nodes
    /// that were ready in an earlier line; those of this line are added.
    ///
    /// # Errors
    /// One sentence that says what is wrong with the line.
    pub fn samples(self, before: Option<u32>, seen_ready: &mut HashSet<String>) -> Result<Samples, String> {
        let mut names = HashSet::new();
        if let Some(node) = self.nodes.iter().find(|node| !names.insert(&node.name)) {
            return Err(format!("\"{}\" is named twice; give each node once", node.name));
        }
        let totals: BTreeMap<Metric, f64> =
            self.totals.into_iter().filter_map(|(name, value)| Some((metric(&name)?, value?))).collect();
        if let Some((metric, value)) = totals.iter().find(|(_, value)| **value < 0.0) {
            return Err(format!("the total of {} is {value}; it cannot be negative", metric.name()));
        }
        let nodes = self.nodes.into_iter().map(|node| node.read(seen_ready)).collect::<Result<Vec<_>, _>>()?;
        let counted = nodes.iter().filter(|node| node.counts()).count();
        let size = match self.now.or(before) {
            Some(size) => size,
            None if counted > 0 => u32::try_from(counted).unwrap_or(u32::MAX),
            None => return Err("neither \"now\" nor \"nodes\" says how many nodes there are".to_owned()),
        };
        Ok(Samples { size, nodes, totals, machines: None })
    }
}

impl RecordedNode {
    fn read(self, seen_ready: &mut HashSet<String>) -> Result<SampledNode, String> {
        self.check()?;
        let state = match self.state {
            Some(RecordedState::Starting) => SampledState::Starting,
            Some(RecordedState::Running) | None => SampledState::Running { ready: self.ready },
            Some(RecordedState::Draining) => SampledState::Draining,
            Some(RecordedState::Failed) => SampledState::Failed,
        };
        if state == (SampledState::Running { ready: true }) {
            seen_ready.insert(self.name.clone());
        }
        Ok(SampledNode {
            state,
            age_seconds: self.age_seconds,
            since_seconds: self.since_seconds,
            sample_seconds: self.sample_seconds,
            was_ready: self.was_ready.unwrap_or_else(|| seen_ready.contains(&self.name)),
            quota: self.quota_cores.unwrap_or(1.0),
            readings: self.readings()?,
            name: self.name,
        })
    }

    fn check(&self) -> Result<(), String> {
        let times = [
            ("age_seconds", self.age_seconds),
            ("since_seconds", self.since_seconds),
            ("sample_seconds", self.sample_seconds),
            ("quota_cores", self.quota_cores),
        ];
        if let Some((key, Some(value))) = times.iter().find(|(_, value)| value.is_some_and(|value| value < 0.0)) {
            return Err(format!("\"{key}\" of {} is {value}; it cannot be negative", self.name));
        }
        if self.quota_cores == Some(0.0) {
            return Err(format!("\"quota_cores\" of {} is 0; leave it out where there is no quota", self.name));
        }
        Ok(())
    }

    fn readings(&self) -> Result<BTreeMap<Metric, f64>, String> {
        let mut readings = BTreeMap::new();
        for (key, value) in &self.figures {
            match (metric(key), value) {
                (None, _) | (Some(_), Value::Null) => {}
                (Some(metric), value) => match value.as_f64() {
                    Some(value) if value >= 0.0 => {
                        readings.insert(metric, value);
                    }
                    _ => {
                        return Err(format!(
                            "\"{key}\" of {} is {value}; write a number from 0 on, or null",
                            self.name
                        ));
                    }
                },
            }
        }
        Ok(readings)
    }
}

impl RecordedNode {
    /// A node with its figures of `metrics`, so that a replay decides as the loop did.
    pub fn of(node: &SampledNode, metrics: impl Iterator<Item = Metric>) -> Self {
        let (state, ready) = match node.state {
            SampledState::Starting => (Some(RecordedState::Starting), false),
            SampledState::Running { ready } => (None, ready),
            SampledState::Draining => (Some(RecordedState::Draining), false),
            SampledState::Failed => (Some(RecordedState::Failed), false),
        };
        let figure = |metric: Metric| {
            let value = node.readings.get(&metric);
            (metric.name().to_owned(), value.map_or(Value::Null, |value| Value::from(*value)))
        };
        Self {
            name: node.name.clone(),
            state,
            ready,
            was_ready: Some(node.was_ready),
            age_seconds: node.age_seconds,
            since_seconds: node.since_seconds,
            sample_seconds: node.sample_seconds,
            quota_cores: Some(node.quota),
            figures: metrics.map(figure).collect(),
        }
    }
}

fn metric(name: &str) -> Option<Metric> {
    Metric::ALL.into_iter().find(|metric| metric.name() == name)
}
