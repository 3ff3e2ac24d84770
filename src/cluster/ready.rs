//! Whether something answers over HTTP.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// For each of connect, write and read.
const LIMIT: Duration = Duration::from_secs(1);

/// The status code of `GET http://address/path`, if one comes within a second. `address` is HOST:PORT.
pub fn status(address: &str, path: &str) -> Option<u16> {
    status_within(address, path, LIMIT)
}

/// The same with another limit for the answer.
pub fn status_within(address: &str, path: &str, limit: Duration) -> Option<u16> {
    let mut stream = connect(address)?;
    stream.set_read_timeout(Some(limit)).ok()?;
    stream.set_write_timeout(Some(limit)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut line = Vec::new();
    BufReader::new(std::io::Read::take(stream, 1024)).read_until(b'\n', &mut line).ok()?;
    status_of(&line)
}

/// Whether `/readyz` there is answered with 2xx.
pub fn is_ready(address: &str) -> bool {
    status(address, "/readyz").is_some_and(|status| (200..300).contains(&status))
}

/// A connection to HOST:PORT, if there comes one in time.
pub fn connect(address: &str) -> Option<TcpStream> {
    address.to_socket_addrs().ok()?.find_map(|address| TcpStream::connect_timeout(&address, LIMIT).ok())
}

fn status_of(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        assert_eq!(status_of(b"HTTP/1.1 200 OK\r\n"), Some(200));
        assert_eq!(status_of(b"HTTP/1.0 503\r\n"), Some(503));
        for line in [&b""[..], b"HTTP/2 200", b"HTTP/1.1 2", b"SSH-2.0", b"HTTP/1.1 abc"] {
            assert_eq!(status_of(line), None);
        }
    }

    #[test]
    fn who_does_not_answer_is_not_ready() {
        assert_eq!(status("127.0.0.1:1", "/"), None);
        assert!(!is_ready("nowhere.invalid:80"));
    }
}
