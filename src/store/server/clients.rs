//! The clients of one store server: those that nobody uses, and what is known of the server from those that are used.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::pool::Batch;
use crate::recent::Recent;
use crate::store::client::{Client, Failure, Item};
use crate::store::connect::{connect, most_at_once};
use crate::store::error::Error;
use crate::store::health::Health;
use crate::store::target::Target;

/// A client that was not used for so long is opened anew: servers close idle connections without a word.
const LONGEST_IDLE: Duration = Duration::from_secs(60);

/// What the threads of a server's pool share.
pub(in crate::store) struct Clients {
    pub target: Target,
    pub timeout: Duration,
    /// Open clients that nobody uses, the one used last on top. There are never more clients than threads.
    idle: Mutex<Vec<Idle>>,
    pub health: Mutex<Health>,
    /// Told when the server is found to be away, or is given up.
    pub changed: Condvar,
    /// Whether `health` says that it is away.
    away: AtomicBool,
    pub closed: AtomicBool,
    /// Time that the server took for each answer.
    pub answers: Recent,
    pub answers_total: AtomicU64,
    /// Number of the last write that the server acknowledged; 0 where it numbers none.
    pub last_write: AtomicU64,
}

struct Idle {
    client: Box<dyn Client>,
    since: Instant,
}

/// A client in use.
struct Lent {
    client: Box<dyn Client>,
    since: Instant,
}

/// The question for a row, and until when somebody waits for it.
pub(in crate::store) struct RowQuestion {
    pub id: u64,
    pub by: Instant,
}

/// Rows that wait together are asked for together, where the kind of store has a way to do so.
impl Batch for Arc<Clients> {
    type Question = RowQuestion;
    type Answer = Result<Option<Item>, Failure>;

    fn most(&self) -> usize {
        most_at_once(&self.target)
    }

    fn answer(&self, questions: Vec<RowQuestion>) -> Vec<Self::Answer> {
        // Until nobody waits any more; who waits shorter is told by the pool.
        let Some(by) = questions.iter().map(|question| question.by).max() else { return Vec::new() };
        let mut lent = match self.lend() {
            Ok(lent) => lent,
            Err(failure) => return vec![Err(failure); questions.len()],
        };
        let ids: Vec<u64> = questions.iter().map(|question| question.id).collect();
        let rows = lent.client.get_each(&ids, by);
        self.take_back(lent, &rows);
        rows
    }
}

impl Clients {
    pub fn new(target: Target, timeout: Duration) -> Self {
        Self {
            target,
            timeout,
            idle: Mutex::default(),
            health: Mutex::new(Health::Unknown),
            changed: Condvar::new(),
            away: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            answers: Recent::default(),
            answers_total: AtomicU64::new(0),
            last_write: AtomicU64::new(0),
        }
    }

    /// Whether the server is known not to answer.
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire)
    }

    /// Asks over one connection; runs on a thread of the pool.
    pub fn ask<T>(
        &self,
        question: impl FnOnce(&mut dyn Client, Instant) -> Result<T, Failure>,
        by: Instant,
    ) -> Result<T, Failure> {
        let mut lent = self.lend()?;
        let answer = question(&mut *lent.client, by);
        if let Some(number) = lent.client.last_write() {
            self.last_write.fetch_max(number, Ordering::Relaxed);
        }
        self.take_back(lent, std::slice::from_ref(&answer));
        answer
    }

    /// An idle client, or one that is opened.
    fn lend(&self) -> Result<Lent, Failure> {
        let now = Instant::now();
        Ok(match self.take_idle(now) {
            Some(client) => Lent { client, since: now },
            None => {
                let client = self.open()?;
                Lent { client, since: Instant::now() }
            }
        })
    }

    /// Takes a client back that gave these answers, and counts them. Each took as long as all of them.
    fn take_back<T>(&self, lent: Lent, answers: &[Result<T, Failure>]) {
        let Lent { client, since } = lent;
        let now = Instant::now();
        let end = |answer: &Result<T, Failure>| answer.as_ref().err().filter(|failure| failure.ends_client()).cloned();
        let given = answers.iter().filter(|answer| end(answer).is_none()).count() as u32;
        self.answers.record_some(now - since, given, now);
        self.answers_total.fetch_add(given.into(), Ordering::Relaxed);
        match answers.iter().find_map(end) {
            Some(failure) => {
                // Closed here, before another is opened: there are never more connections than threads.
                drop(client);
                if let Failure::Lost(_) = failure {
                    // The others are of the same server; the next question finds out whether there is a new one.
                    lock(&self.idle).clear();
                }
            }
            None => {
                lock(&self.idle).push(Idle { client, since: now });
                if self.is_away() {
                    // A connection that was open goes on, as where the server takes no more of them.
                    self.found();
                }
            }
        }
    }

    fn take_idle(&self, now: Instant) -> Option<Box<dyn Client>> {
        loop {
            let Idle { client, since } = lock(&self.idle).pop()?;
            if now.saturating_duration_since(since) < LONGEST_IDLE {
                return Some(client);
            }
        }
    }

    fn open(&self) -> Result<Box<dyn Client>, Failure> {
        match connect(&self.target, self.timeout) {
            Ok(client) => {
                self.found();
                Ok(client)
            }
            Err(failure) => {
                self.lost(&failure);
                Err(failure)
            }
        }
    }

    fn found(&self) {
        let mut health = lock(&self.health);
        let target = &self.target;
        match std::mem::replace(&mut *health, Health::Up) {
            Health::Up => {}
            Health::Unknown => log::info!("store {target} answers"),
            Health::Away { .. } => log::info!("store {target} is back"),
        }
        self.away.store(false, Ordering::Release);
    }

    fn lost(&self, failure: &Failure) {
        let why = match failure {
            Failure::Lost(why) | Failure::Refused(why) => why.clone(),
            Failure::TimedOut | Failure::Stopped => format!("no answer within {:?}", self.timeout),
            Failure::Unseeded => "it has no rows yet".to_owned(),
            Failure::Unsupported(what) => format!("it cannot {what}"),
        };
        let mut health = lock(&self.health);
        // Once, not each time that it is asked again.
        if !matches!(*health, Health::Away { .. }) {
            log::warn!("store {} is away: {why}", self.target);
        }
        *health = health.failed(why);
        self.away.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    pub fn away_error(&self) -> Error {
        match &*lock(&self.health) {
            Health::Away { why, .. } => Error::Away(why.clone()),
            // Back since it was looked at; the next question will find it.
            Health::Unknown | Health::Up => Error::Away("it was away a moment ago".to_owned()),
        }
    }
}
