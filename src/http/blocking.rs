//! A small HTTP/1.1 client that blocks its thread: one request on a connection of its own, bounded in time and in size.
//! It follows no redirect. `client` is the same for coroutines; the load generator has its own, which measures.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::answer::AnswerReader;
use super::answer_framing::AnswerFields;
use super::outgoing::{AnswerCollector, ClientError, OutgoingRequest, WholeAnswer};
use super::request::Method;
use super::url::{Origin, Url};

/// Longest body that [`get`] reads, bytes: more than any `/stats`.
pub const MAX_BODY_BYTES: usize = 1 << 20;

const PIECE_BYTES: usize = 16 * 1024;

/// The body of `GET base/path`, when it is answered with 200 within `timeout`. `base` is an address such as
/// `http://127.0.0.1:3000`; its own path is not used.
///
/// # Errors
/// [`ClientError`], also for another status than 200.
pub fn get(base: &str, path: &str, timeout: Duration) -> Result<Vec<u8>, ClientError> {
    let origin = Url::parse(base)?.origin;
    let answer = send(&origin, &OutgoingRequest::get(path), timeout, MAX_BODY_BYTES)?;
    if answer.status == 200 { Ok(answer.body) } else { Err(ClientError::Status(answer.status)) }
}

/// The status of the answer to `GET url`, within `timeout`. Its body is not waited for.
///
/// # Errors
/// [`ClientError`]; a status of 3xx, 4xx or 5xx is not an error here.
pub fn status(url: &Url, timeout: Duration) -> Result<u16, ClientError> {
    let request = OutgoingRequest::get(&url.path);
    let mut collector = AnswerCollector::new(&request, usize::MAX);
    exchange(&url.origin, &request, timeout, |bytes| {
        let answer = collector.take(bytes)?;
        Ok(answer.map(|answer| answer.status).or(collector.status()))
    })
}

/// The second that the answer to `HEAD url` names in its `Date`, seconds since 1970; `None` without one. Any status will do.
///
/// # Errors
/// [`ClientError`].
pub fn date(url: &Url, timeout: Duration) -> Result<Option<u64>, ClientError> {
    let request = OutgoingRequest { method: Method::Head, ..OutgoingRequest::get(&url.path) };
    let mut reader: AnswerReader<DateField> = AnswerReader::default();
    reader.start(true);
    exchange(&url.origin, &request, timeout, |bytes| {
        if bytes.is_empty() {
            return Err(ClientError::Malformed);
        }
        reader.take(bytes, &mut |_| {}).map_err(|_| ClientError::Malformed)?;
        Ok(reader.is_done().then(|| reader.fields().0))
    })
}

/// `Date` (RFC 9110, section 6.6.1).
#[derive(Default)]
struct DateField(Option<u64>);

impl AnswerFields for DateField {
    fn clear(&mut self) {
        self.0 = None;
    }

    fn read(&mut self, name: &str, value: &[u8]) {
        if name.eq_ignore_ascii_case("date") {
            let time = std::str::from_utf8(value).ok().and_then(|text| httpdate::parse_http_date(text.trim()).ok());
            self.0 = time.and_then(|time| Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs()));
        }
    }
}

/// Sends a request, and reads the whole answer, of at most `max_body_bytes` of body, within `timeout` from now. Of several
/// addresses of the host, the first that takes a connection is asked. Looking up the name is not bounded by `timeout`, but by
/// the resolver's own limits.
///
/// # Errors
/// [`ClientError`]; a status of 4xx or 5xx is an answer, not an error.
pub fn send(
    origin: &Origin,
    request: &OutgoingRequest<'_>,
    timeout: Duration,
    max_body_bytes: usize,
) -> Result<WholeAnswer, ClientError> {
    let mut collector = AnswerCollector::new(request, max_body_bytes);
    exchange(origin, request, timeout, |bytes| collector.take(bytes))
}

