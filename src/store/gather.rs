//! One question to several shards at once (scatter), and their answers as one (gather).

use std::ops::Range;
use std::sync::Arc;

use super::answer::TimedAnswer;
use super::error::{Error, NoAnswer};
use super::member::{Member, Operation};
use super::server::{PendingQuestion, StoreServer};

/// Asks every server of `places`, then waits for all. Each has its deadline from the same moment on, so that all together have one. The times
/// are those of the slowest. The first server in the list that fails makes the whole fail; what the others answer is lost.
pub(super) fn ask_all<T>(
    members: &[Arc<Member>],
    places: Range<usize>,
    operation: Operation,
    start: impl Fn(&StoreServer) -> Result<PendingQuestion<Vec<T>>, Error>,
) -> Result<TimedAnswer<Vec<T>>, NoAnswer> {
    let mut waited = Vec::with_capacity(places.len());
    for (server, member) in members.iter().enumerate().take(places.end).skip(places.start) {
        let started = member.start(operation, &start);
        waited.push((server, started.map_err(|error| NoAnswer { server, error })?));
    }
    let mut all: Option<TimedAnswer<Vec<T>>> = None;
    for (server, waited) in waited {
        let done = waited.answer().map_err(|error| NoAnswer { server, error })?;
        all = Some(match all {
            None => TimedAnswer { value: done.value, queued: done.queued, worked: done.worked, server, lag: None },
            Some(mut all) => {
                all.value.extend(done.value);
                if done.queued + done.worked > all.queued + all.worked {
                    (all.queued, all.worked, all.server) = (done.queued, done.worked, server);
                }
                all
            }
        });
    }
    all.ok_or(NoAnswer { server: 0, error: Error::Panicked })
}
