//! The closed loop: a fixed number of connections, each of which sends its next request when the last is answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use may::go;

use super::Interrupt;
use super::agent::{Agent, Exchange};
use super::gate::Gate;
use super::recorder::Sample;
use super::run::{Presence, Run};
use crate::results::load::ErrorKind;
use crate::sleep::sleep;

/// Connections that are opened at the same time, so that a listen queue does not overflow.
const CONNECTING_AT_ONCE: usize = 128;
/// After a failed connect a connection pauses this long, then twice as long each time, up to the longest: a node that
/// is down is asked again soon, but not a hundred thousand times a second.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Opens the connections, and waits until all are open or have failed. They start with the run.
pub(super) fn start(run: &Arc<Run>, connections: usize, interrupt: &Interrupt) -> anyhow::Result<()> {
    let gate = Arc::new(Gate::new(CONNECTING_AT_ONCE));
    for index in 0..connections {
        let presence = Presence::of_connection(run);
        let (run, gate) = (Arc::clone(run), Arc::clone(&gate));
        go!(move || {
            let _presence = presence;
            drive(&run, &gate, index);
        });
    }
    let patience = Instant::now() + Duration::from_nanos(run.timeout) + Duration::from_secs(1);
    while run.ready.load(Ordering::Acquire) < connections && Instant::now() < patience && !interrupt.is_set() {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn drive(run: &Run, gate: &Gate, index: usize) {
    let mission = &run.mission;
    let watch = run.watchman.enlist();
    let mut agent = Agent::new(mission, Arc::clone(&watch));
    let mut turn = index;
    let target = |turn: usize| usize::from(run.pattern[turn % run.pattern.len()]);
    gate.pass();
    // A connection that cannot be opened now is tried again, and counted, when the run has begun.
    let _ = agent.connect(mission, mission.shots[target(turn)].origin, mission.clock.now() + run.timeout);
    gate.add(1);
    run.ready.fetch_add(1, Ordering::AcqRel);
    run.start.pass();
    let mut pause = SHORTEST_PAUSE;
    loop {
        let intended = mission.clock.now();
        if intended >= run.window().end {
            break;
        }
        let refused = request(run, &mut agent, target(turn), intended);
        turn += 1;
        if refused {
            sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        } else {
            pause = SHORTEST_PAUSE;
        }
    }
    watch.end();
}

/// One request; gives whether no connection could be had.
fn request(run: &Run, agent: &mut Agent, target: usize, intended: u64) -> bool {
    run.recorders.counters().begun.fetch_add(1, Ordering::Relaxed);
    let mut exchange = Exchange::default();
    let failure = agent.exchange(&run.mission, target, intended + run.timeout, &mut exchange).err();
    let refused = failure.as_ref().is_some_and(|failure| !exchange.sent && failure.kind != ErrorKind::Reset);
    let facts = exchange.answered.then(|| agent.facts());
    let ended = run.mission.clock.now();
    run.record(Sample { target, intended, sent: intended, ended, lag: None, facts, failure }, exchange);
    refused
}
