//! `webapp healthcheck`: probes need no curl.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::{Exit, units};

/// Exit 0 when the address answers 2xx in time, else 1 with the reason on stderr.
///
/// Example: webapp healthcheck http://127.0.0.1:3000/readyz
#[derive(clap::Args)]
pub struct Args {
    /// The address, http only.
    url: String,
    /// Longest wait for the answer.
    #[arg(long, env = "WEBAPP_HEALTHCHECK_TIMEOUT", value_name = "DURATION", default_value = "2s", value_parser = units::duration)]
    timeout: Duration,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let rest = args.url.strip_prefix("http://").context("the address must start with http://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    if authority.is_empty() || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("'{}' is no address; write for instance http://127.0.0.1:3000/readyz", args.url);
    }
    let host = if authority.rsplit(']').next().is_some_and(|end| end.contains(':')) {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let status = ask(&host, authority, path, args.timeout).with_context(|| format!("no answer from {}", args.url))?;
    if !(200..300).contains(&status) {
        bail!("{} answers {status}", args.url);
    }
    Ok(Exit::Done)
}

/// The status code of the answer to one GET.
fn ask(host: &str, authority: &str, path: &str, timeout: Duration) -> anyhow::Result<u16> {
    let end = Instant::now() + timeout;
    let left = || Some(end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)));
    let address = host.to_socket_addrs()?.next().context("the name has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_write_timeout(left())?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")?;
    let mut line = Vec::new();
    while !line.contains(&b'\n') && line.len() < 256 {
        if Instant::now() >= end {
            bail!("not within {timeout:?}");
        }
        stream.set_read_timeout(left())?;
        let mut part = [0; 64];
        match stream.read(&mut part)? {
            0 => break,
            count => line.extend_from_slice(&part[..count]),
        }
    }
    let line = String::from_utf8_lossy(&line);
    let code = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).and_then(|code| code.get(..3));
    code.and_then(|code| code.parse().ok()).context("the answer is not HTTP")
}
