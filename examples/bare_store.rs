//! Reads rows from a store in a plain loop on some threads, nothing else: what the benchmarks (`scripts/perf/store.sh`) take
//! the client of a store by itself to reach.
//!
//! Usage: bare_store URL THREADS SECONDS ROWS; prints reads a second.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use webapp::store::{Target, connect};

const USAGE: &str = "usage: bare_store URL THREADS SECONDS ROWS";
const TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, threads, seconds, rows] = arguments.as_slice() else { return Err(USAGE.into()) };
    let target: Target = url.parse()?;
    let (threads, rows): (u64, u64) = (threads.parse()?, rows.parse()?);
    let time = Duration::from_secs_f64(seconds.parse()?);
    let (stop, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    let read = |seed: u64| {
        let mut client = connect(&target, TIMEOUT).map_err(|failure| format!("{failure:?}"))?;
        let mut random = fastrand::Rng::with_seed(seed);
        let mut own = 0;
        while !stop.load(Ordering::Relaxed) {
            let row =
                client.get(random.u64(0..rows), Instant::now() + TIMEOUT).map_err(|failure| format!("{failure:?}"))?;
            own += u64::from(row.is_some());
        }
        reads.fetch_add(own, Ordering::Relaxed);
        Ok::<(), String>(())
    };
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..threads).map(|seed| scope.spawn(move || read(seed))).collect();
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        readers.into_iter().try_for_each(|reader| reader.join().map_err(|_| "a reader panicked".to_owned())?)
    })?;
    println!("{:.0}", reads.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64());
    Ok(())
}
