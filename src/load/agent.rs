//! One user of the load: a coroutine's connections, and the exchange of one request for one answer.

use std::cell::RefCell;
use std::io::{self, ErrorKind as Io};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use may::io::WaitIo;
use may::net::TcpStream;
use memchr::memmem::Finder;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::answer::Reader;
use super::facts::Facts;
use super::failure::FailedRequest;
use super::plan::Expect;
use super::watch::{Clock, NEVER, Watch};
use crate::connect;
use crate::results::load::ErrorKind;
use crate::sleep::sleep;
use crate::worker::{self, Nudge};

/// A target, made ready: the bytes to send and where to.
pub(super) struct Shot {
    /// Index into the resolved origins.
    pub origin: usize,
    /// The whole request.
    pub request: Vec<u8>,
}

/// What all agents of a run share, fixed before the start.
pub(super) struct Mission {
    pub clock: Clock,
    pub origins: Vec<SocketAddr>,
    pub shots: Vec<Shot>,
    pub head_request: bool,
    pub keepalive: bool,
    pub expect: Expect,
}

/// How one exchange went, beside its failure.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exchange {
    /// The request was written to a connection.
    pub sent: bool,
    /// A whole answer came, correct or not; its facts are the agent's.
    pub answered: bool,
    /// A connection was opened for it.
    pub opened: bool,
}

/// One user: at most one connection to each origin, one request at a time.
pub(super) struct Agent {
    watch: Arc<Watch>,
    /// By origin.
    streams: Vec<Option<TcpStream>>,
    reader: Reader,
    search: Option<Search>,
}

impl Agent {
    pub fn new(mission: &Mission, watch: Arc<Watch>) -> Self {
        let streams = mission.origins.iter().map(|_| None).collect();
        let search = mission.expect.body.as_deref().map(Search::new);
        Self { watch, streams, reader: Reader::default(), search }
    }

    /// What the last whole answer said.
    pub fn facts(&self) -> &Facts {
        self.reader.facts()
    }

    /// Whether there is a connection to an origin.
    pub fn is_connected(&self, origin: usize) -> bool {
        self.streams[origin].is_some()
    }

