//! The clocks of the kernel.

use std::time::SystemTime;

/// Seconds of `CLOCK_MONOTONIC`: the same clock for every process of the machine, never set back.
pub fn monotonic_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec of ours, which is all that clock_gettime(2) writes to.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    debug_assert_eq!(result, 0, "CLOCK_MONOTONIC exists on every Linux");
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// CPU seconds that the calling thread has used since it began (`CLOCK_THREAD_CPUTIME_ID`).
pub fn thread_cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: as above; every thread has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// No process has a higher number (Linux, include/linux/threads.h).
const PID_MAX_LIMIT: u32 = 4 * 1024 * 1024;

/// CPU seconds that the process `pid` has used since it began, all its threads together; `None` when there is none.
///
/// This is the process's own CPU clock (`clock_getcpuclockid(3)`), exact to the nanosecond: `/proc/PID/stat` counts in
/// ticks of 10 ms, which is 2 % of what a small node uses in a run.
pub fn process_cpu_seconds(pid: u32) -> Option<f64> {
    // 0 would be this process itself, and a number beyond the kernel's limit would wrap around to some other clock.
    if pid == 0 || pid > PID_MAX_LIMIT {
        return None;
    }
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both calls only write to the two values passed by reference, which outlive them.
    let read = unsafe {
        libc::clock_getcpuclockid(pid as libc::pid_t, &raw mut clock) == 0
            && libc::clock_gettime(clock, &raw mut time) == 0
    };
    read.then(|| time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

/// Seconds since 1970 of the wall clock; 0 when it stands before that.
pub fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |passed| passed.as_secs_f64())
}

/// Ticks a second in which `/proc/stat` counts (`USER_HZ`, 100 on every architecture in use).
pub fn ticks_per_second() -> u64 {
    // SAFETY: sysconf(3) takes no pointer and has no precondition.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).ok().filter(|ticks| *ticks > 0).unwrap_or(100)
}

/// Seconds since 1970, as of the last tick of the scheduler (`CLOCK_REALTIME_COARSE`, clock_gettime(2)): up to 10 ms
/// late, at a fifth of the cost of the exact clock.
pub fn unix_seconds_coarse() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a valid timespec; the call cannot fail for a clock that Linux has had since 2.6.32.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &raw mut now) };
    u64::try_from(now.tv_sec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_run() {
        let before = monotonic_seconds();
        assert!(monotonic_seconds() >= before);
        assert!(unix_seconds() > 1.7e9);
        assert!(ticks_per_second() > 0);
    }

    #[test]
    fn the_cpu_time_of_this_process_grows() {
        let own = std::process::id();
        let before = process_cpu_seconds(own).unwrap();
        let mut sum = 0u64;
        while process_cpu_seconds(own).unwrap() <= before {
            sum = std::hint::black_box(sum + 1);
        }
        for nobody in [0, PID_MAX_LIMIT, u32::MAX / 2, u32::MAX] {
            assert_eq!(process_cpu_seconds(nobody), None, "{nobody}");
        }
    }
}
