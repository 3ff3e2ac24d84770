//! Where coroutines wait until they are let through.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::lock::lock;
use crate::worker::Waiter;

/// Lets as many through as it has places, each of which may be given back.
#[derive(Default)]
pub(super) struct Gate(Mutex<Places>);

#[derive(Default)]
struct Places {
    free: usize,
    waiting: VecDeque<(Waiter, Arc<AtomicBool>)>,
}

impl Gate {
    /// A gate with so many places.
    pub fn new(free: usize) -> Self {
        Self(Mutex::new(Places { free, waiting: VecDeque::new() }))
    }

    /// Takes a place, once there is one.
    pub fn pass(&self) {
        let waiter = Waiter::current();
        let granted = Arc::new(AtomicBool::new(false));
        {
            let mut places = lock(&self.0);
            if places.free > 0 {
                places.free -= 1;
                return;
            }
            places.waiting.push_back((waiter.clone(), Arc::clone(&granted)));
        }
        while !granted.load(Ordering::Acquire) {
            waiter.wait();
        }
    }

    /// Adds places, for those first who wait longest.
    pub fn add(&self, count: usize) {
        let passing = {
            let mut places = lock(&self.0);
            let passing = count.min(places.waiting.len());
            places.free = places.free.saturating_add(count - passing);
            places.waiting.drain(..passing).collect::<Vec<_>>()
        };
        for (waiter, granted) in passing {
            granted.store(true, Ordering::Release);
            waiter.wake();
        }
    }

    /// Lets everybody through from now on.
    pub fn open(&self) {
        self.add(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn no_more_are_inside_than_there_are_places_and_everybody_passes() {
        crate::worker::open_doors().unwrap();
        let gate = Arc::new(Gate::new(3));
        let inside = Arc::new(AtomicUsize::new(0));
        let visitors: Vec<_> = (0..200)
            .map(|_| {
                let (gate, inside) = (Arc::clone(&gate), Arc::clone(&inside));
                may::go!(move || {
                    for _ in 0..20 {
                        gate.pass();
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                        crate::sleep::sleep(std::time::Duration::from_micros(50));
                        inside.fetch_sub(1, Ordering::SeqCst);
                        gate.add(1);
                    }
                })
            })
            .collect();
        for visitor in visitors {
            visitor.join().unwrap();
        }
        assert_eq!(lock(&gate.0).free, 3);
    }

    #[test]
    fn an_open_gate_stays_open() {
        let gate = Arc::new(Gate::default());
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let gate = Arc::clone(&gate);
                may::go!(move || gate.pass())
            })
            .collect();
        while lock(&gate.0).waiting.len() < 50 {
            std::thread::yield_now();
        }
        gate.open();
        for visitor in waiting {
            visitor.join().unwrap();
        }
        (0..100).for_each(|_| gate.pass());
    }
}
