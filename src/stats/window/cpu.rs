//! Shares of CPU time.

use super::{Notes, Span, percent};
use crate::kernel::cpu::{CpuReading, Ticks};
use crate::stats::model::{Core, Cpu, CpuShares};
use crate::stats::sample::Sample;

pub fn figures(span: Option<&Span<'_>>, after: &Sample, notes: &mut Notes) -> Cpu {
    let load_average = notes.take("cpu.load_average", &after.load_average).copied();
    let allowed = notes.take("cpu.allowed_cores", &after.allowed_cores);
    let Some(reading) = notes.take("cpu", &after.cpu) else { return Cpu { load_average, ..Cpu::default() } };
    // A list of allowed CPUs may name some that are offline or do not exist.
    let usable = |core: &u32| allowed.is_none_or(|allowed| allowed.contains(core));
    let mut figures = Cpu {
        cores: (!reading.cores.is_empty()).then_some(reading.cores.len() as u64),
        allowed_cores: allowed.map(|_| reading.cores.keys().filter(|core| usable(core)).count() as u64),
        runnable: reading.runnable,
        blocked: reading.blocked,
        load_average,
        ..Cpu::default()
    };
    let columns = &reading.total;
    for (name, column) in
        [("iowait", columns.iowait), ("irq", columns.irq), ("softirq", columns.softirq), ("steal", columns.steal)]
    {
        if column.is_none() {
            notes.add(&format!("cpu.{name}"), format!("/proc/stat of this kernel has no column '{name}'"));
        }
    }
    for (name, line, figure) in [
        ("cores", "cpuN", figures.cores),
        ("runnable", "procs_running", reading.runnable),
        ("blocked", "procs_blocked", reading.blocked),
    ] {
        if figure.is_none() {
            notes.add(&format!("cpu.{name}"), format!("/proc/stat has no line '{line}'"));
        }
    }
    let Some(before) = span.and_then(|span| span.before.cpu.as_ref().ok()) else { return figures };
    let growths: Vec<(u32, Growth)> = common_cores(before, reading).collect();
    let sum = |growths: &mut dyn Iterator<Item = &(u32, Growth)>| {
        growths.map(|(_, growth)| *growth).reduce(|sum, growth| sum.plus(&growth))
    };
    // CPUs come and go, and the line 'cpu' jumps with them where a container's view is made up: the sum over the CPUs that
    // were there all the time does not.
    let all = sum(&mut growths.iter()).unwrap_or_else(|| Growth::between(&before.total, &reading.total));
    figures.shares = all.shares();
    figures.allowed_busy =
        sum(&mut growths.iter().filter(|(core, _)| usable(core))).and_then(|growth| growth.shares().busy);
    figures.per_core = growths.iter().map(|(core, growth)| Core { core: *core, shares: growth.shares() }).collect();
    figures
}

fn common_cores(before: &CpuReading, after: &CpuReading) -> impl Iterator<Item = (u32, Growth)> {
    after.cores.iter().filter_map(|(core, after)| Some((*core, Growth::between(before.cores.get(core)?, after))))
}

/// Ticks that passed in each state.
#[derive(Clone, Copy)]
struct Growth(Ticks);

impl Growth {
    /// Field by field; one that went back counts as 0 (`iowait` does so by design, `idle` when a CPU comes back).
    fn between(before: &Ticks, after: &Ticks) -> Self {
        Self(after.join(before, u64::saturating_sub))
    }

    fn plus(&self, other: &Self) -> Self {
        Self(self.0.join(&other.0, u64::saturating_add))
    }

    fn shares(&self) -> CpuShares {
        let ticks = &self.0;
        let total = ticks.all() as f64;
        let share = |part: u64| percent(part as f64, total);
        CpuShares {
            user: share(ticks.user),
            nice: share(ticks.nice),
            system: share(ticks.system),
            iowait: ticks.iowait.and_then(share),
            irq: ticks.irq.and_then(share),
            softirq: ticks.softirq.and_then(share),
            steal: ticks.steal.and_then(share),
            idle: share(ticks.idle),
            busy: share(ticks.busy()),
        }
    }
}
