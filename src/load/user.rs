//! One virtual user: a coroutine's connections, and the exchange of one request for one answer.

use std::cell::RefCell;
use std::io::ErrorKind as Io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use may::net::TcpStream;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::body_search::BodySearch;
use super::cookies::CookieJar;
use super::deadlines::{Clock, Deadline, NEVER};
use super::draw::stream;
use super::failure::{FailedRequest, failed_to_connect, lost};
use super::node_fields::{AnswerSummary, NodeFields};
use super::plan::Expect;
use super::request::{PreparedRequest, RequestBuffer};
use super::session::{SessionChange, SessionWatch};
use crate::connect;
use crate::http::answer::AnswerReader;
use crate::results::load::ErrorKind;
use crate::sleep::sleep;
use crate::worker::{self, IoWaker};

/// What every exchange of a run needs, fixed before the start.
pub(super) struct ExchangeContext {
    pub clock: Clock,
    /// By origin.
    pub addresses: Vec<SocketAddr>,
    /// By target.
    pub requests: Vec<PreparedRequest>,
    pub keepalive: bool,
    pub expect: Expect,
    /// Whether each user keeps cookies.
    pub cookies: bool,
    /// Of all streams of keys.
    pub seed: u64,
}

/// How one exchange went, beside its failure.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ExchangeProgress {
    /// The request was written to a connection.
    pub sent: bool,
    /// A whole answer came, correct or not; it can be asked of the user.
    pub answered: bool,
    /// A connection was opened for it.
    pub opened: bool,
    /// What its answer says of the user's session.
    pub session: Option<SessionChange>,
}

/// What a user keeps of a server beyond a connection: by origin, and only where users have cookies.
#[derive(Default)]
pub(super) struct UserMemory {
    jar: CookieJar,
    session: SessionWatch,
}

/// One user: at most one connection to each origin, one request at a time.
pub(super) struct VirtualUser {
    deadline: Arc<Deadline>,
    /// By origin.
    streams: Vec<Option<TcpStream>>,
    reader: AnswerReader<NodeFields>,
    search: Option<BodySearch>,
    memory: Vec<UserMemory>,
    /// Of the keys.
    random: Rng,
    buffer: RequestBuffer,
}

impl VirtualUser {
    /// A user without a connection, whose keys are those of stream `number`.
    pub fn new(context: &ExchangeContext, deadline: Arc<Deadline>, number: u64) -> Self {
        let streams = context.addresses.iter().map(|_| None).collect();
        let search = context.expect.body.as_deref().map(BodySearch::new);
        Self {
            deadline,
            streams,
            reader: AnswerReader::default(),
            search,
            memory: if context.cookies {
                context.addresses.iter().map(|_| UserMemory::default()).collect()
            } else {
                Vec::new()
            },
            random: stream(context.seed, number),
            buffer: RequestBuffer::default(),
        }
    }

    /// Takes over what an earlier user kept.
    pub fn remember(&mut self, memory: Vec<UserMemory>) {
        self.memory = memory;
    }

    /// What this user kept, for a later one.
    pub fn into_memory(self) -> Vec<UserMemory> {
        self.memory
    }

    /// From now on the keys are those of stream `number`.
    pub fn draw_from(&mut self, context: &ExchangeContext, number: u64) {
        self.random = stream(context.seed, number);
    }

