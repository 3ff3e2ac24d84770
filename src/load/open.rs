//! The open loop: requests are sent by the clock, whatever the answers do.
//!
//! Each generator thread has a dispatcher, which hands out requests when they are due, and a pool of connections, each of
//! which is a coroutine. The connection that was used last is used next, so few connections serve a fast node; when all
//! are busy, one more is opened; when the most allowed are busy the request waits, and its latency goes on. Users who take
//! turns are all there from the first requests on, and the one who has been idle longest is next.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use may::coroutine::Builder;
use may::go;

use super::context::{CoroutineGuard, RunContext};
use super::deadlines::{Deadline, NEVER};
use super::exchange::ExchangeProgress;
use super::failure::FailedRequest;
use super::recorder::EndedRequest;
use super::schedule::{Pace, Schedule};
use super::timer::PreciseTimer;
use super::user::{UserMemory, VirtualUser};
use crate::lock::lock;
use crate::results::load::ErrorKind;
use crate::worker;

/// A late dispatcher lets the connections send and read answers after so many requests handed out, or after
/// [`GIVEN_UP_COUNT_AS_ONE`] times as many given up.
const BURST: u32 = 32;
/// So many requests that are given up take about as long as one that is handed out.
const GIVEN_UP_COUNT_AS_ONE: u32 = 32;

/// A request that is due.
#[derive(Clone, Copy)]
struct DueRequest {
    target: usize,
    /// Its number over all: the stream of its keys.
    number: u64,
    intended: u64,
    /// When it was put in the queue for a connection, where every one was busy.
    queued: Option<u64>,
}

/// Whether the generator alone, by its lateness, has used up so much of a request's timeout (all in nanoseconds) that its
/// answer would say more about the generator than about the node. Such a request is not sent.
fn is_given_up(lag: u64, timeout: u64) -> bool {
    lag > timeout / 2
}

/// A connection of the pool, as the dispatcher sees it.
struct PooledConnection {
    deadline: Arc<Deadline>,
    request: Mutex<Option<DueRequest>>,
}

/// How many connections there may be, and who is next.
#[derive(Clone, Copy)]
pub(super) struct OpenConnections {
    /// Over all dispatchers.
    pub most: usize,
    /// See [`super::plan::LoadPlan::in_turn`].
    pub in_turn: bool,
}

/// Which connections are free, and which requests wait. Never locked across a switch of coroutines.
#[derive(Default)]
struct PoolState {
    idle: VecDeque<Arc<PooledConnection>>,
    waiting: VecDeque<DueRequest>,
    connections: usize,
    /// What users keep whose connection has ended: the next connection is theirs.
    memories: Vec<UserMemory>,
    closing: bool,
}

/// The connections of one dispatcher.
struct ConnectionPool {
    run: Arc<RunContext>,
    state: Mutex<PoolState>,
    most_connections: usize,
    in_turn: bool,
}

/// Makes the dispatchers ready; they start with the run.
pub(super) fn start(
    run: &Arc<RunContext>,
    threads: usize,
    pace: &Pace,
    connections: OpenConnections,
) -> anyhow::Result<()> {
    let OpenConnections { most, in_turn } = connections;
    let dispatchers = threads.min(most).max(1);
    run.dispatchers.store(dispatchers, Ordering::Release);
    for index in 0..dispatchers {
        let most_connections = most / dispatchers + usize::from(index < most % dispatchers);
        let pool = ConnectionPool { run: Arc::clone(run), state: Mutex::default(), most_connections, in_turn };
        let worker = index % threads;
        let timer = PreciseTimer::new(worker).context("making a timer")?;
        let schedule = Schedule::new(pace, index, dispatchers);
        let guard = CoroutineGuard::new(run);
        let dispatcher = move || {
            let _guard = guard;
            dispatch_all(&Arc::new(pool), &timer, schedule);
        };
        go!(Builder::new().id(worker), dispatcher).context("starting a dispatcher")?;
    }
    while run.ready.load(Ordering::Acquire) < dispatchers {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Ok(())
}

/// Hands out requests when they are due, until the window ends.
fn dispatch_all(pool: &Arc<ConnectionPool>, timer: &PreciseTimer, schedule: Schedule) {
    let run = &pool.run;
    let clock = run.exchange.clock;
    let deadline = run.deadlines.register();
    deadline.set_waker(timer.waker());
    run.ready.fetch_add(1, Ordering::AcqRel);
    run.start.acquire();
    let start = run.started_at();
    let mut burst = 0;
    'run: for arrival in schedule {
        let intended = start + arrival.at;
        let mut now = clock.now();
        while now < intended && intended < run.window().end {
            // Without a timer nothing can be on time; the missing requests make the run invalid.
            if timer.wait(intended - now).is_err() {
                run.dispatch_incomplete.store(true, Ordering::Release);
                break 'run;
            }
            now = clock.now();
            burst = 0;
        }
        if intended >= run.window().end {
            break;
        }
        let target = usize::from(run.pattern[(arrival.number % run.pattern.len() as u64) as usize]);
        if is_given_up(now.saturating_sub(intended), run.timeout) {
            run.give_up(target, intended, now);
            burst += 1;
        } else {
            dispatch(pool, DueRequest { target, number: arrival.number, intended, queued: None }, now);
            burst += GIVEN_UP_COUNT_AS_ONE;
        }
        if burst >= BURST * GIVEN_UP_COUNT_AS_ONE {
            burst = 0;
            // Through the event loop: a mere yield lets only those run that are ready, and no answer would be read.
            if timer.wait(1).is_err() || run.stop_dispatching.load(Ordering::Acquire) {
                run.dispatch_incomplete.store(true, Ordering::Release);
                break;
            }
        }
    }
    run.dispatchers.fetch_sub(1, Ordering::AcqRel);
    deadline.end();
    close(pool);
}

