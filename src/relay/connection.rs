//! A client, its target, and what is under way between them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::RelayOutcome;
use super::delay_queue::{DelayQueue, Delayed};
use super::link::Link;

/// What was read arrives later than now, even where the way takes no time: a sender that never pauses must leave others their turn.
const LEAST_DELAY: Duration = Duration::from_nanos(1);

/// What all connections share.
#[derive(Debug)]
pub struct Wire {
    /// One way.
    pub delay: Duration,
    /// Towards the target.
    pub out: Link,
    /// Back to the client.
    pub back: Link,
    /// For reading.
    pub buffer: Box<[u8]>,
    /// What was counted.
    pub outcome: RelayOutcome,
}

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// Who connected to the relay.
    Client,
    /// To whom the relay connects.
    Target,
}

/// How far the opening of a connection has come. The client's own connection is open from the start, as it ends here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpeningPhase {
    /// The wish to connect arrives at the target then.
    Asking(Instant),
    /// The target is asked.
    Connecting,
    /// It is open; the client can know since then.
    Open(Instant),
    /// It was refused; the client knows from then on.
    Refused(Instant),
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// It goes on when a socket has something, or at this time.
    Wait(Option<Instant>),
    /// It has to connect to the target.
    Connect,
    /// It is over.
    Over,
}

/// A socket, and what the kernel last said of it.
#[derive(Debug)]
struct Side {
    stream: TcpStream,
    readable: bool,
    writable: bool,
    /// It could not take what had arrived. Until it has all of that, what is late is late by its receiver.
    blocked: bool,
}

impl Side {
    fn new(stream: TcpStream) -> Self {
        Self { stream, readable: false, writable: false, blocked: false }
    }

