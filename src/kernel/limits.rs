//! Limits of this process (getrlimit(2)) and of the machine (proc_sys_vm(5), proc_sys_net(5)).

use std::io;

/// Raises the soft limit of open files to the hard one; gives what holds then.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a valid rlimit.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
    // SAFETY: as above. When the kernel refuses, the old limit holds.
    let refused = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } != 0;
    Ok(if refused { limit.rlim_cur } else { raised.rlim_cur })
}

/// `vm.max_map_count`: how many memory maps a process may have. `None` where it cannot be read.
pub fn memory_maps() -> Option<u64> {
    setting("/proc/sys/vm/max_map_count")
}

/// `net.core.somaxconn`: how many connections may wait to be accepted, whatever listen(2) asks for.
pub fn listen_queue() -> Option<u64> {
    setting("/proc/sys/net/core/somaxconn")
}

fn setting(path: &str) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// From now on a crash of this process leaves no file with its memory behind, whoever asks for one.
pub fn forbid_core_files() -> io::Result<()> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a valid rlimit.
    if unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
