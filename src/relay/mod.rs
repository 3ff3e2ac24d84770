//! A relay that makes a TCP connection as long as one to a far place: every byte is held for the time that it would travel.
//!
//! The kernel does that for packets (`tc qdisc add … netem delay 40ms`), where it has the module sch_netem and one is root. This
//! does it for the bytes of a connection, as any user, on any machine. What it does not do: it loses nothing, reorders nothing,
//! and has no slow start, since the two connections of which it is the middle are short ones.
//!
//! | file | what it does |
//! | --- | --- |
//! | `delay_queue` | one direction of a connection: what is under way, in order, and when it arrives |
//! | `link` | how fast a link takes bytes |
//! | `connection` | a client, its target, and a delay queue for each direction |
//! | `event_loop` | the event loop: one thread for all connections |

mod connection;
mod delay_queue;
mod event_loop;
mod link;

use std::net::SocketAddr;
use std::time::Duration;

pub use event_loop::run;

/// What a relay is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distance {
    /// Where the connections go.
    pub to: SocketAddr,
    /// How long a byte travels, one way.
    pub delay: Duration,
    /// Bits a second that all connections together get through, each way. `None`: as many as come.
    pub rate: Option<u64>,
}

/// What a relay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayOutcome {
    /// Connections that it took.
    pub connections: u64,
    /// Chunks that it passed on.
    pub chunks: u64,
    /// By how much they were passed on later than due, in all.
    pub late: Duration,
    /// The latest of them.
    pub latest: Duration,
}

impl RelayOutcome {
    /// How late a chunk was, on average.
    pub fn mean_late(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.late.as_nanos()).unwrap_or(u64::MAX) / self.chunks.max(1))
    }
}
