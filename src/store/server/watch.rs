//! Asks a silent store server again until it is back, and one that nobody asks whether it is still there. One thread a server;
//! the asking itself is done over the server's connections, as every question.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::ServerPool;
use super::clients::Clients;
use crate::lock::lock;
use crate::pool::Done;
use crate::store::client::Client;
use crate::store::health::Health;

/// How often a server that nobody asks is asked for a sign of life.
const LOOK: Duration = Duration::from_secs(1);

/// Starts the thread, which ends when the server is dropped.
pub(super) fn start(server: Arc<Clients>, pool: Arc<ServerPool>) -> std::io::Result<()> {
    std::thread::Builder::new().name("store-watch".into()).spawn(move || watch(&server, &pool)).map(drop)
}

fn watch(server: &Arc<Clients>, pool: &ServerPool) {
    look(server, pool);
    let mut answers = server.answers_total.load(Ordering::Relaxed);
    while wait(server) {
        // Answers of late are sign of life enough.
        if server.answers_total.load(Ordering::Relaxed) == answers {
            look(server, pool);
        }
        answers = server.answers_total.load(Ordering::Relaxed);
    }
}

/// Waits until it is time to look; whether the server is still in use.
fn wait(server: &Clients) -> bool {
    let closed = || server.closed.load(Ordering::Acquire);
    let quiet = |health: &mut Health| !closed() && !matches!(health, Health::Away { .. });
    let health = lock(&server.health);
    let (health, _) = server.changed.wait_timeout_while(health, LOOK, quiet).unwrap_or_else(PoisonError::into_inner);
    if let Some(pause) = health.pause(fastrand::f64()) {
        let waits = |_: &mut Health| !closed();
        drop(server.changed.wait_timeout_while(health, pause, waits).unwrap_or_else(PoisonError::into_inner));
    }
    !closed()
}

/// Asks for a sign of life over one of the connections: a second time when one that was open turned out to be dead, which says
/// nothing of a new one.
fn look(server: &Arc<Clients>, pool: &ServerPool) {
    for _ in 0..2 {
        let by = Instant::now() + server.timeout;
        let inside = server.clone();
        let ping = move || inside.ask(|client: &mut dyn Client, by| client.ping(by), by);
        match pool.run(ping, || false) {
            Ok(Done { value: Err(_), .. }) => {}
            // When the pool refuses, all connections are busy: what they are asked will tell.
            Ok(Done { value: Ok(()), .. }) | Err(_) => return,
        }
    }
}
