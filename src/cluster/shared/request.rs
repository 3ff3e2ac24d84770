//! What `up` was asked for of what the nodes share, and the settings that come of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    CACHE, CacheKind, FarStore, SESSIONS, STORE, ServerKind, ServerSettings, SessionsKind, SharedSettings, StoreKind,
};
use crate::cluster::contract::ServiceRole;
use crate::cluster::stop::Stop;

/// Rows of a store, where nothing else is said.
const ROWS: u32 = 100_000;

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
    /// One way from the nodes to the store.
    pub delay: Option<Duration>,
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
        let servers = self.servers();
        self.check_store()?;
        self.check_servers(&servers)?;
        Ok(SharedSettings {
            store: self.store,
            connections: self.connections,
            rows: self.rows.unwrap_or(ROWS),
            sessions: self.sessions(),
            cache: self.cache,
            login: self.login,
            cpu: if servers.is_empty() { None } else { self.cpu.unwrap_or(unit) },
            redis_cluster: self.redis_cluster,
            far_store: self.delay.map(|delay| FarStore { delay, port: 0 }),
            units: self.units.unwrap_or(1),
            servers,
            promotions: Vec::new(),
            generation: 1,
            resharding: None,
            reshards: Vec::new(),
        })
    }

    fn sessions(&self) -> SessionsKind {
        self.sessions.unwrap_or(SessionsKind::Node)
    }

    fn store_server(&self) -> Option<ServerKind> {
        self.store.and_then(StoreKind::server)
    }

    /// The servers that it takes, in the order in which they start. Their ports are to be chosen.
    fn servers(&self) -> Vec<ServerSettings> {
        let (shards, replicas) = (self.shards.unwrap_or(1), self.replicas.unwrap_or(0));
        let server =
            |name: String, kind: ServerKind, role| ServerSettings { name, kind, role, port: 0, number: 0, bus_port: 0 };
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
        let store_server = self.store_server();
        // One Redis does both, as people do; its figures are then those of both.
        let of_sessions = self.sessions().server().filter(|kind| Some(*kind) != store_server);
        let sessions = of_sessions.map(|kind| server(SESSIONS.to_owned(), kind, sessions_role(kind)));
        let cache = self.cache.and_then(CacheKind::server);
        let cache = cache.map(|kind| server(CACHE.to_owned(), kind, ServiceRole::Cache));
        store_server.into_iter().flat_map(store).chain(sessions).chain(cache).collect()
    }

    /// Whether what was said of the store's servers goes together.
    fn check_store(&self) -> Result<(), Stop> {
        if self.store_server().is_none() {
            let flags = [
                ("--shards", self.shards.is_some()),
                ("--store-units", self.units.is_some()),
                ("--replicas", self.replicas.is_some()),
                ("--store-delay", self.delay.is_some()),
            ];
            if let Some((flag, _)) = flags.into_iter().find(|(_, said)| *said) {
                return Err(Stop::usage(format!("{flag} needs --store mariadb or --store redis")));
            }
        }
        let (shards, replicas) = (self.shards.unwrap_or(1), self.replicas.unwrap_or(0));
        if shards > 1 && replicas > 0 {
            return Err(Stop::usage("--shards and --replicas cannot be had together"));
        }
        if self.delay.is_some() && (shards > 1 || replicas > 0 || self.redis_cluster) {
            return Err(Stop::usage(
                "--store-delay is for a store of one server, without --shards, --replicas or --redis-cluster",
            ));
        }
        if self.redis_cluster && (self.store != Some(StoreKind::Redis) || shards < 3) {
            return Err(Stop::usage(
                "--redis-cluster needs --store redis and --shards 3 or more: of two, none could go on when one dies",
            ));
        }
        Ok(())
    }

    /// Whether there are the servers, or the store, that the rest was said of.
    fn check_servers(&self, servers: &[ServerSettings]) -> Result<(), Stop> {
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
        Ok(())
    }

    /// Flags with what is asked and what there is, for the comparison with a cluster that is up.
    pub fn against(&self, shared: &SharedSettings) -> Vec<(&'static str, Option<String>, Option<String>)> {
        let percent = |cpu: Option<u32>| cpu.map_or_else(|| "none".to_owned(), |percent| percent.to_string());
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let time = |delay: Duration| humantime::format_duration(delay).to_string();
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
            ("store-delay", self.delay.map(time), shared.far_store.map(|far| time(far.delay))),
            ("store-rows", number(self.rows), number(Some(shared.rows))),
            ("cache", self.cache.map(|it| it.name().to_owned()), shared.cache.map(|it| it.name().to_owned())),
            ("login", self.login.map(|it| it.to_string()), shared.login.map(|it| it.to_string())),
            ("sessions", self.sessions.map(|it| it.name().to_owned()), Some(shared.sessions.name().to_owned())),
        ]
    }
}
