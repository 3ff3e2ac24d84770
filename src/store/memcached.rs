//! `memcached://`: sessions in memcached, by its text protocol (protocol.txt of memcached, sections "Storage commands" and
//! "Increment/Decrement"). It may forget anything at any time, so it holds no rows.
//!
//! What a cache keeps is a key of its own. A session is two keys: `counter:KEY`, which the server counts up in one step, and `user:KEY`, where somebody is logged in.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::client::{Client, Failure, Item, Lookup, Session, SessionKey, left};
use super::sqlite::unix_seconds;
use super::target::Remote;

/// Longest line that is read: the server's own are far shorter.
const LONGEST_LINE: u64 = 2_048;
/// Longest value that is read: what memcached itself takes by default.
const LONGEST_VALUE: usize = 1024 * 1024;
/// Lifetimes from here on are read as a point in time (protocol.txt, "Expiration times"): 30 days.
const LONGEST_LIFETIME: Duration = Duration::from_secs(60 * 60 * 24 * 30);

const NO_ROWS: Failure =
    Failure::Unsupported("hold rows: it may forget them; it is for sessions (--sessions memcached://HOST:PORT)");

/// A connection to a server.
pub struct Memcached {
    stream: BufReader<TcpStream>,
}

impl Memcached {
    /// Connects and asks for a sign of life; `timeout` bounds the wait.
    pub fn connect(remote: &Remote, timeout: Duration) -> Result<Self, Failure> {
        let by = Instant::now() + timeout;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in remote.address().to_socket_addrs().map_err(failure)? {
            match TcpStream::connect_timeout(&address, left(by)) {
                Ok(stream) => {
                    stream.set_nodelay(true).map_err(failure)?;
                    let mut client = Self { stream: BufReader::new(stream) };
                    client.ping(by)?;
                    return Ok(client);
                }
                Err(error) => last = error,
            }
        }
        Err(failure(last))
    }

    /// Sends commands in one packet.
    fn send(&mut self, commands: &[u8], by: Instant) -> Result<(), Failure> {
        let stream = self.stream.get_mut();
        stream.set_write_timeout(Some(left(by))).map_err(failure)?;
        stream.set_read_timeout(Some(left(by))).map_err(failure)?;
        stream.write_all(commands).map_err(failure)
    }

    /// The next line of the answer, without its end.
    fn line(&mut self) -> Result<String, Failure> {
        let mut line = Vec::new();
        let read = self.stream.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(failure)?;
        if read == 0 {
            return Err(Failure::Lost("the server closed the connection".into()));
        }
        let text = line.strip_suffix(b"\r\n").ok_or_else(|| Failure::Lost("a line without an end".into()))?;
        let text = String::from_utf8_lossy(text).into_owned();
        match text.split(' ').next() {
            // What follows such a line cannot be told for sure.
            Some("ERROR" | "CLIENT_ERROR") => Err(Failure::Lost(text)),
            Some("SERVER_ERROR") => Err(Failure::Lost(text)),
            _ => Ok(text),
        }
    }

    /// A line that must be one of these words.
    fn word(&mut self, words: &[&str]) -> Result<String, Failure> {
        let line = self.line()?;
        if words.contains(&&*line) { Ok(line) } else { Err(Failure::Lost(format!("an unexpected answer: {line}"))) }
    }

    /// The answer to `get KEY`.
    fn value(&mut self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let line = self.line()?;
        if line == "END" {
            return Ok(None);
        }
        let rest = line.strip_prefix("VALUE ").and_then(|rest| rest.strip_prefix(key));
        let length = rest.and_then(|rest| rest.split(' ').nth(2)?.parse::<usize>().ok());
        let length = length.filter(|length| *length <= LONGEST_VALUE);
        let length = length.ok_or_else(|| Failure::Lost("an answer that is no value".into()))?;
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes).map_err(failure)?;
        bytes.truncate(length);
        self.word(&["END"])?;
        Ok(Some(bytes))
    }
}

fn failure(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Failure::TimedOut,
        _ => Failure::Lost(error.to_string()),
    }
}

/// A lifetime as the protocol has it: seconds, or a point in time; never 0, which is "for ever".
fn expiry(lifetime: Duration) -> i64 {
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX).max(1);
    if lifetime < LONGEST_LIFETIME { seconds } else { unix_seconds().saturating_add(seconds) }
}

