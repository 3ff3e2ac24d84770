//! The open loop: requests are sent by the clock, whatever the answers do.
//!
//! Each generator thread has a lane: a dispatcher that hands out requests when they are due, and seats, which are
//! coroutines with a connection. The seat that was used last is used next, so few connections serve a fast node; when all
//! are busy one more is opened; when the most allowed are busy the request waits, and its latency runs on.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use may::coroutine::Builder;
use may::go;

use crate::lock::lock;
use crate::worker;

use super::agent::{Agent, Exchange};
use super::failure::FailedRequest;
use super::recorder::Sample;
use super::run::{Presence, Run};
use super::schedule::Schedule;
use super::timer::Timer;
use super::watch::{NEVER, Watch};
use crate::results::load::{Arrivals, ErrorKind};

/// Requests that a late dispatcher hands out before it lets the seats send and read answers.
const BURST: u32 = 32;

/// A request that is due.
#[derive(Clone, Copy)]
struct Job {
    target: usize,
    intended: u64,
    /// When it was put in the queue for a connection, where every one was busy.
    queued: Option<u64>,
}

/// A coroutine with a connection.
struct Seat {
    watch: Arc<Watch>,
    job: Mutex<Option<Job>>,
}

/// Who is free, and what waits, in one lane. Never held across a switch.
#[derive(Default)]
struct Desk {
    idle: Vec<Arc<Seat>>,
    waiting: VecDeque<Job>,
    seats: usize,
    closing: bool,
}

struct Lane {
    run: Arc<Run>,
    desk: Mutex<Desk>,
    most_seats: usize,
}

/// Makes the lanes ready; they start with the run.
pub(super) fn start(
    run: &Arc<Run>,
    threads: usize,
    (rate, arrivals, seed): (f64, Arrivals, u64),
    max_connections: usize,
) -> anyhow::Result<()> {
    let lanes = threads.min(max_connections).max(1);
    for index in 0..lanes {
        let most_seats = max_connections / lanes + usize::from(index < max_connections % lanes);
        let lane = Lane { run: Arc::clone(run), desk: Mutex::default(), most_seats };
        let worker = index % threads;
        let timer = Timer::new(worker).context("making a timer")?;
        let schedule = Schedule::new(arrivals, rate, seed, index, lanes);
        let presence = Presence::new(run);
        let dispatcher = move || {
            let _presence = presence;
            dispatch(&Arc::new(lane), &timer, schedule);
        };
        go!(Builder::new().id(worker), dispatcher).context("starting a dispatcher")?;
    }
    while run.ready.load(Ordering::Acquire) < lanes {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Ok(())
}

/// Hands out the requests of a lane when they are due, until the window ends.
fn dispatch(lane: &Arc<Lane>, timer: &Timer, schedule: Schedule) {
    let run = &lane.run;
    let clock = run.mission.clock;
    let watch = run.watchman.enlist();
    watch.set_nudge(timer.nudge());
    run.ready.fetch_add(1, Ordering::AcqRel);
    run.start.pass();
    let start = run.started_at();
    let mut burst = 0;
    'run: for arrival in schedule {
        let intended = start + arrival.at;
        let mut now = clock.now();
        while now < intended && intended < run.window().end {
            // Without a timer nothing can be on time; the missing requests make the run invalid.
            if timer.wait(intended - now).is_err() {
                break 'run;
            }
            now = clock.now();
            burst = 0;
        }
        if intended >= run.window().end {
            break;
        }
        let target = usize::from(run.pattern[(arrival.number % run.pattern.len() as u64) as usize]);
        hand_out(lane, Job { target, intended, queued: None }, now);
        burst += 1;
        if burst >= BURST {
            burst = 0;
            // Through the event loop: a mere yield lets only those run that are ready, and no answer would be read.
            if timer.wait(1).is_err() {
                break;
            }
        }
    }
    watch.end();
    close(lane);
}

