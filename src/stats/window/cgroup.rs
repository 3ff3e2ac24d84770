//! The limits that bind: which quota is the tightest, which level throttled, which is the fullest of memory.

use super::{Notes, Span, percent, round};
use crate::kernel::cgroup::{Controlled, CpuLevel, MemoryLevel};
use crate::stats::model::Cgroup;
use crate::stats::sample::Sample;

pub fn figures(span: Option<&Span<'_>>, after: &Sample, notes: &mut Notes) -> Cgroup {
    let mut figures = Cgroup::default();
    match &after.cgroup.cpu {
        Ok(cpu) => {
            figures.version = Some(cpu.version);
            figures.path = Some(cpu.path.clone());
            bandwidth(&mut figures, span, cpu, notes);
        }
        Err(error) => notes.add_each(CPU_FIGURES, &error.to_string()),
    }
    match &after.cgroup.memory {
        Ok(memory) => {
            figures.version = figures.version.or(Some(memory.version));
            figures.path = figures.path.or_else(|| Some(memory.path.clone()));
            capacity(&mut figures, span, memory, notes);
        }
        Err(error) => notes.add_each(MEMORY_FIGURES, &error.to_string()),
    }
    if let (Err(error), None) = (&after.cgroup.cpu, figures.version) {
        notes.add_each(["cgroup.version", "cgroup.path"], &error.to_string());
    }
    figures
}

/// What is not there without a CPU quota.
const CPU_FIGURES: [&str; 8] = [
    "cgroup.cpu_quota_cores",
    "cgroup.cpu_usage_cores",
    "cgroup.cpu_quota_utilization",
    "cgroup.throttled_percent",
    "cgroup.throttled_window_percent",
    "cgroup.throttled_quota_cores",
    "cgroup.throttled_path",
    "cgroup.throttled_seconds_total",
];

/// What is not there without the memory controller.
const MEMORY_FIGURES: [&str; 7] = [
    "cgroup.memory_limit_bytes",
    "cgroup.memory_used_bytes",
    "cgroup.memory_working_set_bytes",
    "cgroup.memory_utilization",
    "cgroup.memory_binding_limit_bytes",
    "cgroup.oom_kills_total",
    "cgroup.oom_kills",
];

fn bandwidth(figures: &mut Cgroup, span: Option<&Span<'_>>, cpu: &Controlled<CpuLevel>, notes: &mut Notes) {
    let before = span.and_then(|span| span.before.cgroup.cpu.as_ref().ok());
    if before.is_some_and(|before| before.path != cpu.path) {
        let places = [
            "cgroup.cpu_usage_cores",
            "cgroup.cpu_quota_utilization",
            "cgroup.throttled_percent",
            "cgroup.throttled_window_percent",
        ];
        notes.add_each(places, "the process was moved to another group in this window");
    }
    let before = before.filter(|before| before.path == cpu.path);
    let levels: Vec<Bandwidth<'_>> =
        cpu.levels.iter().map(|level| Bandwidth::new(level, before, span.map(|span| span.seconds))).collect();

    let tightest = levels.iter().filter(|level| level.after.quota_cores.is_some()).min_by(|left, right| {
        left.after.quota_cores.unwrap_or(f64::MAX).total_cmp(&right.after.quota_cores.unwrap_or(f64::MAX))
    });
    if tightest.is_none() {
        notes.add_each(CPU_FIGURES, "no CPU quota is set from this process's group upwards");
    }
    if let Some(level) = tightest {
        figures.cpu_quota_cores = level.after.quota_cores.map(|cores| round(cores, 4));
        figures.cpu_usage_cores = level.usage_cores.map(|cores| round(cores, 4));
        figures.cpu_quota_utilization =
            level.usage_cores.zip(level.after.quota_cores).and_then(|(used, quota)| percent(used, quota));
        if level.after.usage_seconds.is_none() {
            let reason = format!("the kernel does not account CPU time for {}", level.after.path);
            notes.add_each(["cgroup.cpu_usage_cores", "cgroup.cpu_quota_utilization"], &reason);
        }
    }
    // Ties go to the tightest, so that an idle window names the quota that would bind first.
    let most = levels.iter().filter(|level| level.after.quota_cores.is_some()).max_by(|left, right| {
        let key = |level: &Bandwidth<'_>| level.throttled_window_percent.unwrap_or(-1.0);
        let tightness = |level: &Bandwidth<'_>| -level.after.quota_cores.unwrap_or(f64::MAX);
        key(left).total_cmp(&key(right)).then(tightness(left).total_cmp(&tightness(right)))
    });
    if let Some(level) = most {
        figures.throttled_percent = level.throttled_percent;
        figures.throttled_window_percent = level.throttled_window_percent;
        figures.throttled_quota_cores = level.after.quota_cores.map(|cores| round(cores, 4));
        figures.throttled_path = Some(level.after.path.clone());
        figures.throttled_seconds_total = level.after.throttled_seconds.map(|seconds| round(seconds, 6));
    }
}

