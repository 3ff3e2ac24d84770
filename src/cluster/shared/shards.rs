//! Shards among what the nodes share: which servers there are while some come or go, and what the nodes are told of them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{STORE, ServerKind, ServerSettings, SharedSettings, StoreKind};
use crate::cluster::contract::ServiceRole;
use crate::store::{ShardChange, ShardList};

/// From so many shards to so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Resharding {
    pub from: u32,
    pub to: u32,
    /// Rows that there were before; `None` where nobody has counted them.
    pub rows: Option<u64>,
    /// Rows that have moved.
    pub moved: u64,
    /// Sessions that have moved.
    pub sessions: u64,
}

impl Resharding {
    /// One of which nothing has been done.
    pub fn new(from: u32, to: u32) -> Self {
        Self { from, to, ..Self::default() }
    }

    /// The same for nodes and movers.
    pub fn change(self, begun: bool) -> ShardChange {
        ShardChange { from: self.from as usize, to: self.to as usize, begun }
    }
}

impl SharedSettings {
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
            self.store_servers().map(|server| format!("@{}", secrets.join(self.url_file(server)).display())).collect();
        let all = servers.len();
        let (from, to) = self.resharding.map_or((all, all), |change| (change.from as usize, change.to as usize));
        Some(ShardList { generation: self.generation, servers, from, to, begun })
    }
}
