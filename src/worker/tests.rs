//! Coroutines on their workers, and the rule by which a descriptor has its worker.

use super::*;

#[test]
fn a_coroutine_reaches_the_worker_of_a_descriptor_from_any_other() {
    start().unwrap();
    let workers = may::config().get_workers();
    let coroutines: Vec<_> = (0..500_usize)
        .map(|number| {
            may::go!(move || {
                for descriptor in number..number + 20 {
                    move_to_worker_of(descriptor as RawFd);
                    assert_eq!(current(), descriptor % workers);
                    let_others_go_first(descriptor as RawFd);
                }
            })
        })
        .collect();
    for coroutine in coroutines {
        coroutine.join().unwrap();
    }
}

#[test]
fn who_waits_on_a_worker_goes_on_there() {
    start().unwrap();
    let (hand_over, wakers) = std::sync::mpsc::channel::<Waiter>();
    let waker = std::thread::spawn(move || wakers.iter().for_each(|waiter| waiter.wake()));
    let waiters: Vec<_> = (0..500_usize)
        .map(|number| {
            let hand_over = hand_over.clone();
            may::go!(coroutine::Builder::new().id(number), move || {
                let worker = number % may::config().get_workers();
                for _ in 0..20 {
                    move_to_worker_of(worker as RawFd);
                    let waiter = Waiter::current();
                    assert!(matches!(waiter, Waiter::OnWorker(..)));
                    hand_over.send(waiter.clone()).unwrap();
                    waiter.wait();
                    assert_eq!(current(), worker);
                }
            })
            .unwrap()
        })
        .collect();
    drop(hand_over);
    for waiter in waiters {
        waiter.join().unwrap();
    }
    waker.join().unwrap();
}

#[test]
fn files_get_the_descriptor_of_a_worker() {
    let workers = may::config().get_workers();
    for worker in 0..workers {
        assert_eq!(move_descriptor(event().unwrap().into(), worker).as_raw_fd() as usize % workers, worker);
    }
    let file = OwnedFd::from(event().unwrap());
    let descriptor = file.as_raw_fd();
    assert_eq!(move_descriptor(file, usize::MAX).as_raw_fd(), descriptor);
}

#[test]
fn a_waker_ends_a_wait_from_anywhere_and_it_goes_on_where_it_began() {
    start().unwrap();
    let workers = may::config().get_workers();
    let (hand_over, wakers) = std::sync::mpsc::channel::<IoWaker>();
    let thread = std::thread::spawn(move || wakers.iter().for_each(|waker| waker.wake()));
    let waiters: Vec<_> = (0..200_usize)
        .map(|number| {
            let hand_over = hand_over.clone();
            may::go!(move || {
                move_to_worker_of(number as RawFd);
                let silent = Registered::new(move_descriptor(event().unwrap().into(), number % workers)).unwrap();
                move_to_worker_of(silent.as_raw_fd());
                let worker = current();
                // What the event loop says first: that it can be written.
                silent.wait_io();
                let waker = IoWaker::new(&*silent);
                for _ in 0..20 {
                    hand_over.send(waker.clone()).unwrap();
                    silent.wait_io();
                    assert_eq!(current(), worker);
                }
                // By the worker itself, ahead of the wait.
                waker.wake();
                silent.wait_io();
            })
        })
        .collect();
    drop(hand_over);
    for waiter in waiters {
        waiter.join().unwrap();
    }
    thread.join().unwrap();
}

#[test]
fn the_fuzzed_loop_is_built_with_the_same_may_as_the_shipped_one() {
    let line = |manifest: &str| manifest.lines().find(|line| line.starts_with("may = ")).unwrap().to_owned();
    assert_eq!(line(include_str!("../../Cargo.toml")), line(include_str!("../../fuzz/Cargo.toml")));
}

#[test]
fn the_rule_of_this_may_holds_and_a_broken_one_is_said_in_one_sentence() {
    let workers = may::config().get_workers();
    assert_eq!(open(workers, worker_of).unwrap().len(), workers);
    // With one worker every rule holds.
    if workers > 1 {
        let shifted: Rule = |descriptor, workers| (descriptor as usize + 1) % workers;
        let error = open(workers, shifted).map(|queues| queues.len()).unwrap_err().to_string();
        assert!(error.starts_with("the coroutine library may watches descriptor ") && error.contains("docs/may.md"));
        assert!(!error.contains('\n'), "{error}");
    }
}
