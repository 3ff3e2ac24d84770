//! The options of `webapp cluster up`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::values::{UnitCpu, backend, count, port, replicas, seconds, servers, unit_cpu, units};
use crate::app::Model;
use crate::cli::relay::delay;
use crate::cluster::balancer::BalancerKind;
use crate::cluster::bind::Bind;
use crate::cluster::contract::Topology;
use crate::cluster::far::FarRequest;
use crate::cluster::machines::MachinesRequest;
use crate::cluster::settings::{BalancingAlgorithm, UpRequest};
use crate::cluster::shared::{CacheKind, LoginCost, SessionsKind, SharedRequest, StoreKind};
use crate::cluster::waf::Waf;
use crate::results::edge;

/// Options of `up`.
#[derive(clap::Args)]
pub struct Up {
    /// So many small nodes behind a balancer; the same as --topology horizontal --units N [default: 2].
    #[arg(long, value_name = "N", value_parser = units(), help_heading = "Nodes")]
    nodes: Option<u32>,
    /// A node for each unit behind a balancer, or one node that has all units [default: horizontal].
    #[arg(long, value_name = "T", help_heading = "Nodes")]
    topology: Option<Topology>,
    /// How many units of CPU [default: 2].
    #[arg(long, value_name = "N", value_parser = units(), help_heading = "Nodes")]
    units: Option<u32>,
    /// A unit, in percent of one core, or none: no quota [default: 25].
    #[arg(long, value_name = "P", value_parser = unit_cpu, help_heading = "Nodes")]
    unit_cpu: Option<UnitCpu>,
    /// Let the nodes stand on machines with room for N each: groups with a quota of N units, in which the nodes' own lie.
    #[arg(long, value_name = "N", value_parser = units(), help_heading = "Nodes")]
    machine_units: Option<u32>,
    /// How many machines; nodes beyond their room share what they have [default: as many as the nodes need].
    #[arg(long, value_name = "N", value_parser = units(), help_heading = "Nodes")]
    machines: Option<u32>,
    /// How a node spends its threads [default: async].
    #[arg(long, value_name = "M", help_heading = "Nodes")]
    model: Option<Model>,
    /// Seconds that a node may take to finish what it has [default: 30].
    #[arg(long, value_name = "S", value_parser = count(), help_heading = "Nodes")]
    drain_timeout: Option<u32>,
    /// Where the rows of all nodes are: a file that they share, or a server that is started for them [default: in each node].
    #[arg(long, value_name = "S", help_heading = "Store")]
    store: Option<StoreKind>,
    /// What a store's server may use, in percent of one core, or none: no quota [default: a unit].
    #[arg(long, value_name = "P", value_parser = unit_cpu, help_heading = "Store")]
    store_cpu: Option<UnitCpu>,
    /// How many such shares each of the store's servers has: one bigger store, where --shards makes several [default: 1].
    #[arg(long, value_name = "N", value_parser = units(), help_heading = "Store")]
    store_units: Option<u32>,
    /// Connections of each node to each store server [default: 4].
    #[arg(long, value_name = "N", value_parser = count(), help_heading = "Store")]
    store_connections: Option<u32>,
    /// Rows that the store begins with [default: 100000].
    #[arg(long, value_name = "N", value_parser = count(), help_heading = "Store")]
    store_rows: Option<u32>,
    /// Let the store be in another place than the nodes: a relay holds every byte for so long, one way, such as 5ms.
    #[arg(long, value_name = "DURATION", value_parser = delay, help_heading = "Store")]
    store_delay: Option<Duration>,
    /// So many store servers, each with a part of the rows, which the nodes find by a hash of the id [default: 1].
    #[arg(long, value_name = "N", value_parser = servers(), help_heading = "Store")]
    shards: Option<u32>,
    /// The Redis servers of --shards share the keys out themselves (Redis Cluster): the store knows who has which key, and not the node.
    #[arg(long, help_heading = "Store")]
    redis_cluster: bool,
    /// So many further store servers that repeat what the first one writes, and answer reads, too [default: 0].
    #[arg(long, value_name = "N", value_parser = replicas(), help_heading = "Store")]
    replicas: Option<u32>,
    /// Where the sessions of users are: in each node, in a server, or in a signed token that the user has [default: node].
    #[arg(long, value_name = "S", help_heading = "Store")]
    sessions: Option<SessionsKind>,
    /// Where answers of /item, /items, /fib and /primes are kept: in each node, or in a server of its own; -- --cache-ttl 1s says
    /// for how long [default: nowhere].
    #[arg(long, value_name = "S", help_heading = "Store")]
    cache: Option<CacheKind>,
    /// Let the demo users user1 to user1000 log in, whose hashes (Argon2id) take KIB of memory and so many passes, such as
    /// 19456:2. Their one password is made for the cluster, and kept in its folder; the answer names a file with the body of a
    /// login.
    #[arg(long, value_name = "KIB:PASSES", help_heading = "Store")]
    login: Option<LoginCost>,
    /// Further arguments of `webapp serve`.
    #[arg(last = true, value_name = "ARGUMENTS", help_heading = "Nodes")]
    further: Vec<String>,
    /// Which balancer [default: haproxy].
    #[arg(long, value_name = "B", help_heading = "Balancer")]
    balancer: Option<BalancerKind>,
    /// Put the one node of a vertical cluster behind a balancer, too.
    #[arg(long, help_heading = "Balancer")]
    behind_balancer: bool,
    /// Start no nodes, but be the balancer of these; drain and start work on them, too.
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',', value_parser = backend, help_heading = "Balancer")]
    backend: Option<Vec<String>>,
    /// How the balancer chooses a node [default: roundrobin].
    #[arg(long, value_name = "A", help_heading = "Balancer")]
    algorithm: Option<BalancingAlgorithm>,
    /// Where clients connect [default: 8080, or the next that is free].
    #[arg(long, value_name = "PORT", value_parser = port(), help_heading = "Balancer")]
    port: Option<u16>,
    /// On which address; * is all of this machine's [default: 127.0.0.1].
    #[arg(long, value_name = "ADDRESS", help_heading = "Balancer")]
    bind: Option<Bind>,
    /// Send a user to the same node each time, by a cookie.
    #[arg(long, help_heading = "Balancer")]
    sticky: bool,
    /// Refuse what looks like an attack: in nginx a firewall (ModSecurity with the OWASP Core Rule Set), in HAProxy no more than a
    /// short list. detect: say so in nginx's log, and refuse nothing.
    #[arg(long, value_name = "block|detect", num_args = 0..=1, default_missing_value = "block", hide_possible_values = true)]
    #[arg(help_heading = "Balancer")]
    waf: Option<Waf>,
    /// Let the balancer keep the answers that may be kept for so long, such as 10s: those of /fib, /primes, /item and /items.
    #[arg(long = edge::CACHE_FLAG, value_name = "DURATION", value_parser = seconds, help_heading = "Balancer")]
    edge_cache: Option<u32>,
    /// Let the clients be far from the balancer: a relay holds every byte for so long, one way, such as 40ms. The target is then the
    /// relay, or the edge.
    #[arg(long, value_name = "DURATION", value_parser = delay, help_heading = "Balancer")]
    origin_delay: Option<Duration>,
    /// Put a second balancer near the clients, in front of the far one; it is the one that keeps answers then. It needs --origin-delay
    /// and --edge-cache.
    #[arg(long = edge::BALANCER_FLAG, value_name = "B", help_heading = "Balancer")]
    edge: Option<BalancerKind>,
    /// Requests that a node gets at once; more wait in HAProxy's queue [default: 1000].
    #[arg(long, value_name = "N", value_parser = count(), help_heading = "Balancer")]
    maxconn: Option<u32>,
    /// Speak https://dev.acme.com.ar as well, by a local authority (mkcert, else openssl).
    #[arg(long, help_heading = "Balancer")]
    tls: bool,
    /// Speak HTTP/2 to the client; means --tls.
    #[arg(long, help_heading = "Balancer")]
    http2: bool,
    /// Let plain HTTP only send the client to HTTPS; means --tls.
    #[arg(long, help_heading = "Balancer")]
    redirect: bool,
    /// Where HTTPS is spoken [default: 8443, or the next that is free].
    #[arg(long, value_name = "PORT", value_parser = port(), help_heading = "Balancer")]
    tls_port: Option<u16>,
    /// Keep the local authority there, so that it is trusted once and not for each cluster.
    #[arg(long, value_name = "DIR", help_heading = "Balancer")]
    authority: Option<PathBuf>,
    /// Requests a second from one source; above it 429.
    #[arg(long, value_name = "N", value_parser = count(), help_heading = "Balancer")]
    limit_requests: Option<u32>,
    /// Connections at once from one source (layer 4: scripts/protect.sh).
    #[arg(long, value_name = "N", value_parser = count(), help_heading = "Balancer")]
    limit_connections: Option<u32>,
}

