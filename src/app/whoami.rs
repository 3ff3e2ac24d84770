//! `GET /whoami`: which node answered, and what it saw of the request.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use serde_json::json;

use crate::http::{Body, Problem, Reply, Request, Response};
use crate::secret::is_secret;

use super::Inner;
use super::format::Format;
use super::json::{put_bytes, put_text};

/// An address or a block of addresses (`10.0.0.0/8`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Network, String> {
        let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        net.map(Network)
            .ok_or_else(|| format!("'{text}' is not an address or block; write for instance 127.0.0.1 or 10.0.0.0/8"))
    }
}

impl Network {
    /// Whether an address lies in the block; an IPv4 address mapped into IPv6 counts as the former.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// What does not change from one answer to the next, as the start of a JSON object.
pub(super) struct FixedFields {
    start: String,
}

impl FixedFields {
    pub fn new(node: &str, addresses: Vec<IpAddr>) -> FixedFields {
        let hostname = sysinfo::System::host_name().ok();
        let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
        let start = format!(
            "{{\"node\":{},\"hostname\":{},\"pid\":{},\"addresses\":{}",
            json!(node),
            json!(hostname),
            std::process::id(),
            json!(addresses)
        );
        FixedFields { start }
    }
}

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    if format == Format::Text {
        return Ok(Reply::Now(Response::text(&app.config.node)));
    }
    let client = client(app, request);
    let scheme = scheme(app, request);

    let mut body = Vec::with_capacity(1024);
    body.extend_from_slice(app.whoami.start.as_bytes());
    body.extend_from_slice(b",\"peer\":\"");
    let address = put_socket(&mut body, request.peer);
    body.extend_from_slice(b"\",\"client\":\"");
    if client == request.peer.ip() {
        body.extend_from_within(address);
    } else {
        put_address(&mut body, client);
    }
    body.extend_from_slice(b"\",\"scheme\":");
    match scheme {
        Some(scheme) => put_text(&mut body, scheme),
        None => body.extend_from_slice(b"\"http\""),
    }
    body.extend_from_slice(b",\"headers\":{");
    for (index, field) in request.headers.iter().enumerate() {
        let same = |other: &httparse::Header<'_>| other.name.eq_ignore_ascii_case(field.name);
        // A name that comes again was written with all its values the first time.
        if request.headers[..index].iter().any(same) {
            continue;
        }
        if index > 0 {
            body.push(b',');
        }
        // A field name is a token: nothing in it needs escaping.
        body.push(b'"');
        body.extend_from_slice(field.name.as_bytes());
        body.extend_from_slice(b"\":");
        if is_secret(field.name) {
            put_text(&mut body, "(hidden)");
        } else if request.headers[index + 1..].iter().any(same) {
            put_text(&mut body, &joined_values(request, field.name));
        } else {
            put_bytes(&mut body, field.value);
        }
    }
    body.extend_from_slice(b"}}\n");
    Ok(Reply::Now(Response::new(200, "application/json", Body::Bytes(body))))
}

/// Whether the other end of the connection is a proxy whose word counts.
fn believes(app: &Inner, request: &Request<'_>) -> bool {
    app.config.trusted_proxies.iter().any(|network| network.contains(request.peer.ip()))
}

/// Who sent the request: the other end of the connection, or whom a trusted proxy names.
pub(super) fn client(app: &Inner, request: &Request<'_>) -> IpAddr {
    if believes(app, request) { forwarded_client(request, &app.config.trusted_proxies) } else { request.peer.ip() }
}

/// The scheme that a trusted proxy names.
fn scheme<'a>(app: &Inner, request: &Request<'a>) -> Option<&'a str> {
    believes(app, request).then(|| request.header("x-forwarded-proto")).flatten()
}

/// Whether the client came by https, as a trusted proxy says.
pub(super) fn came_by_https(app: &Inner, request: &Request<'_>) -> bool {
    scheme(app, request).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

// Addresses go into every answer; the formatting machinery costs several times what their digits do.
fn put_address(body: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for octet in address.octets() {
                if octet >= 100 {
                    body.push(b'0' + octet / 100);
                }
                if octet >= 10 {
                    body.push(b'0' + octet / 10 % 10);
                }
                body.extend_from_slice(&[b'0' + octet % 10, b'.']);
            }
            body.pop();
        }
        IpAddr::V6(address) => body.extend_from_slice(address.to_string().as_bytes()),
    }
}

/// Appends address and port; where the address alone lies.
fn put_socket(body: &mut Vec<u8>, socket: SocketAddr) -> Range<usize> {
    if socket.is_ipv6() {
        body.push(b'[');
    }
    let start = body.len();
    put_address(body, socket.ip());
    let address = start..body.len();
    if socket.is_ipv6() {
        body.push(b']');
    }
    body.push(b':');
    body.extend_from_slice(itoa::Buffer::new().format(socket.port()).as_bytes());
    address
}

/// All values of a field, joined as RFC 9110, section 5.3 does.
fn joined_values(request: &Request<'_>, name: &str) -> String {
    let values = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    values.map(|field| String::from_utf8_lossy(field.value)).collect::<Vec<_>>().join(", ")
}

/// The first address from the right of `X-Forwarded-For` that is not one of our proxies: what stands left of it
/// was written by the client and proves nothing.
fn forwarded_client(request: &Request<'_>, trusted: &[Network]) -> IpAddr {
    let mut client = request.peer.ip();
    let fields = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case("x-forwarded-for"));
    let chain = fields.filter_map(|field| std::str::from_utf8(field.value).ok()).collect::<Vec<_>>().join(",");
    for hop in chain.rsplit(',').map(str::trim) {
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        client = address;
        if !trusted.iter().any(|network| network.contains(address)) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;

    fn client(chain: &[&str], peer: &str) -> String {
        let headers: Vec<_> =
            chain.iter().map(|value| httparse::Header { name: "X-Forwarded-For", value: value.as_bytes() }).collect();
        let peer = peer.parse().unwrap();
        let request = Request { method: Method::Get, path: "/whoami", query: "", headers: &headers, peer };
        let trusted = ["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        forwarded_client(&request, &trusted).to_string()
    }

    #[test]
    fn the_client_is_the_first_stranger_from_the_right() {
        for (chain, expected) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
            (&["203.0.113.7, 10.1.2.3"], "203.0.113.7"),
            (&["1.1.1.1", "203.0.113.7", "10.1.2.3"], "203.0.113.7"),
            (&["nonsense, 10.1.2.3"], "10.1.2.3"),
            (&["nonsense"], "127.0.0.1"),
            (&[], "127.0.0.1"),
        ] {
            assert_eq!(client(chain, "127.0.0.1:4000"), expected, "{chain:?}");
        }
    }

    #[test]
    fn addresses_are_written_as_they_are_read() {
        for text in ["0.0.0.0", "9.10.99.100", "255.254.200.1", "::1", "fe80::1"] {
            let mut body = Vec::new();
            put_address(&mut body, text.parse().unwrap());
            assert_eq!(String::from_utf8(body).unwrap(), text);
        }
    }

    #[test]
    fn networks() {
        let network: Network = "10.0.0.0/8".parse().unwrap();
        assert!(
            network.contains("10.255.0.1".parse().unwrap()) && network.contains("::ffff:10.0.0.1".parse().unwrap())
        );
        assert!(!network.contains("11.0.0.1".parse().unwrap()));
        assert!("10.0.0.0/33".parse::<Network>().is_err() && "localhost".parse::<Network>().is_err());
    }
}