fn hand_out(lane: &Arc<Lane>, job: Job, now: u64) {
    let run = &lane.run;
    run.recorders.counters().begun.fetch_add(1, Ordering::Relaxed);
    let (mut waits, mut opens, mut wakes) = (false, false, None);
    let mut desk = lock(&lane.desk);
    if let Some(seat) = desk.idle.pop() {
        *lock(&seat.job) = Some(job);
        wakes = Some(seat);
    } else if desk.seats < lane.most_seats {
        desk.seats += 1;
        opens = true;
    } else {
        desk.waiting.push_back(Job { queued: Some(now), ..job });
        waits = true;
    }
    drop(desk);
    run.recorders.mine().hand_out(job.intended, now, waits, run.window());
    if let Some(seat) = wakes {
        seat.watch.nudge();
    }
    if opens {
        let presence = Presence::of_connection(run);
        let lane = Arc::clone(lane);
        let seat = move || {
            let _presence = presence;
            sit(&lane, job);
        };
        // On the dispatcher's worker, which can then wake it at no cost.
        if let Err(error) = go!(Builder::new().id(worker::here()), seat) {
            log::error!("cannot start a coroutine for a connection, so that a request was lost: {error}");
        }
    }
}

/// No more requests come: idle seats go, busy ones go when nothing waits.
fn close(lane: &Lane) {
    let idle = {
        let mut desk = lock(&lane.desk);
        desk.closing = true;
        std::mem::take(&mut desk.idle)
    };
    idle.iter().for_each(|seat| seat.watch.nudge());
}

/// The life of a seat: requests, as long as there are any and the connection lives.
fn sit(lane: &Lane, first: Job) {
    let run = &lane.run;
    let seat = Arc::new(Seat { watch: run.watchman.enlist(), job: Mutex::new(None) });
    let mut agent = Agent::new(&run.mission, Arc::clone(&seat.watch));
    let mut next = Some(first);
    while let Some(job) = next {
        serve(run, &mut agent, job);
        next = after(lane, &seat, &mut agent, job);
    }
    seat.watch.end();
}

/// The next request of a seat, once there is one; `None` when the seat is to go, and has been struck off the list.
fn after(lane: &Lane, seat: &Arc<Seat>, agent: &mut Agent, last: Job) -> Option<Job> {
    let origin = lane.run.mission.shots[last.target].origin;
    {
        let mut desk = lock(&lane.desk);
        if let Some(job) = desk.waiting.pop_front() {
            return Some(job);
        }
        if desk.closing || !agent.is_connected(origin) {
            desk.seats -= 1;
            return None;
        }
        // Before it is on the list, so that whoever finds it there can wake it.
        agent.announce(origin);
        seat.watch.set_deadline(NEVER);
        desk.idle.push(Arc::clone(seat));
    }
    loop {
        let alive = agent.wait_idle(origin);
        if let Some(job) = lock(&seat.job).take() {
            return Some(job);
        }
        let mut desk = lock(&lane.desk);
        if alive && !desk.closing {
            continue;
        }
        let listed = desk.idle.iter().position(|other| Arc::ptr_eq(other, seat));
        match listed {
            Some(index) => drop(desk.idle.remove(index)),
            // Off the list and a job in hand: it came since we looked.
            None if lock(&seat.job).is_some() => return lock(&seat.job).take(),
            None => {}
        }
        desk.seats -= 1;
        return None;
    }
}

fn serve(run: &Run, agent: &mut Agent, job: Job) {
    let Job { target, intended, queued } = job;
    let deadline = intended.saturating_add(run.timeout);
    let mut exchange = Exchange::default();
    let sent = run.mission.clock.now();
    let failure = if sent >= deadline {
        Some(FailedRequest::new(ErrorKind::TimedOut, "every connection was busy until the timeout"))
    } else {
        agent.exchange(&run.mission, target, deadline, &mut exchange).err()
    };
    let facts = exchange.answered.then(|| agent.facts());
    let ended = run.mission.clock.now();
    // Waiting for a busy connection is the node's doing, everything else before the sending is the generator's.
    let lag = Some(queued.unwrap_or(sent).saturating_sub(intended));
    run.record(Sample { target, intended, sent, ended, lag, facts, failure }, exchange);
}
