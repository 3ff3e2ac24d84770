//! What the loop did: a line for people, and a line of JSON for programs, which `--replay` reads.

use std::time::SystemTime;

use serde::Serialize;

use super::config::Config;
use super::event::ScalingEvent;
use super::machines::Placement;
use super::record::{LineKind, RecordedNode};

#[derive(Serialize)]
struct LogEntry {
    at: f64,
    time: String,
    event: LineKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<u32>,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    machines: Option<Placement>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<RecordedNode>,
}

/// An event as a person reads it: `2026-11-26T03:15:16Z 4 -> 6: queue 3.4 a node, …`.
pub fn line(event: &ScalingEvent<'_>, time: SystemTime) -> String {
    let time = humantime::format_rfc3339_seconds(time);
    match event {
        ScalingEvent::Decision { step, .. } => {
            let decision = &step.decision;
            format!("{time} {} -> {}: {}", decision.size, decision.wanted, step.reason())
        }
        ScalingEvent::Changed { from, to, seconds, .. } => format!("{time} {}", changed(*from, *to, *seconds)),
        ScalingEvent::Notice { text, .. } => format!("{time} {text}"),
    }
}

/// An event as a line of JSON, with what each node said of the metrics of `config`.
///
/// # Errors
/// When it cannot be written as JSON: a figure is no number.
pub fn json(event: &ScalingEvent<'_>, time: SystemTime, config: &Config) -> serde_json::Result<String> {
    let time = humantime::format_rfc3339_millis(time).to_string();
    let metrics = || config.targets.iter().map(|target| target.metric);
    let notice = |at: f64, reason: String| LogEntry {
        at,
        time: time.clone(),
        event: LineKind::Notice,
        now: None,
        wanted: None,
        reason,
        machines: None,
        nodes: Vec::new(),
    };
    let entry = match event {
        ScalingEvent::Decision { at, samples, step, .. } => LogEntry {
            at: *at,
            time: time.clone(),
            event: LineKind::Decision,
            now: Some(step.decision.size),
            wanted: Some(step.decision.wanted),
            reason: step.reason(),
            machines: step.placement,
            nodes: samples.nodes.iter().map(|node| RecordedNode::of(node, metrics())).collect(),
        },
        ScalingEvent::Changed { at, from, to, seconds, .. } => notice(*at, changed(*from, *to, *seconds)),
        ScalingEvent::Notice { at, text } => notice(*at, text.clone()),
    };
    serde_json::to_string(&entry)
}

fn changed(from: u32, to: u32, seconds: f64) -> String {
    if from == to {
        return format!("the driver changed the machines in {seconds:.1} s");
    }
    format!("the driver made it {to} in {seconds:.1} s")
}
