//! The list of kinds: which client speaks to which target.

use std::time::Duration;

use super::client::{Client, Failure};
use super::target::Target;
use super::{memcached, memory, mysql, redis, sqlite};

/// Opens a client. `timeout` bounds connecting, and each wait for the store.
pub fn connect(target: &Target, timeout: Duration) -> Result<Box<dyn Client>, Failure> {
    Ok(match target {
        Target::Memory(rows) => Box::new(memory::MemoryStore::new(*rows)),
        Target::Sqlite(path) => Box::new(sqlite::Sqlite::open(path, timeout)?),
        Target::Mysql(remote) => Box::new(mysql::Mysql::connect(remote, timeout)?),
        Target::RedisCluster(seeds) => Box::new(redis::cluster::RedisCluster::connect(seeds, timeout)?),
        Target::Redis(remote) => Box::new(redis::Redis::connect(remote, timeout)?),
        Target::Memcached(remote) => Box::new(memcached::Memcached::connect(remote, timeout)?),
    })
}

/// Reads of rows that one connection sends at once, when so many wait. Only where the server has a cheaper way for many than one
/// after the other; never so many that the first waits long for the last.
pub(super) fn most_at_once(target: &Target) -> usize {
    match target {
        Target::Redis(_) => redis::MOST_AT_ONCE,
        Target::Memory(_) | Target::Sqlite(_) | Target::Mysql(_) | Target::RedisCluster(_) | Target::Memcached(_) => 1,
    }
}
