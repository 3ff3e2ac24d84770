//! Nodes in the order of their open requests, each change in constant time.
//!
//! All nodes stand in one array, those with the same number next to each other. One request more or less moves a node by one
//! number only: it changes places with the last (or the first) of its group, and the border between two groups moves by one.
//! So the least of 100,000 nodes costs no more than the least of two.

use super::random::{Random, below};

#[derive(Default)]
pub(super) struct Connections {
    /// The nodes, by rising number of open requests.
    order: Vec<u32>,
    /// Where a node stands in the order.
    place: Vec<u32>,
    /// `starts[k]`: how many nodes have fewer than k open requests. As long as some node had ever more.
    starts: Vec<u32>,
}

impl Connections {
    /// One of those with the fewest open requests, each as likely as the others. `open` gives a node's number of them.
    #[inline]
    pub fn least(&self, random: &mut Random, open: impl Fn(u32) -> u32) -> Option<u32> {
        let fewest = open(*self.order.first()?);
        let count = self.starts.get(fewest as usize + 1).map_or(self.order.len(), |&start| start as usize);
        Some(self.order[below(random, count)])
    }

    pub fn in_order(&self) -> &[u32] {
        &self.order
    }

    /// A node that was not there, with so many open requests.
    pub fn insert(&mut self, node: u32, open: u32) {
        if self.place.len() <= node as usize {
            self.place.resize(node as usize + 1, 0);
        }
        self.reach(open);
        self.place[node as usize] = self.order.len() as u32;
        self.order.push(node);
        // It stands behind all: let it pass the groups with more, the largest first.
        for number in (open as usize + 1..self.starts.len()).rev() {
            self.swap_to(node, self.starts[number]);
            self.starts[number] += 1;
        }
    }

    /// Takes a node out; nothing happens when it is not there.
    pub fn remove(&mut self, node: u32) {
        if !self.contains(node) {
            return;
        }
        let place = self.place[node as usize];
        for number in 0..self.starts.len() {
            if self.starts[number] > place {
                self.starts[number] -= 1;
                self.swap_to(node, self.starts[number]);
            }
        }
        let last = self.order.len() as u32 - 1;
        self.swap_to(node, last);
        self.order.pop();
    }

    /// A node had `open` and has one more.
    #[inline]
    pub fn more(&mut self, node: u32, open: u32) {
        if self.contains(node) {
            self.reach(open + 1);
            let border = &mut self.starts[open as usize + 1];
            *border -= 1;
            let to = *border;
            self.swap_to(node, to);
        }
    }

    /// A node had `open`, at least 1, and has one less.
    #[inline]
    pub fn less(&mut self, node: u32, open: u32) {
        if self.contains(node) {
            let border = &mut self.starts[open as usize];
            let to = *border;
            *border += 1;
            self.swap_to(node, to);
        }
    }

    fn contains(&self, node: u32) -> bool {
        self.place.get(node as usize).is_some_and(|&place| self.order.get(place as usize) == Some(&node))
    }

    fn reach(&mut self, open: u32) {
        while self.starts.len() <= open as usize {
            let all = if self.starts.is_empty() { 0 } else { self.order.len() as u32 };
            self.starts.push(all);
        }
    }

    #[inline]
    fn swap_to(&mut self, node: u32, to: u32) {
        let from = self.place[node as usize];
        let other = self.order[to as usize];
        self.order.swap(from as usize, to as usize);
        self.place[node as usize] = to;
        self.place[other as usize] = from;
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::Streams;
    use super::*;

    #[test]
    fn agrees_with_a_plain_search() {
        let mut random = Streams::new(4).balancer;
        let mut connections = Connections::default();
        let mut open = [0u32; 12];
        let mut inside = [false; 12];
        for _ in 0..50_000 {
            let node = below(&mut random, 12);
            match below(&mut random, 20) {
                0 if inside[node] => {
                    connections.remove(node as u32);
                    inside[node] = false;
                }
                1 | 2 if !inside[node] => {
                    connections.insert(node as u32, open[node]);
                    inside[node] = true;
                }
                3..=10 if open[node] > 0 => {
                    connections.less(node as u32, open[node]);
                    open[node] -= 1;
                }
                _ => {
                    connections.more(node as u32, open[node]);
                    open[node] += 1;
                }
            }
            let order: Vec<u32> = connections.in_order().iter().map(|&node| open[node as usize]).collect();
            assert!(order.is_sorted(), "{order:?}");
            assert_eq!(order.len(), inside.iter().filter(|inside| **inside).count());
            if let Some(&least) = order.first() {
                let picked = connections.least(&mut random, |node| open[node as usize]);
                assert_eq!(picked.map(|node| open[node as usize]), Some(least));
            }
        }
    }
}