    /// What is recorded of the last whole answer.
    pub fn answer(&self) -> AnswerSummary<'_> {
        AnswerSummary { status: self.reader.status(), fields: self.reader.fields() }
    }

    /// Whether there is a connection to an origin.
    pub fn is_connected(&self, origin: usize) -> bool {
        self.streams[origin].is_some()
    }

    /// States which connection is to be woken, before a wait without a request.
    pub fn set_waker(&mut self, origin: usize) {
        if let (Some(stream), true) = (&self.streams[origin], self.streams.len() > 1) {
            self.deadline.set_waker(IoWaker::new(stream));
        }
    }

    /// Waits without a request, until woken or something happens to the connection. Gives whether it can carry another
    /// request: what comes unasked would be taken for the next answer.
    pub fn wait_idle(&mut self, origin: usize) -> bool {
        let alive = match &self.streams[origin] {
            Some(stream) => is_usable(stream, worker::wait(stream)),
            None => false,
        };
        if !alive {
            self.streams[origin] = None;
        }
        alive
    }

    /// Opens the connection to an origin, if there is none, by `deadline` (nanoseconds on the clock of the run).
    pub fn connect(&mut self, context: &ExchangeContext, origin: usize, deadline: u64) -> Result<(), FailedRequest> {
        if self.streams[origin].is_none() {
            let stream = connect::begin(context.addresses[origin]).map_err(failed_to_connect)?;
            self.deadline.set_waker(IoWaker::new(&stream));
            self.deadline.set(deadline);
            let opened = self.open(context, &stream, deadline);
            self.deadline.set(NEVER);
            opened?;
            // Requests are written whole; without this the tail of a long one could wait for an acknowledgement.
            let _ = stream.set_nodelay(true);
            self.streams[origin] = Some(stream);
        }
        Ok(())
    }

    /// Waits until a connection has been made.
    fn open(&self, context: &ExchangeContext, stream: &TcpStream, deadline: u64) -> Result<(), FailedRequest> {
        while !connect::is_open(stream).map_err(failed_to_connect)? {
            self.late(context, stream, deadline, "no connection within the timeout")?;
        }
        Ok(())
    }

    /// Sends a request, and reads the whole answer, by `deadline`. `exchange` tells how far it came.
    pub fn exchange(
        &mut self,
        context: &ExchangeContext,
        target: usize,
        deadline: u64,
        exchange: &mut ExchangeProgress,
    ) -> Result<(), FailedRequest> {
        let request = &context.requests[target];
        let origin = request.origin;
        let usable =
            self.streams[origin].as_ref().is_some_and(|stream| is_usable(stream, worker::noted_events(stream)));
        if !usable {
            self.streams[origin] = None;
        }
        exchange.opened = self.streams[origin].is_none();
        self.connect(context, origin, deadline)?;
        let Some(stream) = self.streams[origin].take() else {
            return Err(FailedRequest::new(ErrorKind::Other, "no connection"));
        };
        // With one origin the waker was set when the connection was opened.
        if context.addresses.len() > 1 {
            self.deadline.set_waker(IoWaker::new(&stream));
        }
        self.deadline.set(deadline);
        let mut buffer = std::mem::take(&mut self.buffer);
        let bytes = match self.memory.get(origin) {
            None => request.write(&mut self.random, &mut buffer),
            Some(memory) => request.write_with(&mut self.random, &memory.jar, &mut buffer),
        };
        let result = self.converse(context, &stream, request, bytes, deadline, exchange);
        self.buffer = buffer;
        self.deadline.set(NEVER);
        let reusable = result? && context.keepalive;
        if reusable {
            self.streams[origin] = Some(stream);
        }
        exchange.answered = true;
        exchange.session = self.take_cookies(request);
        self.judge(context)?;
        match exchange.session {
            Some(SessionChange::Lost { .. }) => {
                Err(FailedRequest::new(ErrorKind::SessionLost, "the counter of /session went back"))
            }
            Some(SessionChange::Begun) | None => Ok(()),
        }
    }

    /// The exchange on one connection; gives whether it can carry another.
    fn converse(
        &mut self,
        context: &ExchangeContext,
        stream: &TcpStream,
        request: &PreparedRequest,
        bytes: &[u8],
        deadline: u64,
        exchange: &mut ExchangeProgress,
    ) -> Result<bool, FailedRequest> {
        self.send_request(context, stream, bytes, deadline)?;
        exchange.sent = true;
        self.reader.start(request.is_head);
        if let Some(search) = &mut self.search {
            search.start();
        }
        if let Some(memory) = self.memory.get_mut(request.origin) {
            memory.session.start();
        }
        let mut events = worker::wait(stream);
        let mut reads = 0u32;
        loop {
            let memory = if request.is_session { self.memory.get_mut(request.origin) } else { None };
            let session = memory.map(|memory| &mut memory.session);
            match read_some(stream.inner(), &mut self.reader, self.search.as_mut(), session) {
                Ok(Some(true)) => break,
                Ok(Some(false)) => {
                    reads += 1;
                    if reads.is_multiple_of(READS_IN_A_ROW) {
                        self.in_time(context, deadline, NO_ANSWER)?;
                        sleep(REST);
                    }
                }
                Ok(None) if self.reader.end_of_stream() => break,
                Ok(None) if self.reader.begun() => {
                    return Err(FailedRequest::new(
                        ErrorKind::Reset,
                        "the node closed the connection within the answer",
                    ));
                }
                Ok(None) => {
                    return Err(FailedRequest::new(
                        ErrorKind::Reset,
                        "the node closed the connection without an answer",
                    ));
                }
                Err(Trouble::Socket(Errno::WOULDBLOCK)) => {
                    reads = 0;
                    events = self.late(context, stream, deadline, NO_ANSWER)?;
                }
                Err(Trouble::Socket(Errno::INTR)) => {}
                Err(Trouble::Socket(error)) => return Err(lost(error.into())),
                Err(Trouble::Malformed(text)) => return Err(FailedRequest::new(ErrorKind::Malformed, text)),
            }
        }
        Ok(self.reader.keep_alive() && events & (libc::EPOLLRDHUP as usize) == 0)
    }

    /// Sends a whole request.
    fn send_request(
        &self,
        context: &ExchangeContext,
        stream: &TcpStream,
        bytes: &[u8],
        deadline: u64,
    ) -> Result<(), FailedRequest> {
        let mut rest = bytes;
        loop {
            match send(stream.inner(), rest, SendFlags::NOSIGNAL) {
                Ok(count) if count == rest.len() => return Ok(()),
                Ok(count) => rest = &rest[count..],
                Err(Errno::WOULDBLOCK) => {
                    self.late(context, stream, deadline, NO_ANSWER)?;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(lost(error.into())),
            }
        }
    }

    /// Keeps what the whole answer sets; gives what it says of the user's session.
    fn take_cookies(&mut self, request: &PreparedRequest) -> Option<SessionChange> {
        let memory = self.memory.get_mut(request.origin)?;
        self.reader.fields().cookies.iter().for_each(|field| memory.jar.set(field));
        if request.is_session && self.reader.status() / 100 == 2 { memory.session.change() } else { None }
    }

    /// Nothing came yet: waits on, unless the time is over. Gives the events that ended the wait.
    fn late(
        &self,
        context: &ExchangeContext,
        stream: &TcpStream,
        deadline: u64,
        missing: &'static str,
    ) -> Result<usize, FailedRequest> {
        self.in_time(context, deadline, missing)?;
        Ok(worker::wait(stream))
    }

    /// Fails when the time of a request is over; `missing` says what there is not.
    fn in_time(&self, context: &ExchangeContext, deadline: u64, missing: &'static str) -> Result<(), FailedRequest> {
        let now = context.clock.now();
        if now >= deadline {
            return Err(FailedRequest::new(ErrorKind::TimedOut, missing));
        }
        if now >= self.deadline.latest(deadline) {
            return Err(FailedRequest::new(ErrorKind::Unfinished, "in flight when the run was interrupted"));
        }
        Ok(())
    }

    /// Whether a whole answer is the expected one.
    fn judge(&self, context: &ExchangeContext) -> Result<(), FailedRequest> {
        let status = self.reader.status();
        if !context.expect.accepts(status) {
            return Err(FailedRequest::new(ErrorKind::UnexpectedStatus, format!("status {status}")));
        }
        match &self.search {
            Some(search) if !search.is_found() => {
                Err(FailedRequest::new(ErrorKind::UnexpectedBody, "the body lacks the expected text"))
            }
            _ => Ok(()),
        }
    }
}

