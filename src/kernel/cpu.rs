//! `/proc/stat`, `/proc/loadavg` and the CPUs this process may use (proc_pid_stat(5), fs/proc/stat.c).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::root::{clip, complete_lines};
use super::{ReadError, Reading, Root};

/// Time a CPU spent in each state, in ticks since boot. Guest time is already inside `user` and `nice`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ticks {
    /// Programs at normal priority.
    pub user: u64,
    /// Programs at lowered priority.
    pub nice: u64,
    /// The kernel, for programs.
    pub system: u64,
    /// Nothing to run.
    pub idle: u64,
    /// Nothing to run, while a task of this CPU waited for a disk. It can decrease.
    pub iowait: Option<u64>,
    /// Hardware interrupts.
    pub irq: Option<u64>,
    /// Deferred interrupt work, such as the network stack's receive side.
    pub softirq: Option<u64>,
    /// Wanted to run, while the hypervisor ran something else.
    pub steal: Option<u64>,
}

impl Ticks {
    /// Joins two readings state by state; a column that either lacks is lacking.
    pub fn join(&self, other: &Self, join: fn(u64, u64) -> u64) -> Self {
        let optional = |left: Option<u64>, right: Option<u64>| left.zip(right).map(|(left, right)| join(left, right));
        Self {
            user: join(self.user, other.user),
            nice: join(self.nice, other.nice),
            system: join(self.system, other.system),
            idle: join(self.idle, other.idle),
            iowait: optional(self.iowait, other.iowait),
            irq: optional(self.irq, other.irq),
            softirq: optional(self.softirq, other.softirq),
            steal: optional(self.steal, other.steal),
        }
    }

    /// Time in any state. A column that this kernel lacks counts as none.
    pub fn all(&self) -> u64 {
        let optional = [self.iowait, self.irq, self.softirq, self.steal].map(Option::unwrap_or_default);
        [self.user, self.nice, self.system, self.idle].into_iter().chain(optional).fold(0, u64::saturating_add)
    }

    /// Time that was neither idle nor iowait, so with what was stolen.
    pub fn busy(&self) -> u64 {
        self.all().saturating_sub(self.idle).saturating_sub(self.iowait.unwrap_or_default())
    }
}

/// One reading of `/proc/stat`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuReading {
    /// The line `cpu`: all CPUs, those that are offline included. Where that line cannot be read, the sum of the others.
    pub total: Ticks,
    /// The lines `cpuN` by their N: CPUs that are online now.
    pub cores: BTreeMap<u32, Ticks>,
    /// Tasks running or ready to run now.
    pub runnable: Option<u64>,
    /// Tasks waiting for a disk now.
    pub blocked: Option<u64>,
}

/// Reads `/proc/stat`.
///
/// # Errors
/// When the file is missing, or has no whole line of a CPU.
pub fn read(root: &Root) -> Reading<CpuReading> {
    const PATH: &str = "/proc/stat";
    let text = root.read(PATH)?;
    let mut reading = CpuReading::default();
    let mut total = None;
    for line in complete_lines(&text) {
        let Some((name, rest)) = line.split_once(' ') else { continue };
        if let Some(core) = name.strip_prefix("cpu") {
            let Some(ticks) = ticks(rest) else { continue };
            if core.is_empty() {
                total = Some(ticks);
            } else if let Ok(core) = core.parse() {
                reading.cores.insert(core, ticks);
            }
        } else if name == "procs_running" {
            reading.runnable = rest.trim().parse().ok();
        } else if name == "procs_blocked" {
            reading.blocked = rest.trim().parse().ok();
        }
    }
    let sum = || reading.cores.values().copied().reduce(|sum, ticks| sum.join(&ticks, u64::saturating_add));
    reading.total = total
        .or_else(sum)
        .ok_or_else(|| ReadError::malformed(root.path(PATH), "no whole line 'cpu': the file is cut short"))?;
    Ok(reading)
}

fn ticks(fields: &str) -> Option<Ticks> {
    let mut fields = fields.split_ascii_whitespace().map(|field| field.parse::<u64>().ok());
    // The first four have been there since Linux 1.0; the others came with 2.5 and 2.6.11.
    let (user, nice, system, idle) = (fields.next()??, fields.next()??, fields.next()??, fields.next()??);
    let mut optional = || fields.next().flatten();
    Some(Ticks {
        user,
        nice,
        system,
        idle,
        iowait: optional(),
        irq: optional(),
        softirq: optional(),
        steal: optional(),
    })
}

/// The load average over 1, 5 and 15 minutes: tasks that run, are ready to run, or wait for a disk.
///
/// # Errors
/// When `/proc/loadavg` is missing or does not begin with three numbers.
pub fn load_average(root: &Root) -> Reading<[f64; 3]> {
    const PATH: &str = "/proc/loadavg";
    let text = root.read(PATH)?;
    let mut fields = text.split_ascii_whitespace().map(|field| field.parse::<f64>().ok());
    match (fields.next().flatten(), fields.next().flatten(), fields.next().flatten()) {
        (Some(one), Some(five), Some(fifteen)) => Ok([one, five, fifteen]),
        _ => Err(ReadError::malformed(
            root.path(PATH),
            format!("'{}' does not begin with three numbers", clip(text.trim())),
        )),
    }
}

/// The CPUs that this process may run on (its affinity, which a cpuset narrows): `Cpus_allowed_list` of `/proc/self/status`.
///
/// # Errors
/// When the file or the line is missing, or is not a list of CPUs.
pub fn allowed(root: &Root) -> Reading<BTreeSet<u32>> {
    const PATH: &str = "/proc/self/status";
    let text = root.read(PATH)?;
    let list = complete_lines(&text)
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .ok_or_else(|| ReadError::malformed(root.path(PATH), "no line 'Cpus_allowed_list'"))?;
    parse_list(list.trim())
        .ok_or_else(|| ReadError::malformed(root.path(PATH), format!("'{}' is not a list of CPUs", clip(list.trim()))))
}

/// A list of CPUs as cpuset(7) writes it: `0-3,8`.
fn parse_list(list: &str) -> Option<BTreeSet<u32>> {
    let mut cpus = BTreeSet::new();
    for range in list.split(',').filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse().ok()?, last.parse::<u32>().ok()?);
        // The kernel knows at most 8192 CPUs; a longer range is not a list of CPUs, and must not fill the memory.
        if last >= 1 << 16 {
            return None;
        }
        cpus.extend(first..=last);
    }
    (!cpus.is_empty()).then_some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus() {
        assert_eq!(parse_list("0-2,8"), Some(BTreeSet::from([0, 1, 2, 8])));
        assert_eq!(parse_list("3"), Some(BTreeSet::from([3])));
        assert_eq!(parse_list(""), None);
        assert_eq!(parse_list("0-99999999"), None);
        assert_eq!(parse_list("a-b"), None);
    }

    #[test]
    fn older_kernels_have_fewer_columns() {
        let short = ticks(" 10 1 5 100").unwrap();
        assert_eq!((short.user, short.idle, short.iowait, short.steal), (10, 100, None, None));
        assert_eq!(ticks("10 1 5"), None);
        assert_eq!(ticks("10 1 x 5"), None);
        assert_eq!(ticks("1 2 3 4 5 6 7 8 9 10").unwrap().steal, Some(8));
        // Guest time, the last two columns, is inside user and nice already.
        let whole = ticks("100 1 20 800 50 3 6 20 7 0").unwrap();
        assert_eq!((whole.busy(), whole.all()), (150, 1_000));
        assert_eq!((short.busy(), short.all()), (16, 116));
    }
}
