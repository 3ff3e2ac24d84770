//! What `load` and `bench` write and everybody reads: load outcome, plan, manifest, runs, folder, and the queries,
//! statistics and number formats that its readers share. It knows no clock, starts no process and asks no network.

pub mod arm;
pub mod balancer;
pub mod comparison;
pub mod duration;
pub mod edge;
pub mod experiment;
pub mod folder;
pub mod histogram;
pub mod invalid;
pub mod keys;
pub mod ladder;
pub mod load;
pub mod manifest;
pub mod number;
pub mod objective;
pub mod placeholder;
pub mod plan;
pub mod prices;
pub mod profile;
pub mod queries;
pub mod run;
pub mod scaling;
pub mod statistics;
pub mod work;
