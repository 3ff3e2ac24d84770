//! The state that the nodes of a cluster share: what was asked for, which servers that takes, and what the nodes are told.
//! No I/O: ports and numbers are chosen elsewhere and filled in.

mod shards;

use std::ffi::OsString;
use std::path::Path;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::contract::{PromotionAnswer, ReshardAnswer, ServiceRole};
use super::stop::Stop;
pub use shards::Resharding;

/// Rows of a store, where nothing else is said.
pub const ROWS: u32 = 100_000;

/// Where the rows of all nodes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// A file that all nodes open: no server.
    Sqlite,
    /// A MariaDB server.
    Mariadb,
    /// A Redis server.
    Redis,
}

/// Where the sessions of users are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum SessionsKind {
    /// In each node, and lost with it.
    Node,
    /// In a Redis server, which is the store's where that is Redis.
    Redis,
    /// In a memcached server.
    Memcached,
    /// With the user, in a signed token.
    Token,
}

/// Where answers are kept, in front of work and store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum CacheKind {
    /// In each node.
    Memory,
    /// In a Redis server of its own, which forgets what was not asked for lately.
    Redis,
    /// In a memcached server.
    Memcached,
}

/// The servers that can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ServerKind {
    /// MariaDB.
    Mariadb,
    /// Redis.
    Redis,
    /// memcached.
    Memcached,
}

impl StoreKind {
    /// Its word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Mariadb => "mariadb",
            Self::Redis => "redis",
        }
    }

    /// The server that it takes, if any.
    pub fn server(self) -> Option<ServerKind> {
        match self {
            Self::Sqlite => None,
            Self::Mariadb => Some(ServerKind::Mariadb),
            Self::Redis => Some(ServerKind::Redis),
        }
    }
}

impl SessionsKind {
    /// Its word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Redis => "redis",
            Self::Memcached => "memcached",
            Self::Token => "token",
        }
    }

    /// The server that it takes, if any.
    pub fn server(self) -> Option<ServerKind> {
        match self {
            Self::Node | Self::Token => None,
            Self::Redis => Some(ServerKind::Redis),
            Self::Memcached => Some(ServerKind::Memcached),
        }
    }
}

impl CacheKind {
    /// Its word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Memcached => "memcached",
        }
    }

    /// The server that it takes, if any.
    pub fn server(self) -> Option<ServerKind> {
        match self {
            Self::Memory => None,
            Self::Redis => Some(ServerKind::Redis),
            Self::Memcached => Some(ServerKind::Memcached),
        }
    }
}

impl ServerKind {
    /// Its word in the answer.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mariadb => "mariadb",
            Self::Redis => "redis",
            Self::Memcached => "memcached",
        }
    }
}

/// What a check of a demo user's password costs (Argon2id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginCost {
    /// Memory of one hash, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl std::fmt::Display for LoginCost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.memory_kib, self.passes)
    }
}

impl std::str::FromStr for LoginCost {
    type Err = String;

    /// Reads `19456:2`.
    fn from_str(text: &str) -> Result<Self, String> {
        let numbers =
            text.split_once(':').and_then(|(memory, passes)| Some((memory.parse().ok()?, passes.parse().ok()?)));
        match numbers {
            Some((memory_kib @ 8..=1_048_576, passes @ 1..=100)) => Ok(Self { memory_kib, passes }),
            _ => Err("must be KIB:PASSES, such as 19456:2: 8 to 1048576 KiB of memory, and 1 to 100 passes over it"
                .to_owned()),
        }
    }
}

/// What `up` was asked for; `None` is what was not said.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct SharedRequest {
    pub store: Option<StoreKind>,
    /// `Some(None)`: said to be without a limit.
    pub cpu: Option<Option<u32>>,
    pub connections: Option<u32>,
    pub rows: Option<u32>,
    pub shards: Option<u32>,
    pub replicas: Option<u32>,
    /// Whether the shards share the keys out among themselves.
    pub redis_cluster: bool,
    /// Units of CPU of each server.
    pub units: Option<u32>,
    pub sessions: Option<SessionsKind>,
    pub cache: Option<CacheKind>,
    pub login: Option<LoginCost>,
}

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

/// The name of the sessions' own server.
const SESSIONS: &str = "sessions1";
/// The name of the cache's server.
const CACHE: &str = "cache1";
/// What a cache in a node may take.
const CACHE_SIZE: &str = "64MiB";

