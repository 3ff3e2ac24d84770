//! TLS of the generator: whom it trusts, what a user can resume, and one connection. Nothing here waits: whoever drives a
//! connection waits for its socket, so that a deadline holds within a handshake, too.

mod authorities;
mod failure;
mod sessions;
mod unverified;

use std::io::{BufRead, ErrorKind as Io, Write};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion};

use super::failure::{FailedRequest, lost};
use super::handshake::{Handshake, TlsVersion};
use super::plan::TlsSettings;
use super::trouble::{Take, Trouble};
use authorities::authorities;
use failure::failed;
use sessions::UserSessions;
use unverified::Unverified;

/// What a coroutine needs on its stack, words of 8 bytes: an RSA chain in TLS 1.2 took 2,817 at most with ring, and a page of
/// stack that is not touched takes no memory.
pub(super) const STACK_WORDS: usize = 8192;

/// How this generator speaks TLS.
pub(super) struct TlsClient {
    config: Arc<ClientConfig>,
    resumption: bool,
}

impl TlsClient {
    /// Reads the authorities.
    ///
    /// # Errors
    /// When there are none, or their file cannot be read.
    pub fn new(settings: &TlsSettings) -> anyhow::Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .context("TLS 1.2 and 1.3 need the ciphers of ring")?;
        let builder = if settings.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
        } else {
            builder.with_root_certificates(authorities(settings.authority.as_deref())?)
        };
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), resumption: settings.resumption })
    }

    /// A server by the name, or the address, that its certificate must have.
    ///
    /// # Errors
    /// When no certificate can have that name.
    pub fn server(&self, host: &str) -> anyhow::Result<TlsServer> {
        let name = ServerName::try_from(host.to_owned())
            .with_context(|| format!("'{host}' is not a name that a certificate can have"))?;
        Ok(TlsServer { config: Arc::clone(&self.config), name, resumption: self.resumption })
    }
}

/// A server that speaks TLS.
pub(super) struct TlsServer {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    resumption: bool,
}

/// What one user keeps of a server: the sessions that it can resume. Users share none, as browsers do not.
pub(super) struct TlsUser(Arc<ClientConfig>);

impl TlsServer {
    /// A user who was never there.
    pub fn user(&self) -> TlsUser {
        if !self.resumption {
            return TlsUser(Arc::clone(&self.config));
        }
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::store(Arc::new(UserSessions::default()));
        TlsUser(Arc::new(config))
    }
}

/// TLS on one connection.
pub(super) struct TlsConnection {
    session: Box<ClientConnection>,
    /// The other side has said that nothing more comes.
    ended: bool,
}

impl TlsConnection {
    /// Makes the first message of a handshake.
    ///
    /// # Errors
    /// When the machine gives no random numbers, for instance.
    pub fn begin(server: &TlsServer, user: &TlsUser) -> Result<Self, FailedRequest> {
        let session = ClientConnection::new(Arc::clone(&user.0), server.name.clone()).map_err(failed)?;
        Ok(Self { session: Box::new(session), ended: false })
    }

    /// Whether the handshake goes on.
    pub fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    /// Whether the other side sends nothing more.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// What was agreed on, once the handshake is over.
    pub fn agreed(&self, nanoseconds: u64) -> Handshake {
        Handshake {
            nanoseconds,
            resumed: self.session.handshake_kind() == Some(HandshakeKind::Resumed),
            version: match self.session.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => TlsVersion::Tls12,
                _ => TlsVersion::Tls13,
            },
        }
    }

    /// Writes what waits to be sent.
    ///
    /// # Errors
    /// [`Trouble::WouldBlock`] when the socket takes no more now.
    pub fn flush(&mut self, socket: &TcpStream) -> Result<(), Trouble> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut &*socket) {
                Ok(_) => {}
                Err(error) if error.kind() == Io::WouldBlock => return Err(Trouble::WouldBlock),
                Err(error) if error.kind() == Io::Interrupted => {}
                Err(error) => return Err(Trouble::Failed(lost(error))),
            }
        }
        Ok(())
    }

    /// Sends plain text; `rest` is what was not taken yet. All is sent when this returns without an error.
    ///
    /// # Errors
    /// [`Trouble::WouldBlock`] when the socket takes no more now: call it again.
    pub fn send(&mut self, socket: &TcpStream, rest: &mut &[u8]) -> Result<(), Trouble> {
        loop {
            self.flush(socket)?;
            if rest.is_empty() {
                return Ok(());
            }
            let taken = self.session.writer().write(rest).map_err(|error| Trouble::Failed(lost(error)))?;
            *rest = &rest[taken..];
        }
    }

    /// Takes what came from the socket, nothing at its end; the plain text in it goes to `take`. Gives what `take` said last,
    /// false where there was no plain text, and `None` when the other side has ended.
    ///
    /// # Errors
    /// [`Trouble::Truncated`] when the socket has ended and TLS has not: then something may be missing.
    pub fn take(&mut self, socket: &TcpStream, mut bytes: &[u8], take: &mut Take<'_>) -> Result<Option<bool>, Trouble> {
        let mut complete = false;
        loop {
            // Fails only when plain text was left, and none is.
            self.session.read_tls(&mut bytes).map_err(|error| Trouble::Failed(lost(error)))?;
            let processed = self.session.process_new_packets();
            // An answer to what came, or the alert that says why this side gives up. What the socket does not take now goes
            // with the next request.
            let _ = self.flush(socket);
            processed.map_err(|error| Trouble::Failed(failed(error)))?;
            loop {
                let mut reader = self.session.reader();
                match reader.fill_buf() {
                    Ok([]) => {
                        self.ended = true;
                        return Ok(complete.then_some(true));
                    }
                    Ok(text) => {
                        let count = text.len();
                        complete = take(text)?;
                        reader.consume(count);
                    }
                    Err(error) if error.kind() == Io::WouldBlock => break,
                    Err(_) => {
                        self.ended = true;
                        return if complete { Ok(Some(true)) } else { Err(Trouble::Truncated) };
                    }
                }
            }
            if bytes.is_empty() {
                return Ok(Some(complete));
            }
        }
    }

    /// Says goodbye, as far as the socket takes it.
    pub fn close(&mut self, socket: &TcpStream) {
        self.session.send_close_notify();
        let _ = self.flush(socket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> TlsSettings {
        TlsSettings { insecure: true, ..TlsSettings::default() }
    }

    #[test]
    fn names_that_certificates_can_have() {
        let client = TlsClient::new(&settings()).unwrap();
        for host in ["a", "a.example", "127.0.0.1", "::1", "a_b.c-d"] {
            client.server(host).unwrap();
        }
        assert!(client.server("a..b").is_err());
    }

    #[test]
    fn users_share_a_configuration_unless_they_resume() {
        for resumption in [false, true] {
            let client = TlsClient::new(&TlsSettings { resumption, ..settings() }).unwrap();
            let server = client.server("a").unwrap();
            assert_eq!(Arc::ptr_eq(&server.user().0, &server.user().0), !resumption);
        }
    }
}
