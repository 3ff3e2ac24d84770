//! Shared state: rows, and the sessions of users, in a store that several nodes may ask at once.
//!
//! A store server is asked over a bounded number of connections. Each is a thread of a pool ([`crate::pool`], used a second
//! time) with one blocking client, so that the number of connections is a limit that can be seen to bind, as in every real
//! application. Each store server has a pool of its own: one that is slow does not hold the threads of another.
//!
//! | file | what it does |
//! | --- | --- |
//! | `target` | where a store is: its URL, without secrets in any message |
//! | `client` | what every kind of store can do: one trait |
//! | `memory`, `sqlite`, `mysql`, `redis`, `memcached` | one kind each |
//! | `server` | connections to one store server: pool, deadlines, counters |
//! | `health` | whether that server answers, and when it is asked again: pure |
//! | `watch` | asks a silent server again, until it is back |
//! | `access` | what the application asks, whatever the kind |
//! | `rows` | the rows that a fresh store has |
//! | `seed` | makes them, by batches |

mod access;
mod client;
mod connect;
mod error;
mod health;
mod memcached;
mod memory;
mod mysql;
mod redis;
mod rows;
pub mod seed;
mod server;
mod sqlite;
mod target;

pub use access::{Answer, Store};
pub use client::{Client, Failure, Item, Lookup, Session, SessionKey};
pub use connect::connect;
pub use error::Error;
pub use memory::Memory;
pub use rows::{LARGEST_ID, LONGEST_VALUE, ROWS_A_TAG};
pub use server::{Config, Server};
pub use target::{FORMS, Kind, Secret, Target};
