//! One connection: read, parse, call the service, write; until one side has had enough.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use may::net::TcpStream;
use memchr::memchr;

use super::body::{BodyError, BodyReader};
use super::control::{ConnectionPhase, Limits, Registry};
use super::head::{self, BodyLength, Head};
use super::peer::Peer;
use super::problem::Problem;
use super::request::{Method, Request};
use super::response::Response;
use super::service::{Reply, Service};
use super::socket::{BufferedSocket, ReadOutcome};

/// Bodies from this size on are written from where they lie instead of being copied, bytes.
const COPY_LIMIT: usize = 16 * 1024;
/// What an answer counts for in a connection's turn beside the bytes it moves: 64 answers are a turn.
const ANSWER_COST: usize = 4 * 1024;

/// Serves a connection to its end.
pub(super) fn serve<S: Service>(
    stream: TcpStream,
    address: SocketAddr,
    service: &S,
    registry: &Registry,
    fixed: &[u8],
) {
    // Leaves the registry before the stream is closed: locals go before arguments.
    let registration = registry.add(stream.as_raw_fd());
    let socket = BufferedSocket::new(&stream, &registration, registry.limits.max_head_bytes);
    // Any error of the socket means that the client is gone; there is nobody to tell.
    let _ = Connection::new(socket, Peer::new(address, registration.control().clone()), registry, fixed).run(service);
}

/// Answers 503 to a connection over the limit and closes it.
pub(super) fn refuse(stream: TcpStream, address: SocketAddr, registry: &Registry, fixed: &[u8]) {
    let problem = Problem::new(503, format!("all {} connections are taken", registry.limits.max_connections))
        .header("Retry-After", "1");
    let registration = registry.add(stream.as_raw_fd());
    let socket = BufferedSocket::new(&stream, &registration, registry.limits.max_head_bytes);
    let _ =
        Connection::new(socket, Peer::new(address, registration.control().clone()), registry, fixed).refuse(problem);
}

struct Connection<'c> {
    socket: BufferedSocket<'c>,
    registry: &'c Registry,
    fixed: &'c [u8],
    peer: Peer,
    /// How much of the unused input is known to hold no complete head.
    parsed: usize,
    /// Whether the client has said that it sends no more, or was told so.
    ended: bool,
    /// Whether the request at hand is a HEAD, whose answer has no body.
    head_only: bool,
    /// Answers in the output buffer.
    unwritten: usize,
}

/// What a parsed head asks of the connection.
struct PendingAnswer {
    reply: Reply,
    body: BodyLength,
    expects_continue: bool,
    keep_alive: bool,
    old: bool,
    length: usize,
}

