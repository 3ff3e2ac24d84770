//! Connections that a coroutine opens. The one in `may` is only bounded in time by the feature `io_timeout`, which makes
//! every wait of every connection more expensive; here the caller decides when it has waited long enough.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use may::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use crate::worker;

/// Begins to connect to `address`, on the caller's worker if there are descriptors to be had for it. The stream cannot be
/// used before [`is_open`] says so; until then, wait for its events.
///
/// # Errors
/// Those of socket(2), connect(2) and epoll_ctl(2).
pub(crate) fn begin(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    let socket = Socket::from(worker::move_descriptor(OwnedFd::from(socket), worker::current()));
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => worker::register(socket.into()),
    }
}

/// Whether the connection has been made.
///
/// # Errors
/// Why it cannot be made.
pub(crate) fn is_open(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}