/// One level over the window.
struct Bandwidth<'a> {
    after: &'a CpuLevel,
    usage_cores: Option<f64>,
    throttled_percent: Option<f64>,
    throttled_window_percent: Option<f64>,
}

impl<'a> Bandwidth<'a> {
    fn new(after: &'a CpuLevel, before: Option<&Controlled<CpuLevel>>, seconds: Option<f64>) -> Self {
        let before = before.and_then(|before| before.levels.iter().find(|level| level.path == after.path));
        let growth = |counter: fn(&CpuLevel) -> Option<u64>| Some(counter(after)?.saturating_sub(counter(before?)?));
        let (periods, throttled) = (growth(|level| level.periods), growth(|level| level.throttled_periods));
        let used = before.and_then(|before| Some((after.usage_seconds? - before.usage_seconds?).max(0.0)));
        Self {
            after,
            usage_cores: used.zip(seconds).map(|(used, seconds)| used / seconds),
            // The kernel counts a period only while the group has work: with none, none was throttled.
            throttled_percent: throttled
                .zip(periods)
                .map(|(throttled, periods)| percent(throttled as f64, periods as f64).unwrap_or(0.0).min(100.0)),
            throttled_window_percent: throttled.zip(after.period_seconds).zip(seconds).and_then(
                |((throttled, period), seconds)| {
                    percent(throttled as f64 * period, seconds).map(|share| share.min(100.0))
                },
            ),
        }
    }
}

fn capacity(figures: &mut Cgroup, span: Option<&Span<'_>>, memory: &Controlled<MemoryLevel>, notes: &mut Notes) {
    figures.memory_limit_bytes = memory.levels.iter().filter_map(limit).min();
    if figures.memory_limit_bytes.is_none() {
        let places = ["cgroup.memory_limit_bytes", "cgroup.memory_utilization", "cgroup.memory_binding_limit_bytes"];
        notes.add_each(places, "no memory limit is set from this process's group upwards");
    }
    let fullness = |level: &MemoryLevel| Some(working_set(level)? as f64 / limit(level)? as f64);
    let fullest = memory
        .levels
        .iter()
        .filter(|level| limit(level).is_some())
        .max_by(|left, right| fullness(left).unwrap_or(-1.0).total_cmp(&fullness(right).unwrap_or(-1.0)))
        .or(memory.levels.first());
    let Some(level) = fullest else { return };
    figures.memory_used_bytes = level.used_bytes;
    figures.memory_working_set_bytes = working_set(level);
    figures.memory_binding_limit_bytes = limit(level);
    figures.memory_utilization = fullness(level).and_then(|share| percent(share, 1.0));
    figures.oom_kills_total = level.oom_kills;
    if level.oom_kills.is_none() {
        let reason = format!("the kernel does not count them for {}", level.path);
        notes.add_each(["cgroup.oom_kills_total", "cgroup.oom_kills"], &reason);
    }
    if level.used_bytes.is_none() {
        let reason = format!("the kernel does not account memory for {}", level.path);
        let places = ["cgroup.memory_used_bytes", "cgroup.memory_working_set_bytes", "cgroup.memory_utilization"];
        notes.add_each(places, &reason);
    }
    let before = span
        .and_then(|span| span.before.cgroup.memory.as_ref().ok())
        .and_then(|before| before.levels.iter().find(|before| before.path == level.path));
    figures.oom_kills = before.and_then(|before| Some(level.oom_kills?.saturating_sub(before.oom_kills?)));
}

/// The lower of the limit that kills and the one that slows down.
fn limit(level: &MemoryLevel) -> Option<u64> {
    [level.limit_bytes, level.high_bytes].into_iter().flatten().min()
}

fn working_set(level: &MemoryLevel) -> Option<u64> {
    Some(level.used_bytes?.saturating_sub(level.inactive_file_bytes.unwrap_or_default()))
}
