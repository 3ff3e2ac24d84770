//! Who waits for an answer.

use crate::cache::Waiters;
use crate::http::Peer;

/// Who waits for an answer; nobody has to be named where there is no wait.
#[derive(Clone)]
pub(super) struct Waiting {
    peer: Option<Peer>,
    others: Option<Waiters>,
}

impl Waiting {
    /// Nobody: the work is always done.
    pub fn nobody() -> Self {
        Self { peer: None, others: None }
    }

    /// The client.
    pub fn of(peer: &Peer) -> Self {
        Self { peer: Some(peer.clone()), others: None }
    }

    /// These, too.
    pub fn with(&self, others: Waiters) -> Self {
        Self { others: Some(others), ..self.clone() }
    }

    /// Whether the client itself has left, whoever else waits.
    pub fn client_left(&self) -> bool {
        self.peer.as_ref().is_some_and(Peer::is_gone)
    }

    /// Whether nobody waits any more, for who works to ask.
    pub fn gone(self) -> impl Fn() -> bool + Send + Sync + 'static {
        move || !self.others.as_ref().is_some_and(Waiters::wait) && self.peer.as_ref().is_some_and(Peer::is_gone)
    }
}
