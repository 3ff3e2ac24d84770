//! CPU that was used by none of those who belong to a run. A run beside it measures the machine's other work, too.

use crate::results::number::significant;
use crate::results::run::MachineUse;

/// Above this share of the machine, a run is not valid.
const MOST_FOREIGN: f64 = 0.1;
/// A machine with less than this left is full.
const FULL: f64 = 0.95;
/// On a full machine, this share of it already takes something from the cluster.
const NOTICEABLE: f64 = 0.03;
/// A cluster that used less than this share of its quota could have used more.
const BELOW_QUOTA: f64 = 0.9;
/// An exact clock that runs behind the ticks by more than this share of the machine does not count everything.
const BEHIND: f64 = 0.05;

/// What the machine's clocks say of a window, all in cores (CPU seconds for each second).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clocks {
    /// Processors of the machine.
    pub cores: Option<f64>,
    /// Neither idle nor waiting for I/O by the ticks of `/proc/stat`, with what was stolen.
    pub busy_by_ticks: Option<f64>,
    /// Stolen by the hypervisor.
    pub stolen: Option<f64>,
    /// Ran tasks, by an exact clock.
    pub busy_exactly: Option<f64>,
}

/// A part of a run: what it used, or why that is not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CpuPart {
    /// So many cores of this machine.
    Used(f64),
    /// On this machine, but nobody knows how much.
    Unknown,
}

impl CpuPart {
    /// The sum of several.
    pub fn sum(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().fold(Self::Used(0.0), |sum, part| match (sum, part) {
            (Self::Used(a), Self::Used(b)) => Self::Used(a + b),
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
        })
    }

    /// The cores, where they are known.
    pub fn cores(self) -> Option<f64> {
        match self {
            Self::Used(cores) => Some(cores),
            Self::Unknown => None,
        }
    }
}

/// CPU of the machine that was in use, in cores, with what was stolen from it.
pub fn busy(clocks: &Clocks) -> Option<f64> {
    let exactly = clocks.busy_exactly.map(|busy| busy + clocks.stolen.unwrap_or(0.0));
    match (exactly, clocks.busy_by_ticks, clocks.cores) {
        (Some(exactly), Some(ticks), Some(cores)) if exactly < ticks - BEHIND * cores => Some(ticks),
        (Some(exactly), _, _) => Some(exactly),
        (None, ticks, _) => ticks,
    }
}

/// What is left of `busy` when all `parts` are taken away. `None` where a part is not known.
pub fn foreign(busy: Option<f64>, parts: &[CpuPart]) -> Option<f64> {
    let known = CpuPart::sum(parts.iter().copied()).cores()?;
    Some((busy? - known).max(0.0))
}

/// Why a run with this machine is not valid, in plain words. `used` and `quota`: of all nodes, in cores.
pub fn reason(machine: &MachineUse, used: Option<f64>, quota: Option<f64>) -> Option<String> {
    let (foreign, cores) = (machine.foreign_cores?, machine.cores?);
    let full = machine.busy_cores.is_some_and(|busy| busy >= FULL * cores);
    let held = used.zip(quota).filter(|(used, quota)| *used < BELOW_QUOTA * quota);
    let held = held.filter(|_| full && foreign >= NOTICEABLE * cores);
    if foreign <= MOST_FOREIGN * cores && held.is_none() {
        return None;
    }
    let mut reason = format!("other processes used {} cores meanwhile", significant(foreign, 2));
    let stolen = machine.steal_percent.map_or(0.0, |percent| percent / 100.0 * cores);
    if stolen >= NOTICEABLE * cores {
        reason += &format!(" ({} of them taken by the hypervisor)", significant(stolen, 2));
    }
    if let Some((used, quota)) = held {
        reason += &format!("; the nodes got {} of their {} cores", significant(used, 2), significant(quota, 2));
    }
    Some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_clock_unless_it_misses_something() {
        let clocks = |exactly, ticks| Clocks {
            cores: Some(2.0),
            busy_by_ticks: ticks,
            stolen: Some(0.1),
            busy_exactly: exactly,
        };
        assert_eq!(busy(&clocks(Some(1.0), Some(1.13))), Some(1.1));
        assert_eq!(busy(&clocks(Some(1.0), Some(0.9))), Some(1.1));
        assert_eq!(busy(&clocks(Some(0.5), Some(1.0))), Some(1.0), "of a part of the machine only");
        assert_eq!(busy(&clocks(None, Some(0.9))), Some(0.9));
        assert_eq!(busy(&clocks(None, None)), None);
    }

    #[test]
    fn what_is_left_is_foreign() {
        use CpuPart::{Unknown, Used};
        assert_eq!(foreign(Some(1.5), &[Used(0.5), Used(0.25)]), Some(0.75));
        assert_eq!(foreign(Some(0.5), &[Used(0.6)]), Some(0.0), "clocks differ a little");
        assert_eq!(foreign(Some(1.5), &[Used(0.5), Unknown]), None);
        assert_eq!(foreign(None, &[Used(0.5)]), None);
        assert_eq!(foreign(Some(0.5), &[]), Some(0.5));
    }

    #[test]
    fn runs_beside_others_are_not_valid() {
        let machine = |foreign, busy, steal| MachineUse {
            cores: Some(2.0),
            busy_cores: Some(busy),
            foreign_cores: foreign,
            steal_percent: Some(steal),
            ..MachineUse::default()
        };
        for (foreign, busy, steal, used, quota, said) in [
            (None, 2.0, 0.0, Some(0.5), Some(1.0), None),
            (Some(0.05), 1.0, 0.0, Some(1.0), Some(1.0), None),
            (Some(0.2), 1.0, 0.0, Some(1.0), Some(1.0), None),
            (Some(0.9), 2.0, 0.0, Some(1.0), Some(1.0), Some("other processes used 0.90 cores meanwhile")),
            (
                Some(0.5),
                1.2,
                20.0,
                Some(1.0),
                Some(1.0),
                Some("other processes used 0.50 cores meanwhile (0.40 of them taken by the hypervisor)"),
            ),
            // On a full machine less is enough, where the cluster had to do with less than its quota.
            (
                Some(0.1),
                1.95,
                0.0,
                Some(0.8),
                Some(1.0),
                Some("other processes used 0.10 cores meanwhile; the nodes got 0.80 of their 1.0 cores"),
            ),
            (Some(0.1), 1.95, 0.0, Some(0.98), Some(1.0), None),
            (Some(0.1), 1.5, 0.0, Some(0.8), Some(1.0), None),
            (Some(0.01), 2.0, 0.0, Some(0.8), Some(1.0), None),
            (Some(0.1), 1.95, 0.0, Some(0.8), None, None),
        ] {
            let found = reason(&machine(foreign, busy, steal), used, quota);
            assert_eq!(found.as_deref(), said, "{foreign:?} {busy} {steal} {used:?} {quota:?}");
        }
    }
}