impl Up {
    /// The request as data.
    pub fn request(self) -> anyhow::Result<UpRequest> {
        let authority = self.authority.map(std::path::absolute).transpose().context("--authority")?;
        Ok(UpRequest {
            nodes: self.nodes,
            topology: self.topology,
            units: self.units,
            unit_cpu: self.unit_cpu.map(|unit| unit.0),
            model: self.model,
            drain_timeout: self.drain_timeout,
            balancer: self.balancer,
            behind_balancer: self.behind_balancer,
            backend: self.backend,
            algorithm: self.algorithm,
            port: self.port,
            bind: self.bind,
            maxconn: self.maxconn,
            edge_cache: self.edge_cache,
            far: FarRequest { delay: self.origin_delay, edge: self.edge },
            tls: self.tls,
            http2: self.http2,
            redirect: self.redirect,
            tls_port: self.tls_port,
            authority,
            limit_requests: self.limit_requests,
            limit_connections: self.limit_connections,
            sticky: self.sticky,
            waf: self.waf,
            shared: SharedRequest {
                store: self.store,
                cpu: self.store_cpu.map(|cpu| cpu.0),
                connections: self.store_connections,
                delay: self.store_delay,
                rows: self.store_rows,
                shards: self.shards,
                replicas: self.replicas,
                redis_cluster: self.redis_cluster,
                units: self.store_units,
                sessions: self.sessions,
                cache: self.cache,
                login: self.login,
            },
            machines: MachinesRequest { units: self.machine_units, count: self.machines },
            node_arguments: self.further,
        })
    }
}
