//! Shared state: rows, and the sessions of users, in a store that several nodes may ask at once.
//!
//! A store server is asked over a bounded number of connections. Each is a thread of a pool ([`crate::pool`], used a second
//! time) with one blocking client, so that the number of connections is a limit that can be seen to bind, as in every real
//! application. Each store server has a pool of its own: one that is slow does not hold the threads of another.
//!
//! Redis is asked for many rows at once when many requests wait: a thread takes up to 16 of them, sends them in one packet and reads
//! all answers (automatic pipelining, as clients such as ioredis have it). It never waits for more requests to come, so that one that
//! comes alone is answered as soon as before.
//!
//! | file | what it does |
//! | --- | --- |
//! | `target` | where a store is: its URL, without secrets in any message |
//! | `client` | what every kind of store can do: one trait |
//! | `memory`, `sqlite`, `mysql`, `redis`, `memcached` | one kind each; Redis Cluster is `redis/cluster` |
//! | `server` | connections to one store server: pool and deadlines |
//! | `server/clients` | the clients of these connections, and what is counted of their answers |
//! | `health` | whether that server answers, and when it is asked again: pure |
//! | `watch` | asks a silent server again, until it is back |
//! | `layout` | which servers hold the rows: one, shards, or a primary with replicas |
//! | `shard` | which shard has a key: pure |
//! | `replication`, `lag` | who is the primary, and how far behind the others are |
//! | `view` | which server has a key, by one list of servers, which may be followed by another one |
//! | `servers` | who is asked for a read, who for a write |
//! | `member` | one server of a store, and what was asked of it |
//! | `answer` | what a store answers, and which of its servers |
//! | `gather` | one question to all shards at once |
//! | `access` | what the application asks, whatever the kind |
//! | `kept` | what a cache asks of a server |
//! | [`moves`] | moves keys to the shards that shall have them, under load |
//! | `shard_list` | the file that tells nodes which shards there are |
//! | `operator`, `operate` | makes servers primaries and replicas |
//! | `rows` | the rows that a fresh store has |
//! | `seed` | makes them, by batches |

mod access;
mod answer;
mod client;
mod connect;
mod error;
mod gather;
mod health;
mod kept;
mod lag;
mod layout;
mod member;
mod memcached;
mod memory;
pub mod moves;
mod mysql;
mod operate;
mod operator;
mod redis;
mod replication;
mod rows;
pub mod seed;
mod server;
mod servers;
mod shard;
mod shard_list;
mod sqlite;
mod target;
mod view;

pub use self::redis::join as redis_cluster;
pub use access::Store;
pub use answer::{Reads, TimedAnswer};
pub use client::{Client, Failure, Item, Lookup, ReplicaRole, Session, SessionKey, Standing};
pub use connect::connect;
pub use error::{Error, NoAnswer};
pub use lag::TRUST;
pub use layout::{ConnectionBounds, Layout};
pub use memory::MemoryStore;
pub use operate::operate;
pub use operator::Operator;
pub use rows::{LARGEST_ID, LONGEST_VALUE, ROWS_A_TAG, tag};
pub use shard::{ShardChange, Share};
pub use shard_list::ShardList;
pub use target::{FORMS, Secret, StoreTargetKind, Target};
