//! Makes Redis servers one cluster: each gets its part of the slots, and learns of the others. No program beside the servers is needed.

use std::time::Duration;

use super::Redis;
use super::slots::shares;
use crate::store::client::Failure;
use crate::store::target::{Remote, Target};

/// A server, and the port on which the servers talk to each other.
pub type ClusterMember = (Target, u16);

fn remote(target: &Target) -> Result<&Remote, Failure> {
    match target {
        Target::Redis(remote) => Ok(remote),
        Target::Memory(_) | Target::Sqlite(_) | Target::Mysql(_) | Target::RedisCluster(_) | Target::Memcached(_) => {
            Err(Failure::Unsupported("join a Redis Cluster"))
        }
    }
}

fn open(members: &[ClusterMember], timeout: Duration) -> Result<Vec<(Redis, &Remote, u16)>, Failure> {
    let mut servers = Vec::new();
    for (target, bus) in members {
        let remote = remote(target)?;
        servers.push((Redis::connect(remote, timeout)?, remote, *bus));
    }
    Ok(servers)
}

/// Shares the slots out, and lets the servers meet. What they have already stays, so that it may be done again.
///
/// # Errors
/// When one of them does not answer or refuses.
pub fn form(members: &[ClusterMember], timeout: Duration) -> Result<(), Failure> {
    let mut servers = open(members, timeout)?;
    let shares = shares(servers.len() as u16);
    for ((server, _, _), (first, last)) in servers.iter_mut().zip(shares) {
        if !has_slots(&server.cluster_nodes()?) {
            server.run(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()])?;
        }
    }
    let Some(((first, _, _), others)) = servers.split_first_mut() else { return Ok(()) };
    for (_, remote, bus) in others {
        first.run(&["CLUSTER", "MEET", &remote.host, &remote.port.to_string(), &bus.to_string()])?;
    }
    Ok(())
}

/// Whether every server knows all others, and who has which slots.
///
/// # Errors
/// When one of them does not answer.
pub fn is_formed(members: &[ClusterMember], timeout: Duration) -> Result<bool, Failure> {
    for (mut server, _, _) in open(members, timeout)? {
        let mut command = redis::cmd("CLUSTER");
        let info: String = server.ask(command.arg("INFO"))?;
        if !is_whole(&info, members.len()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What `CLUSTER INFO` says of a whole cluster.
fn is_whole(info: &str, servers: usize) -> bool {
    let says = |name, value: &str| super::field(info, name) == Some(value);
    says("cluster_state", "ok")
        && says("cluster_slots_ok", "16384")
        && says("cluster_known_nodes", &servers.to_string())
}

/// Whether the line of the server itself in `CLUSTER NODES` has slots, from its ninth word on.
fn has_slots(nodes: &str) -> bool {
    nodes.lines().any(|line| line.contains("myself") && line.split_ascii_whitespace().nth(8).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_whole_when_all_know_all() {
        let info =
            "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\ncluster_known_nodes:3\r\n";
        assert!(is_whole(info, 3) && !is_whole(info, 4));
        assert!(!is_whole(&info.replace("ok:16384", "ok:16383"), 3) && !is_whole(&info.replace(":ok", ":fail"), 3));
    }

    #[test]
    fn a_fresh_server_has_no_slots() {
        assert!(!has_slots("07c3 :7000@17000 myself,master - 0 0 0 connected\n"));
        assert!(has_slots("67ed a:2@3 master - 0 0 2 connected 9-10\n07c3 :1@2 myself,master - 0 0 1 connected 0-8\n"));
        assert!(!has_slots("67ed a:2@3 master - 0 0 2 connected 9-10\n07c3 :1@2 myself,master - 0 0 1 connected\n"));
    }
}
