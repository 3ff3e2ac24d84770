//! Where the cache is.

use std::fmt;
use std::str::FromStr;

use crate::store;

/// Least size of a cache in the node, bytes: room for some answers.
const LEAST_SIZE: u64 = 64 * 1024;

/// Where answers are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheTarget {
    /// In the node, at most so many bytes.
    Memory(u64),
    /// In a server: Redis or memcached.
    Shared(store::Target),
}

/// What may be written, for messages that must not repeat what was.
const FORMS: &str = "memory:SIZE (such as memory:64MiB), redis://HOST:PORT/NUMBER or memcached://HOST:PORT";

impl FromStr for CacheTarget {
    type Err = String;

    /// The message of a refusal never holds what was given: it may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(size) = text.trim().strip_prefix("memory:") {
            let size = size.parse::<bytesize::ByteSize>().map(|size| size.as_u64());
            let size =
                size.map_err(|_| format!("the size of a cache in the node cannot be read; a cache is {FORMS}"))?;
            if size < LEAST_SIZE {
                return Err(format!("a cache in the node has {LEAST_SIZE} bytes at least, such as memory:64MiB"));
            }
            return Ok(Self::Memory(size));
        }
        let target = text.parse::<store::Target>();
        match target.as_ref().map(store::Target::kind) {
            Ok(store::StoreTargetKind::Redis | store::StoreTargetKind::Memcached) => target.map(Self::Shared),
            Ok(
                store::StoreTargetKind::Memory
                | store::StoreTargetKind::Sqlite
                | store::StoreTargetKind::Mysql
                | store::StoreTargetKind::RedisCluster,
            ) => Err(format!("a cache is {FORMS}")),
            // A URL of the right kind with something wrong in it; any other text is no URL of a cache at all.
            Err(why) if ["redis:", "memcached:"].iter().any(|scheme| text.trim().starts_with(scheme)) => {
                Err(why.clone())
            }
            Err(_) => Err(format!("a cache is {FORMS}")),
        }
    }
}

/// Without user and password.
impl fmt::Display for CacheTarget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(bytes) => write!(out, "memory:{bytes}"),
            Self::Shared(target) => target.fmt(out),
        }
    }
}

impl CacheTarget {
    /// The word for it in answers.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Memory(_) => store::StoreTargetKind::Memory.name(),
            Self::Shared(target) => target.kind().name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_named_by_where_they_are() {
        for (text, shown, name) in [
            ("memory:64MiB", "memory:67108864", "memory"),
            ("memory:100000", "memory:100000", "memory"),
            ("redis://ana:hunter2@db:7000/1", "redis://db:7000/1", "redis"),
            ("memcached://db", "memcached://db:11211", "memcached"),
        ] {
            let target: CacheTarget = text.parse().unwrap();
            assert_eq!((target.to_string().as_str(), target.name()), (shown, name));
        }
    }

    #[test]
    fn refusals_say_what_is_allowed_and_nothing_of_what_was_given() {
        for text in [
            "",
            "memory",
            "memory:",
            "memory:hunter2",
            "memory:1kB",
            "mysql://ana:hunter2@db/x",
            "redis://:hunter2@db/x",
        ] {
            let refusal = text.parse::<CacheTarget>().unwrap_err();
            assert!(!refusal.contains("hunter2") && refusal.contains("such as"), "{text}: {refusal}");
        }
    }
}
