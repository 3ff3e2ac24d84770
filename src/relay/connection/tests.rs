//! One connection with real sockets, and times that the test makes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;

use socket2::SockRef;

use super::*;

/// A connection that is open at its target, with both far ends.
struct OpenRelay {
    connection: RelayedConnection,
    wire: Wire,
    client: TcpStream,
    target: TcpStream,
    /// When the target took it.
    taken: Instant,
}

impl OpenRelay {
    fn new(delay: Duration, rate: Option<u64>) -> Self {
        let start = Instant::now();
        let link = Link::new(rate, start);
        let buffer = vec![0; 64 << 10].into_boxed_slice();
        let wire = Wire { delay, out: link, back: link, buffer, outcome: RelayOutcome::default() };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let near = listener.accept().unwrap().0;
        near.set_nonblocking(true).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut connection = RelayedConnection::new(near, start, delay);
        let taken = start + delay;
        connection.connect(listener.local_addr().unwrap(), taken, delay).unwrap();
        let target = listener.accept().unwrap().0;
        connection.note(ConnectionEnd::Target, false, true, taken, delay);
        client.set_nonblocking(true).unwrap();
        target.set_nonblocking(true).unwrap();
        Self { connection, wire, client, target, taken }
    }

    /// One end has something, or room.
    fn go_on(&mut self, end: ConnectionEnd, now: Instant) -> NextStep {
        self.connection.note(end, true, true, now, self.wire.delay);
        self.connection.go_on(now, &mut self.wire)
    }
}

const DELAY: Duration = Duration::from_millis(100);

#[test]
fn a_link_is_free_for_others_while_a_client_does_not_know_yet_that_it_is_connected() {
    let mut one = OpenRelay::new(DELAY, Some(8_000_000));
    (&one.client).write_all(&[0; 1_000]).unwrap();
    let knows = one.taken + DELAY;
    assert_eq!(one.go_on(ConnectionEnd::Client, one.taken), NextStep::Wait(Some(knows)));
    let millisecond = Duration::from_millis(1);
    assert_eq!(one.wire.out.departure(one.taken, 1_000), one.taken + millisecond);
    assert_eq!(one.go_on(ConnectionEnd::Client, knows), NextStep::Wait(Some(knows + millisecond + DELAY)));
}

#[test]
fn what_waits_for_its_receiver_is_not_late_by_the_relay() {
    let mut one = OpenRelay::new(DELAY, None);
    SockRef::from(&one.connection.client.stream).set_send_buffer_size(4_096).unwrap();
    SockRef::from(&one.client).set_recv_buffer_size(4_096).unwrap();
    let sent = one.taken + DELAY;
    // Far more than the client has room for, and some that is small.
    for bytes in [60_000, 100, 100, 100] {
        (&one.target).write_all(&vec![0; bytes]).unwrap();
        one.go_on(ConnectionEnd::Target, sent);
    }
    one.go_on(ConnectionEnd::Target, sent + DELAY);
    assert_eq!(one.wire.outcome.chunks, 0, "there was room");
    // A second later the client reads.
    let (later, mut got, end) = (sent + DELAY + Duration::from_secs(1), 0, Instant::now() + Duration::from_secs(20));
    while got < 60_300 {
        assert!(Instant::now() < end, "{got} bytes");
        match (&one.client).read(&mut [0; 64 << 10]) {
            Ok(bytes) => got += bytes,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        one.go_on(ConnectionEnd::Client, later);
    }
    assert_eq!((one.wire.outcome.chunks, one.wire.outcome.latest), (0, Duration::ZERO));
    (&one.target).write_all(b"on time").unwrap();
    one.go_on(ConnectionEnd::Target, later);
    one.go_on(ConnectionEnd::Target, later + DELAY + Duration::from_millis(2));
    assert_eq!((one.wire.outcome.chunks, one.wire.outcome.latest), (1, Duration::from_millis(2)));
}

#[test]
fn a_target_that_breaks_off_in_the_middle_is_no_end_of_an_answer() {
    let mut one = OpenRelay::new(DELAY, None);
    (&one.target).write_all(b"half").unwrap();
    let sent = one.taken + DELAY;
    one.go_on(ConnectionEnd::Target, sent);
    SockRef::from(&one.target).set_linger(Some(Duration::ZERO)).unwrap();
    drop(std::mem::replace(&mut one.target, one.client.try_clone().unwrap()));
    one.go_on(ConnectionEnd::Target, sent);
    assert_eq!(one.go_on(ConnectionEnd::Client, sent + DELAY), NextStep::Over);
    drop(one.connection);
    one.client.set_nonblocking(false).unwrap();
    let mut got = Vec::new();
    let end = (&one.client).read_to_end(&mut got);
    assert_eq!(end.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset), "{got:?}");
}

#[test]
fn a_way_without_delay_leaves_others_their_turn() {
    let mut one = OpenRelay::new(Duration::ZERO, None);
    (&one.client).write_all(b"x").unwrap();
    let now = one.taken;
    assert_eq!(one.go_on(ConnectionEnd::Client, now), NextStep::Wait(Some(now + Duration::from_nanos(1))));
    assert_eq!((&one.target).read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(one.go_on(ConnectionEnd::Client, now + Duration::from_nanos(1)), NextStep::Wait(None));
    assert_eq!((&one.target).read(&mut [0; 4]).unwrap(), 1);
}
