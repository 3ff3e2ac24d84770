//! What can be chosen of what the nodes share: kinds of stores, sessions and caches, and the servers that they take.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

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
