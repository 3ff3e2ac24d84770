//! Requests and their tasks, each in a slab: an array whose free places are used again.

use super::memory::grow;

/// No task, no request, no node.
pub(super) const NONE: u32 = u32::MAX;

/// What a client waits for.
#[derive(Clone, Copy)]
pub(super) struct SimulatedRequest {
    /// When the client sent it first, in simulated seconds.
    pub born: f64,
    /// The number of its present try; 0 while it waits for the next one.
    pub stamp: u32,
    /// Tries so far.
    pub tries: u32,
    /// Tasks that are not done.
    pub pending: u32,
    /// The first of its tasks; the others follow by `sibling`.
    pub first: u32,
    /// Whether it arrived after the warm-up.
    pub measured: bool,
}

/// One piece of work on one node: a request, or a part of a forked one.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Task {
    /// When it is done, while a thread works on it. Tells an event that is not true any more.
    pub due: f64,
    /// When it came to the node, or to the store.
    pub entered: f64,
    /// Seconds of an undisturbed thread.
    pub work: f64,
    /// `NONE` when the client has gone.
    pub request: u32,
    pub node: u32,
    /// `NONE` before the store.
    pub store: u32,
    /// The one behind it in its queue.
    pub next: u32,
    /// Another task of the same request.
    pub sibling: u32,
    pub phase: TaskPhase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskPhase {
    /// The place is free.
    Free,
    Queued,
    /// The client has gone, and nothing will be done for it; it still stands in its queue.
    Dropped,
    /// A thread works on it.
    Running,
    /// It is done, and its request waits for the others.
    Done,
}

/// A slab.
pub(super) struct Slab<T> {
    items: Vec<T>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub fn new() -> Self {
        Self { items: Vec::new(), free: Vec::new() }
    }

    #[inline]
    pub fn insert(&mut self, item: T) -> u32 {
        match self.free.pop() {
            Some(index) => {
                self.items[index as usize] = item;
                index
            }
            None => {
                if self.items.len() == self.items.capacity() {
                    grow(&mut self.items);
                }
                self.items.push(item);
                (self.items.len() - 1) as u32
            }
        }
    }

    /// Frees a place. Its contents stay until it is used again.
    #[inline]
    pub fn free(&mut self, index: u32) {
        self.free.push(index);
    }

    /// How many places are in use.
    pub fn used(&self) -> usize {
        self.items.len() - self.free.len()
    }

    /// All places, free ones too.
    pub fn places(&self) -> u32 {
        self.items.len() as u32
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: u32) -> &T {
        &self.items[index as usize]
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.items[index as usize]
    }
}
