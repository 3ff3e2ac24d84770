//! Answers that are kept in front of work and store, in the node or in a server that all nodes share, and one computation for
//! many equal requests at once.
//!
//! What is kept is bytes under a [`Key`]; what they mean is the application's business. An answer is used for as long as the
//! time to live says, counted from the moment since which it is known to be right, so that no answer is ever older than that.
//! A write takes the key out. A computation that was under way then is of no use to later requests, and its result is not kept.
//!
//! | file | what it does |
//! | --- | --- |
//! | `target` | where the cache is: `memory:SIZE`, or the URL of a server |
//! | `key`, `entry` | what is kept, under which name, until when; how it is written into a server |
//! | `memory` | entries in the node, bounded by their bytes |
//! | `shared` | entries in Redis or memcached; a server that is away has none |
//! | `flight` | one computation, those who wait for it, and what they get |
//! | `access` | what the application asks |

mod access;
mod entry;
mod flight;
mod key;
mod memory;
mod shared;
mod target;
#[cfg(test)]
mod tests;

pub use access::{Cache, CacheConfig, Entered, Lead, Wait};
pub use entry::Entry;
pub use flight::{FlightOutcome, Waiters};
pub use key::Key;
pub use target::CacheTarget;
