//! The list of kinds that can have replicas: who operates which.

use std::time::Duration;

use super::client::Failure;
use super::operator::Operator;
use super::target::Target;
use super::{mysql, redis};

/// Opens such a connection; `timeout` bounds each wait for the server.
///
/// # Errors
/// When it does not answer, or this kind has no replicas.
pub fn operate(target: &Target, timeout: Duration) -> Result<Box<dyn Operator>, Failure> {
    match target {
        Target::Mysql(remote) => Ok(Box::new(mysql::Mysql::connect_to_operate(remote, timeout)?)),
        Target::Redis(remote) => Ok(Box::new(redis::Redis::connect(remote, timeout)?)),
        Target::Memory(_) | Target::Sqlite(_) | Target::RedisCluster(_) | Target::Memcached(_) => {
            Err(Failure::Unsupported("have replicas"))
        }
    }
}