    /// Tells the watch which connection to wake, before a wait without a request.
    pub fn announce(&mut self, origin: usize) {
        if let (Some(stream), true) = (&self.streams[origin], self.streams.len() > 1) {
            self.watch.set_nudge(Nudge::new(stream));
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
    pub fn connect(&mut self, mission: &Mission, origin: usize, deadline: u64) -> Result<(), FailedRequest> {
        if self.streams[origin].is_none() {
            let stream = connect::begin(mission.origins[origin]).map_err(failed_to_connect)?;
            self.watch.set_nudge(Nudge::new(&stream));
            self.watch.set_deadline(deadline);
            let opened = self.open(mission, &stream, deadline);
            self.watch.set_deadline(NEVER);
            opened?;
            // Requests are written whole; without this the tail of a long one could wait for an acknowledgement.
            let _ = stream.set_nodelay(true);
            self.streams[origin] = Some(stream);
        }
        Ok(())
    }

    /// Waits until a connection has been made.
    fn open(&self, mission: &Mission, stream: &TcpStream, deadline: u64) -> Result<(), FailedRequest> {
        while !connect::is_open(stream).map_err(failed_to_connect)? {
            self.late(mission, stream, deadline, "no connection within the timeout")?;
        }
        Ok(())
    }

    /// Sends a request, and reads the whole answer, by `deadline`. `exchange` tells how far it came.
    pub fn exchange(
        &mut self,
        mission: &Mission,
        target: usize,
        deadline: u64,
        exchange: &mut Exchange,
    ) -> Result<(), FailedRequest> {
        let shot = &mission.shots[target];
        let usable = self.streams[shot.origin].as_ref().is_some_and(|stream| is_usable(stream, noted_events(stream)));
        if !usable {
            self.streams[shot.origin] = None;
        }
        exchange.opened = self.streams[shot.origin].is_none();
        self.connect(mission, shot.origin, deadline)?;
        let Some(stream) = self.streams[shot.origin].take() else {
            return Err(FailedRequest::new(ErrorKind::Other, "no connection"));
        };
        // Else it knows the one connection since that was opened.
        if mission.origins.len() > 1 {
            self.watch.set_nudge(Nudge::new(&stream));
        }
        self.watch.set_deadline(deadline);
        let result = self.converse(mission, &stream, &shot.request, deadline, exchange);
        self.watch.set_deadline(NEVER);
        let reusable = result? && mission.keepalive;
        if reusable {
            self.streams[shot.origin] = Some(stream);
        }
        exchange.answered = true;
        self.judge(mission)
    }

    /// The exchange on one connection; gives whether it can carry another.
    fn converse(
        &mut self,
        mission: &Mission,
        stream: &TcpStream,
        request: &[u8],
        deadline: u64,
        exchange: &mut Exchange,
    ) -> Result<bool, FailedRequest> {
        let mut rest = request;
        loop {
            match send(stream.inner(), rest, SendFlags::NOSIGNAL) {
                Ok(count) if count == rest.len() => break,
                Ok(count) => rest = &rest[count..],
                Err(Errno::WOULDBLOCK) => {
                    self.late(mission, stream, deadline, NO_ANSWER)?;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(lost(error.into())),
            }
        }
        exchange.sent = true;
        self.reader.start(mission.head_request);
        if let Some(search) = &mut self.search {
            search.start();
        }
        let mut events = worker::wait(stream);
        let mut reads = 0u32;
        loop {
            match read_some(stream.inner(), &mut self.reader, self.search.as_mut()) {
                Ok(Some(true)) => break,
                Ok(Some(false)) => {
                    reads += 1;
                    if reads.is_multiple_of(READS_IN_A_ROW) {
                        self.in_time(mission, deadline, NO_ANSWER)?;
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
                    events = self.late(mission, stream, deadline, NO_ANSWER)?;
                }
                Err(Trouble::Socket(Errno::INTR)) => {}
                Err(Trouble::Socket(error)) => return Err(lost(error.into())),
                Err(Trouble::Malformed(text)) => return Err(FailedRequest::new(ErrorKind::Malformed, text)),
            }
        }
        Ok(self.reader.facts().keep_alive && events & (libc::EPOLLRDHUP as usize) == 0)
    }

    /// Nothing came yet: waits on, unless the time is over. Gives the events that ended the wait.
    fn late(
        &self,
        mission: &Mission,
        stream: &TcpStream,
        deadline: u64,
        missing: &'static str,
    ) -> Result<usize, FailedRequest> {
        self.in_time(mission, deadline, missing)?;
        Ok(worker::wait(stream))
    }

    /// Fails when the time of a request is over; `missing` says what there is not.
    fn in_time(&self, mission: &Mission, deadline: u64, missing: &'static str) -> Result<(), FailedRequest> {
        let now = mission.clock.now();
        if now >= deadline {
            return Err(FailedRequest::new(ErrorKind::TimedOut, missing));
        }
        if now >= self.watch.latest(deadline) {
            return Err(FailedRequest::new(ErrorKind::Unfinished, "in flight when the run was interrupted"));
        }
        Ok(())
    }

    /// Whether a whole answer is the expected one.
    fn judge(&self, mission: &Mission) -> Result<(), FailedRequest> {
        let status = self.reader.facts().status;
        if !mission.expect.accepts(status) {
            return Err(FailedRequest::new(ErrorKind::UnexpectedStatus, format!("status {status}")));
        }
        match &self.search {
            Some(search) if !search.found => {
                Err(FailedRequest::new(ErrorKind::UnexpectedBody, "the body lacks the expected text"))
            }
            _ => Ok(()),
        }
    }
}

const NO_ANSWER: &str = "no complete answer within the timeout";

/// What the event loop noted about a connection since it was last asked. Costs no system call.
#[allow(deprecated)] // `reset_io` is the only way to read it without waiting
fn noted_events(stream: &TcpStream) -> usize {
    stream.reset_io()
}

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
    reader: &mut Reader,
    search: Option<&mut Search>,
) -> Result<Option<bool>, Trouble> {
    thread_local! { static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into()) }
    SCRATCH.with_borrow_mut(|scratch| {
        let (count, _) = recv(stream, &mut **scratch, RecvFlags::empty()).map_err(Trouble::Socket)?;
        if count == 0 {
            return Ok(None);
        }
        let bytes = &scratch[..count];
        let fed = match search {
            Some(search) => reader.feed(bytes, &mut |part| search.feed(part)),
            None => reader.feed(bytes, &mut |_| {}),
        };
        fed.map(Some).map_err(|malformed| Trouble::Malformed(malformed.0))
    })
}

/// Looks for a text in a body that comes in pieces; keeps only as much as a match can span.
struct Search {
    finder: Finder<'static>,
    tail: Vec<u8>,
    found: bool,
}

impl Search {
    fn new(text: &str) -> Self {
        Self { finder: Finder::new(text).into_owned(), tail: Vec::new(), found: text.is_empty() }
    }

    fn start(&mut self) {
        self.tail.clear();
        self.found = self.finder.needle().is_empty();
    }

    fn feed(&mut self, part: &[u8]) {
        if self.found {
            return;
        }
        let keep = self.finder.needle().len() - 1;
        // A match across the border lies within the old tail and as many bytes of the new part.
        self.tail.extend_from_slice(&part[..keep.min(part.len())]);
        self.found = self.finder.find(&self.tail).is_some() || self.finder.find(part).is_some();
        if part.len() > keep {
            self.tail.clear();
            self.tail.extend_from_slice(&part[part.len() - keep..]);
        } else {
            self.tail.drain(..self.tail.len().saturating_sub(keep));
        }
    }
}

fn text_of(error: &io::Error) -> String {
    error.to_string()
}

/// What a failed connect counts as.
pub(super) fn failed_to_connect(error: io::Error) -> FailedRequest {
    let kind = match (error.raw_os_error(), error.kind()) {
        (Some(libc::EMFILE | libc::ENFILE), _) => ErrorKind::OutOfFiles,
        (Some(libc::EADDRNOTAVAIL), _) => ErrorKind::OutOfPorts,
        (_, Io::ConnectionRefused) => ErrorKind::Refused,
        (_, Io::TimedOut) => ErrorKind::TimedOut,
        (_, Io::HostUnreachable | Io::NetworkUnreachable) => ErrorKind::Unreachable,
        (_, Io::ConnectionReset | Io::ConnectionAborted) => ErrorKind::Reset,
        _ => ErrorKind::Other,
    };
    FailedRequest::new(kind, format!("connect: {}", text_of(&error)))
}

/// What an error on an open connection counts as.
fn lost(error: io::Error) -> FailedRequest {
    let kind = match error.kind() {
        Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe | Io::NotConnected => ErrorKind::Reset,
        Io::TimedOut => ErrorKind::TimedOut,
        Io::HostUnreachable | Io::NetworkUnreachable => ErrorKind::Unreachable,
        _ => ErrorKind::Other,
    };
    FailedRequest::new(kind, text_of(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_across_pieces() {
        let body = b"the quick brown fox jumps over the lazy dog";
        for (needle, expected) in
            [("fox", true), ("the quick", true), ("dog", true), ("cat", false), ("", true), ("y d", true)]
        {
            let mut search = Search::new(needle);
            for piece in 1..=body.len() {
                search.start();
                body.chunks(piece).for_each(|part| search.feed(part));
                assert_eq!(search.found, expected, "{needle} {piece}");
                assert!(search.tail.len() < needle.len().max(1) * 2);
            }
        }
    }

    #[test]
    fn errors_have_a_kind() {
        for (code, kind) in [
            (libc::ECONNREFUSED, ErrorKind::Refused),
            (libc::EMFILE, ErrorKind::OutOfFiles),
            (libc::EADDRNOTAVAIL, ErrorKind::OutOfPorts),
            (libc::ETIMEDOUT, ErrorKind::TimedOut),
            (libc::EHOSTUNREACH, ErrorKind::Unreachable),
            (libc::ECONNRESET, ErrorKind::Reset),
            (libc::EACCES, ErrorKind::Other),
        ] {
            assert_eq!(failed_to_connect(io::Error::from_raw_os_error(code)).kind, kind);
        }
        for (code, kind) in
            [(libc::EPIPE, ErrorKind::Reset), (libc::ECONNRESET, ErrorKind::Reset), (libc::EIO, ErrorKind::Other)]
        {
            assert_eq!(lost(io::Error::from_raw_os_error(code)).kind, kind);
        }
    }
}
