//! One peer of a cluster: what is known of it, and how it is asked.
//!
//! A peer has one request under way at most, and is asked while somebody looks. What it answers is handed on as the
//! bytes it came as, once they were seen to be JSON.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use may::coroutine;
use serde::{Deserialize, Serialize};

use crate::http::client;
use crate::http::outgoing::{ClientError, OutgoingRequest};
use crate::http::url::Origin;
use crate::lock::lock;

/// A peer's figures are asked for again when they are this old.
pub const FRESH: Duration = Duration::from_millis(900);
/// A peer's history is asked for again when it is this old, and dropped when nobody asks for it any more.
const HISTORY_FRESH: Duration = Duration::from_secs(5);
/// A peer has this long for one answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// A host's address is looked up again after this.
const LOOKED_UP: Duration = Duration::from_secs(30);
/// Longest answer of a peer: its stats, or five minutes of history, with room to grow.
const MAX_BYTES: usize = 512 * 1024;

/// Why a peer's figures are missing, as the page has words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerError {
    /// No answer yet to the first question.
    Asking,
    /// The host's name has no address.
    Unresolved,
    /// Nobody listens.
    Refused,
    /// No answer in time.
    Timeout,
    /// The connection broke.
    Reset,
    /// The answer is not a node's.
    Malformed,
    /// The answer is an error.
    Status,
}

impl From<ClientError> for PeerError {
    fn from(error: ClientError) -> PeerError {
        match error {
            ClientError::Refused => PeerError::Refused,
            ClientError::TimedOut => PeerError::Timeout,
            ClientError::Lost => PeerError::Reset,
            ClientError::Url(_) | ClientError::Unresolved => PeerError::Unresolved,
            ClientError::Malformed | ClientError::TooLarge => PeerError::Malformed,
            ClientError::Status(_) => PeerError::Status,
        }
    }
}

/// Which process answered; tells a node that its own address is among the peers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PeerProcess {
    pub name: String,
    pub pid: u32,
}

/// A peer's JSON, as it came.
#[derive(Clone)]
pub struct PeerJson {
    pub at: Instant,
    pub json: Arc<[u8]>,
}

/// What is known of a peer.
pub struct PeerState {
    pub asked_at: Option<Instant>,
    pub error: Option<PeerError>,
    pub ready: Option<bool>,
    pub who: Option<PeerProcess>,
    pub stats: Option<PeerJson>,
    pub history: Option<PeerJson>,
    pub history_wanted_at: Option<Instant>,
    pub address: Option<(Instant, SocketAddr)>,
    pub looked_at: Instant,
}

/// A peer.
pub struct PeerNode {
    pub origin: Origin,
    pub url: String,
    pub seen: Mutex<PeerState>,
    /// A request to it is under way.
    pub asking: AtomicBool,
    /// A look-up of its name is under way.
    resolving: AtomicBool,
}

impl PeerNode {
    pub fn new(origin: Origin) -> Arc<PeerNode> {
        let seen = PeerState {
            asked_at: None,
            error: Some(PeerError::Asking),
            ready: None,
            who: None,
            stats: None,
            history: None,
            history_wanted_at: None,
            address: origin.literal().map(|address| (Instant::now(), address)),
            looked_at: Instant::now(),
        };
        let url = origin.to_string();
        Arc::new(PeerNode {
            origin,
            url,
            seen: Mutex::new(seen),
            asking: AtomicBool::new(false),
            resolving: AtomicBool::new(false),
        })
    }

    /// Notes that somebody looks, and asks the peer unless its last answer is fresh or a question is under way.
    pub fn look(self: &Arc<Self>, history: bool) {
        {
            let mut seen = lock(&self.seen);
            let now = Instant::now();
            seen.looked_at = now;
            if history {
                seen.history_wanted_at = Some(now);
            }
            let stale_history = history && seen.history.as_ref().is_none_or(|told| told.at.elapsed() > HISTORY_FRESH);
            if !stale_history && seen.asked_at.is_some_and(|asked| asked.elapsed() < FRESH) {
                return;
            }
            if self.asking.swap(true, Ordering::AcqRel) {
                return;
            }
            seen.asked_at = Some(now);
        }
        let peer = self.clone();
        // SAFETY: `ask` holds no lock and no thread-local across a switch, and its buffers are on the heap.
        let asked = unsafe {
            coroutine::Builder::new().name("peer".into()).spawn(move || {
                // Given back however the asking ends.
                let _done = FlagGuard(&peer.asking);
                peer.ask();
            })
        };
        if asked.is_err() {
            self.asking.store(false, Ordering::Release);
        }
    }

