//! Clients to one store server: a bounded pool of threads, each with one blocking client at a time.

mod clients;
mod watch;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::client::{Client, Failure, Item};
use super::error::Error;
use super::health::Health;
use super::layout::ConnectionBounds;
use super::target::Target;
use crate::lock::lock;
use crate::pool::{Abandoned, Done, Pending, Pool, PoolConfig, PoolReading};
use crate::recent::Recent;

use clients::{Clients, RowQuestion};

/// One store server. Its threads end when it is dropped.
pub(super) struct StoreServer {
    pool: Arc<ServerPool>,
    clients: Arc<Clients>,
}

/// Its threads, each of which uses one connection.
type ServerPool = Pool<Arc<Clients>>;

impl StoreServer {
    /// Starts the threads. Connections are opened when they are needed; a server that is away is asked again until it is back.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(target: Target, bounds: ConnectionBounds) -> std::io::Result<Self> {
        let clients = Arc::new(Clients::new(target, bounds.timeout));
        let config = PoolConfig {
            name: "store",
            threads: bounds.connections,
            queue: bounds.queue,
            queue_timeout: bounds.timeout,
            timeout: Some(bounds.timeout),
        };
        let pool = Arc::new(Pool::start_with(config, clients.clone())?);
        watch::start(clients.clone(), pool.clone())?;
        Ok(Self { pool, clients })
    }

    /// What `/stats` is told of its threads.
    pub fn pool_reading(&self) -> PoolReading {
        self.pool.reading()
    }

    pub fn answers(&self) -> &Recent {
        &self.clients.answers
    }

    /// Number of the last write that it acknowledged, where it numbers them.
    pub fn last_write(&self) -> Option<u64> {
        Some(self.clients.last_write.load(Ordering::Relaxed)).filter(|number| *number > 0)
    }

    /// Whether it is known not to answer.
    pub fn is_away(&self) -> bool {
        self.clients.is_away()
    }

    pub fn health(&self) -> Health {
        lock(&self.clients.health).clone()
    }

    pub fn target(&self) -> &Target {
        &self.clients.target
    }

    /// Asks the server over one of the connections, and does not wait yet. `abandoned` is asked before a connection is used; when
    /// nobody waits any more, the server is not asked.
    ///
    /// # Errors
    /// At once when the server is known to be away or too many wait.
    pub fn start_asking<T, F>(&self, question: F, abandoned: Abandoned) -> Result<PendingQuestion<T>, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Client, Instant) -> Result<T, Failure> + Send + 'static,
    {
        let by = self.deadline()?;
        let clients = self.clients.clone();
        Ok(PendingQuestion(self.pool.start_job(move || clients.ask(question, by), abandoned)?))
    }

    /// The same for a row: together with the rows that are asked for by others and wait, where the kind of store has a way to ask
    /// for several at once.
    ///
    /// # Errors
    /// As [`Self::start_asking`].
    pub fn start_reading(&self, id: u64, abandoned: Abandoned) -> Result<PendingQuestion<Option<Item>>, Error> {
        let by = self.deadline()?;
        Ok(PendingQuestion(self.pool.start_asking(RowQuestion { id, by }, abandoned)?))
    }

    /// Until when a question that is asked now must be answered.
    fn deadline(&self) -> Result<Instant, Error> {
        if self.is_away() {
            return Err(self.clients.away_error());
        }
        Ok(Instant::now() + self.clients.timeout)
    }
}

/// A question that the server was asked.
pub(super) struct PendingQuestion<T>(Pending<Result<T, Failure>>);

impl<T> PendingQuestion<T> {
    /// Waits for the answer: in a coroutine without holding a thread.
    ///
    /// # Errors
    /// After the timeout at the latest.
    pub fn answer(self) -> Result<Done<T>, Error> {
        let Done { value, queued, worked } = self.0.wait()?;
        Ok(Done { value: value?, queued, worked })
    }
}

impl Drop for StoreServer {
    fn drop(&mut self) {
        self.clients.closed.store(true, Ordering::Release);
        // Under the lock, so that the watcher is either before its look at the flag or already waiting.
        let _health = lock(&self.clients.health);
        self.clients.changed.notify_all();
    }
}