    /// Lets the peer see a reset when it is closed, not an end that could be that of an answer.
    fn reset(&self) {
        // One that is closed already has nobody to tell.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

/// A connection.
#[derive(Debug)]
pub struct RelayedConnection {
    client: Side,
    target: Option<Side>,
    phase: OpeningPhase,
    out: DelayQueue,
    back: DelayQueue,
    /// The earliest time at which the event loop will look at it.
    pub armed: Option<Instant>,
}

impl RelayedConnection {
    /// A client that came at `now`.
    pub fn new(client: TcpStream, now: Instant, delay: Duration) -> Self {
        let (out, back) = (DelayQueue::default(), DelayQueue::default());
        Self {
            client: Side::new(client),
            target: None,
            phase: OpeningPhase::Asking(now + delay),
            out,
            back,
            armed: None,
        }
    }

    /// Begins to connect to the target, and gives the socket that does. `None`: it cannot, and the client is told in time.
    pub fn connect(&mut self, to: SocketAddr, now: Instant, delay: Duration) -> Option<&TcpStream> {
        match connecting(to) {
            Ok(stream) => {
                self.phase = OpeningPhase::Connecting;
                Some(&self.target.insert(Side::new(stream)).stream)
            }
            Err(error) => {
                log::warn!("cannot connect to {to}: {error}");
                self.phase = OpeningPhase::Refused(now + delay);
                None
            }
        }
    }

    /// The kernel says something of one end.
    pub fn note(&mut self, end: ConnectionEnd, readable: bool, writable: bool, now: Instant, delay: Duration) {
        let side = match (end, &mut self.target) {
            (ConnectionEnd::Client, _) => &mut self.client,
            (ConnectionEnd::Target, Some(target)) => target,
            (ConnectionEnd::Target, None) => return,
        };
        side.readable |= readable;
        side.writable |= writable;
        if end == ConnectionEnd::Target && self.phase == OpeningPhase::Connecting && (readable || writable) {
            self.phase = match side.stream.take_error() {
                Ok(None) => OpeningPhase::Open(now + delay),
                Ok(Some(error)) | Err(error) => {
                    log::warn!("the target does not take a connection: {error}");
                    OpeningPhase::Refused(now + delay)
                }
            };
        }
    }

    /// Takes what has come, and passes on what has arrived.
    pub fn go_on(&mut self, now: Instant, wire: &mut Wire) -> NextStep {
        let opened = match self.phase {
            OpeningPhase::Asking(at) if at <= now => return NextStep::Connect,
            OpeningPhase::Refused(at) if at <= now => {
                self.client.reset();
                return NextStep::Over;
            }
            OpeningPhase::Asking(at) | OpeningPhase::Refused(at) => return NextStep::Wait(Some(at)),
            OpeningPhase::Connecting => return NextStep::Wait(None),
            OpeningPhase::Open(at) => at,
        };
        let Some(target) = &mut self.target else { return NextStep::Over };
        // The client's first bytes leave once it knows that the connection is open; until then they are not on the link.
        let knows = opened <= now;
        let mut out = Transfer { from: &mut self.client, to: target, queue: &mut self.out, now };
        while (knows && out.take(Towards::Target, wire)) | out.pass_on(&mut wire.outcome) {}
        let mut back = Transfer { from: target, to: &mut self.client, queue: &mut self.back, now };
        while back.take(Towards::Client, wire) | back.pass_on(&mut wire.outcome) {}
        if [&self.out, &self.back].iter().any(|queue| queue.has_broken()) {
            self.client.reset();
            target.reset();
            return NextStep::Over;
        }
        if self.out.is_done() && self.back.is_done() {
            return NextStep::Over;
        }
        // What is due already waits for a socket.
        let next = [Some(opened), self.out.due(), self.back.due()];
        NextStep::Wait(next.into_iter().flatten().filter(|due| *due > now).min())
    }
}

#[derive(Clone, Copy)]
enum Towards {
    Target,
    Client,
}

/// One direction, with both of its sockets.
struct Transfer<'a> {
    from: &'a mut Side,
    to: &'a mut Side,
    queue: &'a mut DelayQueue,
    now: Instant,
}

impl Transfer<'_> {
    /// Takes what the sender sent. True: there was something.
    fn take(&mut self, towards: Towards, wire: &mut Wire) -> bool {
        let link = match towards {
            Towards::Target => &mut wire.out,
            Towards::Client => &mut wire.back,
        };
        let mut any = false;
        while self.from.readable && self.queue.takes() {
            let (departure, item) = match self.from.stream.read(&mut wire.buffer) {
                Ok(0) => (self.now, Delayed::End),
                Ok(bytes) => (link.departure(self.now, bytes), Delayed::Data(wire.buffer[..bytes].to_vec())),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.from.readable = false;
                    return any;
                }
                Err(_) => (self.now, Delayed::Abort),
            };
            self.queue.send(departure + wire.delay.max(LEAST_DELAY), item);
            any = true;
        }
        any
    }

    /// Passes on what has arrived. True: there was something.
    fn pass_on(&mut self, outcome: &mut RelayOutcome) -> bool {
        let mut any = false;
        while let Some((item, rest)) = self.queue.arrived(self.now) {
            match item {
                Delayed::Data(_) if !self.to.writable => {
                    self.to.blocked = true;
                    return any;
                }
                Delayed::Data(_) => match self.to.stream.write(rest) {
                    Ok(bytes) => {
                        let due = self.queue.due();
                        if self.queue.pass(bytes) && !self.to.blocked {
                            let late = due.map_or(Duration::ZERO, |due| self.now.saturating_duration_since(due));
                            outcome.chunks += 1;
                            outcome.late += late;
                            outcome.latest = outcome.latest.max(late);
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        self.to.writable = false;
                    }
                    // Whoever closed it may still have said something, which the other direction brings.
                    Err(_) => self.queue.give_up(),
                },
                Delayed::End => {
                    // One that is closed already has nobody to tell.
                    let _ = self.to.stream.shutdown(Shutdown::Write);
                    self.queue.pass(0);
                }
                Delayed::Abort => self.queue.break_off(),
            }
            any = true;
        }
        self.to.blocked = false;
        any
    }
}

/// A socket that connects, without waiting for it.
fn connecting(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)?;
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        Ok(()) | Err(_) => Ok(socket.into()),
    }
}

#[cfg(test)]
mod tests;
