//! What every exchange of a request for an answer needs, and what it comes to.

use std::net::SocketAddr;

use may::coroutine::Builder;

use super::deadlines::Clock;
use super::handshake::Handshake;
use super::plan::Expect;
use super::request::PreparedRequest;
use super::rows::RowSource;
use super::session::SessionChange;
use super::tls::{self, TlsServer};

/// What every exchange of a run needs, fixed before the start.
pub(super) struct ExchangeContext {
    pub clock: Clock,
    pub servers: Vec<OriginServer>,
    /// By target.
    pub requests: Vec<PreparedRequest>,
    pub keepalive: bool,
    pub expect: Expect,
    /// Whether each user keeps cookies.
    pub cookies: bool,
    /// Of all streams of keys.
    pub seed: u64,
    /// The table whose rows go into requests.
    pub rows: Option<RowSource>,
}

/// One of the origins.
pub(super) struct OriginServer {
    pub address: SocketAddr,
    /// `None`: it is spoken to in plain HTTP.
    pub tls: Option<TlsServer>,
}

impl ExchangeContext {
    /// Whether there is something that a user keeps beyond its connections.
    pub fn users_remember(&self) -> bool {
        self.cookies || self.rows.is_some() || self.servers.iter().any(|server| server.tls.is_some())
    }

    /// A coroutine of a user, with the stack that it needs.
    pub fn coroutine(&self) -> Builder {
        match self.servers.iter().any(|server| server.tls.is_some()) {
            true => Builder::new().stack_size(tls::STACK_WORDS),
            false => Builder::new(),
        }
    }
}

/// How one exchange went, beside its failure.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ExchangeProgress {
    /// The request was written to a connection.
    pub sent: bool,
    /// A whole answer came, correct or not; it can be asked of the user.
    pub answered: bool,
    /// A connection was opened for it.
    pub opened: bool,
    /// And TLS began on it.
    pub handshake: Option<Handshake>,
    /// What its answer says of the user's session.
    pub session: Option<SessionChange>,
}
