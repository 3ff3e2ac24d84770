//! The state that the nodes of a cluster share: what was asked for, which servers that takes, and what the nodes are told.
//! No I/O: ports and numbers are chosen elsewhere and filled in.

mod kinds;
mod request;
mod shards;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::contract::{PromotionAnswer, ReshardAnswer, ServiceRole};
pub use kinds::{CacheKind, ServerKind, SessionsKind, StoreKind};
pub use request::{LoginCost, SharedRequest};
pub use shards::Resharding;

/// What the nodes share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharedSettings {
    /// `None`: each node has rows of its own, in memory.
    pub store: Option<StoreKind>,
    /// Connections of a node to each store server; `None`: as the node does without being told.
    pub connections: Option<u32>,
    /// Rows that the store begins with.
    pub rows: u32,
    /// Where sessions are.
    pub sessions: SessionsKind,
    /// Where answers are kept; `None`: nowhere.
    #[serde(default)]
    pub cache: Option<CacheKind>,
    /// Demo users can log in, whose hashes cost so much.
    #[serde(default)]
    pub login: Option<LoginCost>,
    /// A unit of CPU for servers, in percent of one core; `None` without a quota.
    pub cpu: Option<u32>,
    /// Whether the store's servers are a Redis Cluster: they know who has which key, not the nodes.
    #[serde(default)]
    pub redis_cluster: bool,
    /// The store is in another place than the nodes. `None`: beside them.
    #[serde(default)]
    pub far_store: Option<FarStore>,
    /// Units of each server of the store.
    #[serde(default = "one")]
    pub units: u32,
    /// The servers, in the order in which they start.
    pub servers: Vec<ServerSettings>,
    /// What became of the store's primaries, in order.
    #[serde(default)]
    pub promotions: Vec<PromotionAnswer>,
    /// The number of the list of shards that nodes follow.
    #[serde(default)]
    pub generation: u64,
    /// Rows that are on their way to other shards; the servers are those of both sides.
    #[serde(default)]
    pub resharding: Option<Resharding>,
    /// What moved between shards so far.
    #[serde(default)]
    pub reshards: Vec<ReshardAnswer>,
}

/// A store that is far from the nodes: they ask a relay, which holds every byte for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FarStore {
    /// One way.
    pub delay: Duration,
    /// Where the relay listens, on 127.0.0.1; 0 until it is chosen.
    pub port: u16,
}

/// A server that is started for the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSettings {
    /// `store1`, `sessions1`.
    pub name: String,
    /// Which program.
    pub kind: ServerKind,
    /// What it is for.
    pub role: ServiceRole,
    /// On 127.0.0.1; 0 until it is chosen.
    pub port: u16,
    /// A number that no other server has, ever: a MariaDB server skips what a server of its own number has written. 0 until it is
    /// chosen.
    pub number: u32,
    /// On 127.0.0.1, where a server of a Redis Cluster talks to the others; 0 of all others, and until it is chosen.
    #[serde(default)]
    pub bus_port: u16,
}

/// The store's servers are called this with a number behind it.
const STORE: &str = "store";
/// Most servers of a store.
pub const MOST_SERVERS: u32 = 16;

impl ServerSettings {
    /// Whether it has rows of the store.
    pub fn is_of_store(&self) -> bool {
        self.name.starts_with(STORE)
    }
}

/// The name of the relay before a far store.
pub const STORE_RELAY: &str = "relay-store1";
/// Behind the name of a server's file among the secrets: how nodes find it, where that is by a relay.
pub const FAR: &str = ".far";
/// The name of the sessions' own server.
const SESSIONS: &str = "sessions1";
/// The name of the cache's server.
const CACHE: &str = "cache1";
/// What a cache in a node may take.
const CACHE_SIZE: &str = "64MiB";

