//! The bare loop that `scripts/perf.sh` compares `/fib` with: the same function on threads of their own, nothing else.
//!
//! Usage: bare_fib NUMBER THREADS SECONDS
//!
//! Prints how many times a second all threads together came to the result.

use std::error::Error;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [number, threads, seconds] = arguments[..] else { return Err("usage: bare_fib NUMBER THREADS SECONDS".into()) };
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let rate = move || {
        let mut count = 0.0;
        while Instant::now() < end {
            std::hint::black_box(webapp::app::fib(number));
            count += 1.0;
        }
        // Up to the last result, so that half a computation is not counted as none.
        count / start.elapsed().as_secs_f64()
    };
    let running: Vec<_> = (0..threads).map(|_| std::thread::spawn(rate)).collect();
    let mut sum = 0.0;
    for thread in running {
        sum += thread.join().map_err(|_| "a thread panicked")?;
    }
    println!("{sum:.3}");
    Ok(())
}
