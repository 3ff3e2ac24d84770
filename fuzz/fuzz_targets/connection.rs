//! Any bytes at the real connection loop, over a socket, at once and in pieces: an answer or a close, twice the same
//! one, no panic, no hang, no memory kept. Run it by `scripts/fuzz.sh`.
//!
//! The first byte of an input is the length of the first piece, the second that of every further one (0: the rest).

#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http_support::Loop;
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/http_support/mod.rs"]
mod http_support;

/// What the heap may grow by from the first inputs to the last, bytes.
const GROWTH: usize = 256 * 1024;
/// What the heap may hold at any moment on top of that, bytes: a few connections.
const MOMENT: usize = 2 * 1024 * 1024;
/// What this target itself holds for each byte of the answers to an input: twice, a buffer that doubled and its texts.
const COPIES: usize = 6;
/// Inputs from one look at the heap to the next.
const LOOK: u64 = 4_096;

static LOOP: LazyLock<Loop> = LazyLock::new(Loop::start);
static INPUTS: AtomicU64 = AtomicU64::new(0);
static AT_FIRST: AtomicUsize = AtomicUsize::new(0);
/// The longest answers to one input since the last look, bytes.
static LONGEST: AtomicUsize = AtomicUsize::new(0);

/// Counts what Rust allocates; the fuzzer's own memory is C++ and not part of it.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator as it came; the counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

fuzz_target!(|data: &[u8]| {
    let [first, further, bytes @ ..] = data else { return };
    let at_once = LOOP.outcome(bytes, [bytes]);
    let (head, rest) = bytes.split_at(usize::from(*first).min(bytes.len()));
    let further = if *further == 0 { rest.len().max(1) } else { usize::from(*further) };
    // Small pieces of a long input would only take time.
    let further = further.max(rest.len() / 8 + 1);
    let in_pieces = LOOP.outcome(bytes, std::iter::once(head).chain(rest.chunks(further)));
    LONGEST.fetch_max(at_once.iter().map(|answer| answer.body.len()).sum(), Ordering::Relaxed);
    assert_eq!(at_once, in_pieces, "the outcome depends on how the bytes arrive");
    drop((at_once, in_pieces));
    let inputs = INPUTS.fetch_add(1, Ordering::Relaxed) + 1;
    if inputs % LOOK == 0 {
        look_at_the_heap(inputs);
    }
});

fn look_at_the_heap(inputs: u64) {
    let end = Instant::now() + Duration::from_secs(30);
    while LOOP.counters.open.load(Ordering::SeqCst) > 0 {
        assert!(Instant::now() < end, "connections stay open");
        std::thread::sleep(Duration::from_millis(1));
    }
    let held = HELD.load(Ordering::Relaxed);
    let most = MOST.swap(held, Ordering::Relaxed);
    if inputs == LOOK {
        AT_FIRST.store(held, Ordering::Relaxed);
    }
    let at_first = AT_FIRST.load(Ordering::Relaxed);
    let ours = COPIES * LONGEST.swap(0, Ordering::Relaxed);
    if inputs % (LOOK * 16) == 0 || inputs == LOOK {
        eprintln!("heap after {inputs} inputs: {held} B (after the first {LOOK}: {at_first} B), at most {most} B");
    }
    assert!(held <= at_first + GROWTH, "the heap has grown from {at_first} to {held} B");
    assert!(most <= at_first + GROWTH + MOMENT + ours, "one input took {} B, of which {ours} here", most - at_first);
}
