//! The servers of a store as one list of them says: which has a key, and what messages call them. A node whose list changes takes
//! up another view; questions that are under way keep theirs until they are answered.

use std::sync::Arc;
use std::time::Instant;

use super::answer::{Reads, TimedAnswer};
use super::client::{Client, Failure, Item, Lookup, ReplicaRole, SessionKey};
use super::error::NoAnswer;
use super::gather;
use super::layout::{ConnectionBounds, Layout};
use super::member::{Member, Operation};
use super::server::StoreServer;
use super::servers::Servers;
use super::shard::{self, Places};
use crate::pool::Abandoned;
use crate::stats::StoreReading;

/// See the file.
pub(super) struct View {
    layout: Layout,
    servers: Servers,
}

impl View {
    /// Connects what is not connected in the view `before`.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(layout: Layout, bounds: ConnectionBounds, before: Option<&Self>) -> std::io::Result<Self> {
        let known = before.map_or(&[][..], |before| before.servers.members());
        let servers = Servers::start(&layout, bounds, known)?;
        Ok(Self { layout, servers })
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The URL of a server, without secrets; empty where it has gone since.
    pub fn url(&self, server: usize) -> Arc<str> {
        self.servers.members().get(server).map_or_else(|| "".into(), |member| member.url())
    }

    /// What messages call a server: its URL, and what it is among the others.
    pub fn name(&self, server: usize) -> String {
        let url = self.url(server);
        match &self.layout {
            Layout::One(target) => target.to_string(),
            Layout::Shards(targets) | Layout::Resharding { servers: targets, .. } => {
                format!("{url} (shard {} of {})", server + 1, targets.len())
            }
            Layout::Replicated { .. } => format!("{url} ({})", self.role(server).unwrap_or("replica")),
        }
    }

    /// What messages call the whole of it.
    pub fn whole_name(&self) -> String {
        match &self.layout {
            Layout::One(target) => target.to_string(),
            Layout::Shards(targets) | Layout::Resharding { servers: targets, .. } => {
                format!("of {} shards", targets.len())
            }
            Layout::Replicated { servers, .. } => format!("of a primary and {} replicas", servers.len() - 1),
        }
    }

