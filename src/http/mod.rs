//! HTTP/1.1 on coroutines: listener, connection, request, response. Knows nothing of the app.
//!
//! One coroutine serves one connection. It never computes and never blocks: a [`Service`] either answers at
//! once ([`Reply::Now`]) or hands back a continuation ([`Reply::Later`], [`Reply::WithBody`]) that waits without
//! holding the connection's buffers. Every time limit is watched by one reaper, not by a timer a read.
//!
//! Sources: RFC 9110 (semantics), RFC 9112 (HTTP/1.1), RFC 9457 (problem details).

mod accept;
pub mod blocking;
mod body;
mod buffers;
pub mod client;
mod connection;
mod control;
mod date;
mod head;
mod listener;
pub mod minihttp;
mod peer;
mod problem;
mod request;
mod response;
mod wire;

pub use control::{Counters, Limits};
pub use listener::{Server, bind};
pub use peer::Peer;
pub use problem::Problem;
pub use request::{Method, Request};
pub use response::{Body, Response};

/// What a service answers.
pub enum Reply {
    /// The answer is ready.
    Now(Response),
    /// The answer takes time: run in the connection's coroutine, after its buffers were given back.
    /// It may wait (coroutine sleep, a worker pool) but must not compute or block.
    Later(Box<dyn FnOnce(&Peer) -> Response + Send>),
    /// The answer depends on the body of the request: like [`Reply::Later`], once the whole body was read.
    WithBody {
        /// Longest body, bytes; the server's own limit holds as well. A longer one is answered 413.
        limit: u64,
        /// Makes the answer from the body, its framing undone.
        work: Box<dyn FnOnce(Vec<u8>, &Peer) -> Response + Send>,
    },
}

/// The application behind the connections.
pub trait Service: Send + Sync + 'static {
    /// Answers one request whose head has been checked. Called before its body is read, so that a refusal need not
    /// wait for it; the answer is sent after the body was read. Unless the reply asks for the body, it is dropped.
    fn call(&self, request: &Request<'_>) -> Reply;
}