/// Sends a request, and hands what comes to `take` until it has enough.
fn exchange<T>(
    origin: &Origin,
    request: &OutgoingRequest<'_>,
    timeout: Duration,
    mut take: impl FnMut(&[u8]) -> Result<Option<T>, ClientError>,
) -> Result<T, ClientError> {
    let addresses = (origin.host(), origin.port()).to_socket_addrs().map_err(|_| ClientError::Unresolved)?;
    let deadline = Instant::now() + timeout;
    let mut stream = connect(addresses, deadline)?;
    let bytes = request.bytes(origin);
    let mut unsent = &bytes[..];
    while !unsent.is_empty() {
        stream.set_write_timeout(Some(left(deadline)?))?;
        match stream.write(unsent) {
            Ok(count) => unsent = &unsent[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut piece) {
            Ok(count) => {
                if let Some(enough) = take(&piece[..count])? {
                    return Ok(enough);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Connects to the first of the addresses that lets it.
fn connect(addresses: impl Iterator<Item = SocketAddr>, deadline: Instant) -> Result<TcpStream, ClientError> {
    let mut error = ClientError::Unresolved;
    for address in addresses {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(failed) => error = failed.into(),
        }
    }
    Err(error)
}

/// The time that is left.
fn left(deadline: Instant) -> Result<Duration, ClientError> {
    // A timeout of zero would mean none.
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ClientError::TimedOut) } else { Ok(left.max(Duration::from_millis(1))) }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// Answers one connection with these bytes, some time apart, then closes it.
    fn server(pieces: &'static [&'static str], pause: Duration) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/unused", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]);
            for piece in pieces {
                let _ = stream.write_all(piece.as_bytes());
                std::thread::sleep(pause);
            }
        });
        url
    }

    #[test]
    fn a_body_comes_with_200_alone() {
        let ok = server(&["HTTP/1.1 200 OK\r\nContent-Len", "gth: 2\r\n\r\n{", "}"], Duration::from_millis(5));
        assert_eq!(get(&ok, "/stats", LONG), Ok(b"{}".to_vec()));
        let busy = server(&["HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"], Duration::ZERO);
        assert_eq!(get(&busy, "/stats", LONG), Err(ClientError::Status(503)));
        let moved = server(&["HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"], Duration::ZERO);
        assert_eq!(status(&Url::parse(&moved).unwrap(), LONG), Ok(302));
        let dated = server(&["HTTP/1.1 404 No\r\nDate: Thu, 26 Nov 2026 10:12:38 GMT\r\n\r\n"], Duration::ZERO);
        assert_eq!(date(&Url::parse(&dated).unwrap(), LONG), Ok(Some(1_795_687_958)));
        let undated = server(&["HTTP/1.1 200 OK\r\nDate: today\r\n\r\n"], Duration::ZERO);
        assert_eq!(date(&Url::parse(&undated).unwrap(), LONG), Ok(None));
    }

    #[test]
    fn addresses_it_cannot_ask() {
        let timeout = Duration::from_millis(200);
        assert!(matches!(get("https://127.0.0.1:1", "/stats", timeout), Err(ClientError::Url(_))));
        assert_eq!(get("http://127.0.0.1:1", "/stats", timeout), Err(ClientError::Refused));
        assert_eq!(get("http://nowhere.invalid", "/stats", timeout), Err(ClientError::Unresolved));
    }

    #[test]
    fn the_time_is_for_the_whole_answer_not_for_each_of_its_bytes() {
        let drip = server(&["HTTP/1.1 200 OK\r\n", "A: b\r\n", "A: b\r\n", "A: b\r\n"], Duration::from_millis(150));
        let start = Instant::now();
        assert_eq!(get(&drip, "/stats", Duration::from_millis(300)), Err(ClientError::TimedOut));
        assert!(start.elapsed() >= Duration::from_millis(300));
    }

    #[test]
    fn an_endless_body_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while stream.write_all(&[b'x'; 65_536]).is_ok() {}
        });
        assert_eq!(get(&url, "/stats", LONG), Err(ClientError::TooLarge));
    }
}
