//! The other end of a connection, as a long answer needs to know it.

use std::net::SocketAddr;
use std::os::fd::RawFd;

/// How much later than the last data a FIN must have come for the client to count as gone, ms.
const GIVEN_UP_AFTER: u32 = 50;

/// The other end of a connection while its request is being answered. Must not outlive the connection's coroutine.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    pub(super) fd: RawFd,
}

impl Peer {
    /// A peer that nobody can look at (an engine that does not show its sockets): it never counts as gone.
    pub(super) fn unknown(address: SocketAddr) -> Peer {
        Peer { address, fd: -1 }
    }

    /// Whether nobody waits for the answer any more.
    ///
    /// A reset says so at once. A FIN alone does not: a client may close its sending side and still wait
    /// (RFC 9112, section 9.6). Such a client sends it right behind its request, while one that gave up
    /// sends it later; the kernel remembers both times (`tcp_info`, see tcp(7)).
    pub fn is_gone(&self) -> bool {
        if self.fd < 0 {
            return false;
        }
        let mut poll = libc::pollfd { fd: self.fd, events: libc::POLLRDHUP, revents: 0 };
        // SAFETY: one valid pollfd, and a timeout of zero: the call cannot block.
        let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
        if ready <= 0 {
            return false;
        }
        if poll.revents & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0 {
            return true;
        }
        poll.revents & libc::POLLRDHUP != 0 && self.fin_came_late()
    }

    fn fin_came_late(&self) -> bool {
        // SAFETY: tcp_info is plain data, for which all zeroes is a valid value.
        let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
        let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
        // SAFETY: the pointer and the length describe `info`, which the kernel fills at most up to the length.
        let result = unsafe {
            libc::getsockopt(self.fd, libc::IPPROTO_TCP, libc::TCP_INFO, (&raw mut info).cast(), &raw mut length)
        };
        result == 0 && info.tcpi_last_data_recv.saturating_sub(info.tcpi_last_ack_recv) > GIVEN_UP_AFTER
    }
}
