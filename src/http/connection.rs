//! One connection: read, parse, call the service, write; until one side has had enough.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use may::io::WaitIo;
use may::net::TcpStream;

use super::body::{BodyError, Framing};
use super::buffers::{self, Buffers};
use super::control::{Control, Phase, Registry};
use super::head::{self, BodyLength, Head};
use super::{Method, Peer, Problem, Reply, Request, Response, Service};

/// Events after which the socket must be read to its end: an edge is reported once.
const HANGUP: usize = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as usize;
/// Bodies from this size on are written from where they lie instead of being copied, bytes.
const COPY_LIMIT: usize = 16 * 1024;
/// What a client may still send after it was refused before the connection is cut, bytes.
const LINGER_LIMIT: usize = 1024 * 1024;

/// Serves a connection to its end.
pub(super) fn serve<S: Service>(
    stream: TcpStream,
    address: SocketAddr,
    service: &S,
    registry: &Registry,
    fixed: &[u8],
) {
    let control = registry.add(stream.as_raw_fd());
    // Any error of the socket means that the client is gone; there is nobody to tell.
    let _ = Connection::new(&stream, address, &control, registry, fixed).run(service);
    registry.remove(&control);
}

/// Answers 503 to a connection over the limit and closes it.
pub(super) fn refuse(stream: TcpStream, address: SocketAddr, registry: &Registry, fixed: &[u8]) {
    let problem = Problem::new(503, format!("all {} connections are taken", registry.limits.max_connections))
        .header("Retry-After", "1");
    let control = registry.add(stream.as_raw_fd());
    let _ = Connection::new(&stream, address, &control, registry, fixed).refuse(problem);
    registry.remove(&control);
}

struct Connection<'c> {
    stream: &'c TcpStream,
    control: &'c Control,
    registry: &'c Registry,
    fixed: &'c [u8],
    peer: Peer,
    /// Held only while there are bytes in them.
    buffers: Option<Box<Buffers>>,
    phase: Phase,
    /// How much of the unused input is known to hold no complete head.
    parsed: usize,
    /// Whether the socket may have something to read.
    ready: bool,
    /// Whether the client has closed its side: what is left must be read to the end.
    hangup: bool,
    /// Answers in the output buffer.
    unwritten: usize,
}

/// What a parsed head asks of the connection.
struct Exchange {
    reply: Reply,
    body: BodyLength,
    expects_continue: bool,
    keep_alive: bool,
    head_only: bool,
    old: bool,
    length: usize,
}

#[derive(PartialEq, Eq)]
enum Input {
    Data,
    End,
}

