//! The raw-speed reference: `may_minihttp` as published, with the same service behind it.
//!
//! For trusted clients only. It keeps few promises of HTTP/1.1 (16 header fields at most, no limits, no drain,
//! HEAD answered with a body), takes only header lines that live for ever, and does not show its sockets: its
//! answers carry no `Server-Timing`, and a client that has gone is not noticed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use may_minihttp::{HttpServer, HttpService};

use super::connection::body_too_large;
use super::peer::Peer;
use super::problem::Problem;
use super::request::{Method, Request};
use super::response::{Body, reason};
use super::service::{Reply, Service};
use crate::lock::lock;

/// Serves `service` on `address`; gives the bound address. Cannot be drained: it ends with the process.
pub fn start<S: Service>(address: SocketAddr, service: S, fixed: &[(&str, &str)]) -> io::Result<SocketAddr> {
    // The engine binds by itself, and shares its port with whoever asks. So: see that the port is free, then
    // hold it by a socket that does not listen while the engine binds beside it.
    drop(std::net::TcpListener::bind(address)?);
    let hold = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    hold.set_reuse_address(true)?;
    hold.set_reuse_port(true)?;
    hold.bind(&address.into())?;
    let bound = hold.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let fixed = fixed.iter().map(|(name, value)| leak(format!("{name}: {value}"))).collect();
    HttpServer(MinihttpEngine { service: Arc::new(service), fixed, lines: Arc::default() }).start(bound)?;
    Ok(bound)
}

fn leak(line: String) -> &'static str {
    Box::leak(line.into_boxed_str())
}

struct MinihttpEngine<S> {
    service: Arc<S>,
    fixed: Arc<[&'static str]>,
    /// Header lines made so far; as many as there are pairs of fixed names and values.
    lines: Arc<Mutex<HashMap<(&'static str, &'static str), &'static str>>>,
}

impl<S> Clone for MinihttpEngine<S> {
    fn clone(&self) -> Self {
        MinihttpEngine { service: self.service.clone(), fixed: self.fixed.clone(), lines: self.lines.clone() }
    }
}

impl<S: Service> HttpService for MinihttpEngine<S> {
    fn call(&mut self, request: may_minihttp::Request, answer: &mut may_minihttp::Response) -> io::Result<()> {
        let peer = Peer::unknown(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        let (path, query) = request.path().split_once('?').unwrap_or((request.path(), ""));
        let reply = match Method::parse(request.method()) {
            Some(method) => {
                let headers = request.headers();
                self.service.call(&Request { method, path, query, headers, peer: peer.address })
            }
            None => Reply::Now(Problem::new(501, "this server does not know that request method").into()),
        };
        let response = match reply {
            Reply::Now(response) => response,
            Reply::Later(work) => work(&peer),
            Reply::WithBody { limit, work } => match body(request, limit)? {
                Some(content) => work(content, &peer),
                None => body_too_large(limit).into(),
            },
        };
        answer.status_code(usize::from(response.status), reason(response.status));
        for line in self.fixed.iter() {
            answer.header(line);
        }
        if !response.content_type.is_empty() {
            answer.header(self.line("Content-Type", response.content_type));
        }
        for (name, value) in &response.headers {
            if let Cow::Borrowed(value) = value {
                answer.header(self.line(name, value));
            }
        }
        match response.body {
            Body::Bytes(bytes) => answer.body_vec(bytes),
            Body::Static(bytes) => answer.body_mut().extend_from_slice(bytes),
            Body::Shared(bytes) => answer.body_mut().extend_from_slice(&bytes),
            Body::Filler(length) => answer.body_vec(vec![b'x'; length as usize]),
        }
        Ok(())
    }
}

/// The body of a request; `None` when it is longer than `limit` bytes.
fn body(request: may_minihttp::Request, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    request.body().take(limit.saturating_add(1)).read_to_end(&mut content)?;
    Ok(Some(content).filter(|content| content.len() as u64 <= limit))
}

impl<S> MinihttpEngine<S> {
    fn line(&self, name: &'static str, value: &'static str) -> &'static str {
        let mut lines = lock(&self.lines);
        lines.entry((name, value)).or_insert_with(|| leak(format!("{name}: {value}")))
    }
}