impl SharedRequest {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What comes of it; `unit` is a node's share of a core in percent, which a server gets, too, unless another was said.
    ///
    /// # Errors
    /// [`Stop::Usage`] when the request contradicts itself.
    pub fn settle(&self, unit: Option<u32>) -> Result<SharedSettings, Stop> {
        let sessions = self.sessions.unwrap_or(SessionsKind::Node);
        let store_server = self.store.and_then(StoreKind::server);
        // One Redis does both, as people do; its figures are then those of both.
        let of_sessions = sessions.server().filter(|kind| Some(*kind) != store_server);
        let server =
            |name: String, kind: ServerKind, role| ServerSettings { name, kind, role, port: 0, number: 0, bus_port: 0 };
        if self.shards.is_some() && store_server.is_none() {
            return Err(Stop::usage("--shards needs --store mariadb or --store redis"));
        }
        if self.units.is_some() && store_server.is_none() {
            return Err(Stop::usage("--store-units needs --store mariadb or --store redis"));
        }
        let (shards, replicas) = (self.shards.unwrap_or(1), self.replicas.unwrap_or(0));
        if self.replicas.is_some() && store_server.is_none() {
            return Err(Stop::usage("--replicas needs --store mariadb or --store redis"));
        }
        if shards > 1 && replicas > 0 {
            return Err(Stop::usage("--shards and --replicas cannot be had together"));
        }
        if self.redis_cluster && (self.store != Some(StoreKind::Redis) || shards < 3) {
            return Err(Stop::usage(
                "--redis-cluster needs --store redis and --shards 3 or more: of two, none could go on when one dies",
            ));
        }
        let role = move |number| match (shards, number) {
            (2.., _) => ServiceRole::Shard,
            (_, 1) => ServiceRole::Primary,
            (_, _) => ServiceRole::Replica,
        };
        let store = |kind| {
            let name = move |number| server(format!("{STORE}{number}"), kind, role(number));
            (1..=shards + replicas).map(name)
        };
        let sessions_role = |kind| match kind {
            ServerKind::Mariadb | ServerKind::Redis => ServiceRole::Primary,
            ServerKind::Memcached => ServiceRole::Cache,
        };
        let own = of_sessions.map(|kind| server(SESSIONS.to_owned(), kind, sessions_role(kind)));
        let cache = self.cache.and_then(CacheKind::server);
        let cache = cache.map(|kind| server(CACHE.to_owned(), kind, ServiceRole::Cache));
        let servers: Vec<_> = store_server.into_iter().flat_map(store).chain(own).chain(cache).collect();
        if self.cpu.is_some() && servers.is_empty() {
            return Err(Stop::usage(
                "--store-cpu is for a server: it needs --store mariadb, --store redis, or a server of sessions or of a cache",
            ));
        }
        if self.store.is_none() && self.rows.is_some() {
            return Err(Stop::usage("--store-rows needs --store"));
        }
        if self.connections.is_some() && self.store.is_none() && servers.is_empty() {
            return Err(Stop::usage("--store-connections needs --store, or --sessions or --cache redis or memcached"));
        }
        Ok(SharedSettings {
            store: self.store,
            connections: self.connections,
            rows: self.rows.unwrap_or(ROWS),
            sessions,
            cache: self.cache,
            login: self.login,
            cpu: if servers.is_empty() { None } else { self.cpu.unwrap_or(unit) },
            redis_cluster: self.redis_cluster,
            units: self.units.unwrap_or(1),
            servers,
            promotions: Vec::new(),
            generation: 1,
            resharding: None,
            reshards: Vec::new(),
        })
    }

    /// Flags with what is asked and what there is, for the comparison with a cluster that is up.
    pub fn against(&self, shared: &SharedSettings) -> Vec<(&'static str, Option<String>, Option<String>)> {
        let percent = |cpu: Option<u32>| cpu.map_or_else(|| "none".to_owned(), |percent| percent.to_string());
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let count =
            |shared: &SharedSettings, role| shared.store_servers().filter(|server| server.role == role).count() as u32;
        vec![
            ("store", self.store.map(|it| it.name().to_owned()), shared.store.map(|it| it.name().to_owned())),
            ("shards", number(self.shards), number(Some(count(shared, ServiceRole::Shard).max(1)))),
            ("store-units", number(self.units), number(Some(shared.units))),
            (
                "redis-cluster",
                self.redis_cluster.then(|| "yes".to_owned()),
                shared.redis_cluster.then(|| "yes".to_owned()),
            ),
            ("replicas", number(self.replicas), number(Some(count(shared, ServiceRole::Replica)))),
            ("store-cpu", self.cpu.map(percent), Some(percent(shared.cpu))),
            ("store-connections", number(self.connections), number(shared.connections)),
            ("store-rows", number(self.rows), number(Some(shared.rows))),
            ("cache", self.cache.map(|it| it.name().to_owned()), shared.cache.map(|it| it.name().to_owned())),
            ("login", self.login.map(|it| it.to_string()), shared.login.map(|it| it.to_string())),
            ("sessions", self.sessions.map(|it| it.name().to_owned()), Some(shared.sessions.name().to_owned())),
        ]
    }
}

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
