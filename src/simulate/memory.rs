//! Hints to this machine's memory. With 100,000 nodes what an event touches lies anywhere in tens of megabytes, and most of its time
//! would be waiting for cache lines: so they are asked for one event ahead, and lie in few, large pages.

/// Asks for the cache line at which a value begins, which is needed soon.
#[inline(always)]
pub(super) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch changes nothing that a program can see, and an address cannot fault; this one is of a live value besides.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    // Elsewhere it only takes longer.
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Makes room for one more item; a large array gets pages of 2 MB where the kernel has them. A kernel that refuses does no harm.
pub(super) fn grow<T>(items: &mut Vec<T>) {
    const HUGE: usize = 2 << 20;
    items.reserve(1);
    let bytes = items.capacity() * size_of::<T>();
    if bytes < 2 * HUGE {
        return;
    }
    let from = items.as_mut_ptr().addr().next_multiple_of(HUGE);
    let length = (items.as_mut_ptr().addr() + bytes - from) / HUGE * HUGE;
    let from = items.as_mut_ptr().map_addr(|_| from).cast();
    // SAFETY: the range lies within the array's own memory, and the advice changes no contents.
    let _ = unsafe { rustix::mm::madvise(from, length, rustix::mm::Advice::LinuxHugepage) };
}
