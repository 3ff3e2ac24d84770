//! The pool with real threads and coroutines.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;

fn pool(threads: usize, queue: usize, queue_timeout: Duration) -> Arc<Pool> {
    Arc::new(Pool::start(PoolConfig { name: "test", threads, queue, queue_timeout, timeout: None }).unwrap())
}

/// A pool of one thread that is busy until the sender is dropped.
fn blocked(queue: usize, queue_timeout: Duration) -> (Arc<Pool>, mpsc::Sender<()>, std::thread::JoinHandle<()>) {
    let pool = pool(1, queue, queue_timeout);
    let (release, wait) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel();
    let busy = pool.clone();
    let holder = std::thread::spawn(move || {
        let job = move || {
            started.send(()).unwrap();
            let _ = wait.recv();
        };
        busy.run(job, || false).unwrap();
    });
    has_started.recv().unwrap();
    (pool, release, holder)
}

#[test]
fn gives_the_result_to_threads_and_to_coroutines() {
    let pool = pool(2, 10, Duration::from_secs(10));
    assert_eq!(pool.run(|| 6 * 7, || false).unwrap().value, 42);
    let inside = pool.clone();
    let value = may::go!(move || inside.run(|| 6 * 7, || false).unwrap().value).join().unwrap();
    assert_eq!(value, 42);
    assert_eq!(pool.reading().completed_total, 2);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let (pool, release, holder) = blocked(1, Duration::from_secs(10));
    let waiting = pool.clone();
    let second = std::thread::spawn(move || waiting.run(|| 2, || false).unwrap().value);
    while pool.reading().queued == 0 {
        std::thread::yield_now();
    }
    assert_eq!(pool.run(|| 3, || false).unwrap_err(), Refused::Full);
    let reading = pool.reading();
    assert_eq!((reading.active, reading.queued, reading.rejected_total, reading.saturated), (1, 1, 1, true));
    drop(release);
    assert_eq!(second.join().unwrap(), 2);
    holder.join().unwrap();
    assert!(pool.reading().saturated_seconds_total > 0.0);
}

#[test]
fn jobs_that_nobody_waits_for_are_dropped_unrun() {
    let (pool, release, holder) = blocked(10, Duration::from_secs(10));
    let ran = Arc::new(AtomicBool::new(false));
    let (waiting, seen) = (pool.clone(), ran.clone());
    let second =
        std::thread::spawn(move || waiting.run(move || seen.store(true, Ordering::SeqCst), || true).unwrap_err());
    while pool.reading().queued == 0 {
        std::thread::yield_now();
    }
    std::thread::sleep(2 * job::SURELY_AWAITED);
    drop(release);
    assert_eq!(second.join().unwrap(), Refused::Abandoned);
    holder.join().unwrap();
    assert!(!ran.load(Ordering::SeqCst));
}

#[test]
fn jobs_that_waited_too_long_expire() {
    let (pool, release, holder) = blocked(10, Duration::from_secs(1));
    let waiting = pool.clone();
    let second = std::thread::spawn(move || waiting.run(|| (), || false).unwrap_err());
    while pool.reading().queued == 0 {
        std::thread::yield_now();
    }
    std::thread::sleep(Duration::from_millis(1_200));
    drop(release);
    assert_eq!(second.join().unwrap(), Refused::Expired);
    holder.join().unwrap();
    assert_eq!(pool.reading().expired_total, 1);
}

