//! A window: rates and shares from two samples. Pure functions; a counter that went back counts as 0, as in sysstat.

mod cache;
mod cgroup;
mod cpu;
mod devices;
mod node;
mod store;

use std::collections::BTreeMap;

use super::model::{MemoryStats, Pressure, Pressures, Process, Sockets, Tcp, Window};
use super::sample::Sample;
use crate::kernel::pressure::Stall;
use crate::kernel::{ReadError, Reading, clock};

/// Why figures are missing: their place in `/stats`, and the reason.
pub type Unavailable = BTreeMap<String, String>;

/// The window from `before` to `after`; without `before` there are states, but neither rates nor shares.
pub fn window(before: Option<&Sample>, after: &Sample) -> (Window, Unavailable) {
    let mut notes = Notes(Unavailable::new());
    // Two samples within a millisecond are not a window: the ticks of /proc/stat are ten times as coarse.
    let seconds = before.map(|before| after.monotonic_seconds - before.monotonic_seconds).filter(|span| *span > 1e-3);
    let span = seconds.and_then(|seconds| before.map(|before| Span { before, after, seconds }));
    if span.is_none() {
        notes.add("window_seconds", "the first window has not ended yet: no rates and no shares so far");
    }
    let span = span.as_ref();
    let window = Window {
        window_seconds: seconds.map(|seconds| round(seconds, 6)),
        cpu: cpu::figures(span, after, &mut notes),
        cgroup: cgroup::figures(span, after, &mut notes),
        memory: memory(after, &mut notes),
        process: process(span, after, &mut notes),
        pressure: pressures(span, after, &mut notes),
        disks: devices::disks(span, after, &mut notes),
        network: devices::network(span, after, &mut notes),
        tcp: tcp(span, after, &mut notes),
        sockets: sockets(span, after, &mut notes),
        pool: node::pool(span, after, &mut notes),
        connections: node::connections(span, after),
        requests: node::requests(span, after, &mut notes),
        store: store::store(span, after, &mut notes),
        cache: cache::cache(span, after, &mut notes),
    };
    (window, notes.0)
}

/// Two samples and the time between them.
struct Span<'a> {
    before: &'a Sample,
    after: &'a Sample,
    seconds: f64,
}

impl Span<'_> {
    /// Growth of a counter that each sample may have; `None` where one has it not.
    fn growth(&self, counter: impl Fn(&Sample) -> Option<u64>) -> Option<u64> {
        Some(counter(self.after)?.saturating_sub(counter(self.before)?))
    }

    /// Growth a second.
    fn rate(&self, counter: impl Fn(&Sample) -> Option<u64>) -> Option<f64> {
        self.growth(counter).map(|growth| round(growth as f64 / self.seconds, 3))
    }
}

/// Collects the reasons.
struct Notes(Unavailable);

impl Notes {
    fn add(&mut self, place: &str, reason: impl Into<String>) {
        self.0.insert(place.to_owned(), reason.into());
    }

    /// The value, or a note and `None`.
    fn take<'a, T>(&mut self, place: &str, reading: &'a Reading<T>) -> Option<&'a T> {
        match reading {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(place, error);
                None
            }
        }
    }

    fn add_each<const N: usize>(&mut self, places: [&str; N], reason: &str) {
        places.into_iter().for_each(|place| self.add(place, reason));
    }

    fn error(&mut self, place: &str, error: &ReadError) {
        self.add(place, error.to_string());
    }
}

fn memory(after: &Sample, notes: &mut Notes) -> MemoryStats {
    let mut figures = match notes.take("memory", &after.memory) {
        Some(memory) => {
            let used_bytes =
                memory.total_bytes.zip(memory.available_bytes).map(|(total, free)| total.saturating_sub(free));
            if memory.total_bytes.is_none() {
                let reason = "/proc/meminfo has no readable line 'MemTotal'";
                notes.add_each(["memory.total_bytes", "memory.used_bytes", "memory.used_percent"], reason);
            }
            if memory.available_bytes.is_none() {
                let reason = "/proc/meminfo has no line 'MemAvailable' (Linux before 3.14)";
                notes.add_each(["memory.available_bytes", "memory.used_bytes", "memory.used_percent"], reason);
            }
            if memory.cached_bytes.is_none() {
                notes.add("memory.cached_bytes", "/proc/meminfo has no line 'Cached'");
            }
            if memory.swap_used_bytes.is_none() {
                let reason = "/proc/meminfo has no lines 'SwapTotal' and 'SwapFree'";
                notes.add_each(["memory.swap_total_bytes", "memory.swap_used_bytes"], reason);
            }
            MemoryStats {
                total_bytes: memory.total_bytes,
                available_bytes: memory.available_bytes,
                used_bytes,
                used_percent: used_bytes
                    .zip(memory.total_bytes)
                    .and_then(|(used, total)| percent(used as f64, total as f64)),
                cached_bytes: memory.cached_bytes,
                swap_total_bytes: memory.swap_total_bytes,
                swap_used_bytes: memory.swap_used_bytes,
                process_resident_bytes: None,
            }
        }
        None => MemoryStats::default(),
    };
    figures.process_resident_bytes = notes.take("memory.process_resident_bytes", &after.resident_bytes).copied();
    figures
}

