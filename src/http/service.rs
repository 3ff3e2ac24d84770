//! What stands behind the connections.

use super::peer::Peer;
use super::request::Request;
use super::response::Response;

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
        work: BodyWork,
    },
}

/// Makes an answer from the body of a request, for this client.
pub type BodyWork = Box<dyn FnOnce(Vec<u8>, &Peer) -> Response + Send>;

/// The application behind the connections.
pub trait Service: Send + Sync + 'static {
    /// Answers one request whose head has been checked. Called before its body is read, so that a refusal need not
    /// wait for it; the answer is sent after the body was read. Unless the reply asks for the body, it is dropped.
    fn call(&self, request: &Request<'_>) -> Reply;
}
