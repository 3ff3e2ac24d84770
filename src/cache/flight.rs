//! One computation, those who wait for it, and what they get. Known as *single flight* (Go's x/sync), or as protection from a
//! cache stampede: a thousand clients that ask for one key at once cost one computation, not a thousand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::entry::Entry;
use super::key::Key;
use crate::http::Problem;
use crate::lock::lock;
use crate::worker::Waiter;

/// Parts of the table, each under its own lock.
const PARTS: usize = 16;

/// What those who wait get.
#[derive(Clone, Debug, PartialEq)]
pub enum FlightOutcome {
    /// The answer.
    Value(Entry),
    /// The computation failed: everybody who waited gets that refusal, and the next request computes anew.
    Failed(Problem),
    /// Who computed left before it was done: compute yourself.
    Abandoned,
    /// The client of who waits has left.
    Left,
}

/// A computation under way.
pub(super) struct Flight {
    begun: Instant,
    state: Mutex<FlightState>,
}

#[derive(Default)]
struct FlightState {
    outcome: Option<FlightOutcome>,
    /// Those who wait, each under a number.
    waiters: HashMap<u64, Waiter>,
    next: u64,
}

impl Flight {
    fn new() -> Self {
        Self { begun: Instant::now(), state: Mutex::default() }
    }

    /// Waits until it has ended, or `gone` says that nobody waits for the answer any more. A coroutine that waits holds no thread.
    pub fn wait(&self, gone: impl Fn() -> bool) -> FlightOutcome {
        let waiter = Waiter::current();
        let number = {
            let mut state = lock(&self.state);
            if let Some(outcome) = &state.outcome {
                return outcome.clone();
            }
            let number = state.next;
            state.next += 1;
            state.waiters.insert(number, waiter.clone());
            number
        };
        loop {
            waiter.wait();
            if let Some(outcome) = &lock(&self.state).outcome {
                return outcome.clone();
            }
            // Woken early, as when the client has left.
            if gone() {
                lock(&self.state).waiters.remove(&number);
                return FlightOutcome::Left;
            }
        }
    }

    /// Tells the outcome to all who wait; the first outcome holds.
    pub fn end(&self, outcome: FlightOutcome) {
        let waiters = {
            let mut state = lock(&self.state);
            state.outcome.get_or_insert(outcome);
            std::mem::take(&mut state.waiters)
        };
        waiters.into_values().for_each(|waiter| waiter.wake());
    }

    fn is_awaited(&self) -> bool {
        !lock(&self.state).waiters.is_empty()
    }
}

/// Those who wait for a computation beside the one who does it.
#[derive(Clone)]
pub struct Waiters(pub(super) Arc<Flight>);

impl Waiters {
    /// Whether there are any: then the computation goes on though the client of the one who does it has left.
    pub fn wait(&self) -> bool {
        self.0.is_awaited()
    }
}

/// The computations under way, by key.
#[derive(Default)]
pub(super) struct Flights {
    parts: [Mutex<HashMap<Key, Arc<Flight>>>; PARTS],
}

/// A key, with everything about it held still.
pub(super) struct HeldKey<'a> {
    key: Key,
    part: MutexGuard<'a, HashMap<Key, Arc<Flight>>>,
}

impl Flights {
    /// Holds a key: nobody else begins, ends or detaches its flight meanwhile.
    pub fn hold(&self, key: Key) -> HeldKey<'_> {
        HeldKey { key, part: lock(&self.parts[(key.number % PARTS as u64) as usize]) }
    }
}

impl HeldKey<'_> {
    /// The flight under way, unless it began longer than `oldest` ago: what it gives might be older than an answer may be.
    pub fn current(&self, oldest: Duration) -> Option<Arc<Flight>> {
        self.part.get(&self.key).filter(|flight| flight.begun.elapsed() <= oldest).cloned()
    }

    /// A new flight, in the place of one that may be there.
    pub fn begin(mut self) -> Arc<Flight> {
        let flight = Arc::new(Flight::new());
        self.part.insert(self.key, flight.clone());
        flight
    }

    /// Whether what the flight gives may be kept: it is the one that later requests would wait for.
    pub fn is(&self, flight: &Arc<Flight>) -> bool {
        self.part.get(&self.key).is_some_and(|current| Arc::ptr_eq(current, flight))
    }

    /// Takes this flight out, so that the next request begins one of its own.
    pub fn remove(&mut self, flight: &Arc<Flight>) {
        if self.is(flight) {
            self.part.remove(&self.key);
        }
    }

    /// Takes out whatever flight there is: what it gives is of no use to later requests. Those who wait for it asked earlier.
    pub fn detach(&mut self) {
        self.part.remove(&self.key);
    }
}
