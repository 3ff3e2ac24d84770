//! One direction of a connection: what is under way, in the order in which it came. No clock and no socket.

use std::collections::VecDeque;
use std::time::Instant;

/// Most bytes under way in one direction of a connection. More wait at the sender, as they do for a receiver whose window is full:
/// a connection gets no more through in the time of one way.
pub const WINDOW: usize = 256 << 10;

/// Something that arrives.
#[derive(Debug, PartialEq, Eq)]
pub enum Delayed {
    /// Bytes.
    Data(Vec<u8>),
    /// The sender has no more to say.
    End,
    /// The sender's connection broke.
    Abort,
}

/// One direction.
#[derive(Debug, Default)]
pub struct DelayQueue {
    items: VecDeque<(Instant, Delayed)>,
    bytes: usize,
    /// How much of the first item has been passed on.
    passed: usize,
    /// The sender's end is under way, or was passed on.
    ended: bool,
    /// Nothing comes out any more.
    done: bool,
    /// The sender's connection broke, and that has arrived.
    broken: bool,
}

impl DelayQueue {
    /// Whether the sender may send more.
    pub fn takes(&self) -> bool {
        !self.ended && self.bytes < WINDOW
    }

    /// Takes what the sender sent, which arrives at `due`, but after everything before it.
    pub fn send(&mut self, due: Instant, item: Delayed) {
        match &item {
            Delayed::Data(bytes) => self.bytes += bytes.len(),
            Delayed::End | Delayed::Abort => self.ended = true,
        }
        let due = self.items.back().map_or(due, |(before, _)| due.max(*before));
        self.items.push_back((due, item));
    }

    /// When the next thing arrives.
    pub fn due(&self) -> Option<Instant> {
        self.items.front().map(|(due, _)| *due)
    }

    /// What has arrived at `now`: the rest of the first item's bytes, where it has some.
    pub fn arrived(&self, now: Instant) -> Option<(&Delayed, &[u8])> {
        let (_, item) = self.items.front().filter(|(due, _)| *due <= now)?;
        let rest = match item {
            Delayed::Data(bytes) => &bytes[self.passed..],
            Delayed::End | Delayed::Abort => &[],
        };
        Some((item, rest))
    }

    /// So many bytes of the first item were passed on. True: all of them, and it is over.
    pub fn pass(&mut self, bytes: usize) -> bool {
        self.passed += bytes;
        let whole = match self.items.front() {
            Some((_, Delayed::Data(all))) if self.passed < all.len() => return false,
            Some((_, Delayed::Data(all))) => all.len(),
            Some((_, Delayed::End | Delayed::Abort)) => {
                self.done = true;
                0
            }
            None => return false,
        };
        self.items.pop_front();
        (self.bytes, self.passed) = (self.bytes - whole, 0);
        true
    }

    /// The receiver takes nothing any more.
    pub fn give_up(&mut self) {
        *self = Self { ended: true, done: true, ..Self::default() };
    }

    /// The break of the sender's connection has arrived.
    pub fn break_off(&mut self) {
        self.give_up();
        self.broken = true;
    }

    /// Whether the sender's connection broke, and that has arrived.
    pub fn has_broken(&self) -> bool {
        self.broken
    }

    /// Whether nothing comes out any more.
    pub fn is_done(&self) -> bool {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn things_arrive_in_order_and_not_before_they_are_due() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut queue = DelayQueue::default();
        queue.send(at(40), Delayed::Data(b"abc".to_vec()));
        // Due earlier, but behind it.
        queue.send(at(20), Delayed::End);
        assert!(queue.arrived(at(39)).is_none() && !queue.takes());
        assert_eq!(queue.arrived(at(40)).unwrap().1, b"abc");
        assert!(!queue.pass(2));
        assert_eq!(queue.arrived(at(40)).unwrap().1, b"c");
        assert!(queue.pass(1) && !queue.is_done());
        assert_eq!((queue.due(), queue.arrived(at(40)).unwrap().0), (Some(at(40)), &Delayed::End));
        assert!(queue.pass(0) && queue.is_done() && queue.due().is_none());
    }

    #[test]
    fn a_full_window_takes_nothing_until_something_has_arrived() {
        let now = Instant::now();
        let mut queue = DelayQueue::default();
        queue.send(now, Delayed::Data(vec![0; WINDOW - 1]));
        assert!(queue.takes());
        queue.send(now, Delayed::Data(vec![0; 10]));
        assert!(!queue.takes());
        assert!(queue.pass(WINDOW - 1) && queue.takes());
        queue.give_up();
        assert!(queue.is_done() && !queue.takes() && queue.due().is_none());
    }
}
