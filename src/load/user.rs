//! One virtual user: a coroutine's connections, and the exchange of one request for one answer.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use may::net::TcpStream;

use super::body_search::BodySearch;
use super::connection::ClientConnection;
use super::cookies::CookieJar;
use super::deadlines::{Deadline, NEVER};
use super::draw::stream;
use super::exchange::{ExchangeContext, ExchangeProgress, OriginServer};
use super::failure::{FailedRequest, failed_to_connect};
use super::handshake::Handshake;
use super::node_fields::{AnswerSummary, NodeFields};
use super::request::{PreparedRequest, RequestBuffer, Variables};
use super::rows::RowSource;
use super::session::{SessionChange, SessionWatch};
use super::tls::{TlsServer, TlsUser};
use super::trouble::Trouble;
use crate::connect;
use crate::http::answer::AnswerReader;
use crate::results::load::ErrorKind;
use crate::sleep::sleep;
use crate::worker::{self, IoWaker};

/// What a user keeps beyond its connections.
pub(super) struct UserMemory {
    /// Its row of the table, where each user has one.
    row: usize,
    /// By origin.
    servers: Vec<ServerMemory>,
}

impl UserMemory {
    /// Of a user who was never there.
    pub fn new(context: &ExchangeContext) -> Self {
        Self {
            row: context.rows.as_ref().map_or(0, RowSource::of_user),
            servers: context.servers.iter().map(|server| ServerMemory::new(context, server)).collect(),
        }
    }
}

/// What a user keeps of a server.
struct ServerMemory {
    /// Where users keep cookies.
    cookies: Option<CookieMemory>,
    /// Where it speaks TLS.
    tls: Option<TlsUser>,
}

#[derive(Default)]
struct CookieMemory {
    jar: CookieJar,
    session: SessionWatch,
}

impl ServerMemory {
    fn new(context: &ExchangeContext, server: &OriginServer) -> Self {
        Self { cookies: context.cookies.then(CookieMemory::default), tls: server.tls.as_ref().map(TlsServer::user) }
    }
}

/// One user: at most one connection to each origin, one request at a time.
pub(super) struct VirtualUser {
    deadline: Arc<Deadline>,
    /// By origin.
    connections: Vec<Option<ClientConnection>>,
    reader: AnswerReader<NodeFields>,
    search: Option<BodySearch>,
    memory: UserMemory,
    /// Of the keys.
    random: Rng,
    buffer: RequestBuffer,
}

impl VirtualUser {
    /// A user without a connection, whose keys are those of stream `number`, and who keeps what `memory` holds.
    pub fn new(context: &ExchangeContext, deadline: Arc<Deadline>, number: u64, memory: UserMemory) -> Self {
        let connections = context.servers.iter().map(|_| None).collect();
        let search = context.expect.body.as_deref().map(BodySearch::new);
        Self {
            deadline,
            connections,
            reader: AnswerReader::default(),
            search,
            memory,
            random: stream(context.seed, number),
            buffer: RequestBuffer::default(),
        }
    }

    /// What this user kept, for a later one.
    pub fn into_memory(self) -> UserMemory {
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
        self.connections[origin].is_some()
    }

    /// States which connection is to be woken, before a wait without a request.
    pub fn set_waker(&mut self, origin: usize) {
        if let (Some(connection), true) = (&self.connections[origin], self.connections.len() > 1) {
            self.deadline.set_waker(IoWaker::new(connection.socket()));
        }
    }

    /// Waits without a request, until woken or something happens to the connection. Gives whether it can carry another
    /// request: what comes unasked would be taken for the next answer.
    pub fn wait_idle(&mut self, origin: usize) -> bool {
        let alive = self.connections[origin].as_mut().is_some_and(|connection| {
            let events = worker::wait(connection.socket());
            connection.is_usable(events)
        });
        if !alive {
            self.connections[origin] = None;
        }
        alive
    }

