//! Which servers hold the rows, and how they share them.

use std::collections::HashSet;
use std::time::Duration;

use super::shard::ShardChange;
use super::target::{StoreTargetKind, Target};

/// Most servers of one store.
const MOST: usize = 64;

/// Which servers hold the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One has them all.
    One(Target),
    /// Each has the rows that rendezvous hashing gives it; the order of the list counts.
    Shards(Vec<Target>),
    /// The same, while some come or go.
    Resharding {
        /// Those that there were, and those that there shall be: one list begins with the other.
        servers: Vec<Target>,
        /// From how many to how many.
        change: ShardChange,
    },
    /// All have the same rows.
    Replicated {
        /// The first is the primary, until they say otherwise.
        servers: Vec<Target>,
        /// A replica that may be further behind gets no reads.
        most_lag: Duration,
    },
}

/// Size and patience of the connections to each server.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionBounds {
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
            StoreTargetKind::Memory => {
                return Err("memory is in each node and cannot be a shard; name servers".to_owned());
            }
            StoreTargetKind::Memcached => return Err("memcached holds no rows and cannot be a shard".to_owned()),
            StoreTargetKind::RedisCluster => {
                return Err("a Redis Cluster is one store: name its servers in one URL".to_owned());
            }
            StoreTargetKind::Sqlite | StoreTargetKind::Mysql | StoreTargetKind::Redis => {}
        }
        refuse_twice(&targets)?;
        Ok(Self::Shards(targets))
    }

    /// Shards that become others.
    ///
    /// # Errors
    /// When these servers cannot be shards, or are not as many as the change needs.
    pub fn resharding(servers: Vec<Target>, change: ShardChange) -> Result<Self, String> {
        let (fewer, more) = (change.from.min(change.to), change.from.max(change.to));
        if fewer == 0 || more != servers.len() {
            return Err(format!("{} servers cannot go from {} shards to {}", servers.len(), change.from, change.to));
        }
        match Self::of(servers)? {
            Self::Shards(servers) if fewer < more => Ok(Self::Resharding { servers, change }),
            settled => Ok(settled),
        }
    }

    /// This store with replicas, servers that repeat what it writes. One that may be further behind than `most_lag` gets no reads.
    ///
    /// # Errors
    /// When it can have none.
    pub fn with_replicas(self, replicas: Vec<Target>, most_lag: Duration) -> Result<Self, String> {
        if replicas.is_empty() {
            return Ok(self);
        }
        let Self::One(primary) = self else { return Err("shards with replicas are not supported".to_owned()) };
        let kind = primary.kind();
        match kind {
            StoreTargetKind::Mysql | StoreTargetKind::Redis => {}
            StoreTargetKind::Memory
            | StoreTargetKind::Sqlite
            | StoreTargetKind::RedisCluster
            | StoreTargetKind::Memcached => {
                return Err(format!("{} has no replicas", kind.name()));
            }
        }
        if replicas.iter().any(|replica| replica.kind() != kind) {
            return Err("a replica is of the kind of its primary".to_owned());
        }
        let servers: Vec<Target> = std::iter::once(primary).chain(replicas).collect();
        if servers.len() > MOST {
            return Err(format!("a store may have {MOST} servers at most"));
        }
        refuse_twice(&servers)?;
        Ok(Self::Replicated { servers, most_lag })
    }

    /// All servers, in order.
    pub fn targets(&self) -> &[Target] {
        match self {
            Self::One(target) => std::slice::from_ref(target),
            Self::Shards(targets)
            | Self::Resharding { servers: targets, .. }
            | Self::Replicated { servers: targets, .. } => targets,
        }
    }

    /// What kind they are, all the same.
    pub fn kind(&self) -> StoreTargetKind {
        self.targets().first().map_or(StoreTargetKind::Memory, Target::kind)
    }
}

fn refuse_twice(targets: &[Target]) -> Result<(), String> {
    let mut seen = HashSet::new();
    match targets.iter().find(|target| !seen.insert(target.to_string())) {
        Some(twice) => Err(format!("{twice} stands twice in the list of servers")),
        None => Ok(()),
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
        assert_eq!((two.targets().len(), two.kind()), (2, StoreTargetKind::Redis));
        assert!(layout(&["sqlite:/a", "sqlite:/b"]).is_ok());
    }

    #[test]
    fn replicas_are_of_one_primary_and_of_its_kind() {
        let with = |urls: &[&str], replicas: &[&str]| {
            let replicas = replicas.iter().map(|url| url.parse().unwrap()).collect();
            layout(urls)?.with_replicas(replicas, Duration::from_secs(1))
        };
        assert_eq!(with(&["sqlite:/a"], &[]), layout(&["sqlite:/a"]));
        let three = with(&["mysql://a/x"], &["mysql://b/x", "mysql://c/x"]).unwrap();
        assert!(matches!(&three, Layout::Replicated { servers, .. } if servers.len() == 3));
        for (urls, replicas, words) in [
            (&["redis://a", "redis://b"][..], "redis://c", "not supported"),
            (&["redis://a"], "mysql://c", "the kind of its primary"),
            (&["sqlite:/a"], "sqlite:/b", "sqlite has no replicas"),
            (&["redis://a"], "redis://a", "stands twice"),
        ] {
            let refusal = with(urls, &[replicas]).unwrap_err();
            assert!(refusal.contains(words), "{refusal}");
        }
    }

    #[test]
    fn shards_become_others_where_the_servers_are_there() {
        let resharding = |urls: &[&str], from, to| {
            let servers = urls.iter().map(|url| url.parse().unwrap()).collect();
            Layout::resharding(servers, ShardChange { from, to, begun: false })
        };
        for (from, to) in [(1, 2), (2, 1)] {
            let layout = resharding(&["redis://a", "redis://b"], from, to).unwrap();
            assert!(matches!(&layout, Layout::Resharding { servers, .. } if servers.len() == 2));
        }
        assert_eq!(resharding(&["redis://a", "redis://b"], 2, 2), layout(&["redis://a", "redis://b"]));
        assert_eq!(resharding(&["redis://a"], 1, 1), layout(&["redis://a"]));
        for (urls, from, to) in [(&["redis://a", "redis://b"][..], 2, 3), (&["redis://a"], 0, 1), (&[], 0, 0)] {
            assert!(resharding(urls, from, to).unwrap_err().contains("cannot go"), "{from} {to}");
        }
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
            (&["redis-cluster://a", "redis-cluster://b"], "in one URL"),
            (&["redis://:hunter2@a", "redis://a"], "redis://a:6379 stands twice"),
            (&many, "64 shards at most"),
        ] {
            let refusal = layout(urls).unwrap_err();
            assert!(refusal.contains(words) && !refusal.contains("hunter2"), "{refusal}");
        }
    }
}
