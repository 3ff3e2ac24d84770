//! The state that the nodes of a cluster share: what was asked for, which servers that takes, and what the nodes are told.
//! No I/O: ports and numbers are chosen elsewhere and filled in.

use std::ffi::OsString;
use std::path::Path;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::contract::{PromotionAnswer, ReshardAnswer, ServiceRole};
use super::stop::Stop;
use crate::store::{Change, ShardList};

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
pub struct Shared {
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

/// From so many shards to so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Resharding {
    pub from: u32,
    pub to: u32,
    /// Rows that have moved.
    pub moved: u64,
}

impl Resharding {
    /// The same for nodes and movers.
    pub fn change(self, begun: bool) -> Change {
        Change { from: self.from as usize, to: self.to as usize, begun }
    }
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
    pub fn settle(&self, unit: Option<u32>) -> Result<Shared, Stop> {
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
        Ok(Shared {
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
    pub fn against(&self, shared: &Shared) -> Vec<(&'static str, Option<String>, Option<String>)> {
        let percent = |cpu: Option<u32>| cpu.map_or_else(|| "none".to_owned(), |percent| percent.to_string());
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let count = |shared: &Shared, role| shared.store_servers().filter(|server| server.role == role).count() as u32;
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

impl Shared {
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

    /// Further servers, whose ports are to be chosen, and rows that move from now on.
    pub fn begin(&mut self, change: Resharding) {
        let kind = self.store_servers().next().map_or(ServerKind::Redis, |server| server.kind);
        // Behind the store's other servers: they start in this order.
        let place = self.store_servers().count();
        for number in (change.from + 1..=change.to).rev() {
            let name = format!("{STORE}{number}");
            let role = ServiceRole::Shard;
            self.servers.insert(place, ServerSettings { name, kind, role, port: 0, number: 0, bus_port: 0 });
        }
        self.resharding = Some(change);
        self.set_roles();
    }

    /// So many shards have all rows.
    pub fn settle_shards(&mut self, shards: u32) {
        let names: Vec<String> = (1..=shards).map(|number| format!("{STORE}{number}")).collect();
        self.servers.retain(|server| !server.is_of_store() || names.contains(&server.name));
        self.resharding = None;
        self.set_roles();
    }

    fn set_roles(&mut self) {
        let role = if self.store_servers().count() > 1 { ServiceRole::Shard } else { ServiceRole::Primary };
        self.servers.iter_mut().filter(|server| server.is_of_store()).for_each(|server| server.role = role);
    }

    /// The list of shards for the nodes; `None` where the store has none that could become others.
    pub fn shard_list(&self, secrets: &Path, begun: bool) -> Option<ShardList> {
        let is_whole = self.redis_cluster || self.primary_of_replicas().is_some();
        if self.store.and_then(StoreKind::server).is_none() || is_whole {
            return None;
        }
        let servers: Vec<String> =
            self.store_servers().map(|server| format!("@{}", secrets.join(&server.name).display())).collect();
        let all = servers.len();
        let (from, to) = self.resharding.map_or((all, all), |change| (change.from as usize, change.to as usize));
        Some(ShardList { generation: self.generation, servers, from, to, begun })
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
mod tests {
    use super::*;

    fn shared(store: Option<StoreKind>, sessions: Option<SessionsKind>) -> Shared {
        SharedRequest { store, sessions, ..SharedRequest::default() }.settle(Some(10)).unwrap()
    }

    #[test]
    fn servers_and_what_nodes_are_told() {
        use SessionsKind::{Memcached, Token};
        for (store, sessions, servers, words) in [
            (None, None, "", ""),
            (Some(StoreKind::Sqlite), None, "", "--store sqlite:/c/store.db"),
            (Some(StoreKind::Mariadb), None, "store1 mariadb", "--store-shards /c/shards"),
            (
                Some(StoreKind::Redis),
                Some(SessionsKind::Redis),
                "store1 redis",
                "--store-shards /c/shards --sessions store",
            ),
            (
                Some(StoreKind::Mariadb),
                Some(SessionsKind::Redis),
                "store1 mariadb, sessions1 redis",
                "--store-shards /c/shards --sessions @/c/s/sessions1",
            ),
            (None, Some(Memcached), "sessions1 memcached", "--sessions @/c/s/sessions1"),
            (None, Some(Token), "", "--sessions token --token-key-file /c/s/token.key"),
        ] {
            let shared = shared(store, sessions);
            let names: Vec<_> = shared.servers.iter().map(|it| format!("{} {}", it.name, it.kind.name())).collect();
            assert_eq!(names.join(", "), servers);
            assert_eq!(shared.cpu, (!servers.is_empty()).then_some(10), "{servers}");
            let told = shared.node_arguments(Path::new("/c"), Path::new("/c/s"));
            assert_eq!(told.join(" ".as_ref()), *words);
        }
        let users = SharedRequest { login: Some("4096:1".parse().unwrap()), ..SharedRequest::default() };
        let told = users.settle(None).unwrap().node_arguments(Path::new("/c"), Path::new("/s"));
        assert_eq!(told.join(" ".as_ref()), "--users /s/users");
        let more = SharedRequest { connections: Some(8), store: Some(StoreKind::Redis), ..SharedRequest::default() };
        let told = more.settle(None).unwrap().node_arguments(Path::new("/c"), Path::new("/s"));
        assert_eq!(told.join(" ".as_ref()), "--store-shards /c/shards --store-connections 8");
    }

    #[test]
    fn each_shard_is_a_server_of_its_own() {
        let three = SharedRequest { store: Some(StoreKind::Mariadb), shards: Some(3), ..SharedRequest::default() };
        let shared = three.settle(Some(10)).unwrap();
        let names: Vec<_> = shared.store_servers().map(|it| (it.name.as_str(), it.role)).collect();
        assert_eq!(names, ["store1", "store2", "store3"].map(|name| (name, ServiceRole::Shard)));
        let told = shared.node_arguments(Path::new("/c"), Path::new("/s"));
        assert_eq!(told.join(" ".as_ref()), "--store-shards /c/shards");
        let list = shared.shard_list(Path::new("/s"), false).unwrap();
        assert_eq!(list.servers, ["@/s/store1", "@/s/store2", "@/s/store3"]);
        assert_eq!((list.generation, list.from, list.to), (1, 3, 3));
        assert!(shared.primary_of_replicas().is_none());
        let copies = SharedRequest { shards: None, replicas: Some(2), ..three.clone() }.settle(None).unwrap();
        assert_eq!(copies.primary_of_replicas().unwrap().name, "store1");
        let told = copies.node_arguments(Path::new("/c"), Path::new("/s"));
        assert_eq!(told.join(" ".as_ref()), "--store @/s/store1 --store-replicas @/s/store2,@/s/store3");
        let one = SharedRequest { shards: Some(1), replicas: Some(0), units: Some(4), ..three };
        let big = one.settle(Some(10)).unwrap();
        assert_eq!(big.percent(&big.servers[0]), Some(40));
        assert_eq!(one.settle(None).unwrap().servers[0].role, ServiceRole::Primary);
    }

    #[test]
    fn nodes_know_a_redis_cluster_as_one_store() {
        let request = SharedRequest {
            store: Some(StoreKind::Redis),
            shards: Some(3),
            redis_cluster: true,
            ..SharedRequest::default()
        };
        let shared = request.settle(None).unwrap();
        assert_eq!(shared.store_servers().count(), 3);
        let told = shared.node_arguments(Path::new("/c"), Path::new("/s"));
        assert_eq!(told.join(" ".as_ref()), "--store @/s/redis-cluster");
        assert_eq!(shared.shard_list(Path::new("/s"), false), None);
    }

    #[test]
    fn shards_come_and_go_in_order() {
        let request = SharedRequest {
            store: Some(StoreKind::Redis),
            sessions: Some(SessionsKind::Memcached),
            ..SharedRequest::default()
        };
        let mut shared = request.settle(None).unwrap();
        let names = |shared: &Shared| shared.servers.iter().map(|it| it.name.clone()).collect::<Vec<_>>().join(" ");
        let roles = |shared: &Shared| shared.store_servers().map(|it| it.role).collect::<Vec<_>>();
        shared.begin(Resharding { from: 1, to: 3, moved: 0 });
        assert_eq!(names(&shared), "store1 store2 store3 sessions1");
        assert_eq!(roles(&shared), [ServiceRole::Shard; 3]);
        let list = shared.shard_list(Path::new("/s"), true).unwrap();
        assert_eq!((list.servers.len(), list.from, list.to, list.begun), (3, 1, 3, true));
        shared.settle_shards(3);
        let list = shared.shard_list(Path::new("/s"), false).unwrap();
        assert_eq!((names(&shared).as_str(), list.from, list.to), ("store1 store2 store3 sessions1", 3, 3));
        shared.begin(Resharding { from: 3, to: 1, moved: 0 });
        assert_eq!(names(&shared), "store1 store2 store3 sessions1");
        shared.settle_shards(1);
        assert_eq!((names(&shared).as_str(), roles(&shared)), ("store1 sessions1", vec![ServiceRole::Primary]));
    }

    #[test]
    fn a_cache_is_in_the_nodes_or_a_server_of_its_own() {
        for (cache, role, word) in [
            (CacheKind::Memory, None, "--cache memory:64MiB"),
            (CacheKind::Redis, Some(ServiceRole::Cache), "--cache @/s/cache1"),
            (CacheKind::Memcached, Some(ServiceRole::Cache), "--cache @/s/cache1"),
        ] {
            let request =
                SharedRequest { cache: Some(cache), store: Some(StoreKind::Redis), ..SharedRequest::default() };
            let shared = request.settle(None).unwrap();
            assert_eq!(shared.servers.iter().find(|it| it.name == CACHE).map(|it| it.role), role, "{cache:?}");
            let told = shared.node_arguments(Path::new("/c"), Path::new("/s"));
            assert_eq!(told.join(" ".as_ref()), *format!("--store-shards /c/shards {word}"));
        }
    }

    #[test]
    fn costs_of_a_login() {
        assert_eq!("19456:2".parse(), Ok(LoginCost { memory_kib: 19_456, passes: 2 }));
        for text in ["", "19456", "19456:", ":2", "7:1", "8:0", "1048577:1", "8:101", "-8:1", "8:1:1"] {
            assert!(text.parse::<LoginCost>().unwrap_err().contains("19456:2"), "{text}");
        }
    }

    #[test]
    fn what_needs_a_store_is_refused_without_one() {
        let nothing = SharedRequest::default();
        for (request, flag) in [
            (SharedRequest { cpu: Some(Some(10)), ..nothing.clone() }, "--store-cpu"),
            (SharedRequest { cpu: Some(None), store: Some(StoreKind::Sqlite), ..nothing.clone() }, "--store-cpu"),
            (SharedRequest { rows: Some(10), ..nothing.clone() }, "--store-rows"),
            (SharedRequest { connections: Some(2), ..nothing.clone() }, "--store-connections"),
            (SharedRequest { shards: Some(2), ..nothing.clone() }, "--shards"),
            (SharedRequest { replicas: Some(0), ..nothing.clone() }, "--replicas"),
            (SharedRequest { units: Some(2), ..nothing.clone() }, "--store-units"),
            (
                SharedRequest { store: Some(StoreKind::Redis), shards: Some(2), replicas: Some(1), ..nothing.clone() },
                "--shards and --replicas",
            ),
            (SharedRequest { shards: Some(2), store: Some(StoreKind::Sqlite), ..nothing.clone() }, "--shards"),
            (
                SharedRequest { redis_cluster: true, store: Some(StoreKind::Redis), ..nothing.clone() },
                "--redis-cluster",
            ),
            (
                SharedRequest {
                    redis_cluster: true,
                    shards: Some(3),
                    store: Some(StoreKind::Mariadb),
                    ..nothing.clone()
                },
                "--redis-cluster",
            ),
        ] {
            assert!(request.settle(Some(10)).unwrap_err().to_string().starts_with(flag), "{flag}");
        }
        assert!(nothing.is_empty() && nothing.settle(None).is_ok());
    }

    #[test]
    fn words_are_those_of_the_command_line() {
        fn words<T: ValueEnum>(name: fn(T) -> &'static str) {
            for kind in T::value_variants() {
                assert_eq!(kind.to_possible_value().unwrap().get_name(), name(kind.clone()));
            }
        }
        words(StoreKind::name);
        words(SessionsKind::name);
        words(CacheKind::name);
        words(ServerKind::name);
    }
}
