//! Peers for the tests of HTTPS: certificates made on the spot, a server that ends TLS before a node, and such that do TLS wrong.
#![allow(dead_code)] // each test binary uses its part
#![allow(clippy::unwrap_used)] // a panic is the failure of the test

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};
use tempfile::TempDir;

/// When a certificate is good.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Good {
    Then,
    Now,
    Later,
}

/// Who signs certificates, and its own in a file.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
    file: String,
}

/// A certificate with its key.
pub struct ServerCertificate {
    certificate: CertificateDer<'static>,
    key: KeyPair,
    pem: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authority.pem");
        std::fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, folder, file: file.to_str().unwrap().to_owned() }
    }

    /// The file that `--cacert` takes.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Signs a certificate for a server of these names.
    pub fn server(&self, names: &[&str], good: Good) -> ServerCertificate {
        let key = KeyPair::generate().unwrap();
        let certificate = params(names, good).signed_by(&key, &self.issuer).unwrap();
        ServerCertificate { certificate: certificate.der().clone(), pem: certificate.pem(), key }
    }
}

/// A certificate that nobody vouches for.
pub fn self_signed(name: &str) -> ServerCertificate {
    let key = KeyPair::generate().unwrap();
    let certificate = params(&[name], Good::Now).self_signed(&key).unwrap();
    ServerCertificate { certificate: certificate.der().clone(), pem: certificate.pem(), key }
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn params(names: &[&str], good: Good) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name = named("a server");
    let (from, to) = match good {
        Good::Then => (2001, 2002),
        Good::Now => (2001, 2100),
        Good::Later => (2100, 2101),
    };
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    params
}

impl ServerCertificate {
    fn config(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let config = builder.with_no_client_auth().with_single_cert(vec![self.certificate.clone()], key);
        Arc::new(config.unwrap())
    }
}

/// What a peer says to a ClientHello, in bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Http,
    ProtocolVersionAlert,
    OldHello,
    CutHello,
    Close,
    Reset,
    Silence,
}

/// Something at a port of this machine. Its threads end with the test's process.
pub struct Peer {
    pub port: u16,
    child: Option<Child>,
    _folder: Option<TempDir>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Peer {
    fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = Arc::new(serve);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { port, child: None, _folder: None }
    }

    /// Ends TLS, and passes on what is inside to the node at `address` and back.
    pub fn before(address: &str, server: &ServerCertificate, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let (config, address) = (server.config(versions), address.to_owned());
        Self::start(move |client| {
            let Ok(node) = TcpStream::connect(&address) else { return };
            for stream in [&client, &node] {
                stream.set_nodelay(true).unwrap();
            }
            let tls = Arc::new(Mutex::new(server_side(&config)));
            let (client, node) = (Arc::new(client), Arc::new(node));
            let back = {
                let (tls, client, node) = (Arc::clone(&tls), Arc::clone(&client), Arc::clone(&node));
                std::thread::spawn(move || encrypt(&tls, &node, &client))
            };
            decrypt(&tls, &client, &node);
            let _ = node.shutdown(Shutdown::Both);
            let _ = back.join();
        })
    }

    /// Gives each request this answer in TLS, and closes the connection, with or without the end that TLS has.
    pub fn answering(server: &ServerCertificate, answer: &'static [u8], goodbye: bool) -> Self {
        let config = server.config(rustls::ALL_VERSIONS);
        Self::start(move |mut client| {
            let mut tls = server_side(&config);
            let mut stream = rustls::Stream::new(&mut tls, &mut client);
            if matches!(stream.read(&mut [0; 4096]), Ok(count) if count > 0) {
                let _ = stream.write_all(answer);
                if goodbye {
                    tls.send_close_notify();
                }
                let _ = flush(&mut tls, &client);
            }
        })
    }

    /// Answers as TLS asks for, but one byte a second.
    pub fn slow(server: &ServerCertificate) -> Self {
        let config = server.config(rustls::ALL_VERSIONS);
        Self::start(move |mut client| {
            let mut tls = server_side(&config);
            let mut answer = Vec::new();
            while !tls.wants_write() && matches!(tls.read_tls(&mut client), Ok(count) if count > 0) {
                tls.process_new_packets().unwrap();
            }
            while tls.wants_write() {
                tls.write_tls(&mut answer).unwrap();
            }
            for byte in answer {
                if client.write_all(&[byte]).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_secs(1));
            }
        })
    }

    /// Answers the first message with these bytes.
    pub fn wire(wire: Wire) -> Self {
        Self::start(move |mut client| {
            if !matches!(client.read(&mut [0; 4096]), Ok(count) if count > 0) {
                return;
            }
            let _ = match wire {
                Wire::Http => {
                    client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                }
                // RFC 8446, section 6: a fatal alert, number 70.
                Wire::ProtocolVersionAlert => client.write_all(&[21, 3, 1, 0, 2, 2, 70]),
                Wire::OldHello => client.write_all(&old_hello()),
                Wire::CutHello => client.write_all(&old_hello()[..20]),
                Wire::Close => Ok(()),
                Wire::Reset => socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)),
                Wire::Silence => client.read_to_end(&mut Vec::new()).map(drop),
            };
        })
    }

    /// OpenSSL's server, with further arguments; `None` where there is no openssl.
    pub fn openssl(server: &ServerCertificate, arguments: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.pem");
        std::fs::write(&file, server.pem.clone() + &server.key.serialize_pem()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut openssl = Command::new("openssl");
        openssl.env("OPENSSL_CONF", "/dev/null").args(["s_server", "-quiet", "-www", "-accept", &port.to_string()]);
        openssl.arg("-cert").arg(&file).args(arguments);
        let child = openssl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let peer = Self { port, child: Some(child), _folder: Some(folder) };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "openssl s_server takes no connections");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(peer)
    }
}

fn server_side(config: &Arc<ServerConfig>) -> ServerConnection {
    let mut tls = ServerConnection::new(Arc::clone(config)).unwrap();
    tls.set_buffer_limit(None);
    tls
}

/// A ServerHello of TLS 1.1 (RFC 4346, section 7.4.1.3).
fn old_hello() -> Vec<u8> {
    let mut hello = vec![2, 0, 0, 38, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x13, 0]);
    let mut record = vec![22, 3, 2, 0, hello.len() as u8];
    record.extend(hello);
    record
}

fn flush(tls: &mut ServerConnection, mut client: &TcpStream) -> std::io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(&mut client)?;
    }
    Ok(())
}

fn decrypt(tls: &Mutex<ServerConnection>, mut client: &TcpStream, mut node: &TcpStream) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = client.read(&mut piece) {
        let mut bytes = &piece[..count];
        let mut text = Vec::new();
        let mut tls = tls.lock().unwrap();
        while !bytes.is_empty() {
            let _ = tls.read_tls(&mut bytes);
            let processed = tls.process_new_packets();
            let _ = flush(&mut tls, client);
            if processed.is_err() {
                return;
            }
            let _ = tls.reader().read_to_end(&mut text);
        }
        drop(tls);
        if node.write_all(&text).is_err() {
            return;
        }
    }
}

fn encrypt(tls: &Mutex<ServerConnection>, mut node: &TcpStream, client: &TcpStream) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = node.read(&mut piece) {
        let mut tls = tls.lock().unwrap();
        tls.writer().write_all(&piece[..count]).unwrap();
        if flush(&mut tls, client).is_err() {
            return;
        }
    }
    let mut tls = tls.lock().unwrap();
    tls.send_close_notify();
    let _ = flush(&mut tls, client);
    let _ = client.shutdown(Shutdown::Write);
}