    /// Asks for readiness, figures and, where wanted, history; notes the outcome.
    fn ask(self: &Arc<Self>) {
        let Some(address) = self.address() else { return };
        let outcome = self.ask_stats(address);
        let mut seen = lock(&self.seen);
        match outcome {
            Ok((ready, who, stats)) => {
                seen.error = None;
                seen.ready = Some(ready);
                seen.who = Some(who);
                seen.stats = Some(stats);
            }
            Err(error) => seen.error = Some(error),
        }
        let wanted = seen.history_wanted_at.is_some_and(|at| at.elapsed() < HISTORY_FRESH);
        if !wanted {
            seen.history = None;
            return;
        }
        let due = seen.error.is_none() && seen.history.as_ref().is_none_or(|told| told.at.elapsed() > HISTORY_FRESH);
        drop(seen);
        if due {
            let told = self.get(address, "/stats?history=300").and_then(|(_, told)| {
                // Read for its well-formedness only: it is handed on as it is.
                serde_json::from_slice::<serde::de::IgnoredAny>(&told.json).map_err(|_| PeerError::Malformed)?;
                Ok(told)
            });
            lock(&self.seen).history = told.ok();
        }
    }

    fn ask_stats(&self, address: SocketAddr) -> Result<(bool, PeerProcess, PeerJson), PeerError> {
        #[derive(Deserialize)]
        struct Peek {
            node: PeerProcess,
        }
        let (status, _) = self.get(address, "/readyz")?;
        let ready = status < 400;
        let (status, told) = self.get(address, "/stats")?;
        if status != 200 {
            return Err(PeerError::Status);
        }
        // Fields that are not named here are skipped without recursion: however deep the answer, the stack holds.
        let peek: Peek = serde_json::from_slice(&told.json).map_err(|_| PeerError::Malformed)?;
        Ok((ready, peek.node, told))
    }

    fn get(&self, address: SocketAddr, target: &str) -> Result<(u16, PeerJson), PeerError> {
        let answer = client::send(address, &self.origin, &OutgoingRequest::get(target), PATIENCE, MAX_BYTES)?;
        if std::str::from_utf8(&answer.body).is_err() {
            return Err(PeerError::Malformed);
        }
        Ok((answer.status, PeerJson { at: Instant::now(), json: answer.body.into() }))
    }

    /// The peer's address. A name is looked up by a thread, since that may block; until it is known, the answer is
    /// what was known before, or nothing.
    fn address(self: &Arc<Self>) -> Option<SocketAddr> {
        let known = lock(&self.seen).address;
        let old = known.is_none_or(|(at, _)| at.elapsed() > LOOKED_UP);
        if self.origin.literal().is_none() && old && !self.resolving.swap(true, Ordering::AcqRel) {
            let peer = self.clone();
            let started = std::thread::Builder::new().name("resolve".into()).spawn(move || {
                let _done = FlagGuard(&peer.resolving);
                let found = std::net::ToSocketAddrs::to_socket_addrs(&(peer.origin.host(), peer.origin.port()));
                let mut seen = lock(&peer.seen);
                match found.ok().and_then(|mut all| all.next()) {
                    Some(address) => seen.address = Some((Instant::now(), address)),
                    None => seen.error = Some(PeerError::Unresolved),
                }
            });
            if started.is_err() {
                self.resolving.store(false, Ordering::Release);
            }
        }
        known.map(|(_, address)| address)
    }
}

/// Lowers a flag at the end of a scope, a panic's too.
pub struct FlagGuard<'a>(pub &'a AtomicBool);

impl Drop for FlagGuard<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
