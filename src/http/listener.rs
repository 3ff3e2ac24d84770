//! The listening socket: accepts, refuses over the limit, backs off when the machine has no more to give.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use may::coroutine;

use crate::sleep::sleep;
use crate::worker::{self, IoWaker};

use super::connection;
use super::control::{ConnectionCounters, Limits, Registry};
use super::service::Service;

/// Connections the kernel completes ahead of `accept`; it lowers this to `net.core.somaxconn`.
pub const BACKLOG: u32 = 4096;
/// Connections over the limit that are told so at once; more are just closed.
const MAX_REFUSING: usize = 128;
/// Connections taken in a row before others go first.
const TURN: u32 = 64;
/// First and longest pause after a failed accept.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
/// How long the log stays quiet about failing to accept.
const COMPLAIN_AGAIN: Duration = Duration::from_secs(60);

/// Binds a listening socket with a long queue.
pub fn bind(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    // A second listen() only changes the length of its queue (listen(2)).
    rustix::net::listen(&listener, BACKLOG as i32)?;
    Ok(listener)
}

/// A running server.
pub struct Server {
    state: Arc<ServerState>,
    acceptor: IoWaker,
}

struct ServerState {
    registry: Arc<Registry>,
    /// Field lines that every answer carries.
    fixed: Vec<u8>,
    refusing: AtomicUsize,
    listening: AtomicBool,
}

impl Server {
    /// Serves `service` on a bound socket. What happens to connections is
    /// counted in `counters`; `fixed` are header fields that every answer carries.
    pub fn start<S: Service>(
        listener: TcpListener,
        service: S,
        limits: Limits,
        counters: Arc<ConnectionCounters>,
        fixed: &[(&str, &str)],
    ) -> io::Result<Server> {
        worker::start()?;
        let fixed: String = fixed.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        listener.set_nonblocking(true)?;
        // SAFETY: the descriptor comes straight from the listener, which gave up its ownership.
        let listener = unsafe { may::net::TcpListener::from_raw_fd(listener.into_raw_fd()) };
        let acceptor_waker = IoWaker::new(&listener);
        let state = Arc::new(ServerState {
            registry: Registry::new(limits, counters)?,
            fixed: fixed.into_bytes(),
            refusing: AtomicUsize::new(0),
            listening: AtomicBool::new(true),
        });
        let acceptor = state.clone();
        let service = Arc::new(service);
        let builder = coroutine::Builder::new().name("accept".into()).id(listener.as_raw_fd() as usize);
        may::go!(builder, move || {
            acceptor.accept(&listener, &service);
            drop(listener);
            acceptor.listening.store(false, Ordering::SeqCst);
        })?;
        Ok(Server { state, acceptor: acceptor_waker })
    }

    /// Takes no new connection, lets requests in flight finish; whether all did within `timeout`.
    /// Blocks the calling thread.
    pub fn drain(&self, timeout: Duration) -> bool {
        let end = Instant::now() + timeout;
        self.state.registry.drain();
        self.acceptor.wake();
        let counters = &self.state.registry.counters;
        while self.state.listening.load(Ordering::SeqCst) || counters.open.load(Ordering::SeqCst) > 0 {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

impl ServerState {
    /// Accepts until the server drains and nobody waits in the socket's queue any more.
    fn accept<S: Service>(self: &Arc<Self>, listener: &may::net::TcpListener, service: &Arc<S>) {
        let mut pause = BACK_OFF.0;
        let mut complained: Option<Instant> = None;
        let mut in_a_row: u32 = 0;
        loop {
            match listener.inner().accept() {
                Ok((stream, address)) => {
                    pause = BACK_OFF.0;
                    self.take(stream, address, service);
                    in_a_row = in_a_row.wrapping_add(1);
                    if in_a_row.is_multiple_of(TURN) {
                        worker::let_others_go_first(listener.as_raw_fd());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.registry.is_draining() {
                        return;
                    }
                    worker::wait(listener);
                }
                // The client gave up while it waited, or a signal came: nothing is wrong here.
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {
                }
                Err(error) => {
                    self.registry.counters.accept_errors_total.fetch_add(1, Ordering::Relaxed);
                    if complained.is_none_or(|last| last.elapsed() > COMPLAIN_AGAIN) {
                        log::error!("cannot accept connections, will keep trying: {error}");
                        complained = Some(Instant::now());
                    }
                    sleep(pause);
                    pause = (pause * 2).min(BACK_OFF.1);
                }
            }
        }
    }

    fn take<S: Service>(self: &Arc<Self>, stream: std::net::TcpStream, address: SocketAddr, service: &Arc<S>) {
        let counters = &self.registry.counters;
        counters.accepted_total.fetch_add(1, Ordering::Relaxed);
        let full = counters.open.load(Ordering::Relaxed) >= self.registry.limits.max_connections;
        if full {
            counters.rejected_total.fetch_add(1, Ordering::Relaxed);
            if self.refusing.fetch_add(1, Ordering::Relaxed) >= MAX_REFUSING {
                self.refusing.fetch_sub(1, Ordering::Relaxed);
                return;
            }
        } else {
            let open = counters.open.fetch_add(1, Ordering::SeqCst) + 1;
            counters.peak.fetch_max(open, Ordering::Relaxed);
        }
        let guard = ConnectionSlot { state: self.clone(), refused: full };
        let Ok(stream) = stream.set_nodelay(true).and_then(|()| worker::register(stream)) else {
            counters.accept_errors_total.fetch_add(1, Ordering::Relaxed);
            return;
        };
        // The worker that watches the connection (see `worker`).
        let builder = coroutine::Builder::new().id(stream.as_raw_fd() as usize);
        let service = service.clone();
        let spawned = may::go!(builder, move || {
            let state = &guard.state;
            if guard.refused {
                connection::refuse(stream, address, &state.registry, &state.fixed);
            } else {
                connection::serve(stream, address, &*service, &state.registry, &state.fixed);
            }
        });
        if let Err(error) = spawned {
            log::error!("cannot start a coroutine for a connection: {error}");
        }
    }
}

/// A connection's place among the open or the refused ones, given back when it ends, however it ends.
struct ConnectionSlot {
    state: Arc<ServerState>,
    refused: bool,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        if self.refused {
            self.state.refusing.fetch_sub(1, Ordering::Relaxed);
        } else {
            self.state.registry.counters.open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
