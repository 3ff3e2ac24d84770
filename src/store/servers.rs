//! The servers of a store over the network: who is asked for a read, who for a write, and how old what a replica says may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::answer::{Reads, TimedAnswer};
use super::error::{Error, NoAnswer};
use super::layout::{ConnectionBounds, Layout};
use super::member::{Member, Operation, Waited};
use super::replication::{Replication, Role};
use super::server::{PendingQuestion, StoreServer};
use super::target::Target;

/// All servers of a layout, in its order.
pub(super) struct Servers {
    members: Vec<Arc<Member>>,
    replicas: Option<Replicas>,
}

/// Where all servers have the same rows.
struct Replicas {
    replication: Replication,
    /// A replica that may be further behind is asked for nothing.
    most_lag: Duration,
    /// Counts reads, so that servers with nothing to do take turns.
    turn: AtomicUsize,
}

impl Servers {
    /// `known` are servers that are connected already: where they are in the layout, they stay as they are.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(layout: &Layout, bounds: ConnectionBounds, known: &[Arc<Member>]) -> std::io::Result<Self> {
        let start = |target: &Target| match known.iter().find(|member| member.is(target)) {
            Some(member) => Ok(Arc::clone(member)),
            None => Ok(Arc::new(Member::new(StoreServer::start(target.clone(), bounds)?))),
        };
        let members = layout.targets().iter().map(start).collect::<std::io::Result<_>>()?;
        let replicas = match layout {
            Layout::One(_) | Layout::Shards(_) | Layout::Resharding { .. } => None,
            Layout::Replicated { servers, most_lag } => Some(Replicas {
                replication: Replication::start(servers, bounds.timeout)?,
                most_lag: *most_lag,
                turn: AtomicUsize::new(0),
            }),
        };
        Ok(Self { members, replicas })
    }

    pub fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// How a server takes part, where they have the same rows.
    pub fn role(&self, server: usize) -> Option<Role> {
        Some(self.replicas.as_ref()?.replication.role(server))
    }

    /// What is wrong with a server, as the end of a sentence.
    pub fn problem(&self, server: usize) -> Option<String> {
        let away = self.members.get(server)?.problem();
        away.or_else(|| self.replicas.as_ref().and_then(|replicas| replicas.too_old(server)))
    }

    /// The server that takes writes of keys whose place is `place`.
    pub fn writer(&self, place: usize) -> usize {
        self.replicas.as_ref().map_or(place, |replicas| replicas.replication.primary())
    }

    /// Reads by `start` from the server with that place; where several have the same rows, from the one with the fewest questions
    /// under way, and from another one when its connection is lost.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub fn read<T>(
        &self,
        place: usize,
        reads: Reads,
        start: impl Fn(&StoreServer) -> Result<PendingQuestion<T>, Error>,
    ) -> Result<TimedAnswer<T>, NoAnswer> {
        let replicas = match (&self.replicas, reads) {
            (Some(replicas), Reads::Any) => replicas,
            (Some(_), Reads::Primary) | (None, _) => return self.ask(self.writer(place), Operation::Read, start),
        };
        let first = replicas.reader(&self.members, None).unwrap_or_else(|| replicas.replication.primary());
        match self.ask(first, Operation::Read, &start) {
            Err(NoAnswer { server, error: Error::Away(why) }) => match replicas.reader(&self.members, Some(server)) {
                Some(other) => self.ask(other, Operation::Read, &start),
                None => Err(NoAnswer { server, error: Error::Away(why) }),
            },
            answer => answer,
        }
    }

    /// Asks that server by `start`, and waits for the answer.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub fn ask<T>(
        &self,
        server: usize,
        operation: Operation,
        start: impl FnOnce(&StoreServer) -> Result<PendingQuestion<T>, Error>,
    ) -> Result<TimedAnswer<T>, NoAnswer> {
        let member = self.members.get(server).ok_or(NoAnswer { server, error: Error::Panicked })?;
        let lag = self.replicas.as_ref().and_then(|replicas| replicas.replication.lag_of_answer(server));
        let done = member.start(operation, start).and_then(Waited::answer);
        let done = done.map_err(|error| NoAnswer { server, error })?;
        Ok(TimedAnswer { value: done.value, queued: done.queued, worked: done.worked, server, lag })
    }
}

impl Replicas {
    /// The server that should read next: one that is there, and not too far behind. `except` was tried already.
    fn reader(&self, members: &[Arc<Member>], except: Option<usize>) -> Option<usize> {
        let primary = self.replication.primary();
        let young = |server| self.replication.age(server).is_some_and(|age| age <= self.most_lag);
        let busy = |(server, member): (usize, &Arc<Member>)| {
            let fit = Some(server) != except && !member.is_away() && (server == primary || young(server));
            fit.then(|| member.in_flight())
        };
        let busy: Vec<Option<usize>> = members.iter().enumerate().map(busy).collect();
        least_busy(&busy, self.turn.fetch_add(1, Ordering::Relaxed))
    }

    fn too_old(&self, server: usize) -> Option<String> {
        let most = self.most_lag;
        match self.replication.age(server) {
            Some(age) if age <= most => None,
            Some(age) => Some(format!("is up to {age:.1?} behind, more than {most:?}: it gets no reads")),
            None => Some("has not caught up yet: it gets no reads".to_owned()),
        }
    }
}

/// The place with the fewest questions under way; of several the first from `turn` on. `None` is a server that is not to be asked.
fn least_busy(busy: &[Option<usize>], turn: usize) -> Option<usize> {
    let places = (0..busy.len()).map(|step| (turn.wrapping_add(step)) % busy.len());
    places.filter_map(|place| Some((busy[place]?, place))).min_by_key(|(busy, _)| *busy).map(|(_, place)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_busy_is_asked_and_equals_take_turns() {
        for (busy, turn, chosen) in [
            (&[][..], 0, None),
            (&[None, None], 7, None),
            (&[Some(3), Some(1), Some(2)], 0, Some(1)),
            (&[Some(3), None, Some(9)], 1, Some(0)),
            (&[Some(0), Some(0), Some(0)], 0, Some(0)),
            (&[Some(0), Some(0), Some(0)], 1, Some(1)),
            (&[Some(0), Some(1), Some(0)], 4, Some(2)),
            (&[Some(0), Some(0)], usize::MAX, Some(1)),
        ] {
            assert_eq!(least_busy(busy, turn), chosen, "{busy:?} {turn}");
        }
    }
}
