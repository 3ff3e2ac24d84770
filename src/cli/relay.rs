//! `webapp relay`: far places without far machines.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, ensure};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::process::{self, LogLevel};
use super::{Exit, units};
use crate::relay::{self, Distance};

/// The longest way: to the Moon and back takes less.
const LONGEST: Duration = Duration::from_secs(10);

/// Pass TCP connections on as if the target were far away: hold every byte for the time of one way, in both directions.
///
/// Opening a connection costs a round trip as well: what the client sends first waits for it. At most 1,024 connections at once, and
/// 256 KiB under way in each direction of one. When it ends, it says on stderr how exact the delay was.
///
/// Example: webapp relay --to 127.0.0.1:8080 --delay 40ms --listen 127.0.0.1:9000
#[derive(clap::Args)]
pub struct Args {
    /// Where the connections go, HOST:PORT.
    #[arg(long, env = "WEBAPP_RELAY_TO", value_name = "ADDRESS", value_parser = address)]
    to: SocketAddr,
    /// Where clients connect; port 0 takes a free one, which is printed.
    #[arg(long, env = "WEBAPP_RELAY_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = address)]
    listen: SocketAddr,
    /// One way; a round trip takes twice that.
    #[arg(long, env = "WEBAPP_RELAY_DELAY", value_name = "DURATION", value_parser = delay)]
    delay: Duration,
    /// What all connections together get through, each way, such as 100mbit [default: everything that comes].
    #[arg(long, env = "WEBAPP_RELAY_RATE", value_name = "RATE", value_parser = rate)]
    rate: Option<u64>,
}

/// Parses a time of one way.
pub fn delay(text: &str) -> Result<Duration, String> {
    let delay = units::duration(text)?;
    if delay > LONGEST {
        return Err(format!("{text} is longer than any way on Earth; at most 10s"));
    }
    Ok(delay)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| format!("'{text}' is not an address; write HOST:PORT, for instance 127.0.0.1:8080"))
}

/// Parses bits a second, in the words of tc(8): `100mbit`.
fn rate(text: &str) -> Result<u64, String> {
    let factors = [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1000)];
    let parse = |(unit, factor): (&str, u64)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(factor).filter(|rate| *rate > 0)
    };
    let found = factors.into_iter().find_map(parse);
    found.ok_or_else(|| format!("'{text}' is not a rate; write for instance 100mbit, 512kbit or 1gbit"))
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    process::start_log(LogLevel::Info);
    let (stop, told) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM] {
        signal_hook::low_level::pipe::register(signal, told.try_clone()?).context("cannot watch for signals")?;
    }
    let listener = TcpListener::bind(args.listen).with_context(|| format!("cannot listen on {}", args.listen))?;
    let listens = listener.local_addr()?;
    ensure!(
        listens != args.to,
        "a relay to its own address would never arrive; give --to and --listen different ports"
    );
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on {listens}").and_then(|()| out.flush()).context("cannot write to stdout")?;
    drop(out);
    let outcome = relay::run(listener, Distance { to: args.to, delay: args.delay, rate: args.rate }, stop)?;
    let milliseconds = |duration: Duration| format!("{:.2}", 1000.0 * duration.as_secs_f64());
    eprintln!(
        "{} connections; {} chunks were held for {} ms, and {} ms longer on average, {} ms at most",
        outcome.connections,
        outcome.chunks,
        milliseconds(args.delay),
        milliseconds(outcome.mean_late()),
        milliseconds(outcome.latest)
    );
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_delays_as_people_type_them() {
        for (text, bits) in [("100mbit", 100_000_000), ("512kbit", 512_000), ("1gbit", 1_000_000_000)] {
            assert_eq!(rate(text), Ok(bits));
        }
        for text in ["", "100", "0mbit", "-1mbit", "fast", "99999999999999999999gbit", "18446744073709551615gbit"] {
            assert!(rate(text).unwrap_err().contains("100mbit"), "{text}");
        }
        assert_eq!(delay("40ms"), Ok(Duration::from_millis(40)));
        assert!(delay("11s").is_err() && address("nowhere").is_err() && address("127.0.0.1:80").is_ok());
    }
}
