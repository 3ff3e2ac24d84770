//! HTTP/1.1 on coroutines: listener, connection, request, response. Knows nothing of the app.
//!
//! One coroutine serves one connection. It never computes and never blocks: a [`Service`] either answers at
//! once ([`Reply::Now`]) or hands back a continuation ([`Reply::Later`], [`Reply::WithBody`]) that waits without
//! holding the connection's buffers. Every time limit is watched by one reaper, not by a timer a read.
//!
//! Sources: RFC 9110 (semantics), RFC 9112 (HTTP/1.1), RFC 9457 (problem details).

mod accept;
mod accept_encoding;
pub mod answer;
pub mod answer_framing;
pub mod blocking;
mod body;
mod buffers;
pub mod client;
mod connection;
mod control;
mod date;
mod etag;
mod head;
mod listener;
pub mod minihttp;
pub mod outgoing;
mod peer;
mod presence;
mod problem;
mod request;
mod response;
mod service;
mod socket;
pub mod url;

pub use accept_encoding::ContentCoding;
pub use control::{ConnectionCounters, Limits};
pub use etag::is_named as names_tag;
pub use listener::{BACKLOG, Server, bind};
pub use peer::Peer;
pub use problem::Problem;
pub use request::{Method, Request};
pub use response::{Body, Response};
pub use service::{BodyWork, Reply, Service};
