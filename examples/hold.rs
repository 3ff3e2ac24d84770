//! Holds many connections to one address, for the figures on memory of `scripts/perf.sh`.
//!
//! Usage: hold HOST:PORT COUNT idle|slow|sleep:SECONDS
//!
//! `idle` sends one request and keeps the connection; `slow` sends half a head and a byte of it now and then;
//! `sleep:S` asks all connections for `/sleep?seg=S` at once and says how late the answers were. Prints `held` when all
//! connections stand, and ends with the answers or at the end of its standard input.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
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
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")?;
            read_answer(stream)?;
        } else {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nX: ")?;
        }
    }
    println!("held");
    if what == "slow" {
        // Ends with its standard input, as the other kinds do; the process ends with it.
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                streams.retain_mut(|stream| stream.write_all(b"x").is_ok());
            }
        });
        std::io::stdin().lock().lines().count();
        return Ok(());
    }
    std::io::stdin().lock().lines().count();
    Ok(())
}

/// Reads an answer to the end of its head; its body is shorter than a segment.
fn read_answer(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 1024];
    match stream.read(&mut buffer)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Asks on all connections, then notes when each answer came: a coroutine a connection.
fn sleepers(streams: Vec<TcpStream>, seconds: &str) -> Result<(), Box<dyn Error>> {
    let asked: f64 = seconds.parse()?;
    may::config().set_workers(1).set_worker_pin(false);
    let waiting: Vec<_> = streams
        .into_iter()
        .map(|stream| {
            let target = format!("GET /sleep?seg={seconds} HTTP/1.1\r\nHost: a\r\n\r\n");
            let stream = may::io::CoIo::new(stream).map_err(|error| error.to_string());
            may::go!(move || -> Result<f64, String> {
                let mut stream = stream?;
                let start = Instant::now();
                stream.write_all(target.as_bytes()).map_err(|error| error.to_string())?;
                let mut line = String::new();
                BufReader::with_capacity(512, &mut stream).read_line(&mut line).map_err(|error| error.to_string())?;
                if !line.contains(" 200 ") {
                    return Err(line);
                }
                Ok(start.elapsed().as_secs_f64())
            })
        })
        .collect();
    println!("held");
    let mut late: Vec<f64> = Vec::new();
    for answer in waiting {
        let took = answer.join().map_err(|_| "a coroutine panicked")??;
        late.push((took - asked) * 1_000.0);
    }
    late.sort_by(f64::total_cmp);
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
    println!("{:.1} {:.1} {:.1}", at(0.5), at(0.99), at(1.0));
    Ok(())
}
