//! Which of the servers that have the same rows is the primary, and how far behind the others are.
//!
//! Nobody tells a node that another server was made the primary: it asks each of them what it is, a few times a second, over a
//! connection beside the pool. A replica is asked right after the primary, so that what it lacks is what it lacks then.
//!
//! Who changes the primary on purpose waits [`super::TRUST`] between the last write of the old one and the first write of the new one.
//! A node that has not noticed by then shows how old the old one's rows may be.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::client::{Client, Failure, ReplicaRole, Standing};
use super::connect::connect;
use super::lag::{Positions, PrimarySilence, age, unconfirmed_age};
use super::target::Target;
use crate::lock::lock;

/// From one look at the primary to the next.
const LOOK: Duration = Duration::from_millis(200);
/// A replica is asked without the primary having been asked when that takes longer than this.
const LONGEST_LOOK: Duration = Duration::from_millis(500);

/// What is known of the servers, kept up to date by a thread for each. The threads end when it is dropped.
pub(super) struct Replication {
    inner: Arc<ReplicationInner>,
}

struct ReplicationInner {
    targets: Vec<Target>,
    timeout: Duration,
    state: Mutex<ReplicationState>,
    /// Told when the primary was asked, and at the end.
    asked: Condvar,
}

struct ReplicationState {
    /// Place of the server that takes writes.
    primary: usize,
    positions: Positions,
    /// When the primary was asked last, of the times that it said that it is the primary.
    confirmed: Instant,
    /// Since when the primary has not answered.
    silent: Option<Instant>,
    servers: Vec<LastStanding>,
    /// How often the primary was asked.
    rounds: u64,
    closed: bool,
}

/// What a server said last.
#[derive(Clone, Copy)]
struct LastStanding {
    /// When it was asked.
    asked: Instant,
    standing: Option<Standing>,
    /// It has every write that was acknowledged before this moment.
    covered: Option<Instant>,
    /// How far it was behind when it was asked.
    lag: Option<Duration>,
}

/// How a server takes part, for `/stats`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Role {
    pub part: ReplicaRole,
    /// Of a replica, how far it was behind at the last look.
    pub lag: Option<Duration>,
}

impl Replication {
    /// Begins to watch; the first of `targets` is the primary until they say otherwise.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(targets: &[Target], timeout: Duration) -> std::io::Result<Self> {
        let state = ReplicationState {
            primary: 0,
            positions: Positions::default(),
            confirmed: Instant::now(),
            silent: None,
            servers: vec![
                LastStanding { asked: Instant::now(), standing: None, covered: None, lag: None };
                targets.len()
            ],
            rounds: 0,
            closed: false,
        };
        let inner = Arc::new(ReplicationInner {
            targets: targets.to_vec(),
            timeout,
            state: Mutex::new(state),
            asked: Condvar::new(),
        });
        for at in 0..targets.len() {
            let inner = Arc::clone(&inner);
            std::thread::Builder::new().name("store-lag".into()).spawn(move || inner.follow(at))?;
        }
        Ok(Self { inner })
    }

    /// The place of the server that takes writes.
    pub fn primary(&self) -> usize {
        lock(&self.inner.state).primary
    }

    /// How old an answer of that server may be now; `None` where that has no bound. The primary's are never old.
    pub fn age(&self, server: usize) -> Option<Duration> {
        let state = lock(&self.inner.state);
        if server == state.primary {
            return Some(Duration::ZERO);
        }
        state.age(server, Instant::now())
    }

    /// How old an answer that the server is asked for now may be, for who asked; `None` where it is not old, as the primary's.
    pub fn lag_of_answer(&self, server: usize) -> Option<Duration> {
        let now = Instant::now();
        let state = lock(&self.inner.state);
        if server == state.primary {
            return unconfirmed_age(state.confirmed, now);
        }
        state.age(server, now)
    }

    /// How that server takes part.
    pub fn role(&self, server: usize) -> Role {
        let state = lock(&self.inner.state);
        match server == state.primary {
            true => Role { part: ReplicaRole::Primary, lag: None },
            false => Role { part: ReplicaRole::Replica, lag: state.servers.get(server).and_then(|seen| seen.lag) },
        }
    }
}

impl ReplicationState {
    /// How old the answers of a replica may be; `None` where that has no bound.
    fn age(&self, server: usize, now: Instant) -> Option<Duration> {
        Some(age(self.servers.get(server)?.covered?, now, self.silence()))
    }

    fn silence(&self) -> Option<PrimarySilence> {
        let others = self.servers.iter().enumerate().filter(|(place, _)| *place != self.primary);
        let until = others.map(|(_, server)| server.asked).min()?;
        Some(PrimarySilence { from: self.silent?, until })
    }
}

