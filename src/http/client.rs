//! A small HTTP/1.1 client for coroutines: one request on a connection of its own, bounded in time and in size. It follows
//! no redirect. `blocking` is the same for threads; the load generator has its own, which measures.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use may::net::TcpStream;

use super::outgoing::{AnswerCollector, ClientError, OutgoingRequest, WholeAnswer};
use super::url::Origin;
use crate::worker::{self, IoWaker};
use crate::{connect, sleep};

/// Read in pieces of this size: coroutine stacks are small, so the piece lives on the heap.
const PIECE_BYTES: usize = 16 * 1024;

/// Sends a request to `origin` at `address`, and reads the whole answer, of at most `max_body_bytes` of body, within
/// `timeout` from now. To be called in a coroutine, which waits; the address is given, for looking up a name would block.
///
/// # Errors
/// [`ClientError`]; a status of 4xx or 5xx is an answer, not an error.
pub fn send(
    address: SocketAddr,
    origin: &Origin,
    request: &OutgoingRequest<'_>,
    timeout: Duration,
    max_body_bytes: usize,
) -> Result<WholeAnswer, ClientError> {
    let deadline = Instant::now() + timeout;
    let stream = connect::begin(address)?;
    sleep::wake_at(deadline, IoWaker::new(&stream))?;
    while !connect::is_open(&stream)? {
        wait(&stream, deadline)?;
    }
    let bytes = request.bytes(origin);
    let mut unsent = &bytes[..];
    while !unsent.is_empty() {
        let count = once_ready(&stream, deadline, || stream.inner().write(unsent))?;
        unsent = &unsent[count..];
    }
    let mut collector = AnswerCollector::new(request, max_body_bytes);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = once_ready(&stream, deadline, || stream.inner().read(&mut piece))?;
        if let Some(answer) = collector.take(&piece[..count])? {
            return Ok(answer);
        }
    }
}

/// Tries until the socket is ready for it.
fn once_ready<T>(
    stream: &TcpStream,
    deadline: Instant,
    mut attempt: impl FnMut() -> std::io::Result<T>,
) -> Result<T, ClientError> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait(stream, deadline)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return Ok(result?),
        }
    }
}

/// Waits for an event of the socket, or for the deadline.
fn wait(stream: &TcpStream, deadline: Instant) -> Result<(), ClientError> {
    if Instant::now() >= deadline {
        return Err(ClientError::TimedOut);
    }
    worker::wait(stream);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Answers one connection with these bytes, then holds it open or closes it.
    fn server(bytes: &'static [u8], hold: bool) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap();
            assert!(request[..count].starts_with(b"GET /stats HTTP/1.1\r\nHost: x\r\n"));
            let _ = stream.write_all(bytes);
            if hold {
                std::thread::sleep(Duration::from_secs(3));
            }
        });
        address
    }

    fn ask(address: SocketAddr, timeout: Duration) -> Result<(u16, Vec<u8>), ClientError> {
        let origin = Origin::parse("http://x").unwrap();
        let handle = may::go!(move || send(address, &origin, &OutgoingRequest::get("/stats"), timeout, 64));
        handle.join().unwrap().map(|answer| (answer.status, answer.body))
    }

    #[test]
    fn answers_and_failures() {
        let long = Duration::from_secs(20);
        let ok = |status, body: &[u8]| Ok((status, body.to_vec()));
        for (bytes, expected) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"[..], ok(200, b"{}")),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}rest", ok(200, b"{}")),
            (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", ok(503, b"")),
            (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", ok(200, b"until the end")),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}", Err(ClientError::Malformed)),
            (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}", Err(ClientError::Malformed)),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n{}", Err(ClientError::TooLarge)),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", ok(200, b"x")),
            (b"SSH-2.0-OpenSSH\r\n", Err(ClientError::Malformed)),
            (b"", Err(ClientError::Malformed)),
        ] {
            let address = server(bytes, false);
            assert_eq!(ask(address, long), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn endless_bodies_and_heads_are_cut_off() {
        let body: &'static [u8] =
            Box::leak([&b"HTTP/1.1 200 OK\r\n\r\n"[..], &[b'x'; 200_000]].concat().into_boxed_slice());
        assert_eq!(ask(server(body, true), Duration::from_secs(20)), Err(ClientError::TooLarge));
        let head: &'static [u8] =
            Box::leak([&b"HTTP/1.1 200 OK\r\nX: "[..], &[b'x'; 200_000]].concat().into_boxed_slice());
        assert!(matches!(
            ask(server(head, true), Duration::from_secs(20)),
            Err(ClientError::Malformed | ClientError::TooLarge)
        ));
    }

    #[test]
    fn silence_and_nobody() {
        assert_eq!(ask(server(b"HTTP/1.1 200 OK\r\n", true), Duration::from_millis(200)), Err(ClientError::TimedOut));
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(ask(closed, Duration::from_secs(20)), Err(ClientError::Refused));
    }

    #[test]
    fn a_listener_whose_queue_is_full() {
        use socket2::{Domain, Socket, Type};

        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let _taken: Vec<_> = (0..4).map(|_| connect::begin(address).unwrap()).collect();
        let start = Instant::now();
        assert_eq!(ask(address, Duration::from_millis(200)), Err(ClientError::TimedOut));
        assert!(start.elapsed() >= Duration::from_millis(200));
    }
}