impl<'c> Connection<'c> {
    fn new(socket: BufferedSocket<'c>, peer: Peer, registry: &'c Registry, fixed: &'c [u8]) -> Connection<'c> {
        Connection { socket, registry, fixed, peer, parsed: 0, ended: false, head_only: false, unwritten: 0 }
    }

    fn run<S: Service>(&mut self, service: &S) -> io::Result<()> {
        loop {
            let exchange = match self.next(service) {
                Ok(Some(exchange)) => exchange,
                Ok(None) if self.ended => return self.flush(),
                Ok(None) => {
                    self.ended = self.wait_for_head()? == ReadOutcome::End;
                    continue;
                }
                Err(problem) => return self.refuse(problem),
            };
            let nothing_follows = !exchange.keep_alive && exchange.body == BodyLength::Known(0);
            let in_flight = &self.registry.counters.in_flight;
            in_flight.fetch_add(1, Ordering::Relaxed);
            let outcome = self.exchange(exchange);
            in_flight.fetch_sub(1, Ordering::Relaxed);
            match outcome? {
                Ok(true) => {}
                Ok(false) => {
                    self.flush()?;
                    return if nothing_follows && self.socket.unused().is_empty() {
                        Ok(())
                    } else {
                        self.socket.linger()
                    };
                }
                Err(problem) => return self.refuse(problem),
            }
        }
    }

    /// Parses the next head and asks the service; `None` when more bytes are needed.
    fn next<S: Service>(&mut self, service: &S) -> Result<Option<PendingAnswer>, Problem> {
        let blank = empty_lines(self.socket.unused());
        if blank > 0 {
            self.socket.consume(blank);
            self.parsed = 0;
        }
        let limits = &self.registry.limits;
        let Some((input, fields)) = self.socket.head() else { return Ok(None) };
        self.head_only = input.starts_with(b"HEAD ");
        if input.len() > limits.max_line_bytes {
            check_line(&input[..memchr(b'\n', input).unwrap_or(input.len())], limits)?;
        }
        let fresh = &input[self.parsed..];
        let line_ended = fresh.ends_with(b"\n") || memchr(b'\n', fresh).is_some();
        // A head cannot have ended without a further line end: slow senders do not cost a parse a byte. A last look,
        // when no more can come, is for the right refusal: it must not depend on how the bytes arrived.
        let available = input.len();
        let full = available >= limits.max_head_bytes;
        if !line_ended && !full && !self.ended {
            self.parsed = available;
            return Ok(None);
        }
        let counters = &self.registry.counters;
        let peer = self.peer.address;
        let outcome = head::parse(input, fields, |head, fields| {
            let Some(method) = Method::parse(head.method) else {
                return Err(Problem::new(501, "this server does not know that request method"));
            };
            let request = Request { method, path: head.path, query: head.query, headers: fields, peer };
            let reply = catch_unwind(AssertUnwindSafe(|| service.call(&request)));
            Ok(PendingAnswer::new(&head, reply.unwrap_or_else(|_| Reply::Now(counters.panicked()))))
        });
        match outcome {
            Ok(Some(exchange)) => exchange.map(Some),
            Err(error) => Err(error.problem()),
            Ok(None) if full => {
                Err(Problem::new(431, format!("the request head is longer than {} bytes", limits.max_head_bytes)))
            }
            Ok(None) if self.ended && self.socket.is_expired() => {
                Err(Problem::new(408, "the request head did not arrive in time"))
            }
            Ok(None) if self.ended => Err(Problem::new(400, "the request ended inside its head")),
            Ok(None) => {
                self.parsed = available;
                Ok(None)
            }
        }
    }

    /// Reads the body, makes the answer, writes it; whether the connection lives on.
    ///
    /// Never inlined: its locals would lie on the stack below a handler that runs in [`Self::next`], and a connection's
    /// stack would take a page more.
    #[inline(never)]
    fn exchange(&mut self, exchange: PendingAnswer) -> io::Result<Result<bool, Problem>> {
        let PendingAnswer { reply, body, expects_continue, mut keep_alive, old, length } = exchange;
        self.socket.consume(length);
        self.parsed = 0;
        self.socket.enter(ConnectionPhase::Answer);
        let mut content = Vec::new();
        if body != BodyLength::Known(0) {
            let refused = matches!(&reply, Reply::Now(response) if response.status >= 400);
            if expects_continue && refused {
                keep_alive = false;
            } else {
                let kept = match &reply {
                    Reply::WithBody { limit, .. } => Some((*limit, &mut content)),
                    Reply::Now(_) | Reply::Later(_) => None,
                };
                if let Err(problem) = self.read_body(body, expects_continue, kept)? {
                    return Ok(Err(problem));
                }
            }
        }
        let response = match reply {
            Reply::Now(response) => response,
            Reply::Later(work) => self.wait_for_answer(work)?,
            Reply::WithBody { work, .. } => self.wait_for_answer(move |peer: &Peer| work(content, peer))?,
        };
        keep_alive &= !response.close && !self.registry.is_draining() && !self.socket.is_expired();
        self.write(&response, keep_alive, old)?;
        Ok(Ok(keep_alive))
    }

    /// Runs a continuation, with every answer that was due before it written and the buffers given back.
    fn wait_for_answer(&mut self, work: impl FnOnce(&Peer) -> Response) -> io::Result<Response> {
        self.flush()?;
        self.socket.release();
        let peer = &self.peer;
        let answer = catch_unwind(AssertUnwindSafe(|| work(peer)));
        if self.socket.client_has_left() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(answer.unwrap_or_else(|_| self.registry.counters.panicked()))
    }

    fn write(&mut self, response: &Response, keep_alive: bool, old: bool) -> io::Result<()> {
        let output = self.socket.output();
        response.write_head(self.fixed, !keep_alive, keep_alive && old, output);
        self.unwritten += 1;
        if response.sends_body(self.head_only) {
            match response.body.bytes() {
                Some(bytes) if bytes.len() < COPY_LIMIT => output.extend_from_slice(bytes),
                Some(bytes) => {
                    self.flush()?;
                    self.socket.write_all(bytes)?;
                }
                None => {
                    self.flush()?;
                    self.socket.write_filler(response.body.len())?;
                }
            }
        }
        if self.socket.output().len() >= COPY_LIMIT || self.unwritten >= self.registry.limits.max_pipeline {
            self.flush()?;
        }
        self.socket.spend(ANSWER_COST);
        Ok(())
    }

    /// Writes the answers that are due.
    fn flush(&mut self) -> io::Result<()> {
        self.unwritten = 0;
        self.socket.flush()
    }

    /// Reads a body to its end. It is kept where `kept` names a limit for it and where to put it, else dropped.
    fn read_body(
        &mut self,
        length: BodyLength,
        expects_continue: bool,
        mut kept: Option<(u64, &mut Vec<u8>)>,
    ) -> io::Result<Result<(), Problem>> {
        let most = self.registry.limits.max_body_bytes;
        let most = kept.as_ref().map_or(most, |(limit, _)| most.min(*limit));
        let mut framing = match BodyReader::new(length, most) {
            Ok(framing) => framing,
            Err(error) => return Ok(Err(body_problem(error, most))),
        };
        if expects_continue && self.socket.unused().is_empty() {
            self.flush()?;
            self.socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        self.socket.enter(ConnectionPhase::Body);
        loop {
            let keep = |part: &[u8]| {
                if let Some((_, content)) = &mut kept {
                    content.extend_from_slice(part);
                }
            };
            match framing.take(self.socket.unused(), keep) {
                Ok(used) => self.socket.consume(used),
                Err(error) => return Ok(Err(body_problem(error, most))),
            }
            if framing.is_done() {
                self.socket.enter(ConnectionPhase::Answer);
                return Ok(Ok(()));
            }
            self.flush()?;
            if self.socket.read()? == ReadOutcome::End {
                let problem = if self.socket.is_expired() {
                    Problem::new(408, "the request body did not arrive in time")
                } else {
                    Problem::new(400, "the request body ended early")
                };
                return Ok(Err(problem));
            }
        }
    }

    /// Writes what is due and waits for more of a head.
    fn wait_for_head(&mut self) -> io::Result<ReadOutcome> {
        self.flush()?;
        if self.socket.unused().is_empty() {
            self.socket.release();
            if self.socket.phase() != ConnectionPhase::Fresh {
                self.socket.enter(ConnectionPhase::Idle);
                if self.registry.is_draining() {
                    return Ok(ReadOutcome::End);
                }
            }
        } else if self.socket.phase() != ConnectionPhase::Head {
            self.socket.enter(ConnectionPhase::Head);
        }
        self.socket.read()
    }

    /// Sends a refusal; the stream cannot be trusted any more, so the connection ends. Never inlined, as
    /// [`Self::exchange`].
    #[cold]
    #[inline(never)]
    fn refuse(&mut self, problem: Problem) -> io::Result<()> {
        let response = Response::from(problem).closing();
        self.write(&response, false, false)?;
        self.flush()?;
        self.socket.linger()
    }
}

impl PendingAnswer {
    fn new(head: &Head<'_>, reply: Reply) -> PendingAnswer {
        PendingAnswer {
            reply,
            body: head.body,
            expects_continue: head.expects_continue,
            keep_alive: head.keep_alive,
            old: head.minor == 0,
            length: head.length,
        }
    }
}

fn body_problem(error: BodyError, most: u64) -> Problem {
    match error {
        BodyError::Malformed => Problem::new(400, "the chunked body is malformed"),
        BodyError::TooLarge => body_too_large(most),
    }
}

/// 413 for a body of more than `most` bytes.
pub(super) fn body_too_large(most: u64) -> Problem {
    Problem::new(413, format!("the request body is larger than {most} bytes"))
}

/// Bytes of the empty lines before a request, which are dropped (RFC 9112, section 2.2).
fn empty_lines(input: &[u8]) -> usize {
    let mut rest = input;
    while let [b'\n', after @ ..] | [b'\r', b'\n', after @ ..] = rest {
        rest = after;
    }
    input.len() - rest.len()
}

/// Refuses a request line that is too long, whether its end has arrived or not.
fn check_line(line: &[u8], limits: &Limits) -> Result<(), Problem> {
    if line.strip_suffix(b"\r").unwrap_or(line).len() <= limits.max_line_bytes {
        return Ok(());
    }
    Err(Problem::new(414, format!("the request line is longer than {} bytes", limits.max_line_bytes)))
}
