//! Whether the client at the other end of a connection still waits for its answer.
//!
//! A reset says at once that it does not. A FIN alone does not: a client may close its sending side and still wait
//! (RFC 9112, section 9.6). Such a client sends the FIN right behind its request; one that gave up sends it later. The
//! kernel remembers both times.

use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::kernel::receipt;

/// How much later than the last data a FIN must have come for the client to count as gone, ms.
const GIVEN_UP_AFTER: u32 = 50;
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Which of these connections have no client any more: indices. Costs one system call, and one for each closed side.
pub(super) fn gone(sockets: &[BorrowedFd<'_>]) -> Vec<usize> {
    let mut polled: Vec<PollFd<'_>> =
        sockets.iter().map(|socket| PollFd::from_borrowed_fd(*socket, PollFlags::RDHUP)).collect();
    if !matches!(poll(&mut polled, Some(&AT_ONCE)), Ok(1..)) {
        return Vec::new();
    }
    let left = |index: &usize| {
        let events = polled[*index].revents();
        let broken = events.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
        broken || (events.contains(PollFlags::RDHUP) && fin_came_late(sockets[*index]))
    };
    (0..sockets.len()).filter(left).collect()
}

fn fin_came_late(socket: BorrowedFd<'_>) -> bool {
    receipt::read(socket)
        .is_ok_and(|receipt| receipt.data_milliseconds.saturating_sub(receipt.segment_milliseconds) > GIVEN_UP_AFTER)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_left_is_told_from_who_waits() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut pairs: Vec<(TcpStream, TcpStream)> = Vec::new();
        for _ in 0..4 {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            client.write_all(b"request").unwrap();
            pairs.push((client, listener.accept().unwrap().0));
        }
        // Waits with its sending side closed at once; waits; leaves later; leaves by a reset.
        pairs[0].0.shutdown(Shutdown::Write).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        pairs[2].0.shutdown(Shutdown::Write).unwrap();
        socket2::SockRef::from(&pairs[3].0).set_linger(Some(Duration::ZERO)).unwrap();
        let mut servers = Vec::new();
        for (index, (client, server)) in pairs.into_iter().enumerate() {
            servers.push((server, (index < 3).then_some(client)));
        }
        std::thread::sleep(Duration::from_millis(20));
        let sockets: Vec<_> = servers.iter().map(|(server, _)| server.as_fd()).collect();
        assert_eq!(gone(&sockets), [2, 3]);
        assert!(gone(&[]).is_empty());
    }
}
