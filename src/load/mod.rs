//! The load generator: schedule, client, recorder, verdict.
//!
//! | file | what it does |
//! | --- | --- |
//! | `plan` `target` `connect_to` | what is to be done, as plain data |
//! | `limits` | what the machine must give for it |
//! | `start` `clock` | a start at a moment, and how far the clocks of two machines are apart |
//! | [`merge`](mod@merge) | several generators, one load |
//! | `run` `context` `progress` `interrupt` | one run from start to end, and what its coroutines share |
//! | `closed` `open` `schedule` `timer` `semaphore` | who sends when |
//! | `request` `draw` `rows` `cookies` | the bytes of a request, the keys and columns in it, the cookies of its user |
//! | `user` `exchange` `node_fields` `body_search` `session` `deadlines` | one user's exchange: its answer, its deadline |
//! | `connection` `tls` `handshake` `trouble` | what it goes over: plain, or in TLS |
//! | `recorder` `recorders` `timeline` `failure` `summary` `histograms` `percentiles` | what was measured |
//! | `usage` `verdict` `silence` | whether the generator itself was the limit; whether the node stood still |
//! | `find` `search` `service_level` | the highest rate that keeps a service level |
//! | `text` `warning` | the outcome for people, and what they should know before they trust it |

mod body_search;
mod caching;
mod clock;
mod closed;
mod connect_to;
mod connection;
mod context;
mod cookies;
mod deadlines;
mod draw;
mod exchange;
mod failure;
mod find;
#[cfg(test)]
mod fixture;
mod handshake;
mod histograms;
mod interrupt;
mod limits;
mod merge;
mod node_fields;
mod open;
mod percentiles;
mod plan;
mod progress;
mod recorder;
mod recorders;
mod request;
mod rows;
mod run;
mod schedule;
mod search;
mod semaphore;
mod service_level;
mod session;
mod silence;
mod start;
mod summary;
mod target;
mod text;
mod timeline;
mod timer;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
mod trouble;
mod usage;
mod user;
mod verdict;
mod versions;
mod warning;

pub use connect_to::ConnectTo;
pub use find::{LevelOutcome, SearchEvent, SearchResult, find};
pub use interrupt::StopFlag;
pub use merge::{LoadPart, NotOneLoad, merge};
pub use plan::{Expect, Load, LoadPlan, StatusPattern, TlsSettings};
pub use progress::LoadProgress;
pub use rows::{RowOrder, RowTable};
pub use run::run;
pub use search::Search;
pub use service_level::{Judgement, ServiceLevel};
pub use target::{LoadTarget, parse_mix, parse_mix_with, targets_of};
pub use text::text;
