//! The closed loop: a fixed number of connections, each of which sends its next request when the last is answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;
use may::go;

use super::context::{CoroutineGuard, RunContext};
use super::exchange::ExchangeProgress;
use super::interrupt::StopFlag;
use super::recorder::EndedRequest;
use super::semaphore::Semaphore;
use super::user::{UserMemory, VirtualUser};
use crate::results::load::ErrorKind;
use crate::sleep::sleep;

/// Connections that are opened at the same time, so that a listen queue does not overflow.
const CONNECTING_AT_ONCE: usize = 128;
/// After a failed connect a connection pauses this long, then twice as long each time, up to the longest: a node that
/// is down is asked again soon, but not a hundred thousand times a second.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Opens the connections, and waits until all are open or have failed. They start with the run.
pub(super) fn start(run: &Arc<RunContext>, connections: usize, interrupt: &StopFlag) -> anyhow::Result<()> {
    let connecting = Arc::new(Semaphore::new(CONNECTING_AT_ONCE));
    for index in 0..connections {
        let guard = CoroutineGuard::of_connection(run);
        let (run, connecting) = (Arc::clone(run), Arc::clone(&connecting));
        let builder = run.exchange.coroutine();
        let connection = move || {
            let _guard = guard;
            drive(&run, &connecting, index);
        };
        go!(builder, connection).context("starting a coroutine for a connection")?;
    }
    let patience = Instant::now() + Duration::from_nanos(run.timeout) + Duration::from_secs(1);
    while run.ready.load(Ordering::Acquire) < connections && Instant::now() < patience && !interrupt.is_set() {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// The life of a connection: one request after the other, until the window ends.
fn drive(run: &RunContext, connecting: &Semaphore, index: usize) {
    let context = &run.exchange;
    let deadline = run.deadlines.register();
    let mut user = VirtualUser::new(context, Arc::clone(&deadline), index as u64, UserMemory::new(context));
    let mut turn = index;
    let target = |turn: usize| usize::from(run.pattern[turn % run.pattern.len()]);
    connecting.acquire();
    // A connection that cannot be opened now is tried again, and counted, when the run has begun.
    let opened = user.connect(context, context.requests[target(turn)].origin, context.clock.now() + run.timeout);
    if let Ok(Some(handshake)) = opened {
        run.record_handshake(handshake);
    }
    connecting.release(1);
    run.ready.fetch_add(1, Ordering::AcqRel);
    run.start.acquire();
    let mut pause = SHORTEST_PAUSE;
    loop {
        let intended = context.clock.now();
        if intended >= run.window().end {
            break;
        }
        let refused = request(run, &mut user, target(turn), intended);
        turn += 1;
        if refused {
            sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        } else {
            pause = SHORTEST_PAUSE;
        }
    }
    deadline.end();
}

/// One request; gives whether no connection could be had.
fn request(run: &RunContext, user: &mut VirtualUser, target: usize, intended: u64) -> bool {
    run.recorders.counters().begun.fetch_add(1, Ordering::Relaxed);
    let mut exchange = ExchangeProgress::default();
    let failure = user.exchange(&run.exchange, target, intended + run.timeout, &mut exchange).err();
    let refused = failure.as_ref().is_some_and(|failure| !exchange.sent && failure.kind != ErrorKind::Reset);
    let answer = exchange.answered.then(|| user.answer());
    let ended = run.exchange.clock.now();
    run.record(EndedRequest { target, intended, sent: intended, ended, lag: None, answer, failure }, exchange);
    refused
}