const NO_ANSWER: &str = "no complete answer within the timeout";

/// Whether a connection without a request can carry one: the node has not closed it, and has sent nothing unasked.
fn is_usable(stream: &TcpStream, events: usize) -> bool {
    let noted = |event: libc::c_int| events & event as usize != 0;
    // What was noted as readable may have been read since.
    let silent = || matches!(stream.inner().peek(&mut [0]), Err(error) if error.kind() == Io::WouldBlock);
    !noted(libc::EPOLLRDHUP) && (!noted(libc::EPOLLIN) || silent())
}

/// A body that comes faster than it is read never lets its coroutine wait. After so many reads (4 MiB at most, about a
/// millisecond) the clock is looked at, and the other connections have their turn: they need a sleep for it, however short,
/// because a mere yield lets only those run whose answers were seen before.
const READS_IN_A_ROW: u32 = 64;
const REST: Duration = Duration::from_micros(1);

enum Trouble {
    Socket(Errno),
    Malformed(std::borrow::Cow<'static, str>),
}

/// Large enough that a body of a megabyte does not take hundreds of reads.
const SCRATCH_BYTES: usize = 64 * 1024;

/// Reads once, into memory that all connections of the thread share, and feeds the reader: a connection that waits holds no
/// buffer. Gives whether the answer is complete, `None` at the end of the stream. Not inlined, and without a switch
/// inside: the coroutine may continue on another thread later.
#[inline(never)]
fn read_some(
    stream: &std::net::TcpStream,
    reader: &mut AnswerReader<NodeFields>,
    search: Option<&mut BodySearch>,
    session: Option<&mut SessionWatch>,
) -> Result<Option<bool>, Trouble> {
    thread_local! { static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into()) }
    SCRATCH.with_borrow_mut(|scratch| {
        let (count, _) = recv(stream, &mut **scratch, RecvFlags::empty()).map_err(Trouble::Socket)?;
        if count == 0 {
            return Ok(None);
        }
        let bytes = &scratch[..count];
        let fed = match (search, session) {
            (Some(search), None) => reader.feed(bytes, &mut |part| search.feed(part)),
            (None, Some(session)) => reader.feed(bytes, &mut |part| session.feed(part)),
            (Some(search), Some(session)) => reader.feed(bytes, &mut |part| {
                search.feed(part);
                session.feed(part);
            }),
            (None, None) => reader.feed(bytes, &mut |_| {}),
        };
        fed.map(Some).map_err(|malformed| Trouble::Malformed(malformed.0))
    })
}
