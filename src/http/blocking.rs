//! One blocking GET over plain HTTP, for the `/stats` of a node. Small on purpose: no redirect, no compression.

use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};

/// More than any `/stats`.
const LONGEST: u64 = 1 << 20;

/// Why there is no body.
#[derive(Debug)]
pub enum Failure {
    /// A whole answer with another status than 200.
    Answered(u16),
    /// No whole answer.
    Silent(anyhow::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(status) => write!(formatter, "answered {status}"),
            Self::Silent(error) => write!(formatter, "{error:#}"),
        }
    }
}

impl std::error::Error for Failure {}

/// The body of `GET base/path`, when it is answered with 200 within `timeout` (for each of connect, write and read).
///
/// # Errors
/// When the address is no plain HTTP address, or does not answer so.
pub fn get(base: &str, path: &str, timeout: Duration) -> Result<Vec<u8>, Failure> {
    let answer = ask(base, path, timeout).map_err(Failure::Silent)?;
    body(answer)
}

fn ask(base: &str, path: &str, timeout: Duration) -> anyhow::Result<Vec<u8>> {
    let authority = base
        .strip_prefix("http://")
        .with_context(|| format!("'{base}' is no http:// address"))?
        .split('/')
        .next()
        .unwrap_or_default();
    let host = if authority.rsplit(']').next().is_some_and(|rest| rest.contains(':')) {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let address = host.to_socket_addrs()?.next().with_context(|| format!("{host} has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nAccept: application/json, */*;q=0.1\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    Ok(answer)
}

fn body(answer: Vec<u8>) -> Result<Vec<u8>, Failure> {
    match whole(answer) {
        Ok((200, body)) => Ok(body),
        Ok((status, _)) => Err(Failure::Answered(status)),
        Err(error) => Err(Failure::Silent(error)),
    }
}

/// Status and body of a whole answer.
fn whole(mut answer: Vec<u8>) -> anyhow::Result<(u16, Vec<u8>)> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut fields);
    let start = match head.parse(&answer)? {
        httparse::Status::Complete(start) => start,
        httparse::Status::Partial => bail!("the answer ended within its head"),
    };
    let status = head.code.ok_or_else(|| anyhow!("the answer has no status"))?;
    let field = |name: &str| head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    ensure!(field("transfer-encoding").is_none(), "answered in chunks");
    if let Some(length) = field("content-length") {
        let length: usize = std::str::from_utf8(length.value)?.trim().parse()?;
        ensure!(answer.len() - start >= length, "the answer ended within its body");
        answer.truncate(start + length);
    }
    answer.drain(..start);
    Ok((status, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        let text = |answer: &str| body(answer.as_bytes().to_vec()).map(|body| String::from_utf8(body).unwrap());
        assert_eq!(text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}rest").unwrap(), "{}");
        assert_eq!(text("HTTP/1.1 200 OK\r\n\r\n{}").unwrap(), "{}");
        for answer in ["", "HTTP/1.1 200 OK\r\nConte", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "what"] {
            assert!(matches!(text(answer), Err(Failure::Silent(_))), "{answer}");
        }
        assert!(matches!(text("HTTP/1.0 404 No\r\n\r\nno"), Err(Failure::Answered(404))));
    }

    #[test]
    fn addresses_it_cannot_ask() {
        let timeout = Duration::from_millis(200);
        assert!(get("https://127.0.0.1:1", "/stats", timeout).is_err());
        assert!(get("http://127.0.0.1:1", "/stats", timeout).is_err());
    }
}
