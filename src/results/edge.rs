//! A cache at the edge, as an arm asks for it. The flags of `up` stand here once: `webapp cluster` takes them under these names, and
//! whoever compares arms asks [`Arm::has_edge_cache`] and [`Arm::adds_edge_cache_to`].

use super::arm::Arm;

/// For how long the cache keeps answers: without it there is none.
pub const CACHE_FLAG: &str = "edge-cache";
/// The balancer near the clients that is the cache, where that is not the only balancer.
pub const BALANCER_FLAG: &str = "edge";

/// How a word gives one of the two flags: `--edge nginx`, `--edge-cache=60s`.
enum EdgeWord {
    /// The flag alone; its value is the next word.
    Flag,
    /// The flag with its value.
    FlagAndValue,
}

fn edge_word(word: &str) -> Option<EdgeWord> {
    let flag = word.strip_prefix("--")?;
    let (name, kind) = flag.split_once('=').map_or((flag, EdgeWord::Flag), |(name, _)| (name, EdgeWord::FlagAndValue));
    [CACHE_FLAG, BALANCER_FLAG].contains(&name).then_some(kind)
}

impl Arm {
    /// Whether its cluster keeps answers at the edge: in its balancer, or in one near the clients.
    pub fn has_edge_cache(&self) -> bool {
        self.words_without_edge().count() < self.up.len()
    }

    /// Whether this arm is `other` with a cache at the edge, and differs from it in nothing else.
    pub fn adds_edge_cache_to(&self, other: &Self) -> bool {
        self.has_edge_cache()
            && !other.has_edge_cache()
            && self.words_without_edge().eq(&other.up)
            && (&self.work, self.https) == (&other.work, other.https)
    }

    /// The words for `up` that say nothing of a cache at the edge. Those behind `--` are for the nodes.
    fn words_without_edge(&self) -> impl Iterator<Item = &String> {
        let end = self.up.iter().position(|word| word == "--").unwrap_or(self.up.len());
        let (own, of_nodes) = self.up.split_at(end);
        let mut own = own.iter();
        let rest = std::iter::from_fn(move || {
            loop {
                let word = own.next()?;
                match edge_word(word) {
                    None => return Some(word),
                    Some(EdgeWord::Flag) => _ = own.next(),
                    Some(EdgeWord::FlagAndValue) => {}
                }
            }
        });
        rest.chain(of_nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(up: &str) -> Arm {
        Arm { up: up.split_whitespace().map(str::to_owned).collect(), ..Arm::default() }
    }

    #[test]
    fn an_arm_without_its_edge() {
        for (up, rest) in [
            ("--nodes 2 --edge nginx --edge-cache 60s --origin-delay 40ms", "--nodes 2 --origin-delay 40ms"),
            ("--edge-cache=60s --nodes 2 -- --cache-ttl 1s", "--nodes 2 -- --cache-ttl 1s"),
            ("--nodes 2", "--nodes 2"),
            // What nodes are told is no cache at the edge, whatever it is called.
            ("--nodes 2 -- --edge x", "--nodes 2 -- --edge x"),
        ] {
            let (with, without) = (arm(up), arm(rest));
            assert!(with.words_without_edge().eq(&without.up), "{up}");
            assert_eq!(with.has_edge_cache(), up != rest, "{up}");
            assert_eq!(with.adds_edge_cache_to(&without), up != rest, "{up}");
            assert!(!without.adds_edge_cache_to(&with), "{up}");
        }
    }

    #[test]
    fn arms_that_differ_in_more_than_the_edge() {
        let with = arm("--nodes 2 --edge-cache 60s");
        assert!(!with.adds_edge_cache_to(&arm("--nodes 3")));
        assert!(!with.adds_edge_cache_to(&Arm { https: true, ..arm("--nodes 2") }));
        assert!(with.adds_edge_cache_to(&arm("--nodes 2")));
    }
}
