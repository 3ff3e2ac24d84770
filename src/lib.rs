//! `webapp`: a laboratory in one static binary. It shows where one web server stops, and when several start to pay.
//!
//! The map of the house, top to bottom. A room knows only what lies below it.
//!
//! | room | what it does |
//! | --- | --- |
//! | [`cli`] | one file a subcommand: arguments as plain data, resolved once |
//! | [`plan`] | from results to a size for another load, with intervals |
//! | [`bench`] | topologies x levels -> measured runs |
//! | [`report`] | fit, limits, cost, charts: pure functions of what `bench` wrote |
//! | [`autoscale`] | how many nodes there shall be: a pure decision, and the loop around it |
//! | [`cluster`] | nodes, balancer and services on this machine, each under its quota; the contract of cluster drivers |
//! | [`load`] | the load generator: schedule, client, recorder, verdict |
//! | [`app`] | the demo application: one route table, one file an endpoint, the page |
//! | [`results`] | what `load` and `bench` write and everybody reads: load outcome, plan, manifest, run, folder; statistics and numbers |
//! | [`simulate`](mod@simulate) | discrete events: arrivals, queues, balancers, stores; knows no clock and no file |
//! | [`flame`] | flame graphs: stacks -> one picture, and two of them compared; knows no file and no process |
//! | [`design`] | what the live page and the report share: colours, type, cards, bars, tables |
//! | [`cache`] | answers kept in front of work and store; one computation for many equal requests |
//! | [`store`] | clients of shared stores, each connection a thread of a bounded pool |
//! | [`stats`] | sample (raw counters) -> window (rates) -> bottleneck (judgement) |
//! | [`pool`] | the bounded worker pool and its counters |
//! | [`http`] | HTTP/1.1 on coroutines; knows nothing of the app |
//! | [`relay`](mod@relay) | TCP connections to a far place: every byte is held for the time of its way |
//! | [`recent`] | histograms of the last minute |
//! | [`sleep`](mod@sleep) | sleeping coroutines, and the thread that wakes them |
//! | `child` | child processes that cannot outlive their parent |
//! | `secret` | which names stand for something secret, and are shown without their value |
//! | `lock` | a lock that outlives a panic of its holder |
//! | `connect` | connections that a coroutine opens |
//! | `worker` | keeps a coroutine on the worker that watches its socket |
//! | [`kernel`] | readers of `/proc`, cgroups and sockets: one file a source |

pub mod app;
pub mod autoscale;
pub mod bench;
pub mod cache;
mod child;
pub mod cli;
pub mod cluster;
mod connect;
pub mod design;
pub mod flame;
pub mod http;
pub mod kernel;
pub mod load;
mod lock;
pub mod plan;
pub mod pool;
pub mod recent;
pub mod relay;
pub mod report;
pub mod results;
mod secret;
pub mod simulate;
pub mod sleep;
pub mod stats;
pub mod store;
mod worker;