    /// What a server is among the others; `None` where it has no others.
    fn role(&self, server: usize) -> Option<&'static str> {
        match &self.layout {
            Layout::One(_) => None,
            Layout::Shards(_) | Layout::Resharding { .. } => Some("shard"),
            Layout::Replicated { .. } => Some(match self.servers.role(server)?.part {
                ReplicaRole::Primary => "primary",
                ReplicaRole::Replica => "replica",
            }),
        }
    }

    /// Why it cannot be used at all now; `None` when it can, if only in part.
    pub fn problem(&self) -> Option<String> {
        let away = self.servers.members().iter().all(|member| member.problem().is_some());
        away.then(|| self.problems().join("; "))
    }

    /// What is wrong with each server that does not answer, or answers too late to be asked.
    pub fn problems(&self) -> Vec<String> {
        let problem = |server| Some(format!("the store {} {}", self.name(server), self.servers.problem(server)?));
        (0..self.servers.members().len()).filter_map(problem).collect()
    }

    /// Where a row is looked for.
    fn places(&self, id: u64) -> Places {
        match &self.layout {
            Layout::One(_) | Layout::Replicated { .. } => Places::only(0),
            Layout::Shards(targets) => Places::only(shard::of_id(id, targets.len())),
            Layout::Resharding { change, .. } => change.of_id(id),
        }
    }

    /// Where a session is looked for.
    pub fn places_of_session(&self, key: &SessionKey) -> Places {
        match &self.layout {
            Layout::One(_) | Layout::Replicated { .. } => Places::only(0),
            Layout::Shards(targets) => Places::only(shard::of_session(key, targets.len())),
            Layout::Resharding { change, .. } => change.of_session(key),
        }
    }

    /// The place that keeps a new session.
    pub fn place_of_new_session(&self, key: &SessionKey) -> usize {
        match &self.layout {
            Layout::One(_) | Layout::Replicated { .. } | Layout::Shards(_) => self.places_of_session(key).first,
            Layout::Resharding { change, .. } => change.of_new_session(key),
        }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub fn get<A>(&self, id: u64, reads: Reads, abandoned: A) -> Result<TimedAnswer<Option<Item>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        match self.places(id) {
            Places { first, then: None } => {
                let abandoned: Abandoned = Arc::new(abandoned);
                self.servers.read(first, reads, |server| server.start_reading(id, Arc::clone(&abandoned)))
            }
            places => self.find(places, Operation::Read, move |client, by| client.get(id, by), abandoned),
        }
    }

    /// Writes a row that is there.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub fn put<A>(&self, id: u64, value: String, abandoned: A) -> Result<TimedAnswer<Option<u64>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        let question = move |client: &mut dyn Client, by: Instant| client.put(id, &value, by);
        self.find(self.places(id), Operation::Write, question, abandoned)
    }

    /// Asks for a key where it was, and where that shard has it no more, where it goes to. It is there then: it is taken from the
    /// one only after the other has it.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub fn find<T, F, A>(
        &self,
        Places { first, then }: Places,
        operation: Operation,
        question: F,
        abandoned: A,
    ) -> Result<TimedAnswer<Option<T>>, NoAnswer>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Client, Instant) -> Result<Option<T>, Failure> + Clone + Send + 'static,
        A: Fn() -> bool + Send + Sync + 'static,
    {
        let Some(then) = then else { return self.ask(self.server(first, operation), operation, question, abandoned) };
        let abandoned = Arc::new(abandoned);
        let ask = |place, question: F| {
            let abandoned = Arc::clone(&abandoned);
            self.ask(self.server(place, operation), operation, question, move || abandoned())
        };
        let before = ask(first, question.clone())?;
        if before.value.is_some() {
            return Ok(before);
        }
        Ok(ask(then, question)?.after(&before))
    }

    fn server(&self, place: usize, operation: Operation) -> usize {
        match operation {
            Operation::Read => place,
            Operation::Write => self.servers.writer(place),
        }
    }

    /// The rows with that tag, by id: see [`super::Store::by_tag`].
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub fn by_tag<A>(
        &self,
        tag: u64,
        lookup: Lookup,
        reads: Reads,
        abandoned: A,
    ) -> Result<TimedAnswer<Vec<Item>>, NoAnswer>
    where
        A: Fn() -> bool + Send + Sync + 'static,
    {
        let question = move |client: &mut dyn Client, by: Instant| client.by_tag(tag, lookup, by);
        let abandoned: Abandoned = Arc::new(abandoned);
        let start = |server: &StoreServer| server.start_asking(question, Arc::clone(&abandoned));
        let members = self.servers.members();
        let mut answer = match &self.layout {
            Layout::One(_) | Layout::Replicated { .. } => return self.servers.read(0, reads, start),
            Layout::Shards(_) => gather::ask_all(members, 0..members.len(), Operation::Read, start)?,
            Layout::Resharding { change, .. } => {
                // A row that moved between the two questions is in both answers, one that had moved before in the second.
                let ask = |places| gather::ask_all(members, places, Operation::Read, start);
                let mut before = ask(0..change.from)?;
                let mut after = ask(change.receivers())?;
                after.value.append(&mut before.value);
                after.after(&before)
            }
        };
        newest(&mut answer.value);
        Ok(answer)
    }

    /// Asks that server.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub fn ask<T, F, A>(
        &self,
        server: usize,
        operation: Operation,
        question: F,
        abandoned: A,
    ) -> Result<TimedAnswer<T>, NoAnswer>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Client, Instant) -> Result<T, Failure> + Send + 'static,
        A: Fn() -> bool + Send + Sync + 'static,
    {
        self.servers.ask(server, operation, |server| server.start_asking(question, Arc::new(abandoned)))
    }

    /// What `/stats` is told of the servers.
    pub fn reading(&self) -> StoreReading {
        let reading = |(server, member): (usize, &Arc<Member>)| {
            let mut reading = member.reading(self.servers.problem(server));
            for target in &mut reading.targets {
                target.role = self.role(server).map(str::to_owned);
                let lag = self.servers.role(server).and_then(|role| role.lag);
                target.lag_milliseconds = lag.map(|lag| lag.as_secs_f64() * 1e3);
            }
            reading
        };
        let readings = self.servers.members().iter().enumerate().map(reading);
        readings.reduce(StoreReading::and).unwrap_or_default()
    }
}

/// Each row once, in its newest version, by id. One that is on its way may be on two servers; the copy is never the newer one.
fn newest(rows: &mut Vec<Item>) {
    rows.sort_by_key(|row| (row.id, std::cmp::Reverse(row.version)));
    rows.dedup_by_key(|row| row.id);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_on_two_servers_is_shown_once_and_new() {
        let row = |id, version| Item { id, tag: 0, value: String::new(), version };
        let mut rows = vec![row(3, 1), row(1, 4), row(2, 2), row(1, 5), row(2, 2)];
        newest(&mut rows);
        assert_eq!(rows, [row(1, 5), row(2, 2), row(3, 1)]);
    }
}
