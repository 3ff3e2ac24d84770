//! Readers of `/proc`, cgroups and sockets: one file a source, every field optional, the path in every error.
//!
//! Nothing here judges or divides: a reader returns the counters as the kernel keeps them. Absent is not zero.
//! A line that is not as its manual page says costs that line: the rest of the file still counts.
//! Every reader takes a [`Root`], so that a test can point it at a tree of files of its own.

pub mod busy;
pub mod cgroup;
pub mod clock;
pub mod cores;
pub mod cpu;
pub mod disk;
pub mod host;
pub mod limits;
pub mod memory;
pub mod network;
pub mod pressure;
pub mod process;
pub mod receipt;
mod root;
pub mod socket;
pub mod tcp;
pub mod tcp_table;

#[cfg(test)]
pub(crate) use root::fake_tree;
pub use root::{ReadError, Reading, Root, Table};
