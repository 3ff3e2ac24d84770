//! The cores a thread may run on (sched_setaffinity(2)).

/// Numbers of the cores that the calling thread may run on; empty where the kernel does not say.
pub fn allowed() -> Vec<usize> {
    let mut set = empty();
    // SAFETY: the pointer is to a live set of the size that is given with it.
    if unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) } != 0 {
        return Vec::new();
    }
    // SAFETY: every number asked for lies within the set.
    (0..libc::CPU_SETSIZE as usize).filter(|&core| unsafe { libc::CPU_ISSET(core, &set) }).collect()
}

/// Lets the calling thread run on that core alone. Nothing changes where the kernel refuses.
pub fn stay_on(core: usize) {
    if core >= libc::CPU_SETSIZE as usize {
        return;
    }
    let mut set = empty();
    // SAFETY: the number lies within the set; the pointer is to a live set of the size that is given with it.
    unsafe {
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

fn empty() -> libc::cpu_set_t {
    // SAFETY: a set is an array of bits; all of them zero is the empty set.
    unsafe { std::mem::zeroed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_can_be_kept_on_each_core_it_may_use() {
        for core in allowed() {
            stay_on(core);
            assert_eq!(allowed(), [core]);
        }
        stay_on(usize::MAX);
    }
}
