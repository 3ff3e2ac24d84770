//! CPU time of other processes on this machine, to the nanosecond.

use std::fs;

/// No process has a higher number (Linux, include/linux/threads.h).
const PID_MAX_LIMIT: u32 = 4 * 1024 * 1024;

/// CPU seconds that the process `pid` has used since it began, all its threads together. `None` when there is none.
///
/// Reads the process's own CPU clock (`clock_getcpuclockid(3)`): `/proc/PID/stat` counts in ticks of 10 ms, which is
/// 2 % of what a small node uses in a run.
pub fn cpu_seconds(pid: u32) -> Option<f64> {
    // 0 would be this process itself, and a number beyond the kernel's limit would wrap around to some other clock.
    if pid == 0 || pid > PID_MAX_LIMIT {
        return None;
    }
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both calls only write to the two values passed by reference, which outlive them.
    let read = unsafe {
        libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) == 0 && libc::clock_gettime(clock, &mut time) == 0
    };
    read.then(|| time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

/// `pid` and its descendants: a balancer may be a master with workers. Those that end meanwhile are left out.
pub fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        next += 1;
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|word| word.parse().ok()) {
            if !family.contains(&child) {
                family.push(child);
            }
        }
    }
    family
}

/// Clock ticks of the machine since its start: busy, stolen by the hypervisor, all. Source: `/proc/stat`, proc(5).
pub fn machine_ticks() -> Option<[u64; 3]> {
    parse_ticks(&fs::read_to_string("/proc/stat").ok()?)
}

fn parse_ticks(text: &str) -> Option<[u64; 3]> {
    let line = text.lines().find(|line| line.starts_with("cpu "))?;
    let ticks: Vec<u64> = line.split_whitespace().skip(1).map_while(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest is inside user already.
    let all: u64 = ticks.get(..8)?.iter().sum();
    Some([all - ticks[3] - ticks[4], ticks[7], all])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_cpu_time_grows() {
        let before = cpu_seconds(std::process::id()).unwrap();
        let mut sum = 0u64;
        while cpu_seconds(std::process::id()).unwrap() <= before {
            sum = std::hint::black_box(sum + 1);
        }
        for nobody in [0, PID_MAX_LIMIT, u32::MAX / 2, u32::MAX] {
            assert_eq!(cpu_seconds(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn family_has_the_children() {
        let mut child = std::process::Command::new("/bin/sleep").arg("30").spawn().unwrap();
        let family = family(std::process::id());
        // The list is of children of the main thread; tests run on others, so only the process itself is certain.
        assert_eq!(family[0], std::process::id());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn ticks() {
        let text = "cpu  100 1 20 800 50 3 6 20 7 0\ncpu0 1 2 3\n";
        assert_eq!(parse_ticks(text), Some([150, 20, 1000]));
        assert_eq!(parse_ticks("cpu  1 2 3\n"), None);
        assert_eq!(parse_ticks(""), None);
    }
}
