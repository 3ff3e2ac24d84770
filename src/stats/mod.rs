//! Sample (raw counters) -> window (rates from two samples) -> bottleneck (judgement).
//!
//! One sampler thread takes a sample at a time and leaves a finished [`Snapshot`] on the [`Snapshots`]; every view reads that, so a
//! thousand readers of `/stats` cost what one does.

mod bottleneck;
mod cache;
mod endpoint;
mod history;
pub mod model;
mod prometheus;
pub mod raw;
mod reading;
mod sample;
mod sampler;
mod store;
mod store_target;
mod window;

pub use bottleneck::{Bottleneck, Resource, judge};
pub use cache::CacheReading;
pub use endpoint::EndpointKind;
pub use model::{Stats, Window};
pub use reading::{ConnectionsReading, EndpointReading, NodeIdentity, NodeReading, RequestsReading, SamplerConfig};
pub use sample::{Collector, Sample};
pub use sampler::{Snapshot, Snapshots, start};
pub use store::StoreReading;
pub use store_target::{StoreResponse, StoreTarget};
pub use window::{Unavailable, window};
