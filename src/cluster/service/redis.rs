//! A Redis server: for rows, sessions or both. It keeps everything in memory and writes no file: what it holds dies with it.

use std::ffi::OsString;

use super::kind::{Program, ServerPlace};
use crate::cluster::program::Needed;

/// Its configuration: the password may not stand in a command line.
const CONFIG: &str = "redis.conf";

/// See the file.
pub struct RedisProgram;

impl Program for RedisProgram {
    fn needed(&self) -> Needed {
        Needed { program: "redis-server", package: "redis-server" }
    }

    fn accounts(&self) -> &'static [&'static str] {
        &["redis"]
    }

    /// 512 MB: a million rows take less than half of it; a store that is full refuses to write instead of forgetting. A cache has 64 MB,
    /// and forgets.
    fn files(&self, place: &ServerPlace) -> Vec<(&'static str, String)> {
        let ServerPlace { port, password, folder, .. } = place;
        let folder = folder.display();
        let memory =
            if place.forgets { "64mb\nmaxmemory-policy allkeys-lru" } else { "512mb\nmaxmemory-policy noeviction" };
        // A replica logs in with the password that all of them have.
        let follows = place.replication.as_ref().and_then(|replication| replication.follows);
        let follows = follows.map(|port| format!("replicaof 127.0.0.1 {port}\nmasterauth {password}\n"));
        let follows = follows.unwrap_or_default();
        // Servers name each other, and their clients, by the address that they were told; else they would have to find out.
        let cluster = place.bus_port.map(|port| {
            format!(
                "cluster-enabled yes\ncluster-port {port}\ncluster-announce-ip 127.0.0.1\n\
                 cluster-require-full-coverage no\ncluster-node-timeout 5000\n"
            )
        });
        let cluster = cluster.unwrap_or_default();
        let text = format!(
            "bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir \"{folder}\"\nsave \"\"\nappendonly no\n\
             maxmemory {memory}\nrepl-diskless-sync-delay 0\n{follows}{cluster}"
        );
        vec![(CONFIG, text)]
    }

    fn command(&self, place: &ServerPlace) -> Vec<OsString> {
        vec![place.program.clone().into_os_string(), place.folder.join(CONFIG).into_os_string()]
    }

    fn url(&self, place: &ServerPlace) -> String {
        format!("redis://:{}@127.0.0.1:{}/0", place.password, place.port)
    }
}