impl Drop for Replication {
    fn drop(&mut self) {
        lock(&self.inner.state).closed = true;
        self.inner.asked.notify_all();
    }
}

impl ReplicationInner {
    /// Asks one server again and again.
    fn follow(&self, at: usize) {
        let mut client = None;
        let mut round = 0;
        while self.wait(at, &mut round) {
            let asked = Instant::now();
            let standing = self.ask(at, &mut client);
            self.learn(at, asked, standing);
        }
    }

    /// Waits for this server's turn; `false` when there is none any more.
    fn wait(&self, at: usize, round: &mut u64) -> bool {
        let state = lock(&self.state);
        let (longest, is_primary) = if state.primary == at { (LOOK, true) } else { (LONGEST_LOOK, false) };
        let not_yet = |state: &mut ReplicationState| !state.closed && (is_primary || state.rounds == *round);
        let (state, _) = self.asked.wait_timeout_while(state, longest, not_yet).unwrap_or_else(PoisonError::into_inner);
        *round = state.rounds;
        !state.closed
    }

    fn ask(&self, at: usize, client: &mut Option<Box<dyn Client>>) -> Result<Standing, Failure> {
        let mut open = match client.take() {
            Some(open) => open,
            None => connect(&self.targets[at], self.timeout)?,
        };
        let standing = open.standing(Instant::now() + self.timeout);
        if !matches!(&standing, Err(failure) if failure.ends_client()) {
            *client = Some(open);
        }
        standing
    }

    /// Takes over what a server that was asked at `asked` said.
    fn learn(&self, at: usize, asked: Instant, standing: Result<Standing, Failure>) {
        let mut state = lock(&self.state);
        (state.servers[at].asked, state.servers[at].standing) = (asked, standing.ok());
        let said: Vec<Option<Standing>> = state.servers.iter().map(|seen| seen.standing).collect();
        let primary = primary_of(state.primary, &said);
        if primary != state.primary {
            log::warn!(
                "the store {} is the primary now, instead of {}",
                self.targets[primary],
                self.targets[state.primary]
            );
            state.primary = primary;
            state.positions.forget();
            state.silent = None;
            state.servers.iter_mut().for_each(|seen| (seen.covered, seen.lag) = (None, None));
        }
        if at == state.primary {
            match state.servers[at].standing {
                Some(Standing { part: ReplicaRole::Primary, position }) => {
                    state.positions.add(asked, position);
                    state.confirmed = asked;
                    state.silent = None;
                }
                // Away, or it takes no writes any more: nothing is written.
                Some(Standing { part: ReplicaRole::Replica, .. }) | None => {
                    _ = state.silent.get_or_insert_with(Instant::now)
                }
            }
            state.rounds += 1;
            drop(state);
            self.asked.notify_all();
        } else if let Some(standing) = state.servers[at].standing {
            let covered = state.positions.covered(standing.position);
            let lag = covered.map(|covered| age(covered, asked, state.silence()));
            state.servers[at].covered = covered;
            state.servers[at].lag = lag;
        } else {
            // Whether it goes on while it cannot be asked is not known: what it has, it keeps, and grows older.
            state.servers[at].lag = None;
        }
    }
}

/// Who the primary is, by what the servers said last: the one that was, as long as it says so or nobody else does; else the one
/// that is furthest of those that say so.
fn primary_of(was: usize, said: &[Option<Standing>]) -> usize {
    let says_so = |standing: &Option<Standing>| standing.is_some_and(|standing| standing.part == ReplicaRole::Primary);
    if said.get(was).is_some_and(says_so) {
        return was;
    }
    let others = said.iter().enumerate().filter(|(_, standing)| says_so(standing));
    let furthest = others.max_by_key(|(_, standing)| standing.map(|standing| standing.position));
    furthest.map_or(was, |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_is_who_says_so() {
        let primary = |position| Some(Standing { part: ReplicaRole::Primary, position });
        let replica = |position| Some(Standing { part: ReplicaRole::Replica, position });
        for (was, said, is) in [
            (0, vec![None, None, None], 0),
            (0, vec![primary(5), replica(5), replica(4)], 0),
            // Dead, and nobody has been promoted yet.
            (0, vec![None, replica(5), replica(4)], 0),
            (0, vec![None, primary(5), replica(4)], 1),
            (0, vec![replica(9), replica(5), primary(4)], 2),
            // An old one that came back as it was does not take over.
            (1, vec![primary(9), primary(7), replica(7)], 1),
            (2, vec![primary(9), primary(11), replica(7)], 1),
        ] {
            assert_eq!(primary_of(was, &said), is, "{was} {said:?}");
        }
    }
}
