//! What an address is for: it decides whose figures are those of the node.

use serde::{Deserialize, Serialize};

/// What an address is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointKind {
    /// Work that a user asks for: the throughput and the response time of a node are those of its demo addresses.
    Demo,
    /// Looks at the node, or asks whether it lives. It is not work, and says nothing about how long work takes.
    #[default]
    Monitoring,
    /// The live page and its files, likewise.
    Page,
}
