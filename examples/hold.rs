//! Holds many connections to one address, for the figures on memory of `scripts/perf.sh`.
//!
//! Usage: hold HOST:PORT COUNT idle|slow|sleep:SECONDS
//!
//! `idle` sends one request and keeps the connection; `slow` sends half a head, then a byte of it a second;
//! `sleep:S` asks on all connections for `/sleep?seg=S` at once and says how late the answers were: p50, p99 and the latest,
//! ms. Prints `held` when all connections stand, and ends with the answers or at the end of its standard input.

use std::error::Error;
use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: hold HOST:PORT COUNT idle|slow|sleep:SECONDS";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, count, what] = arguments.as_slice() else { return Err(USAGE.into()) };
    let count: usize = count.parse()?;
    webapp::kernel::limits::raise_open_files()?;
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        streams.push(TcpStream::connect(address)?);
    }
    if let Some(seconds) = what.strip_prefix("sleep:") {
        return sleepers(streams, seconds);
    }
    for stream in &mut streams {
        if what == "idle" {
            stream.write_all(b"GET /whoami HTTP/1.1\r\nHost: a\r\n\r\n")?;
            read_answer(stream)?;
        } else {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nX: ")?;
        }
    }
    println!("held");
    if what == "slow" {
        // Ends with its standard input, as the other kinds do; the process ends with it.
        std::thread::spawn(move || {
            // A byte a second each, evenly: clients that know nothing of each other.
            let pace = Duration::from_secs(1) / count.max(1) as u32;
            for stream in streams.iter().cycle() {
                let mut stream = stream;
                // A client that was cut off has nothing more to send.
                let _ = stream.write_all(b"x");
                std::thread::sleep(pace);
            }
        });
        std::io::stdin().lock().lines().count();
        return Ok(());
    }
    std::io::stdin().lock().lines().count();
    Ok(())
}

/// Reads an answer, which must be a 200; it is shorter than a segment.
fn read_answer(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 1024];
    let count = stream.read(&mut buffer)?;
    if buffer[..count].starts_with(b"HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(std::io::Error::other(format!("no 200: {}", String::from_utf8_lossy(&buffer[..count]))))
    }
}

/// Asks on all connections, then reads the answers in the order of the questions, by which an answer can only be made out
/// later than it was. No connection ends before the last answer, so that what is timed is the answers alone.
fn sleepers(mut streams: Vec<TcpStream>, seconds: &str) -> Result<(), Box<dyn Error>> {
    let asked: f64 = seconds.parse()?;
    let request = format!("GET /sleep?seg={seconds} HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut sent = Vec::with_capacity(streams.len());
    for stream in &mut streams {
        sent.push(Instant::now());
        stream.write_all(request.as_bytes())?;
    }
    println!("held");
    let mut late = Vec::with_capacity(streams.len());
    for (stream, sent) in streams.iter_mut().zip(sent) {
        read_answer(stream)?;
        late.push((sent.elapsed().as_secs_f64() - asked) * 1_000.0);
    }
    late.sort_by(f64::total_cmp);
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
    println!("{:.1} {:.1} {:.1}", at(0.5), at(0.99), at(1.0));
    Ok(())
}
