//! Decisions for recorded samples, without a cluster: as for an incident that is over.
//!
//! A line of JSON in, a line of JSON out. The file is all the history there is: nothing is assumed before its first line.
//! What `--log` wrote can be replayed, with the same rules or with others.

use std::collections::HashSet;
use std::io::{BufRead, Write};

use anyhow::{Context, anyhow};
use serde::Serialize;

use super::autoscaler::Autoscaler;
use super::config::Config;
use super::history::DecisionHistory;
use super::machines::{MachineConfig, Placement};
use super::record::{LineKind, RecordedMoment};

/// A decision, as a line of the answer.
#[derive(Serialize)]
struct DecisionLine {
    at: f64,
    now: u32,
    wanted: u32,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    machines: Option<Placement>,
}

const EXAMPLE: &str =
    r#"{"at": 15.0, "now": 3, "nodes": [{"name": "node1", "ready": true, "age_seconds": 400, "cpu": 90}]}"#;

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
    let autoscaler = Autoscaler::new(config.clone(), machines, DecisionHistory::default());
    let mut past = Past { autoscaler, seen_ready: HashSet::new(), last: None };
    for (number, text) in samples.lines().enumerate() {
        let number = number + 1;
        let text = text.with_context(|| format!("line {number} cannot be read as text"))?;
        if text.trim().is_empty() {
            continue;
        }
        let answer =
            past.answer(&text).map_err(|why| anyhow!("line {number}: {why}; a line is for instance {EXAMPLE}"))?;
        if let Some(answer) = answer {
            writeln!(answers, "{}", serde_json::to_string(&answer)?)?;
            answers.flush()?;
        }
    }
    match past.last {
        Some(_) => Ok(()),
        None => Err(anyhow!("there is no sample to decide on; a line is for instance {EXAMPLE}")),
    }
}

struct Past {
    autoscaler: Autoscaler,
    /// Nodes that were ready in some line.
    seen_ready: HashSet<String>,
    /// Moment and wanted size of the line before.
    last: Option<(f64, u32)>,
}

impl Past {
    /// `None` for a line that is not about a decision.
    fn answer(&mut self, text: &str) -> Result<Option<DecisionLine>, String> {
        let line: RecordedMoment = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if line.event == LineKind::Notice {
            return Ok(None);
        }
        let at = line.at;
        if let Some((before, _)) = self.last.filter(|(before, _)| at < *before) {
            return Err(format!("\"at\" goes back from {before} to {at}; sort the lines by time"));
        }
        let samples = line.samples(self.last.map(|(_, wanted)| wanted), &mut self.seen_ready)?;
        let step = self.autoscaler.step(&samples, at);
        let decision = &step.decision;
        self.autoscaler.carried_out(decision, at);
        self.last = Some((at, decision.wanted));
        let (now, wanted) = (decision.size, decision.wanted);
        Ok(Some(DecisionLine { at, now, wanted, reason: step.reason(), machines: step.placement }))
    }
}
