//! The socket of a connection and its buffers: reads, writes and waits, each under the deadline of its phase.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsRawFd;

use may::net::TcpStream;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::buffers::{self, Buffers};
use super::control::{ConnectionPhase, Registration};
use super::head::HeaderFields;
use crate::worker;

/// Events after which the socket must be read to its end: an edge is reported once.
const HANGUP: usize = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as usize;
/// What a client may still send after it was refused before the connection is cut, bytes.
const LINGER_LIMIT: usize = 1024 * 1024;
/// How much a connection may do before others go first, in bytes moved.
const TURN: usize = 256 * 1024;

/// The socket of a connection, with what was read and not used, and what is to be written.
pub(super) struct BufferedSocket<'c> {
    stream: &'c TcpStream,
    registration: &'c Registration<'c>,
    phase: ConnectionPhase,
    /// Held only while there are bytes in them.
    buffers: Option<Box<Buffers>>,
    /// Most unused input bytes that are held.
    input_limit: usize,
    /// Whether the socket may have something to read.
    ready: bool,
    /// Whether the client has closed its side: what is left must be read to the end.
    hangup: bool,
    /// What was done of this turn.
    spent: usize,
}

/// What a read has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadOutcome {
    Data,
    End,
}

impl<'c> BufferedSocket<'c> {
    pub fn new(stream: &'c TcpStream, registration: &'c Registration<'c>, input_limit: usize) -> BufferedSocket<'c> {
        let phase = ConnectionPhase::Fresh;
        BufferedSocket { stream, registration, phase, buffers: None, input_limit, ready: true, hangup: false, spent: 0 }
    }

    pub fn phase(&self) -> ConnectionPhase {
        self.phase
    }

    /// Says what the connection does from now on, which sets its deadline.
    pub fn enter(&mut self, phase: ConnectionPhase) {
        self.phase = phase;
        self.registration.enter(phase);
    }

    /// Whether a deadline has passed since the connection began.
    pub fn is_expired(&self) -> bool {
        self.registration.is_expired()
    }

    /// Whether the client was seen to leave while its answer was made.
    pub fn client_has_left(&self) -> bool {
        self.registration.client_has_left()
    }

    /// Bytes read and not used yet.
    pub fn unused(&self) -> &[u8] {
        self.buffers.as_deref().map_or(&[], |buffers| buffers.input.unused())
    }

    /// Bytes read and not used yet, and room for the fields of a head among them; none when there are no bytes.
    pub fn head(&mut self) -> Option<(&[u8], &mut HeaderFields)> {
        let Buffers { input, fields, .. } = self.buffers.as_deref_mut()?;
        let unused = input.unused();
        (!unused.is_empty()).then_some((unused, fields))
    }

    /// Marks bytes as used.
    pub fn consume(&mut self, count: usize) {
        if let Some(buffers) = self.buffers.as_deref_mut() {
            buffers.input.consume(count);
        }
    }

    /// What will be written by the next [`BufferedSocket::flush`].
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.buffers.get_or_insert_with(buffers::take).output
    }

    /// Gives the buffers back when nothing is left in them.
    pub fn release(&mut self) {
        let empty = self.unused().is_empty() && self.buffers.as_deref().is_none_or(|buffers| buffers.output.is_empty());
        if empty && let Some(buffers) = self.buffers.take() {
            buffers::give(buffers);
        }
    }

    /// Counts work, in bytes moved or worth as much; after a turn of it, others go first.
    pub fn spend(&mut self, bytes: usize) {
        self.spent += bytes;
        if self.spent >= TURN {
            self.spent = 0;
            worker::let_others_go_first(self.stream.as_raw_fd());
        }
    }

    /// Reads once, waiting if need be; holds no buffer while it waits with nothing in it.
    pub fn read(&mut self) -> io::Result<ReadOutcome> {
        loop {
            if !self.ready {
                self.wait();
            }
            let buffers = self.buffers.get_or_insert_with(buffers::take);
            let room = buffers.input.room(self.input_limit);
            let size = room.len();
            match recv(self.stream.inner(), room, RecvFlags::empty()) {
                Ok((0, _)) => return Ok(ReadOutcome::End),
                Ok((count, _)) => {
                    buffers.input.filled(count);
                    // Fewer bytes than asked for: the socket is empty, unless its end is behind them.
                    self.ready = count == size || self.hangup;
                    self.spend(count);
                    return Ok(ReadOutcome::Data);
                }
                Err(Errno::WOULDBLOCK) => {
                    self.ready = false;
                    self.release();
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for an event of the socket, which ends the turn: meanwhile the worker looks at all the others.
    fn wait(&mut self) {
        self.spent = 0;
        let events = worker::wait(self.stream);
        self.hangup |= events & HANGUP != 0;
        self.ready = true;
    }

    /// Writes the output buffer.
    pub fn flush(&mut self) -> io::Result<()> {
        let Some(mut buffers) = self.buffers.take() else { return Ok(()) };
        let result = if buffers.output.is_empty() { Ok(()) } else { self.write_all(&buffers.output) };
        buffers.output.clear();
        self.buffers = Some(buffers);
        result
    }

    /// Writes these bytes, past the output buffer.
    pub fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let phase = self.phase;
        let mut stuck = false;
        while !bytes.is_empty() {
            match send(self.stream.inner(), bytes, SendFlags::NOSIGNAL) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    bytes = &bytes[count..];
                    stuck = false;
                    self.spend(count);
                }
                Err(Errno::WOULDBLOCK) => {
                    // Only progress sets a new deadline; a client that sends instead of reading does not.
                    if !stuck {
                        self.enter(ConnectionPhase::Write);
                        stuck = true;
                    }
                    self.wait();
                    if self.is_expired() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if self.phase == ConnectionPhase::Write {
            self.enter(phase);
        }
        Ok(())
    }

    /// Writes so many bytes of filler.
    pub fn write_filler(&mut self, length: u64) -> io::Result<()> {
        static FILLER: [u8; 64 * 1024] = [b'x'; 64 * 1024];
        let mut left = length;
        while left > 0 {
            let part = left.min(FILLER.len() as u64);
            self.write_all(&FILLER[..part as usize])?;
            left -= part;
        }
        Ok(())
    }

    /// Ends without a reset, which could destroy the answer on its way: says that no more comes,
    /// then reads what the client still sends, bounded in time and size.
    pub fn linger(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        self.enter(ConnectionPhase::Linger);
        let mut read = 0;
        while read < LINGER_LIMIT {
            if let Some(buffers) = self.buffers.as_deref_mut() {
                buffers.input.clear();
            }
            if self.read()? == ReadOutcome::End {
                break;
            }
            read += self.unused().len();
        }
        Ok(())
    }
}
