//! The balancer: which node gets the next task.

use super::connections::Connections;
use super::memory::prefetch;
use super::model::Policy;
use super::random::{Random, below};

const NONE: u32 = u32::MAX;

/// Chooses among the nodes that it believes alive.
pub(super) struct SimulatedBalancer {
    policy: Policy,
    random: Random,
    /// The nodes that get requests.
    list: Vec<u32>,
    /// Whether the list is 0, 1, 2, … and need not be read: with 100,000 nodes a look at it is a cache miss.
    plain: bool,
    /// Where a node stands in the list; `NONE` when it gets no requests.
    place: Vec<u32>,
    /// Open requests of each node.
    open: Vec<u32>,
    /// The nodes of the list by open requests; kept for least connections only.
    sorted: Option<Connections>,
    turn: usize,
    /// What the next pick drew already: among how many, and the places.
    drawn: (usize, usize, usize),
    /// For requests of several tasks: the last one that each node was picked for.
    picked_for: Vec<u64>,
    request: u64,
}

/// Picks for each task before the rest is taken from the list in turn: a node with many open requests is hardly ever the
/// better one of two.
const TRIES: usize = 8;

impl SimulatedBalancer {
    pub fn new(policy: Policy, random: Random) -> Self {
        let sorted = (policy == Policy::LeastConnections).then(Connections::default);
        Self {
            policy,
            random,
            list: Vec::new(),
            plain: true,
            place: Vec::new(),
            open: Vec::new(),
            sorted,
            turn: 0,
            drawn: (0, 0, 0),
            picked_for: Vec::new(),
            request: 0,
        }
    }

    /// Gives the node requests from now on.
    pub fn add(&mut self, node: u32) {
        let index = node as usize;
        if self.place.len() <= index {
            self.place.resize(index + 1, NONE);
            self.open.resize(index + 1, 0);
            self.picked_for.resize(index + 1, 0);
        }
        if self.place[index] == NONE {
            self.place[index] = self.list.len() as u32;
            self.plain &= index == self.list.len();
            self.list.push(node);
            if let Some(sorted) = &mut self.sorted {
                sorted.insert(node, self.open[index]);
            }
        }
    }

    /// Gives it no more.
    pub fn remove(&mut self, node: u32) {
        if !self.contains(node) {
            return;
        }
        let place = std::mem::replace(&mut self.place[node as usize], NONE) as usize;
        self.plain = false;
        // The others keep their order: round robin goes on where it was.
        self.list.remove(place);
        for (index, &other) in self.list.iter().enumerate().skip(place) {
            self.place[other as usize] = index as u32;
        }
        if self.turn > place {
            self.turn -= 1;
        }
        if let Some(sorted) = &mut self.sorted {
            sorted.remove(node);
        }
    }

    pub fn contains(&self, node: u32) -> bool {
        self.place.get(node as usize).is_some_and(|&place| place != NONE)
    }

    /// How many nodes get requests.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Open requests of a node.
    pub fn open(&self, node: u32) -> u32 {
        self.open[node as usize]
    }

    /// A node for a request of one task.
    #[inline]
    pub fn pick(&mut self) -> Option<u32> {
        let count = self.list.len();
        if count <= 1 {
            return self.list.first().copied();
        }
        Some(match self.policy {
            Policy::Random => {
                let (place, _) = self.draw(count);
                self.at(place)
            }
            Policy::RoundRobin => {
                let turn = if self.turn < count { self.turn } else { 0 };
                self.turn = turn + 1;
                self.at(turn)
            }
            Policy::LeastConnections => {
                return self.sorted.as_ref()?.least(&mut self.random, |node| self.open[node as usize]);
            }
            Policy::TwoChoices => {
                let (first, second) = self.draw(count);
                let (first, second) = (self.at(first), self.at(second + usize::from(second >= first)));
                if self.open[second as usize] < self.open[first as usize] { second } else { first }
            }
        })
    }

    /// The places that were drawn for this pick; and draws those for the next one, so that it can be known in advance whom it asks.
    #[inline]
    fn draw(&mut self, count: usize) -> (usize, usize) {
        let drawn = match self.drawn {
            (among, first, second) if among == count => (first, second),
            _ => self.draw_among(count),
        };
        let (first, second) = self.draw_among(count);
        self.drawn = (count, first, second);
        drawn
    }

    #[inline]
    fn draw_among(&mut self, count: usize) -> (usize, usize) {
        let first = below(&mut self.random, count);
        let second = if self.policy == Policy::TwoChoices { below(&mut self.random, count - 1) } else { 0 };
        (first, second)
    }