    /// Opens the connection to an origin, if there is none, by `deadline` (nanoseconds on the clock of the run). Gives its
    /// handshake, where there was one.
    pub fn connect(
        &mut self,
        context: &ExchangeContext,
        origin: usize,
        deadline: u64,
    ) -> Result<Option<Handshake>, FailedRequest> {
        if self.connections[origin].is_some() {
            return Ok(None);
        }
        let server = &context.servers[origin];
        let socket = connect::begin(server.address).map_err(failed_to_connect)?;
        self.deadline.set_waker(IoWaker::new(&socket));
        self.deadline.set(deadline);
        let opened = self.open(context, origin, socket, deadline);
        self.deadline.set(NEVER);
        let (connection, handshake) = opened?;
        self.connections[origin] = Some(connection);
        Ok(handshake)
    }

    /// Waits until a connection has been made, and both sides have agreed on how to encrypt.
    fn open(
        &self,
        context: &ExchangeContext,
        origin: usize,
        socket: TcpStream,
        deadline: u64,
    ) -> Result<(ClientConnection, Option<Handshake>), FailedRequest> {
        while !connect::is_open(&socket).map_err(failed_to_connect)? {
            self.late(context, &socket, deadline, "no connection within the timeout")?;
        }
        // Requests are written whole; without this the tail of a long one could wait for an acknowledgement.
        let _ = socket.set_nodelay(true);
        let tls = context.servers[origin].tls.as_ref().zip(self.memory.servers[origin].tls.as_ref());
        let begun = context.clock.now();
        let mut connection = ClientConnection::new(socket, tls)?;
        loop {
            match connection.shake_hands() {
                Ok(()) => break,
                Err(trouble) => drop(self.outlast(context, &connection, trouble, deadline, NO_HANDSHAKE)?),
            }
        }
        let handshake = connection.handshake(context.clock.now().saturating_sub(begun));
        Ok((connection, handshake))
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
        let usable = self.connections[origin].as_mut().is_some_and(|connection| {
            let events = worker::noted_events(connection.socket());
            connection.is_usable(events)
        });
        if !usable {
            self.connections[origin] = None;
        }
        exchange.opened = self.connections[origin].is_none();
        exchange.handshake = self.connect(context, origin, deadline)?;
        let Some(mut connection) = self.connections[origin].take() else {
            return Err(FailedRequest::new(ErrorKind::Other, "no connection"));
        };
        // With one origin the waker was set when the connection was opened.
        if context.servers.len() > 1 {
            self.deadline.set_waker(IoWaker::new(connection.socket()));
        }
        self.deadline.set(deadline);
        let mut buffer = std::mem::take(&mut self.buffer);
        let rows = context.rows.as_ref().filter(|_| request.needs_row);
        let row = rows.map(|rows| rows.choose(&mut self.random, self.memory.row));
        let mut variables = Variables { random: &mut self.random, row };
        let bytes = match &self.memory.servers[origin].cookies {
            None => request.write(&mut variables, &mut buffer),
            Some(memory) => request.write_with(&mut variables, &memory.jar, &mut buffer),
        };
        let result = self.converse(context, &mut connection, request, bytes, deadline, exchange);
        self.buffer = buffer;
        self.deadline.set(NEVER);
        let reusable = result? && context.keepalive;
        if reusable {
            self.connections[origin] = Some(connection);
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
        connection: &mut ClientConnection,
        request: &PreparedRequest,
        bytes: &[u8],
        deadline: u64,
        exchange: &mut ExchangeProgress,
    ) -> Result<bool, FailedRequest> {
        let mut unsent = bytes;
        while let Err(trouble) = connection.send(&mut unsent) {
            self.outlast(context, connection, trouble, deadline, NO_ANSWER)?;
        }
        exchange.sent = true;
        self.reader.start(request.is_head);
        if let Some(search) = &mut self.search {
            search.start();
        }
        if let Some(memory) = &mut self.memory.servers[request.origin].cookies {
            memory.session.start();
        }
        let mut events = worker::wait(connection.socket());
        let mut reads = 0u32;
        loop {
            match self.read_some(connection, request) {
                Ok(Some(true)) => break,
                Ok(Some(false)) => {
                    reads += 1;
                    if reads.is_multiple_of(READS_IN_A_ROW) {
                        self.in_time(context, deadline, NO_ANSWER)?;
                        sleep(REST);
                    }
                }
                Ok(None) if self.reader.end_of_stream() => break,
                Ok(None) => return Err(closed(self.reader.begun())),
                Err(Trouble::Truncated) if self.reader.end_of_stream() => {
                    return Err(FailedRequest::new(ErrorKind::Reset, TRUNCATED));
                }
                Err(Trouble::Truncated) => return Err(closed(self.reader.begun())),
                Err(trouble) => {
                    reads = 0;
                    events = self.outlast(context, connection, trouble, deadline, NO_ANSWER)?;
                }
            }
        }
        Ok(self.reader.keep_alive() && events & (libc::EPOLLRDHUP as usize) == 0 && !connection.has_ended())
    }

    /// Reads once, and takes what came as a part of the answer to a request.
    fn read_some(
        &mut self,
        connection: &mut ClientConnection,
        request: &PreparedRequest,
    ) -> Result<Option<bool>, Trouble> {
        let (reader, search) = (&mut self.reader, &mut self.search);
        let cookies = self.memory.servers[request.origin].cookies.as_mut().filter(|_| request.is_session);
        let mut session = cookies.map(|memory| &mut memory.session);
        connection.receive(&mut |bytes| {
            let complete = match (search.as_mut(), session.as_mut()) {
                (None, None) => reader.feed(bytes, &mut |_| {}),
                (search, session) => reader.feed(bytes, &mut both(search, session)),
            };
            Ok(complete?)
        })
    }

    /// Waits until the connection may go on, where it only has to wait. Gives the events that ended the wait.
    fn outlast(
        &self,
        context: &ExchangeContext,
        connection: &ClientConnection,
        trouble: Trouble,
        deadline: u64,
        missing: &'static str,
    ) -> Result<usize, FailedRequest> {
        match trouble {
            Trouble::WouldBlock => self.late(context, connection.socket(), deadline, missing),
            Trouble::Truncated => Err(closed(false)),
            Trouble::Failed(failure) => Err(failure),
        }
    }

    /// Keeps what the whole answer sets; gives what it says of the user's session.
    fn take_cookies(&mut self, request: &PreparedRequest) -> Option<SessionChange> {
        let memory = self.memory.servers[request.origin].cookies.as_mut()?;
        self.reader.fields().cookies.iter().for_each(|field| memory.jar.set(field));
        if request.is_session && self.reader.status() / 100 == 2 { memory.session.change() } else { None }
    }

    /// Nothing came yet: waits on, unless the time is over. Gives the events that ended the wait.
    fn late(
        &self,
        context: &ExchangeContext,
        socket: &TcpStream,
        deadline: u64,
        missing: &'static str,
    ) -> Result<usize, FailedRequest> {
        self.in_time(context, deadline, missing)?;
        Ok(worker::wait(socket))
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
const NO_HANDSHAKE: &str = "no TLS handshake within the timeout";
const TRUNCATED: &str =
    "the node closed the connection without the end that TLS has (close_notify), so the answer may be cut off";

/// A body that comes faster than it is read never lets its coroutine wait. After so many reads (4 MiB at most, about a
/// millisecond) the clock is looked at, and the other connections have their turn: they need a sleep for it, however short,
/// because a mere yield lets only those run whose answers were seen before.
const READS_IN_A_ROW: u32 = 64;
const REST: Duration = Duration::from_micros(1);

/// The end of a connection before that of an answer, of which something has come or not.
fn closed(begun: bool) -> FailedRequest {
    let text = match begun {
        true => "the node closed the connection within the answer",
        false => "the node closed the connection without an answer",
    };
    FailedRequest::new(ErrorKind::Reset, text)
}

/// Hands a part of a body to those who look at it.
fn both<'a>(
    mut search: Option<&'a mut BodySearch>,
    mut session: Option<&'a mut &mut SessionWatch>,
) -> impl FnMut(&[u8]) + 'a {
    move |part| {
        if let Some(search) = &mut search {
            search.feed(part);
        }
        if let Some(session) = &mut session {
            session.feed(part);
        }
    }
}
