//! Readers of `/proc`, cgroups and sockets: one file a source, every field optional, the path in every error.

pub mod limits;
