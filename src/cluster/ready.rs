//! Whether something answers over HTTP.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::http::blocking;
use crate::http::url::Url;

/// For an answer, or for a connection.
const LIMIT: Duration = Duration::from_secs(1);

/// The status code of `GET http://address/path`, if one comes within a second. `address` is HOST:PORT.
pub fn status(address: &str, path: &str) -> Option<u16> {
    status_within(address, path, LIMIT)
}

/// The same with another limit for the answer.
pub fn status_within(address: &str, path: &str, limit: Duration) -> Option<u16> {
    let url = Url::parse(&format!("http://{address}{path}")).ok()?;
    blocking::status(&url, limit).ok()
}

/// Whether `/readyz` there is answered with 2xx.
pub fn is_ready(address: &str) -> bool {
    status(address, "/readyz").is_some_and(|status| (200..300).contains(&status))
}

/// A connection to HOST:PORT, if there comes one in time.
pub fn connect(address: &str) -> Option<TcpStream> {
    address.to_socket_addrs().ok()?.find_map(|address| TcpStream::connect_timeout(&address, LIMIT).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_answer_is_not_ready() {
        assert_eq!(status("127.0.0.1:1", "/"), None);
        assert!(!is_ready("nowhere.invalid:80"));
    }
}
