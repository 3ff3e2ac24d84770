//! Which servers hold the rows, and how they share them.

use std::collections::HashSet;
use std::time::Duration;

use super::target::{Kind, Target};

/// Most servers of one store.
const MOST: usize = 64;

/// Which servers hold the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One has them all.
    One(Target),
    /// Each has the rows that rendezvous hashing gives it; the order of the list counts.
    Shards(Vec<Target>),
}

/// Size and patience of the connections to each server.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections, each with a thread.
    pub connections: usize,
    /// Requests that may wait for a connection beside those that have one.
    pub queue: usize,
    /// Longest time from asking to the answer, the wait for a connection included.
    pub timeout: Duration,
}

impl Layout {
    /// The layout of these servers: one alone, or shards.
    ///
    /// # Errors
    /// When they cannot be shards of one store.
    pub fn of(mut targets: Vec<Target>) -> Result<Self, String> {
        let first = targets.first().map(Target::kind).ok_or("there is no store in the list")?;
        if targets.len() == 1 {
            return Ok(Self::One(targets.swap_remove(0)));
        }
        if targets.len() > MOST {
            return Err(format!("a store may have {MOST} shards at most"));
        }
        if targets.iter().any(|target| target.kind() != first) {
            return Err("the shards of a store are of one kind".to_owned());
        }
        match first {
            Kind::Memory => return Err("memory is in each node and cannot be a shard; name servers".to_owned()),
            Kind::Memcached => return Err("memcached holds no rows and cannot be a shard".to_owned()),
            Kind::Sqlite | Kind::Mysql | Kind::Redis => {}
        }
        let mut seen = HashSet::new();
        if let Some(twice) = targets.iter().find(|target| !seen.insert(target.to_string())) {
            return Err(format!("{twice} stands twice in the list of shards"));
        }
        Ok(Self::Shards(targets))
    }

    /// All servers, in order.
    pub fn targets(&self) -> &[Target] {
        match self {
            Self::One(target) => std::slice::from_ref(target),
            Self::Shards(targets) => targets,
        }
    }

    /// What kind they are, all the same.
    pub fn kind(&self) -> Kind {
        self.targets().first().map_or(Kind::Memory, Target::kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(urls: &[&str]) -> Result<Layout, String> {
        Layout::of(urls.iter().map(|url| url.parse().unwrap()).collect())
    }

    #[test]
    fn one_is_one_and_several_are_shards() {
        assert_eq!(layout(&["memory:5"]), Ok(Layout::One(Target::Memory(5))));
        let two = layout(&["redis://a", "redis://b"]).unwrap();
        assert!(matches!(two, Layout::Shards(_)));
        assert_eq!((two.targets().len(), two.kind()), (2, Kind::Redis));
        assert!(layout(&["sqlite:/a", "sqlite:/b"]).is_ok());
    }

    #[test]
    fn what_cannot_be_shards_is_refused() {
        let many: Vec<String> = (1..=65).map(|port| format!("redis://a:{port}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (urls, words) in [
            (&[][..], "no store"),
            (&["redis://a", "mysql://b"], "one kind"),
            (&["memory", "memory:2"], "cannot be a shard"),
            (&["memcached://a", "memcached://b"], "cannot be a shard"),
            (&["redis://:hunter2@a", "redis://a"], "redis://a:6379 stands twice"),
            (&many, "64 shards at most"),
        ] {
            let refusal = layout(urls).unwrap_err();
            assert!(refusal.contains(words) && !refusal.contains("hunter2"), "{refusal}");
        }
    }
}
