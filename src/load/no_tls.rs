//! What stands in place of `tls` where the program was built without it: there is no TLS client, and so nothing of one.

use std::net::TcpStream;

use anyhow::bail;

use super::failure::FailedRequest;
use super::handshake::Handshake;
use super::plan::TlsSettings;
use super::trouble::{Take, Trouble};

/// Never needed.
pub(super) const STACK_WORDS: usize = 8192;

/// There is none.
pub(super) enum TlsClient {}

/// There is none.
pub(super) enum TlsServer {}

/// There is none.
pub(super) enum TlsUser {}

/// There is none.
pub(super) enum TlsConnection {}

impl TlsClient {
    pub fn new(_: &TlsSettings) -> anyhow::Result<Self> {
        bail!(
            "this webapp was built without TLS, so it cannot load https://; build it with the feature tls (it is on by default)"
        )
    }

    pub fn server(&self, _: &str) -> anyhow::Result<TlsServer> {
        match *self {}
    }
}

impl TlsServer {
    pub fn user(&self) -> TlsUser {
        match *self {}
    }
}

impl TlsConnection {
    pub fn begin(server: &TlsServer, _: &TlsUser) -> Result<Self, FailedRequest> {
        match *server {}
    }

    pub fn is_handshaking(&self) -> bool {
        match *self {}
    }

    pub fn has_ended(&self) -> bool {
        match *self {}
    }

    pub fn agreed(&self, _: u64) -> Handshake {
        match *self {}
    }

    pub fn flush(&mut self, _: &TcpStream) -> Result<(), Trouble> {
        match *self {}
    }

    pub fn send(&mut self, _: &TcpStream, _: &mut &[u8]) -> Result<(), Trouble> {
        match *self {}
    }

    pub fn take(&mut self, _: &TcpStream, _: &[u8], _: &mut Take<'_>) -> Result<Option<bool>, Trouble> {
        match *self {}
    }

    pub fn close(&mut self, _: &TcpStream) {
        match *self {}
    }
}