/// Who takes a request, of those who wait for one. Where users take turns, nobody as long as not all users are there.
fn next_idle(pool: &ConnectionPool, state: &mut PoolState) -> Option<Arc<PooledConnection>> {
    match pool.in_turn {
        false => state.idle.pop_back(),
        true if state.connections < pool.most_connections => None,
        true => state.idle.pop_front(),
    }
}

/// Gives a request to an idle connection, else to a new one, else puts it in the queue.
fn dispatch(pool: &Arc<ConnectionPool>, request: DueRequest, now: u64) {
    let run = &pool.run;
    run.recorders.counters().begun.fetch_add(1, Ordering::Relaxed);
    let (mut waits, mut opens, mut wakes) = (false, false, None);
    let mut state = lock(&pool.state);
    if let Some(connection) = next_idle(pool, &mut state) {
        *lock(&connection.request) = Some(request);
        wakes = Some(connection);
    } else if state.connections < pool.most_connections {
        state.connections += 1;
        opens = true;
    } else {
        state.waiting.push_back(DueRequest { queued: Some(now), ..request });
        waits = true;
    }
    drop(state);
    run.recorders.mine().hand_out(request.intended, now, waits, run.window());
    if let Some(connection) = wakes {
        connection.deadline.wake();
    }
    if opens {
        let guard = CoroutineGuard::of_connection(run);
        let pool = Arc::clone(pool);
        let connection = move || {
            let _guard = guard;
            serve_all(&pool, request);
        };
        // On the dispatcher's worker, which can then wake it at no cost.
        if let Err(error) = go!(run.exchange.coroutine().id(worker::current()), connection) {
            log::error!("cannot start a coroutine for a connection, so that a request was lost: {error}");
        }
    }
}

/// No more requests come: idle connections end, busy ones end when nothing waits.
fn close(pool: &ConnectionPool) {
    let idle = {
        let mut state = lock(&pool.state);
        state.closing = true;
        std::mem::take(&mut state.idle)
    };
    idle.iter().for_each(|connection| connection.deadline.wake());
}

/// The life of a connection: requests, as long as there are any and the connection lives.
fn serve_all(pool: &ConnectionPool, first: DueRequest) {
    let run = &pool.run;
    let connection = Arc::new(PooledConnection { deadline: run.deadlines.register(), request: Mutex::new(None) });
    let kept = lock(&pool.state).memories.pop();
    let memory = kept.unwrap_or_else(|| UserMemory::new(&run.exchange));
    let mut user = VirtualUser::new(&run.exchange, Arc::clone(&connection.deadline), first.number, memory);
    let mut next = Some(first);
    while let Some(request) = next {
        serve(run, &mut user, request);
        next = next_request(pool, &connection, &mut user, request);
    }
    connection.deadline.end();
    if run.exchange.users_remember() {
        lock(&pool.state).memories.push(user.into_memory());
    }
}

/// The next request of a connection, once there is one; `None` when the connection is to end, and is not listed any more.
fn next_request(
    pool: &ConnectionPool,
    connection: &Arc<PooledConnection>,
    user: &mut VirtualUser,
    last: DueRequest,
) -> Option<DueRequest> {
    let origin = pool.run.exchange.requests[last.target].origin;
    {
        let mut state = lock(&pool.state);
        if let Some(request) = state.waiting.pop_front() {
            return Some(request);
        }
        if state.closing || !user.is_connected(origin) {
            state.connections -= 1;
            return None;
        }
        // Before it is listed as idle, so that whoever finds it there can wake it.
        user.set_waker(origin);
        connection.deadline.set(NEVER);
        state.idle.push_back(Arc::clone(connection));
    }
    loop {
        let alive = user.wait_idle(origin);
        if let Some(request) = lock(&connection.request).take() {
            return Some(request);
        }
        let mut state = lock(&pool.state);
        if alive && !state.closing {
            continue;
        }
        let listed = state.idle.iter().position(|other| Arc::ptr_eq(other, connection));
        match listed {
            Some(index) => drop(state.idle.remove(index)),
            // Not listed, but with a request: it came since we looked.
            None if lock(&connection.request).is_some() => return lock(&connection.request).take(),
            None => {}
        }
        state.connections -= 1;
        return None;
    }
}

fn serve(run: &RunContext, user: &mut VirtualUser, request: DueRequest) {
    let DueRequest { target, number, intended, queued } = request;
    let deadline = intended.saturating_add(run.timeout);
    let mut exchange = ExchangeProgress::default();
    let sent = run.exchange.clock.now();
    // Waiting for a busy connection is the node's doing, everything else before the sending is the generator's.
    let lag = queued.unwrap_or(sent).saturating_sub(intended);
    let failure = if is_given_up(lag, run.timeout) {
        Some(FailedRequest::not_sent())
    } else if sent >= deadline {
        Some(FailedRequest::new(ErrorKind::TimedOut, "every connection was busy until the timeout"))
    } else {
        user.draw_from(&run.exchange, number);
        user.exchange(&run.exchange, target, deadline, &mut exchange).err()
    };
    let answer = exchange.answered.then(|| user.answer());
    let ended = run.exchange.clock.now();
    run.record(EndedRequest { target, intended, sent, ended, lag: Some(lag), answer, failure }, exchange);
}
