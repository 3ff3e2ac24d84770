//! The load generator: schedule, client, recorder, verdict.
//!
//! | file | what it does |
//! | --- | --- |
//! | `plan` `target` | what is to be done, as plain data |
//! | `limits` | what the machine must give for it |
//! | `run` `context` `progress` `interrupt` | one run from start to end, and what its coroutines share |
//! | `closed` `open` `schedule` [`profile`] `timer` `semaphore` | who sends when |
//! | `user` `answer` `answer_head` `body_search` `deadlines` | one user's exchange; reading an answer; deadlines |
//! | `recorder` `recorders` `timeline` `failure` `summary` `percentiles` | what was measured |
//! | `usage` `verdict` | whether the generator itself was the limit |
//! | `find` `search` `objective` | the highest rate that keeps an objective |
//! | `text` `warning` | the outcome for people, and what they should know before they trust it |

mod answer;
mod answer_head;
mod body_search;
mod closed;
mod context;
mod deadlines;
mod failure;
mod find;
mod interrupt;
mod limits;
mod objective;
mod open;
mod percentiles;
mod plan;
pub mod profile;
mod progress;
mod recorder;
mod recorders;
mod run;
mod schedule;
mod search;
mod semaphore;
mod summary;
mod target;
mod text;
mod timeline;
mod timer;
mod usage;
mod user;
mod verdict;
mod warning;

pub use find::{Event, Found, LevelOutcome, find};
pub use interrupt::Interrupt;
pub use objective::{Bound, Figure, Judgement, Objective, parse_share};
pub use plan::{Expect, Load, Plan, StatusPattern};
pub use progress::Progress;
pub use run::run;
pub use search::Search;
pub use target::{Target, Url, parse_mix};
pub use text::text;
