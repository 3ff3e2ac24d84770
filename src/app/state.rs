//! Where the application keeps what outlives a request: its rows, the sessions of its users, and who may log in.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cache::Cache;
use crate::http::{Peer, Problem, Response};
use crate::stats::StoreReading;
use crate::store::{Error, NoAnswer, Store, TimedAnswer};

use super::json::put_milliseconds;
use super::secrets::Signer;
use super::users::Users;
use super::waiting::Waiting;
use super::work::{milliseconds, run};
use super::{Inner, Model};

/// Where sessions are.
pub enum Sessions {
    /// In a store; that of a lone node is in the node itself.
    Store(Arc<Store>),
    /// With the user, in a signed token.
    Token(TokenKey),
}

/// The key of signed tokens.
pub struct TokenKey(pub(super) Signer);

impl TokenKey {
    /// A key from a file or the environment: every node of a cluster has the same.
    pub fn new(key: &[u8]) -> Self {
        Self(Signer::new(key))
    }

    /// A key that nobody else has: its tokens are good for this process only.
    ///
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn random() -> io::Result<Self> {
        Ok(Self::new(&super::secrets::random::<32>()?))
    }
}

/// All of it.
pub struct AppState {
    /// The rows.
    pub store: Arc<Store>,
    /// What is kept of answers, in front of the rows and of work.
    pub cache: Option<Arc<Cache>>,
    /// Where sessions are.
    pub sessions: Sessions,
    /// How long a session lasts from its beginning.
    pub session_lifetime: Duration,
    /// Who may log in; without, nobody can.
    pub users: Option<Users>,
    /// Whether the node is not ready while a store of its is away.
    pub required: bool,
    /// For how long after a write its user reads from the primary.
    pub read_your_writes: Option<Duration>,
}

impl AppState {
    /// What `/stats` is told of the stores.
    pub fn reading(&self) -> StoreReading {
        self.stores().map(Store::reading).reduce(StoreReading::and).unwrap_or_default()
    }

    /// Why the node is not ready, where a store is required. One that is there in part does not keep it from what can be answered.
    pub(super) fn problem(&self) -> Option<String> {
        if self.required { self.stores().find_map(Store::problem) } else { None }
    }

    /// What is wrong with each store server.
    pub(super) fn problems(&self) -> Vec<String> {
        self.stores().flat_map(Store::problems).collect()
    }

    /// The stores that are asked for something over a connection; that of the rows in any case.
    fn stores(&self) -> impl Iterator<Item = &Store> {
        let sessions = match &self.sessions {
            Sessions::Store(store) if !store.is_here() && !Arc::ptr_eq(store, &self.store) => Some(&**store),
            Sessions::Store(_) | Sessions::Token(_) => None,
        };
        [&*self.store].into_iter().chain(sessions)
    }
}

/// Where the time of an answer went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AnswerTimes {
    /// Waiting for threads: of the worker pool, and of a connection to the store.
    pub queued: Duration,
    /// At work, without what the store took.
    pub worked: Duration,
    /// The store.
    pub stored: Duration,
    /// Which of its servers was asked last.
    pub server: usize,
    /// A cache that is shared, where one was asked.
    pub cached: Option<Duration>,
    /// Where a replica answered: what it said may be so old at most.
    pub lag: Option<Duration>,
}

impl AnswerTimes {
    /// Adds a question to the store.
    fn add<T>(&mut self, answer: TimedAnswer<T>) -> T {
        self.queued += answer.queued;
        self.stored += answer.worked;
        (self.server, self.lag) = (answer.server, answer.lag);
        answer.value
    }

    /// Since when a result is known to be right that was asked for at `asked`: a replica may have given an older one.
    pub fn known(self, asked: Instant) -> Instant {
        self.lag.and_then(|lag| asked.checked_sub(lag)).unwrap_or(asked)
    }

    /// Everything but the waits.
    pub fn total(self) -> Duration {
        self.worked + self.stored + self.cached.unwrap_or_default()
    }

    /// Puts the `Server-Timing` field (W3C) to an answer.
    pub fn on(self, response: Response) -> Response {
        self.put(response, Some(self.stored))
    }

    /// The same to an answer for which no store is asked.
    pub fn on_work(self, response: Response) -> Response {
        self.put(response, None)
    }

