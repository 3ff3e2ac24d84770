//! What the loop tells the nodes of its cluster, for their live page: a small file, written anew at each decision.

use std::fs;
use std::path::PathBuf;

use super::event::ScalingEvent;
use super::sample::SampledState;
use crate::results::folder::write_whole;
use crate::results::scaling::{MachineSupply, Told, ToldChange};

/// Writes the file, and takes it away in the end.
#[derive(Debug)]
pub(super) struct Publisher {
    file: Option<PathBuf>,
    units_each: Option<u32>,
    told: Told,
}

impl Publisher {
    /// `file`: where the cluster's nodes look; nothing is told without. `units_each`: room of a machine, where there are some.
    pub fn new(file: Option<PathBuf>, interval_seconds: f64, units_each: Option<u32>) -> Self {
        Self { file, units_each, told: Told { interval_seconds, ..Told::default() } }
    }

    /// Tells what happened, at a moment in seconds since 1970.
    ///
    /// # Errors
    /// When the file cannot be written; nothing more is told then.
    pub fn tell(&mut self, event: &ScalingEvent<'_>, now: f64) -> anyhow::Result<()> {
        if !self.note(event, now) {
            return Ok(());
        }
        let Some(file) = &self.file else { return Ok(()) };
        let written = serde_json::to_string(&self.told).map_err(Into::into).and_then(|text| write_whole(file, &text));
        if written.is_err() {
            self.file = None;
        }
        written
    }

    /// Whether there is something new to tell.
    fn note(&mut self, event: &ScalingEvent<'_>, now: f64) -> bool {
        match event {
            ScalingEvent::Decision { samples, step, .. } => {
                let ready = |state: SampledState| state == SampledState::Running { ready: true };
                self.told.ready = samples.nodes.iter().filter(|node| ready(node.state)).count() as u32;
                self.told.wanted = step.decision.wanted;
                self.told.reason = step.reason();
                self.told.machines = step.placement.zip(self.units_each).map(|(placement, units_each)| MachineSupply {
                    units_each,
                    ready: placement.machines,
                    booting: placement.booting,
                });
                if step.decision.wanted != step.decision.size {
                    let change = ToldChange {
                        at_unix_seconds: now,
                        units: step.decision.size,
                        wanted: step.decision.wanted,
                        reason: step.reason(),
                    };
                    self.told.changes.insert(0, change);
                    self.told.changes.truncate(Told::CHANGES);
                }
            }
            ScalingEvent::Changed { to, .. } => self.told.ready = *to,
            ScalingEvent::Notice { .. } => return false,
        }
        self.told.at_unix_seconds = now;
        true
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // Where the cluster has gone meanwhile, so has its folder.
            let _ = fs::remove_file(file);
        }
    }
}
