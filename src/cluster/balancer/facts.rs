//! What the templates of all kinds of balancers are told.

use serde::Serialize;

use super::{SOURCE, Site};
use crate::cluster::state::Rotation;
use crate::cluster::tls;

/// The part of a template's data that is the same for all kinds.
#[derive(Serialize)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) nodes: Vec<ServerLine>,
    pub(super) local_nodes: bool,
    pub(super) source: &'static str,
    pub(super) algorithm: &'static str,
    pub(super) algorithm_reason: &'static str,
    pub(super) port: u16,
    pub(super) stats_port: u16,
    pub(super) maxconn: u32,
    pub(super) drain_timeout: u32,
    /// Seconds.
    pub(super) edge_cache: Option<u32>,
    pub(super) limit_requests: Option<u32>,
    pub(super) limit_connections: Option<u32>,
    pub(super) sticky: bool,
    pub(super) waf: bool,
    pub(super) tls: Option<TlsFacts>,
}

#[derive(Serialize)]
pub(super) struct ServerLine {
    pub(super) name: String,
    pub(super) address: String,
    /// Meant to take no requests.
    pub(super) out: bool,
}

#[derive(Serialize)]
pub(super) struct TlsFacts {
    pub(super) port: u16,
    pub(super) http2: bool,
    pub(super) redirect: bool,
    /// Whether browsers are told to ask in TLS only.
    pub(super) strict: bool,
    /// The path of certificate and key.
    pub(super) certificate: String,
}

impl Site<'_> {
    /// What both templates need to know.
    pub(super) fn facts(&self) -> Facts {
        let settings = self.settings;
        let tls = settings.tls.as_ref().map(|it| TlsFacts {
            port: it.port,
            http2: it.http2,
            redirect: it.redirect,
            strict: it.redirect && tls::may_be_strict(it),
            certificate: tls::folder(it, self.folder).join("server.pem").display().to_string(),
        });
        Facts {
            name: settings.name.clone(),
            nodes: self.nodes(),
            local_nodes: settings.nodes_are_local(),
            source: SOURCE,
            algorithm: settings.algorithm.name(),
            algorithm_reason: settings.algorithm.reason(),
            port: settings.port,
            stats_port: settings.stats_port,
            maxconn: settings.maxconn,
            drain_timeout: settings.drain_timeout,
            // Where there is a cache near the clients, it is that one.
            edge_cache: settings.edge_cache.filter(|_| settings.far.is_none_or(|far| far.edge.is_none())),
            limit_requests: settings.limit_requests,
            limit_connections: settings.limit_connections,
            sticky: settings.sticky,
            waf: settings.waf.is_some(),
            tls,
        }
    }

    fn nodes(&self) -> Vec<ServerLine> {
        let server = |name: String| ServerLine {
            address: self.folder.node_address(&name),
            out: self.folder.rotation(&name) == Rotation::Out,
            name,
        };
        self.folder.nodes().into_iter().map(server).collect()
    }
}