    fn put(self, response: Response, stored: Option<Duration>) -> Response {
        let mut text = Vec::with_capacity(64);
        let parts = [
            ("queue;dur=", Some(self.queued)),
            (", work;dur=", Some(self.worked)),
            (", store;dur=", stored),
            (", cache;dur=", self.cached),
        ];
        for (name, time) in parts {
            let Some(time) = time else { continue };
            text.extend_from_slice(name.as_bytes());
            put_milliseconds(&mut text, time);
        }
        // It is ASCII.
        response.header("Server-Timing", String::from_utf8(text).unwrap_or_default())
    }
}

/// Asks `store` one or more questions for one request, and adds up the times.
pub(super) struct Asking<'a> {
    store: &'a Store,
    waiting: Waiting,
    times: AnswerTimes,
}

impl Asking<'_> {
    /// Asks one question.
    pub fn ask<T>(
        &mut self,
        question: impl FnOnce(&Store, Waiting) -> Result<TimedAnswer<T>, NoAnswer>,
    ) -> Result<T, Problem> {
        match question(self.store, self.waiting.clone()) {
            Ok(answer) => Ok(self.times.add(answer)),
            Err(no_answer) => Err(problem(self.store, no_answer)),
        }
    }
}

/// Runs `work`, which asks `store`; gives what it gave, and the times. In model async in this coroutine, so that a request that
/// waits for the store holds no thread of the worker pool; in model sync on such a thread, all the while.
pub(super) fn ask<T, W>(
    app: &Inner,
    store: &Arc<Store>,
    peer: Option<&Peer>,
    work: W,
) -> Result<(T, AnswerTimes), Problem>
where
    T: Send + 'static,
    W: FnOnce(&mut Asking<'_>) -> Result<T, Problem> + Send + 'static,
{
    let Some(peer) = peer.filter(|_| app.config.model == Model::Sync && !store.is_here()) else {
        return ask_here(store, peer.map_or_else(Waiting::nobody, Waiting::of), work);
    };
    let inside = store.clone();
    let done = run(app, peer, move |peer| ask_here(&inside, Waiting::of(peer), work))?;
    let (value, mut times) = done.value?;
    times.queued += done.queued;
    Ok((value, times))
}

/// The same in this coroutine, or on this thread, in either model.
pub(super) fn ask_here<T, W>(store: &Store, waiting: Waiting, work: W) -> Result<(T, AnswerTimes), Problem>
where
    W: FnOnce(&mut Asking<'_>) -> Result<T, Problem>,
{
    // Between the questions to a store in the node itself there is nothing worth two looks at the clock.
    let start = (!store.is_here()).then(Instant::now);
    let mut asking = Asking { store, waiting, times: AnswerTimes::default() };
    let value = work(&mut asking)?;
    let mut times = asking.times;
    times.worked = start.map_or(Duration::ZERO, |start| start.elapsed().saturating_sub(times.queued + times.stored));
    Ok((value, times))
}

/// A refusal of the store as an answer: what is wrong, without anything secret.
fn problem(store: &Store, NoAnswer { server, error }: NoAnswer) -> Problem {
    let status = match &error {
        // Counted and answered where every panic of a handler is.
        Error::Panicked => std::panic::resume_unwind(Box::new("a job of the store's pool panicked")),
        Error::Unsupported(_) => 501,
        Error::Busy | Error::TimedOut | Error::Away(_) | Error::Refused(_) | Error::Unseeded | Error::Abandoned => 503,
    };
    Problem::new(status, format!("the store {}: {error}", store.name(server))).header("Retry-After", "1")
}

/// Milliseconds of an answer's body.
pub(super) fn total_milliseconds(times: AnswerTimes) -> f64 {
    milliseconds(times.total())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Body;

    #[test]
    fn times_are_milliseconds() {
        let times = AnswerTimes {
            queued: Duration::from_millis(2),
            stored: Duration::from_micros(30),
            ..AnswerTimes::default()
        };
        let response = times.on(Response::new(200, "", Body::Static(b"")));
        assert_eq!(response.headers[0].1, "queue;dur=2.000, work;dur=0.000, store;dur=0.030");
        let times = AnswerTimes { cached: Some(Duration::from_millis(1)), ..times };
        let response = times.on_work(Response::new(200, "", Body::Static(b"")));
        assert_eq!(response.headers[0].1, "queue;dur=2.000, work;dur=0.000, cache;dur=1.000");
    }
}