impl Client for Memcached {
    fn ping(&mut self, by: Instant) -> Result<(), Failure> {
        self.send(b"version\r\n", by)?;
        let line = self.line()?;
        if line.starts_with("VERSION ") { Ok(()) } else { Err(Failure::Lost("this is not memcached".into())) }
    }

    fn get(&mut self, _id: u64, _by: Instant) -> Result<Option<Item>, Failure> {
        Err(NO_ROWS)
    }

    fn put(&mut self, _id: u64, _value: &str, _by: Instant) -> Result<Option<u64>, Failure> {
        Err(NO_ROWS)
    }

    fn by_tag(&mut self, _tag: u64, _lookup: Lookup, _by: Instant) -> Result<Vec<Item>, Failure> {
        Err(NO_ROWS)
    }

    fn create_session(
        &mut self,
        key: &SessionKey,
        session: &Session,
        lifetime: Duration,
        by: Instant,
    ) -> Result<(), Failure> {
        let (key, expiry) = (key.as_str(), expiry(lifetime));
        let counter = session.counter.to_string();
        let mut commands = format!("set counter:{key} 0 {expiry} {}\r\n{counter}\r\n", counter.len());
        if let Some(user) = &session.user {
            commands += &format!("set user:{key} 0 {expiry} {}\r\n{user}\r\n", user.len());
        }
        self.send(commands.as_bytes(), by)?;
        self.word(&["STORED"])?;
        if session.user.is_some() {
            self.word(&["STORED"])?;
        }
        Ok(())
    }

    fn next_of_session(&mut self, key: &SessionKey, by: Instant) -> Result<Option<Session>, Failure> {
        let key = key.as_str();
        // Both in one packet: a second round trip would double the time.
        self.send(format!("incr counter:{key} 1\r\nget user:{key}\r\n").as_bytes(), by)?;
        let counter = self.line()?;
        let user = self.value(&format!("user:{key}"))?.map(|user| String::from_utf8_lossy(&user).into_owned());
        if counter == "NOT_FOUND" {
            return Ok(None);
        }
        let counter = counter.trim_end().parse().map_err(|_| Failure::Lost("a counter that is no number".into()))?;
        Ok(Some(Session { counter, user }))
    }

    fn delete_session(&mut self, key: &SessionKey, by: Instant) -> Result<(), Failure> {
        let key = key.as_str();
        // The user first: a session without its user is nobody's.
        self.send(format!("delete user:{key}\r\ndelete counter:{key}\r\n").as_bytes(), by)?;
        self.word(&["DELETED", "NOT_FOUND"])?;
        self.word(&["DELETED", "NOT_FOUND"]).map(drop)
    }

    fn kept(&mut self, name: &str, by: Instant) -> Result<Option<Vec<u8>>, Failure> {
        self.send(format!("get {name}\r\n").as_bytes(), by)?;
        self.value(name)
    }

    fn keep(&mut self, name: &str, bytes: &[u8], lifetime: Duration, by: Instant) -> Result<(), Failure> {
        if bytes.len() > LONGEST_VALUE {
            return Err(Failure::Unsupported("keep more than a megabyte under one name"));
        }
        // Whole seconds, rounded up: what is kept says itself when it is over.
        let expiry = expiry(lifetime + Duration::from_secs(1));
        let mut command = format!("set {name} 0 {expiry} {}\r\n", bytes.len()).into_bytes();
        command.extend_from_slice(bytes);
        command.extend_from_slice(b"\r\n");
        self.send(&command, by)?;
        self.word(&["STORED"]).map(drop)
    }

    fn forget(&mut self, names: &[String], by: Instant) -> Result<(), Failure> {
        let commands: Vec<String> = names.iter().map(|name| format!("delete {name}\r\n")).collect();
        self.send(commands.concat().as_bytes(), by)?;
        names.iter().try_for_each(|_| self.word(&["DELETED", "NOT_FOUND"]).map(drop))
    }

    fn create_schema(&mut self, _by: Instant) -> Result<(), Failure> {
        Err(NO_ROWS)
    }

    fn add_rows(&mut self, _ids: &[u64], _by: Instant) -> Result<(), Failure> {
        Err(NO_ROWS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_never_for_ever_and_long_ones_are_points_in_time() {
        assert_eq!(expiry(Duration::ZERO), 1);
        assert_eq!(expiry(Duration::from_secs(3_600)), 3_600);
        assert!(expiry(LONGEST_LIFETIME) > 1_700_000_000);
    }
}