    /// The nodes that the next pick will ask, as far as that is drawn already.
    #[inline]
    pub fn expected(&self) -> impl Iterator<Item = u32> {
        let (among, first, second) = self.drawn;
        let known = among == self.list.len() && among > 1;
        let second = (self.policy == Policy::TwoChoices).then(|| second + usize::from(second >= first));
        [Some(first), second].into_iter().flatten().filter(move |_| known).map(|place| {
            let node = self.at(place);
            prefetch(&self.open[node as usize]);
            node
        })
    }

    #[inline]
    fn at(&self, place: usize) -> u32 {
        if self.plain { place as u32 } else { self.list[place] }
    }

    /// Different nodes for a request of `fork` tasks; fewer when there are not so many.
    pub fn pick_many(&mut self, fork: usize, into: &mut Vec<u32>) {
        into.clear();
        match &self.sorted {
            _ if fork >= self.list.len() => into.extend(&self.list),
            Some(sorted) => into.extend(sorted.in_order().iter().take(fork)),
            None => self.pick_different(fork, into),
        }
    }

    /// `fork` is below the number of nodes.
    fn pick_different(&mut self, fork: usize, into: &mut Vec<u32>) {
        self.request += 1;
        let mut left = fork * TRIES;
        let mut next = below(&mut self.random, self.list.len());
        while into.len() < fork {
            let node = match self.pick() {
                Some(node) if left > 0 => node,
                _ => self.list[next % self.list.len()],
            };
            (left, next) = (left.saturating_sub(1), next + usize::from(left == 0));
            let last = &mut self.picked_for[node as usize];
            if *last != self.request {
                *last = self.request;
                into.push(node);
            }
        }
    }

    #[inline]
    pub fn opened(&mut self, node: u32) {
        let open = &mut self.open[node as usize];
        *open += 1;
        if let Some(sorted) = &mut self.sorted {
            sorted.more(node, *open - 1);
        }
    }

    #[inline]
    pub fn closed(&mut self, node: u32) {
        let open = &mut self.open[node as usize];
        *open -= 1;
        if let Some(sorted) = &mut self.sorted {
            sorted.less(node, *open + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::Streams;
    use super::*;

    fn balancer(policy: Policy, nodes: u32) -> SimulatedBalancer {
        let mut balancer = SimulatedBalancer::new(policy, Streams::new(2).balancer);
        (0..nodes).for_each(|node| balancer.add(node));
        balancer
    }

    #[test]
    fn round_robin_goes_on_where_it_was() {
        let mut balancer = balancer(Policy::RoundRobin, 4);
        let picks = |count: usize, balancer: &mut SimulatedBalancer| -> Vec<u32> {
            (0..count).filter_map(|_| balancer.pick()).collect()
        };
        assert_eq!(picks(6, &mut balancer), [0, 1, 2, 3, 0, 1]);
        balancer.remove(0);
        assert_eq!(picks(3, &mut balancer), [2, 3, 1]);
        balancer.add(0);
        assert_eq!(picks(4, &mut balancer), [2, 3, 0, 1]);
    }

    #[test]
    fn nobody_there() {
        for policy in [Policy::Random, Policy::RoundRobin, Policy::LeastConnections, Policy::TwoChoices] {
            let mut balancer = balancer(policy, 1);
            assert_eq!(balancer.pick(), Some(0));
            balancer.remove(0);
            balancer.remove(0);
            assert_eq!((balancer.pick(), balancer.len()), (None, 0));
        }
    }

    #[test]
    fn fewest_open_requests() {
        let mut least = balancer(Policy::LeastConnections, 5);
        for node in [0, 1, 2, 4, 4] {
            least.opened(node);
        }
        assert_eq!(least.pick(), Some(3));
        least.opened(3);
        least.opened(3);
        least.closed(1);
        assert_eq!(least.pick(), Some(1));
        least.remove(1);
        assert!((0..50).all(|_| matches!(least.pick(), Some(0 | 2))));

        let mut two = balancer(Policy::TwoChoices, 2);
        two.opened(0);
        assert!((0..50).all(|_| two.pick() == Some(1)), "of two nodes it always sees both");
    }

    #[test]
    fn tasks_of_a_request_go_to_different_nodes() {
        for policy in [Policy::Random, Policy::RoundRobin, Policy::LeastConnections, Policy::TwoChoices] {
            let mut balancer = balancer(policy, 6);
            let mut nodes = Vec::new();
            for fork in 2..=6 {
                balancer.pick_many(fork, &mut nodes);
                nodes.sort_unstable();
                nodes.dedup();
                assert_eq!(nodes.len(), fork, "{policy:?}");
            }
            balancer.remove(2);
            balancer.pick_many(6, &mut nodes);
            assert_eq!(nodes.len(), 5, "{policy:?}");
        }
    }
}
