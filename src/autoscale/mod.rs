//! Autoscaling: how many nodes a cluster should have, judged from what its nodes say of themselves.
//!
//! The decision is a pure function, [`decide`]: configuration, samples, history and moment in, wanted number and reason
//! out. It has the semantics of Kubernetes' HorizontalPodAutoscaler v2 and knows neither clock nor file, so the same
//! function runs on a live cluster, on recorded samples ([`replay`]) and on a simulator's clock.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`args`] | the rules as they are typed |
//! | [`config`] | the metrics, limits, windows and policies that a person sets |
//! | [`dimension`] | what is changed: nodes, quota, or both |
//! | [`sample`] | what is known of the nodes at one moment |
//! | [`proposal`] | the number that one metric wants |
//! | [`history`] | the past: earlier proposals and changes |
//! | [`limit`] | stabilization windows, scaling policies, smallest and largest size |
//! | [`decision`] | the answer, and why |
//! | [`machines`] | nested: the machines that the nodes stand on |
//! | [`elasticity`] | how well the size followed the demand |
//! | [`autoscaler`] | the decision with its memory |
//! | `record` | a moment as it is written down |
//! | [`replay`] | recorded samples in, decisions out |
//! | [`driver`] | the program that changes the cluster |
//! | [`observe`] | what the nodes say of themselves in an interval |
//! | [`event`] | what the loop does, as it does it |
//! | [`hold`](mod@hold) | the loop on a live cluster |
//! | [`simulated`] | the autoscaler on the simulator's clock |
//! | `publisher` | what the loop tells the live page |
//! | [`log`] | what the loop did, for people and for programs |

pub mod args;
pub mod autoscaler;
pub mod config;
mod decide;
pub mod decision;
pub mod dimension;
pub mod driver;
pub mod elasticity;
pub mod event;
pub mod history;
pub mod hold;
pub mod limit;
pub mod log;
pub mod machines;
pub mod observe;
pub mod proposal;
mod publisher;
mod record;
pub mod replay;
pub mod sample;
pub mod simulated;

pub use config::{Config, Metric};
pub use decide::decide;
pub use decision::Decision;
pub use history::DecisionHistory;
pub use sample::Samples;