/// The file with the key of tokens, among the secrets.
pub const TOKEN_KEY: &str = "token.key";
/// The file with the demo users, among the secrets.
pub const USERS: &str = "users";
/// The file with the URL of a Redis Cluster, among the secrets.
pub const REDIS_CLUSTER: &str = "redis-cluster";
/// The file with the list of shards that nodes follow, in the cluster's folder.
pub const SHARDS: &str = "shards";
/// The file of a SQLite store, in the cluster's folder.
pub const SQLITE: &str = "store.db";

/// Of a cluster that was made before servers had units.
fn one() -> u32 {
    1
}

impl SharedSettings {
    /// What a server may use, in percent of one core; `None` without a quota.
    pub fn percent(&self, server: &ServerSettings) -> Option<u32> {
        let units = if server.is_of_store() { self.units } else { 1 };
        self.cpu.map(|unit| unit.saturating_mul(units))
    }

    /// The servers that have the rows, in the order that nodes know them by.
    pub fn store_servers(&self) -> impl Iterator<Item = &ServerSettings> {
        self.servers.iter().filter(|server| server.is_of_store())
    }

    /// The store's primary, where it has replicas.
    pub fn primary_of_replicas(&self) -> Option<&ServerSettings> {
        self.store_servers().find(|server| server.role == ServiceRole::Replica)?;
        self.store_servers().find(|server| server.role == ServiceRole::Primary)
    }

    /// The file among the secrets by which nodes find a server.
    pub fn url_file(&self, server: &ServerSettings) -> String {
        match self.far_store.filter(|_| server.is_of_store()) {
            Some(_) => format!("{}{FAR}", server.name),
            None => server.name.clone(),
        }
    }

    /// What `webapp serve` is told: no word of it is secret. Passwords and keys are in files of the folder `secrets`.
    pub fn node_arguments(&self, folder: &Path, secrets: &Path) -> Vec<OsString> {
        let url_of = |server: &str| {
            let mut word = OsString::from("@");
            word.push(secrets.join(server));
            word
        };
        let mut words: Vec<OsString> = Vec::new();
        match self.store {
            None => {}
            Some(StoreKind::Sqlite) => {
                let mut word = OsString::from("sqlite:");
                word.push(folder.join(SQLITE));
                words.extend(["--store".into(), word]);
            }
            Some(StoreKind::Mariadb | StoreKind::Redis) => {
                if self.primary_of_replicas().is_some() {
                    let urls = |role| {
                        let some = self.store_servers().filter(|server| server.role == role);
                        some.map(|server| url_of(&server.name)).collect::<Vec<_>>().join(",".as_ref())
                    };
                    words.extend(["--store".into(), urls(ServiceRole::Primary)]);
                    words.extend(["--store-replicas".into(), urls(ServiceRole::Replica)]);
                } else if self.redis_cluster {
                    words.extend(["--store".into(), url_of(REDIS_CLUSTER)]);
                } else {
                    words.extend(["--store-shards".into(), folder.join(SHARDS).into()]);
                }
            }
        }
        if let Some(connections) = self.connections {
            words.extend(["--store-connections".into(), connections.to_string().into()]);
        }
        if self.login.is_some() {
            words.extend(["--users".into(), secrets.join(USERS).into()]);
        }
        match self.cache {
            None => {}
            Some(CacheKind::Memory) => words.extend(["--cache".into(), format!("memory:{CACHE_SIZE}").into()]),
            Some(CacheKind::Redis | CacheKind::Memcached) => words.extend(["--cache".into(), url_of(CACHE)]),
        }
        let own_server = self.servers.iter().any(|server| server.name == SESSIONS);
        match self.sessions {
            SessionsKind::Node => {}
            SessionsKind::Redis | SessionsKind::Memcached if own_server => {
                words.extend(["--sessions".into(), url_of(SESSIONS)]);
            }
            SessionsKind::Redis | SessionsKind::Memcached => words.extend(["--sessions".into(), "store".into()]),
            SessionsKind::Token => {
                words.extend(["--sessions", "token", "--token-key-file"].map(OsString::from));
                words.push(secrets.join(TOKEN_KEY).into());
            }
        }
        words
    }
}

#[cfg(test)]
mod tests;
