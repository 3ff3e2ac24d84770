//! The event loop: one thread for all connections. Sockets say what they have (epoll(7), edge-triggered), and a timer (timerfd(2),
//! exact to some microseconds) says when something under way arrives.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

use super::connection::{ConnectionEnd, NextStep, RelayedConnection, Wire};
use super::link::Link;
use super::{Distance, RelayOutcome};
use crate::kernel::limits;

/// Most connections at once; further ones wait to be accepted. With a full window each way they hold 512 MiB.
const MOST_CONNECTIONS: usize = 1024;
/// Open files beside those of the connections.
const OTHER_FILES: u64 = 32;
/// Most bytes that are read at once.
const CHUNK: usize = 64 << 10;
/// Most events that are taken at once.
const EVENTS: usize = 256;

const LISTENER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
const STOP: u64 = u64::MAX - 2;

/// Relays what comes in at `listener` until `stop` has something to read.
///
/// # Errors
/// When the kernel refuses what the event loop needs.
pub fn run(listener: TcpListener, distance: Distance, stop: impl AsFd) -> io::Result<RelayOutcome> {
    listener.set_nonblocking(true)?;
    let most = most_connections(limits::raise_open_files()?);
    if most < MOST_CONNECTIONS {
        log::warn!("the limit of open files (RLIMIT_NOFILE, hard) leaves room for {most} connections at once");
    }
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let timer =
        rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
    for (source, data) in [(listener.as_fd(), LISTENER), (timer.as_fd(), TIMER), (stop.as_fd(), STOP)] {
        epoll::add(&epoll, source, EventData::new_u64(data), EventFlags::IN | EventFlags::ET)?;
    }
    let now = Instant::now();
    let link = Link::new(distance.rate, now);
    let buffer = vec![0; CHUNK].into_boxed_slice();
    let wire = Wire { delay: distance.delay, out: link, back: link, buffer, outcome: RelayOutcome::default() };
    let mut relay = Relay {
        epoll,
        timer,
        listener,
        distance,
        wire,
        most,
        connections: HashMap::new(),
        wakes: BinaryHeap::new(),
        set_to: None,
        somebody_waits: false,
        next: 0,
    };
    while relay.turn()? {}
    Ok(relay.wire.outcome)
}

struct Relay {
    epoll: OwnedFd,
    timer: OwnedFd,
    listener: TcpListener,
    distance: Distance,
    wire: Wire,
    /// Most connections at once.
    most: usize,
    connections: HashMap<u64, RelayedConnection>,
    /// When which connection has something that arrives.
    wakes: BinaryHeap<Reverse<(Instant, u64)>>,
    /// What the timer is set to.
    set_to: Option<Instant>,
    /// There may be a connection to accept.
    somebody_waits: bool,
    /// The number of the next connection.
    next: u64,
}

impl Relay {
    /// Waits for something, and does what it asks for. False: to stop.
    fn turn(&mut self) -> io::Result<bool> {
        let mut events = Vec::with_capacity(EVENTS);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
        let now = Instant::now();
        for event in events {
            match event.data.u64() {
                STOP => return Ok(false),
                LISTENER => self.somebody_waits = true,
                // Edge-triggered: that it was read need not be said.
                TIMER => self.set_to = None,
                token => self.heard(token, event.flags)?,
            }
        }
        while let Some(Reverse((at, id))) = self.wakes.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.wakes.pop();
            if let Some(connection) = self.connections.get_mut(&id)
                && connection.armed == Some(at)
            {
                connection.armed = None;
                self.go_on(id)?;
            }
        }
        if self.somebody_waits {
            self.accept()?;
        }
        self.set_timer()?;
        Ok(true)
    }

    fn heard(&mut self, token: u64, flags: EventFlags) -> io::Result<()> {
        let (id, end) =
            (token / 2, if token.is_multiple_of(2) { ConnectionEnd::Client } else { ConnectionEnd::Target });
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let over = flags.intersects(EventFlags::ERR | EventFlags::HUP);
        let (readable, writable) = (flags.contains(EventFlags::IN), flags.contains(EventFlags::OUT));
        connection.note(end, readable || over, writable || over, Instant::now(), self.distance.delay);
        self.go_on(id)
    }

    /// Lets a connection do what it can, and notes when it can do more.
    fn go_on(&mut self, id: u64) -> io::Result<()> {
        loop {
            // What comes while others have their turn would be held too short by an earlier time.
            let now = Instant::now();
            let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
            match connection.go_on(now, &mut self.wire) {
                NextStep::Over => {
                    self.connections.remove(&id);
                    return Ok(());
                }
                NextStep::Connect => {
                    if let Some(target) = connection.connect(self.distance.to, now, self.distance.delay) {
                        watch(&self.epoll, target, 2 * id + 1)?;
                    }
                }
                NextStep::Wait(at) => {
                    if let Some(at) = at.filter(|at| connection.armed.is_none_or(|armed| *at < armed)) {
                        connection.armed = Some(at);
                        self.wakes.push(Reverse((at, id)));
                    }
                    return Ok(());
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while self.connections.len() < self.most {
            let client = match self.listener.accept() {
                Ok((client, _)) => client,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.somebody_waits = false;
                    return Ok(());
                }
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => continue,
                // No descriptors, say: again when something else has happened.
                Err(error) => {
                    log::warn!("cannot accept a connection: {error}");
                    return Ok(());
                }
            };
            client.set_nonblocking(true)?;
            // One that is gone already shows that when it is read.
            let _ = client.set_nodelay(true);
            let id = self.next;
            self.next += 1;
            watch(&self.epoll, &client, 2 * id)?;
            self.connections.insert(id, RelayedConnection::new(client, Instant::now(), self.distance.delay));
            self.wire.outcome.connections += 1;
            self.go_on(id)?;
        }
        Ok(())
    }

    /// Sets the timer to what arrives next.
    fn set_timer(&mut self) -> io::Result<()> {
        let next = self.wakes.peek().map(|Reverse((at, _))| *at);
        let Some(at) = next.filter(|at| self.set_to.is_none_or(|set_to| *at < set_to)) else { return Ok(()) };
        // 0 would switch it off.
        let left = at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = Timespec::try_from(left).map_err(|_| ErrorKind::InvalidInput)?;
        let to = Itimerspec { it_interval: never, it_value };
        rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &to)?;
        self.set_to = Some(at);
        Ok(())
    }
}