impl<'c> Connection<'c> {
    fn new(
        stream: &'c TcpStream,
        address: SocketAddr,
        control: &'c Control,
        registry: &'c Registry,
        fixed: &'c [u8],
    ) -> Connection<'c> {
        let peer = Peer { address, fd: stream.as_raw_fd() };
        let phase = Phase::Fresh;
        Connection {
            stream,
            control,
            registry,
            fixed,
            peer,
            buffers: None,
            phase,
            parsed: 0,
            ready: true,
            hangup: false,
            unwritten: 0,
        }
    }

    fn run<S: Service>(&mut self, service: &S) -> io::Result<()> {
        loop {
            let exchange = match self.next(service) {
                Ok(Some(exchange)) => exchange,
                Ok(None) => {
                    if self.wait_for_head()? == Input::End {
                        return self.end_of_input();
                    }
                    continue;
                }
                Err(problem) => return self.refuse(problem),
            };
            let in_flight = &self.registry.counters.in_flight;
            in_flight.fetch_add(1, Ordering::Relaxed);
            let outcome = self.exchange(exchange);
            in_flight.fetch_sub(1, Ordering::Relaxed);
            match outcome? {
                Ok(true) => {}
                Ok(false) => {
                    self.flush()?;
                    return if self.unused().is_empty() { Ok(()) } else { self.linger() };
                }
                Err(problem) => return self.refuse(problem),
            }
        }
    }

    /// Parses the next head and asks the service; `None` when more bytes are needed.
    fn next<S: Service>(&mut self, service: &S) -> Result<Option<Exchange>, Problem> {
        let limits = &self.registry.limits;
        let Some(buffers) = self.buffers.as_deref_mut() else { return Ok(None) };
        // Empty lines before a request are dropped (RFC 9112, section 2.2).
        let blank = buffers.input.unused().iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if blank > 0 {
            buffers.input.consume(blank);
            self.parsed = self.parsed.saturating_sub(blank);
        }
        let input = buffers.input.unused();
        // A head cannot have ended without a further line end: slow senders do not cost a parse a byte.
        if memchr(b'\n', &input[self.parsed.min(input.len())..]).is_none() {
            self.parsed = input.len();
            return if input.len() > limits.max_target_bytes && memchr(b'\n', input).is_none() {
                Err(Problem::new(414, format!("the request line is longer than {} bytes", limits.max_target_bytes)))
            } else {
                check_size(input.len(), limits.max_head_bytes)
            };
        }
        let counters = &self.registry.counters;
        let peer = self.peer.address;
        let outcome = head::parse(input, |head, fields| {
            if head.target.len() > limits.max_target_bytes {
                return Err(Problem::new(
                    414,
                    format!("the request target is longer than {} bytes", limits.max_target_bytes),
                ));
            }
            let Some(method) = Method::parse(head.method) else {
                return Err(Problem::new(501, "this server does not know that request method"));
            };
            let request = Request { method, path: head.path, query: head.query, headers: fields, peer };
            let reply = catch_unwind(AssertUnwindSafe(|| service.call(&request))).unwrap_or_else(|_| {
                counters.panics_total.fetch_add(1, Ordering::Relaxed);
                Reply::Now(Problem::new(500, "the handler of this address failed; the log says where").into())
            });
            Ok(Exchange::new(&head, method, reply))
        });
        match outcome {
            Ok(Some(Ok(exchange))) => Ok(Some(exchange)),
            Ok(Some(Err(problem))) => Err(problem),
            Ok(None) => {
                self.parsed = input.len();
                check_size(input.len(), limits.max_head_bytes)
            }
            Err(error) => Err(error.problem()),
        }
    }

    /// Reads the body, makes the answer, writes it; whether the connection lives on.
    fn exchange(&mut self, exchange: Exchange) -> io::Result<Result<bool, Problem>> {
        let Exchange { reply, body, expects_continue, mut keep_alive, head_only, old, length } = exchange;
        self.consume(length);
        self.parsed = 0;
        self.enter(Phase::Answer);
        if body != BodyLength::Known(0) {
            let refused = matches!(&reply, Reply::Now(response) if response.status >= 400);
            if expects_continue && refused {
                keep_alive = false;
            } else if let Err(problem) = self.read_body(body, expects_continue)? {
                return Ok(Err(problem));
            }
        }
        let response = match reply {
            Reply::Now(response) => response,
            Reply::Later(work) => {
                self.flush()?;
                self.release();
                let peer = self.peer;
                catch_unwind(AssertUnwindSafe(|| work(&peer))).unwrap_or_else(|_| {
                    self.registry.counters.panics_total.fetch_add(1, Ordering::Relaxed);
                    Problem::new(500, "the handler of this address failed; the log says where").into()
                })
            }
        };
        keep_alive &= !response.close && !self.registry.is_draining() && !self.control.is_expired();
        self.write(&response, head_only, keep_alive, old)?;
        Ok(Ok(keep_alive))
    }

    fn write(&mut self, response: &Response, head_only: bool, keep_alive: bool, old: bool) -> io::Result<()> {
        let buffers = self.buffers.get_or_insert_with(buffers::take);
        response.write_head(self.fixed, !keep_alive, keep_alive && old, &mut buffers.output);
        self.unwritten += 1;
        if response.sends_body(head_only) {
            match response.body.bytes() {
                Some(bytes) if bytes.len() < COPY_LIMIT => buffers.output.extend_from_slice(bytes),
                Some(bytes) => {
                    self.flush()?;
                    self.write_all(bytes)?;
                }
                None => {
                    self.flush()?;
                    self.write_filler(response.body.len())?;
                }
            }
        }
        let full = self.buffers.as_ref().is_some_and(|buffers| buffers.output.len() >= COPY_LIMIT);
        if full || self.unwritten >= self.registry.limits.max_pipeline {
            self.flush()?;
            // A client that sends without end must not keep the worker to itself.
            may::coroutine::yield_now();
        }
        Ok(())
    }

    fn write_filler(&mut self, length: u64) -> io::Result<()> {
        static FILLER: [u8; 64 * 1024] = [b'x'; 64 * 1024];
        let mut left = length;
        while left > 0 {
            let part = left.min(FILLER.len() as u64);
            self.write_all(&FILLER[..part as usize])?;
            left -= part;
        }
        Ok(())
    }

    /// Reads a body to its end and drops it.
    fn read_body(&mut self, length: BodyLength, expects_continue: bool) -> io::Result<Result<(), Problem>> {
        let mut framing = match Framing::new(length, self.registry.limits.max_body_bytes) {
            Ok(framing) => framing,
            Err(error) => return Ok(Err(self.body_problem(error))),
        };
        if expects_continue && self.unused().is_empty() {
            self.flush()?;
            self.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        self.enter(Phase::Body);
        loop {
            match framing.take(self.unused()) {
                Ok(used) => self.consume(used),
                Err(error) => return Ok(Err(self.body_problem(error))),
            }
            if framing.is_done() {
                self.enter(Phase::Answer);
                return Ok(Ok(()));
            }
            self.flush()?;
            if self.read()? == Input::End {
                let timeout = self.control.is_expired();
                let problem = if timeout {
                    Problem::new(408, "the request body did not arrive in time")
                } else {
                    Problem::new(400, "the request body ended early")
                };
                return Ok(Err(problem));
            }
        }
    }

    fn body_problem(&self, error: BodyError) -> Problem {
        match error {
            BodyError::Malformed => Problem::new(400, "the chunked body is malformed"),
            BodyError::TooLarge => Problem::new(
                413,
                format!("the request body is larger than {} bytes", self.registry.limits.max_body_bytes),
            ),
        }
    }

    /// Writes what is due and waits for more of a head.
    fn wait_for_head(&mut self) -> io::Result<Input> {
        self.flush()?;
        if self.unused().is_empty() {
            self.release();
            if self.phase != Phase::Fresh {
                self.enter(Phase::Idle);
                if self.registry.is_draining() {
                    return Ok(Input::End);
                }
            }
        } else if self.phase != Phase::Head {
            self.enter(Phase::Head);
        }
        self.read()
    }

    /// The client sends no more: what is left of a request is refused, else the connection just ends.
    fn end_of_input(&mut self) -> io::Result<()> {
        if self.unused().is_empty() {
            return Ok(());
        }
        if self.control.is_expired() {
            return self.refuse(Problem::new(408, "the request head did not arrive in time"));
        }
        self.refuse(Problem::new(400, "the request ended inside its head"))
    }

    /// Sends a refusal; the stream cannot be trusted any more, so the connection ends.
    fn refuse(&mut self, problem: Problem) -> io::Result<()> {
        let response = Response::from(problem).closing();
        self.write(&response, false, false, false)?;
        self.flush()?;
        self.linger()
    }

    /// Closes without a reset, which could destroy the answer on its way: says that no more comes,
    /// then reads what the client still sends, bounded in time and size.
    fn linger(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        self.enter(Phase::Linger);
        let mut read = 0;
        while read < LINGER_LIMIT {
            if let Some(buffers) = self.buffers.as_deref_mut() {
                buffers.input.clear();
            }
            if self.read()? == Input::End {
                break;
            }
            read += self.unused().len();
        }
        Ok(())
    }

    fn unused(&self) -> &[u8] {
        self.buffers.as_deref().map_or(&[], |buffers| buffers.input.unused())
    }

    fn consume(&mut self, count: usize) {
        if let Some(buffers) = self.buffers.as_deref_mut() {
            buffers.input.consume(count);
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.registry.enter(self.control, phase);
    }

    /// Gives the buffers back when nothing is left in them.
    fn release(&mut self) {
        if self.unused().is_empty() && self.buffers.as_deref().is_none_or(|buffers| buffers.output.is_empty()) {
            self.parsed = 0;
            if let Some(buffers) = self.buffers.take() {
                buffers::give(buffers);
            }
        }
    }

    /// Reads once, waiting if need be; holds no buffer while it waits with nothing in it.
    fn read(&mut self) -> io::Result<Input> {
        loop {
            if !self.ready {
                self.wait();
            }
            let buffers = self.buffers.get_or_insert_with(buffers::take);
            let room = buffers.input.room(self.registry.limits.max_head_bytes);
            let size = room.len();
            match self.stream.inner().read(room) {
                Ok(0) => return Ok(Input::End),
                Ok(count) => {
                    buffers.input.filled(count);
                    // Fewer bytes than asked for: the socket is empty, unless its end is behind them.
                    self.ready = count == size || self.hangup;
                    return Ok(Input::Data);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready = false;
                    self.release();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for an event of the socket.
    fn wait(&mut self) {
        let events = self.stream.wait_io();
        self.hangup |= events & HANGUP != 0;
        self.ready = true;
    }

    /// Writes the output buffer.
    fn flush(&mut self) -> io::Result<()> {
        self.unwritten = 0;
        let Some(mut buffers) = self.buffers.take() else { return Ok(()) };
        let result = if buffers.output.is_empty() { Ok(()) } else { self.write_all(&buffers.output) };
        buffers.output.clear();
        self.buffers = Some(buffers);
        result
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let phase = self.phase;
        let mut stuck = false;
        while !bytes.is_empty() {
            match self.stream.inner().write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    bytes = &bytes[count..];
                    stuck = false;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Only progress sets a new deadline; a client that sends instead of reading does not.
                    if !stuck {
                        self.enter(Phase::Write);
                        stuck = true;
                    }
                    self.wait();
                    if self.control.is_expired() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.phase == Phase::Write {
            self.enter(phase);
        }
        Ok(())
    }
}

impl Exchange {
    fn new(head: &Head<'_>, method: Method, reply: Reply) -> Exchange {
        Exchange {
            reply,
            body: head.body,
            expects_continue: head.expects_continue,
            keep_alive: head.keep_alive,
            head_only: method == Method::Head,
            old: head.minor == 0,
            length: head.length,
        }
    }
}

fn check_size(length: usize, limit: usize) -> Result<Option<Exchange>, Problem> {
    if length < limit {
        return Ok(None);
    }
    Err(Problem::new(431, format!("the request head is longer than {limit} bytes")))
}

fn memchr(byte: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|other| *other == byte)
}
