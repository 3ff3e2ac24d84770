//! Connection buffers, taken when bytes arrive and given back while a connection is idle.

use std::cell::RefCell;

use super::head::HeaderFields;

/// What a buffer holds when new, bytes; a larger one is not kept.
const KEEP: usize = 8 * 1024;
/// How many of them a worker thread keeps for later.
const SPARE: usize = 64;

/// The buffers of a connection at work.
pub(super) struct Buffers {
    /// Bytes read and not yet used.
    pub input: InputBuffer,
    /// Bytes to be written.
    pub output: Vec<u8>,
    /// Room for the fields of a head.
    pub fields: HeaderFields,
}

impl Buffers {
    fn new() -> Buffers {
        Buffers { input: InputBuffer::new(), output: Vec::with_capacity(KEEP), fields: HeaderFields::new() }
    }
}

/// Bytes read: the part between `start` and `end` is not used yet.
pub(super) struct InputBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl InputBuffer {
    fn new() -> InputBuffer {
        InputBuffer { bytes: vec![0; KEEP], start: 0, end: 0 }
    }

    /// What is not used yet.
    pub fn unused(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Marks bytes as used.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.clear();
        }
    }

    /// Marks all bytes as used.
    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Where to read to: never empty, and as large as needed for `limit` unused bytes in all.
    pub fn room(&mut self, limit: usize) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.bytes.len() {
            self.bytes.resize(limit.max(self.end + KEEP), 0);
        }
        &mut self.bytes[self.end..]
    }

    /// Says how many bytes were read into [`InputBuffer::room`].
    pub fn filled(&mut self, count: usize) {
        self.end += count;
    }
}

thread_local! {
    // Boxed, since a connection at rest should hold one pointer, not the buffers.
    #[allow(clippy::vec_box)]
    static FREE: RefCell<Vec<Box<Buffers>>> = const { RefCell::new(Vec::new()) };
}

/// Takes empty buffers. Never inlined, as a coroutine may change threads between two calls.
#[inline(never)]
pub(super) fn take() -> Box<Buffers> {
    FREE.with_borrow_mut(Vec::pop).unwrap_or_else(|| Box::new(Buffers::new()))
}

/// Gives buffers back.
#[inline(never)]
pub(super) fn give(mut buffers: Box<Buffers>) {
    if buffers.input.bytes.len() > KEEP || buffers.output.capacity() > KEEP {
        return;
    }
    buffers.input.clear();
    buffers.output.clear();
    FREE.with_borrow_mut(|free| {
        if free.len() < SPARE {
            free.push(buffers);
        }
    });
}