/// How many connections have room, each with a socket at both ends.
fn most_connections(open_files: u64) -> usize {
    let room = usize::try_from(open_files.saturating_sub(OTHER_FILES) / 2).unwrap_or(usize::MAX);
    room.clamp(1, MOST_CONNECTIONS)
}

fn watch(epoll: &OwnedFd, stream: &TcpStream, token: u64) -> io::Result<()> {
    let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
    Ok(epoll::add(epoll, stream, EventData::new_u64(token), flags)?)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, SocketAddr};
    use std::os::unix::net::UnixStream;
    use std::thread::{self, JoinHandle};

    use super::*;

    /// A relay to `to`; whoever drops the stream stops it.
    fn start(to: SocketAddr, delay: u64, rate: Option<u64>) -> (SocketAddr, UnixStream, JoinHandle<RelayOutcome>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (ours, stop) = UnixStream::pair().unwrap();
        let distance = Distance { to, delay: Duration::from_millis(delay), rate };
        (address, ours, thread::spawn(move || run(listener, distance, stop).unwrap()))
    }

    /// Sends back what it gets, until its end.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || io::copy(&mut stream.try_clone().unwrap(), &mut stream));
            }
        });
        address
    }

    #[test]
    fn there_are_no_more_connections_than_open_files_allow() {
        for (open_files, most) in [(0, 1), (64, 16), (1_024, 496), (2_080, 1_024), (u64::MAX, 1_024)] {
            assert_eq!(most_connections(open_files), most, "{open_files}");
        }
    }

    #[test]
    fn a_handshake_and_an_answer_cost_a_round_trip_each() {
        let (address, stop, relay) = start(echo(), 20, None);
        let begun = Instant::now();
        let mut client = TcpStream::connect(address).unwrap();
        let mut answer = [0; 4];
        for (word, least) in [(b"ping", 80), (b"pong", 120)] {
            client.write_all(word).unwrap();
            client.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, word);
            assert!(begun.elapsed() >= Duration::from_millis(least), "{:?}", begun.elapsed());
        }
        // The end travels, too, and comes back.
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut answer).unwrap(), 0);
        assert!(begun.elapsed() >= Duration::from_millis(160));
        drop(stop);
        let outcome = relay.join().unwrap();
        assert_eq!((outcome.connections, outcome.chunks), (1, 4));
    }

    #[test]
    fn every_byte_arrives_in_order_though_the_window_is_smaller() {
        let (address, _stop, _relay) = start(echo(), 1, Some(2_000_000_000));
        let client = TcpStream::connect(address).unwrap();
        let sent: Vec<u8> = (0..3_000_000_u32).map(|number| (number / 7) as u8).collect();
        let mut writer = client.try_clone().unwrap();
        let all = sent.clone();
        let writing = thread::spawn(move || {
            writer.write_all(&all).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut got = Vec::new();
        (&client).read_to_end(&mut got).unwrap();
        writing.join().unwrap();
        assert!(got == sent, "{} of {} bytes", got.len(), sent.len());
    }

    #[test]
    fn nobody_behind_it_is_the_end_of_the_connection_after_a_round_trip() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (address, _stop, _relay) = start(nobody, 10, None);
        let begun = Instant::now();
        let mut client = TcpStream::connect(address).unwrap();
        let _ = client.write_all(b"hello");
        let end = client.read(&mut [0; 4]);
        assert!(end.is_err() || end.is_ok_and(|bytes| bytes == 0));
        assert!(begun.elapsed() >= Duration::from_millis(20), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_client_that_breaks_off_is_noticed_by_the_target() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, _stop, _relay) = start(listener.local_addr().unwrap(), 5, None);
        let client = TcpStream::connect(address).unwrap();
        let (mut target, _) = listener.accept().unwrap();
        socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        target.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let end = target.read(&mut [0; 4]);
        assert!(
            end.as_ref().is_ok_and(|bytes| *bytes == 0) || end.as_ref().unwrap_err().kind() != ErrorKind::WouldBlock
        );
    }
}
