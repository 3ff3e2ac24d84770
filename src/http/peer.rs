//! The other end of a connection, as a long answer needs to know it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::control::ConnectionControl;

/// The other end of a connection while its request is being answered.
#[derive(Clone)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// None where the engine does not show its sockets.
    control: Option<Arc<ConnectionControl>>,
}

impl Peer {
    /// The client of a connection.
    pub(super) fn new(address: SocketAddr, control: Arc<ConnectionControl>) -> Peer {
        Peer { address, control: Some(control) }
    }

    /// A peer that nobody can look at: it never counts as gone.
    pub(super) fn unknown(address: SocketAddr) -> Peer {
        Peer { address, control: None }
    }

    /// Whether nobody waits for the answer any more: the client has left, or its connection has ended. Costs a system call
    /// as long as somebody does.
    ///
    /// Who waits in the connection's coroutine (for the pool, or asleep) is woken when the client leaves, and should ask
    /// again.
    pub fn is_gone(&self) -> bool {
        self.control.as_ref().is_some_and(|control| control.client_is_gone())
    }
}
