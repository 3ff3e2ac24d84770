//! A user's connection to one server, plain or in TLS. Nothing here waits: where the socket has nothing to give or takes no
//! more, the user waits, by its deadline.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::ErrorKind as Io;

use may::net::TcpStream;
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::failure::FailedRequest;
use super::handshake::Handshake;
use super::tls::{TlsConnection, TlsServer, TlsUser};
use super::trouble::{Take, Trouble};
use crate::results::load::ErrorKind;

/// An open connection.
pub(super) struct ClientConnection {
    socket: TcpStream,
    tls: Option<TlsConnection>,
}

/// Reads in a row, at most, of what came while nothing was asked.
const UNASKED_READS: u32 = 16;

impl ClientConnection {
    /// On an open socket; in TLS, the handshake is still to come.
    ///
    /// # Errors
    /// When TLS cannot begin.
    pub fn new(socket: TcpStream, tls: Option<(&TlsServer, &TlsUser)>) -> Result<Self, FailedRequest> {
        let tls = tls.map(|(server, user)| TlsConnection::begin(server, user)).transpose()?;
        Ok(Self { socket, tls })
    }

    /// What is waited for.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Goes on with the handshake of TLS, as far as that is possible without waiting; there is none without TLS.
    ///
    /// # Errors
    /// [`Trouble::WouldBlock`] as long as it is not over.
    pub fn shake_hands(&mut self) -> Result<(), Trouble> {
        loop {
            let Some(tls) = &mut self.tls else { return Ok(()) };
            tls.flush(self.socket.inner()).map_err(within_handshake)?;
            if !tls.is_handshaking() {
                return Ok(());
            }
            match self.receive(&mut |_| Err(unasked())) {
                Ok(Some(_)) => {}
                Ok(None) => return Err(within_handshake(Trouble::Truncated)),
                Err(trouble) => return Err(within_handshake(trouble)),
            }
        }
    }

    /// What the handshake agreed on, and that it took so long; `None` without TLS.
    pub fn handshake(&self, nanoseconds: u64) -> Option<Handshake> {
        self.tls.as_ref().map(|tls| tls.agreed(nanoseconds))
    }

    /// Sends; `rest` is what was not taken yet. All is sent when this returns without an error.
    ///
    /// # Errors
    /// [`Trouble::WouldBlock`] when the socket takes no more now: call it again.
    pub fn send(&mut self, rest: &mut &[u8]) -> Result<(), Trouble> {
        if let Some(tls) = &mut self.tls {
            return tls.send(self.socket.inner(), rest);
        }
        while !rest.is_empty() {
            let sent = retry_on_intr(|| send(self.socket.inner(), rest, SendFlags::NOSIGNAL))?;
            *rest = &rest[sent..];
        }
        Ok(())
    }

    /// Reads once, into memory that all connections of the thread share, and feeds `take`: a connection that waits holds no
    /// buffer. Gives what `take` said, false where nothing was left for it, and `None` at the end of the stream. Not inlined,
    /// and without a switch inside: the coroutine may continue on another thread later.
    ///
    /// # Errors
    /// [`Trouble::WouldBlock`] when nothing has come.
    #[inline(never)]
    pub fn receive(&mut self, take: &mut Take<'_>) -> Result<Option<bool>, Trouble> {
        thread_local! { static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into()) }
        SCRATCH.with_borrow_mut(|scratch| {
            let (count, _) = retry_on_intr(|| recv(self.socket.inner(), &mut **scratch, RecvFlags::empty()))?;
            let bytes = &scratch[..count];
            match &mut self.tls {
                Some(tls) => tls.take(self.socket.inner(), bytes, take),
                None if count == 0 => Ok(None),
                None => take(bytes).map(Some),
            }
        })
    }

    /// Whether a connection without a request can carry one, after these events: the node has not closed it, and has sent
    /// nothing unasked. In TLS, something may have come that is no answer: tickets, or new keys.
    pub fn is_usable(&mut self, events: usize) -> bool {
        let noted = |event: libc::c_int| events & event as usize != 0;
        if noted(libc::EPOLLRDHUP) || self.has_ended() {
            return false;
        }
        if !noted(libc::EPOLLIN) {
            return true;
        }
        if self.tls.is_none() {
            // What was noted as readable may have been read since.
            return matches!(self.socket.inner().peek(&mut [0]), Err(error) if error.kind() == Io::WouldBlock);
        }
        for _ in 0..UNASKED_READS {
            match self.receive(&mut |_| Err(unasked())) {
                Ok(Some(_)) => {}
                Err(Trouble::WouldBlock) => return true,
                Ok(None) | Err(Trouble::Truncated | Trouble::Failed(_)) => return false,
            }
        }
        false
    }

    /// Whether the other side has said, in TLS, that nothing more comes.
    pub fn has_ended(&self) -> bool {
        self.tls.as_ref().is_some_and(TlsConnection::has_ended)
    }
}

impl Drop for ClientConnection {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.close(self.socket.inner());
        }
    }
}

/// Large enough that a body of a megabyte does not take hundreds of reads.
const SCRATCH_BYTES: usize = 64 * 1024;

fn unasked() -> Trouble {
    Trouble::Failed(FailedRequest::new(ErrorKind::Malformed, "the node sent something before it was asked"))
}

/// What ends a handshake.
fn within_handshake(trouble: Trouble) -> Trouble {
    let cut = |why: Cow<'static, str>| Trouble::Failed(FailedRequest::new(ErrorKind::TlsCut, why));
    match trouble {
        Trouble::Truncated => cut("the connection was closed within the TLS handshake".into()),
        Trouble::Failed(FailedRequest { kind: ErrorKind::Reset, text }) => {
            cut(format!("the connection was lost within the TLS handshake: {text}").into())
        }
        other => other,
    }
}
