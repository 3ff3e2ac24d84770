//! A counting semaphore for coroutines, which wait on the worker that they are on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::lock::lock;
use crate::worker::Waiter;

/// A number of permits, which are taken and given back.
#[derive(Default)]
pub(super) struct Semaphore(Mutex<Permits>);

#[derive(Default)]
struct Permits {
    free: usize,
    waiting: VecDeque<(Waiter, Arc<AtomicBool>)>,
}

impl Semaphore {
    /// A semaphore with so many permits.
    pub fn new(free: usize) -> Self {
        Self(Mutex::new(Permits { free, waiting: VecDeque::new() }))
    }

    /// Takes a permit; waits until there is one.
    pub fn acquire(&self) {
        let waiter = Waiter::current();
        let granted = Arc::new(AtomicBool::new(false));
        {
            let mut permits = lock(&self.0);
            if permits.free > 0 {
                permits.free -= 1;
                return;
            }
            permits.waiting.push_back((waiter.clone(), Arc::clone(&granted)));
        }
        while !granted.load(Ordering::Acquire) {
            waiter.wait();
        }
    }

    /// Adds permits; who waits longest is first to get one.
    pub fn release(&self, count: usize) {
        let served = {
            let mut permits = lock(&self.0);
            let served = count.min(permits.waiting.len());
            permits.free = permits.free.saturating_add(count - served);
            permits.waiting.drain(..served).collect::<Vec<_>>()
        };
        for (waiter, granted) in served {
            granted.store(true, Ordering::Release);
            waiter.wake();
        }
    }

    /// Gives a permit to everybody who waits or comes later.
    pub fn release_all(&self) {
        self.release(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn no_more_hold_a_permit_than_there_are_and_everybody_gets_one() {
        crate::worker::start().unwrap();
        let semaphore = Arc::new(Semaphore::new(3));
        let inside = Arc::new(AtomicUsize::new(0));
        let coroutines: Vec<_> = (0..200)
            .map(|_| {
                let (semaphore, inside) = (Arc::clone(&semaphore), Arc::clone(&inside));
                may::go!(move || {
                    for _ in 0..20 {
                        semaphore.acquire();
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                        crate::sleep::sleep(std::time::Duration::from_micros(50));
                        inside.fetch_sub(1, Ordering::SeqCst);
                        semaphore.release(1);
                    }
                })
            })
            .collect();
        for coroutine in coroutines {
            coroutine.join().unwrap();
        }
        assert_eq!(lock(&semaphore.0).free, 3);
    }

    #[test]
    fn permits_for_everybody_are_for_those_who_come_later_too() {
        let semaphore = Arc::new(Semaphore::default());
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let semaphore = Arc::clone(&semaphore);
                may::go!(move || semaphore.acquire())
            })
            .collect();
        while lock(&semaphore.0).waiting.len() < 50 {
            std::thread::yield_now();
        }
        semaphore.release_all();
        for coroutine in waiting {
            coroutine.join().unwrap();
        }
        (0..100).for_each(|_| semaphore.acquire());
    }
}
