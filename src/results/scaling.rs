//! What became of a cluster's size during a run whose load changes: decided by an autoscaler, and carried out.

use serde::{Deserialize, Serialize};

/// The size of a cluster over a run, and why it was so. Times are seconds from the begin of the load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// What there was, from each moment to the next. At least one step; a fixed size has just that.
    pub supply: Vec<Supply>,
    /// What was decided, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decided>,
    /// What went wrong, or was changed by others, in a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

/// Units from a moment on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Supply {
    /// From when.
    pub at_seconds: f64,
    /// Units that take requests.
    pub ready: u32,
    /// Units that start: paid, and of no use yet.
    #[serde(default)]
    pub starting: u32,
    /// Units that finish what they have: paid, and of no use any more.
    #[serde(default)]
    pub draining: u32,
    /// Nodes for which no machine has room: they wait for one, or share what another has.
    #[serde(default)]
    pub waiting: u32,
    /// The machines under them. `None` where none are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machines: Option<MachineSupply>,
}

/// Machines from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineSupply {
    /// Units that each has room for.
    pub units_each: u32,
    /// Those that have booted.
    pub ready: u32,
    /// Those that are ordered and boot.
    pub booting: u32,
}

impl Supply {
    /// Units that are paid: machines from their order on, with all their room; else units from their start to their end.
    pub fn paid(&self) -> u32 {
        match self.machines {
            Some(machines) => (machines.ready + machines.booting) * machines.units_each,
            None => self.ready + self.starting + self.draining,
        }
    }

    /// Whether only the moment differs.
    pub fn is_like(&self, other: &Self) -> bool {
        Self { at_seconds: other.at_seconds, ..*self } == *other
    }
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// When.
    pub at_seconds: f64,
    /// Units before.
    pub units: u32,
    /// Units that there shall be.
    pub wanted: u32,
    /// Why, in one sentence.
    pub reason: String,
}

/// Something else that a person should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// When.
    pub at_seconds: f64,
    /// What, in one sentence.
    pub text: String,
}

/// What an autoscaler tells of itself while it runs: a small file, written anew at each decision, which the nodes read for
/// the live page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// When it was written, in seconds since 1970.
    pub at_unix_seconds: f64,
    /// From one decision to the next.
    pub interval_seconds: f64,
    /// Units that take requests.
    pub ready: u32,
    /// Units that there shall be.
    pub wanted: u32,
    /// The machines under them. `None` where none are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machines: Option<MachineSupply>,
    /// Why the last decision is as it is, in one sentence.
    pub reason: String,
    /// The last decisions that changed the size, the newest first.
    pub changes: Vec<ToldChange>,
}

/// A decision that changed the size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToldChange {
    /// When, in seconds since 1970.
    pub at_unix_seconds: f64,
    /// Units before.
    pub units: u32,
    /// Units that there shall be.
    pub wanted: u32,
    /// Why.
    pub reason: String,
}

impl Told {
    /// Changes that are told.
    pub const CHANGES: usize = 5;

    /// Whether its writer still lives, at a moment in seconds since 1970: it writes every interval, or a change takes time.
    pub fn is_fresh(&self, now_unix_seconds: f64) -> bool {
        now_unix_seconds - self.at_unix_seconds <= 2.0 * self.interval_seconds + 30.0
    }
}

impl Scaling {
    /// A size that stays.
    pub fn fixed(units: u32) -> Self {
        Self { supply: vec![Supply { ready: units, ..Supply::default() }], ..Self::default() }
    }

    /// Notes what there is from a moment on; what is as before is no new step.
    pub fn note(&mut self, supply: Supply) {
        if self.supply.last().is_none_or(|last| !last.is_like(&supply)) {
            self.supply.push(supply);
        }
    }

    /// What there was at a moment; before the first step, that one.
    pub fn at(&self, seconds: f64) -> Option<&Supply> {
        let after = self.supply.partition_point(|step| step.at_seconds <= seconds);
        self.supply.get(after.saturating_sub(1))
    }

    /// Units times seconds that were paid up to `end`.
    pub fn unit_seconds(&self, end: f64) -> f64 {
        let until = self.supply.iter().skip(1).map(|step| step.at_seconds).chain([end]);
        let steps = self.supply.iter().zip(until);
        steps.map(|(step, until)| f64::from(step.paid()) * (until.min(end) - step.at_seconds.max(0.0)).max(0.0)).sum()
    }

    /// How often the number of units that take requests changed.
    pub fn changes(&self) -> usize {
        self.supply.windows(2).filter(|pair| pair[0].ready != pair[1].ready).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supply(at_seconds: f64, ready: u32, starting: u32, draining: u32) -> Supply {
        Supply { at_seconds, ready, starting, draining, ..Supply::default() }
    }

    #[test]
    fn what_starts_and_what_drains_is_paid() {
        let mut scaling = Scaling::fixed(2);
        assert_eq!(scaling.unit_seconds(10.0), 20.0);
        for step in [supply(1.0, 2, 0, 0), supply(2.0, 2, 2, 0), supply(3.0, 4, 0, 0), supply(6.0, 3, 0, 1)] {
            scaling.note(step);
        }
        assert_eq!((scaling.supply.len(), scaling.changes()), (4, 2), "the first is as before");
        // 2 units for 2 s, then 4 for 1 s and for 3 s, then 4 for 4 s.
        assert_eq!(scaling.unit_seconds(10.0), 4.0 + 4.0 + 12.0 + 16.0);
        assert_eq!(scaling.unit_seconds(2.5), 4.0 + 2.0, "a run may end before its last step");
        let at: Vec<u32> = [-1.0, 0.0, 2.9, 3.0, 99.0].map(|moment| scaling.at(moment).unwrap().ready).to_vec();
        assert_eq!(at, [2, 2, 2, 4, 3]);
    }

    #[test]
    fn machines_are_paid_from_their_order_with_all_their_room() {
        let machines = Some(MachineSupply { units_each: 2, ready: 1, booting: 2 });
        let nested = Supply { waiting: 3, machines, ..supply(0.0, 2, 0, 0) };
        assert_eq!(nested.paid(), 6);
    }

    #[test]
    fn is_written_and_read_as_agreed() {
        let mut scaling = Scaling::fixed(3);
        scaling.decisions.push(Decided { at_seconds: 1.0, units: 3, wanted: 4, reason: "cpu 95 %".into() });
        let text = serde_json::to_string(&scaling).unwrap();
        assert_eq!(serde_json::from_str::<Scaling>(&text).unwrap(), scaling);
        assert!(!text.contains("notices") && !text.contains("machines"), "{text}");
    }
}
