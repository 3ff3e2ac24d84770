//! The queue of coming events: a heap with four children a node, kept in one array.
//!
//! With 16 bytes an event, four children fill one cache line, and the heap is half as deep as a binary one. Most events are
//! followed by one that takes their place (a request leaves, the next begins), so [`Heap::pop`] leaves the root empty and
//! [`Heap::push`] fills it: one walk down instead of two walks.

/// Children of a node.
const CHILDREN: usize = 4;
/// The root is the last of its line, so that children begin a line: those of place p are 4 (p - 2) and the three after it.
const ROOT: usize = CHILDREN - 1;

/// Siblings: what is compared with each other is loaded together.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Siblings<T>([(f64, T); CHILDREN]);

/// Things by time, the earliest first. Among equal times the order is fixed, but not the order of insertion.
pub(super) struct Heap<T> {
    lines: Vec<Siblings<T>>,
    /// The place after the last one.
    end: usize,
    /// The root was taken, and its place is free.
    hole: bool,
}

impl<T: Copy> Heap<T> {
    pub fn new() -> Self {
        Self { lines: Vec::new(), end: ROOT, hole: false }
    }

    /// The earliest time; infinite when nothing is to come.
    #[inline]
    pub fn time(&mut self) -> f64 {
        self.fill();
        if self.end == ROOT { f64::INFINITY } else { self.at(ROOT).0 }
    }

    #[inline]
    pub fn push(&mut self, time: f64, what: T) {
        if self.hole {
            self.hole = false;
            self.sink((time, what));
            return;
        }
        if self.end.div_ceil(CHILDREN) >= self.lines.len() {
            self.lines.push(Siblings([(f64::INFINITY, what); CHILDREN]));
        }
        self.end += 1;
        self.rise(self.end - 1, (time, what));
    }

    #[inline]
    pub fn pop(&mut self) -> Option<(f64, T)> {
        self.fill();
        if self.end == ROOT {
            return None;
        }
        self.hole = true;
        Some(self.at(ROOT))
    }

    /// Those of which one comes next, once the event that was popped has happened: the root's children. Infinite times are nobody's.
    #[inline]
    pub fn coming(&self) -> Option<&[(f64, T); CHILDREN]> {
        self.lines.get(ROOT - 2).map(|line| &line.0)
    }

    pub fn clear(&mut self) {
        (self.end, self.hole) = (ROOT, false);
        self.lines.clear();
    }

    #[inline]
    fn at(&self, place: usize) -> (f64, T) {
        self.lines[place / CHILDREN].0[place % CHILDREN]
    }

    #[inline]
    fn set(&mut self, place: usize, item: (f64, T)) {
        self.lines[place / CHILDREN].0[place % CHILDREN] = item;
    }

    /// Moves the last item into the root, where that is empty.
    #[inline]
    fn fill(&mut self) {
        if !self.hole {
            return;
        }
        self.hole = false;
        self.end -= 1;
        let last = self.at(self.end);
        // Places behind the end are never earlier than anything.
        self.set(self.end, (f64::INFINITY, last.1));
        if self.end > ROOT {
            self.sink(last);
        }
    }

    /// Lets an item sink from the root to its place.
    #[inline]
    fn sink(&mut self, item: (f64, T)) {
        let mut place = ROOT;
        while let Some(Siblings(children)) = self.lines.get(place - 2).filter(|_| (place - 2) * CHILDREN < self.end) {
            let mut least = 0;
            for index in 1..CHILDREN {
                if children[index].0 < children[least].0 {
                    least = index;
                }
            }
            let child = children[least];
            if child.0 >= item.0 {
                break;
            }
            self.set(place, child);
            place = (place - 2) * CHILDREN + least;
        }
        self.set(place, item);
    }

    #[inline]
    fn rise(&mut self, mut place: usize, item: (f64, T)) {
        while place > ROOT {
            let above = place / CHILDREN + 2;
            let parent = self.at(above);
            if parent.0 <= item.0 {
                break;
            }
            self.set(place, parent);
            place = above;
        }
        self.set(place, item);
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::{Streams, below, uniform};
    use super::*;

    #[test]
    fn gives_the_earliest_as_a_sorted_list_would() {
        let mut random = Streams::new(3).arrivals;
        let mut heap = Heap::new();
        let mut list: Vec<f64> = Vec::new();
        for round in 0..20_000 {
            if list.is_empty() || below(&mut random, 100) < 50 + usize::from(round < 5_000) * 20 {
                let time = (uniform(&mut random) * 1000.0).round();
                heap.push(time, round);
                list.push(time);
            } else {
                list.sort_by(f64::total_cmp);
                assert_eq!(heap.time(), list[0]);
                assert_eq!(heap.pop().map(|(time, _)| time), Some(list.remove(0)));
            }
        }
        while heap.pop().is_some() {}
        assert_eq!((heap.time(), heap.pop()), (f64::INFINITY, None));
    }

    #[test]
    fn is_compact() {
        assert_eq!(size_of::<Siblings<super::super::event::SimulatedEvent>>(), 64);
    }
}