#[test]
fn who_waits_longer_than_the_timeout_is_told_and_the_pool_goes_on() {
    let timeout = Duration::from_millis(100);
    let config = PoolConfig { name: "test", threads: 1, queue: 10, queue_timeout: timeout, timeout: Some(timeout) };
    let pool = Arc::new(Pool::start(config).unwrap());
    crate::worker::start().unwrap();
    let (release, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let asked = Instant::now();
    let slow = pool.clone();
    let running = may::go!(move || slow.run(move || lock(&wait).recv().is_err(), || false).map(|_| ()));
    while pool.reading().active == 0 {
        std::thread::yield_now();
    }
    // One that waits for the thread, and one in a thread of its own.
    assert_eq!(pool.run(|| (), || false).map(|_| ()), Err(Refused::TimedOut));
    assert_eq!(running.join().unwrap(), Err(Refused::TimedOut));
    assert!(asked.elapsed() >= timeout);
    drop(release);
    while pool.run(|| 1, || false).map(|done| done.value) != Ok(1) {}
    let reading = pool.reading();
    assert_eq!((reading.active, reading.queued), (0, 0));
}

#[test]
fn a_panicking_job_costs_no_thread() {
    let pool = pool(1, 10, Duration::from_secs(10));
    for _ in 0..3 {
        assert_eq!(pool.run(|| panic!("on purpose"), || false).unwrap_err(), Refused::Panicked);
    }
    assert_eq!(pool.run(|| 1, || false).unwrap().value, 1);
}

#[test]
fn every_job_runs_once() {
    let pool = pool(4, 100_000, Duration::from_secs(60));
    let sum = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> = (0..500)
        .map(|number| {
            let (pool, sum) = (pool.clone(), sum.clone());
            may::go!(move || pool.run(move || sum.fetch_add(number, Ordering::SeqCst), || false).is_ok())
        })
        .collect();
    assert!(handles.into_iter().all(|handle| handle.join().unwrap()));
    assert_eq!(sum.load(Ordering::SeqCst), 499 * 500 / 2);
    assert_eq!(pool.reading().completed_total, 500);
}

/// Answers numbers with themselves, and notes how many it was asked at once. Panics at 13.
struct Echo {
    most: usize,
    sizes: Arc<Mutex<Vec<usize>>>,
}

impl Batch for Echo {
    type Question = usize;
    type Answer = usize;

    fn most(&self) -> usize {
        self.most
    }

    fn answer(&self, questions: Vec<usize>) -> Vec<usize> {
        lock(&self.sizes).push(questions.len());
        assert!(!questions.contains(&13), "on purpose");
        questions
    }
}

type Sizes = Arc<Mutex<Vec<usize>>>;

/// A pool of one thread that answers up to four questions at once, and is busy until the sender is dropped.
fn blocked_echo(queue_timeout: Duration) -> (Pool<Echo>, Sizes, mpsc::Sender<()>) {
    let sizes = Sizes::default();
    let config = PoolConfig { name: "test", threads: 1, queue: 100, queue_timeout, timeout: None };
    let pool = Pool::start_with(config, Echo { most: 4, sizes: sizes.clone() }).unwrap();
    let (release, wait) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel();
    let job = move || {
        started.send(()).unwrap();
        let _ = wait.recv();
    };
    drop(pool.start_job(job, Arc::new(|| false)).unwrap());
    has_started.recv().unwrap();
    (pool, sizes, release)
}

fn ask(pool: &Pool<Echo>, question: usize) -> Pending<usize> {
    pool.start_asking(question, Arc::new(|| false)).unwrap()
}

#[test]
fn questions_that_wait_are_answered_together_and_never_past_a_job() {
    let (pool, sizes, release) = blocked_echo(Duration::from_secs(30));
    let mut pending: Vec<_> = (0..6).map(|number| ask(&pool, number)).collect();
    let job = pool.start_job(|| (), Arc::new(|| false)).unwrap();
    pending.extend((6..8).map(|number| ask(&pool, number)));
    assert_eq!(pool.reading().queued, 9);
    drop(release);
    job.wait().unwrap();
    let answers: Vec<_> = pending.into_iter().map(|one| one.wait().unwrap().value).collect();
    assert_eq!(answers, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(*lock(&sizes), [4, 2, 2]);
    let reading = pool.reading();
    assert_eq!((reading.completed_total, reading.active, reading.peak_active, reading.queued), (10, 0, 1, 0));
    assert_eq!(reading.queue_waits.count, 10);
    // Nothing waits: alone, and at once.
    assert_eq!(ask(&pool, 9).wait().unwrap().value, 9);
    assert_eq!(lock(&sizes).last(), Some(&1));
}

#[test]
fn a_panic_or_a_refusal_among_questions_is_told_to_those_it_concerns() {
    let (pool, sizes, release) = blocked_echo(Duration::from_secs(30));
    let gone = pool.start_asking(1, Arc::new(|| true)).unwrap();
    let others = [ask(&pool, 2), ask(&pool, 3), ask(&pool, 4)];
    let together = [ask(&pool, 12), ask(&pool, 13)];
    std::thread::sleep(2 * job::SURELY_AWAITED);
    drop(release);
    assert_eq!(gone.wait().map(|done| done.value), Err(Refused::Abandoned));
    assert_eq!(others.map(|one| one.wait().unwrap().value), [2, 3, 4]);
    assert_eq!(together.map(|one| one.wait().map(|done| done.value)), [Err(Refused::Panicked); 2]);
    assert_eq!(*lock(&sizes), [3, 2]);
    let reading = pool.reading();
    assert_eq!((reading.completed_total, reading.expired_total), (6, 1));
}

#[test]
fn every_question_of_many_askers_gets_its_own_answer() {
    crate::worker::start().unwrap();
    let config =
        PoolConfig { name: "test", threads: 4, queue: 100_000, queue_timeout: Duration::from_secs(60), timeout: None };
    let pool = Arc::new(Pool::start_with(config, Echo { most: 4, sizes: Sizes::default() }).unwrap());
    let asker = |first: usize| {
        let pool = pool.clone();
        may::go!(move || (0..200).all(|step| {
            let number = 1_000 * first + step + 100;
            ask(&pool, number).wait().is_ok_and(|done| done.value == number)
        }))
    };
    let askers: Vec<_> = (0..50).map(asker).collect();
    assert!(askers.into_iter().all(|asker| asker.join().unwrap()));
    assert_eq!(pool.reading().completed_total, 50 * 200);
}

#[test]
fn several_pools_work_for_one_caller_at_once_and_no_waking_is_lost() {
    let pools: Arc<Vec<_>> = Arc::new((0..3).map(|_| pool(1, 100, Duration::from_secs(30))).collect());
    let (tell, told) = mpsc::channel();
    for _ in 0..50 {
        let (pools, tell) = (pools.clone(), tell.clone());
        may::go!(move || {
            // The last to end is waited for first.
            let jobs = [5, 2, 0].map(|millis| move || std::thread::sleep(Duration::from_millis(millis)));
            let pending: Vec<_> =
                pools.iter().zip(jobs).map(|(pool, job)| pool.start_job(job, Arc::new(|| false))).collect();
            tell.send(pending.into_iter().all(|one| one.is_ok_and(|one| one.wait().is_ok()))).unwrap();
        });
    }
    for _ in 0..50 {
        assert!(told.recv_timeout(Duration::from_secs(30)).unwrap());
    }
}