fn process(span: Option<&Span<'_>>, after: &Sample, notes: &mut Notes) -> Process {
    let ticks_per_second = clock::ticks_per_second() as f64;
    let process = notes.take("process", &after.process);
    let open_files_limit = notes.take("process.open_files_limit", &after.open_files_limit).copied();
    if open_files_limit == Some(None) {
        notes.add("process.open_files_limit", "the system sets no limit");
    }
    let share = |ticks: fn(&crate::kernel::process::ProcessReading) -> u64| {
        let span = span?;
        let growth = span.growth(|sample| sample.process.as_ref().ok().map(ticks))?;
        percent(growth as f64 / ticks_per_second, span.seconds)
    };
    Process {
        cpu_percent: share(|process| process.user_ticks + process.system_ticks),
        user_percent: share(|process| process.user_ticks),
        system_percent: share(|process| process.system_ticks),
        cpu_seconds_total: process.map(|process| (process.user_ticks + process.system_ticks) as f64 / ticks_per_second),
        threads: process.map(|process| process.threads),
        open_files: notes.take("process.open_files", &after.open_files).copied(),
        open_files_limit: open_files_limit.flatten(),
    }
}

/// For the whole machine the kernel leaves `full` of the CPU undefined, and writes 0 since 5.13 (psi.rst): a made-up 0.
const CPU_FULL: &str = "it has no meaning for a whole machine (Documentation/accounting/psi.rst)";

fn pressures(span: Option<&Span<'_>>, after: &Sample, notes: &mut Notes) -> Pressures {
    let mut one = |name: &str, reading: fn(&Sample) -> &Reading<Stall>| {
        let stall = notes.take(&format!("pressure.{name}"), reading(after));
        let place = format!("pressure.{name}.full_percent");
        match stall {
            Some(_) if name == "cpu" => notes.add(&place, CPU_FULL),
            Some(Stall { full_microseconds: None, .. }) => {
                notes.add(&place, format!("/proc/pressure/{name} has no line 'full'"));
            }
            Some(Stall { full_microseconds: Some(_), .. }) | None => {}
        }
        if stall.is_some_and(|stall| stall.some_microseconds.is_none()) {
            let reason = format!("/proc/pressure/{name} has no readable line 'some'");
            notes.add(&format!("pressure.{name}.some_percent"), reason);
        }
        let share = |total: fn(&Stall) -> Option<u64>| {
            let span = span?;
            let growth = span.growth(|sample| reading(sample).as_ref().ok().and_then(total))?;
            percent(growth as f64 / 1e6, span.seconds).map(|share| share.min(100.0))
        };
        Pressure {
            some_percent: share(|stall| stall.some_microseconds),
            full_percent: share(|stall| stall.full_microseconds).filter(|_| name != "cpu"),
        }
    };
    Pressures {
        cpu: one("cpu", |sample| &sample.pressure_cpu),
        memory: one("memory", |sample| &sample.pressure_memory),
        io: one("io", |sample| &sample.pressure_io),
    }
}

fn tcp(span: Option<&Span<'_>>, after: &Sample, notes: &mut Notes) -> Tcp {
    let tcp = notes.take("tcp", &after.tcp);
    let sent = |sample: &Sample| sample.tcp.as_ref().ok()?.out_segments;
    let again = |sample: &Sample| sample.tcp.as_ref().ok()?.retransmitted_segments;
    if tcp.is_some_and(|tcp| tcp.out_segments.is_none()) {
        notes.add("tcp.segments_per_second", "/proc/net/snmp has no counter 'OutSegs'");
    }
    if tcp.is_some_and(|tcp| tcp.listen_overflows.is_none()) {
        notes.add("tcp.listen_overflows_total", "/proc/net/netstat has no counter 'ListenOverflows'");
    }
    let retransmitted_percent = span.and_then(|span| percent(span.growth(again)? as f64, span.growth(sent)? as f64));
    if tcp.is_some() && retransmitted_percent.is_none() {
        notes.add("tcp.retransmitted_percent", "no segment was counted as sent in this window");
    }
    Tcp {
        segments_per_second: span.and_then(|span| span.rate(sent)),
        retransmitted_percent,
        listen_overflows_total: tcp.and_then(|tcp| tcp.listen_overflows),
    }
}

fn sockets(span: Option<&Span<'_>>, after: &Sample, notes: &mut Notes) -> Sockets {
    let listen = notes.take("sockets", &after.listen);
    if listen.is_some_and(|listen| listen.limit.is_none()) {
        notes.add("sockets.listen_queue_limit", "only NETLINK_SOCK_DIAG tells it, which did not answer here");
    }
    let dropped = |sample: &Sample| match sample.listen {
        Ok(listen) if listen.drops.is_some() => listen.drops,
        _ => sample.tcp.as_ref().ok()?.listen_overflows,
    };
    if listen.is_some() && dropped(after).is_none() {
        let reason = "neither NETLINK_SOCK_DIAG nor /proc/net/netstat tells them";
        notes.add_each(["sockets.listen_overflows_total", "sockets.listen_overflows"], reason);
    }
    Sockets {
        listen_queue: listen.map(|listen| listen.queue),
        listen_queue_limit: listen.and_then(|listen| listen.limit),
        listen_overflows_total: dropped(after),
        listen_overflows: span.and_then(|span| span.growth(dropped)),
    }
}

/// `part` of `whole` in percent, rounded to a hundredth; `None` of nothing.
fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| round(100.0 * part / whole, 2))
}

/// Digits beyond what the counters can tell would only look exact.
fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}
