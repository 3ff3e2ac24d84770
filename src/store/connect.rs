//! The list of kinds: which client speaks to which target.

use std::time::Duration;

use super::client::{Client, Failure};
use super::target::Target;
use super::{memcached, memory, mysql, redis, sqlite};

/// Opens a client. `timeout` bounds connecting, and each wait for the store.
pub fn connect(target: &Target, timeout: Duration) -> Result<Box<dyn Client>, Failure> {
    Ok(match target {
        Target::Memory(rows) => Box::new(memory::Memory::new(*rows)),
        Target::Sqlite(path) => Box::new(sqlite::Sqlite::open(path, timeout)?),
        Target::Mysql(remote) => Box::new(mysql::Mysql::connect(remote, timeout)?),
        Target::RedisCluster(seeds) => Box::new(redis::cluster::RedisCluster::connect(seeds, timeout)?),
        Target::Redis(remote) => Box::new(redis::Redis::connect(remote, timeout)?),
        Target::Memcached(remote) => Box::new(memcached::Memcached::connect(remote, timeout)?),
    })
}
