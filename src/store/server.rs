//! Connections to one store server: a bounded pool of threads, each with one blocking client at a time.

mod watch;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::client::{Client, Failure};
use super::connect::connect;
use super::error::Error;
use super::health::Health;
use super::layout::Bounds;
use super::target::Target;
use crate::lock::lock;
use crate::pool::{self, Done, Pending, Pool};
use crate::recent::Recent;

/// A client that was not used for so long is opened anew: servers close idle connections without a word.
const LONGEST_IDLE: Duration = Duration::from_secs(60);

/// Where one server is, and size and patience of the connections to it.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub target: Target,
    pub bounds: Bounds,
}

/// One store server. Its threads end when it is dropped.
pub(super) struct Server {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub config: Config,
    pub pool: Pool,
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
}

struct Idle {
    client: Box<dyn Client>,
    since: Instant,
}

impl Server {
    /// Starts the threads. Connections are opened when they are needed; a server that is away is asked again until it is back.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(config: Config) -> std::io::Result<Self> {
        let pool = Pool::start(pool::PoolConfig {
            name: "store",
            threads: config.bounds.connections,
            queue: config.bounds.queue,
            queue_timeout: config.bounds.timeout,
            timeout: Some(config.bounds.timeout),
        })?;
        let inner = Arc::new(Inner {
            config,
            pool,
            idle: Mutex::default(),
            health: Mutex::new(Health::Unknown),
            changed: Condvar::new(),
            away: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            answers: Recent::default(),
            answers_total: AtomicU64::new(0),
        });
        watch::start(inner.clone())?;
        Ok(Self { inner })
    }

    pub fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    pub fn answers(&self) -> &Recent {
        &self.inner.answers
    }

    /// Whether it is known not to answer.
    pub fn is_away(&self) -> bool {
        self.inner.away.load(Ordering::Acquire)
    }

    pub fn health(&self) -> Health {
        lock(&self.inner.health).clone()
    }

    pub fn target(&self) -> &Target {
        &self.inner.config.target
    }

    /// Asks the server over one of the connections, and does not wait yet. `abandoned` is asked before a connection is used; when
    /// nobody waits any more, the server is not asked.
    ///
    /// # Errors
    /// At once when the server is known to be away or too many wait.
    pub fn start_asking<T, F, A>(&self, question: F, abandoned: A) -> Result<Asked<T>, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Client, Instant) -> Result<T, Failure> + Send + 'static,
        A: Fn() -> bool + Send + Sync + 'static,
    {
        if self.is_away() {
            return Err(self.inner.away_error());
        }
        let by = Instant::now() + self.inner.config.bounds.timeout;
        let inner = self.inner.clone();
        Ok(Asked(self.inner.pool.start_job(move || inner.ask(question, by), abandoned)?))
    }
}

/// A question that the server was asked.
pub(super) struct Asked<T>(Pending<Result<T, Failure>>);

impl<T> Asked<T> {
    /// Waits for the answer: in a coroutine without holding a thread.
    ///
    /// # Errors
    /// After the timeout at the latest.
    pub fn answer(self) -> Result<Done<T>, Error> {
        let Done { value, queued, worked } = self.0.wait()?;
        Ok(Done { value: value?, queued, worked })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.inner.closed.store(true, Ordering::Release);
        // Under the lock, so that the watcher is either before its look at the flag or already waiting.
        let _health = lock(&self.inner.health);
        self.inner.changed.notify_all();
    }
}

impl Inner {
    /// Uses an idle client or opens one; runs on a thread of the pool.
    pub fn ask<T>(
        &self,
        question: impl FnOnce(&mut dyn Client, Instant) -> Result<T, Failure>,
        by: Instant,
    ) -> Result<T, Failure> {
        let mut start = Instant::now();
        let mut client = match self.take_idle(start) {
            Some(client) => client,
            None => {
                let client = self.open()?;
                start = Instant::now();
                client
            }
        };
        let result = question(&mut *client, by);
        let now = Instant::now();
        match &result {
            Err(failure) if failure.ends_client() => {
                // Closed here, before another is opened: there are never more connections than threads.
                drop(client);
                if let Failure::Lost(_) = failure {
                    // The others are of the same server; the next question finds out whether there is a new one.
                    lock(&self.idle).clear();
                }
            }
            Ok(_) | Err(_) => {
                self.answers.record(now - start, now);
                self.answers_total.fetch_add(1, Ordering::Relaxed);
                lock(&self.idle).push(Idle { client, since: now });
                if self.away.load(Ordering::Acquire) {
                    // A connection that was open goes on, as where the server takes no more of them.
                    self.found();
                }
            }
        }
        result
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
        match connect(&self.config.target, self.config.bounds.timeout) {
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
        let target = &self.config.target;
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
            Failure::TimedOut | Failure::Stopped => format!("no answer within {:?}", self.config.bounds.timeout),
            Failure::Unseeded => "it has no rows yet".to_owned(),
            Failure::Unsupported(what) => format!("it cannot {what}"),
        };
        let mut health = lock(&self.health);
        // Once, not each time that it is asked again.
        if !matches!(*health, Health::Away { .. }) {
            log::warn!("store {} is away: {why}", self.config.target);
        }
        *health = health.failed(why);
        self.away.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    fn away_error(&self) -> Error {
        match &*lock(&self.health) {
            Health::Away { why, .. } => Error::Away(why.clone()),
            // Back since it was looked at; the next question will find it.
            Health::Unknown | Health::Up => Error::Away("it was away a moment ago".to_owned()),
        }
    }
}
